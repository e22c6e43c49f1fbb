"""How far a set of made pictures is from a set of real ones, by their features: KID and FID.

Both see only what the detector sees. Numbers made with different detectors, resizing or counts cannot be compared.
Intervals are of the delete-a-block jackknife (Efron, Stein, "The jackknife estimate of variance", Annals of Statistics 9, 1981):
both sets are cut into ten blocks, the distance is computed ten times without the i-th of each, and t's quantile for nine degrees
of freedom times the standard error is put on both sides. The sets must be in no order.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from alebrije.errors import DataError
from alebrije.features.judging.measured import Measured

BLOCKS = 10
T95 = 2.2621571627982  # of Student's t with nine degrees of freedom 95 % lie within +- this


def kid(real: Tensor, made: Tensor) -> Measured:
    """Kernel inception distance of features [N, D] and [M, D]: the squared maximum mean discrepancy, k(x, y) = (x.y / D + 1)^3.

    Bińkowski et al., "Demystifying MMD GANs", ICLR 2018, equation 4, unbiased: it is 0 on average for two samples of one
    distribution, and may be negative. Departure: they average over random subsets, which adds chance; this is the
    value over all pairs at once. Raises `DataError` for fewer than two pictures a block.
    """
    first, second = _blocks(real), _blocks(made)
    sums = [_kernel_sums(a, b) for a, b in ((first, first), (second, second), (first, second))]
    sizes = [torch.tensor([len(block) for block in blocks], dtype=torch.float64) for blocks in (first, second)]

    def estimate(kept: Tensor) -> float:
        inside, among, between = (float(one[kept][:, kept].sum()) for one in sums)
        n, m = (float(size[kept].sum()) for size in sizes)
        return inside / (n * (n - 1)) + among / (m * (m - 1)) - 2 * between / (n * m)

    return _jackknife(estimate)


def fid(real: Tensor, made: Tensor) -> Measured:
    """Fréchet distance of the Gaussians fitted to features [N, D] and [M, D]: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    Heusel et al., "GANs trained by a two time-scale update rule converge to a local Nash equilibrium", NeurIPS 2017, equation 6.
    Biased: it grows as the sets shrink, so compare equal counts only. The interval knows nothing of that bias.
    """
    first, second = _blocks(real), _blocks(made)

    def estimate(kept: Tensor) -> float:
        places = kept.tolist()
        return frechet(*_moments(torch.cat([first[i] for i in places])), *_moments(torch.cat([second[i] for i in places])))

    return _jackknife(estimate)


def frechet(mean1: Tensor, covariance1: Tensor, mean2: Tensor, covariance2: Tensor) -> float:
    """The squared Fréchet distance of two Gaussians, means [D] and covariances [D, D].

    The trace of (C1 C2)^(1/2) is the sum of the roots of the eigenvalues of R C2 R, where R is the root of C1: it is symmetric,
    so that nothing complex comes of it.
    """
    values, vectors = torch.linalg.eigh(covariance1)
    root = (vectors * values.clamp_min(0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ covariance2 @ root).clamp_min(0).sqrt().sum()
    return float((mean1 - mean2).square().sum() + covariance1.trace() + covariance2.trace() - 2 * cross)


def _moments(points: Tensor) -> tuple[Tensor, Tensor]:
    return points.mean(0), torch.cov(points.T).reshape(points.shape[1], points.shape[1])


def _blocks(points: Tensor) -> list[Tensor]:
    if len(points) < 2 * BLOCKS:
        raise DataError(f"{len(points)} pictures are too few to compare sets: at least {2 * BLOCKS} are needed")
    return list(torch.tensor_split(points.double(), BLOCKS))


def _kernel_sums(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """The sum of the kernel over all pairs, for each block of the one set and of the other, [B, B]; of a set with itself,
    without the pairs of a point with itself."""
    sums = torch.zeros(len(first), len(second), dtype=torch.float64)
    for row, ours in enumerate(first):
        for column, theirs in enumerate(second):
            kernel = (ours @ theirs.T / ours.shape[1] + 1) ** 3
            sums[row, column] = kernel.sum() - (kernel.trace() if ours is theirs else 0)
    return sums


def _jackknife(estimate: Callable[[Tensor], float]) -> Measured:
    """The estimate from all blocks, and its interval from those without one."""
    every = torch.arange(BLOCKS)
    value = estimate(every)
    without = torch.tensor([estimate(every[every != left_out]) for left_out in range(BLOCKS)], dtype=torch.float64)
    error = math.sqrt((BLOCKS - 1) / BLOCKS * float((without - without.mean()).square().sum()))
    return Measured(value, value - T95 * error, value + T95 * error)
