"""KID and FID against closed forms, naive twins, scipy's matrix root, and torchmetrics with a feature module of ours."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from alebrije.errors import DataError
from alebrije.features.judging.distances import BLOCKS, fid, frechet, kid


class Flat(nn.Module):
    """A feature module for torchmetrics: the pixels themselves."""

    num_features = 12

    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).double()


def sets(count: int = 60, shift: float = 0.3) -> tuple[Tensor, Tensor]:
    return torch.rand(count, 3, 2, 2), torch.rand(count + 10, 3, 2, 2) * 0.8 + shift


def naive_kid(first: Tensor, second: Tensor) -> float:
    def kernel(x: Tensor, y: Tensor) -> float:
        return float((torch.dot(x, y) / len(x) + 1) ** 3)

    inside = np.mean([kernel(x, y) for i, x in enumerate(first) for j, y in enumerate(first) if i != j])
    among = np.mean([kernel(x, y) for i, x in enumerate(second) for j, y in enumerate(second) if i != j])
    return float(inside + among - 2 * np.mean([kernel(x, y) for x in first for y in second]))


def test_kid_is_its_definition() -> None:
    first, second = (one.flatten(1).double()[:23] for one in sets())
    assert kid(first, second).value == pytest.approx(naive_kid(first, second), rel=1e-9)


def test_kid_is_torchmetrics_kid_where_its_subset_is_everything() -> None:
    first, second = sets(60)
    second = second[:60]
    theirs = KernelInceptionDistance(feature=Flat(), subsets=1, subset_size=60, normalize=False)
    theirs.update(first, real=True)
    theirs.update(second, real=False)
    assert kid(first.flatten(1), second.flatten(1)).value == pytest.approx(float(theirs.compute()[0]), rel=1e-5)


def test_fid_is_torchmetrics_fid() -> None:
    first, second = sets(200)
    theirs = FrechetInceptionDistance(feature=Flat(), normalize=False)
    theirs.set_dtype(torch.float64)
    theirs.update(first, real=True)
    theirs.update(second, real=False)
    assert fid(first.flatten(1), second.flatten(1)).value == pytest.approx(float(theirs.compute()), rel=1e-5)


def test_frechet_is_scipys() -> None:
    one, other = (torch.randn(6, 6, dtype=torch.float64) for _ in range(2))
    first, second = one @ one.T, other @ other.T
    mean = torch.randn(6, dtype=torch.float64)
    root = np.trace(scipy.linalg.sqrtm((first @ second).numpy()).real)
    wanted = float(mean.square().sum() + first.trace() + second.trace()) - 2 * root
    assert frechet(mean, first, torch.zeros(6, dtype=torch.float64), second) == pytest.approx(wanted, rel=1e-8)


def test_frechet_of_gaussians_that_share_their_axes() -> None:
    spread1, spread2 = torch.tensor([1.0, 2.0, 0.0]).double(), torch.tensor([3.0, 0.5, 0.0]).double()
    found = frechet(torch.zeros(3).double(), spread1.square().diag(), torch.ones(3).double(), spread2.square().diag())
    assert found == pytest.approx(3 + 4 + 2.25)


def test_kid_of_two_samples_of_one_distribution_is_0_on_average_and_its_interval_says_so() -> None:
    inside, values = 0, []
    for seed in range(60):
        points = torch.randn(400, 5, generator=torch.Generator().manual_seed(seed))
        value, low, high = kid(points[:200], points[200:])
        values.append(value)
        inside += low <= 0 <= high
    assert abs(np.mean(values)) < 3 * np.std(values) / np.sqrt(60)
    assert inside >= 51  # 95 % of 60 is 57; fewer than 51 has a chance of 0.2 %


def test_the_jackknife_tells_the_spread_over_new_samples() -> None:
    found = []
    for seed in range(40):
        generator = torch.Generator().manual_seed(seed)
        found.append(kid(torch.randn(300, 4, generator=generator), torch.randn(300, 4, generator=generator) + 0.5))
    spread = np.std([one.value for one in found])
    told = np.mean([(one.high - one.low) / 2 / 2.262 for one in found])
    assert told == pytest.approx(spread, rel=0.35)


def test_farther_is_more() -> None:
    points = torch.randn(300, 4)
    near, far = (torch.randn(300, 4) + shift for shift in (0.2, 0.6))
    assert kid(points, near).value < kid(points, far).value
    assert fid(points, near).value < fid(points, far).value


@pytest.mark.parametrize("distance", [kid, fid])
def test_too_few_are_refused(distance: object) -> None:
    assert callable(distance)
    with pytest.raises(DataError, match=f"at least {2 * BLOCKS}"):
        distance(torch.randn(19, 3), torch.randn(50, 3))
