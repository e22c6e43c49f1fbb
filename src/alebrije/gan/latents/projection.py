"""Projection: the point of a generator whose picture is most like a given one.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020, appendix D:
Adam, a rate that rises and falls, noise on the latent at the beginning. Departures: each layer has its own style, and latents
of networks without styles are found in the same way; the network's own noise stays as it is; the distance is that of pixels
plus that of `compact`'s features in place of LPIPS; the start is the best of some random points and the mean; what lies farther
from the mean than latents do costs; 300 steps in place of 1,000, with the same shares for rise, fall and noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.core.generating import GenerateConfig
from alebrije.core.image import Picture, fit, to_gray
from alebrije.core.latents import sheet
from alebrije.errors import Interrupted
from alebrije.events import Done, Events, Preview, Started, Step, Warned
from alebrije.gan.latents import saved
from alebrije.gan.latents import space as spaces
from alebrije.gan.latents.saved import Made, Point
from alebrije.gan.latents.space import Space

RATE, RISE, FALL = 0.1, 0.05, 0.25  # learning rate, shares of the steps in which it rises and falls (appendix D)
NOISE, NOISY = 0.05, 0.75  # of the points' distance to their mean, and the share of the steps that have any (appendix D)
CANDIDATES = 64  # random points of which the best is the start
LAYERS = ("relu1_2", "relu2_2", "relu3_2")  # of compact: edges, textures, parts
SEEN = 64  # pixels: smaller pictures are enlarged before they are looked at
FEATURES, PRIOR = 0.1, 0.01  # weights of features (their mean activation is 1) and of the distance from the mean, beside pixels
AT_ONCE = 16  # candidates that are looked at together
EACH = 10  # steps between looks at the point as it is, without noise
ERROR = 2.0  # how many times the error picture shows the error

Distance = Callable[[Tensor], tuple[Tensor, Tensor]]


@dataclass(slots=True)
class Best:
    """The nearest point [1, layers, dim] so far, its picture [1, C, H, W] in [0, 1], and its distances."""

    point: Tensor
    image: Tensor
    loss: float
    psnr: float
    features: float


def fitted(picture: Picture, shape: tuple[int, int, int]) -> tuple[Tensor, list[str]]:
    """A picture as a generator of `shape` (C, H, W) might paint it, [1, C, H, W], and what was changed, in words."""
    channels, height, width = shape
    notices = []
    if picture.width * height != picture.height * width:
        size = f"{picture.width}x{picture.height}"
        notices.append(f"the picture has {size} pixels, the generator {width}x{height}: the middle in those proportions is taken")
    pixels = fit(picture.on_white, (height, width))
    if channels == 1 and not picture.gray:
        notices.append("this generator paints in grey: the picture's colours are left out")
    if channels == 3 and picture.gray:
        notices.append("the picture is grey, and this generator paints in colours: it may not come near")
    return (to_gray(pixels) if channels == 1 else pixels), notices


def distances(target: Tensor, device: torch.device) -> Distance:
    """From pictures [B, C, H, W] to the mean square errors of pixels and of features, [B] each."""
    target = target.to(device)
    network = features.load("compact", LAYERS, device=device)
    scale = max(1, math.ceil(SEEN / min(target.shape[-2:])))

    def look(images: Tensor) -> dict[str, Tensor]:
        images = images.expand(-1, 3, -1, -1)
        images = F.interpolate(images, scale_factor=scale, mode="bilinear") if scale > 1 else images
        found: dict[str, Tensor] = network(images)
        return found

    with torch.no_grad():
        wanted = look(target)

    def distance(images: Tensor) -> tuple[Tensor, Tensor]:
        found = look(images)
        parts = [(found[layer] - wanted[layer]).square().flatten(1).mean(1) for layer in LAYERS]
        return (images - target).square().flatten(1).mean(1), torch.stack(parts).mean(0)

    return distance


def project(space: Space, config: GenerateConfig, picture: Picture, start: Point | None = None) -> Events:
    """Find the point whose picture is most like `picture`, in `config.steps` steps. Ends with `Done(Made)`.

    The sheet shows the picture as it was fitted, its projection, and twice the absolute error. The best point so far is kept when
    the user stops. With `start` the search begins there. Yields `Preview` now and then.
    """
    target, notices = fitted(picture, space.opened.shape)
    for notice in notices:
        yield Warned(notice)
    device = next(space.opened.network.parameters()).device
    distance = distances(target, device)
    yield Started("looking for a start", None)
    point, tags = (start.latent[None], start.tags) if start else _begin(space, config, distance, device)
    steering = None if tags is None else tags[None].to(device)
    best = _look(space, point.to(device), steering, distance)
    first, interrupted = best, False
    yield Started("projecting", config.steps)
    try:
        for step, latest in _search(space, config, best.point, steering, distance):
            best = min(best, latest, key=lambda one: one.loss)
            if step % EACH == 0 or step == config.steps:
                yield Preview(best.image.expand(-1, 3, -1, -1).clone(), step, "projection")
            yield Step(step, config.steps, {"psnr": best.psnr, "features": best.features})
    except Interrupted:
        interrupted = True
    error = (ERROR * (best.image - target).abs()).clamp(0, 1)
    images = torch.cat([target, best.image, error])
    report = {"psnr": best.psnr, "features": best.features, "start_psnr": first.psnr, "start_features": first.features,
              "steps": config.steps, "seed": config.seed, "recipe": space.opened.recipe}  # fmt: skip
    tensors = saved.tensors(Point(best.point[0].cpu(), tags))
    made = Made(sheet(images, 3), images, report, tensors, saved.header(space, "project"))
    yield Done(made, interrupted=interrupted)


def _search(
    space: Space, config: GenerateConfig, start: Tensor, tags: Tensor | None, distance: Distance
) -> Iterator[tuple[int, Best]]:
    """Adam from a point [1, layers, dim]; after each step yields its number and the newest look. In units of `space.deviation`
    around the mean, so that rate and noise mean the same to every network."""
    generator = torch.Generator().manual_seed(config.seed)
    middle, steps = space.middle.to(start.device), config.steps
    place = ((start - middle) / space.deviation).requires_grad_(True)
    optimizer = torch.optim.Adam([place], lr=RATE)
    latest = _look(space, start, tags, distance)
    for step in range(1, steps + 1):
        done = (step - 1) / steps
        optimizer.param_groups[0]["lr"] = RATE * rate(done)
        noise = NOISE * math.sqrt(space.dim) * max(0.0, 1 - done / NOISY) ** 2
        shaken = place + noise * torch.randn(place.shape, generator=generator).to(place.device)
        pixels, seen = distance(shown(spaces.paint(space, middle + space.deviation * shaken, tags)))
        far = (place.square().mean(-1) - 1).clamp_min(0).square().mean()
        optimizer.zero_grad(set_to_none=True)
        (pixels.sum() + FEATURES * seen.sum() + PRIOR * far).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % EACH == 0 or step == steps:
            latest = _look(space, middle + space.deviation * place.detach(), tags, distance)
        yield step, latest


def shown(painted: Tensor) -> Tensor:
    """A picture as it is shown, within [0, 1]. What is brighter than white can be told to become darker, and what is darker than
    black to become brighter; the other way round nobody would see it, and such gradients are left out, or they run away."""

    def inward(gradient: Tensor) -> Tensor:
        outward = ((painted > 1) & (gradient < 0)) | ((painted < 0) & (gradient > 0))
        return gradient.masked_fill(outward, 0.0)

    if painted.requires_grad:
        painted.register_hook(inward)  # type: ignore[no-untyped-call]
    return painted + (painted.clamp(0, 1) - painted).detach()


def rate(done: float) -> float:
    """The share of the full learning rate when the share `done` of the steps is done: rises in a line, falls as a cosine."""
    rise, fall = min(1.0, done / RISE), min(1.0, (1 - done) / FALL)
    return max(rise, 0.02) * (0.5 - 0.5 * math.cos(math.pi * fall))


def _begin(space: Space, config: GenerateConfig, distance: Distance, device: torch.device) -> tuple[Tensor, Tensor | None]:
    """The nearest of `CANDIDATES` random points and of the mean: [1, layers, dim], and its tags [T]."""
    points, tags = spaces.draw(space, CANDIDATES, torch.Generator().manual_seed(config.seed), config.tags)
    points = torch.cat([points, space.middle.expand(1, space.layers, -1)])
    tags = None if tags is None else torch.cat([tags, tags[:1]])
    losses = []
    with torch.no_grad():
        for images in torch.split(spaces.pictures(space, points, tags), AT_ONCE):
            pixels, seen = distance(images.to(device))
            losses.append(pixels + FEATURES * seen)
    nearest = int(torch.cat(losses).argmin())
    return points[nearest : nearest + 1], None if tags is None else tags[nearest]


@torch.no_grad()
def _look(space: Space, point: Tensor, tags: Tensor | None, distance: Distance) -> Best:
    """A point's picture as it is, and its distances."""
    image = spaces.paint(space, point, tags).clamp(0, 1)
    pixels, seen = distance(image)
    loss = float(pixels + FEATURES * seen)
    psnr = -10 * math.log10(max(float(pixels), 1e-10))
    return Best(point.detach().clone(), image.cpu(), loss, psnr, float(seen))
