"""Pictures about a hybrid: what an eye resolves of it from a distance, and the walk away from it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import resize
from alebrije.hybrid.blend import to_sigma
from alebrije.hybrid.observer import degrees, sensitivity

VIEW_SIDE = 1024  # pixels, the longer side of a view at most
CANVAS_SIDE = 480  # pixels, the longer side of an animation at most
FINEST = 60.0  # cycles per degree: nobody sees finer stripes
GRAY = 0.5  # what lies around the shrinking picture


def view(image: Tensor, width: float, distance: float, reader: float) -> Tensor:
    """What an eye at `distance` sees of a picture [1, 3, H, W] shown `width` wide, drawn for an eye at `reader`.

    All distances in metres. The reader's own eye filters the view once more, so what has to be drawn is the ratio of
    the two contrast sensitivities; a Gaussian stands for it that is 1/2 where the ratio has fallen to half of its peak.
    Returns [1, 3, h, w] of at most 1024 pixels a side.
    """
    small = _at_most(image, VIEW_SIDE)
    return gaussian_blur(small, to_sigma(_visible_cycles(width, distance, reader), small.shape[-1])).clamp(0, 1)


def _visible_cycles(width: float, distance: float, reader: float) -> float:
    """The highest frequency, in cycles per image width, at which an eye at `distance` keeps half of its best ratio."""
    angle, own_angle = degrees(torch.tensor([distance, reader], dtype=torch.float64) / width)
    cycles = torch.logspace(-6, math.log10(FINEST * float(own_angle)), 10001, dtype=torch.float64)
    ratio = sensitivity(cycles / angle) / sensitivity(cycles / own_angle)
    return float(cycles[ratio >= ratio.max() / 2].max())


def walk_away(image: Tensor, times: float, count: int, side: int = CANVAS_SIDE) -> tuple[Tensor, ...]:
    """Frames of a walk to `times` the distance and back, `count` in all: [1, 3, H, W] shrinks on grey.

    They have `side` pixels at most. Those of the way back are those of the way there, not copies.
    """
    canvas = _at_most(image, side)
    height, width = canvas.shape[-2:]
    frames: list[Tensor] = []
    for index in range(count):
        if 2 * index > count:
            frames.append(frames[count - index])
            continue
        step = 0.5 - 0.5 * math.cos(2 * math.pi * index / count)
        scale = times**-step
        size = max(1, round(height * scale)), max(1, round(width * scale))
        top, left = (height - size[0]) // 2, (width - size[1]) // 2
        frame = torch.full_like(canvas, GRAY)
        frame[..., top : top + size[0], left : left + size[1]] = resize(canvas, size)
        frames.append(frame)
    return tuple(frames)


def _at_most(image: Tensor, side: int) -> Tensor:
    height, width = image.shape[-2:]
    scale = min(1.0, side / max(height, width))
    return resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))
