"""How far a picture is from a content and from a style. Pure functions of tensors; all distances are relative, so that
weights mean the same for every network, layer and size: 0 for equal, 1 for a target against nothing at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.style.statistics import gram

_TINY = 1e-8  # what a target of zeros (a black picture, a dead layer) is divided by; features are of order 1


def relative_squared_error(value: Tensor, target: Tensor) -> Tensor:
    """|value - target|^2 / |target|^2 in float32 or better, a scalar. Scaling both by the same number changes nothing."""
    precise = torch.promote_types(value.dtype, torch.float32)
    value, target = value.to(precise), target.to(precise)
    return (value - target).square().sum() / target.square().sum().clamp_min(_TINY * target.numel())


def content_distance(features: Tensor, target: Tensor) -> Tensor:
    """Relative squared error of two feature maps [B, C, H, W] of one layer: eq. 1 of Gatys et al. 2016 without its 1/2,
    divided by the target's own sum of squares."""
    return relative_squared_error(features, target)


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of [B, C, H, W], down plus right: 0 for a flat picture.

    The quadratic form (Mahendran & Vedaldi, CVPR 2015, beta = 2): it costs isolated speckle more than long edges.
    """
    down = (image[:, :, 1:] - image[:, :, :-1]).square().sum()
    right = (image[:, :, :, 1:] - image[:, :, :, :-1]).square().sum()
    return (down + right) / image.numel()


class StyleLoss(NamedTuple):
    """A family of style losses: what is kept of a layer's features, and how far two of these are from each other."""

    statistic: Callable[[Tensor], Tensor]
    distance: Callable[[Tensor, Tensor], Tensor]  # (of the picture, of the style) -> scalar, 0 for equal ones


LOSSES: dict[str, StyleLoss] = {
    "gram": StyleLoss(gram, relative_squared_error),
}


def style_distance(
    loss: StyleLoss,
    features: Mapping[str, Tensor],
    styles: Sequence[Mapping[str, Tensor]],
    layer_weights: Mapping[str, float],
    style_weights: Sequence[float],
) -> Tensor:
    """The mean of `loss.distance` over layers and styles, each with its weight (eq. 5 of Gatys et al. 2016).

    `features` maps layers to [B, C, H, W], each of `styles` maps them to the statistic of one style picture; the weights
    are shares, so only their proportions count. With the Gram loss, several styles at once pull towards the weighted
    mean of their Gram matrices.
    """
    total = torch.zeros(())
    for layer, layer_weight in layer_weights.items():
        if layer_weight:
            statistic = loss.statistic(features[layer])
            for style, style_weight in zip(styles, style_weights, strict=False):
                total = total + layer_weight * style_weight * loss.distance(statistic, style[layer])
    return total / (sum(layer_weights.values()) * sum(style_weights))
