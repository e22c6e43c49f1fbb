"""Which channels meet within reach of each other, and how often: the co-occurrence as a style loss that works.

Where the Gram matrix asks how often two channels answer at the same position, this also asks how often they answer at
positions that lie a few steps apart, regardless of where in the picture: M_kl = mean over the pairs of positions (p, q) in
a ring of g_k(p) g_l(q). It is what the forms of `cooccurrence.py` were after, with their mistakes taken out: the positions
are averaged out, the channel pairs are not; every layer is brought to one scale. Of all rings but the first the channels'
means are taken out: activations are positive, so the product of the means is 83 to 99 % of a ring, the more, the deeper the
layer and the larger the ring, and would be asked for again and again in the place of structure. What remains, the covariance
at a distance, is small in deep layers and large in shallow ones, and it is this stress on how channels vary, as much as the
distance, that brings the picture nearer to the style than the Gram matrix does. Bringing every channel to one scale, too, and
the gate, which is soft, can be chosen; they do not help (LOG.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise as neighbours
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from alebrije.style.families.boxes import box_sum, pairs_inside
from alebrije.style.families.parts import Reference, Statistic, as_tuple, precise

RADII = (0, 2, 4, 8, 16)
SCALED = False
GATE = False
GATE_WIDTH = 0.5  # of the threshold
EMPHASIS = 2.0  # of the rings after the first: the covariance of distant positions is small beside the Gram matrix
_TINY = 1e-8  # as in `relative_squared_error`
FLOOR = 0.5  # the least scale of a channel, as a share of the layer's root mean square, so that none is brought up without limit


def pairwise_reference(features: Tensor, gate: bool = GATE, width: float = GATE_WIDTH, scaled: bool = SCALED) -> Reference:
    """Thresholds and scales of the style's features [B, C, H, W], each [1, C, 1, 1], and the largest offset in it, for `pairwise`
    with the same `gate` and `width`.

    The threshold is a channel's mean, the scale its root mean square (of the gated channel with `gate`), not less than half of
    the layer's; with `scaled` false, and in a layer where the style is silent, it is 1.
    """
    features = precise(features.detach())
    threshold = features.mean((0, 2, 3), keepdim=True)
    offset = torch.tensor(max(features.shape[2:]) - 1)
    if not scaled:
        return threshold, torch.ones_like(threshold), offset
    power = (gated(features, threshold, width) if gate else features).square().mean((0, 2, 3), keepdim=True)
    scale = torch.maximum(power, FLOOR**2 * power.mean()).sqrt()
    return threshold, torch.where(scale == 0, 1, scale), offset


def gated(features: Tensor, threshold: Tensor, width: float = GATE_WIDTH) -> Tensor:
    """g = a * sigmoid((a - t) / (width * t)): nearly a far above the threshold, little of it below, but never without
    gradient. A channel that is silent in the style has t near 0 and passes whole, so that it can be told to be silent."""
    softness = width * threshold.abs()
    floor = (1e-3 * softness.mean()).clamp_min(torch.finfo(softness.dtype).tiny)
    return features * torch.sigmoid((features - threshold) / softness.clamp_min(floor))


def pairwise(
    features: Tensor, reference: Reference, radii: Sequence[int] = RADII, gate: bool = GATE, width: float = GATE_WIDTH
) -> Tensor:
    """Pairwise co-occurrence of the channels of features [B, C, H, W]: [B, R, C, C], one symmetric matrix per ring.

    `radii` must rise. The first ring is the whole window of radius radii[0] (0: the position itself), the others are what a
    window of one radius has more than the window of the radius before. C_kl = mean over all ordered pairs of positions,
    both inside the picture, whose offset lies in the ring, of h_k(p) h_l(q), where h is g / scale less its mean m over the
    picture; a ring that does not fit into the picture, or into the style of which `reference` is, gives 0. g is `gated`, or
    with `gate` false the features themselves. The first matrix is C + m m^T, the others are `EMPHASIS` times C.

    With radii (0,), no gate and scale 1 this is the Gram matrix (mean over positions). Dividing by the number of pairs
    that exist, in place of window sizes, keeps dark borders out and the matrices symmetric; taking out the mean before the
    products keeps out which part of the picture lies along its borders, where positions have fewer neighbours.
    """
    threshold, scale, *offset = reference
    features = precise(features).contiguous(memory_format=torch.channels_last)
    if gate:
        features = gated(features, threshold, width)
    features = features / scale
    mean = features.mean((2, 3), keepdim=True)
    level = mean.flatten(1)
    rings: Tensor = _Pairwise.apply(features - mean, tuple(radii))  # type: ignore[no-untyped-call]
    result = with_means(rings, level)
    if offset and radii[-1] > offset[0]:
        # What the style is too small to have must not be asked of the picture: a target of 0 would forbid it.
        known = sum(inner < int(offset[0]) for inner in (-1, *radii[:-1]))
        result = F.pad(result[:, :known], (0, 0, 0, 0, 0, len(radii) - known))
    return result


def with_means(rings: Tensor, level: Tensor) -> Tensor:
    """The statistic from the covariances in each ring [B, R, C, C] and the channels' means [B, C]."""
    first = rings[:, :1] + (level[:, :, None] * level[:, None])[:, None]
    return torch.cat([first, EMPHASIS * rings[:, 1:]], dim=1)


