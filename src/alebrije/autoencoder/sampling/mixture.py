"""A mixture of Gaussians, fitted by expectation maximisation.

Dempster, Laird, Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39, 1977; it begins at clusters of
k-means, with the centres of k-means++ (Arthur, Vassilvitskii, SODA 2007). All arithmetic is float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

ITERATIONS, LLOYD = 60, 8
ENOUGH = 1e-3  # nats: when a step of EM gains less, it has come to its end
FLOOR = 1e-4  # added to all variances, relative to the mean one of the data: no component may collapse onto a point


@dataclass(frozen=True, slots=True)
class Mixture:
    """Weights [K], means [K, d] and lower Cholesky factors [K, d, d] of the covariances of the components."""

    weights: Tensor
    means: Tensor
    factors: Tensor


def fit_mixture(points: Tensor, components: int, diagonal: bool, generator: torch.Generator) -> Mixture:
    """Fit to points [N, d] `components` Gaussians, of full covariances or `diagonal` ones. N must be at least `components`."""
    points = points.double()
    floor = FLOOR * float(points.var(0, correction=0).mean().clamp_min(1e-12))
    mixture = _maximise(points, _clusters(points, components, generator), floor, diagonal)
    before = -math.inf
    for _ in range(ITERATIONS):
        joint = _joint(mixture, points)
        total = joint.logsumexp(1)
        likelihood = float(total.mean())
        if likelihood - before < ENOUGH:
            break
        before = likelihood
        mixture = _maximise(points, (joint - total[:, None]).exp(), floor, diagonal)
    return mixture


def log_density(mixture: Mixture, points: Tensor) -> Tensor:
    """ln p of points [N, d] in nats, float64 [N]."""
    return _joint(mixture, points.double()).logsumexp(1)


def _joint(mixture: Mixture, points: Tensor) -> Tensor:
    """ln of weight times density of each component at each point, [N, K]."""
    found = []
    for weight, mean, factor in zip(mixture.weights, mixture.means, mixture.factors, strict=True):
        whitened = torch.linalg.solve_triangular(factor, (points - mean).T, upper=False)
        size = factor.diagonal().log().sum() + len(mean) / 2 * math.log(2 * math.pi)
        found.append(weight.log() - size - whitened.square().sum(0) / 2)
    return torch.stack(found, 1)


def _maximise(points: Tensor, shares: Tensor, floor: float, diagonal: bool) -> Mixture:
    """The mixture that is likeliest if each point belongs to the components by `shares` [N, K]."""
    counts = shares.sum(0).clamp_min(1e-9)
    means = shares.T @ points / counts[:, None]
    factors = []
    for share, count, mean in zip(shares.T, counts, means, strict=True):
        apart = points - mean
        if diagonal:
            factors.append(((share @ apart.square()) / count + floor).sqrt().diag())
            continue
        covariance = (share[:, None] * apart).T @ apart / count
        covariance.diagonal().add_(floor)
        factors.append(torch.linalg.cholesky(covariance))
    return Mixture(counts / counts.sum(), means, torch.stack(factors))


def _clusters(points: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Which cluster of k-means each point belongs to, as shares [N, K] of 0 and 1."""
    centres = points[torch.randint(len(points), (1,), generator=generator)]
    for _ in range(count - 1):
        distances = torch.cdist(points, centres).amin(1).square()
        if float(distances.sum()) == 0:  # fewer different points than clusters
            distances = torch.ones_like(distances)
        centres = torch.cat([centres, points[torch.multinomial(distances, 1, generator=generator)]])
    nearest = torch.cdist(points, centres).argmin(1)
    for _ in range(LLOYD):
        shares = torch.nn.functional.one_hot(nearest, count).double()
        sizes = shares.sum(0)[:, None]
        centres = torch.where(sizes > 0, shares.T @ points / sizes.clamp_min(1), centres)
        nearest = torch.cdist(points, centres).argmin(1)
    return torch.nn.functional.one_hot(nearest, count).double()
