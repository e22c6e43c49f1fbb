"""Scores of planners: against scipy, against loops, and for the symmetries that pairs have."""

from __future__ import annotations

import itertools
import json
import math
import statistics
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from alebrije.core import statistics as intervals
from alebrije.core.statistics import bootstrap, wilson
from alebrije.data.pairs import Label
from alebrije.errors import DataError, NumericsError
from alebrije.hybrid.planning.answers import SMALLEST, Answers, compare_roles, constant_answers, judge


def labels_of(count: int, seed: int = 0) -> list[Label]:
    chance = np.random.default_rng(seed)
    return [Label(int(chance.integers(2)), *map(float, 2 ** chance.uniform(0.5, 3, 2))) for _ in range(count)]


def answers_like(labels: list[Label], noise: float = 0.4, wrong: float = 0.2, seed: int = 1) -> Answers:
    chance = np.random.default_rng(seed)
    signs = [(1 if label.low else -1) * (-1 if chance.random() < wrong else 1) for label in labels]
    sigmas = [[s * 2 ** chance.normal(0, noise) for s in (label.sigma_first, label.sigma_second)] for label in labels]
    return Answers(torch.tensor(signs, dtype=torch.float64), torch.tensor(sigmas, dtype=torch.float64))


def mirrored(told: Answers) -> Answers:
    return Answers(-told.second_low, told.sigmas.flip(1))


@settings(deadline=None)
@given(st.integers(1, 400).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count))))
def test_the_interval_of_a_share_is_wilsons(case: tuple[int, int]) -> None:
    successes, count = case
    expected = stats.binomtest(successes, count).proportion_ci(0.95, method="wilson")
    assert wilson(successes, count) == pytest.approx((expected.low, expected.high), abs=1e-9)
    low, high = wilson(successes, count)
    assert 0 <= low <= successes / count <= high <= 1


def test_sixteen_of_twenty_nine_is_chance() -> None:
    low, high = wilson(16, 29)
    assert low < 0.5 < high


def test_right_answers_have_no_errors() -> None:
    labels = labels_of(20)
    scores = judge(answers_like(labels, noise=0, wrong=0), labels)
    assert (scores.count, scores.accuracy) == (20, 1.0)
    assert scores.intervals["accuracy"][1] == 1
    for name in ("mae_first", "mae_second", "mae", "median_octave"):
        assert getattr(scores, name) == 0
        assert scores.intervals[name] == (0, 0)
    assert scores.confusion[0][1] == scores.confusion[1][0] == 0


@pytest.mark.parametrize("count", [1, 2, 7, 30])
def test_the_numbers_are_those_of_loops(count: int) -> None:
    labels = labels_of(count)
    told = answers_like(labels)
    scores = judge(told, labels)
    off: list[list[float]] = [[], []]
    octaves, confusion = [], [[0, 0], [0, 0]]
    for label, logit, pair in zip(labels, told.second_low.tolist(), told.sigmas.tolist(), strict=True):
        confusion[label.low][1 if logit > 0 else 0] += 1
        for which, (true, answer) in enumerate(zip((label.sigma_first, label.sigma_second), pair, strict=True)):
            off[which].append(abs(true - answer))
            octaves.append(abs(math.log2(true) - math.log2(answer)))
    assert [list(row) for row in scores.confusion] == confusion
    assert scores.accuracy == pytest.approx((confusion[0][0] + confusion[1][1]) / count)
    assert scores.mae_first == pytest.approx(statistics.mean(off[0]))
    assert scores.mae_second == pytest.approx(statistics.mean(off[1]))
    assert scores.mae == pytest.approx(statistics.mean(off[0] + off[1]))
    assert scores.median_octave == pytest.approx(statistics.median(octaves))
    for name in ("accuracy", "mae_first", "mae_second", "mae", "median_octave"):
        low, high = scores.intervals[name]
        assert low <= getattr(scores, name) <= high


@pytest.mark.parametrize("octaves", [-2.0, -0.25, 1.0])
def test_all_answers_off_by_so_many_octaves(octaves: float) -> None:
    labels = labels_of(9)
    right = answers_like(labels, noise=0)
    scores = judge(right._replace(sigmas=right.sigmas * 2**octaves), labels)
    assert scores.median_octave == pytest.approx(abs(octaves))
    assert scores.intervals["median_octave"] == pytest.approx((abs(octaves), abs(octaves)))


def test_swapped_pairs_are_judged_the_same() -> None:
    labels = labels_of(25)
    told = answers_like(labels)
    scores, other = judge(told, labels), judge(mirrored(told), [label.mirrored() for label in labels])
    assert (other.mae_first, other.mae_second) == (scores.mae_second, scores.mae_first)
    assert (other.accuracy, other.median_octave) == (scores.accuracy, scores.median_octave)
    assert other.intervals["mae_first"] == pytest.approx(scores.intervals["mae_second"])
    assert other.confusion == tuple(tuple(reversed(row)) for row in reversed(scores.confusion))


