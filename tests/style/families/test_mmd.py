"""Maximum mean discrepancies: each against the mean of its kernel over all pairs of points, with loops."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alebrije.style.families.mmd import gaussian, landmarks, mean, mean_and_deviation, second_moments
from alebrije.style.families.parts import relative_squared_error
from alebrije.style.statistics import gram

Kernel = Callable[[torch.Tensor, torch.Tensor], float]


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def listed(features: torch.Tensor) -> list[torch.Tensor]:
    _, _, height, width = features.shape
    return [features[0, :, y, x] for y in range(height) for x in range(width)]


def squared_discrepancy(kernel: Kernel, first: list[torch.Tensor], second: list[torch.Tensor]) -> float:
    def average(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
        return sum(kernel(x, y) for x in a for y in b) / (len(a) * len(b))

    return average(first, first) + average(second, second) - 2 * average(first, second)


def relative(kernel: Kernel, value: torch.Tensor, style: torch.Tensor) -> float:
    nothing = [torch.zeros(value.shape[1], dtype=value.dtype)]
    return squared_discrepancy(kernel, listed(value), listed(style)) / squared_discrepancy(kernel, nothing, listed(style))


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 4), st.integers(0, 1000))
def test_means_are_what_the_linear_kernel_sees(channels: int, seed: int) -> None:
    value, style = random(1, channels, 3, 4, seed=seed), random(1, channels, 2, 3, seed=seed + 1)
    expected = relative(lambda x, y: float(x @ y), value, style)
    assert relative_squared_error(mean(value), mean(style)).item() == pytest.approx(expected)


@pytest.mark.parametrize("offset", [0.0, 0.7])
def test_second_moments_are_what_the_polynomial_kernel_sees(offset: float) -> None:
    value, style = random(1, 3, 3, 4), random(1, 3, 2, 3, seed=1)
    expected = squared_discrepancy(lambda x, y: float(x @ y + offset) ** 2, listed(value), listed(style))
    found = (second_moments(value, offset=offset) - second_moments(style, offset=offset)).square().sum().item()
    assert found == pytest.approx(expected)


def test_the_polynomial_loss_is_the_gram_loss_up_to_a_constant() -> None:
    """The theorem of Li et al. 2017: with degree 2 and no offset, for any picture, one and the same constant."""
    style = random(1, 4, 5, 3)
    ratios = []
    for seed in (1, 2, 3):
        value = random(1, 4, 2, 6, seed=seed)
        kernels = squared_discrepancy(lambda x, y: float(x @ y) ** 2, listed(value), listed(style))
        ratios.append(kernels / relative_squared_error(gram(value), gram(style)).item())
    assert ratios == pytest.approx([gram(style).square().sum().item()] * 3)


def test_mean_and_deviation_by_hand() -> None:
    features = torch.tensor([[1.0, 3.0], [2.0, 2.0]]).view(1, 2, 1, 2)
    torch.testing.assert_close(mean_and_deviation(features)[0], torch.tensor([[2.0, 2.0], [1.0, 0.0]]), atol=2e-6, rtol=0)


def test_mean_and_deviation_of_a_dead_channel_has_a_gradient_of_0() -> None:
    features = torch.zeros(1, 2, 3, 3, requires_grad=True)
    (gradient,) = torch.autograd.grad(mean_and_deviation(features)[:, 1].sum(), features)
    assert torch.equal(gradient, torch.zeros_like(gradient))


def bandwidth(style: torch.Tensor) -> float:
    """Twice the median of the distances of two different points, the lower one of two."""
    cloud = listed(style)
    apart = sorted(float((x - y).norm()) for i, x in enumerate(cloud) for j, y in enumerate(cloud) if i != j)
    return 2 * apart[(len(apart) - 1) // 2]


def test_the_gaussian_loss_is_the_mean_of_its_kernel_where_all_points_are_landmarks() -> None:
    """A picture whose points, and nothing itself, are among the style's lies in the landmarks' span: no estimate is left."""
    style = random(1, 3, 4, 4)
    style[:, :, 0, 0] = 0
    value = style.flatten(2)[:, :, [1, 1, 5, 0, 7, 9]].view(1, 3, 2, 3)
    width = 2 * bandwidth(style) ** 2
    expected = relative(lambda x, y: math.exp(-float((x - y).square().sum()) / width), value, style)
    reference = landmarks(style)
    found = relative_squared_error(gaussian(value, reference), gaussian(style, reference))
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_the_gaussian_loss_never_exceeds_the_mean_of_its_kernel() -> None:
    style = random(1, 3, 5, 6)
    reference = landmarks(style, most=12)
    width = float(reference[1])
    scale = float(reference[3])

    def kernel(x: torch.Tensor, y: torch.Tensor) -> float:
        return math.exp(-float((x - y).square().sum()) / scale**2 / width)

    for seed in (1, 2, 3):
        value = random(1, 3, 4, 4, seed=seed) + seed
        whole = squared_discrepancy(kernel, listed(value), listed(style))
        found = (gaussian(value, reference) - gaussian(style, reference)).square().sum().item()
        assert 0.2 * whole < found <= whole


def test_the_gaussian_loss_takes_large_layers_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    value, style = random(1, 3, 9, 7).requires_grad_(), random(1, 3, 6, 5, seed=1)
    reference = landmarks(style)

    def computed() -> tuple[torch.Tensor, torch.Tensor]:
        statistic = gaussian(value, reference)
        (gradient,) = torch.autograd.grad(statistic.square().sum(), value)
        return statistic, gradient

    whole = computed()
    monkeypatch.setattr("alebrije.style.families.mmd.BLOCK", 10)
    torch.testing.assert_close(computed(), whole)


def test_the_gaussian_loss_works_on_a_flat_style() -> None:
    style = torch.ones(1, 3, 4, 4)
    reference = landmarks(style)
    distances = [relative_squared_error(gaussian(level * style, reference), gaussian(style, reference)) for level in (0, 0.5, 1)]
    assert distances[0].item() == pytest.approx(1)
    assert distances[0] > distances[1] > distances[2] == 0


@pytest.mark.parametrize("most", [4, 256])
def test_gradients_are_right(most: int) -> None:
    reference = landmarks(random(2, 3, 4, 3), most)
    value = random(2, 3, 3, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: gaussian(x, reference), value)
    assert torch.autograd.gradcheck(mean_and_deviation, value)
    assert torch.autograd.gradcheck(lambda x: second_moments(x, offset=0.5), value)
