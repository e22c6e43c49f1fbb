"""Video files and animated pictures -> pictures one after another, with the time at which each is shown.

Videos are read by FFmpeg's libraries in PyAV (the extra `video`), animated GIF, WebP and PNG by Pillow.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from alebrije.core.image import resize
from alebrije.core.pictures.arrays import normalize, to_tensor
from alebrije.core.pictures.decode import check_size, open_header, sniff
from alebrije.errors import MissingExtraError, PictureError

SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ogv", ".wmv", ".flv", ".3gp", ".ts", ".mts")
_ANIMATED = ("GIF", "WEBP", "PNG")
_MATROSKA, _FLASH = b"\x1aE\xdf\xa3", b"FLV\x01"
_BT709, _BT601, _UNKNOWN = 1, 5, (0, 2, 3)  # colour spaces in the numbers of ITU-T H.273
_HDR_CURVES = (16, 18)
_ROUNDED = 0.0015  # seconds: Matroska has times in milliseconds
_STILL = 0.1  # seconds that a frame of an animation without a time of its own is shown, as browsers do


class Frame(NamedTuple):
    """One picture of a clip, float32 [1, 3, H, W] in [0, 1], upright, and when it is shown, in seconds from the first."""

    pixels: Tensor
    time: float


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known of a clip before its pictures are decoded. `size` is (width, height), upright and of square pixels;
    `fps` pictures a second on average; `times` when each of its pictures is shown, in seconds from the first, which is
    shown `start` seconds after the file's own zero. `audio`: there is sound."""

    path: Path
    size: tuple[int, int]
    fps: Fraction
    times: tuple[float, ...]
    frames: Callable[[], Iterator[Frame]]
    start: float = 0.0
    audio: bool = False
    notices: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """How many pictures the file says it has."""
        return len(self.times)


def kind_of(path: Path | str) -> str | None:
    """``video``, ``animation`` (a picture file that moves), or None for everything else; by content, then by suffix."""
    path = Path(path)
    with contextlib.suppress(Exception), path.open("rb") as file:  # what cannot be read is told by who reads it
        kind = sniff(file)
        if kind in _ANIMATED:
            return "animation" if getattr(open_header(file, kind), "n_frames", 1) > 1 else None
        head = file.read(12)
        if kind is None and (head.startswith((_MATROSKA, _FLASH)) or head[4:8] == b"ftyp" or head[8:12] == b"AVI "):
            return "video"
        if kind is not None:
            return None
    return "video" if path.suffix.lower() in SUFFIXES and not path.is_dir() else None


def read_video(path: Path | str, *, max_megapixels: float = 100.0) -> Clip:
    """Open a video or an animated picture. Its pictures come from `frames()`, each time from the first on; each is decoded when
    it is asked for, so that a film of any length fits.

    Rotation and the shape of the pixels are applied; colours are those of BT.601 or BT.709 as the file says, else by its size,
    as players guess. Transparency is laid on white. Raises `PictureError` for a file that is missing, damaged, too large or
    without pictures, also later from `frames()` where the damage is; `MissingExtraError` without PyAV.
    """
    path = Path(path)
    if not path.is_file():
        raise PictureError(f"cannot read {path}: {'it is a folder' if path.is_dir() else 'there is no such file'}")
    try:
        clip = _read_animation(path) if kind_of(path) == "animation" else _read_film(path)
        check_size(*clip.size, max_megapixels)
    except PictureError as error:
        raise PictureError(f"cannot read {path}: {error}") from error
    return clip


def rate_of(times: Sequence[float]) -> Fraction:
    """Pictures a second on average; 10 for a single one, which has no rate."""
    if len(times) < 2 or times[-1] <= times[0]:
        return Fraction(10)
    span = times[-1] - times[0]
    rate = (len(times) - 1) / span
    for near in (Fraction(round(rate)), Fraction(1000 * round(1.001 * rate), 1001)):  # 1001: of colour television
        if near and abs(float((len(times) - 1) / near) - span) < _ROUNDED:
            return near
    return Fraction(rate).limit_denominator(1001)


def is_steady(times: Sequence[float], fps: Fraction) -> bool:
    """Whether pictures at these times are shown at a constant rate, no one off by half a picture."""
    return all(abs(time - times[0] - index / fps) < 0.51 / fps for index, time in enumerate(times))


def _read_film(path: Path) -> Clip:
    av = _library()
    try:
        with av.open(os.fspath(path)) as container:
            if not container.streams.video:
                raise PictureError("there is no picture in it, only sound" if container.streams.audio else "it is no video")
            stream = container.streams.video[0]
            audio = bool(container.streams.audio)
            rate, lasts = stream.average_rate, (container.duration or 0) / 1e6
            stamps = [packet.pts * packet.time_base for packet in container.demux(stream) if packet.pts is not None]
        with contextlib.closing(_decoded(path)) as frames:
            first, notices = next(((_upright(*found), _notices(found[0])) for found in frames), (None, ()))
    except av.FFmpegError as error:
        raise PictureError(f"it is no video, or it is damaged ({error.strerror})") from error
    if first is None or not stamps:
        raise PictureError("no picture in it can be decoded")
    height, width = first.shape[-2:]
    start = min(stamps)
    times = tuple(float(stamp - start) for stamp in sorted(stamps))
    fps = rate if rate and is_steady(times, rate) else rate_of(times)
    if lasts - float(start) > times[-1] + max(1.0, 0.1 * lasts):
        notices += (f"it says that it lasts {lasts:.0f} s, and its pictures end after {times[-1]:.0f} s",)
    return Clip(path, (width, height), fps, times, lambda: _film(path, start, times), float(start), audio, notices)


