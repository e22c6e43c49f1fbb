"""What the families of style losses share: their interface, features as points, and the relative squared error."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Reference = tuple[Tensor, ...]  # what a statistic takes from the style's features: thresholds, scales, landmarks...
Statistic = Tensor | tuple[Tensor, ...]

_TINY = 1e-8  # what a target of zeros (a black picture, a dead layer) is divided by; features are of order 1


def nothing(features: Tensor) -> Reference:
    """What a statistic takes from the style that asks for nothing."""
    return ()


class StyleLoss(NamedTuple):
    """A family of style losses: what is kept of a layer's features, and how far two of these are from each other.

    `statistic(features [B, C, H, W], reference)` returns tensors whose first dimension is B, for pictures of any size;
    `distance(of the picture, of the style)` a scalar, 0 for equal ones, about 1 for a picture of zero features;
    `refer(features of the style)` what the statistic measures with: the same for the style and for the picture.
    """

    statistic: Callable[[Tensor, Reference], Statistic]
    distance: Callable[[Statistic, Statistic], Tensor]
    refer: Callable[[Tensor], Reference] = nothing


def relative_squared_error(value: Statistic, target: Statistic) -> Tensor:
    """|value - target|^2 / |target|^2 in float32 or better, a scalar. Scaling both by the same number changes nothing.

    Tuples count as one long vector.
    """
    flat, goal = (torch.cat([precise(part).flatten() for part in as_tuple(each)]) for each in (value, target))
    return (flat - goal).square().sum() / goal.square().sum().clamp_min(_TINY * goal.numel())


def as_tuple(statistic: Statistic) -> tuple[Tensor, ...]:
    """The tensors of a statistic, be it one or several."""
    return (statistic,) if isinstance(statistic, Tensor) else statistic


def precise(tensor: Tensor) -> Tensor:
    """The tensor in float32, or in float64 if it comes so: sums over 100,000 positions do not survive bfloat16."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def points(features: Tensor) -> Tensor:
    """The positions of features [B, C, H, W] as points [B, H W, C], in float32 at least."""
    return precise(features.flatten(2).transpose(1, 2))


def root_mean_square(features: Tensor) -> Tensor:
    """Length of the average point, [B, C, H, W] -> [B, 1, 1]: the square root of the mean of |x|^2. At least 1e-4."""
    return points(features).square().sum(2).mean(1).clamp_min(_TINY).sqrt()[:, None, None]


def some_points(features: Tensor, most: int) -> Tensor:
    """At most `most` of the points [B, P, C], chosen at random by the number of positions alone: the same features give the
    same points, and pictures of one size are looked at in the same places."""
    everything = points(features)
    count = everything.shape[1]
    if count <= most:
        return everything
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(count))[:most]
    return everything[:, chosen.to(features.device)]


def in_double(matrix: Tensor) -> Tensor:
    """The matrix in float64, on the processor where the device has none: eigenvalues need it, and matrices are small."""
    return matrix.to("cpu" if matrix.device.type == "mps" else matrix.device, torch.float64)
