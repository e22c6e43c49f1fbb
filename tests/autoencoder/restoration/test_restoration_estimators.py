"""What is wrong with a picture is told right: known noise, known blur, known enlargements, known JPEG."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from alebrije.autoencoder.restoration import estimators
from alebrije.core.filters import gaussian_blur
from alebrije.data.degrade import imresize, poisson_noise
from alebrije.data.draw import creature


def eight_bits(images: Tensor) -> Tensor:
    return images.clamp(0, 1).mul(255).round().div(255)


def noisy(images: Tensor, sigma: float, seed: int = 0) -> Tensor:
    noise = torch.randn(images.shape, generator=torch.Generator().manual_seed(seed))
    return eight_bits(images + sigma / 255 * noise)


@pytest.fixture(scope="module")
def photographs() -> list[Tensor]:
    """Parts of three photographs, [1, 3, 252, 300]."""
    data = pytest.importorskip("skimage.data")
    pictures = (data.chelsea(), data.coffee(), data.astronaut())
    return [torch.from_numpy(picture[20:272, 60:360].copy()).movedim(-1, 0)[None].float() / 255 for picture in pictures]


def test_tables_and_qualities_are_libjpegs() -> None:
    for quality in range(1, 101):
        file = io.BytesIO()
        Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
        with Image.open(file) as opened:
            written = opened.quantization
        assert tuple(written[0]) == estimators.table(quality)
        assert tuple(written[1]) == estimators.table(quality, 1)
        assert estimators.table_quality(written[0]) == quality


def test_a_table_that_is_not_libjpegs_gets_the_nearest_quality() -> None:
    chance = np.random.default_rng(0)
    for quality in (30, 60, 80, 90):
        other = [max(1, round(entry * float(chance.uniform(0.9, 1.1)))) for entry in estimators.table(quality)]
        assert abs(estimators.table_quality(other) - quality) <= 2


def test_the_quality_of_files(tmp_path: Path) -> None:
    picture = Image.new("L", (24, 16), 90)
    picture.save(tmp_path / "gray.jpg", quality=63)
    picture.convert("CMYK").save(tmp_path / "ink.jpg", quality=81)
    picture.save(tmp_path / "other.png")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    found = [estimators.jpeg_quality(tmp_path / name) for name in ("gray.jpg", "ink.jpg", "other.png", "broken.jpg", "none.jpg")]
    assert found == [63, 81, None, None, None]


@pytest.mark.parametrize(("sigma", "off"), [(2, 0.4), (10, 0.5), (25, 1.0), (50, 4.0)])
def test_noise_that_was_added_to_photographs_is_told(sigma: float, off: float, photographs: list[Tensor]) -> None:
    own = [255 * estimators.noise_level(picture) for picture in photographs]
    found = [255 * estimators.noise_level(noisy(picture, sigma)) for picture in photographs]
    own = [0.0 if math.isnan(one) else one for one in own]  # one is fur all over
    assert max(own) < 2.5  # the others have some grain
    added = [math.sqrt(one**2 - other**2) for one, other in zip(found, own, strict=True) if math.isfinite(one)]
    assert len(added) >= 2
    assert float(np.median(added)) == pytest.approx(sigma, abs=off)


def test_white_around_a_noisy_picture_and_flat_areas_do_not_hide_its_noise(photographs: list[Tensor]) -> None:
    framed = torch.nn.functional.pad(noisy(photographs[0], 10), (100, 100, 60, 60), value=1.0)
    assert 255 * estimators.noise_level(framed) == pytest.approx(10, abs=1)
    framed = torch.nn.functional.pad(noisy(photographs[0], 10), (100, 100, 60, 60), value=0.5)
    assert 255 * estimators.noise_level(framed) == pytest.approx(10, abs=1)


def test_drawn_pictures_are_clean() -> None:
    drawn = eight_bits(creature(3, 128, background="white").image)
    assert not 255 * estimators.noise_level(drawn) > 0.8


def test_noise_of_nothing_is_not_known() -> None:
    assert math.isnan(estimators.noise_level(torch.zeros(1, 3, 40, 40)))
    assert math.isnan(estimators.noise_level(torch.rand(1, 3, 5, 90)))
    assert estimators.noise_by_brightness([torch.ones(1, 3, 40, 40)]) == []


def test_the_limit_of_texture_is_that_of_noise() -> None:
    patches, texture = estimators._patches(torch.randn(1, 1, 400, 400, generator=torch.Generator().manual_seed(1)), 48)
    across = patches.view(-1, 7, 7)
    naive = sum((across[:, i + 1, j] - across[:, i, j]) ** 2 for i in range(6) for j in range(7))
    naive += sum((across[:, i, j + 1] - across[:, i, j]) ** 2 for i in range(7) for j in range(6))
    assert torch.allclose(texture, naive)
    assert float(texture.mean()) == pytest.approx(2 * 2 * 42, rel=0.02)  # 84 differences of variance 2
    assert float((texture > estimators._limit()).double().mean()) < 1e-4
    assert float((texture > 0.75 * estimators._limit()).double().mean()) > 1e-4


def test_noise_that_grows_with_brightness(photographs: list[Tensor]) -> None:
    chance = torch.Generator().manual_seed(0)
    counted = [eight_bits(poisson_noise(picture, 400, chance)) for picture in photographs]
    constant, slope = estimators.noise_line(estimators.noise_by_brightness(counted))
    assert slope == pytest.approx(1 / 400, rel=0.25)
    assert constant < 0.15 / 400
    even = [noisy(picture, 8, seed) for seed, picture in enumerate(photographs[:2])]
    constant, slope = estimators.noise_line(estimators.noise_by_brightness(even))
    assert 255 * math.sqrt(constant + slope / 2) == pytest.approx(8, rel=0.12)
    assert slope / 2 < 0.35 * (constant + slope / 2)


def test_lines_through_points() -> None:
    exact = [(x / 10, 3 + 2 * x / 10) for x in range(8)]
    assert estimators.noise_line(exact) == pytest.approx((3, 2))
    exact[5] = (0.5, 90.0)
    assert estimators.noise_line(exact) == pytest.approx((3, 2), abs=0.2)
    assert estimators.noise_line([(0.1, 5.0), (0.2, 4.0), (0.3, 3.0)]) == (4.0, 0.0)
    assert estimators.noise_line([(0.2, 0.1), (0.3, 0.3), (0.4, 0.5)]) == (0.0, pytest.approx(1.0))
    assert estimators.noise_line([(0.2, 7.0), (0.3, 9.0)]) == (8.0, 0.0)
    assert math.isnan(estimators.noise_line([])[0])


def test_the_spectrum_of_white_noise_is_its_variance() -> None:
    white = 0.1 * torch.randn(1, 1, 200, 240, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(estimators.spectrum(white)[3:], torch.full((29,), 0.01).double(), rtol=0.25)


def power_law(exponent: float, sigma: float) -> Tensor:
    """A random picture with a spectrum f^-exponent exp(-4 pi² sigma² f²)."""
    frequency = torch.hypot(torch.fft.fftfreq(256)[:, None], torch.fft.rfftfreq(256)).clamp_min(1 / 256)
    gain = frequency ** (-exponent / 2) * (-2 * (math.pi * sigma * frequency) ** 2).exp()
    field = torch.fft.irfft2(torch.fft.rfft2(torch.randn(256, 256, generator=torch.Generator().manual_seed(5))) * gain)
    return (0.5 + 0.12 * field / field.std())[None, None]


def blur_of(images: Tensor, noise: float = 0.0) -> float:
    power = estimators.spectrum(eight_bits(images))
    return estimators.blur_variance(power, estimators.readable(power, noise), noise)


@pytest.mark.parametrize(("exponent", "sigma"), [(2.0, 0.0), (2.0, 0.8), (1.6, 1.2), (2.6, 0.5)])
def test_blur_is_told_from_the_exponent_of_the_power_law(exponent: float, sigma: float) -> None:
    assert blur_of(power_law(exponent, sigma)) == pytest.approx(sigma**2, abs=0.08)


@pytest.mark.parametrize("sigma", [0.7, 1.0, 1.5, 2.0])
def test_blurring_photographs_adds_its_variance(sigma: float, photographs: list[Tensor]) -> None:
    def told(pictures: list[Tensor]) -> float:
        return float(np.median([blur_of(picture) for picture in pictures]))

    added = told([gaussian_blur(picture, sigma) for picture in photographs]) - told(photographs)
    assert math.sqrt(max(0.0, added)) == pytest.approx(sigma, abs=0.15)


def test_noise_does_not_pass_for_sharpness(photographs: list[Tensor]) -> None:
    soft = [noisy(gaussian_blur(picture, 1.5), 4) for picture in photographs]
    on_luma = (4 / 255) ** 2 * (65.481**2 + 128.553**2 + 24.966**2) / 255**2
    told = float(np.median([blur_of(picture, on_luma) for picture in soft]))
    assert math.sqrt(told) == pytest.approx(1.5, abs=0.35)


def test_frequencies_that_jpeg_rounds_away_are_not_read() -> None:
    assert not bool(estimators.jpeg_floor(None).any())
    for quality in (20, 60, 95):
        floor = estimators.jpeg_floor(quality) * 255**2 * 12 / (219 / 255) ** 2
        steps = estimators.table(quality)
        assert min(steps) ** 2 < float(floor.min()) <= float(floor.max()) < max(steps) ** 2
    white = torch.full((32,), 1.5 * float(estimators.jpeg_floor(60)[10]), dtype=torch.float64)
    used = estimators.readable(white, quality=60)
    assert bool(used[4:11].all())
    assert not bool(used[20:].any())


def test_detail_ends_where_enlarged_pictures_have_none(photographs: list[Tensor]) -> None:
    def told(pictures: list[Tensor]) -> float:
        return float(np.median([estimators.detail(estimators.spectrum(eight_bits(picture))) for picture in pictures]))

    assert told(photographs) > 0.85
    found = [told([imresize(imresize(picture, 1 / times), times) for picture in photographs]) for times in (2, 3, 4)]
    assert found == sorted(found, reverse=True)
    assert found[0] < 0.85
    assert found[1] < 0.65
    assert found[2] < 0.5