def test_sigmas_of_nothing_or_less_are_those_that_blur_nothing() -> None:
    gain_at_the_finest_stripe = math.exp(-2 * math.pi**2 * SMALLEST**2 * 0.5**2)
    assert gain_at_the_finest_stripe == pytest.approx(0.5)
    told = Answers(torch.ones(3).double(), torch.tensor([[0.0, -5.0], [0.1, SMALLEST], [-1e300, 0.0]], dtype=torch.float64))
    scores = judge(told, [Label(1, 3.0, 3.0)] * 3)
    assert scores.median_octave == pytest.approx(math.log2(3 / SMALLEST))
    assert scores.mae == pytest.approx(3 - SMALLEST)
    blurless = judge(told, [Label(1, 0.2, 0.3)] * 3)
    assert (blurless.median_octave, blurless.mae) == (0, 0)


def test_the_bootstrap_agrees_with_scipys() -> None:
    values = np.random.default_rng(0).exponential(size=(60, 1))
    for statistic, tolerance in ((np.mean, 0.03), (np.median, 0.08)):
        expected = stats.bootstrap(
            (values[:, 0],), statistic, n_resamples=9999, method="percentile", rng=np.random.default_rng(5)
        ).confidence_interval
        assert bootstrap(values, statistic) == pytest.approx((expected.low, expected.high), abs=tolerance)


def test_the_bootstrap_draws_whole_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=(40, 1))
    whole = bootstrap(values, np.mean)
    assert bootstrap(np.repeat(values, 5, axis=1), np.mean) == pytest.approx(whole)  # repeating a pair tells nothing new
    assert bootstrap(values, np.mean, seed=1) != whole
    monkeypatch.setattr(intervals, "CHUNK", 1000)
    assert bootstrap(values, np.mean) == pytest.approx(whole, abs=0.05)


def test_the_constant_answer_in_both_orders_favours_neither() -> None:
    labels = labels_of(31)
    told = constant_answers(labels, 4)
    every = sorted(sigma for label in labels for sigma in (label.sigma_first, label.sigma_second))
    assert told.second_low.shape == (4,)
    assert torch.equal(told.sigmas, torch.full((4, 2), statistics.median(every), dtype=torch.float64))
    assert (told.second_low <= 0).all()  # as often one as the other: role 0


@pytest.mark.parametrize("ones", [0, 4, 5, 9])
def test_the_commonest_role_as_the_pairs_lie(ones: int) -> None:
    labels = [Label(int(index < ones), float(index + 1), float(2 * index + 10)) for index in range(9)]
    told = constant_answers(labels, 2, both_orders=False)
    assert bool((told.second_low > 0).all()) == (ones >= 5)
    assert told.sigmas.tolist() == [[5.0, 18.0]] * 2
    assert judge(constant_answers(labels, 9, both_orders=False), labels).accuracy == max(ones, 9 - ones) / 9


@pytest.mark.parametrize("seed", range(4))
def test_two_planners_are_compared_as_by_the_binomial_test(seed: int) -> None:
    labels = labels_of(60)
    one, other = answers_like(labels, wrong=0.1, seed=seed), answers_like(labels, wrong=0.4, seed=seed + 10)
    only_one, only_other, chance = compare_roles(one, other, labels)
    counts = [0, 0]
    for mine, theirs, label in zip(one.second_low.tolist(), other.second_low.tolist(), labels, strict=True):
        right = [(logit > 0) == bool(label.low) for logit in (mine, theirs)]
        if right[0] != right[1]:
            counts[right.index(True)] += 1
    assert [only_one, only_other] == counts
    assert chance == pytest.approx(stats.binomtest(only_one, only_one + only_other).pvalue)
    assert compare_roles(other, one, labels) == (only_other, only_one, chance)


def test_a_planner_is_no_better_than_itself() -> None:
    labels = labels_of(5)
    told = answers_like(labels)
    assert compare_roles(told, told, labels) == (0, 0, 1.0)


def test_scores_are_json() -> None:
    labels = labels_of(6)
    found = json.loads(json.dumps(judge(answers_like(labels), labels).metrics()))
    names = ["accuracy", "mae_first", "mae_second", "mae", "median_octave"]
    assert set(found) == {"count", "confusion", *names, *(f"{name}_interval" for name in names)}
    assert sum(itertools.chain(*found["confusion"])) == 6


@pytest.mark.parametrize(
    ("act", "error", "words"),
    [
        (lambda told: judge(told, []), DataError, "no labelled pair"),
        (lambda told: constant_answers([], 3), DataError, "labelled pairs"),
        (lambda told: judge(told, labels_of(4)), ValueError, "3 answers to 4"),
        (lambda told: judge(told._replace(second_low=told.second_low * math.nan), labels_of(3)), NumericsError, "not finite"),
        (lambda told: judge(told._replace(sigmas=told.sigmas * math.inf), labels_of(3)), NumericsError, "not finite"),
    ],
)
def test_what_cannot_be_judged(act: Callable[[Answers], Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        act(answers_like(labels_of(3)))
