"""A pair and its hybrid at the size of the page, fast enough to follow a slider: about 20 ms, half of it on one blur.

A hybrid is a sum of two halves, one for each cut-off. Halves are kept, so that moving one slider blurs one picture.
"""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import resize, scaled_size, to_uint8
from alebrije.data.pairs import Pair, load_pair
from alebrije.errors import PictureError
from alebrije.hybrid.blend import to_sigma

SIDE = 448  # pixels, the longer side of what is shown
QUALITY = 92


class Source(NamedTuple):
    """A pair's files, with the times of their last change: a file that is replaced is read again."""

    first: Path
    second: Path
    changed: tuple[int, int]


def source(first: Path, second: Path) -> Source:
    """Name the files of a pair as they are now. Raises `PictureError` if one is not there."""
    return Source(first, second, (_changed(first), _changed(second)))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise PictureError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error


@lru_cache(maxsize=6)
def pictures(pair: Source) -> dict[str, Tensor]:
    """``first`` and ``second``, each [1, 3, H, W] in [0, 1] with a longer side of 448; raises as `load_pair` does."""
    first, second = load_pair(Pair(0, pair.first, pair.second, None))
    size = scaled_size((first.shape[-2], first.shape[-1]), SIDE)
    return {"first": resize(first, size), "second": resize(second, size)}


def cross(pair: Source, low: str, cycles_low: float, cycles_high: float) -> Tensor:
    """The hybrid [1, 3, H, W] in [0, 1], `hybrid.blend.blend` of the two; `low` (first or second) is seen from afar.

    Cut-offs are in cycles per image width.
    """
    high = "second" if low == "first" else "first"
    return (_blurred(pair, low, cycles_low) + pictures(pair)[high] - _blurred(pair, high, cycles_high)).clamp(0, 1)


@lru_cache(maxsize=16)
def _blurred(pair: Source, name: str, cycles: float) -> Tensor:
    picture = pictures(pair)[name]
    return gaussian_blur(picture, to_sigma(cycles, picture.shape[-1]))


def jpeg(image: Tensor) -> bytes:
    """A picture [1, 3, H, W] as the bytes of a JPEG file, colours at full resolution."""
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(image)).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()
