"""gaussian_blur against scipy in float64, closed forms, and the laws of a linear, self-adjoint average."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.ndimage import gaussian_filter
from torch import Tensor

from alebrije.core.filters import gaussian_blur, sobel
from alebrije.errors import ConfigError

SIGMAS = [0.2, 1.0, 3.9, 4.1, 8.0, 25.0, 60.0]


def scipy_blur(images: Tensor, sigma: float) -> np.ndarray:
    return gaussian_filter(images.double().numpy(), sigma, mode="reflect", axes=(2, 3))


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    sigma=st.floats(0.05, 300),
    seed=st.integers(0, 2**31),
)
def test_agrees_with_scipy_on_noise_of_any_size(height: int, width: int, sigma: float, seed: int) -> None:
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(seed))
    np.testing.assert_allclose(gaussian_blur(images, sigma), scipy_blur(images, sigma), atol=3e-4)


@pytest.mark.parametrize("sigma", SIGMAS)
def test_worst_case_patterns_agree_with_scipy(sigma: float) -> None:
    """Full-contrast stripes of the period that sampling folds worst, an edge, a corner impulse and noise."""
    column = torch.arange(311, dtype=torch.float32).expand(200, 311)
    spacing = sigma / math.sqrt(2)
    stripes = 0.5 + 0.5 * torch.cos(math.pi * (column + 0.5) / spacing)
    edge = (column > 155).float()
    impulse = torch.zeros(200, 311)
    impulse[0, 0] = impulse[100, 310] = 1
    images = torch.stack([stripes, edge, impulse, torch.rand(200, 311)])[None]
    np.testing.assert_allclose(gaussian_blur(images, sigma), scipy_blur(images, sigma), atol=3e-4)


@pytest.mark.parametrize("sigma", [0.2, 1.0, 2.7, 4.0])
def test_narrow_kernels_are_scipys_to_rounding(sigma: float) -> None:
    images = torch.rand(1, 2, 60, 71, dtype=torch.float64)
    np.testing.assert_allclose(gaussian_blur(images, sigma), scipy_blur(images, sigma), atol=1e-13)


@pytest.mark.parametrize("sigma", [2.0, 6.0, 30.0])
@pytest.mark.parametrize("waves", [1, 4, 9])
def test_a_cosine_that_fits_the_borders_is_scaled_by_the_gaussians_gain(sigma: float, waves: int) -> None:
    width = 240
    wave = torch.cos(math.pi * waves * (torch.arange(width, dtype=torch.float64) + 0.5) / width)
    images = wave.expand(1, 1, 50, width)
    gain = math.exp(-2 * (math.pi * sigma * waves / (2 * width)) ** 2)
    torch.testing.assert_close(gaussian_blur(images, sigma), gain * images, rtol=0, atol=1e-4)


@pytest.mark.parametrize("sigma", [*SIGMAS, 1e5])
def test_constants_stay_and_the_sum_is_kept(sigma: float) -> None:
    constant = torch.full((1, 1, 37, 53), 0.7, dtype=torch.float64)
    torch.testing.assert_close(gaussian_blur(constant, sigma), constant, rtol=0, atol=1e-12)
    images = torch.rand(1, 1, 37, 53, dtype=torch.float64)
    torch.testing.assert_close(gaussian_blur(images, sigma).mean(), images.mean(), rtol=0, atol=1e-4)


def test_far_wider_than_the_picture_is_the_mean() -> None:
    images = torch.rand(1, 3, 20, 31)
    blurred = gaussian_blur(images, 1e6)
    torch.testing.assert_close(blurred, images.mean((2, 3), keepdim=True).expand_as(images), rtol=0, atol=1e-5)


@pytest.mark.parametrize("sigma", [1e-300, 0.05])
def test_a_tiny_sigma_changes_nothing(sigma: float) -> None:
    images = torch.rand(1, 3, 9, 14)
    torch.testing.assert_close(gaussian_blur(images, sigma), images, rtol=0, atol=1e-6)


@pytest.mark.parametrize("sigma", [1.5, 7.0, 100.0])
def test_the_blur_is_self_adjoint_and_linear(sigma: float) -> None:
    a, b = torch.rand(2, 1, 2, 61, 47, dtype=torch.float64)
    forth, back = (gaussian_blur(a, sigma) * b).sum(), (a * gaussian_blur(b, sigma)).sum()
    torch.testing.assert_close(forth, back, rtol=1e-3, atol=0)
    together = gaussian_blur(2 * a - 3 * b, sigma)
    torch.testing.assert_close(together, 2 * gaussian_blur(a, sigma) - 3 * gaussian_blur(b, sigma))


@pytest.mark.parametrize("sigma", [1.5, 7.0])
def test_gradients_flow(sigma: float) -> None:
    images = torch.rand(1, 2, 13, 17, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: gaussian_blur(x, sigma), images)
    with torch.no_grad():
        without = gaussian_blur(images, sigma)
    torch.testing.assert_close(gaussian_blur(images, sigma), without)


@pytest.mark.parametrize("sigma", [2.0, 9.0])
def test_turning_the_picture_turns_the_result(sigma: float) -> None:
    images = torch.rand(1, 3, 45, 70, dtype=torch.float64)
    torch.testing.assert_close(gaussian_blur(images.mT, sigma), gaussian_blur(images, sigma).mT)
    torch.testing.assert_close(gaussian_blur(images.flip(3), sigma), gaussian_blur(images, sigma).flip(3))


@pytest.mark.parametrize("sigma", [0.0, -1.0, math.inf, math.nan])
def test_a_width_that_is_none_is_refused(sigma: float) -> None:
    with pytest.raises(ConfigError, match="sigma"):
        gaussian_blur(torch.rand(1, 1, 4, 4), sigma)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (9, 5), (40, 31)])
def test_sobel_is_scipys(size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    for slope, axis in zip(sobel(images), (1, 0), strict=True):
        expected = [[ndimage.sobel(plane, axis=axis, mode="reflect") for plane in image] for image in images.numpy()]
        np.testing.assert_allclose(slope.numpy(), expected, atol=1e-12)


def test_sobel_of_a_ramp_is_eight_times_its_slope() -> None:
    right, down = sobel(torch.arange(6.0).expand(1, 1, 5, 6))
    assert torch.equal(right[..., 1:-1], torch.full((1, 1, 5, 4), 8.0))
    assert not down.any()


def test_gradients_flow_through_sobel() -> None:
    images = torch.rand(1, 1, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(sobel, (images,))
