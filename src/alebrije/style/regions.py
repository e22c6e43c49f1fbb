"""Regions: which style goes where, painted as grey masks (spatial control).

Gatys, Ecker, Bethge, Hertzmann & Shechtman, "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017: in the place of
a picture's statistic there is one for each region, of features that are weighted by a guidance channel. Here the guide is the
mask, averaged down to each layer. The styles themselves are seen whole. Where no mask is white, the content stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import Picture, to_gray
from alebrije.errors import ConfigError

Guide = Callable[[Tensor, Tensor], Tensor]


def weighted(features: Tensor, mask: Tensor) -> Tensor:
    """Features [1, C, H, W] times the square root of the mask [1, 1, H, W], so that a mean of products over all positions
    becomes the one over the region: the paper's guided Gram matrix, whose guides T have sum T^2 = 1."""
    return features * (mask / mask.mean()).sqrt().to(features)


def averaged(features: Tensor, mask: Tensor) -> Tensor:
    """Features [1, C, H, W] times the mask, so that a mean over all positions becomes the one over the region."""
    return features * (mask / mask.mean()).to(features)


def selected(features: Tensor, mask: Tensor) -> Tensor:
    """The features [1, C, 1, N] at the positions of the region: those that are white by half or more, or, where the region is
    too small for this layer, the whitest. Right for every statistic that forgets where things are."""
    inside = mask.flatten() >= mask.max().clamp_max(0.5)
    return features.flatten(2)[:, :, inside].unsqueeze(2)


# How the statistic of a loss is confined to a region. Losses that look at neighbours cannot be, without counting
# neighbours across the border; the contextual one groups neighbours into cells.
GUIDES: dict[str, Guide] = {
    "gram": weighted,
    "mmd-polynomial": weighted,
    "mmd-linear": averaged,
    "mmd-gaussian": selected,
    "bn": selected,
    "wasserstein": selected,
    "sliced": selected,
    "histogram": selected,
}


class Regions:
    """Masks [1, 1, H, W] in [0, 1], one for each style, of the picture's size (or any: they are resized).

    `shares[k]` is the mean of mask k. `guided` confines features to region k; a region that is black everywhere has no
    features.
    """

    def __init__(self, masks: Sequence[Tensor], loss: str) -> None:
        self.masks, self.guide = list(masks), GUIDES[loss]
        self.shares = [float(mask.mean()) for mask in masks]
        self.cover = torch.stack(self.masks).sum(0).clamp(0, 1)
        self._kept: dict[tuple[int, int, int], Tensor] = {}

    def guided(self, features: Mapping[str, Tensor], region: int) -> dict[str, Tensor]:
        """The features {layer: [1, C, h, w]} as the style of `region` is to see them."""
        return {layer: self.guide(tap, self._mask(region, tap)) for layer, tap in features.items()}

    def _mask(self, region: int, tap: Tensor) -> Tensor:
        key = (region, tap.shape[2], tap.shape[3])
        if key not in self._kept:
            self._kept[key] = F.interpolate(self.masks[region], tap.shape[2:], mode="area")
        return self._kept[key]

    def laid(self, image: Tensor, content: Tensor) -> Tensor:
        """The picture where any style goes, the content where none does."""
        return content + self.cover * (image - content)


def check_masks(count: int, styles: int, loss: str) -> None:
    """Raise `ConfigError` if this many masks do not go with this many styles, or not with the loss."""
    if count and loss not in GUIDES:
        raise ConfigError(f"--mask does not go with --loss {loss}, which looks at neighbours: take one of {', '.join(GUIDES)}")
    if count and count != styles and (count, styles) != (1, 2):
        raise ConfigError(f"{count} masks for {styles} styles: give one for each style, or one in all for one or two styles")


def read_masks(masks: Sequence[Picture], styles: int, content: Picture, place: Callable[[Tensor], Tensor]) -> list[Tensor]:
    """One mask [1, 1, H, W] for each style, brought by `place` to where the content is. Of one mask for two styles, white is the
    first style's and black the second's. Raises `ConfigError` for a mask of another shape, or one that is black."""
    found = []
    for mask in masks:
        if abs(mask.width * content.height / (mask.height * content.width) - 1) > 0.02:
            raise ConfigError(f"the mask {mask.path or ''} is {mask.width}x{mask.height} and the content {content.width}x"
                              f"{content.height} pixels: make a mask of the content's shape")  # fmt: skip
        grey = to_gray(mask.pixels)
        found.append(place(grey if mask.alpha is None else grey * mask.alpha))
    if len(found) == 1 < styles:
        found.append(1 - found[0])
    for region in found:
        if float(region.max()) < 0.05:
            raise ConfigError("a mask leaves a style no place: paint some of it white (and, for two styles, some of it black)")
    return found
