"""`alebrije stylize`: repaint a picture in the manner of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.pictures import PictureFiles, animation, at_most, paired, record, work_through
from alebrije.cli.shell import Shell
from alebrije.config import build
from alebrije.errors import ConfigError
from alebrije.style.config import StylizeConfig

if TYPE_CHECKING:
    from alebrije.style.saved import Saved

app = new_app()

TIMELAPSE_FRAMES = 40
TIMELAPSE_SIDE = 360  # a GIF of 512 pixels takes 6 MB
MASK = str(StylizeConfig.model_fields["mask"].description)


@app.command()
@verb(StylizeConfig, pictures=True)
def stylize(
    shell: Shell,
    config: StylizeConfig,
    files: PictureFiles,
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="The picture to repaint, or a folder of pictures.")],
    styles: Annotated[list[Path], typer.Argument(metavar="STYLE", help="The pictures whose manner it takes.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture to write (a folder for a folder).")],
    timelapse: Annotated[
        Path | None, typer.Option("--timelapse", metavar="OUT.gif", help="An animation of the work, 360 pixels at most.")
    ] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", metavar="NAME", help="Settings to start from.")] = None,
    mask: Annotated[
        list[str] | None, typer.Option("--mask", metavar="FILE", help=f"{MASK[0].upper()}{MASK[1:]}.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on where the same command was stopped; of a folder, make what is not there yet.")
    ] = False,
) -> None:
    """Repaint a picture in the manner of others."""
    from alebrije.style.saved import state_file

    if mask:
        config = build(StylizeConfig, config.model_dump(exclude_unset=True) | {"mask": mask})

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        from alebrije.style.run import stylize as run

        if resume and jobs and target.exists() and not state_file(target).exists():
            return {"files": [str(target)]}, False
        saved, writer = _begun(files, target, timelapse, resume=resume, folder=bool(jobs))
        writer.check([*inputs, *map(Path, config.mask)], [target], timelapse)
        saved.check()
        pictures = [files.load(path) for path in inputs]
        settings = config.model_copy(update={"frames": TIMELAPSE_FRAMES}) if timelapse else config
        done = shell.run(run(pictures[0], pictures[1:], settings, saved))
        made = record("stylize", config, pictures, done.result.report)
        written = [writer.save(done.result.image, target, made)]
        if timelapse and done.result.frames:
            frames = [at_most(frame, TIMELAPSE_SIDE) for frame in done.result.frames]
            written.append(writer.save_gif(frames, timelapse, fps=10))
        if not done.interrupted:
            saved.remove()
        elif saved.path.exists():
            saved.remember([Path(path) for path in written])
            shell.warn(f"stopped at step {done.result.report['steps']}: the same command with --resume goes on")
        return {"files": written, **done.result.report}, done.interrupted

    animation(timelapse, "--timelapse")
    jobs = paired([content, *styles], output)
    if jobs is None:
        report, interrupted = make((content, *styles), output)
        lines = [f"{in_words(report)}; {report['seconds']:.0f} s", *(f"saved {path}" for path in report["files"])]
        shell.finish(report, lines, interrupted=interrupted)
    elif timelapse or config.mask:
        raise ConfigError(f"{'--timelapse' if timelapse else '--mask'} is for one picture, not for a folder: leave it out")
    else:
        work_through(shell, jobs, make)


def _begun(
    files: PictureFiles, target: Path, timelapse: Path | None, *, resume: bool, folder: bool
) -> tuple[Saved, PictureFiles]:
    """What an earlier command has left of its work on `target`, and how to write: over what that command wrote itself."""
    from alebrije.style.saved import Saved, state_file

    path = state_file(target)
    if path.exists() and not resume:
        files.shell.warn(f"work on {target} was stopped before: --resume goes on with it, without it begins anew")
    saved = Saved(path, resume and (path.exists() or not folder))
    if resume and saved.owns([target, *([timelapse] if timelapse else [])]):
        files = replace(files, shell=replace(files.shell, force=True))
    return saved, files


def in_words(report: Mapping[str, Any]) -> str:
    """What the report of a stylised picture says, for people."""
    return (
        f"{report['steps']} steps with {report['network']}; "
        f"distance from the style {report['style_distance']:.3g}, from the content {report['content_distance']:.3g}"
    )
