"""Optimal transport: against scipy's matrix root and its exact distance in one dimension."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from scipy.stats import wasserstein_distance

from alebrije.style.families.histogram import quantiles
from alebrije.style.families.parts import points, relative_squared_error
from alebrije.style.families.transport import NOISE, directions, gaussian_root, gaussian_wasserstein, moments, sliced


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def between(value: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    reference = gaussian_root(style)
    return gaussian_wasserstein(moments(value, reference), moments(style, reference))


def with_scipy(value: torch.Tensor, style: torch.Tensor) -> float:
    """Dowson & Landau's formula, by numpy and scipy, with the same variance added to both."""
    first, second = (points(features)[0].numpy() for features in (value, style))
    noise = NOISE * np.trace(np.cov(second.T, bias=True)) / second.shape[1] * np.eye(second.shape[1])
    a, b = (np.cov(cloud.T, bias=True) + noise for cloud in (first, second))
    root = sqrtm(b)
    shared = np.trace(sqrtm(root @ a @ root)).real
    squared = np.square(first.mean(0) - second.mean(0)).sum() + np.trace(a) + np.trace(b) - 2 * shared
    return float(squared / np.square(second).sum(1).mean())


@pytest.mark.parametrize("shape", [(1, 5, 6, 7), (1, 12, 2, 3)])
def test_the_distance_of_gaussians_is_the_one_that_scipy_finds(shape: tuple[int, ...]) -> None:
    """Also where there are fewer positions than channels."""
    style = random(*shape) + 0.5
    for seed in (1, 2):
        value = 2 * random(1, shape[1], 4, 5, seed=seed) - 0.3
        assert between(value, style).item() == pytest.approx(with_scipy(value, style), rel=1e-6)


def test_the_distance_of_gaussians_with_separate_channels_is_that_of_means_and_deviations() -> None:
    """Closed form: |m - n|^2 + |sigma - rho|^2 for diagonal covariances. The added variance changes little."""
    signs = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]], dtype=torch.float64).view(1, 2, 2, 2)  # uncorrelated
    value = signs * torch.tensor([2.0, 0.5]).view(1, 2, 1, 1) + 1
    style = signs * torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)
    expected = (2 * 1 + (2 - 1) ** 2 + (0.5 - 3) ** 2) / 10
    assert between(value, style).item() == pytest.approx(expected, rel=5e-3)


def test_the_distance_of_gaussians_is_symmetric_up_to_its_unit() -> None:
    first, second = random(1, 3, 8, 8), random(1, 3, 8, 8, seed=1) * 2 + 1
    there = between(first, second) * points(second).square().sum(2).mean()
    back = between(second, first) * points(first).square().sum(2).mean()
    assert there.item() == pytest.approx(back.item(), rel=0.01)


def test_the_gradient_stays_finite_where_directions_have_no_variance() -> None:
    style = random(1, 8, 2, 2).float()
    for value in (torch.zeros(1, 8, 3, 3), torch.ones(1, 8, 1, 1), style.clone()):
        value.requires_grad_()
        (gradient,) = torch.autograd.grad(between(value, style), value)
        assert gradient.isfinite().all()
        assert gradient.abs().max() < 100


def test_gradients_of_the_gaussian_are_right_also_at_equal_eigenvalues() -> None:
    style = torch.eye(4, dtype=torch.float64).view(1, 4, 2, 2)
    for value in (random(1, 4, 3, 3), style.clone(), torch.zeros(1, 4, 2, 2, dtype=torch.float64)):
        assert torch.autograd.gradcheck(lambda x: between(x, style), value.requires_grad_())


def test_directions_are_unit_vectors_and_the_same_each_time() -> None:
    for channels in (1, 3, 64):
        drawn = directions(channels)
        assert drawn.shape == (channels, max(2 * channels, 32))
        torch.testing.assert_close(drawn.norm(dim=0), torch.ones(drawn.shape[1], dtype=torch.float64))
        assert torch.equal(drawn, directions(channels))


def test_sliced_is_the_quantiles_of_each_projection() -> None:
    value = random(1, 3, 4, 5)
    expected = quantiles((points(value) @ directions(3)).mT, 256)
    torch.testing.assert_close(sliced(value), expected)


def test_sliced_in_one_dimension_is_what_scipy_finds() -> None:
    """Of 16 and 32 points, the 256 means are exact; scipy has the distance to the power of 1, not of 2."""
    first, second = random(1, 1, 4, 4), random(1, 1, 4, 8, seed=1)
    found = (sliced(first) - sliced(second)).abs().mean().item()
    assert found == pytest.approx(wasserstein_distance(first.flatten().numpy(), second.flatten().numpy()))


def test_sliced_is_the_mean_squared_difference_of_sorted_projections() -> None:
    first, second = random(1, 3, 4, 4), random(1, 3, 4, 4, seed=1)
    expected = []
    for direction in directions(3).T:
        a, b = (sorted(float(point @ direction) for point in points(features)[0]) for features in (first, second))
        expected.append(sum((x - y) ** 2 for x, y in zip(a, b, strict=True)) / 16)
    assert (sliced(first) - sliced(second)).square().mean((0, 2)).tolist() == pytest.approx(expected)


def test_sliced_sees_what_means_and_deviations_do_not() -> None:
    """Two spots or a ring, of equal mean and covariance."""
    spots = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1]]).view(1, 2, 2, 2)
    angles = torch.arange(4) * torch.pi / 2
    ring = 2**0.5 * torch.stack([angles.cos(), angles.sin()]).view(1, 2, 2, 2)
    assert between(ring.double(), spots.double()).item() == pytest.approx(0, abs=1e-6)
    assert relative_squared_error(sliced(ring), sliced(spots)) > 0.01


def test_permuted_channels_with_permuted_directions_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    value, order = random(1, 4, 3, 3), torch.tensor([3, 1, 0, 2])
    before, permuted = sliced(value), directions(4)[order]
    monkeypatch.setattr("alebrije.style.families.transport.directions", lambda channels: permuted)
    torch.testing.assert_close(sliced(value[:, order]), before)
