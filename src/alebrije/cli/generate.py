"""`alebrije generate`: new pictures out of a trained network."""

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


@app.command()
@verb(GenerateConfig, pictures=True)
def generate(
    shell: Shell,
    config: GenerateConfig,
    files: PictureFiles,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder, or a model.safetensors.")],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="OUT", help="A picture of all, a folder for each by itself, a film (.gif, .mp4)."),
    ],
    count: Annotated[
        int | None, typer.Option("-n", "--count", metavar="N", help="How many pictures; 25 if not given, 1 for --interpolate.")
    ] = None,
) -> None:
    """Draw new pictures with a trained network."""
    from alebrije import steps

    film = output.suffix.lower() in FILM_SUFFIXES
    if film and not (config.interpolate or config.walk):
        raise ConfigError(f"{output.name} is a film: say which, --interpolate K (through K latents) or --walk")
    if not film and (config.interpolate or config.walk):
        raise ConfigError("--interpolate and --walk make films: name the file .gif, or .mp4 with the extra video")
    if count is not None:
        config = build(GenerateConfig, config.model_dump(exclude_unset=True) | {"count": count})
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
