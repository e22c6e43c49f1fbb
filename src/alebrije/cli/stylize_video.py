"""The part of `alebrije stylize` that is for videos and animations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alebrije.cli.pictures import VIDEO_SUFFIXES, PictureFiles
from alebrije.cli.shell import Shell
from alebrije.config import build
from alebrije.errors import AlebrijeError, ConfigError
from alebrije.style.config import StylizeConfig
from alebrije.style.film.config import VideoConfig

if TYPE_CHECKING:
    from alebrije.core.video_read import Clip
    from alebrije.style.film.run import VideoResult
    from alebrije.style.film.store import Store

TARGETS = (*VIDEO_SUFFIXES, ".gif")


def is_video(content: Path, output: Path) -> bool:
    """Whether `content` is to be repainted frame by frame: a video always, an animated picture if the output moves as well."""
    from alebrije.core.video_read import kind_of

    kind = kind_of(content)
    return kind == "video" or (kind == "animation" and output.suffix.lower() in TARGETS)


def video_settings(content: Path, output: Path, timelapse: Path | None, **given: Any) -> VideoConfig | None:
    """The settings of a video from its flags, None standing for those that were not given; None for a picture, which may have
    none of them. Raises `ConfigError`."""
    given = {name: value for name, value in given.items() if value is not None}
    if is_video(content, output):
        if timelapse:
            raise ConfigError("--timelapse shows the work on one picture, not on a video: leave it out")
        return build(VideoConfig, given)
    for name in given:
        raise ConfigError(f"--{name.replace('_', '-')} is for videos, and {content} is none: leave it out")
    return None


def option_help(name: str) -> str:
    """What --help says about a setting of videos."""
    text, default = str(VideoConfig.model_fields[name].description), VideoConfig.model_fields[name].default
    return f"{text[0].upper()}{text[1:]}." + (f" [default: {default:g}]" if isinstance(default, float) else "")


def stylize_clip(
    shell: Shell,
    files: PictureFiles,
    config: StylizeConfig,
    video: VideoConfig,
    content: Path,
    styles: Sequence[Path],
    output: Path,
    *,
    resume: bool = False,
) -> None:
    """Repaint the video `content`, write it to `output` and tell the user. Leaves as `Shell.finish` does; raises `AlebrijeError`
    in the end if the video was damaged and only its first part could be made."""
    from alebrije.core.video_read import read_video
    from alebrije.style.film.run import stylize_video
    from alebrije.style.film.store import Store, frames_folder

    if not styles and not config.network:
        raise ConfigError("name one or more STYLE pictures after the video")
    if config.network:
        raise ConfigError("--network paints pictures, not yet videos: leave it out, or give the frames as a folder of pictures")
    store = Store(frames_folder(output))
    _check(files, [content, *styles, *map(Path, config.mask)], output, store, resume=resume)
    clip = read_video(content, max_megapixels=files.max_megapixels)
    if output.suffix.lower() == ".gif" and (video.fps or clip.fps) > 50:
        raise ConfigError(f"a GIF plays at most 50 pictures a second and {content.name} has {float(clip.fps):g}: add --fps 25")
    pictures = [files.load(path) for path in styles]
    done = shell.run(stylize_video(clip, pictures, config, video, store, resume=resume))
    mine = replace(shell, force=True) if resume and store.owns(output) else shell
    written, sound = _write(mine, clip, done.result, output)
    report = {"files": [written], **done.result.report, "sound": sound}
    if done.interrupted:
        store.remember(output)
        shell.warn(f"stopped after {report['frames']} frames: the same command with --resume goes on")
    else:
        store.remove()
    shell.finish(report, [f"{in_words(report)}; {report['seconds']:.0f} s", f"saved {written}"], interrupted=done.interrupted)
    if "damaged" in report:
        raise AlebrijeError(f"{report['damaged']}: {output} ends there")


def _check(files: PictureFiles, originals: Sequence[Path], output: Path, store: Store, *, resume: bool) -> None:
    """Raise now what would keep the result from being written later."""
    from alebrije.core.files import check_writable
    from alebrije.core.video import check_video

    suffix = output.suffix.lower()
    if suffix not in TARGETS:
        raise ConfigError(f"a video becomes a video: give -o a name with one of {', '.join(TARGETS)}")
    files.check(originals, [])
    if output.exists() and any(one.exists() and output.samefile(one) for one in originals):
        raise ConfigError(f"{output} is one of the originals, which are never overwritten: take another name")
    if suffix != ".gif":
        check_video(output)
    check_writable(output, force=files.shell.force or (resume and store.owns(output)))
    if store.folder.exists() and not resume:
        files.shell.warn(f"work on {output} was stopped before: --resume goes on with it, without it begins anew")


def _write(shell: Shell, clip: Clip, result: VideoResult, output: Path) -> tuple[str, bool]:
    """Write the frames as a video or a GIF; its path, and whether it has the clip's sound."""
    from alebrije.core.image import save_gif
    from alebrije.core.video import Sound, carries, save_video

    if output.suffix.lower() == ".gif":
        if clip.audio:
            shell.warn("a GIF has no sound: that of the video is left out")
        if result.times:
            shell.warn(f"{clip.path.name} has no constant rate: the GIF plays at {float(result.fps):.3g} pictures a second")
        return str(save_gif(result.frames, output, fps=float(result.fps), force=shell.force)), False
    sound = Sound(clip.path, *result.span) if clip.audio and carries(output, clip.path) else None
    if clip.audio and sound is None:
        shell.warn(f"{output.suffix} cannot hold the sound as it is, so it is left out; -o {output.with_suffix('.mkv')} keeps it")
    fps = float(result.fps)
    return str(save_video(iter(result.frames), output, fps=fps, times=result.times, sound=sound, force=shell.force)), bool(sound)


def in_words(report: Mapping[str, Any]) -> str:
    """What the report of a stylised video says, for people."""
    flicker = ""
    if report["flicker"] is not None:
        flicker = f"; change beside motion {report['flicker']:.3g} a frame, of the clip itself {report['flicker_content']:.3g}"
    scenes = f" in {len(report['scenes'])} scenes" if len(report["scenes"]) > 1 else ""
    return f"{report['frames']} frames{scenes}, {report['steps']} steps with {report['network']}{flicker}"
