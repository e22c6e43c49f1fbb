"""What is minimised: the loss of `alebrije stylize`, for a batch of pictures that a network has painted.

Eq. 5 of Johnson et al. 2016, with the relative distances of `losses.py` in the place of its absolute ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import choose
from alebrije.style.families.parts import StyleLoss
from alebrije.style.feedforward.config import FeedforwardConfig
from alebrije.style.losses import LOSSES, Target, style_distance, target, total_variation

RANGE_WEIGHT = 100.0
MARGIN = 16  # pixels: one position of the deepest layer

Taps = Mapping[str, Tensor]


def chosen(config: FeedforwardConfig) -> StyleLoss:
    """The style loss of these settings. Raises `ConfigError` if there is none of that name."""
    return LOSSES[choose("loss", config.loss, LOSSES)]


def mirrored(pictures: Tensor) -> Tensor:
    """Pictures [B, 3, H, W] with `MARGIN` more pixels on each side, their mirror image."""
    return F.pad(pictures, (MARGIN,) * 4, mode="reflect")


def inner(features: Tensor) -> Tensor:
    """Features without the outermost ring of positions, which the network's zero padding spoils most, and without cost: on
    [B, H, W, C], so that the gradient comes back in channels_last."""
    return F.pad(features.permute(0, 2, 3, 1), (0, 0, -1, -1, -1, -1)).permute(0, 3, 1, 2)


def one_by_one(taps: Taps, layers: Iterable[str]) -> list[dict[str, Tensor]]:
    """Features [B, C, H, W] by layer as B dicts of [1, C, H, W]."""
    parts = {layer: taps[layer].split(1) for layer in layers}  # type: ignore[no-untyped-call]
    return [dict(zip(parts, each, strict=True)) for each in zip(*parts.values(), strict=True)]


def style_distances(loss: StyleLoss, taps: Taps, goals: Sequence[Mapping[str, Target]], weights: Mapping[str, float]) -> Tensor:
    """The mean over a batch of each picture's distance from its own style: `taps` map layers to [B, C, H, W], and `goals` has one
    entry for each picture, or one for all."""
    apart = []
    for number, own in enumerate(one_by_one({layer: inner(taps[layer]) for layer in weights}, weights)):
        apart.append(style_distance(loss, own, [goals[number % len(goals)]], weights, (1.0,)))
    return torch.stack(apart).mean()


def goals_of(loss: StyleLoss, taps: Taps, weights: Mapping[str, float]) -> dict[str, Target]:
    """What the features of one painting, [1, C, H, W] by layer, ask for."""
    return {layer: target(loss, inner(taps[layer])) for layer in weights}


def wanted_layers(config: FeedforwardConfig) -> dict[str, float]:
    """The layers that see the style, with their weights; those of weight 0 are left out."""
    return {layer: weight for layer, weight in config.layer_weights.items() if weight}


def total(config: FeedforwardConfig, painted: Tensor, content: Tensor, style: Tensor) -> tuple[Tensor, dict[str, float]]:
    """The loss of painted pictures whose distances from content and style are known, and the numbers to log.

    What lies beyond black and white costs too: it would be cut off later, and the loss network has never seen it.
    """
    variation = total_variation(painted)
    beyond = (painted - painted.clamp(0, 1)).square().mean()
    whole = config.content_weight * content + config.style_weight * style + config.tv_weight * variation
    numbers = {"loss": whole, "content_distance": content, "style_distance": style, "variation": variation}
    return whole + RANGE_WEIGHT * beyond, {name: float(value.detach()) for name, value in numbers.items()}