def _film(path: Path, start: Fraction, times: Sequence[float]) -> Iterator[Frame]:
    """All pictures of a video; raises `PictureError` where it is damaged."""
    count = 0
    try:
        for frame, shape in _decoded(path):
            time = times[min(count, len(times) - 1)] if frame.pts is None else float(frame.pts * frame.time_base - start)
            count += 1
            yield Frame(_upright(frame, shape), time)
    except _library().FFmpegError as error:
        raise PictureError(f"{path} is damaged after picture {count} ({error.strerror})") from error
    if count < len(times) - max(2, len(times) // 50):  # some files hold a few that are not meant to be shown
        raise PictureError(f"{path} is damaged: of its {len(times)} pictures only {count} can be decoded")


def _decoded(path: Path) -> Generator[tuple[Any, Fraction], None, None]:
    """Frames of FFmpeg's in the order in which they are shown, with the shape of their pixels."""
    with _library().open(os.fspath(path)) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        shape = stream.sample_aspect_ratio or Fraction(1)
        for frame in container.decode(stream):
            if not frame.is_corrupt:
                yield frame, shape


def _upright(frame: Any, shape: Fraction) -> Tensor:
    """A decoded frame as RGB, turned as its file says, its pixels made square."""
    space, span = frame.colorspace, frame.color_range
    if space in _UNKNOWN:
        space = _BT709 if frame.height > 576 or frame.width > 1024 else _BT601
    if span == 0:
        span = 2 if frame.format.name.startswith("yuvj") else 1
    deep = max(component.bits for component in frame.format.components) > 8
    wanted = {"format": "rgb48le" if deep else "rgb24", "dst_color_range": 2, "interpolation": "BICUBIC"}
    if not frame.format.is_rgb and frame.format.name != "pal8":
        wanted |= {"src_colorspace": space, "src_color_range": span}
    pixels = np.rot90(frame.reformat(**wanted).to_ndarray(), round(frame.rotation / 90))
    image = to_tensor(normalize(np.ascontiguousarray(pixels)))
    if shape == 1:
        return image
    wide = frame.rotation % 180 == 0
    height, width = image.shape[-2:]
    return resize(image, (height, max(1, round(width * shape))) if wide else (max(1, round(height * shape)), width))


def _notices(frame: Any) -> tuple[str, ...]:
    found = []
    if frame.color_trc in _HDR_CURVES:
        found.append("it is an HDR video: its colours are taken as they are, and come out flat")
    if frame.interlaced_frame:
        found.append("it is interlaced: fast motion shows combs")
    return tuple(found)


def _read_animation(path: Path) -> Clip:
    with _opened(path) as image:
        count = getattr(image, "n_frames", 1)
        spans, clear = [], False
        for index in range(count):
            try:
                image.seek(index)
                image.load()  # WebP tells its times no sooner
            except (OSError, EOFError, ValueError, SyntaxError):  # the damage is told when it is come to
                spans += [_STILL] * (count - index)
                break
            spans.append(image.info.get("duration", 0) / 1000 or _STILL)
            clear |= index == 0 and bool(np.asarray(image.convert("RGBA"))[..., 3].min() < 255)
    times = tuple(float(sum(spans[:index])) for index in range(count))
    notices = ("its transparent parts are laid on white",) if clear else ()
    mean = Fraction(count / sum(spans)).limit_denominator(1001)
    fps = rate_of(times) if count > 1 else mean
    return Clip(path, image.size, fps, times, lambda: _animation(path, times), notices=notices)


def _animation(path: Path, times: Sequence[float]) -> Iterator[Frame]:
    with _opened(path) as image:
        for index, time in enumerate(times):
            try:
                image.seek(index)
                yield Frame(_on_white(image), time)
            except (OSError, EOFError, ValueError, SyntaxError) as error:
                raise PictureError(f"{path} is damaged after picture {index} ({error})") from error


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    with path.open("rb") as file:
        kind = sniff(file)
        yield open_header(file, kind or "")


def _on_white(image: Image.Image) -> Tensor:
    samples: NDArray[np.float32] = normalize(np.asarray(image.convert("RGBA")))
    colours, alpha = samples[..., :3], samples[..., 3:]
    return to_tensor(np.ascontiguousarray(colours * alpha + (1 - alpha)))


def _library() -> Any:
    try:
        import av
    except ImportError as error:
        raise MissingExtraError("av", "video", "reading videos") from error
    return av
