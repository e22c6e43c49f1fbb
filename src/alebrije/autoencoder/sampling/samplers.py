"""The samplers of a latent space by their names: each is fitted to codes, kept as tensors, and drawn from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alebrije.autoencoder.sampling import components, gaussian

FEWEST_CODES = 20
Tensors = dict[str, Tensor]


class Sampler(NamedTuple):
    """`fit(codes [N, D], held-out codes [M, D], seed)` gives tensors to keep, and what was chosen, by name.

    `draw(tensors, count, generator, truncation)` gives new codes [count, D], float32 on the CPU; a truncation below 1
    brings them nearer to where most codes are: likelier pictures, and less different ones. `spherical`: its codes lie
    on a sphere, nearly, so that a path between two of them should keep to it. `middle(tensors)` is the mean of the codes [D].
    """

    what: str
    fit: Callable[[Tensor, Tensor, int], tuple[Tensors, dict[str, Any]]]
    draw: Callable[[Tensors, int, torch.Generator, float], Tensor]
    spherical: bool = False


def _fit_gaussian(codes: Tensor, held_out: Tensor, seed: int) -> tuple[Tensors, dict[str, Any]]:
    fitted = gaussian.reduced(gaussian.fit_gaussian(codes))
    return _pack(fitted), {"held_out_nats": _nats(fitted, held_out)}


def _fit_ledoit_wolf(codes: Tensor, held_out: Tensor, seed: int) -> tuple[Tensors, dict[str, Any]]:
    fitted, amount = gaussian.fit_ledoit_wolf(codes)
    return _pack(fitted), {"shrinkage": amount, "held_out_nats": _nats(fitted, held_out)}


def _fit_prior(codes: Tensor, held_out: Tensor, seed: int) -> tuple[Tensors, dict[str, Any]]:
    """Nothing is fitted: the prior is what the codes were trained to be. It is kept in the same form."""
    standard = gaussian.Gaussian(torch.zeros(codes.shape[1]), torch.eye(codes.shape[1]))
    return _pack(standard), {"held_out_nats": _nats(standard, held_out)}


def _draw_gaussian(tensors: Tensors, count: int, generator: torch.Generator, truncation: float) -> Tensor:
    mean = tensors["mean"]
    return mean + truncation * (gaussian.draw(gaussian.Gaussian(mean, tensors["factor"]), count, generator) - mean)


def _pack(fitted: gaussian.Gaussian) -> Tensors:
    return {"mean": fitted.mean.float().contiguous(), "factor": fitted.factor.float().contiguous()}


def _nats(fitted: gaussian.Gaussian, held_out: Tensor) -> float | None:
    """The mean log likelihood of held-out codes; None where there is none, for the covariance is singular."""
    nats = float(gaussian.log_density(fitted, held_out).mean())
    return nats if nats > -1e30 else None


SAMPLERS: dict[str, Sampler] = {
    "gaussian": Sampler("one Gaussian with the codes' own covariance", _fit_gaussian, _draw_gaussian),
    "ledoit-wolf": Sampler("one Gaussian, its covariance shrunk as Ledoit and Wolf do", _fit_ledoit_wolf, _draw_gaussian),
    "pca-mixture": Sampler("a mixture of Gaussians on principal components", components.fit, components.draw),
    "prior": Sampler("what a variational autoencoder's codes were trained to be", _fit_prior, _draw_gaussian, spherical=True),
}
