"""How long a stylisation will take and how much memory it needs, said before it is too late; and tiles for what is too large."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from alebrije.features import Extractor
from alebrije.style.config import LEAST_TILE, Scale, StylizeConfig
from alebrije.style.optimize import history_of
from alebrije.style.tiled.additive import ADDITIVE
from alebrije.style.tiled.geometry import halo, reaches
from alebrije.style.tiled.measure import additive_of

LONG = 60.0  # seconds: shorter work needs no forecast
PROBE = 64  # pixels a side of the picture with which the network is measured
HELD = 1.6  # bytes held at the peak per byte of all stages' outputs: they, and the gradients on their way back
ROOM = 3e9  # bytes: work that needs more is done in tiles...
TILE_ROOM = 1e9  # ...each of which needs about so many
MOST_TILE = 4096  # pixels a side
SLOWER = 1.7  # a step in tiles takes so much longer: everything is looked at twice, and halos with it
PROGRAM = 0.5e9  # bytes: what the program itself holds
PICTURES = 10  # in float32 that the work keeps beside the network and the optimiser's history


def seconds_left(seconds: float, stage: int, step: int, plan: Sequence[Scale], tiles: Sequence[int | None] = ()) -> float:
    """The time to go when a step takes `seconds` and `step` steps of this `stage` (from 0) of the plan are done: a step's time
    grows with the number of pixels, and is longer for the stages that have `tiles`."""
    slower = [SLOWER if tile else 1.0 for tile in tiles] or [1.0] * len(plan)
    costs = [scale.fraction**2 * factor for scale, factor in zip(plan, slower, strict=True)]
    steps = [
        cost * (scale.steps - (step if number == stage else 0))
        for number, (cost, scale) in enumerate(zip(costs, plan, strict=True))
    ]
    return seconds * sum(steps[stage:]) / costs[stage]


def bytes_needed(extractor: Extractor, pixels: int, optimizer: str, tile: int | None = None) -> int:
    """About how many bytes the work holds at once for a picture of so many pixels, with a loss as frugal as Gram's; or if it is
    looked at in tiles of `tile` pixels a side."""
    kept = 2 * history_of(3 * pixels) if optimizer == "lbfgs" else 2
    beyond = 2 * halo(reaches(extractor.name, extractor.layers).values())
    held = HELD * _bytes_a_pixel(extractor) * min(pixels, (tile + beyond) ** 2 if tile else pixels)
    return round(PROGRAM + held + pixels * 3 * 4 * (PICTURES + kept))


def _bytes_a_pixel(extractor: Extractor) -> float:
    """The outputs of all stages."""
    with torch.no_grad():
        x = extractor.normalize(torch.zeros(1, 3, PROBE, PROBE, device=extractor.mean.device))
        total = 0
        for stage in extractor.stages.values():
            x = stage(x)
            total += x.numel() * x.element_size()
    return total / PROBE**2


def tile_side(extractor: Extractor, config: StylizeConfig, pixels: int, free: int | None) -> int | None:
    """The side of the tiles in which a picture of so many pixels is to be looked at; None: as a whole.

    Left to itself (`auto`) it takes tiles where the work would need more than 3 GB, or more than half of what is free, and
    where the loss can be added up. Raises `ConfigError` if it cannot, and tiles are asked for.
    """
    if config.tile == "none":
        return None
    if config.tile != "auto":
        additive_of(config)
        return int(config.tile) if pixels > int(config.tile) ** 2 else None
    needed = bytes_needed(extractor, pixels, config.optimizer)
    if needed <= min(ROOM, 0.5 * free if free else ROOM) or not is_additive(config):
        return None
    additive = additive_of(config)
    beyond = 2 * halo(reaches(extractor.name, extractor.layers).values(), additive.reach)
    hunger = 1 + 0.4 * (additive.copies - 1)  # Gram's one copy is in HELD
    room = min(TILE_ROOM, 0.25 * free if free else TILE_ROOM)
    side = (room / (HELD * _bytes_a_pixel(extractor) * hunger)) ** 0.5 - beyond
    return int(min(max(side, 2 * LEAST_TILE), MOST_TILE)) // 16 * 16


def is_additive(config: StylizeConfig) -> bool:
    """Whether the loss of `config` can be found in tiles."""
    return config.loss in ADDITIVE and (config.loss != "cooccurrence" or config.form == "pairwise")


def tile_notice(tile: int | None, needed: int, named: str) -> str | None:
    """A sentence for the user if the work is done in tiles."""
    if not tile:
        return None
    return f"{named} pixels are looked at in tiles of {tile} pixels, to need no more than about {needed / 1e9:.1f} GB of memory"


def memory_notice(needed: int, free: int | None, named: str, config: StylizeConfig | None = None) -> str | None:
    """A sentence for the user if the memory will not do for a picture `named` by its size."""
    if free is None or needed <= free:
        return None
    if config and not is_additive(config):
        named = f"--loss {config.loss} cannot work in tiles, and {named}"
    needs, has = f"{needed / 1e9:.1f} GB", f"{free / 1e9:.1f} GB"
    return f"{named} pixels need about {needs} of memory and {has} are free: a smaller --size is safer"


def time_notice(seconds: float, needed: int, named: str) -> str | None:
    """A sentence for the user if the work will take long."""
    if seconds < LONG:
        return None
    minutes = f"{seconds / 60:.0f} minutes" if seconds >= 90 else "a minute"
    return f"about {minutes} to go at {named} pixels, with about {needed / 1e9:.1f} GB of memory"
