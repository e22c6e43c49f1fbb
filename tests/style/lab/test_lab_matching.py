"""Equal content: the search for the weight, painter against painter, and how far the structure of a style reaches."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alebrije.core.image import Picture
from alebrije.events import Event, Step
from alebrije.style.config import StylizeConfig
from alebrije.style.lab import matching
from alebrije.style.lab.balance import Pull
from alebrije.style.lab.comparison import NEUTRAL, compare, sign_test
from alebrije.style.lab.config import LabConfig
from alebrije.style.lab.matching import MOST_TRIES, Try, first_weight, is_matched, next_weight, paint_matched
from alebrije.style.lab.painting import Canvas, Pair
from alebrije.style.lab.reach import correlation

PAIR = Pair(Path("c.png"), Path("s.png"), "c", "s")
PICTURE = Picture(torch.zeros(1, 3, 4, 4))
Curve = Callable[[float], float]


def painted(monkeypatch: pytest.MonkeyPatch, curve: Curve, start: float, wanted: float) -> tuple[Canvas, list[Try], list[int]]:
    """What the search ends with if a weight gives the content distance that `curve` says, its tries, and its steps."""
    tries: list[Try] = []

    def paint(*given: Any) -> Generator[Event, None, Canvas]:
        pull, done, total = given[3], given[5], given[6]
        tries.append(Try(pull.weight, curve(pull.weight)))
        yield Step(done + 10, total)
        report = {"content_distance": tries[-1].distance}
        return Canvas(PICTURE, StylizeConfig(style_weight=pull.weight), pull, report, 10)

    monkeypatch.setattr(matching, "paint", paint)
    work = paint_matched(PAIR, (PICTURE, PICTURE), "bn", Pull(start, 1.0), wanted, LabConfig(), 5, 100)
    steps = []
    while True:
        try:
            event = next(work)
            assert isinstance(event, Step)
            steps.append(event.index)
        except StopIteration as end:
            return end.value, tries, steps


@pytest.mark.parametrize("start", [0.02, 3.0, 4000.0])
@pytest.mark.parametrize(
    "curve",
    [
        lambda weight: 0.05 * weight**0.4,
        lambda weight: 0.02 * weight**0.9,
        lambda weight: weight / (weight + 20),
        lambda weight: 0.25 * math.log1p(weight),
        lambda weight: 0.01 + 0.3 * weight**0.5 / (1 + weight**0.5),
    ],
)
def test_the_weight_is_found_whatever_the_curve(curve: Curve, start: float, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas, tries, steps = painted(monkeypatch, curve, start, curve(7.0))
    assert is_matched(curve(canvas.settings.style_weight), curve(7.0))
    assert len(tries) <= MOST_TRIES
    assert steps == [15 + 10 * number for number in range(len(tries))]


def test_the_weight_is_found_through_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paintings whose distance is off by 4 % at random, more than the tolerance: nearly all end matched, most of them soon."""
    noise, counts = np.random.default_rng(0), []
    for _ in range(200):
        slope, start = noise.choice([0.2, 0.4, 0.8]), math.exp(noise.normal(0, 0.4))

        def curve(weight: float, slope: float = slope) -> float:
            return float(weight**slope * math.exp(noise.normal(0, 0.04)))

        canvas, tries, _ = painted(monkeypatch, curve, start, 1.0)
        counts.append(len(tries) if is_matched(canvas.report["content_distance"], 1.0) else math.inf)
    assert np.mean(np.array(counts) <= MOST_TRIES) > 0.97
    assert np.mean(np.array(counts) <= 6) > 0.85
    assert np.median(counts) <= 4


def test_a_good_guess_is_painted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(painted(monkeypatch, lambda weight: 0.05 * weight**0.4, 7.2, 0.05 * 7**0.4)[1]) == 1


def test_what_cannot_be_reached_ends_with_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    canvas, tries, _ = painted(monkeypatch, lambda weight: 0.1 * weight / (weight + 1), 1.0, 0.4)
    assert len(tries) == MOST_TRIES
    assert canvas.report["content_distance"] == max(one.distance for one in tries)
    assert not is_matched(canvas.report["content_distance"], 0.4)


def test_no_distance_at_all_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(painted(monkeypatch, lambda weight: 0.0, 1.0, 0.0)[1]) == 1
    assert len(painted(monkeypatch, lambda weight: 0.2, 1.0, 0.0)[1]) == 1
    assert is_matched(0.0, 0.0)
    assert not is_matched(0.1, 0.0)
    assert not is_matched(math.nan, 0.1)


