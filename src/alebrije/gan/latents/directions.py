"""Directions in which a generator's pictures change most, found by looking at many of its latents.

Härkönen, Hertzmann, Lehtinen, Paris, "GANSpace: Discovering Interpretable GAN Controls", NeurIPS 2020, principal feature
directions: where there are styles, the principal components of many styles (as there for StyleGAN); elsewhere those of what the
first layer gives, and for each the direction of the latent that brings it about, by regression (as there for BigGAN). Departures:
components are found of all samples at once; each direction moves all layers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import sheet
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Events, Started, Step
from alebrije.gan.latents import saved
from alebrije.gan.latents import space as spaces
from alebrije.gan.latents.saved import Made, Point
from alebrije.gan.latents.space import Space, first_layer

STYLES, ACTIVATIONS = 10_000, 2_000  # samples: styles are cheap, and what a first layer gives may be 8,000 numbers
AT_ONCE = 250
REACH, COLUMNS = 3.0, 7  # standard deviations to both sides that a sheet shows, and in how many pictures
NOTHING = 1e-6  # of the widest component: below it there is no direction, only rounding


@dataclass(frozen=True, slots=True)
class Directions:
    """`steps` [K, dim], each one standard deviation long, the widest first; `shares` [K] of the variance; from how many
    `samples`."""

    steps: Tensor
    shares: Tensor
    samples: int


def principal(data: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Principal components of data [N, F]: mean [F], components [K, F] of length 1, standard deviations [K], shares of the
    variance [K]; float64, the widest first, K at most N - 1 and F. The largest entry of a component is positive."""
    data = data.double()
    count, features = data.shape
    mean = data.mean(0)
    centred = data - mean
    wide = features > count
    values, vectors = torch.linalg.eigh(centred @ centred.mT if wide else centred.mT @ centred)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    kept = int((values.sqrt() > NOTHING * values[0].sqrt()).sum()) if float(values[0]) > 0 else 0
    kept = min(kept, count - 1)
    components = (centred.mT @ vectors[:, :kept] / values[:kept].sqrt() if wide else vectors[:, :kept]).mT
    largest = components.gather(1, components.abs().argmax(1, keepdim=True))
    return mean, components * largest.sign(), (values[:kept] / (count - 1)).sqrt(), values[:kept] / values.sum()


def regression(coordinates: Tensor, latents: Tensor) -> Tensor:
    """The directions U [K, dim] with the least sum of |x U - z|^2 over samples of coordinates x [N, K] and latents z [N, dim],
    both around their means."""
    found: Tensor = torch.linalg.lstsq(coordinates, latents - latents.mean(0)).solution
    return found


def measure(space: Space, tags: Tensor | None, seed: int = 0, samples: int | None = None) -> Directions:
    """All principal directions of a generator; the same for the same seed. Its tags are held at `tags` [T]; without them they
    are those of pictures it has learned from. Raises `ConfigError` if its pictures do not depend on its latents at all."""
    count = samples or (STYLES if space.styled else ACTIVATIONS)
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(count, space.opened.latent_dim, generator=generator)
    steering = spaces.tags_of(space.opened, None, count, generator) if tags is None else tags.expand(count, -1)
    points = spaces.points(space, codes, steering)[:, 0]
    activations = points if space.styled else _activations(space, points, steering)
    mean, components, deviations, shares = principal(activations)
    if not len(shares):
        raise ConfigError("this generator does not look at its latents, so there are no directions: train it first")
    steps = components
    if not space.styled:
        steps = regression((activations.double() - mean) @ components.mT, points.double())
    return Directions((steps * deviations[:, None]).float(), shares.float(), count)


def moved(point: Tensor, directions: Directions, amounts: Tensor) -> Tensor:
    """A point [layers, dim] moved by so many standard deviations [B, K'] along the first K' directions, in all its layers:
    [B, layers, dim]."""
    return point + (amounts @ directions.steps[: amounts.shape[1]])[:, None]


def chosen(found: Directions, count: int) -> Directions:
    """The widest `count` directions. Raises `ConfigError` if there are fewer."""
    if count > len(found.shares):
        raise ConfigError(f"this generator has {len(found.shares)} directions: ask for so many at most")
    return Directions(found.steps[:count], found.shares[:count], found.samples)


def show(space: Space, config: GenerateConfig, start: Point | None = None) -> Events:
    """The sheet of `config.directions`: a row per direction, from `REACH` standard deviations on one side to as many on the
    other, the start picture in the middle. Ends with `Done(Made)`, whose tensors are the directions; raises `ConfigError`.

    Tags are held; but styles have theirs in them, and those that nobody chose may change along a direction.
    """
    start = start or first_point(space, config)
    assert config.directions
    yield Started("finding directions", config.directions)
    held = None if space.styled and not config.tags else start.tags
    found = chosen(measure(space, held, config.seed), config.directions)
    rows: list[Tensor] = []
    interrupted = False
    try:
        for place in range(config.directions):
            amounts = torch.zeros(COLUMNS, config.directions)
            amounts[:, place] = torch.linspace(-REACH, REACH, COLUMNS)
            rows.append(spaces.pictures(space, moved(start.latent, found, amounts), start.tags))
            yield Step(place + 1, config.directions)
    except Interrupted:
        if not rows:
            raise
        interrupted = True
    shares = [round(float(share), 6) for share in found.shares]
    report = {"directions": len(rows), "shares": shares, "samples": found.samples, "seed": config.seed,
              "truncation": config.truncation, "recipe": space.opened.recipe}  # fmt: skip
    tensors = saved.tensors(start, directions=found.steps.clone(), shares=found.shares.clone())
    images = torch.cat(rows)
    yield Done(Made(sheet(images, COLUMNS), images, report, tensors, saved.header(space, "directions")), interrupted=interrupted)


def first_point(space: Space, config: GenerateConfig) -> Point:
    """The first point that the settings draw."""
    points, tags = spaces.draw(space, 1, torch.Generator().manual_seed(config.seed), config.tags, config.truncation)
    return Point(points[0], None if tags is None else tags[0])


class _Enough(Exception):  # noqa: N818 - nothing is wrong
    """Ends a pass through a network when the first layer is done."""


def _activations(space: Space, points: Tensor, tags: Tensor | None) -> Tensor:
    """What the first layer gives for latents [N, dim]: [N, F], on the CPU."""
    device = next(space.opened.network.parameters()).device
    found: list[Tensor] = []

    def keep(module: nn.Module, given: object, result: Tensor) -> None:
        found.append(result.float().flatten(1).cpu())
        raise _Enough

    hook = first_layer(space.opened.network).register_forward_hook(keep)
    try:
        for at in range(0, len(points), AT_ONCE):
            steering = None if tags is None else tags[at : at + AT_ONCE].to(device)
            try:
                with torch.no_grad():
                    space.opened.network(points[at : at + AT_ONCE].to(device), steering)
            except _Enough:
                continue
    finally:
        hook.remove()
    return torch.cat(found)
