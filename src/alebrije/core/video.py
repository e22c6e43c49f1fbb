"""Pictures in a row -> a video file, by FFmpeg's libraries in PyAV (the extra `video`).

H.264 in .mp4 and .mkv, or MPEG-4 part 2 where the FFmpeg at hand has no H.264; VP9 in .webm.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

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
# suffix -> the sounds that fit into it; none named: all.
SOUNDS: dict[str, tuple[str, ...]] = {
    ".mp4": ("aac", "mp3", "mp3float", "ac3", "eac3", "alac", "opus", "libopus"),
    ".mkv": (),
    ".webm": ("opus", "libopus", "vorbis", "libvorbis"),
}
TICK = Fraction(1, 30000)  # seconds: MPEG-4 counts to 65535 at most; fits 24, 25, 30, 50, 60 and 30/1.001 pictures a second
MAX_SIDE = 4096  # pixels: what most players take
BT709 = 1  # the number of ITU-R BT.709 in the lists of colour spaces, primaries and transfer curves of ITU-T H.273


class Sound(NamedTuple):
    """The sound of another file, from `begin` to `end` seconds by that file's own clock."""

    path: Path
    begin: float
    end: float


def save_video(
    frames: Iterable[Tensor],
    path: Path | str,
    *,
    fps: float,
    times: Sequence[float] | None = None,
    sound: Sound | None = None,
    force: bool = False,
) -> Path:
    """Write frames [1, 3, H, W] in [0, 1], all of one size, as a video; returns the path. Complete or not at all.

    The frames may come one after another. They are shown at a constant rate, or, with `times`, when these say, in seconds from
    the first. `sound` is copied as it is, see `carries`. Colours are BT.709, halved in resolution (yuv420p), which every player
    shows; that needs even sides, so an odd one gets its last row or column twice.

    Raises `ConfigError` for `fps` outside (0, 240], `MissingExtraError` without PyAV, `OutputError` for a
    suffix that is not in `ENCODERS`, frames of different sizes or above 4096 pixels a side, none at all, and whatever keeps the
    file from being written.
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
        _encode(chain([first], arrays), first.shape, temporary, path, fps, times, sound)
    return path


def carries(path: Path | str, source: Path | str) -> bool:
    """Whether a video of the suffix of `path` can hold the sound of `source` as it is. Raises what PyAV does about `source`."""
    import av

    taken = SOUNDS[Path(path).suffix.lower()]
    with av.open(os.fspath(source)) as container:
        return bool(container.streams.audio) and (not taken or container.streams.audio[0].codec_context.name in taken)


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


def _encode(
    arrays: Iterator[NDArray[np.uint8]],
    shape: tuple[int, ...],
    temporary: Path,
    path: Path,
    fps: float,
    times: Sequence[float] | None,
    sound: Sound | None,
) -> None:
    import av

    name, options = _encoder(path)
    try:
        with contextlib.ExitStack() as opened:
            container: Any = opened.enter_context(av.open(os.fspath(temporary), "w"))
            stream = _stream(container, name, options, shape, fps)
            if times is not None:
                stream.codec_context.time_base = TICK
            packets = _sound(sound, container, opened) if sound else iter(())
            waiting = next(packets, None)
            for index, pixels in enumerate(arrays):
                if pixels.shape != shape:
                    raise OutputError(f"cannot write {path}: its pictures must be of one size")
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), "rgb24")
                frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=1)
                if times is not None:
                    frame.pts, frame.time_base = round(times[index] / TICK), TICK
                container.mux(stream.encode(frame))
                while waiting and waiting[0] <= (times[index] if times else index / fps):
                    container.mux(waiting[1])
                    waiting = next(packets, None)
            container.mux(stream.encode())
            for _, packet in chain([waiting] if waiting else [], packets):
                container.mux(packet)
    except av.FFmpegError as error:
        if isinstance(error, OSError) and error.errno:
            raise OSError(error.errno, error.strerror) from error  # `atomic` says it in words
        raise OutputError(f"cannot write {path}: the encoder {name} does not take it ({error})") from error


def _stream(container: Any, name: str, options: dict[str, str], shape: tuple[int, ...], fps: float) -> Any:
    """The stream of pictures in a file that is being written."""
    stream = container.add_stream(name, rate=Fraction(fps).limit_denominator(1001), options=options)
    stream.height, stream.width = shape[:2]
    stream.pix_fmt = "yuv420p"
    context = stream.codec_context
    context.colorspace = context.color_primaries = context.color_trc = BT709
    context.color_range = 1  # 16..235, as everywhere in video
    return stream


def _sound(sound: Sound, container: Any, opened: contextlib.ExitStack) -> Iterator[tuple[float, Any]]:
    """The packets of the sound, each with the second at which it is heard, moved so that it begins with the pictures."""
    import av

    source = opened.enter_context(av.open(os.fspath(sound.path)))
    stream = source.streams.audio[0]
    copy = container.add_stream_from_template(stream)

    def packets() -> Iterator[tuple[float, Any]]:
        for packet in source.demux(stream):
            if packet.dts is None or packet.pts is None or packet.pts * packet.time_base < sound.begin:
                continue
            if packet.pts * packet.time_base >= sound.end:
                return
            late = round(sound.begin / packet.time_base)
            packet.pts, packet.dts = packet.pts - late, packet.dts - late
            packet.stream = copy
            yield float(packet.pts * packet.time_base), packet

    return packets()
