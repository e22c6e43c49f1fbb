"""Pictures in a row -> a video file, by FFmpeg's libraries in PyAV (the extra `video`).

H.264 in .mp4 and .mkv, or MPEG-4 part 2 where the FFmpeg at hand has no H.264; VP9 in .webm.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from alebrije.core import files
from alebrije.core.image import to_uint8
from alebrije.errors import ConfigError, MissingExtraError, OutputError

# suffix -> encoders in the order of preference, with their settings.
_H264 = {"crf": "18", "preset": "medium"}
_MPEG = [("libx264", _H264), ("libopenh264", {"b": "4000000"}), ("mpeg4", {"qscale": "3", "flags": "+qscale"})]
_VP9 = [("libvpx-vp9", {"crf": "24", "b": "0", "row-mt": "1"})]  # VP8 could not say which colours it means
ENCODERS: dict[str, list[tuple[str, dict[str, str]]]] = {".mp4": _MPEG, ".mkv": _MPEG, ".webm": _VP9}
MAX_SIDE = 4096  # pixels: what most players take
BT709 = 1  # the number of ITU-R BT.709 in the lists of colour spaces, primaries and transfer curves of ITU-T H.273


def save_video(frames: Iterable[Tensor], path: Path | str, *, fps: float, force: bool = False) -> Path:
    """Write frames [1, 3, H, W] in [0, 1], all of one size, as a video; returns the path. Complete or not at all.

    The frames may come one after another. Colours are BT.709, halved in resolution (yuv420p), which every player shows;
    that needs even sides, so an odd one gets its last row or column twice. Raises `ConfigError` for `fps` outside (0, 240],
    `MissingExtraError` without PyAV, `OutputError` for a suffix that is not in `ENCODERS`, frames of different sizes or
    above 4096 pixels a side, none at all, and whatever keeps the file from being written.
    """
    path = Path(path)
    if not 0 < fps <= 240:
        raise ConfigError(f"a video plays up to 240 pictures a second, got fps {fps:g}")
    check_video(path)
    files.check_writable(path, force=force)
    arrays = map(_even, frames)
    first = next(arrays, None)
    if first is None:
        raise OutputError(f"cannot write {path}: a video needs at least one picture")
    if max(first.shape[:2]) > MAX_SIDE:
        raise OutputError(f"cannot write {path}: its pictures have more than {MAX_SIDE} pixels a side")
    with files.atomic(path, force=force) as temporary:
        _encode(chain([first], arrays), first.shape, temporary, path, fps)
    return path


def check_video(path: Path | str) -> None:
    """Raise, before the work, what `save_video` would raise about the suffix and about a package that is missing."""
    path = Path(path)
    if path.suffix.lower() not in ENCODERS:
        raise OutputError(f"cannot write {path}: a video is a file of the kind {', '.join(ENCODERS)}")
    _encoder(path)


def _encoder(path: Path) -> tuple[str, dict[str, str]]:
    """The first encoder for the suffix of `path` that the FFmpeg at hand has."""
    try:
        from av.codec import Codec
        from av.codec.codec import UnknownCodecError
    except ImportError as error:
        raise MissingExtraError("av", "video", "writing videos") from error
    for name, options in ENCODERS[path.suffix.lower()]:
        try:
            Codec(name, "w")
        except UnknownCodecError:
            continue
        return name, options
    raise OutputError(f"cannot write {path}: this PyAV has no encoder for {path.suffix}; use .gif, or pip install -U av")


def _even(frame: Tensor) -> NDArray[np.uint8]:
    pixels = to_uint8(frame)
    height, width = pixels.shape[:2]
    colours = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
    return np.pad(colours, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _encode(arrays: Iterator[NDArray[np.uint8]], shape: tuple[int, ...], temporary: Path, path: Path, fps: float) -> None:
    import av

    name, options = _encoder(path)
    try:
        with av.open(os.fspath(temporary), "w") as container:
            stream: Any = container.add_stream(name, rate=Fraction(fps).limit_denominator(1001), options=options)
            stream.height, stream.width = shape[:2]
            stream.pix_fmt = "yuv420p"
            context = stream.codec_context
            context.colorspace = context.color_primaries = context.color_trc = BT709
            context.color_range = 1  # 16..235, as everywhere in video
            for pixels in arrays:
                if pixels.shape != shape:
                    raise OutputError(f"cannot write {path}: its pictures must be of one size")
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=1)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, error.strerror) from error  # `atomic` says it in words
        raise OutputError(f"cannot write {path}: the encoder {name} does not take it ({error})") from error
