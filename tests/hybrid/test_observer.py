"""What a sensible observer must say, checked on waves of known frequency, on an honest slow twin, and on real pairs."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter
from torch import Tensor

from alebrije.core.image import fit, load, resize
from alebrije.hybrid import observer
from alebrije.hybrid.blend import to_sigma
from alebrije.hybrid.observer import Plan, Viewing, measure, plan

VIEWING = Viewing(width=0.2, near=0.5, far=6.0)
PAIRS = {"dog": ("1_dog", "1_cat"), "bicycle": ("2_bicycle", "2_motorcycle"), "marilyn": ("3_marilyn", "3_einstein")}


def textures(height: int = 128, width: int = 160) -> tuple[Tensor, Tensor]:
    """Two different pictures with power on all scales: noise blurred at several widths."""
    noise = torch.rand(2, 4, height, width, generator=torch.Generator().manual_seed(3)).numpy()
    layers = sum(gaussian_filter(noise[:, k], sigma, axes=(1, 2)) * sigma for k, sigma in enumerate((1, 3, 8, 20)))
    scaled = (layers - layers.mean()) / layers.std() * 0.15 + 0.5
    first, second = torch.from_numpy(scaled.clip(0, 1)).float()[:, None, None].expand(2, 1, 3, height, width)
    return first, second


def pair(assets: Path, name: str) -> tuple[Tensor, Tensor]:
    first, second = (load(assets / "hybrid" / f"{file}.png").pixels for file in PAIRS[name])
    return first, fit(second, (first.shape[-2], first.shape[-1]))


def test_sensitivity_is_mannos_and_sakrisons() -> None:
    frequencies = torch.linspace(0.1, 60, 6000, dtype=torch.float64)
    responses = observer.sensitivity(frequencies)
    peak = float(frequencies[responses.argmax()])
    assert 7.5 < peak < 8.5
    assert float(responses.max()) == pytest.approx(1.0, abs=0.02)
    by_hand = 2.6 * (0.0192 + 0.342) * math.exp(-(0.342**1.1))
    assert float(observer.sensitivity(torch.tensor(3.0))) == pytest.approx(by_hand)


def test_degrees_of_a_screen() -> None:
    assert float(observer.degrees(torch.tensor(0.5))) == pytest.approx(90)
    assert float(observer.degrees(torch.tensor(57.3))) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("cycles", [5, 20, 60])
def test_a_wave_is_measured_at_its_frequency(cycles: int) -> None:
    across = torch.arange(256) + 0.5
    wave = (0.5 + 0.2 * torch.cos(2 * math.pi * cycles * across / 256)).expand(1, 3, 256, 256)
    spectra = measure(wave, torch.full_like(wave, 0.5))
    assert float(spectra.cycles[spectra.low.argmax()]) == pytest.approx(cycles, abs=observer.BIN)
    assert float(spectra.low.sum()) == pytest.approx(0.2**2 / 2, rel=1e-3)  # the variance of the wave
    assert float(spectra.high.sum()) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("distance", [0.5, 6.0])
def test_agrees_with_an_observer_who_makes_the_hybrid_and_filters_it(distance: float) -> None:
    """The naive twin: blur with scipy, filter the pictures with the sensitivity, correlate the pixels."""
    low, high = textures(256, 256)
    cycles_low, cycles_high = 10.0, 25.0
    a, b = low[0, 0].double().numpy(), high[0, 0].double().numpy()
    luma = [image - image.mean() for image in (a, b)]
    sigmas = to_sigma(cycles_low, 256), to_sigma(cycles_high, 256)
    hybrid = gaussian_filter(luma[0], sigmas[0]) + luma[1] - gaussian_filter(luma[1], sigmas[1])
    angle = math.degrees(2 * math.atan(0.2 / (2 * distance)))
    cycles = np.hypot(*np.meshgrid(np.arange(256), np.arange(256))) / 2
    seen = observer.sensitivity(torch.from_numpy(cycles / angle)).numpy()
    views = [idctn(seen * dctn(image, norm="ortho"), norm="ortho") for image in (hybrid, *luma)]
    power = [float((view**2).mean()) + observer.NOISE for view in views]
    likeness = [float((views[0] * views[k]).mean()) / math.sqrt(power[0] * power[k]) for k in (1, 2)]
    cutoffs = (torch.tensor(cutoff, dtype=torch.float64) for cutoff in (cycles_low, cycles_high))
    told = observer.advantage(measure(low, high), *cutoffs, torch.tensor(distance / 0.2, dtype=torch.float64))
    assert float(told) == pytest.approx(likeness[0] - likeness[1], abs=0.005)


def test_swapped_pictures_give_exactly_the_swapped_choice() -> None:
    first, second = textures()
    forth, back = plan(first, second, VIEWING), plan(second, first, VIEWING)
    assert forth.low != back.low
    assert dataclasses.replace(forth, low="") == dataclasses.replace(back, low="")


def test_the_same_picture_twice_cannot_be_told_apart() -> None:
    first, _ = textures()
    assert plan(first, first, VIEWING).score == pytest.approx(0, abs=1e-9)


def test_flat_pictures_score_nothing() -> None:
    grey, white = torch.full((1, 3, 20, 30), 0.5), torch.ones(1, 3, 20, 30)
    found = plan(grey, white, VIEWING)
    assert found.score == pytest.approx(0, abs=1e-6)
    assert math.isfinite(found.cycles_low)


def test_fine_stripes_go_near_and_coarse_blobs_go_far() -> None:
    across = (torch.arange(256) + 0.5) / 256
    coarse = (0.5 + 0.3 * torch.cos(2 * math.pi * 5 * across)).expand(1, 3, 256, 256)
    fine = (0.5 + 0.3 * torch.cos(2 * math.pi * 70 * across)).expand(1, 3, 256, 256)
    found = plan(fine, coarse, VIEWING)
    assert found.low == "second"
    assert found.score > 0.8


def test_the_choice_beats_every_other_point_of_a_dense_grid() -> None:
    first, second = textures()
    found = plan(first, second, VIEWING)
    cutoffs = torch.logspace(math.log10(8), math.log10(48), 60, dtype=torch.float64)
    for spectra in (measure(first, second), measure(second, first)):
        scores = observer.score(spectra, cutoffs[:, None], cutoffs[None, :], VIEWING)
        allowed = torch.where(cutoffs[None, :] >= cutoffs[:, None], scores, -2)
        assert found.score >= float(allowed.max()) - 1e-3


@pytest.mark.parametrize("given", [{"low": "first"}, {"low": "second"}, {"cycles_low": 11.0}, {"cycles_high": 30.0}])
def test_what_is_given_is_kept_and_the_free_choice_is_at_least_as_good(given: dict[str, object]) -> None:
    first, second = textures()
    found = plan(first, second, VIEWING, **given)  # type: ignore[arg-type]
    assert {name: getattr(found, name) for name in given} == given
    assert plan(first, second, VIEWING).score >= found.score - 1e-3


def test_the_switch_distance_grows_with_the_screen() -> None:
    first, second = textures()
    cutoffs = {"low": "first", "cycles_low": 10.0, "cycles_high": 30.0}
    small = plan(first, second, Viewing(0.2, 0.5, 6), **cutoffs).switch_distance  # type: ignore[arg-type]
    large = plan(first, second, Viewing(0.6, 0.5, 6), **cutoffs).switch_distance  # type: ignore[arg-type]
    assert small is not None
    assert large == pytest.approx(3 * small, rel=1e-9)


def test_the_switch_of_two_gratings_is_where_both_are_seen_alike() -> None:
    """For orthogonal waves the likeness to each is what is seen of it in the hybrid: one equation, solved by halving."""
    across = (torch.arange(256, dtype=torch.float64) + 0.5) / 256
    coarse, fine = ((0.5 + 0.3 * torch.cos(2 * math.pi * f * across)).expand(1, 3, 256, 256) for f in (6, 60))
    found = plan(coarse, fine, VIEWING, low="first", cycles_low=12.0, cycles_high=24.0)
    power = 0.3**2 / 2

    def seen(cycles: float, gain: float, distance: float) -> float:
        frequency = cycles / math.degrees(2 * math.atan(0.2 / (2 * distance)))
        sensed = (2.6 * (0.0192 + 0.114 * frequency) * math.exp(-((0.114 * frequency) ** 1.1))) ** 2 * power
        return gain * sensed / math.sqrt(sensed + observer.NOISE)

    nearest, farthest = 0.5, 20.0
    for _ in range(60):
        middle = (nearest + farthest) / 2
        if seen(6, 2 ** -((6 / 12) ** 2), middle) > seen(60, 1 - 2 ** -((60 / 24) ** 2), middle):
            farthest = middle
        else:
            nearest = middle
    assert found.switch_distance == pytest.approx(nearest, rel=0.02)


@pytest.mark.parametrize("times", [0.3, 1.7, 5.0])
def test_a_scene_of_another_scale_changes_nothing_but_the_switch(times: float) -> None:
    first, second = textures()
    usual = plan(first, second, VIEWING)
    scaled = plan(first, second, Viewing(*(times * length for length in VIEWING)))
    assert usual.switch_distance is not None
    assert scaled.switch_distance == pytest.approx(times * usual.switch_distance, rel=1e-9)
    assert _choice(scaled) == pytest.approx(_choice(usual), rel=1e-9)


def test_before_the_same_eyes_a_larger_screen_wants_a_finer_low_cutoff() -> None:
    first, second = textures()
    small, large = (plan(first, second, Viewing(width, 0.5, 6.0), low="first") for width in (0.2, 0.5))
    assert large.cycles_low > small.cycles_low


def test_copies_of_the_observers_size_and_above_give_the_same_choice() -> None:
    first, second = textures(256, 256)
    usual = plan(first, second, VIEWING)
    for side in (384, 512, 1024):
        copy = plan(resize(first, (side, side)), resize(second, (side, side)), VIEWING)
        assert copy.low == usual.low
        # Enlarging and shrinking again cost the finest grain, of which noise has more than photographs.
        assert abs(math.log2(copy.cycles_low / usual.cycles_low)) < 0.2
        assert abs(math.log2(copy.cycles_high / usual.cycles_high)) < 0.2


def test_on_either_side_of_the_switch_another_picture_is_seen() -> None:
    first, second = textures()
    found = plan(first, second, VIEWING)
    assert found.switch_distance is not None
    spectra = measure(first, second) if found.low == "first" else measure(second, first)
    ratios = torch.tensor([0.98, 1.02], dtype=torch.float64) * found.switch_distance / VIEWING.width
    cutoffs = torch.tensor([found.cycles_low, found.cycles_high], dtype=torch.float64)
    near, far = observer.advantage(spectra, *cutoffs, ratios)
    assert near < 0 < far


def test_no_switch_where_one_picture_is_all_there_is_to_see() -> None:
    first, _ = textures()
    grey = torch.full_like(first, 0.5)
    assert plan(first, grey, VIEWING, low="first").switch_distance is None


@pytest.mark.parametrize("name", PAIRS)
def test_classic_pairs_get_the_roles_of_the_literature(assets: Path, name: str) -> None:
    first, second = pair(assets, name)
    found = plan(first, second, VIEWING)
    assert found.low == "first"
    assert 8 <= found.cycles_low <= found.cycles_high <= 48
    assert found.score > 0.4
    assert found.switch_distance is not None
    assert VIEWING.near < found.switch_distance < VIEWING.far


@pytest.mark.parametrize("name", PAIRS)
def test_resolution_does_not_matter_once_it_is_the_observers_own(assets: Path, name: str) -> None:
    first, second = pair(assets, name)
    sizes = [(times * first.shape[-2], times * first.shape[-1]) for times in (2, 4)]
    usual, doubled = (plan(resize(first, size), resize(second, size), VIEWING) for size in sizes)
    assert usual.low == doubled.low
    assert _numbers(doubled) == pytest.approx(_numbers(usual), rel=0.03)


def _choice(found: Plan) -> list[float]:
    return [found.low == "first", found.cycles_low, found.cycles_high, found.score]


def _numbers(found: Plan) -> list[float]:
    assert found.switch_distance is not None
    return [found.cycles_low, found.cycles_high, found.score, found.switch_distance]
