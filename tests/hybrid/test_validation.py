"""The examiner is examined: his eye is Mannos and Sakrison's, his judge tells stripes apart, and his numbers are right."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.fft import dctn, idctn
from scipy.stats import spearmanr
from torch import Tensor

from alebrije import features
from alebrije.data.draw import creature
from alebrije.errors import ConfigError, DataError
from alebrije.events import Done, Saved, Started, Step
from alebrije.hybrid import validation
from alebrije.hybrid.observer import NOISE, Viewing, degrees, plan
from alebrije.hybrid.pairs.labelling import USUAL as VIEWING
from alebrije.hybrid.validation import LAYERS, Choice, Verdict, eye, findings, judge, probe, probes, validate, viewer
from alebrije.hybrid.validation.viewer import CONTRAST, GREY, adapted, view

WIDTH = 0.2


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def wave(cycles: float, height: int = 64, width: int = 64, across: bool = True, contrast: float = 0.2) -> Tensor:
    """A grating that repeats at its reflected borders: [1, 3, H, W], `cycles` a picture's width."""
    along = (torch.arange(width if across else height, dtype=torch.float64) + 0.5) / width
    stripes = 0.5 + contrast * torch.cos(2 * math.pi * cycles * along)
    return stripes.view(1, 1, *((1, -1) if across else (-1, 1))).expand(1, 3, height, width)


