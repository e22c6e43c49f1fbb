"""How good pictures are spoiled on purpose: reduced, blurred with noise, squeezed by JPEG.

All take and give float [B, C, H, W] in [0, 1]; noise and JPEG clamp to it, reductions need not. Randomness comes from torch's
own generator unless one is given.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import choose
from alebrije.errors import ConfigError


def cubic(x: Tensor) -> Tensor:
    """Keys' cubic convolution kernel with a = -0.5, 0 beyond 2.

    Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29, 1981, equation 15.
    """
    x = x.abs()
    inner = ((1.5 * x - 2.5) * x) * x + 1
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return torch.where(x <= 1, inner, torch.where(x <= 2, outer, torch.zeros_like(x)))


def resampling_matrix(length: int, new_length: int, scale: float) -> Tensor:
    """The weights, float64 [new_length, length], that `imresize` gives to a line of pixels.

    Pixel i of the result has its centre at (i + 1/2) / scale - 1/2. Made smaller, the kernel is as much wider and lower, which
    keeps finer structure than the result can hold out of it. Each row sums to 1; beyond its ends the line is mirrored, the pixel
    at the end said twice.
    """
    stretch = min(scale, 1.0)
    width = 4 / stretch
    centres = (torch.arange(new_length, dtype=torch.float64) + 0.5) / scale - 0.5
    places = (centres - width / 2).floor()[:, None] + torch.arange(math.ceil(width) + 2)
    weights = stretch * cubic(stretch * (centres[:, None] - places))
    weights = weights / weights.sum(1, keepdim=True)
    mirrored = torch.cat([torch.arange(length), torch.arange(length).flip(0)])[places.long() % (2 * length)]
    return torch.zeros(new_length, length, dtype=torch.float64).scatter_add_(1, mirrored, weights)


def imresize(images: Tensor, scale: float | None = None, size: tuple[int, int] | None = None) -> Tensor:
    """Resize [B, C, H, W] by `scale`, or to `size` (height, width), as MATLAB's ``imresize(..., 'bicubic')`` does.

    This is the reference of the super-resolution literature, antialiased, in the dtype of the pictures, not clamped and not
    rounded. Sides are rounded up. Raises `ConfigError` unless exactly one of `scale` and `size` is given and makes sense.
    """
    if (scale is None) == (size is None) or (scale is not None and not scale > 0) or (size is not None and min(size) < 1):
        raise ConfigError(f"give a scale above 0 or a size of at least 1x1, one of them, not scale {scale} and size {size}")
    height, width = images.shape[-2:]
    if scale is not None:
        size = (math.ceil(height * scale - 1e-9), math.ceil(width * scale - 1e-9))  # 12 * (1 / 3) must not be 5
    assert size is not None
    scales = (scale, scale) if scale is not None else (size[0] / height, size[1] / width)
    rows = resampling_matrix(height, size[0], scales[0] or 1.0).to(images)
    columns = resampling_matrix(width, size[1], scales[1] or 1.0).to(images)
    return rows @ images @ columns.T


def area(images: Tensor, factor: int) -> Tensor:
    """The mean of every `factor` x `factor` pixels, as a camera with larger pixels would see. Sides must be multiples."""
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise ConfigError(
            f"pictures of {width}x{height} pixels cannot be reduced {factor} times: take sides that {factor} divides"
        )
    return F.avg_pool2d(images, factor)


def bicubic(images: Tensor, factor: int) -> Tensor:
    """`imresize` by 1 / factor, clamped to [0, 1]."""
    return imresize(images, 1 / factor).clamp(0, 1)


REDUCTIONS: dict[str, Callable[[Tensor, int], Tensor]] = {"area": area, "bicubic": bicubic}


def lowres(images: Tensor, factor: int, reduction: str = "area") -> Tensor:
    """Pictures as they look at a `factor` times lower resolution, at their old size: reduced, then every pixel a square.

    The squares hold exactly what the small picture does, for networks whose output is as large as their input.
    Raises `ConfigError` for an unknown reduction or sides that `factor` does not divide.
    """
    height, width = images.shape[-2:]
    if height % factor or width % factor:
        raise ConfigError(
            f"pictures of {width}x{height} pixels cannot be reduced {factor} times: take sides that {factor} divides"
        )
    small = REDUCTIONS[choose("reduction", reduction, REDUCTIONS)](images, factor)
    return small.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def gaussian_noise(images: Tensor, sigma: float, generator: torch.Generator | None = None) -> Tensor:
    """Add noise of standard deviation `sigma` (in units of [0, 1]: the literature's 25 is 25 / 255), clamped to [0, 1]."""
    noise = torch.randn(
        images.shape, generator=generator, dtype=images.dtype, device=generator.device if generator else images.device
    )
    return (images + sigma * noise.to(images.device)).clamp(0, 1)


def poisson_noise(images: Tensor, peak: float, generator: torch.Generator | None = None) -> Tensor:
    """The noise of counted photons, of which a white pixel gets `peak` on average: Poisson(peak x) / peak, clamped to [0, 1].

    Its variance is x / peak: bright places are noisier. Raises `ConfigError` for a peak of 0 or less.
    """
    if not peak > 0:
        raise ConfigError(f"the peak of Poisson noise must be greater than 0, got {peak}")
    place = generator.device if generator else images.device
    counted = torch.poisson(images.to(place).clamp(0, 1) * peak, generator)
    return (counted / peak).clamp(0, 1).to(images.device)


def jpeg(images: Tensor, quality: int) -> Tensor:
    """Each picture, of one or three channels, through a JPEG file of this quality (1 .. 100, Pillow's) and back.

    Colours are kept at half the resolution (4:2:0), as cameras do. Raises `ConfigError` for others.
    """
    if not 1 <= quality <= 100 or images.shape[1] not in (1, 3):
        raise ConfigError(f"JPEG takes a quality of 1 to 100 and 1 or 3 channels, got {quality} and {images.shape[1]}")
    samples = (images.detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).movedim(1, -1).numpy()
    spoiled = []
    for one in samples:
        file = io.BytesIO()
        Image.fromarray(one.squeeze(-1) if one.shape[-1] == 1 else one).save(file, "JPEG", quality=quality, subsampling="4:2:0")
        with Image.open(file) as decoded:
            spoiled.append(np.asarray(decoded).reshape(one.shape))
    return (torch.from_numpy(np.stack(spoiled)).movedim(-1, 1).float() / 255).to(images)
