"""Sums over square windows, the arithmetic under every co-occurrence."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def box_sum(maps: Tensor, radius: int, scale: float = 1.0) -> Tensor:
    """`scale` times the sum over the window of 2 `radius` + 1 squared around each position, [B, C, H, W] -> the same.

    Positions outside count as zero. The filter is its own adjoint. Two depthwise convolutions, because these are what runs
    fast on channels_last maps: running sums lose digits on large maps, and average pooling is 8 to 40 times slower.
    """
    if radius == 0:
        return maps if scale == 1 else maps * scale
    channels, size = maps.shape[1], 2 * radius + 1
    down = torch.full((channels, 1, size, 1), scale, dtype=maps.dtype, device=maps.device)
    across = torch.ones(channels, 1, 1, size, dtype=maps.dtype, device=maps.device)
    maps = F.conv2d(maps, down, padding=(radius, 0), groups=channels)
    return F.conv2d(maps, across, padding=(0, radius), groups=channels)


def pairs_inside(height: int, width: int, radius: int) -> int:
    """How many ordered pairs of positions of a height x width map are at most `radius` rows and columns apart, each
    position with itself included."""
    down, across = (size * (2 * r + 1) - r * (r + 1) for size, r in ((n, min(radius, n - 1)) for n in (height, width)))
    return down * across
