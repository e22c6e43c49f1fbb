"""A generator under sliders: one point, moved along directions, by tags and towards the mean, drawn at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from alebrije.core.generating import GenerateConfig
from alebrije.errors import ConfigError
from alebrije.gan import use
from alebrije.gan.latents import directions, saved
from alebrije.gan.latents import space as spaces
from alebrije.gan.latents.directions import REACH, Directions
from alebrije.gan.latents.saved import Point
from alebrije.gan.latents.space import Space
from alebrije.gan.nets.progan import Growing

DIRECTIONS = 10  # sliders, if not told how many


@dataclass(frozen=True, slots=True)
class Live:
    """An opened generator, its directions, the tags [T] it begins with, and the point it begins at (None: a random one)."""

    space: Space
    config: GenerateConfig
    found: Directions
    tags: Tensor | None
    start: Point | None
    busy: threading.Lock = field(default_factory=threading.Lock)


def open_live(run: str, config: GenerateConfig, warn: Callable[[str], None] | None = None) -> Live:
    """Open a run and measure its directions; raises as `latents.generate`. `warn` is told what should be known."""
    space = spaces.open_space(run, config)
    start = None
    if config.start:
        start, notice = saved.read_point(config.start, space)
        if notice and warn:
            warn(notice)
    tags = (start or directions.first_point(space, config)).tags
    found = directions.measure(space, tags, config.seed)
    count = min(DIRECTIONS, len(found.shares)) if config.directions is None else config.directions
    return Live(space, config, directions.chosen(found, count), tags, start)


def facts(live: Live) -> dict[str, Any]:
    """What a page needs to know, as JSON: size of the picture, directions with their share of the variance, tags and their shares
    at the start, whether truncation means something, the seed (None: a start that was given)."""
    opened = live.space.opened
    _, height, width = opened.shape
    shares = [] if live.tags is None else live.tags.tolist()
    return {
        "recipe": opened.recipe, "width": width, "height": height, "reach": REACH,
        "directions": [round(float(share), 6) for share in live.found.shares],
        "tags": [{"name": name, "share": share} for name, share in zip(opened.tags, shares, strict=False)],
        "tags_fixed": live.start is not None and live.space.styled,
        "truncation": None if isinstance(opened.network, Growing) else live.config.truncation,
        "seed": None if live.start else live.config.seed, "given": live.start is not None,
    }  # fmt: skip


def place(live: Live, seed: int | None, moves: Sequence[float], tags: Sequence[float], truncation: float) -> Point:
    """The point of a choice: start `seed` (None: the one that was given), `moves` in standard deviations, `tags` as shares.

    Raises `ConfigError` for a choice that this generator cannot follow.
    """
    space, names = live.space, live.space.opened.tags
    if len(moves) > len(live.found.shares) or len(tags) not in (0, len(names)):
        raise ConfigError(f"this generator has {len(live.found.shares)} directions and {len(names)} tags: load the page again")
    if truncation < 1 and isinstance(space.opened.network, Growing):
        raise ConfigError(f"truncation means nothing to {space.opened.recipe}: leave it at 1")
    if seed is None and live.start is None:
        raise ConfigError("no start was given with --from: name a seed")
    steering = torch.tensor([float(share) for share in tags]) if tags else live.tags
    if seed is None and live.start is not None:
        latent = live.start.latent
        latent = torch.lerp(space.middle, latent, truncation) if space.styled else use.truncated(latent, truncation)
    else:
        codes = torch.randn(1, space.opened.latent_dim, generator=torch.Generator().manual_seed(seed or 0))
        latent = spaces.points(space, codes, None if steering is None else steering[None], truncation)[0]
    amounts = torch.tensor([[float(move) for move in moves]]).reshape(1, -1)
    return Point(directions.moved(latent, live.found, amounts)[0], steering)


def draw(live: Live, point: Point) -> Tensor:
    """The picture [1, C, H, W] in [0, 1] of a point; one at a time."""
    with live.busy:
        return spaces.pictures(live.space, point.latent[None], point.tags)
