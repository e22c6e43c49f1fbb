"""Spoiling pictures: MATLAB's imresize by known values, by a naive twin and by the literature's bicubic figures; noise by its
moments."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alebrije.core.image import list_pictures, load
from alebrije.core.metrics import luma, psnr
from alebrije.data import degrade
from alebrije.errors import ConfigError


def keys(x: float) -> float:
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x <= 2 else 0.0


def naive_line(line: list[float], scale: float) -> list[float]:
    """The definition, pixel by pixel, over a line that is mirrored without end."""
    stretch, found = min(scale, 1.0), []
    for index in range(math.ceil(len(line) * scale - 1e-9)):
        centre = (index + 0.5) / scale - 0.5
        reach = math.ceil(2 / stretch) + 1
        total = weight_sum = 0.0
        for place in range(math.floor(centre) - reach, math.floor(centre) + reach + 1):
            weight = keys(stretch * (centre - place))
            inside = place % (2 * len(line))
            total += weight * line[inside if inside < len(line) else 2 * len(line) - 1 - inside]
            weight_sum += weight
        found.append(total / weight_sum)
    return found


@settings(deadline=None, max_examples=40)
@given(length=st.integers(1, 17), scale=st.sampled_from([0.2, 0.25, 1 / 3, 0.5, 0.7, 1, 1.5, 2, 3, 4]), seed=st.integers(0, 99))
def test_it_is_the_definition_along_both_sides(length: int, scale: float, seed: int) -> None:
    line = torch.rand(length, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    wanted = naive_line(line.tolist(), scale)
    for images in (line.view(1, 1, 1, -1), line.view(1, 1, -1, 1)):
        found = degrade.imresize(images.expand(1, 1, *((3, -1) if images.shape[2] == 1 else (-1, 3))), scale)
        flat = found[0, 0, 0] if images.shape[2] == 1 else found[0, 0, :, 0]
        assert flat.tolist() == pytest.approx(wanted, abs=1e-12)


def test_known_values() -> None:
    def line(values: list[float], scale: float) -> list[float]:
        tensor = torch.tensor(values, dtype=torch.float64)
        return degrade.imresize(tensor.expand(len(values), -1)[None, None], scale)[0, 0, 0].tolist()

    # Keys' kernel at the quarters, worked out by hand: (-9, 111, 29, -3) / 128 about 1/4 of the way
    step = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0]
    assert line(step, 2)[3:7] == pytest.approx([-3 / 128, -9 / 128, 26 / 128, 102 / 128])
    # imresize([1 2 3 4 5 6 7 8], 0.5) in MATLAB, whose eight weights are (-3 -9 29 111 111 29 -9 -3) / 256
    ramp = [1.0, 2, 3, 4, 5, 6, 7, 8]
    first = (-3 * 3 - 9 * 2 + 29 * 1 + 111 * 1 + 111 * 2 + 29 * 3 - 9 * 4 - 3 * 5) / 256
    second = (-3 * 1 - 9 * 1 + 29 * 2 + 111 * 3 + 111 * 4 + 29 * 5 - 9 * 6 - 3 * 7) / 256
    assert line(ramp, 0.5) == pytest.approx([first, second, 9 - second, 9 - first])


@pytest.mark.parametrize("scale", [0.25, 0.5, 2, 3])
def test_constants_stay_and_mirrors_commute(scale: float) -> None:
    assert degrade.imresize(torch.full((2, 3, 12, 8), 0.3), scale).sub(0.3).abs().max() < 1e-6
    images = torch.rand(1, 3, 12, 8)
    assert torch.allclose(degrade.imresize(images.flip(3), scale), degrade.imresize(images, scale).flip(3), atol=1e-6)
    assert torch.allclose(degrade.imresize(images.mT, scale), degrade.imresize(images, scale).mT, atol=1e-6)


def test_sizes_are_rounded_up_and_nonsense_is_refused() -> None:
    images = torch.rand(1, 1, 12, 7)
    assert degrade.imresize(images, 1 / 3).shape == (1, 1, 4, 3)
    assert degrade.imresize(images, size=(5, 9)).shape == (1, 1, 5, 9)
    assert torch.allclose(degrade.imresize(images, size=(24, 14)), degrade.imresize(images, 2))
    for options in ({}, {"scale": 2.0, "size": (3, 3)}, {"scale": 0.0}, {"scale": math.nan}, {"size": (0, 3)}):
        with pytest.raises(ConfigError, match="one of them"):
            degrade.imresize(images, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("folder", "scale", "wanted"),
    [
        ("Set5", 4, 28.42),
        pytest.param("Set5", 2, 33.66, marks=pytest.mark.slow),
        pytest.param("Set14", 2, 30.24, marks=pytest.mark.slow),
        pytest.param("Set14", 4, 26.00, marks=pytest.mark.slow),
    ],
)
def test_bicubic_has_the_literatures_figures(assets: Path, folder: str, scale: int, wanted: float) -> None:
    found = []
    for path in list_pictures(assets / "restoration" / folder):
        picture = load(path)
        pixels = picture.pixels
        height, width = (side - side % scale for side in pixels.shape[-2:])
        # the usual code takes a grey file (bridge, of Set14) as it is, and Y, which spans less, only of colour files
        y = (luma(pixels) * 255).round() / 255 if not picture.gray else pixels[:, :1]
        y = y[..., :height, :width]
        again = degrade.imresize(degrade.imresize(y, 1 / scale), scale).clamp(0, 1)
        found.append(psnr((again * 255).round() / 255, y, shave=scale))
    assert float(torch.cat(found).mean()) == pytest.approx(wanted, abs=0.02)


def test_area_is_the_mean_of_blocks_and_lowres_keeps_the_size() -> None:
    images = torch.rand(2, 3, 8, 12)
    small = degrade.area(images, 4)
    assert small[1, 2, 1, 2].item() == pytest.approx(images[1, 2, 4:8, 8:12].mean().item(), abs=1e-6)
    for reduction in degrade.REDUCTIONS:
        low = degrade.lowres(images, 4, reduction)
        assert low.shape == images.shape
        assert torch.allclose(degrade.area(low, 4), degrade.REDUCTIONS[reduction](images, 4), atol=1e-6)
        with pytest.raises(ConfigError, match="sides that 5 divides"):
            degrade.lowres(images, 5, reduction)
    with pytest.raises(ConfigError, match="did you mean area"):
        degrade.lowres(images, 4, "areal")


def test_noises_have_their_moments_and_stay_inside() -> None:
    gray = torch.full((1, 1, 300, 300), 0.5)
    noisy = degrade.gaussian_noise(gray, 25 / 255)
    assert noisy.mean().item() == pytest.approx(0.5, abs=2e-3)
    assert noisy.std().item() == pytest.approx(25 / 255, rel=0.02)
    counted = degrade.poisson_noise(gray, 100)
    assert counted.mean().item() == pytest.approx(0.5, abs=2e-3)
    assert counted.var().item() == pytest.approx(0.5 / 100, rel=0.03)
    for spoiled in (degrade.gaussian_noise(torch.rand(1, 3, 9, 9), 3), degrade.poisson_noise(torch.rand(1, 3, 9, 9), 1)):
        assert 0 <= spoiled.min() <= spoiled.max() <= 1
    assert torch.equal(degrade.gaussian_noise(gray, 0), gray)
    with pytest.raises(ConfigError, match="greater than 0"):
        degrade.poisson_noise(gray, 0)


def test_a_generator_makes_noise_repeatable() -> None:
    images = torch.rand(2, 3, 5, 5)
    for noise in (degrade.gaussian_noise, degrade.poisson_noise):
        first, again = (noise(images, 0.3, torch.Generator().manual_seed(4)) for _ in range(2))
        assert torch.equal(first, again)
        assert not torch.equal(first, noise(images, 0.3, torch.Generator().manual_seed(5)))


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_spoils_more_the_lower_its_quality(channels: int) -> None:
    images = degrade.imresize(torch.rand(2, channels, 8, 8), 4).clamp(0, 1)
    errors = [float((degrade.jpeg(images, quality) - images).square().mean()) for quality in (5, 40, 95)]
    assert errors[0] > errors[1] > errors[2] > 0
    assert degrade.jpeg(images, 40).shape == images.shape
    for bad, quality in ((images, 0), (images, 101), (torch.rand(1, 2, 8, 8), 50)):
        with pytest.raises(ConfigError, match="1 or 3 channels"):
            degrade.jpeg(bad, quality)