def test_who_fails_says_so_or_keeps_what_there_was(monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes: list[Canvas | str] = ["not finite"]

    def paint(*given: Any) -> Generator[Event, None, Canvas | str]:
        yield from ()
        return outcomes.pop(0)

    monkeypatch.setattr(matching, "paint", paint)

    def end() -> Canvas | str:
        with pytest.raises(StopIteration) as caught:
            next(paint_matched(PAIR, (PICTURE, PICTURE), "bn", Pull(1.0, 1.0), 0.1, LabConfig(), 0, 1))
        result: Canvas | str = caught.value.value
        return result

    assert end() == "not finite"
    only = Canvas(PICTURE, StylizeConfig(), Pull(1.0, 1.0), {"content_distance": 0.5}, 10)
    outcomes += [only, "not finite"]
    assert end() is only


@settings(deadline=None, max_examples=30)
@given(st.floats(0.1, 1.5), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_two_points_of_a_power_law_give_its_third(power: float, first: float, second: float) -> None:
    wanted = 0.1 * 5.0**power
    if abs(math.log(first / second)) < 0.1:
        return
    found = next_weight([Try(w, 0.1 * w**power) for w in (first, second)], wanted)
    lower, upper = sorted((first, second))
    if lower < 5 < upper:  # between them, but a tenth off the ends
        share = min(max(math.log(5 / lower) / math.log(upper / lower), 0.1), 0.9)
        assert found == pytest.approx(lower * (upper / lower) ** share)
    else:
        nearest = min((first, second), key=lambda weight: abs(math.log(weight / 5)))
        assert found == pytest.approx(min(max(5, nearest / 30), nearest * 30), rel=1e-6)


def test_the_first_guess_is_what_the_painter_needed_before() -> None:
    assert first_weight(Pull(4.0, 1.0), []) == 4
    assert first_weight(Pull(4.0, 1.0), [9.0, 1.0, 2.0]) == 2


def test_counts_are_those_of_pairs_on_either_side_of_the_margin() -> None:
    factors = [0.5, 0.9, 0.995, 1.005, 1.2, 0.1, 3.0]
    pairs = [f"c--{number}" for number in range(len(factors))]
    reference = np.random.default_rng(0).uniform(0.01, 1, (len(factors), len(NEUTRAL)))
    scores = reference * np.array(factors)[:, None]
    scores[5, 0] = np.nan
    found = compare("bn", scores, reference, pairs, ["c--6"])
    assert found.judges == NEUTRAL
    assert (found.pairs, found.apart) == (tuple(pairs[:5]), ("c--5", "c--6"))
    assert (found.no_worse, found.better) == (4, 2)
    assert found.ratio == pytest.approx(math.prod(factors[:5]) ** (1 / 5))
    assert found.by_judge() == pytest.approx(dict.fromkeys(NEUTRAL, found.ratio))
    assert found.interval[0] < found.ratio < found.interval[1]
    report = found.as_json()
    assert report["no_worse_interval"][0] < 0.8 < report["no_worse_interval"][1]
    assert report["by_pair"]["c--1"]["sliced"] == pytest.approx(0.9)


def test_nobody_is_judged_by_his_own_statistic() -> None:
    scores = np.ones((2, len(NEUTRAL)))
    for painter in ("sliced", "shifted"):
        assert compare(painter, scores, scores, ["a", "b"], []).judges == tuple(name for name in NEUTRAL if name != painter)
    assert compare("cooccurrence-pairwise", scores, scores, ["a", "b"], []).judges == NEUTRAL
    nothing = compare("bn", scores, scores, ["a", "b"], ["a", "b"])
    assert (nothing.pairs, nothing.no_worse) == ((), 0)


@pytest.mark.parametrize(("better", "worse"), [(0, 0), (5, 0), (12, 8), (10, 10), (3, 17)])
def test_sign_test_is_the_binomial_test(better: int, worse: int) -> None:
    expected = stats.binomtest(better, better + worse).pvalue if better + worse else 1.0
    assert sign_test(better, worse) == pytest.approx(expected)


def test_structure_reaches_as_far_as_it_is_coarse() -> None:
    noise = torch.randn(1, 8, 64, 64, generator=torch.Generator().manual_seed(0))
    blocks = torch.nn.functional.interpolate(noise[:, :, :32, :32], scale_factor=8)
    wave = torch.cos(torch.arange(64) * 2 * math.pi / 16).expand(1, 1, 64, 64)
    waves = torch.cat([wave, wave.mT], 1)
    assert correlation(noise, 0) == pytest.approx(1, rel=1e-5)
    assert correlation(noise, 4) < 0.1
    assert 0.4 < correlation(blocks, 4) < 0.6  # half of a block's neighbours are in it
    assert correlation(blocks, 16) < 0.1
    assert correlation(waves, 16) > 0.95
    assert correlation(noise + 100, 4) == pytest.approx(correlation(noise, 4), abs=1e-3)
    assert correlation(7 * noise, 4) == pytest.approx(correlation(noise, 4), rel=1e-4)
    assert correlation(torch.ones(1, 3, 5, 5), 1) == correlation(noise[..., :2, :2], 5) == 0
