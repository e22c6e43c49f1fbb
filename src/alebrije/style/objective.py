"""What is minimised: eq. 7 of Gatys et al. 2016 plus total variation, for one content, some styles and one size."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.features import Extractor
from alebrije.style import torus
from alebrije.style.config import CONTENT_LAYER, StylizeConfig
from alebrije.style.losses import chosen_loss, content_distance, style_distance, target, total_variation
from alebrije.style.optimize import Evaluate
from alebrije.style.regions import Regions

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
    extractor: Extractor, content: Tensor, styles: Sequence[Tensor], config: StylizeConfig, regions: Regions | None = None
) -> Measure:
    """A function from a picture [1, 3, H, W] to its `Distances` from `content` [1, 3, H, W] and `styles` [1, 3, h, w].

    The content's features and the styles' statistics are computed once, here. With `regions` each style sees its own region,
    and where there is none, the picture is taken to be the content.
    """
    loss = chosen_loss(config)
    wanted = {layer: weight for layer, weight in config.layer_weights.items() if weight}
    look = functools.partial(torus.features if config.wrap else _look, extractor)
    variation = torus.total_variation if config.wrap else total_variation
    with torch.no_grad():
        content_features = look(content)[CONTENT_LAYER]
        targets = []
        for style in styles:
            features = _look(extractor, style)
            targets.append({layer: target(loss, features[layer]) for layer in wanted})
    shares = config.style_weights or (1.0,) * len(styles)

    def distances(image: Tensor) -> Distances:
        if regions:
            image = regions.laid(image, content)
        features = look(image)
        at_content = content_distance(features[CONTENT_LAYER], content_features)
        if regions is None:
            return Distances(at_content, style_distance(loss, features, targets, wanted, shares), variation(image))
        parts = [share * size for share, size in zip(shares, regions.shares, strict=True)]
        apart = torch.zeros((), device=image.device)
        for region, part in enumerate(parts):
            if part:
                seen = regions.guided({layer: features[layer] for layer in wanted}, region)
                apart = apart + part / sum(parts) * style_distance(loss, seen, targets[region : region + 1], wanted, (1.0,))
        return Distances(at_content, apart, variation(image), min(sum(regions.shares), 1.0))

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
        # On [B, H, W, C] and by negative padding, so that the gradient comes back in channels_last; slicing would send it
        # back in the plain layout, and adding the two costs more than the Gram matrices.
        cut = F.pad(tap.permute(0, 2, 3, 1), (0, 0, -columns, -columns, -rows, -rows))
        inside[layer] = cut.permute(0, 3, 1, 2)
    return inside


def with_gradient(distances: Measure, config: StylizeConfig) -> Evaluate:
    """What the optimiser calls: the loss of a picture, its gradient, and the numbers to show."""

    def evaluate(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        image = image.detach().requires_grad_()
        parts = distances(image)
        loss = parts.weighted(config)
        (gradient,) = torch.autograd.grad(loss, image)
        values = {"loss": loss, "content_distance": parts.content, "style_distance": parts.style}
        numbers = {name: value.item() for name, value in values.items()}
        # In the plain layout: that of a state file, from which sums are to come out the same to the last digit.
        return numbers["loss"], gradient.contiguous(), numbers

    return evaluate
