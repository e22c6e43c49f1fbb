"""Samplers in a model's file, beside its weights: ``sampler.NAME.PART``, so that new pictures can be drawn from the file alone.

What is kept are moments, not codes: a code can be decoded to a likeness of the picture that it came from, and whoever shares
a model does not mean to share the pictures that it learned from.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from torch import Tensor

from alebrije.autoencoder.sampling.samplers import SAMPLERS, Tensors
from alebrije.events import Event, Step

PREFIX = "sampler."


def fit_all(
    codes: Tensor, held_out: Tensor, seed: int, *, prior: bool = False
) -> Generator[Event, None, tuple[Tensors, dict[str, Any]]]:
    """Fit all samplers to codes [N, D]; the prior only where the codes were made to follow it. Returns tensors and notes."""
    names = [name for name in SAMPLERS if prior or name != "prior"]
    tensors: Tensors = {}
    notes: dict[str, Any] = {}
    for place, name in enumerate(names, 1):
        fitted, notes[name] = SAMPLERS[name].fit(codes, held_out, seed)
        tensors |= {f"{PREFIX}{name}.{part}": tensor for part, tensor in fitted.items()}
        yield Step(place, len(names))
    return tensors, notes


def weights_of(tensors: Mapping[str, Tensor]) -> Tensors:
    """The weights of the network among the tensors of a model's file."""
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}


def samplers_of(tensors: Mapping[str, Tensor]) -> dict[str, Tensors]:
    """name of a sampler -> its tensors, for all that the tensors of a model's file hold; in the order of `SAMPLERS`."""
    found: dict[str, Tensors] = {}
    for full, tensor in tensors.items():
        if full.startswith(PREFIX):
            name, _, part = full.removeprefix(PREFIX).partition(".")
            found.setdefault(name, {})[part] = tensor
    return {name: found[name] for name in SAMPLERS if name in found}
