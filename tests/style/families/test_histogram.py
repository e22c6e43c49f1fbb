"""Quantiles: closed forms, and a twin that repeats each value until all sizes meet."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from alebrije.style.families.histogram import LEVELS, histogram, quantiles


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def quantiles_with_loops(values: list[float], count: int) -> list[float]:
    """Each value `count` times, cut into `count` equal parts; the mean of each."""
    many = [value for value in sorted(values) for _ in range(count)]
    size = len(values)
    return [sum(many[k * size : (k + 1) * size]) / size for k in range(count)]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_quantiles_are_means_of_equal_shares_of_the_sorted_values(size: int, count: int, seed: int) -> None:
    values = random(1, 1, size, seed=seed)
    expected = quantiles_with_loops(values.flatten().tolist(), count)
    assert quantiles(values, count).flatten().tolist() == pytest.approx(expected)


def test_as_many_quantiles_as_values_are_the_sorted_values() -> None:
    values = random(2, 3, 50)
    torch.testing.assert_close(quantiles(values, 50), values.sort(2).values)


def test_quantiles_keep_the_mean() -> None:
    values = random(1, 4, 1000)
    torch.testing.assert_close(quantiles(values, 64).mean(2), values.mean(2))


def test_quantiles_of_many_values_lose_no_digits_in_float32() -> None:
    values = 1000 + torch.rand(1, 1, 200_000, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(quantiles(values, 256), quantiles(values.double(), 256).float(), rtol=1e-7, atol=0)


def test_histogram_of_a_ramp_is_a_ramp() -> None:
    ramp = torch.arange(LEVELS * 4.0).view(1, 1, LEVELS, 4)
    torch.testing.assert_close(histogram(ramp)[0, 0], torch.arange(LEVELS) * 4 + 1.5)


def test_histogram_is_the_distance_that_scipy_finds_in_each_channel() -> None:
    first, second = random(1, 3, 4, 4), random(1, 3, 2, 4, seed=1)
    found = (histogram(first) - histogram(second)).abs().mean(2)[0].tolist()
    expected = [wasserstein_distance(first[0, c].flatten().numpy(), second[0, c].flatten().numpy()) for c in range(3)]
    assert found == pytest.approx(expected)


def test_each_channel_for_itself() -> None:
    value = random(1, 4, 3, 5)
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(histogram(value[:, order]), histogram(value)[:, order])
    rolled = torch.cat([value[:, :2], value[:, 2:].roll(1, 3)], 1)  # which channels meet where is not looked at
    torch.testing.assert_close(histogram(rolled), histogram(value))


@pytest.mark.parametrize("factor", [0.1, 3.0])
def test_histogram_grows_like_the_features(factor: float) -> None:
    value = random(1, 3, 4, 4)
    torch.testing.assert_close(histogram(factor * value + 1), factor * histogram(value) + 1)


def test_every_position_gets_a_gradient() -> None:
    value = random(1, 2, 40, 50).requires_grad_()
    (gradient,) = torch.autograd.grad(histogram(value).square().sum(), value)
    assert (gradient != 0).all()


@pytest.mark.parametrize("size", [3, 7, 20])
def test_gradient_of_quantiles_is_right(size: int) -> None:
    assert torch.autograd.gradcheck(lambda x: quantiles(x, 7), random(2, 2, size).requires_grad_())
