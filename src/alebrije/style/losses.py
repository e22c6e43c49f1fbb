"""How far a picture is from a content and from a style. Pure functions of tensors; all distances are relative, so that
weights mean the same for every network, layer and size: 0 for equal, 1 for a target against nothing at all.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.style.config import StylizeConfig
from alebrije.style.families.contextual import centre, contextual, unit_points
from alebrije.style.families.cooccurrence import FORMS, form_distance, form_statistic
from alebrije.style.families.histogram import histogram
from alebrije.style.families.mmd import gaussian, landmarks, mean, mean_and_deviation, second_moments
from alebrije.style.families.pairwise import GATE, GATE_WIDTH, RADII, SCALED, pairwise, pairwise_distance, pairwise_reference
from alebrije.style.families.parts import Reference, Statistic, StyleLoss, relative_squared_error
from alebrije.style.families.shifted import shifted_grams, suitable_shifts
from alebrije.style.families.transport import gaussian_root, gaussian_wasserstein, moments, sliced
from alebrije.style.statistics import gram


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


def cooccurrence(
    form: str = "pairwise",
    radius: int = 4,
    threshold: float | None = None,
    radii: Sequence[int] = RADII,
    scaled: bool = SCALED,
    gate: bool = GATE,
    width: float = GATE_WIDTH,
) -> StyleLoss:
    """The co-occurrence loss in one of its forms: `pairwise`, which looks at rings of `radii`, `scaled` at channels of one
    power, with `gate` at activations above the style's mean in the first place (softly: `width` thresholds); or one of the six
    of the source thesis, which look at windows of `radius` and count activations above `threshold` (None: the picture's mean).
    """
    if form == "pairwise":
        refer = functools.partial(pairwise_reference, gate=gate, width=width, scaled=scaled)
        return StyleLoss(functools.partial(pairwise, radii=radii, gate=gate, width=width), pairwise_distance, refer)
    return StyleLoss(
        lambda features, reference: form_statistic(features, form, radius, threshold),
        functools.partial(form_distance, form=form),
    )


COOCCURRENCE_FORMS = ("pairwise", *FORMS)

LOSSES: dict[str, StyleLoss] = {
    "gram": StyleLoss(gram, relative_squared_error),
    "mmd-linear": StyleLoss(mean, relative_squared_error),
    "mmd-polynomial": StyleLoss(second_moments, relative_squared_error),
    "mmd-gaussian": StyleLoss(gaussian, relative_squared_error, landmarks),
    "bn": StyleLoss(mean_and_deviation, relative_squared_error),
    "wasserstein": StyleLoss(moments, gaussian_wasserstein, gaussian_root),
    "sliced": StyleLoss(sliced, relative_squared_error),
    "histogram": StyleLoss(histogram, relative_squared_error),
    "shifted": StyleLoss(shifted_grams, relative_squared_error, suitable_shifts),
    "contextual": StyleLoss(unit_points, contextual, centre),
    "cooccurrence": cooccurrence(),
}


def chosen_loss(config: StylizeConfig) -> StyleLoss:
    """The style loss of `config`: `loss`, and of the co-occurrence the form with its settings."""
    if config.loss == "cooccurrence":
        rings = (config.radii, config.scaled, config.gate, config.width)
        return cooccurrence(config.form, config.radius, config.threshold, *rings)
    return LOSSES[config.loss]


class Target(NamedTuple):
    """What is kept of a style picture in one layer: what the statistic measures with, and the statistic itself."""

    reference: Reference
    statistic: Statistic


def target(loss: StyleLoss, features: Tensor) -> Target:
    """The target that a style's features [B, C, H, W] set."""
    reference = loss.refer(features)
    return Target(reference, loss.statistic(features, reference))


def style_distance(
    loss: StyleLoss,
    features: Mapping[str, Tensor],
    styles: Sequence[Mapping[str, Target]],
    layer_weights: Mapping[str, float],
    style_weights: Sequence[float],
) -> Tensor:
    """The mean of `loss.distance` over layers and styles, each with its weight (eq. 5 of Gatys et al. 2016).

    `features` maps layers to [B, C, H, W], each of `styles` maps them to the target that one style picture sets; the weights
    are shares, so only their proportions count. With the Gram loss, several styles at once pull towards the weighted
    mean of their Gram matrices. The picture's statistic is computed once for all styles where it needs nothing of them.
    """
    total = torch.zeros(())
    for layer, layer_weight in layer_weights.items():
        if layer_weight:
            statistic: Statistic | None = None
            for style, style_weight in zip(styles, style_weights, strict=False):
                reference, wanted = style[layer]
                if statistic is None or reference:
                    statistic = loss.statistic(features[layer], reference)
                total = total + layer_weight * style_weight * loss.distance(statistic, wanted)
    return total / (sum(layer_weights.values()) * sum(style_weights))
