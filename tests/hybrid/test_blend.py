"""The equation of the hybrid and the units of its cut-offs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from alebrije.core.filters import gaussian_blur
from alebrije.errors import ConfigError
from alebrije.hybrid.blend import blend, blend_three, to_cycles, to_sigma, without_color


def test_the_paper_s_equation() -> None:
    low, high = torch.rand(2, 1, 3, 60, 80)
    far, near = gaussian_filter(low.numpy(), 6, axes=(2, 3)), gaussian_filter(high.numpy(), 3, axes=(2, 3))
    np.testing.assert_allclose(blend(low, high, 6, 3), (far + high.numpy() - near).clip(0, 1), atol=1e-3)


@pytest.mark.parametrize("sigma", [0.5, 5.0, 500.0])
def test_a_picture_crossed_with_itself_at_equal_widths_is_itself(sigma: float) -> None:
    image = torch.rand(1, 3, 40, 50)
    torch.testing.assert_close(blend(image, image, sigma, sigma), image, rtol=0, atol=1e-5)


def test_grey_beside_a_picture_leaves_one_band_of_it() -> None:
    grey, image = torch.full((1, 3, 40, 50), 0.5), torch.rand(1, 3, 40, 50)
    torch.testing.assert_close(blend(image, grey, 4, 2), gaussian_blur(image, 4), rtol=0, atol=1e-5)
    detail = image - gaussian_blur(image, 2)
    torch.testing.assert_close(blend(grey, image, 4, 2), (0.5 + detail).clamp(0, 1), rtol=0, atol=1e-5)


@given(cycles=st.floats(0.5, 500), width=st.integers(8, 20000))
def test_the_gaussian_halves_its_cutoff(cycles: float, width: int) -> None:
    sigma = to_sigma(cycles, width)
    assert math.exp(-2 * (math.pi * sigma * cycles / width) ** 2) == pytest.approx(0.5)
    assert to_cycles(sigma, width) == pytest.approx(cycles)


def test_a_wave_at_the_cutoff_comes_out_half_as_high() -> None:
    width, cycles = 256, 12
    wave = torch.cos(2 * math.pi * cycles * (torch.arange(width) + 0.5) / width).expand(1, 1, 20, width)
    torch.testing.assert_close(gaussian_blur(wave, to_sigma(cycles, width)), wave / 2, rtol=0, atol=2e-4)


@pytest.mark.parametrize("widths", [(0.0, 1.0), (1.0, -2.0)])
def test_widths_must_be_positive(widths: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="sigma"):
        blend(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8), *widths)


def test_three_pictures_by_scipy() -> None:
    low, middle, high = torch.rand(3, 1, 3, 60, 80)

    def blurred(image: torch.Tensor, sigma: float) -> np.ndarray:
        return gaussian_filter(image.numpy(), sigma, axes=(2, 3))

    expected = blurred(low, 8) + blurred(middle, 3) - blurred(middle, 6) + high.numpy() - blurred(high, 2)
    np.testing.assert_allclose(blend_three(low, middle, high, 8, (6, 3), 2), expected.clip(0, 1), atol=1e-3)


def test_an_empty_band_leaves_the_hybrid_of_two() -> None:
    low, middle, high = torch.rand(3, 1, 3, 40, 50)
    found = blend_three(low, middle, high, 6, (3.5, 3.5), 2)
    torch.testing.assert_close(found, blend(low, high, 6, 2), rtol=0, atol=1e-6)


def test_three_times_the_same_picture_at_joined_bands_is_the_picture() -> None:
    image = torch.rand(1, 3, 40, 50)
    torch.testing.assert_close(blend_three(image, image, image, 6, (6, 2), 2), image, rtol=0, atol=1e-5)


def test_a_band_the_wrong_way_round_is_refused() -> None:
    image = torch.rand(1, 3, 8, 8)
    with pytest.raises(ConfigError, match="nothing is left"):
        blend_three(image, image, image, 6, (2, 3), 1)


def test_without_colour_only_the_luma_is_left() -> None:
    image = torch.rand(1, 3, 8, 8)
    found = without_color(image)
    assert found.shape == image.shape
    assert torch.equal(found[:, 0], found[:, 1])
    assert torch.equal(found[:, 0], found[:, 2])
    weights = torch.tensor([0.2126, 0.7152, 0.0722])
    torch.testing.assert_close(found[0, 0], torch.einsum("chw,c->hw", image[0], weights))
    torch.testing.assert_close(without_color(found), found)
