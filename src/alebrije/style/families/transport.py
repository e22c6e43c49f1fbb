"""Optimal transport: the least work that turns one cloud of points into another, in two forms that can be computed."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.style.families.histogram import LEVELS, quantiles
from alebrije.style.families.parts import Reference, Statistic, in_double, points, root_mean_square

NOISE = 1e-3  # variance added to each channel, as a share of the style's mean variance


def gaussian_root(features: Tensor) -> Reference:
    """What `moments` needs of the style's features [B, C, H, W]: the root of its covariance [B, C, C], and its added
    variance and its root mean square, both [B, 1, 1]."""
    scale = root_mean_square(features)
    return root_of(_mean_and_covariance(points(features) / scale)[1], scale)


def root_of(covariance: Tensor, scale: Tensor) -> Reference:
    """What `gaussian_root` returns, given the covariance [B, C, C] in units of the root mean square `scale` [B, 1, 1]."""
    channels = covariance.shape[1]
    spread = covariance.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
    noise = NOISE * spread.clamp_min(1e-3 / channels)  # a flat style has no variance of its own
    values, vectors = torch.linalg.eigh(in_double(covariance + noise * torch.eye(channels).to(covariance)))
    root = (vectors * values.clamp_min(0).sqrt()[:, None]) @ vectors.mT
    return root, noise, scale


def moments(features: Tensor, reference: Reference) -> tuple[Tensor, ...]:
    """A cloud of points as a Gaussian, beside the style's: its mean [B, C], the trace of its covariance A [B], and the
    trace of (S^1/2 A S^1/2)^1/2 [B], S being the style's covariance: what the distance of two Gaussians needs.

    Points are in units of the style's root mean square, so doubling style and picture changes nothing. A and S each have a
    thousandth of the style's mean variance added to all channels: a layer with fewer positions than channels has
    directions without any variance, where the root is infinitely steep.
    """
    return of_gaussian(*_mean_and_covariance(points(features) / reference[2]), reference)


def of_gaussian(level: Tensor, covariance: Tensor, reference: Reference) -> tuple[Tensor, ...]:
    """What `moments` returns, given the mean [B, C] and covariance [B, C, C] in units of the style's root mean square."""
    root, noise, _ = reference
    covariance = covariance + noise * torch.eye(covariance.shape[1]).to(covariance)
    shared: Tensor = _RootTrace.apply(root @ in_double(covariance) @ root)  # type: ignore[no-untyped-call]
    return level, covariance.diagonal(dim1=1, dim2=2).sum(1), shared.to(level)


def gaussian_wasserstein(value: Statistic, target: Statistic) -> Tensor:
    """Squared 2-Wasserstein distance of two Gaussians, a scalar: |m - n|^2 + tr(A) + tr(S) - 2 tr((S^1/2 A S^1/2)^1/2).

    Dowson & Landau, "The Frechet distance between multivariate normal distributions", Journal of Multivariate Analysis
    1982. In units of the style's root mean square: 1 for a picture of zero features, less up to 0.06 for the added
    variance.
    """
    level, spread, shared = value
    goal, breadth, own = target  # own is tr((S S)^1/2) = tr(S), and as computed it makes the style's distance exactly 0
    return ((level - goal).square().sum(1) + (spread - breadth) - 2 * (shared - own)).mean()


def _mean_and_covariance(cloud: Tensor) -> tuple[Tensor, Tensor]:
    level = cloud.mean(1)
    centred = cloud - level[:, None]
    return level, centred.mT @ centred / cloud.shape[1]


class _RootTrace(torch.autograd.Function):
    """tr(M^1/2) of symmetric positive definite matrices [B, C, C] -> [B]. Its gradient is M^(-1/2) / 2, from the
    eigenvectors of M alone; autograd would differentiate the eigenvectors too, and divide by the differences of
    eigenvalues that may be equal."""

    @staticmethod
    def forward(ctx: Any, matrix: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
        roots: Tensor = values.clamp_min(1e-14 * values[:, -1:].clamp_min(1e-30)).sqrt()
        ctx.save_for_backward(roots, vectors)
        return roots.sum(1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        roots, vectors = ctx.saved_tensors
        result: Tensor = (vectors * (gradient[:, None] / (2 * roots))[:, None]) @ vectors.mT
        return result


def sliced(features: Tensor, reference: Reference = ()) -> Tensor:
    """256 quantiles of the points along random directions, [B, C, H, W] -> [B, max(2 C, 32), 256].

    Heitz, Vanhoey, Chambon & Belcour, "A Sliced Wasserstein Loss for Neural Texture Synthesis", CVPR 2021: the squared
    distance of sorted projections. Departures: the directions are drawn once, by the number of channels, and not anew at
    each step, for an optimiser with a memory needs a loss that stays; so they are twice as many. Sorted values are
    resampled to a common number, because style and content have different sizes. Grows like the features.
    """
    cloud = points(features)
    return quantiles(directions(features.shape[1]).to(cloud).mT @ cloud.mT, LEVELS)


def directions(channels: int) -> Tensor:
    """Random directions of length 1, [channels, max(2 channels, 32)], drawn by the number of channels alone."""
    generator = torch.Generator().manual_seed(channels)
    return F.normalize(torch.randn(channels, max(2 * channels, 32), generator=generator, dtype=torch.float64), dim=0)
