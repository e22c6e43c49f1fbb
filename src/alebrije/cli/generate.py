"""`alebrije generate`: new pictures out of a trained network, and the tools for its latents."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

import alebrije
from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.pictures import VIDEO_SUFFIXES, PictureFiles, animation, made_folder
from alebrije.cli.shell import Shell
from alebrije.config import build
from alebrije.core.generating import PICTURES, GenerateConfig
from alebrije.errors import ConfigError

app = new_app()

FPS = 16
FILM_SUFFIXES = (".gif", *VIDEO_SUFFIXES)
FILE = "FILE.safetensors"


@app.command()
@verb(GenerateConfig, pictures=True)
def generate(
    shell: Shell,
    config: GenerateConfig,
    files: PictureFiles,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a model.safetensors.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="OUT", help="A picture of all, a folder for each by itself, a film (.gif, .mp4)."),
    ] = None,
    count: Annotated[
        int | None, typer.Option("-n", "--count", metavar="N", help="How many pictures; 25 if not given, 1 for --interpolate.")
    ] = None,
    project: Annotated[
        Path | None, typer.Option("--project", metavar="PICTURE", help="Of a GAN: find the latent whose picture is most like it.")
    ] = None,
    start: Annotated[
        Path | None, typer.Option("--from", metavar=FILE, help="Begin at a latent that --project or --directions has left.")
    ] = None,
    sliders: Annotated[
        bool, typer.Option("--sliders", help="Of a GAN: a page in the browser with a slider for each direction and tag.")
    ] = False,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of that page; 0 takes a free one.")] = 0,
) -> None:
    """Draw new pictures with a trained network."""
    own = {"count": count, "start": start and str(start)}
    given = config.model_dump(exclude_unset=True) | {name: value for name, value in own.items() if value is not None}
    config = build(GenerateConfig, given)
    tool = bool(config.mix or config.directions or project)
    if sliders:
        _page(shell, config, run, port, refused=bool(output or config.mix or project or count))
    elif output is None:
        typer.echo("error: say where the pictures go, with -o OUT", err=True)
        raise typer.Exit(2)
    elif tool:
        _tool(shell, config, files, run, output, project)
    else:
        _pictures(shell, config, files, run, output)


def _pictures(shell: Shell, config: GenerateConfig, files: PictureFiles, run: Path, output: Path) -> None:
    """Pictures or a film."""
    from alebrije import steps

    film = output.suffix.lower() in FILM_SUFFIXES
    if film and not (config.interpolate or config.walk):
        raise ConfigError(f"{output.name} is a film: say which, --interpolate K (through K latents) or --walk")
    if not film and (config.interpolate or config.walk):
        raise ConfigError("--interpolate and --walk make films: name the file .gif, or .mp4 with the extra video")
    single = not film and (not output.suffix or output.is_dir())
    targets = [output / f"{place:05d}.png" for place in range(1, 1 + (config.count or PICTURES))] if single else [output]
    with made_folder(output) if single else contextlib.nullcontext():
        files.check([run], [] if film else targets, animation(output, "-o", video=True) if film else None)
        done = shell.run(steps.generate(run, **config.model_dump(exclude_unset=True)))
        made = done.result
        if film:
            save = files.save_gif if output.suffix.lower() == ".gif" else files.save_video
            written = [save(made.frames, output, FPS)]
        else:
            written = _save(made, targets, files, single, _record(config, run, made.report))
    lines = [f"{made.report['count']} pictures by {run}, in {output}"]
    shell.finish({"files": written, **made.report}, lines, interrupted=done.interrupted)


def _tool(shell: Shell, config: GenerateConfig, files: PictureFiles, run: Path, output: Path, picture: Path | None) -> None:
    """A sheet by one of the latent tools, and beside it the file of what was found."""
    from alebrije import steps
    from alebrije.core.files import check_writable
    from alebrije.core.image import load
    from alebrije.core.tensorfiles import write_safetensors

    if output.suffix.lower() in FILM_SUFFIXES or config.interpolate or config.walk or config.count:
        raise ConfigError("--mix, --directions and --project make one sheet each: name it .png, and leave -n and films out")
    beside = output.with_suffix(".safetensors")
    files.check([run, *([picture] if picture else [])], [output])
    if not config.mix:
        check_writable(beside, force=shell.force)
    source = load(picture, max_megapixels=files.max_megapixels, keep_location=files.keep_location) if picture else None
    done = shell.run(steps.generate(run, project=source, **config.model_dump(exclude_unset=True)))
    made, record = done.result, _record(config, run, done.result.report)
    record["inputs"] += [{"name": source.path.name, "sha256": source.sha256}] if source and source.path else []
    written = [files.save(load(made.image), output, record)]
    if made.tensors:
        write_safetensors(beside, made.tensors, made.header)
        written.append(str(beside))
    shell.finish({"files": written, **made.report}, [_told(made.report, written)], interrupted=done.interrupted)


def _told(report: dict[str, Any], written: list[str]) -> str:
    """What a tool found, in a line."""
    where = " and ".join(written)
    if "psnr" in report:
        return f"projected: {report['psnr']:.1f} dB (the start had {report['start_psnr']:.1f}), in {where}"
    if "shares" in report:
        return f"{report['directions']} directions with {100 * sum(report['shares']):.0f} % of the variance, in {where}"
    return f"{report['rows']} x {report['columns']} styles mixed at layer {', '.join(map(str, report['mix_layer']))}, in {where}"


def _page(shell: Shell, config: GenerateConfig, run: Path, port: int, *, refused: bool) -> None:
    """The page with sliders, until Ctrl-C."""
    if refused or config.interpolate or config.walk:
        raise ConfigError("--sliders opens a page, from which pictures are saved: leave out -o, -n, --mix, --project and films")
    from alebrije.studio import sliders

    announce = lambda address: shell.say(f"move the sliders at {address} (Ctrl-C ends it)")  # noqa: E731
    sliders.serve(str(run), config, port=port, open_browser=True, announce=announce, warn=shell.warn)
    shell.finish({"run": str(run), "files": []})


def _save(made: Any, targets: list[Path], files: PictureFiles, single: bool, record: dict[str, Any]) -> list[str]:
    """One file with all pictures, or a file for each; returns the paths."""
    from alebrije.core.image import load

    if not single:
        return [files.save(load(made.image), targets[0], record)]
    return [
        files.save(load(image[None]), path, {**record, "place": place})
        for place, (image, path) in enumerate(zip(made.images, targets, strict=False), 1)
    ]


def _record(config: GenerateConfig, run: Path, report: dict[str, Any]) -> dict[str, Any]:
    """What is written into the pictures about their making."""
    from alebrije.core.files import sha256

    model = run / "model.safetensors" if run.is_dir() else run
    return {
        "verb": "generate",
        "config": config.model_dump(mode="json"),
        "seed": config.seed,
        "version": alebrije.__version__,
        "inputs": [{"name": run.name, "sha256": sha256(model)}],
        "report": report,
    }
