"""One frame of a video: what it takes over from the frame before, and how it is refined from there.

Ruder, Dosovitskiy & Brox, "Artistic Style Transfer for Videos", GCPR 2016, sec. 4.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.filters import gaussian_blur
from alebrije.core.flow import inside, optical_flow, reliable, warp
from alebrije.core.image import Picture, resize, scaled_size, to_gray
from alebrije.core.memory import bytes_free
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.style import colors, estimate
from alebrije.style.config import StylizeConfig
from alebrije.style.objective import layers, measure, with_gradient
from alebrije.style.optimize import OPTIMIZERS, Position, descend
from alebrije.style.regions import Regions, read_masks
from alebrije.style.sizes import padded, placed, size_of
from alebrije.style.winograd import accelerate

CUT = 0.3  # share of a frame that must be known from the one before, or it is another scene; over cuts it is 0.13 at most
ALIKE = 0.05  # mean difference of the three colours, in [0, 1]
NEARBY = 10.0  # pixels


class Moved(NamedTuple):
    """What a frame takes over: a picture that belongs to the frame before, moved onto it, [1, 3, H, W]; 1 where that can be
    trusted, [1, 1, H, W]; and 1 where at least the content looks alike, so that it will do to begin with."""

    image: Tensor
    known: Tensor
    alike: Tensor

    def distance(self, image: Tensor) -> Tensor:
        """The temporal loss of the paper: the mean squared difference from `image`, 0 where nothing is known."""
        return (self.known * (image - self.image).square()).mean()

    def apart(self, image: Tensor) -> float:
        """The root of the mean squared difference from `image`, over those pixels that are known."""
        return math.sqrt(self.distance(image).item() / max(self.known.mean().item(), 1e-6))


def moved(before: Tensor, scene: Tensor, pictures: Sequence[Tensor]) -> list[Moved] | None:
    """`pictures`, which belong to the content `before`, moved onto the content `scene`, all [1, 3, H, W]; None after a cut."""
    both = optical_flow(torch.cat([scene, before]), torch.cat([before, scene]))
    backward, forward = both[:1], both[1:]
    known = reliable(backward, forward)
    if float(known.mean()) < CUT:
        return None
    alike = ((warp(before, backward) - scene).abs().mean(1, keepdim=True) < ALIKE) & inside(backward)
    return [Moved(warp(picture, backward, "bicubic").clamp(0, 1), known, alike.float()) for picture in pictures]


def beginning(content: Tensor, before: Moved) -> Tensor:
    """What the work on a frame begins with: the result before, moved, where it fits. Elsewhere the content, its colours changed
    as they were changed nearby; plain content would stay behind the rest and show as a patch."""
    fits = torch.maximum(before.known, before.alike)
    near = gaussian_blur(fits, NEARBY).clamp_min(1e-6)
    change = gaussian_blur(fits * (before.image - content), NEARBY) / near
    return torch.lerp((content + change).clamp(0, 1), before.image, fits)


class Scene(NamedTuple):
    """What the frames of one scene share: the styles as they are seen, and the network that looks, in tiles or at once."""

    paintings: list[Tensor]
    extractor: features.Extractor
    tile: int | None


def entered(first: Tensor, styles: Sequence[Picture], network: str, config: StylizeConfig) -> Scene:
    """The scene that begins with the content `first` [1, 3, H, W]: it is the one whose colours the styles get, if they do."""
    device = choose_device(config.device)
    _, paintings = colors.prepared(first, [style.pixels.to(device) for style in styles], config.colors)
    longest = max(1, round(max(size_of(first)) * config.style_scale))
    dtype = choose_dtype(config.precision, device)
    extractor = features.load(network, layers(config), pooling=config.pooling, device=device, dtype=dtype)
    accelerate(extractor.stages, device)
    paintings = [padded(resize(style, scaled_size(size_of(style), longest))) for style in paintings]
    return Scene(paintings, extractor, estimate.tile_side(extractor, config, first[0, 0].numel(), bytes_free(device)))


def guides(
    masks: Sequence[Picture], styles: int, content: Picture, size: tuple[int, int], config: StylizeConfig
) -> Regions | None:
    """The regions of a frame; None without masks."""
    place = functools.partial(placed, size=size, config=config)
    found = [padded(mask).to(choose_device(config.device)) for mask in read_masks(masks, styles, content, place)]
    return Regions(found, config.loss) if found else None


def refined(
    scene: Scene,
    whole: Tensor,
    before: Moved,
    regions: Regions | None,
    config: StylizeConfig,
    weight: float,
    steps: int,
) -> Iterator[tuple[Position, Tensor]]:
    """Where the work on a frame is after each step, and the picture to show for it.

    `whole` is the content [1, 3, H, W]; `steps` steps are done, the temporal loss counts by `weight`.
    """
    content, _ = colors.prepared(whole, [], config.colors)
    if config.colors == "luminance":  # the frame before has its colours back, and they are no part of the work
        before = before._replace(image=to_gray(before.image).expand_as(whole))
    distances = measure(scene.extractor, content, scene.paintings, config, regions, tile=scene.tile)
    evaluate = with_gradient(distances, config, lambda image: weight * before.distance(image))
    for position in descend(evaluate, beginning(content, before), OPTIMIZERS[config.optimizer](steps), steps):
        image = regions.laid(position.image, content) if regions else position.image
        yield position, colors.restored(image, whole, config.colors).clamp(0, 1)
