"""`alebrije stylize`: repaint a picture in the manner of others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.folders import Folders
from alebrije.cli.pictures import PictureFiles, animation, at_most, record
from alebrije.cli.shell import Shell
from alebrije.cli.stylize_video import option_help, stylize_clip, video_settings
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
@verb(StylizeConfig, pictures=True, folders=True)
def stylize(
    shell: Shell,
    config: StylizeConfig,
    files: PictureFiles,
    folders: Folders,
    content: Annotated[Path, typer.Argument(metavar="CONTENT", help="The picture or video to repaint, or a folder of pictures.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The picture to write (a folder for a folder).")],
    styles: Annotated[list[Path] | None, typer.Argument(metavar="STYLE", help="The pictures whose manner it takes.")] = None,
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
    temporal_weight: Annotated[float | None, typer.Option(metavar="X", help=option_help("temporal_weight"))] = None,
    later_steps: Annotated[int | None, typer.Option(metavar="N", help=option_help("later_steps"))] = None,
    clip_frames: Annotated[str | None, typer.Option("--frames", metavar="A:B", help=option_help("frames"))] = None,
    fps: Annotated[float | None, typer.Option(metavar="N", help=option_help("fps"))] = None,
) -> None:
    """Repaint a picture in the manner of others."""
    from alebrije.style.saved import state_file

    if mask:
        config = build(StylizeConfig, config.model_dump(exclude_unset=True) | {"mask": mask})

    def make(inputs: tuple[Path, ...], target: Path) -> tuple[dict[str, Any], bool]:
        if resume and folder and target.exists() and not state_file(target).exists():
            return {"files": [str(target)]}, False
        if config.network:
            return _in_one_pass(shell, files, config, inputs, target)
        going_on = resume or (folder and folders.keeping)
        return _by_descent(shell, files, config, inputs, target, timelapse, resume=going_on, folder=folder)

    animation(timelapse, "--timelapse")
    video = video_settings(content, output, timelapse, temporal_weight=temporal_weight, later_steps=later_steps,
                           frames=clip_frames, fps=fps)  # fmt: skip
    if video:
        folders.check_single(content)
        stylize_clip(shell, files, config, video, content, styles or [], output, resume=resume)
        return
    _check(config, styles or [], timelapse)
    given = (content, *(styles or []))
    folder = folders.given(given)
    if folder and (timelapse or config.mask):
        raise ConfigError(f"{'--timelapse' if timelapse else '--mask'} is for one picture, not for a folder: leave it out")
    folders.work(given, output, make, lambda report: [f"{in_words(report)}; {report['seconds']:.0f} s"], resume=resume,
                 unfinished=lambda target: state_file(target).exists())  # fmt: skip


def _check(config: StylizeConfig, styles: list[Path], timelapse: Path | None) -> None:
    """Raise `ConfigError` for a style that is missing, and for what a network, which paints in one pass, cannot do."""
    if not config.network and not styles:
        raise ConfigError("name one or more STYLE pictures after the content, or a network that has learnt one: --network RUN")
    if config.network and timelapse:
        raise ConfigError("--timelapse shows the optimiser at work, and --network paints at once: leave one of the two out")


def _by_descent(
    shell: Shell,
    files: PictureFiles,
    config: StylizeConfig,
    inputs: tuple[Path, ...],
    target: Path,
    timelapse: Path | None,
    *,
    resume: bool,
    folder: bool,
) -> tuple[dict[str, Any], bool]:
    """Paint a picture by going downhill and save it; the report, and whether the user interrupted."""
    from alebrije.style.run import stylize as run

    saved, writer = _begun(files, target, timelapse, resume=resume, folder=folder)
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


def _in_one_pass(
    shell: Shell, files: PictureFiles, config: StylizeConfig, inputs: tuple[Path, ...], target: Path
) -> tuple[dict[str, Any], bool]:
    """Paint a picture with a trained network and save it; the report, and whether the user interrupted."""
    from alebrije.style.feedforward.apply import stylize as paint

    files.check([*inputs, *map(Path, config.mask)], [target])
    pictures = [files.load(path) for path in inputs]
    done = shell.run(paint(pictures[0], pictures[1:], config))
    if done.interrupted:
        return {"files": [], **done.result.report}, True
    lasting = {name: value for name, value in done.result.report.items() if not name.endswith("seconds")}
    written = files.save(done.result.image, target, record("stylize", config, pictures, lasting))
    return {"files": [written], **done.result.report}, False


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
    if "network_seconds" in report:
        return f"painted by {report['network']} in {report['network_seconds']:.2f} s, and all"
    return (
        f"{report['steps']} steps with {report['network']}; "
        f"distance from the style {report['style_distance']:.3g}, from the content {report['content_distance']:.3g}"
    )
