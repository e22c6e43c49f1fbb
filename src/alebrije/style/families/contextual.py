"""Contextual loss: each feature of the style must be met by one of the picture, wherever that is."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.style.families.parts import Reference, Statistic, as_tuple, points, precise

CELLS = 1024  # of a layer that are compared: 4 MB for the distances of all pairs
BANDWIDTH = 0.5
_EPSILON = 1e-5


def centre(features: Tensor) -> Reference:
    """The style's mean point [B, 1, C], from which directions are taken."""
    return (points(features).mean(1, keepdim=True),)


def unit_points(features: Tensor, reference: Reference) -> Tensor:
    """Directions from the style's mean, [B, C, H, W] -> [B, P, C] of length 1, of at most 1024 cells.

    A layer of more than 1024 positions is divided into a grid of so many cells, in its own proportions, and each cell counts by
    its mean. Departure: the paper draws positions at random; drawn once, these alone would change, as speckle (it
    did); drawn anew at each step, the loss would never be the same twice. So shuffled positions do matter in large layers.
    """
    away = points(_cells(features)) - reference[0]
    return away / away.square().sum(2, keepdim=True).add(1e-12).sqrt()


def _cells(features: Tensor) -> Tensor:
    height, width = features.shape[2:]
    shrink = math.sqrt(CELLS / (height * width))
    if shrink >= 1:
        return features
    rows = min(max(int(height * shrink), 1), CELLS)
    return F.adaptive_avg_pool2d(precise(features), (rows, min(max(int(width * shrink), 1), CELLS // rows)))


def contextual(value: Statistic, target: Statistic) -> Tensor:
    """-log CX(picture, style) / log(P) of directions [B, N, C] and [B, P, C], a scalar.

    Mechrez, Talmi & Zelnik-Manor, "The Contextual Loss for Image Transformation with Non-Aligned Data", ECCV 2018:
    with cosine distances d_ij, d'_ij = d_ij / (min_k d_ik + 1e-5), w_ij = exp((1 - d'_ij) / 0.5), CX_ij = w_ij /
    sum_k w_ik, and CX = mean over j of max over i of CX_ij, i in the picture and j in the style. Not symmetric: each
    feature of the style wants one in the picture; what the picture has beside these costs nothing. 0 at the style if no
    two of its points have the same direction, else a little above; never above 1, and exactly 1 where the picture has one
    direction only, such as that of zero features (the divisor log(P) is a departure). Neither the picture's scale about
    the style's mean nor the common scale of both changes anything.
    """
    (value,), (target,) = as_tuple(value), as_tuple(target)
    apart = (1 - value @ target.mT).clamp_min(0)
    nearest = apart.amin(2, keepdim=True) + _EPSILON
    similar = torch.softmax((1 - apart / nearest) / BANDWIDTH, dim=2)
    return -similar.amax(1).mean(1).log().mean() / math.log(max(target.shape[1], 2))
