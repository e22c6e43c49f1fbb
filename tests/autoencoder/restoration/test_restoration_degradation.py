"""What was done to pictures is found again, and doing it again gives what was found."""

from __future__ import annotations

import math

import pytest
import torch
from tests.autoencoder.restoration.test_restoration_estimators import eight_bits, photographs  # noqa: F401
from torch import Tensor

from alebrije.autoencoder.restoration.degradation import CLEAN, LUMA, Degradation, degrade, estimate, halved, kept_noise
from alebrije.core.filters import gaussian_blur
from alebrije.core.metrics import luma
from alebrije.data.degrade import imresize, jpeg


def as_bytes(images: list[Tensor]) -> list[Tensor]:
    return [(each[0] * 255).round().to(torch.uint8) for each in images]


def test_nothing_wrong_is_the_bicubic_reduction() -> None:
    image = torch.rand(2, 3, 24, 36)
    assert torch.equal(degrade(image, CLEAN, 3), eight_bits(imresize(image, 1 / 3)))
    assert torch.equal(degrade(image, CLEAN), eight_bits(image))


@pytest.mark.parametrize(("scale", "blur"), [(2, 0.0), (3, 0.0), (4, 0.0), (2, 0.6)])
def test_noise_that_a_reduction_keeps(scale: int, blur: float) -> None:
    noise = torch.randn(1, 1, 120 * scale, 120 * scale, generator=torch.Generator().manual_seed(scale), dtype=torch.float64)
    small = imresize(gaussian_blur(noise, blur * scale) if blur else noise, 1 / scale)
    assert kept_noise(scale, blur) == pytest.approx(float(small[..., 4:-4, 4:-4].var()), rel=0.04)


@pytest.mark.parametrize("scale", [1, 2])
def test_a_noisy_picture_reduced_is_as_noisy_as_it_was(scale: int) -> None:
    found = Degradation(noise=0.05, poisson=0.01)
    chance = torch.Generator().manual_seed(0)
    for brightness in (0.3, 0.7):
        variance = 0.05**2 + 0.01 * brightness
        flat = torch.full((1, 3, 200, 200), brightness)
        flat = flat + math.sqrt(variance) * torch.randn(flat.shape, generator=chance) * (scale > 1)
        assert float(degrade(flat, found, scale, chance).var()) == pytest.approx(variance, rel=0.05)


@pytest.mark.parametrize("alike", [0.0, 0.6, 1.0])
def test_how_alike_the_noise_of_the_colours_is(alike: float) -> None:
    flat = torch.full((1, 3, 300, 300), 0.5)
    noise = degrade(flat, Degradation(noise=0.05, alike=alike), generator=torch.Generator().manual_seed(0)) - flat
    red, green = noise[0, 0].flatten(), noise[0, 1].flatten()
    assert float(torch.corrcoef(torch.stack([red, green]))[0, 1]) == pytest.approx(alike, abs=0.02)


def test_weights_of_luma_are_those_that_are_measured_with() -> None:
    assert torch.allclose(luma(torch.eye(3).view(3, 3, 1, 1))[:, 0, 0, 0] - 16 / 255, LUMA.float())


def test_blur_and_jpeg_are_done_in_the_order_of_a_camera() -> None:
    image = torch.rand(1, 3, 32, 48)
    found = Degradation(jpeg_quality=40, blur=0.9, extra_blur=0.7)
    assert torch.equal(degrade(image, found, 2), jpeg(imresize(gaussian_blur(image, 1.4), 1 / 2).clamp(0, 1), 40))


DONE = (Degradation(noise=8 / 255), Degradation(noise=8 / 255, alike=1.0), Degradation(jpeg_quality=95, blur=1.0, extra_blur=1.0))


@pytest.mark.parametrize("done", DONE)
def test_what_was_done_is_found_again(done: Degradation, photographs: list[Tensor]) -> None:  # noqa: F811
    chance = torch.Generator().manual_seed(1)
    pictures = as_bytes([degrade(picture, done, generator=chance) for picture in photographs[1:]])
    found = estimate(pictures, [done.jpeg_quality] * len(pictures))
    assert found.jpeg_quality == done.jpeg_quality
    assert found.level == pytest.approx(done.level, abs=1.2)
    if done.level:
        assert found.alike == pytest.approx(done.alike, abs=0.2)
    assert found.extra_blur == pytest.approx(done.extra_blur, abs=0.3)


def test_sharp_and_clean_pictures(photographs: list[Tensor]) -> None:  # noqa: F811
    reduced = [eight_bits(imresize(picture, 1 / 2)) for picture in photographs[1:2]]
    found = estimate(as_bytes(reduced), [None])
    assert (found.level, found.extra_blur, found.jpeg_quality) == (0.0, 0.0, None)
    assert found.describe() == "your pictures are clean and sharp: nothing was found"


def test_the_usual_jpeg_is_told_only_where_most_files_have_one() -> None:
    flat = [torch.full((3, 40, 40), 90, dtype=torch.uint8)] * 4
    assert estimate(flat, [80, 90, None, 70]).jpeg_quality == 80
    assert estimate(flat, [80, None, None, None]).jpeg_quality is None
    assert estimate(flat, [None] * 4) == Degradation(detail=estimate(flat, [None] * 4).detail)


def test_in_words() -> None:
    found = Degradation(jpeg_quality=75, noise=0.02, poisson=0.001, blur=1.04, extra_blur=0.81, detail=0.55)
    assert found.describe() == (
        "your pictures have noise of 7.6 levels of 255, more of it where it is bright; JPEG of quality 75; "
        "a blur of 1.0 pixels, 0.8 more than pictures that were reduced have; "
        "fine detail only up to 55% of the resolution, as if they had been enlarged"
    )
    assert Degradation(jpeg_quality=99).describe().endswith("nothing was found")
    assert found.facts()["jpeg_quality"] == 75


def test_halving_leaves_a_sixth_of_the_noise() -> None:
    noise = 0.5 + 0.05 * torch.randn(1, 3, 200, 201, generator=torch.Generator().manual_seed(0))
    small = halved(noise, CLEAN)
    assert small.shape == (1, 3, 100, 100)
    assert float(small.var()) == pytest.approx(0.05**2 * kept_noise(2), rel=0.05)
    assert kept_noise(2) == pytest.approx(1 / 6, rel=0.03)
    assert float(halved(noise, Degradation(extra_blur=0.6)).var()) < 0.5 * float(small.var())
