"""`alebrije hybrid`: cross two pictures into one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.pictures import PictureFiles, animation, paired, record, work_through
from alebrije.cli.shell import Shell
from alebrije.errors import ConfigError
from alebrije.hybrid.config import HybridConfig

app = new_app()

WALK_FRAMES = 40


@app.command()
@verb(HybridConfig, pictures=True)
def hybrid(
    shell: Shell,
    config: HybridConfig,
    files: PictureFiles,
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="A picture, or a folder of pictures.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="The other picture, or folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The picture to write (a folder for folders).")],
    zoom: Annotated[Path | None, typer.Option("--zoom", metavar="OUT.gif", help="An animation of walking away and back.")] = None,
) -> None:
    """Cross two pictures: one seen from near, one from afar."""

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        from alebrije.core.image import Picture
        from alebrije.hybrid.run import hybridize

        views = [target.with_name(f"{target.stem}-{name}{target.suffix}") for name in ("near", "far") if config.previews]
        files.check(inputs, [target, *views], zoom)
        pictures = [files.load(path) for path in inputs]
        settings = config.model_copy(update={"frames": WALK_FRAMES}) if zoom else config
        done = shell.run(hybridize(pictures[0], pictures[1], settings))
        made = record("hybrid", config, pictures, done.result.report)
        written = [files.save(done.result.image, target, made)]
        for path, view in zip(views, done.result.previews.values(), strict=False):
            written.append(files.save(Picture(view), path, made))
        if zoom and done.result.frames:
            written.append(files.save_gif(done.result.frames, zoom, fps=12))
        return {"files": written, **done.result.report}, done.interrupted

    animation(zoom, "--zoom")
    jobs = paired([first, second], output)
    if jobs is None:
        report, interrupted = make((first, second), output)
        lines = [*in_words(report, first.name, second.name), *(f"saved {path}" for path in report["files"])]
        shell.finish(report, lines, interrupted=interrupted)
    elif zoom:
        raise ConfigError("--zoom is for one pair, not for folders: leave it out")
    else:
        work_through(shell, jobs, make)


def in_words(report: Mapping[str, Any], first: str, second: str) -> list[str]:
    """What the report of a hybrid of the pictures called `first` and `second` says, for people."""
    afar, near = (first, second) if report["low"] == "first" else (second, first)
    switch = report["switch_distance"]
    return [
        f"from afar {afar}: blurred by {report['sigma_low']:.1f} px ({report['cycles_low']:.1f} cycles per image)",
        f"from near {near}: without what a blur of {report['sigma_high']:.1f} px leaves "
        f"({report['cycles_high']:.1f} cycles per image)",
        f"score {report['score']:.2f}; "
        + (f"one turns into the other at {switch:.1f} m" if switch else "no clear switch distance"),
    ]
