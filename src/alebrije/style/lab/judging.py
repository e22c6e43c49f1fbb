"""The scores of a painting: how far it is from the style by each statistic on layers that no painter optimises, and from
the content by the objective's own distance, by SSIM, and by ST-LPIPS where its weights are at hand."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.core.image import Picture, fit, parse_size, resize, scaled_size, to_gray
from alebrije.features import stlpips
from alebrije.style.config import StylizeConfig
from alebrije.style.families.parts import relative_squared_error
from alebrije.style.families.shifted import shifted_grams
from alebrije.style.lab.config import LabConfig, family, painter_settings
from alebrije.style.losses import LOSSES
from alebrije.style.objective import layers, measure

DISTANCES = (0, 1, 2, 4, 8, 16, 32)  # positions of a layer
SMALLEST_SIDE = 32  # pixels: below, the deepest layers have nothing to compare
SSIM_WINDOW, SSIM_SIGMA = 11, 1.5
SSIM_K1, SSIM_K2 = 0.01, 0.03
CONTENT_SCORES = ("content distance", "SSIM", "ST-LPIPS")

JUDGES = tuple(name for name in LOSSES if family(name) == name)
"""The statistics that judge: one of those that are the same thing, and the form of co-occurrence that works."""


class Scene(NamedTuple):
    """A pair at the size at which it is painted and judged: content and style [1, 3, H, W] in [0, 1]."""

    content: Tensor
    style: Tensor


Judge = Callable[[Tensor], dict[str, float]]


def held_out(network: str) -> list[str]:
    """The first layer of each block of `network` that no painter looks at: relu1_2, relu2_2, relu3_2 and so on."""
    used = layers(StylizeConfig())
    first: dict[str, str] = {}
    for layer in features.NETWORKS[network].layers:
        if layer.startswith("relu") and layer not in used:
            first.setdefault(layer.partition("_")[0], layer)
    return list(first.values())


def scene(content: Picture, style: Picture, config: LabConfig) -> Scene:
    """Content and style as large as `stylize` makes them for its last steps, and at least 32 pixels on each side."""
    wanted = parse_size(config.size)
    own = (content.height, content.width)
    size = _enough(scaled_size(own, min(wanted, max(own)) if isinstance(wanted, int) else wanted))
    longest = max(1, round(max(size) * config.style_scale))
    manner = _enough(scaled_size((style.height, style.width), longest))
    return Scene(fit(content.pixels, size), resize(style.pixels, manner))


def judge(extractor: features.Extractor, pair: Scene, config: LabConfig, metric: stlpips.STLPIPS | None) -> Judge:
    """A function from a painting [1, 3, H, W] in [0, 1] to its scores by name: those of the `JUDGES`, the content's, and those of
    the shifted Gram matrices one by one (`shift 0` to `shift 32`), which say at which distances the structure is right.

    `extractor`, which may be another network than the painters', sees the layers of `held_out` and that of the content, in
    float32; each judge's score is the mean over the
    layers held out. `metric` is ST-LPIPS, None to leave it out.
    """
    shares = dict.fromkeys(held_out(extractor.name), 1.0)
    settings = {name: painter_settings(config, name, 1.0).model_copy(update={"layer_weights": shares}) for name in JUDGES}
    eyes = _remembering(extractor)
    at_distances = _at_distances(extractor, pair.style)
    measures = {name: measure(eyes, pair.content, [pair.style], one) for name, one in settings.items()}

    @torch.no_grad()
    def scores(painting: Tensor) -> dict[str, float]:
        painting = resize(painting.to(pair.content), (pair.content.shape[-2], pair.content.shape[-1]))
        found = {name: distances(painting) for name, distances in measures.items()}
        judged = {name: float(one.style) for name, one in found.items()}
        judged["content distance"] = float(next(iter(found.values())).content)
        judged["SSIM"] = float(ssim(to_gray(painting), to_gray(pair.content)))
        if metric is not None:
            judged["ST-LPIPS"] = float(metric(painting, pair.content))
        return judged | at_distances(painting)

    return scores


def at_distance(distance: int) -> str:
    """What the score at a distance is called."""
    return f"shift {distance}"


def _at_distances(extractor: features.Extractor, style: Tensor) -> Judge:
    """A function from a painting to its scores at each of `DISTANCES` that leaves half of the style in a layer held out."""

    @torch.no_grad()
    def statistics(image: Tensor) -> dict[tuple[str, int], Tensor]:
        seen = extractor(image)
        return {
            (layer, distance): shifted_grams(seen[layer], (torch.tensor([distance]), torch.tensor([0, distance])))
            for layer in held_out(extractor.name)
            for distance in DISTANCES
        }

    fits = {layer: min(taps.shape[2:]) for layer, taps in extractor(style).items()}
    wanted = {key: value for key, value in statistics(style).items() if 2 * key[1] <= fits[key[0]]}

    def scores(painting: Tensor) -> dict[str, float]:
        found = statistics(painting)
        errors = {key: float(relative_squared_error(found[key], value)) for key, value in wanted.items()}
        by_distance = {distance: [error for key, error in errors.items() if key[1] == distance] for distance in DISTANCES}
        return {at_distance(distance): sum(some) / len(some) for distance, some in by_distance.items() if some}

    return scores


def _remembering(extractor: features.Extractor) -> features.Extractor:
    """The network, which does not look twice at one of the last three pictures: content, style, and what is being judged. All
    judges see the same features."""
    seen: deque[tuple[Tensor, dict[str, Tensor]]] = deque(maxlen=3)

    def look(image: Tensor) -> dict[str, Tensor]:
        for known, taps in seen:
            if torch.equal(known, image):
                return taps
        seen.append((image, extractor(image)))
        return seen[-1][1]

    return cast("features.Extractor", look)


def ssim(first: Tensor, second: Tensor) -> Tensor:
    """Structural similarity of two pictures [B, 1, H, W] in [0, 1] -> [B], 1 for equal ones.

    Wang, Bovik, Sheikh & Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity", IEEE TIP
    2004, eq. 13 and 17: Gaussian window of 11x11 pixels, sigma 1.5, K1 = 0.01, K2 = 0.03, the mean over all places where
    the window lies within the picture. Departures: a picture narrower than the window gets a window of its own width, an
    odd number; nothing is scaled down first.
    """
    across = _window(min(SSIM_WINDOW, first.shape[-1]), first)
    down = _window(min(SSIM_WINDOW, first.shape[-2]), first).T

    def local(x: Tensor) -> Tensor:
        return F.conv2d(F.conv2d(x, across[None, None]), down[None, None])

    one, other = local(first), local(second)
    spread_one, spread_other = local(first * first) - one * one, local(second * second) - other * other
    shared = local(first * second) - one * other
    c1, c2 = SSIM_K1**2, SSIM_K2**2
    above = (2 * one * other + c1) * (2 * shared + c2)
    below = (one * one + other * other + c1) * (spread_one + spread_other + c2)
    return (above / below).mean((1, 2, 3))


def _window(width: int, like: Tensor) -> Tensor:
    width -= 1 - width % 2
    places = torch.arange(width, dtype=like.dtype, device=like.device) - width // 2
    bell = torch.exp(-places.square() / (2 * SSIM_SIGMA**2))
    return (bell / bell.sum())[None]


def _enough(size: tuple[int, int]) -> tuple[int, int]:
    return max(SMALLEST_SIDE, size[0]), max(SMALLEST_SIDE, size[1])
