"""Short animations as GIF files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from alebrije.core import files
from alebrije.core.pictures.arrays import to_uint8
from alebrije.core.pictures.geometry import fit, scaled_size
from alebrije.errors import ConfigError, OutputError

_COLORS = 256
_LOOKED_AT = 12  # frames that the palette is made from
_LOOKED_AT_SIDE = 96  # pixels, the longer side of each; more costs seconds and gains no colour


def save_gif(frames: Sequence[Tensor], path: Path | str, *, fps: float, force: bool = False) -> Path:
    """Write frames [1, 3, H, W] in [0, 1], all of one size, as an endless GIF; returns the path.

    All frames share one palette of 256 colours, so that still parts do not flicker. GIF counts time in hundredths of a
    second; each frame ends at the nearest hundredth of its true time, so the whole is as long as it should be.
    Raises `ConfigError` for `fps` outside (0, 50] (players slow down anything faster) and `OutputError`.
    """
    path = Path(path)
    if not 0 < fps <= 50:
        raise ConfigError(f"a GIF plays at most 50 pictures a second, got fps {fps:g}")
    if not frames:
        raise OutputError(f"cannot write {path}: an animation needs at least one picture")
    if path.suffix.lower() != ".gif":
        raise OutputError(f"cannot write {path}: an animation is a .gif file")
    if len({frame.shape[-2:] for frame in frames}) > 1 or max(frames[0].shape[-2:]) > 65535:
        raise OutputError(f"cannot write {path}: its pictures must be of one size, at most 65535 pixels a side")
    files.check_writable(path, force=force)
    palette = _palette(frames)
    indexed = [Image.fromarray(_rgb(frame)).quantize(palette=palette) for frame in frames]
    ends = [round(100 * (index + 1) / fps) for index in range(len(frames))]
    durations = [10 * (end - start) for start, end in zip([0, *ends], ends, strict=False)]  # milliseconds
    buffer = io.BytesIO()
    indexed[0].save(
        buffer, "GIF", save_all=True, append_images=indexed[1:], duration=durations, loop=0, disposal=1, optimize=False
    )
    with files.atomic(path, force=force) as temporary:
        temporary.write_bytes(buffer.getvalue())
    return path


def _palette(frames: Sequence[Tensor]) -> Image.Image:
    """The colours that serve all frames best: median-cut boxes, then k-means, on frames from the whole animation."""
    chosen = np.linspace(0, len(frames) - 1, min(len(frames), _LOOKED_AT)).round().astype(int)
    size = scaled_size((frames[0].shape[-2], frames[0].shape[-1]), min(max(frames[0].shape[-2:]), _LOOKED_AT_SIDE))
    sheet = np.concatenate([_rgb(fit(frames[index], size, "stretch")) for index in chosen])
    return Image.fromarray(sheet).quantize(_COLORS, method=Image.Quantize.MEDIANCUT, kmeans=3)


def _rgb(frame: Tensor) -> NDArray[np.uint8]:
    pixels = to_uint8(frame)
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels[..., :3]
