"""Real pictures to compare with: photographs where scikit-image is installed, else pictures that the program paints."""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from alebrije.core.image import fit, load, to_gray
from alebrije.data.draw import painting

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea")
SIDE = 512


@functools.cache
def originals() -> tuple[Tensor, ...]:
    """The pictures, float32 [1, 3, H, W] in [0, 1]."""
    try:
        from skimage import data
    except ImportError:
        return tuple(painting(seed, SIDE) for seed in range(len(PHOTOGRAPHS)))
    return tuple(load(getattr(data, name)()).pixels for name in PHOTOGRAPHS)


def batch(count: int, channels: int, height: int, width: int, first: int = 0) -> Tensor:
    """`count` pictures [count, channels, height, width] in [0, 1], one or three channels; others begin with another `first`."""
    chosen = [originals()[(first + number) % len(PHOTOGRAPHS)] for number in range(count)]
    pictures = torch.cat([fit(one, (height, width)) for one in chosen])
    return to_gray(pictures) if channels == 1 else pictures
