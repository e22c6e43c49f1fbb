"""The hybrid itself, and the units of its two cut-offs.

Oliva, Torralba, Schyns, "Hybrid images", SIGGRAPH 2006, eq. 1:  H = G_low * I_low + (1 - G_high) * I_high,
with Gaussians whose cut-off is the frequency of gain 1/2. Here in colour, on sRGB values.
"""

from __future__ import annotations

import math

from torch import Tensor

from alebrije.core.filters import gaussian_blur

HALF_GAIN = math.sqrt(math.log(2) / 2) / math.pi  # 0.187: sigma f where the gain exp(-2 pi^2 sigma^2 f^2) is 1/2


def blend(low: Tensor, high: Tensor, sigma_low: float, sigma_high: float) -> Tensor:
    """Low frequencies of one plus high frequencies of the other: two [B, 3, H, W] in [0, 1] -> the same, clipped once.

    Sigmas are in pixels. Raises `ConfigError` unless they are positive.
    """
    return (gaussian_blur(low, sigma_low) + high - gaussian_blur(high, sigma_high)).clamp(0, 1)


def to_sigma(cycles: float, width: int) -> float:
    """Sigma in pixels of the Gaussian that halves `cycles` cycles per image width, in a picture `width` pixels wide."""
    return HALF_GAIN * width / cycles


def to_cycles(sigma: float, width: int) -> float:
    """Cycles per image width that a Gaussian of `sigma` pixels halves, in a picture `width` pixels wide."""
    return HALF_GAIN * width / sigma
