"""The fidelity guard: what was enlarged and is reduced again must be what it was enlarged from.

Reducing is the literature's bicubic (`data.degrade.imresize`, MATLAB's), with which the networks were trained. What a picture
lost by it nobody can know; but a result whose reduction differs from the picture contradicts what is known, and that can be
mended: Irani & Peleg, "Improving resolution by image registration", CVGIP 1991 (back-projection), add the enlarged difference.

It is measured always and mended on request only: on photographs a trained network is faithful to 42 dB and more (bicubic
enlarging to 34 to 40), a correction gains 0.02 dB for clean ones, and for noisy ones loses 0.3, as it brings back noise that the
network left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.nn import functional as F

REACH = 5  # pixels of the small picture that one correction sees: 2 in reducing, 2 in enlarging, 1 for rounding
MEASURED = 3  # and that the measurement sees
DEPARTED = 30.0  # dB: no enlarging, bicubic included, has been seen to lie below 33 on photographs


def enlarged(images: Tensor, scale: int) -> Tensor:
    """[B, C, H, W] `scale` times larger; two pixels from the border on the same as `data.degrade.imresize`, and faster."""
    size = (images.shape[-2] * scale, images.shape[-1] * scale)
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


def reduced(images: Tensor, scale: int) -> Tensor:
    """[B, C, scale H, scale W] `scale` times smaller; two pixels from the border on the same as `data.degrade.imresize`."""
    size = (images.shape[-2] // scale, images.shape[-1] // scale)
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


def corrected(large: Tensor, small: Tensor, scale: int, times: int) -> Tensor:
    """`large` with the enlarged difference of `small` and its own reduction added, so many times over. Each time, what is right
    begins `REACH` pixels of the small picture farther from the border."""
    for _ in range(times):
        large = large + enlarged(small - reduced(large, scale), scale)
    return large


@dataclass(slots=True)
class Fidelity:
    """Sums over all tiles of how far the reduced result is from the picture."""

    squares: float = 0.0
    count: int = 0
    largest: float = 0.0

    def add(self, large: Tensor, small: Tensor, scale: int, core: tuple[slice, slice]) -> None:
        """Compare a result [B, C, scale H, scale W], as it will be shown, with the picture [B, C, H, W] inside `core`."""
        difference = (reduced(large.clamp(0, 1), scale) - small)[..., core[0], core[1]]
        self.squares += float(difference.double().square().sum())
        self.count += difference.numel()
        self.largest = max(self.largest, float(difference.abs().max()))

    @property
    def decibels(self) -> float:
        """PSNR of the reduced result with respect to the picture; at most 100, which is far below a rounding error."""
        return min(100.0, -10 * math.log10(max(self.squares / max(self.count, 1), 1e-10)))

    def report(self) -> dict[str, Any]:
        """`fidelity_dB`, and `largest_departure` in levels of 255."""
        return {"fidelity_dB": round(self.decibels, 2), "largest_departure": round(255 * self.largest, 2)}

    def notice(self) -> str | None:
        """A sentence for the user if the result shows something else than the picture."""
        if self.decibels >= DEPARTED:
            return None
        levels = 255 * math.sqrt(self.squares / self.count)
        return f"reduced again, the result is off the picture by {levels:.1f} levels of 255 on average: try --corrections 2"
