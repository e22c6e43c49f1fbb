"""Several pictures in one, for figures: [1, 3, H, W] side by side and below each other, with white between them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.pictures.geometry import fit, resize

GAP = 8  # white pixels between two panels
SIDE = 400  # height of panels side by side, in pixels


def high(pixels: Tensor, height: int = SIDE) -> Tensor:
    """The whole picture, `height` pixels high."""
    return resize(pixels, (height, round(pixels.shape[-1] * height / pixels.shape[-2])))


def square(pixels: Tensor, side: int = SIDE) -> Tensor:
    """The middle of the picture, `side` pixels each way."""
    return fit(pixels, (side, side))


def beside(panels: Sequence[Tensor]) -> Tensor:
    """Panels of one height from left to right."""
    return torch.cat([F.pad(panel, (0, GAP), value=1.0) for panel in panels], dim=3)[..., :-GAP]


def below(rows: Sequence[Tensor]) -> Tensor:
    """Panels of one width from top to bottom."""
    return beside([row.mT for row in rows]).mT
