"""The hybrid itself, and the units of its cut-offs.

Oliva, Torralba, Schyns, "Hybrid images", SIGGRAPH 2006, eq. 1:  H = G_low * I_low + (1 - G_high) * I_high,
with Gaussians whose cut-off is the frequency of gain 1/2. Here in colour, on sRGB values; and for three pictures with a
band of a third one between the two, the difference of two Gaussians:

    H = G_low * I_low + (G_fine - G_coarse) * I_middle + (1 - G_high) * I_high
"""

from __future__ import annotations

import math

from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import to_gray
from alebrije.errors import ConfigError

HALF_GAIN = math.sqrt(math.log(2) / 2) / math.pi  # 0.187: sigma f where the gain exp(-2 pi^2 sigma^2 f^2) is 1/2


def blend(low: Tensor, high: Tensor, sigma_low: float, sigma_high: float) -> Tensor:
    """Low frequencies of one plus high frequencies of the other: two [B, 3, H, W] in [0, 1] -> the same, clipped once.

    Sigmas are in pixels. Raises `ConfigError` unless they are positive.
    """
    return (gaussian_blur(low, sigma_low) + high - gaussian_blur(high, sigma_high)).clamp(0, 1)


def blend_three(
    low: Tensor, middle: Tensor, high: Tensor, sigma_low: float, sigma_middle: tuple[float, float], sigma_high: float
) -> Tensor:
    """`blend` with a band of a third picture between the two: three [B, 3, H, W] in [0, 1] -> the same, clipped once.

    `sigma_middle` in pixels: the blur that is taken away from the middle picture, and the narrower one that it keeps. If
    they are equal, nothing of it is left. Raises `ConfigError` unless all are positive and the second is not the wider one.
    """
    coarse, fine = sigma_middle
    if fine > coarse:
        raise ConfigError(f"the middle picture keeps a blur of {fine:g} px and loses one of {coarse:g} px: nothing is left of it")
    band = gaussian_blur(middle, fine) - gaussian_blur(middle, coarse)
    return (gaussian_blur(low, sigma_low) + band + (high - gaussian_blur(high, sigma_high))).clamp(0, 1)


def without_color(image: Tensor) -> Tensor:
    """The lightness alone (luma of the sRGB values): [B, 3, H, W] -> the same, with three equal channels."""
    return to_gray(image).expand_as(image)


def to_sigma(cycles: float, width: int) -> float:
    """Sigma in pixels of the Gaussian that halves `cycles` cycles per image width, in a picture `width` pixels wide."""
    return HALF_GAIN * width / cycles


def to_cycles(sigma: float, width: int) -> float:
    """Cycles per image width that a Gaussian of `sigma` pixels halves, in a picture `width` pixels wide."""
    return HALF_GAIN * width / sigma
