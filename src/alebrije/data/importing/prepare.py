"""One picture of an import: read, rid of its bars, brought to the size."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alebrije.core.image import fit, load, resize, to_gray, to_uint8
from alebrije.data import clean
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.sources import Entry
from alebrije.errors import PictureError

THUMBNAIL = 96  # pixels a side, for the report
EVEN = 16 / 255  # a border pixel may be so far from the border's median
EVEN_SHARE = 0.5
FILLS = {"white": 1.0, "black": 0.0}

Samples = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of an entry: `samples` uint8 [H, W, C], or a `reason` (a key of `reasons.REASONS`) why it is left out.

    `width` and `height` are those of the file. `thumbnail` uint8 [96, W, 3] shows what the packed picture does not: what was
    left out, or the picture before and after its bars were cut away.
    """

    samples: Samples | None = None
    reason: str = ""
    detail: str = ""
    sha256: str = ""
    width: int = 0
    height: int = 0
    cleaned: str = ""
    small: bool = False
    gray: bool = False
    alpha: bool = False
    notices: tuple[str, ...] = ()
    thumbnail: Samples | None = field(default=None, repr=False)


def prepare(entry: Entry, config: ImportConfig) -> Prepared:
    """Read an entry's picture and bring it to the size; nothing is raised for a picture that cannot be used."""
    try:
        picture = load(entry.path)
    except PictureError as error:
        return Prepared(reason="unreadable", detail=str(error))
    pixels = picture.on_white
    height, width = config.shape
    known: dict[str, Any] = {
        "sha256": picture.sha256 or "", "width": picture.width, "height": picture.height, "gray": picture.gray,
        "alpha": picture.alpha is not None, "notices": picture.notices,
    }  # fmt: skip
    cleaned, thumbnail = "", None
    if config.bars != "keep":
        bars = clean.find_bars(to_uint8(pixels))
        if bars.kind in config.bar_kinds:
            before = thumbnail_of(pixels)
            if config.bars == "drop":
                return Prepared(**known, reason="bars", detail=str(bars), thumbnail=before)
            pixels = clean.crop(pixels, bars)
            cleaned, thumbnail = str(bars), np.concatenate([before, thumbnail_of(pixels)], axis=1)
    small = pixels.shape[-2] < height or pixels.shape[-1] < width
    if small and config.smaller == "drop":
        detail = f"{pixels.shape[-1]}x{pixels.shape[-2]} pixels"
        return Prepared(**known, reason="small", detail=detail, thumbnail=thumbnail_of(pixels))
    fitted = _fitted(pixels, config)
    samples = to_uint8(to_gray(fitted) if config.gray else fitted)
    return Prepared(samples, **known, cleaned=cleaned, small=small, thumbnail=thumbnail)


def thumbnail_of(pixels: Tensor) -> Samples:
    """A picture [1, 3, H, W] in the middle of a grey square: uint8 [96, 96, 3]."""
    return to_uint8(fit(pixels, (THUMBNAIL, THUMBNAIL), "pad", fill=0.5))


def _fitted(pixels: Tensor, config: ImportConfig) -> Tensor:
    """[1, 3, height, width] of the size asked for."""
    height, width = config.shape
    if config.fit != "pad":
        return fit(pixels, (height, width), config.fit)
    old_height, old_width = pixels.shape[-2:]
    scale = min(height / old_height, width / old_width)
    inner = min(height, max(1, round(old_height * scale))), min(width, max(1, round(old_width * scale)))
    if inner == (height, width):
        return resize(pixels, inner)
    fill = _edge_color(pixels, along_rows=inner[0] < height) if config.fill == "auto" else pixels.new_tensor(FILLS[config.fill])
    whole = fill.view(1, -1, 1, 1).expand(1, 3, height, width).clone()
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    whole[..., top : top + inner[0], left : left + inner[1]] = resize(pixels, inner)
    return whole


def _edge_color(pixels: Tensor, *, along_rows: bool) -> Tensor:
    """The colour [3] of the two edges that will be continued, if at least half of their pixels have it; else white."""
    edges = pixels if along_rows else pixels.mT
    border = torch.cat([edges[0, :, 0], edges[0, :, -1]], dim=1)
    median = border.median(dim=1).values
    even = ((border - median[:, None]).abs().amax(dim=0) <= EVEN).float().mean()
    return median if float(even) >= EVEN_SHARE else torch.ones_like(median)
