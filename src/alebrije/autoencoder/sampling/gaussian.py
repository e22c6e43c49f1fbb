"""Codes from one Gaussian: with the covariance of the given codes, or with one that is shrunk towards a sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from alebrije.errors import DataError


@dataclass(frozen=True, slots=True)
class Gaussian:
    """A normal distribution of codes: its mean [D], and a factor F [R, D] of its covariance F^T F."""

    mean: Tensor
    factor: Tensor


def fit_gaussian(codes: Tensor) -> Gaussian:
    """The Gaussian with the mean and the (unbiased) covariance of codes [N, D]. Raises `DataError` for fewer than two.

    Its factor are the N deviations over sqrt(N - 1): where there are fewer codes than dimensions the covariance is singular,
    no Cholesky factor exists, and none is needed.
    """
    if len(codes) < 2:
        raise DataError(f"a Gaussian cannot be fitted to {len(codes)} codes: at least 2 are needed")
    mean = codes.mean(0)
    return Gaussian(mean, (codes - mean) / math.sqrt(len(codes) - 1))


def reduced(gaussian: Gaussian) -> Gaussian:
    """The same distribution with a factor of at most D rows: R^T R = F^T F, by a singular value decomposition in float64."""
    _, values, vectors = torch.linalg.svd(gaussian.factor.double(), full_matrices=False)
    factor = (values[:, None] * vectors).to(gaussian.factor.dtype)
    return Gaussian(gaussian.mean, factor)


def draw(gaussian: Gaussian, count: int, generator: torch.Generator | None = None) -> Tensor:
    """New codes [count, D], float32 on the CPU: mean + g F with g standard normal [count, R]."""
    normal = torch.randn(count, len(gaussian.factor), generator=generator)
    return gaussian.mean.cpu() + normal @ gaussian.factor.cpu()


def shrinkage(codes: Tensor) -> float:
    """How far the covariance of codes [N, D] is best drawn to a multiple of the identity: 0 not at all, 1 wholly.

    Ledoit, Wolf, "A well-conditioned estimator for large-dimensional covariance matrices", Journal of Multivariate Analysis 88,
    2004, section 3.2. With S the covariance (over N), m = tr S / D, |A|^2 the mean over D of A's squared numbers summed by rows:
    d^2 = |S - m I|^2, b^2 = min(d^2, sum_k |x_k x_k^T - S|^2 / N^2); the shrinkage is b^2 / d^2.
    """
    deviations = (codes - codes.mean(0)).double()
    count, dimensions = deviations.shape
    covariance = deviations.T @ deviations / count
    spread = covariance - covariance.trace() / dimensions * torch.eye(dimensions, dtype=torch.float64)
    apart = float(spread.square().sum()) / dimensions
    # |x x^T - S|^2 summed over all x is sum |x|^4 - N |S|^2: S is the mean of the x x^T.
    fourth = float(deviations.square().sum(1).square().sum()) - count * float(covariance.square().sum())
    noise = fourth / count**2 / dimensions
    return min(1.0, noise / apart) if apart > 0 else 1.0


def fit_ledoit_wolf(codes: Tensor) -> tuple[Gaussian, float]:
    """The Gaussian with Ledoit and Wolf's covariance, (1 - s) S + s m I, and its shrinkage s; see `shrinkage`."""
    if len(codes) < 2:
        raise DataError(f"a Gaussian cannot be fitted to {len(codes)} codes: at least 2 are needed")
    amount = shrinkage(codes)
    deviations = (codes - codes.mean(0)).double()
    covariance = deviations.T @ deviations / len(codes)
    sphere = covariance.trace() / codes.shape[1]
    values, vectors = torch.linalg.eigh((1 - amount) * covariance)
    spread = (values.clamp_min(0) + amount * sphere).sqrt()
    return Gaussian(codes.mean(0), (spread[:, None] * vectors.T).to(codes.dtype)), amount


def log_density(gaussian: Gaussian, codes: Tensor) -> Tensor:
    """ln p of codes [N, D] in nats, float64 [N]; minus infinity everywhere if the covariance is singular."""
    values, vectors = torch.linalg.eigh((gaussian.factor.double().T @ gaussian.factor.double()).cpu())
    if float(values[0]) <= 1e-10 * float(values[-1]):
        return torch.full((len(codes),), -math.inf, dtype=torch.float64)
    whitened = (codes.double() - gaussian.mean.double()) @ vectors / values.sqrt()
    nats: Tensor = -(whitened.square().sum(1) + values.log().sum() + len(values) * math.log(2 * math.pi)) / 2
    return nats
