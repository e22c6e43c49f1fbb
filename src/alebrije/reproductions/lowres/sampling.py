"""New pictures from the latent space of one of the nine networks, as the report made them: from fitted Gaussians.

Three kinds: over the codes of all pictures; over those of validation and test, as in the source; over those of each category,
which is a tag that some pictures have. Of the pictures drawn from each the ten best are kept: those that the network itself,
shown their low-resolution version, restores with the least error (`autoencoder.sampling.choosing.unlikeness`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from alebrije.autoencoder.collection import Collection
from alebrije.autoencoder.learning import Task
from alebrije.autoencoder.nets.lowres import LowresAutoencoder
from alebrije.autoencoder.sampling import choosing
from alebrije.autoencoder.sampling.gaussian import draw, fit_gaussian

BEST = 10
FEWEST = 10  # pictures that a category must have
RULE = "restored by the network from their low-resolution version with the least error, relative to their variance"


@dataclass(frozen=True, slots=True)
class Invented:
    """set -> its ten best new pictures [10, 3, S, S] in [0, 1]; the nearest training picture of each; all of it in numbers."""

    pictures: dict[str, Tensor] = field(default_factory=dict)
    neighbours: dict[str, Tensor] = field(default_factory=dict)
    numbers: dict[str, Any] = field(default_factory=dict)


@torch.no_grad()
def invent(task: Task, collection: Collection, draws: int, seed: int) -> Invented:
    """Fit, draw, choose and compare, for all sets of codes."""
    network = task.network.eval()
    assert isinstance(network, LowresAutoencoder)

    def spoil(images: Tensor) -> Tensor:
        return task.spoil(images, None)

    codes = torch.cat([network.encode(spoil(some.float() / 255)) for some in torch.split(collection.images, choosing.AT_ONCE)])
    splits = collection.splits()
    sets = {"all": list(range(len(codes))), "validation and test": list(range(collection.train, len(codes)))}
    sets |= {tag: places for tag, places in collection.categories().items() if len(places) >= FEWEST}
    made = Invented()
    numbers: dict[str, Any] = {}
    for name, places in sets.items():
        generator = torch.Generator().manual_seed(seed)
        latents = draw(fit_gaussian(codes[places]), draws, generator)
        drawn = torch.cat([network.decode(some) for some in torch.split(latents, choosing.AT_ONCE)]).clamp(0, 1)
        best = drawn[choosing.unlikeness(network, drawn, spoil).argsort()[:BEST]]
        nearest, errors = choosing.nearest(best, splits["train"])
        made.pictures[name], made.neighbours[name] = best, splits["train"][nearest].float() / 255
        numbers[name] = {"pictures": len(places), "nearest": float(errors.mean())}
    _, apart = choosing.nearest(splits["test"].float() / 255, splits["train"])
    made.numbers.update(
        {"rule": RULE, "sets": numbers, "test_pictures": len(splits["test"]), "test_nearest": float(apart.mean())}
    )
    return made
