"""All figures of a set of made pictures beside real ones, with the words that must stand beside each of them.

    found = judged(made, real, "compact")
    found["kid_x_1000"], found["kid_x_1000_interval"], found["words"]
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alebrije.errors import ConfigError
from alebrije.features.judging.detectors import Detector, open_detector
from alebrije.features.judging.distances import fid, kid
from alebrije.features.judging.manifolds import compare
from alebrije.features.judging.measured import Measured

FIGURES = {  # in the order of a table, with what they mean
    "kid_x_1000": "KID x 1000: distance from the real pictures, 0 on average where there is none",
    "fid": "FID: distance from the real pictures, larger the fewer there are",
    "precision": "precision: share of the pictures that look real",
    "recall": "recall: share of the real pictures whose like is made",
    "density": "density: how near the pictures lie to real ones, about 1 for real ones",
    "coverage": "coverage: share of the real pictures with a made one beside them",
}
THOUSAND = 1000


def judged(made: Tensor, real: Tensor, detector: Detector | str, seed: int = 0) -> dict[str, Any]:
    """All `FIGURES` of made pictures [N, C, H, W] beside real ones [M, C, H, W], each uint8 or in [0, 1].

    `detector` is one that is open, or what `open_detector` takes. Returns each figure under its name, its 95 % interval under
    ``NAME_interval``, and under ``words`` the detector, its resizing, both counts and the seed, which decides the order of the
    pictures (the jackknife wants one) and density's interval. Raises `ConfigError` for grey pictures beside coloured ones,
    `DataError` for fewer than 20 of either, and what `open_detector` raises.
    """
    look = open_detector(detector) if isinstance(detector, str) else detector
    if made.shape[1] != real.shape[1]:
        kinds = [f"{len(one)} {'grey' if one.shape[1] == 1 else 'coloured'}" for one in (made, real)]
        raise ConfigError(f"{kinds[0]} pictures cannot be compared with {kinds[1]} ones: make both grey, or both coloured")
    return figures(look(made), look(real), look.words, seed)


def figures(made: Tensor, real: Tensor, how: str, seed: int = 0) -> dict[str, Any]:
    """`judged` for features [N, D] and [M, D] that are at hand; `how` are the detector's words."""
    distance = kid_x_1000(made, real, seed)
    made, real = mixed(made, seed), mixed(real, seed + 1)
    found = {"kid_x_1000": distance, "fid": fid(real, made), **compare(real, made, seed)._asdict()}
    return flat(found) | {"words": words(how, len(made), len(real), seed)}


def kid_x_1000(made: Tensor, real: Tensor, seed: int = 0) -> Measured:
    """The first of the `FIGURES` alone, for features [N, D] and [M, D] in any order."""
    return Measured(*(THOUSAND * value for value in kid(mixed(real, seed + 1), mixed(made, seed))))


def flat(found: dict[str, Measured]) -> dict[str, Any]:
    """Each figure as a number, and its interval beside it, as JSON has it."""
    values = {name: one.value for name, one in found.items()}
    return values | {f"{name}_interval": [one.low, one.high] for name, one in found.items()}


def words(how: str, made: int, real: int, seed: int) -> str:
    """What must stand beside every figure."""
    return f"{how}; {made} made, {real} real, seed {seed}"


def mixed(points: Tensor, seed: int) -> Tensor:
    """The same points in an order that means nothing."""
    return points[torch.randperm(len(points), generator=torch.Generator().manual_seed(seed))]
