"""What every command that turns pictures into pictures does with files: read, check the target, save."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import alebrije
from alebrije.cli.shell import Shell
from alebrije.errors import ConfigError, OutputError

if TYPE_CHECKING:
    from torch import Tensor

    from alebrije.config import Config
    from alebrije.core.image import Picture
    from alebrije.events import Events

VIDEO_SUFFIXES = (".mp4", ".webm", ".mkv")


@dataclass(frozen=True, slots=True)
class PictureFiles:
    """How this command reads and writes pictures."""

    shell: Shell
    metadata: bool = True
    max_megapixels: float = 100.0
    keep_location: bool = False

    def load(self, path: Path) -> Picture:
        """Read a picture and show what was noticed."""
        from alebrije.core.image import load

        picture = load(path, max_megapixels=self.max_megapixels, keep_location=self.keep_location)
        for notice in picture.notices:
            self.shell.warn(f"{path}: {notice}" if str(path) not in notice else notice)
        return picture

    def check(self, originals: Sequence[Path], pictures: Sequence[Path], animation: Path | None = None) -> None:
        """Raise `OutputError` now if a target could not be written later, would be written twice, or is an original."""
        from alebrije.core.files import check_writable
        from alebrije.core.image import check_output

        wanted = [*pictures, *([animation] if animation else [])]
        for number, target in enumerate(wanted):
            if target.exists() and any(one.exists() and target.samefile(one) for one in originals):
                raise OutputError(f"{target} is one of the originals, which are never overwritten: take another name")
            if target in wanted[:number]:
                raise OutputError(f"{target} would be written twice: give each output a name of its own")
        for target in pictures:
            check_output(target, force=self.shell.force)
        if animation:
            check_writable(animation, force=self.shell.force)

    def save(self, picture: Picture, path: Path, record: Mapping[str, Any]) -> str:
        """Write a picture with the record of how it was made; returns its path as text."""
        from alebrije.core.image import losses, save

        for notice in losses(picture, path):
            self.shell.warn(notice)
        return str(save(picture, path, force=self.shell.force, metadata=record if self.metadata else None))

    def save_gif(self, frames: Sequence[Any], path: Path, fps: float) -> str:
        """Write an animation; returns its path as text."""
        from alebrije.core.image import save_gif

        return str(save_gif(frames, path, fps=fps, force=self.shell.force))

    def save_video(self, frames: Sequence[Any], path: Path, fps: float) -> str:
        """Write a video; returns its path as text."""
        from alebrije.core.video import save_video

        return str(save_video(frames, path, fps=fps, force=self.shell.force))


def animation(target: Path | None, option: str, *, video: bool = False) -> Path | None:
    """Check that the target of an animation is called .gif, or, where a `video` may be written, has its suffix.

    Raises `ConfigError`, and `MissingExtraError` for a video without the package that writes it.
    """
    if target is None or target.suffix.lower() == ".gif":
        return target
    if video and target.suffix.lower() in VIDEO_SUFFIXES:
        from alebrije.core.video import check_video

        check_video(target)
        return target
    kinds = f" or a video ({', '.join(VIDEO_SUFFIXES)})" if video else ""
    raise ConfigError(f"{option} writes an animated GIF{kinds}: name the file {target.with_suffix('.gif')}")


def at_most(pixels: Tensor, side: int) -> Tensor:
    """The picture [1, 3, H, W], made smaller if its longer side has more than `side` pixels."""
    from alebrije.core.image import resize, scaled_size

    height, width = pixels.shape[-2:]
    return resize(pixels, scaled_size((height, width), min(side, max(height, width))))


def record(verb: str, config: Config, inputs: Sequence[Picture], report: Mapping[str, Any]) -> dict[str, Any]:
    """What is written into a picture about its making: verb, full settings, seed, version, name and sha256 of each input,
    and what the verb reported. The time it took is left out: the same seed makes the same file."""
    return {
        "verb": verb,
        "config": config.model_dump(mode="json"),
        "seed": getattr(config, "seed", 0),
        "version": alebrije.__version__,
        "inputs": [{"name": one.path.name if one.path else None, "sha256": one.sha256} for one in inputs],
        "report": {name: value for name, value in report.items() if name != "seconds"},
    }


def restored(
    files: PictureFiles,
    verb: str,
    run: Callable[[Picture], Events],
    config: Config,
    source: Path,
    target: Path,
) -> tuple[dict[str, Any], bool]:
    """Put one picture through `run` and save what comes of it; the report with its `files`, and whether the user interrupted."""
    files.check([source], [target])
    picture = files.load(source)
    done = files.shell.run(run(picture))
    path = files.save(done.result.image, target, record(verb, config, [picture], done.result.report))
    return {"files": [path], **done.result.report}, done.interrupted


@contextlib.contextmanager
def made_folder(folder: Path) -> Iterator[None]:
    """Make a folder and those above it; those that are still empty in the end are removed again."""
    missing = list(itertools.takewhile(lambda one: not one.exists(), (folder, *folder.parents)))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            for one in missing:
                one.rmdir()
