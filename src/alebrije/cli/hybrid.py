"""`alebrije hybrid`: cross two pictures into one, or three."""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import repeating, verb
from alebrije.cli.folders import Folders
from alebrije.cli.pictures import VIDEO_SUFFIXES, PictureFiles, animation, record
from alebrije.cli.shell import Shell
from alebrije.config import build
from alebrije.errors import ConfigError
from alebrije.hybrid.config import HybridConfig

app = new_app()

GIF_FRAMES, GIF_FPS, GIF_SIDE = 40, 12, 480
VIDEO_FRAMES, VIDEO_FPS, VIDEO_SIDE = 96, 24, 720
POINTS = str(HybridConfig.model_fields["points"].description)


@app.command(cls=repeating("--points", lambda word: "," in word and ":" in word))
@verb(HybridConfig, pictures=True, folders=True)
def hybrid(
    shell: Shell,
    config: HybridConfig,
    files: PictureFiles,
    folders: Folders,
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="A picture, or a folder of pictures.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="The other picture, or folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="The picture to write (a folder for folders).")],
    middle: Annotated[
        Path | None, typer.Option("--middle", metavar="THIRD", help="A third picture, seen from between near and far.")
    ] = None,
    points: Annotated[
        list[str] | None,
        typer.Option("--points", metavar="X,Y:X,Y ...", help=f"{POINTS[0].upper()}{POINTS[1:]}.", show_default=False),
    ] = None,
    zoom: Annotated[
        Path | None,
        typer.Option("--zoom", metavar="OUT.gif", help="A GIF or video (.mp4, .webm, .mkv) of walking away and back."),
    ] = None,
) -> None:
    """Cross two pictures: one seen from near, one from afar."""
    if points:
        config = build(HybridConfig, config.model_dump(exclude_unset=True) | {"points": points})
    film = zoom is not None and zoom.suffix.lower() in VIDEO_SUFFIXES

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        from alebrije.core.image import Picture
        from alebrije.hybrid.run import hybridize

        distances = ("near", "middle", "far") if middle else ("near", "far")
        views = [target.with_name(f"{target.stem}-{name}{target.suffix}") for name in distances if config.previews]
        files.check(inputs, [target, *views], zoom)
        pictures = [files.load(path) for path in inputs]
        count, side = (VIDEO_FRAMES, VIDEO_SIDE) if film else (GIF_FRAMES, GIF_SIDE)
        settings = config.model_copy(update={"frames": count, "frame_side": side}) if zoom else config
        done = shell.run(hybridize(pictures[0], pictures[1], settings, *pictures[2:]))
        made = record("hybrid", config, pictures, done.result.report)
        written = [files.save(done.result.image, target, made)]
        for path, view in zip(views, done.result.previews.values(), strict=False):
            written.append(files.save(Picture(view), path, made))
        if zoom and done.result.frames:
            save = files.save_video if film else files.save_gif
            written.append(save(done.result.frames, zoom, VIDEO_FPS if film else GIF_FPS))
        return {"files": written, **done.result.report}, done.interrupted

    animation(zoom, "--zoom", video=True)
    inputs = (first, second, middle) if middle else (first, second)
    if folders.given(inputs) and (zoom or config.points):
        raise ConfigError(f"{'--zoom' if zoom else '--points'} is for one pair, not for folders: leave it out"
                          + ("" if zoom else ", or use --align auto"))  # fmt: skip
    folders.work(inputs, output, make, lambda report: in_words(report, *(path.name for path in inputs)))


def in_words(report: Mapping[str, Any], first: str, second: str, middle: str = "") -> list[str]:
    """What the report of a hybrid of the pictures called `first`, `second` and `middle` says, for people."""
    afar, near = (first, second) if report["low"] == "first" else (second, first)
    lines = [f"from afar {afar}: blurred by {report['sigma_low']:.1f} px ({report['cycles_low']:.1f} cycles per image)"]
    if middle:
        (coarse, fine), (lower, upper) = report["sigma_middle"], report["cycles_middle"]
        lines.append(
            f"from between {middle}: blurred by {fine:.1f} px, without what a blur of {coarse:.1f} px leaves "
            f"({lower:.1f} to {upper:.1f} cycles per image)"
        )
    lines.append(
        f"from near {near}: without what a blur of {report['sigma_high']:.1f} px leaves "
        f"({report['cycles_high']:.1f} cycles per image)"
    )
    for name, key in ((afar, "alignment"), (middle, "alignment_middle")):
        if report.get(key):
            lines.append(f"{name} over {near}: {_moved(report[key])}")
    lines.append(f"score {report['score']:.2f}; {_switches(report)}")
    return lines


def _moved(alignment: Mapping[str, Any]) -> str:
    """How a picture was laid over another."""
    if alignment["scale"] == 1 and alignment["degrees"] == 0 and not any(alignment["shift"]):
        return str(alignment["note"])
    scale, angle = alignment["scale"], alignment["degrees"]
    moved = -complex(*alignment["shift"]) / cmath.rect(scale, math.radians(angle))  # where the picture's middle has come to
    times = f"{1 / scale:.2f} times as large, turned by {-angle:z.1f} degrees"
    return f"{alignment['note']}; {times}, moved by {moved.real:z.0f}, {moved.imag:z.0f} px"


def _switches(report: Mapping[str, Any]) -> str:
    """Where one picture turns into another."""
    distances = report.get("switch_distances", [report["switch_distance"]])
    if None in distances:
        return "no clear switch distance"
    return "one turns into the other at " + " and ".join(f"{distance:.1f} m" for distance in distances)
