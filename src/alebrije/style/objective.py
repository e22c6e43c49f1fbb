"""What is minimised: eq. 7 of Gatys et al. 2016 plus total variation, for one content, some styles and one size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from alebrije.features import Extractor
from alebrije.style import torus
from alebrije.style.config import CONTENT_LAYER, StylizeConfig
from alebrije.style.losses import chosen_loss, content_distance, style_distance, target, total_variation
from alebrije.style.optimize import Evaluate
from alebrije.style.regions import Regions
from alebrije.style.tiled.geometry import cut
from alebrije.style.tiled.measure import measure_in_tiles

MARGIN = 16  # pixels: one position of the deepest layer


class Distances(NamedTuple):
    """How far a picture is from its target, three scalars: content and style relative to their targets, and the total
    variation of the picture itself. `styled` is the share of the picture that has a style: less than 1 with a mask."""

    content: Tensor
    style: Tensor
    variation: Tensor
    styled: float = 1.0

    def weighted(self, config: StylizeConfig) -> Tensor:
        """The loss: the three distances with the weights of `config`. The style's counts by its share of the picture, so
        that it pulls a pixel of a small region no more than one of a large region."""
        style = config.style_weight * self.styled * self.style
        return config.content_weight * self.content + style + config.tv_weight * self.variation


Measure = Callable[[Tensor], Distances]


def layers(config: StylizeConfig) -> list[str]:
    """All layers that the objective looks at."""
    return list(dict.fromkeys([CONTENT_LAYER, *(layer for layer, weight in config.layer_weights.items() if weight)]))


def measure(
    extractor: Extractor,
    content: Tensor,
    styles: Sequence[Tensor],
    config: StylizeConfig,
    regions: Regions | None = None,
    *,
    tile: int | None = None,
) -> Measure:
    """A function from a picture [1, 3, H, W] to its `Distances` from `content` [1, 3, H, W] and `styles` [1, 3, h, w].

    The content's features and the styles' statistics are computed once, here. With `regions` each style sees its own region,
    and where there is none, the picture is taken to be the content. With `tile` the network looks at pieces of so many pixels
    a side, one after the other: the same distances and gradients in little memory. Raises `ConfigError` for a loss that
    cannot be found piece by piece.
    """
    variation = torus.total_variation if config.wrap else total_variation
    if tile:
        apart = measure_in_tiles(extractor, content, styles, config, regions, side=tile, margin=MARGIN)
        variation = functools.partial(checkpoint, variation, use_reentrant=False)
    else:
        apart = _measure_at_once(extractor, content, styles, config, regions)
    styled = min(sum(regions.shares), 1.0) if regions else 1.0

    def distances(image: Tensor) -> Distances:
        if regions:
            image = regions.laid(image, content)
        return Distances(*apart(image), variation(image), styled)

    return distances


def _measure_at_once(
    extractor: Extractor, content: Tensor, styles: Sequence[Tensor], config: StylizeConfig, regions: Regions | None
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A function from a picture to its content and style distance, by a look at the whole of it."""
    loss = chosen_loss(config)
    wanted = {layer: weight for layer, weight in config.layer_weights.items() if weight}
    look = functools.partial(torus.features if config.wrap else _look, extractor)
    with torch.no_grad():
        content_features = look(content)[CONTENT_LAYER]
        targets = []
        for style in styles:
            features = _look(extractor, style)
            targets.append({layer: target(loss, features[layer]) for layer in wanted})
    shares = config.style_weights or (1.0,) * len(styles)

    def distances(image: Tensor) -> tuple[Tensor, Tensor]:
        features = look(image)
        at_content = content_distance(features[CONTENT_LAYER], content_features)
        if regions is None:
            return at_content, style_distance(loss, features, targets, wanted, shares)
        parts = [share * size for share, size in zip(shares, regions.shares, strict=True)]
        apart = torch.zeros((), device=image.device)
        for region, part in enumerate(parts):
            if part:
                seen = regions.guided({layer: features[layer] for layer in wanted}, region)
                apart = apart + part / sum(parts) * style_distance(loss, seen, targets[region : region + 1], wanted, (1.0,))
        return at_content, apart

    return distances


def _look(extractor: Extractor, image: Tensor) -> dict[str, Tensor]:
    """The features of a picture without those that the network's zero padding spoils most.

    The picture is extended by its mirror image, and that border is cut off again from every layer: otherwise the dark frame
    that the network sees around every picture shows up in the result as a garish one.
    """
    taps = extractor(F.pad(image, (MARGIN,) * 4, mode="reflect"))
    inside = {}
    for layer, tap in taps.items():
        rows, columns = (round(MARGIN * tap.shape[d] / (image.shape[d] + 2 * MARGIN)) for d in (2, 3))
        inside[layer] = cut(tap, rows, rows, columns, columns)
    return inside


Extra = Callable[[Tensor], Tensor]


def with_gradient(distances: Measure, config: StylizeConfig, extra: Extra | None = None) -> Evaluate:
    """What the optimiser calls: the loss of a picture, its gradient, and the numbers to show.

    `extra`, a function from the picture [1, 3, H, W] to a scalar, is added to the loss (such as the distance from the frame
    before, in a film)."""

    def evaluate(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        image = image.detach().requires_grad_()
        parts = distances(image)
        loss = parts.weighted(config)
        if extra is not None:
            loss = loss + extra(image)
        (gradient,) = torch.autograd.grad(loss, image)
        values = {"loss": loss, "content_distance": parts.content, "style_distance": parts.style}
        numbers = {name: value.item() for name, value in values.items()}
        # In the plain layout: that of a state file, from which sums are to come out the same to the last digit.
        return numbers["loss"], gradient.contiguous(), numbers

    return evaluate
