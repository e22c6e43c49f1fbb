"""Three pictures: the closed form against made hybrids, the search against a dense grid, and what must not matter."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from scipy.ndimage import gaussian_filter
from torch import Tensor

from alebrije.hybrid import observer, trio
from alebrije.hybrid.blend import blend_three, to_sigma
from alebrije.hybrid.observer import Viewing
from alebrije.hybrid.trio import likeness, measure_three, mirrored, plan_three, score_three

VIEWING = Viewing(width=0.2, near=0.5, far=6.0)
BETWEEN = math.sqrt(3)


def textures(height: int = 128, width: int = 160) -> list[Tensor]:
    """Three different pictures with power on all scales: noise blurred at several widths."""
    noise = torch.rand(3, 4, height, width, generator=torch.Generator().manual_seed(3)).numpy()
    layers = sum(gaussian_filter(noise[:, k], sigma, axes=(1, 2)) * sigma for k, sigma in enumerate((1, 3, 8, 20)))
    scaled = (layers - layers.mean()) / layers.std() * 0.15 + 0.5
    return list(torch.from_numpy(scaled.clip(0, 1)).float()[:, None, None].expand(3, 1, 3, height, width))


def waves(cycles: float, size: int = 256) -> Tensor:
    across = (torch.arange(size) + 0.5) / size
    return (0.5 + 0.3 * torch.cos(2 * math.pi * cycles * across)).expand(1, 3, size, size)


@pytest.mark.parametrize("distance", [0.5, BETWEEN, 6.0])
def test_agrees_with_an_observer_who_makes_the_hybrid_and_filters_it(distance: float) -> None:
    """The naive twin: blur with scipy, filter the pictures with the sensitivity, correlate the pixels."""
    pictures = textures(256, 256)
    cutoffs = (8.0, 10.0, 30.0, 50.0)
    low, middle, high = (image[0, 0].double().numpy() - float(image[0, 0].mean()) for image in pictures)
    far, coarse, fine, near = (to_sigma(cycles, 256) for cycles in cutoffs)
    band = gaussian_filter(middle, fine) - gaussian_filter(middle, coarse)
    hybrid = gaussian_filter(low, far) + band + high - gaussian_filter(high, near)
    angle = math.degrees(2 * math.atan(0.2 / (2 * distance)))
    cycles = np.hypot(*np.meshgrid(np.arange(256), np.arange(256))) / 2
    seen = observer.sensitivity(torch.from_numpy(cycles / angle)).numpy()
    views = [idctn(seen * dctn(image, norm="ortho"), norm="ortho") for image in (hybrid, low, middle, high)]
    power = [float((view**2).mean()) + observer.NOISE for view in views]
    expected = [float((views[0] * views[k]).mean()) / math.sqrt(power[0] * power[k]) for k in (1, 2, 3)]
    ratio = torch.tensor([distance / 0.2], dtype=torch.float64)
    found = likeness(measure_three(*pictures), torch.tensor([cutoffs], dtype=torch.float64), ratio)
    assert found[0, 0].tolist() == pytest.approx(expected, abs=0.005)


def test_with_an_empty_band_low_and_high_are_as_alike_as_in_the_hybrid_of_two() -> None:
    low, middle, high = textures()
    ratio = torch.tensor(10.0, dtype=torch.float64)
    cutoffs_of_three = torch.tensor([[9.0, 20, 20, 30]], dtype=torch.float64)
    three = likeness(measure_three(low, middle, high), cutoffs_of_three, ratio[None])[0, 0]
    cutoffs = (torch.tensor(cycles, dtype=torch.float64) for cycles in (9.0, 30.0))
    two = observer.advantage(observer.measure(low, high), *cutoffs, ratio)
    assert float(three[0] - three[2]) == pytest.approx(float(two), abs=1e-12)


def test_swapped_pictures_give_exactly_the_swapped_choice() -> None:
    first, middle, second = textures()
    forth = plan_three(first, middle, second, VIEWING, BETWEEN)
    back = plan_three(second, middle, first, VIEWING, BETWEEN)
    assert {forth.low, back.low} == {"first", "second"}
    assert dataclasses.replace(forth, low="") == dataclasses.replace(back, low="")


def test_mirroring_twice_changes_nothing() -> None:
    spectra = measure_three(*textures())
    assert torch.equal(mirrored(mirrored(spectra)).powers, spectra.powers)
    assert torch.equal(spectra.powers, spectra.powers.transpose(0, 1))


def test_coarse_middling_and_fine_waves_go_to_their_distances() -> None:
    found = plan_three(waves(100), waves(28), waves(5), VIEWING, BETWEEN)
    assert found.low == "second"
    assert 5 < found.cycles_low < 28 < found.cycles_middle[1] < 100
    assert found.score > 0.15
    away, arrived = found.switch_distances
    assert away is not None
    assert arrived is not None
    assert VIEWING.near < away < BETWEEN < arrived < VIEWING.far


def test_each_distance_shows_its_picture_where_the_score_is_positive() -> None:
    first, middle, second = textures()
    found = plan_three(first, middle, second, VIEWING, BETWEEN)
    assert found.score > 0
    pictures = (first, middle, second) if found.low == "first" else (second, middle, first)
    cutoffs = torch.tensor([[found.cycles_low, *found.cycles_middle, found.cycles_high]], dtype=torch.float64)
    ratios = torch.tensor([VIEWING.far, BETWEEN, VIEWING.near], dtype=torch.float64) / VIEWING.width
    alike = likeness(measure_three(*pictures), cutoffs, ratios)[:, 0]
    assert alike.argmax(-1).tolist() == [0, 1, 2]
    two_best = alike.topk(2).values
    assert found.score == pytest.approx(float((two_best[:, 0] - two_best[:, 1]).min()))


def test_the_choice_beats_a_thousand_others_in_order() -> None:
    first, middle, second = textures()
    found = plan_three(first, middle, second, VIEWING, BETWEEN)
    lower, upper = trio.CYCLES
    others = torch.rand(1000, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).sort().values
    for pictures in ((first, middle, second), (second, middle, first)):
        scores = score_three(measure_three(*pictures), lower * (upper / lower) ** others, VIEWING, BETWEEN)
        assert found.score >= float(scores.max()) - 1e-3


def test_cutoffs_come_in_order_and_within_bounds() -> None:
    for pictures in (textures(), [waves(100), waves(28), waves(5)]):
        found = plan_three(*pictures, VIEWING, BETWEEN)
        cutoffs = [found.cycles_low, *found.cycles_middle, found.cycles_high]
        assert cutoffs == sorted(cutoffs)
        assert trio.CYCLES[0] - 1e-9 <= cutoffs[0]
        assert cutoffs[-1] <= trio.CYCLES[1] + 1e-9


@pytest.mark.parametrize(
    "given",
    [{"low": "first"}, {"cycles_low": 11.0}, {"cycles_high": 30.0}, {"cycles_low": 200.0, "cycles_high": 3.0}],
)
def test_what_is_given_is_kept(given: dict[str, object]) -> None:
    first, middle, second = textures()
    found = plan_three(first, middle, second, VIEWING, BETWEEN, **given)  # type: ignore[arg-type]
    assert {name: getattr(found, name) for name in given} == given
    assert found.cycles_middle[0] <= found.cycles_middle[1]


def test_the_role_is_the_better_of_the_two() -> None:
    first, middle, second = textures()
    scores = {low: plan_three(first, middle, second, VIEWING, BETWEEN, low=low).score for low in ("first", "second")}
    found = plan_three(first, middle, second, VIEWING, BETWEEN)
    assert (found.low, found.score) == (max(scores, key=lambda low: scores[low]), max(scores.values()))


def test_scaling_the_whole_scene_scales_the_switches_only() -> None:
    pictures = textures()
    small = plan_three(*pictures, VIEWING, BETWEEN)
    large = plan_three(*pictures, Viewing(0.6, 1.5, 18), 3 * BETWEEN)
    assert (large.low, large.cycles_low) == (small.low, pytest.approx(small.cycles_low))
    assert large.score == pytest.approx(small.score)
    assert None not in small.switch_distances
    assert large.switch_distances == pytest.approx([3 * (distance or 0) for distance in small.switch_distances])


def test_a_picture_crossed_with_itself_cannot_be_told_apart() -> None:
    image, _, _ = textures()
    assert plan_three(image, image, image, VIEWING, BETWEEN).score == pytest.approx(0, abs=1e-9)


def test_flat_pictures_score_nothing() -> None:
    grey = torch.full((1, 3, 20, 30), 0.5)
    found = plan_three(grey, grey, grey, VIEWING, BETWEEN)
    assert found.score == pytest.approx(0, abs=1e-6)
    assert math.isfinite(found.cycles_low)
    made = blend_three(grey, grey, grey, 5, (4, 2), 1)
    torch.testing.assert_close(made, grey)
