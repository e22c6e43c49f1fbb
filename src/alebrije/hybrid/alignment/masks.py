"""What of a picture has a shape: a soft mask of what stands out from the border, and its outlines.

Both are made for laying pictures of different things over one another: they depend on where forms are, hardly on
colours. A negative or a darker copy has the same outlines to rounding.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import resize

WORK = 192  # pixels: small copies have WORK^2 of them
RIM = 0.04  # width of the border strip, as a share of the shorter side
COLOURS, ROUNDS, SHARE = 3, 12, 0.2  # border colours looked for, steps of k-means, part of the border that one must fill
LUMP = 8.0  # pixels of the small copy: what is finer than that is texture
FAINT = 1e-3  # gradient, of luma in [0, 1] per pixel of the small copy: below it there is no outline
EDGE, SURROUND = 2.5, 24.0  # pixels of the small copy: the derivative's blur, the neighbourhood an outline is judged by


class Shape(NamedTuple):
    """Maps of one small picture, float32 [1, C, h, w].

    `mask` [1, 1, h, w] in [0, 1]: 1 in front, 0 behind. `plain` in [0, 1]: how far the border's colours tell the two
    apart (0: the mask means nothing). `outlines` [1, 3, h, w]: strength, and strength times cosine and sine of twice
    the gradient's angle (in pixels' axes, y down), so that light on dark is like dark on light.
    """

    mask: Tensor
    plain: float
    outlines: Tensor


def small(image: Tensor) -> Tensor:
    """A copy [1, 3, h, w] on the CPU with about WORK^2 pixels, in the proportions of [1, 3, H, W]."""
    height, width = image.shape[-2:]
    scale = WORK / math.sqrt(height * width)
    return resize(image.cpu().float(), (max(4, round(height * scale)), max(4, round(width * scale))))


def shape(image: Tensor) -> Shape:
    """Mask and outlines of a small picture [1, 3, h, w] in [0, 1]."""
    return Shape(*foreground(image), outlines(image))


def foreground(image: Tensor) -> tuple[Tensor, float]:
    """Soft mask [1, 1, h, w] of what has another colour than the border of [1, 3, h, w], and how plain the border is.

    The border's colours are up to three centres of k-means that each fill a fifth of it; a picture whose front
    touches the border somewhere thus keeps its mask. With d the distance to the nearest of them and tau a multiple of
    their spread, the mask is d^2 / (d^2 + tau^2). The border counts as plain as far as the rest differs from it by more
    than its own spread, the mask is emptier at the border than inside, and it is in lumps rather than a texture.
    """
    height, width = image.shape[-2:]
    rim = max(1, round(RIM * min(height, width)))
    inner = torch.zeros(height, width, dtype=torch.bool)
    inner[rim : height - rim, rim : width - rim] = True
    colours = image[0].flatten(1).mT
    border = colours[~inner.flatten()]
    centres, spread = _border_colours(border)
    distance = torch.cdist(colours, centres).amin(1)
    contrast = float(distance[inner.flatten()].quantile(0.95)) if inner.any() else 0.0
    tau = max(2.5 * spread, 0.3 * contrast, 1e-3)
    mask = gaussian_blur((distance.square() / (distance.square() + tau**2)).view(1, 1, height, width), 1.0)
    apart = contrast / max(spread, 0.01)
    inside = float(mask.mean() / mask[0, 0][~inner].mean().clamp_min(1e-6))
    whole = float(gaussian_blur(mask, LUMP).var() / mask.var().clamp_min(1e-9))
    return mask, _ramp(apart, 2, 6) * _ramp(inside, 1, 1.6) * _ramp(whole, 0.25, 0.5)


def _ramp(value: float, none: float, full: float) -> float:
    """0 up to `none`, 1 from `full` on, a straight line between."""
    return min(1.0, max(0.0, (value - none) / (full - none)))


def _border_colours(border: Tensor) -> tuple[Tensor, float]:
    """Centres [K, 3] of the colours [M, 3] of a border that fill SHARE of it, and their own rms spread.

    Lloyd's k-means, started at quantiles along the axis of largest variance: no randomness.
    """
    centred = border - border.mean(0)
    axis = torch.linalg.eigh((centred.mT @ centred).double()).eigenvectors[:, -1].float()
    order = (centred @ axis).argsort(stable=True)
    starts = ((torch.arange(COLOURS) + 0.5) / COLOURS * len(border)).long()
    centres = border[order[starts]]
    for _ in range(ROUNDS):
        nearest = torch.cdist(border, centres).argmin(1)
        ones = F.one_hot(nearest, COLOURS).to(border)
        counts = ones.sum(0)
        centres = torch.where(counts[:, None] > 0, ones.mT @ border / counts[:, None].clamp_min(1), centres)
    centres = centres[counts >= SHARE * len(border)]
    if len(centres) == 0:
        centres = border.mean(0, keepdim=True)
    distances = torch.cdist(border, centres).amin(1)
    # The median, scaled to a Gaussian's sigma of the plane: what stands at the border itself must not widen it.
    return centres, float(distances.median()) / 1.18


def outlines(image: Tensor) -> Tensor:
    """Outlines [1, 3, h, w] of [1, 3, h, w]: strength, and strength times (cos, sin) of twice the gradient's angle.

    From the tensor of all three colours' gradients (Di Zenzo, "A note on the gradient of a multi-image", 1986). The
    strength is divided by its surroundings', so that a faint silhouette counts as a strong one does and a texture does
    not drown it.
    """
    blurred = F.pad(gaussian_blur(image, EDGE), (1, 1, 1, 1), mode="replicate")
    across = (blurred[..., 1:-1, 2:] - blurred[..., 1:-1, :-2]) / 2
    down = (blurred[..., 2:, 1:-1] - blurred[..., :-2, 1:-1]) / 2
    xx, yy, xy = (product.sum(1, keepdim=True) for product in (across * across, down * down, across * down))
    strength = (xx + yy).sqrt()
    around = gaussian_blur(strength, SURROUND) + 0.3 * strength.mean() + FAINT
    unit = strength + 1e-6
    return torch.cat([strength, (xx - yy) / unit, 2 * xy / unit], dim=1) / around
