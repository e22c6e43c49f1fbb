"""`alebrije stylize`: repaint a picture in the manner of others."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.pictures import PictureFiles, animation, at_most, paired, record, work_through
from alebrije.cli.shell import Shell
from alebrije.errors import ConfigError
from alebrije.style.config import StylizeConfig

app = new_app()

TIMELAPSE_FRAMES = 40
TIMELAPSE_SIDE = 360  # a GIF of 512 pixels takes 6 MB


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
) -> None:
    """Repaint a picture in the manner of others."""

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        from alebrije.style.run import stylize as run

        files.check(inputs, [target], timelapse)
        pictures = [files.load(path) for path in inputs]
        settings = config.model_copy(update={"frames": TIMELAPSE_FRAMES}) if timelapse else config
        done = shell.run(run(pictures[0], pictures[1:], settings))
        made = record("stylize", config, pictures, done.result.report)
        written = [files.save(done.result.image, target, made)]
        if timelapse and done.result.frames:
            frames = [at_most(frame, TIMELAPSE_SIDE) for frame in done.result.frames]
            written.append(files.save_gif(frames, timelapse, fps=10))
        return {"files": written, **done.result.report}, done.interrupted

    animation(timelapse, "--timelapse")
    jobs = paired([content, *styles], output)
    if jobs is None:
        report, interrupted = make((content, *styles), output)
        lines = [f"{in_words(report)}; {report['seconds']:.0f} s", *(f"saved {path}" for path in report["files"])]
        shell.finish(report, lines, interrupted=interrupted)
    elif timelapse:
        raise ConfigError("--timelapse is for one picture, not for a folder: leave it out")
    else:
        work_through(shell, jobs, make)


def in_words(report: Mapping[str, Any]) -> str:
    """What the report of a stylised picture says, for people."""
    return (
        f"{report['steps']} steps with {report['network']}; "
        f"distance from the style {report['style_distance']:.3g}, from the content {report['content_distance']:.3g}"
    )
