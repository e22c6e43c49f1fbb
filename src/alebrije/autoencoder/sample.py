"""New pictures out of a latent space: codes drawn from a Gaussian that was fitted to the codes of pictures, and decoded."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from alebrije.errors import DataError

AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A normal distribution of codes: its mean [D], and the deviations [N, D] of the N codes that it was fitted to."""

    mean: Tensor
    deviations: Tensor


def fit_gaussian(codes: Tensor) -> Gaussian:
    """The Gaussian with the mean and the (unbiased) covariance of codes [N, D]. Raises `DataError` for fewer than two."""
    if len(codes) < 2:
        raise DataError(f"a Gaussian cannot be fitted to {len(codes)} codes: at least 2 are needed")
    mean = codes.mean(0)
    return Gaussian(mean, codes - mean)


def draw(gaussian: Gaussian, count: int, generator: torch.Generator | None = None) -> Tensor:
    """New codes [count, D], float32 on the CPU: mean + g X / sqrt(N - 1), with X the deviations and g standard normal [count, N].

    Their covariance is exactly the fitted one, X^T X / (N - 1), which is singular where there are fewer codes than
    dimensions: then no Cholesky factor exists, and none is needed here.
    """
    normal = torch.randn(count, len(gaussian.deviations), generator=generator)
    return gaussian.mean.cpu() + normal @ gaussian.deviations.cpu() / math.sqrt(len(gaussian.deviations) - 1)


@torch.no_grad()
def unlikeness(network: Callable[[Tensor], Tensor], images: Tensor, spoil: Callable[[Tensor], Tensor]) -> Tensor:
    """How unlike itself each picture [N, C, H, W] becomes when the network is shown the spoiled one and restores it: [N].

    The mean square error over the picture's own variance, so that a grey nothing does not win. 0: the network would draw just
    this picture again. The rule by which the best of many drawn pictures are chosen; no training picture is looked at.
    """
    found = []
    for some in torch.split(images, AT_ONCE):
        error = (network(spoil(some)) - some).square().mean((1, 2, 3))
        found.append(error / some.var((1, 2, 3)).clamp_min(1e-6))
    return torch.cat(found)


def nearest(images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """For each picture [N, C, H, W] in [0, 1] the place of the nearest among `others` [M, C, H, W], uint8, and the mean square
    error of pixels between them."""
    places, errors = [], []
    many = others.flatten(1).float() / 255
    for some in torch.split(images.flatten(1), AT_ONCE):
        distances = torch.cdist(some, many).square() / some.shape[1]
        least = distances.min(1)
        places.append(least.indices)
        errors.append(least.values)
    return torch.cat(places), torch.cat(errors)