def texture(size: int = 64, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stripes_as_network(pictures: Tensor) -> Mapping[str, Tensor]:
    return {"pixels": pictures}


@pytest.mark.parametrize("distance", [0.5, 2.0, 6.0])
@pytest.mark.parametrize("cycles", [4, 12, 25])
@pytest.mark.parametrize("across", [True, False])
def test_the_eyes_gain_is_the_closed_form(distance: float, cycles: int, across: bool) -> None:
    image = wave(cycles, 96, 64, across)
    frequency = cycles / math.degrees(2 * math.atan(WIDTH / (2 * distance)))
    gain = 2.6 * (0.0192 + 0.114 * frequency) * math.exp(-((0.114 * frequency) ** 1.1))
    torch.testing.assert_close(eye(image, WIDTH, distance), 0.5 + gain * (image - 0.5), atol=1e-9, rtol=0)


def test_the_eye_keeps_the_mean_and_is_linear() -> None:
    one, other = texture(seed=1), texture(seed=2)
    assert float(eye(one, WIDTH, 3.0).mean()) == pytest.approx(float(one.mean()), abs=1e-12)
    flat = torch.full_like(one, 0.3)
    torch.testing.assert_close(eye(flat, WIDTH, 3.0), flat)
    both = eye(2 * one - 3 * other, WIDTH, 3.0)
    torch.testing.assert_close(both, 2 * eye(one, WIDTH, 3.0) - 3 * eye(other, WIDTH, 3.0))


def test_the_eye_agrees_with_a_cosine_transform() -> None:
    image = texture()[..., :40, :]
    cycles = np.hypot(np.arange(40)[:, None] * 64 / 40, np.arange(64)) / 2
    frequency = cycles / float(degrees(torch.tensor(2.0 / WIDTH, dtype=torch.float64)))
    gain = 2.6 * (0.0192 + 0.114 * frequency) * np.exp(-((0.114 * frequency) ** 1.1))
    gain[0, 0] = 1
    twin = idctn(gain * dctn(image.numpy(), axes=(2, 3), norm="ortho"), axes=(2, 3), norm="ortho")
    torch.testing.assert_close(eye(image, WIDTH, 2.0), torch.from_numpy(twin))


def test_the_eye_sees_the_same_in_files_of_any_size() -> None:
    small, large = (eye(wave(6, side, side), WIDTH, 6.0) for side in (48, 144))
    assert float(large.std(correction=0)) == pytest.approx(float(small.std(correction=0)), rel=1e-6)


def test_screen_and_distance_together_change_nothing() -> None:
    torch.testing.assert_close(eye(texture(), 0.2, 3.0), eye(texture(), 0.6, 9.0))


def test_a_far_picture_is_a_small_one_and_every_view_has_the_same_light_and_contrast() -> None:
    gray = texture(224)[:, :1]
    near, far = (view(gray, WIDTH, distance) for distance in (0.5, 6.0))
    assert near.shape[-1] == 224
    assert far.shape[-1] == round(2 * 20 * math.degrees(2 * math.atan(WIDTH / 12)))
    for shown in (near, far):
        assert float(shown.mean()) == pytest.approx(GREY, abs=1e-6)
        assert CONTRAST * 0.9 < float(shown.std()) <= CONTRAST * 1.001


def test_adapting_lifts_no_noise_and_leaves_a_blank_page_blank() -> None:
    blank = torch.full((1, 1, 32, 32), 0.7)
    torch.testing.assert_close(adapted(blank), torch.full_like(blank, GREY))
    faint = adapted(wave(4, contrast=0.1 * math.sqrt(NOISE))[:, :1])
    assert float(faint.std()) < 0.1 * CONTRAST


def test_from_near_the_fine_stripes_are_seen_and_from_far_the_coarse_ones() -> None:
    coarse, fine = wave(5, 224, 224).float(), wave(80, 224, 224).float()
    told = judge(stripes_as_network, coarse, fine, [Choice("first", 16, 32), Choice("second", 16, 32)], VIEWING)
    assert told[0].near > 0.5
    assert told[0].far > 0.5
    assert told[1].score < told[0].score - 0.3  # of either next to nothing is left


def test_the_farther_the_eye_the_more_it_sees_of_the_coarse_stripes() -> None:
    coarse, fine = wave(5, 224, 224).float(), wave(60, 224, 224).float()
    chosen = [Choice("first", 16, 32)]
    told = [judge(stripes_as_network, coarse, fine, chosen, Viewing(0.2, d, d))[0].far for d in (0.5, 2.0, 4.0, 8.0)]
    assert told == sorted(told)
    assert told[0] < 0 < told[-1]


def test_swapped_pictures_get_the_same_verdict() -> None:
    first, second = texture(48, 1).float(), texture(48, 2).float()
    forth = judge(stripes_as_network, first, second, [Choice("first", 9, 30)], VIEWING)[0]
    back = judge(stripes_as_network, second, first, [Choice("second", 9, 30)], VIEWING)[0]
    assert forth == pytest.approx(back, abs=1e-6)


@pytest.mark.parametrize("filtered", [True, False])
def test_a_picture_crossed_with_itself_tells_nothing(filtered: bool) -> None:
    first = texture(48).float()
    told = judge(stripes_as_network, first, first, [Choice("first", 9, 30)], VIEWING, filtered=filtered)[0]
    assert told == Verdict(0, 0, 0, 0)


def test_without_an_eye_a_network_sees_the_same_from_everywhere() -> None:
    first, second = creature(1, 64).image, creature(2, 64).image
    look = features.load("compact", LAYERS["compact"])
    told = judge(look, first, second, [Choice("first", 10, 30)], VIEWING, filtered=False)[0]
    assert told.near == -told.far
    assert told.score <= 0
    assert all(-1 <= margin <= 1 for margin in told)


def test_screens_and_swaps_on_drawn_creatures() -> None:
    asked = [probe(creature(seed, 96).image, creature(seed + 1, 96).image, VIEWING) for seed in (1, 5)]
    assert all(one.swapped_alike for one in asked)
    found = findings.screens(asked)
    assert found["all_scaled_relative_error"]["range"][1] < 1e-9
    assert found["all_scaled_same_cutoffs"]["share"] == 1
    assert found["screen_alone_kept_cutoffs_slope"]["median"] == pytest.approx(1, abs=1e-9)
    assert all(one.plan.score >= one.opposite.score for one in asked)
    assert findings.resolutions(asked)["1024"]["roles_flip"]["count"] == 0


def test_octaves_are_told_only_where_the_roles_are_the_same() -> None:
    one = plan(creature(1, 64).image, creature(2, 64).image, VIEWING)
    other = dataclasses.replace(one, cycles_low=2 * one.cycles_low, cycles_high=one.cycles_high / 4)
    assert probes.octaves(one, other) == pytest.approx((1, 2))
    assert probes.octaves(one, dataclasses.replace(one, low="neither")) is None


def test_rank_correlation_is_scipys_with_ties() -> None:
    chance = np.random.default_rng(0)
    first, second = chance.integers(5, size=40), chance.integers(5, size=40)
    found = findings.rank_correlation(first.tolist(), (first + second).tolist())
    assert found["spearman"] == pytest.approx(spearmanr(first, first + second).statistic)
    assert found["interval"][0] < found["spearman"] < found["interval"][1]
    assert findings.rank_correlation([1, 2, 3], [4, 4, 4])["spearman"] is None


def test_validate_writes_its_results_and_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(viewer, "SIDE", 64)
    for module in (probes, findings):
        monkeypatch.setattr(module, "SIZES", (192, probes.USUAL_SIZE))
        monkeypatch.setattr(module, "WIDTHS", (1.0, 3.0))
    pairs = [(creature(seed, 48).image, creature(seed + 10, 48).image) for seed in range(4)]
    events = list(validate(pairs, tmp_path / "made"))
    done = events[-1]
    assert isinstance(done, Done)
    assert json.loads((tmp_path / "made" / "observer.json").read_text(encoding="utf-8")) == done.result
    assert {event.path.suffix for event in events if isinstance(event, Saved)} == {".json", ".png"}
    assert sum(isinstance(event, Step) for event in events) == sum(e.total or 0 for e in events if isinstance(e, Started))
    assert done.result["swaps"]["share"] == 1
    assert done.result["judge"]["choices"][validation.OBSERVER]["observer_better_by"]["mean"] == 0
    assert done.result["controls"]["with_itself"]["range"] == pytest.approx([0, 0], abs=1e-9)


def test_validate_says_what_is_missing(tmp_path: Path) -> None:
    picture = texture().float()
    with pytest.raises(DataError, match="at least 4"):
        list(validate([(picture, picture)], tmp_path))
    with pytest.raises(DataError, match="one size"):
        list(validate([(picture, picture[..., :8])] * 4, tmp_path))
    with pytest.raises(ConfigError, match="compact"):
        list(validate([(picture, picture)] * 4, tmp_path, network="eagle"))