def pairwise_distance(value: Statistic, target: Statistic) -> Tensor:
    """|value - target|^2 / |first ring of target|^2, a scalar, for two of `pairwise`: the layer's error in units of its Gram
    matrix, so that a ring counts by how much there is in it. With one ring, `relative_squared_error`.

    For a picture of zero features 1 or more: about 2.6 in the first layer, whose rings hold much, 1.0 in deep ones.
    """
    (flat,), (goal,) = as_tuple(value), as_tuple(target)
    return (flat - goal).square().sum() / goal[:, 0].square().sum().clamp_min(_TINY * goal[:, 0].numel())


class _Pairwise(torch.autograd.Function):
    """A window costs one box filter and one product of matrices; the rings are differences of windows. Windows are symmetric,
    so the gradient is sum_r box_r(g) (D_r + D_r^T) with the boxes of the forward pass: one product each, no more filters."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, radii: tuple[int, ...]) -> Tensor:
        height, width = features.shape[2:]
        vectors = _vectors(features)
        boxes = [_vectors(box_sum(features, radius)) for radius in radii]
        windows = torch.stack([vectors.transpose(1, 2) @ box for box in boxes], dim=1)
        pairs = [0, *(pairs_inside(height, width, radius) for radius in radii)]
        ctx.pairs = [max(after - before, 1) for before, after in neighbours(pairs)]
        ctx.fits = [after > before for before, after in neighbours(pairs)]
        ctx.grid = (height, width)
        ctx.save_for_backward(*boxes)
        return _rings(windows, ctx.pairs, ctx.fits)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        boxes = ctx.saved_tensors
        size = gradient.new_tensor([fits / pairs for fits, pairs in zip(ctx.fits, ctx.pairs, strict=True)])
        weighted = (gradient + gradient.transpose(2, 3)) * size.view(1, -1, 1, 1)
        # Window r is the outer edge of ring r and the inner edge of ring r + 1.
        weighted[:, :-1] -= weighted[:, 1:].clone()
        result = boxes[0] @ weighted[:, 0]
        for box, matrix in zip(boxes[1:], weighted.unbind(1)[1:], strict=True):
            result = torch.baddbmm(result, box, matrix)
        return result.transpose(1, 2).unflatten(2, ctx.grid), None


def _vectors(maps: Tensor) -> Tensor:
    """[B, C, H, W] -> [B, H W, C], a view when the maps are channels_last."""
    return maps.flatten(2).transpose(1, 2)


def _rings(windows: Tensor, pairs: list[int], fits: list[bool]) -> Tensor:
    """Sums over windows [B, R, C, C] -> means over rings, 0 for a ring without pairs."""
    sums = torch.cat([windows[:, :1], windows[:, 1:] - windows[:, :-1]], dim=1)
    size = sums.new_tensor([fit / count for fit, count in zip(fits, pairs, strict=True)])
    return sums * size.view(1, -1, 1, 1)
