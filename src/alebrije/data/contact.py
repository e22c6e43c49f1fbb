"""Contact sheets: many small pictures in one."""

from __future__ import annotations

import torch
from torch import Tensor

from alebrije.core.image import resize

GAP = 4  # white pixels between two pictures
SIDE = 96  # pixels: the largest height of each


def sheet(pictures: Tensor, columns: int = 12, side: int = SIDE) -> Tensor:
    """Pictures uint8 [N, C, H, W] row by row on white, each at most `side` pixels high: float32 [1, 3, H', W'] in [0, 1].

    Small ones are enlarged by whole numbers, so that their pixels are seen as they are.
    """
    count, _, height, width = pictures.shape
    floats = pictures.expand(-1, 3, -1, -1).float() / 255
    factor = side // height
    if factor > 1:
        floats = floats.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
    elif height > side:
        floats = resize(floats, (side, max(1, round(width * side / height))))
    height, width = floats.shape[-2:]
    columns = min(columns, count)
    rows = -(-count // columns)
    whole = torch.ones(3, rows * (height + GAP) - GAP, columns * (width + GAP) - GAP)
    for number, picture in enumerate(floats):
        top, left = number // columns * (height + GAP), number % columns * (width + GAP)
        whole[:, top : top + height, left : left + width] = picture
    return whole[None]


def spread(count: int, shown: int) -> list[int]:
    """At most `shown` of `count` positions, evenly spread, the first and the last among them."""
    if count <= shown or shown == 1:
        return list(range(min(count, shown)))
    return [round(number * (count - 1) / (shown - 1)) for number in range(shown)]
