"""From scores to ranks: who is compared with whom, and what a mean rank and its interval are."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from alebrije.core.statistics import bootstrap
from alebrije.style.lab.config import family
from alebrije.style.lab.ranking import (
    Place,
    agreement,
    means,
    places,
    rank_by_scores,
    ranks,
    score_table,
    without_own,
)

PAINTERS = ("gram", "mmd-polynomial", "bn", "sliced", "cooccurrence-pairwise", "cooccurrence-tensor")
JUDGES = ("gram", "bn", "sliced", "cooccurrence")


def random_table(pairs: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((pairs, len(PAINTERS), len(JUDGES)))


def test_a_judge_never_scores_its_own_family() -> None:
    judged = without_own(random_table(), PAINTERS, JUDGES)
    for (row, painter), (column, judge) in itertools.product(enumerate(PAINTERS), enumerate(JUDGES)):
        assert np.isnan(judged[:, row, column]).all() == (family(painter) == judge)
    assert {painter for painter in PAINTERS if family(painter) == "cooccurrence"} == set(PAINTERS[4:])
    assert family("mmd-polynomial") == "gram"


@pytest.mark.parametrize("painter", PAINTERS)
def test_what_a_painter_optimised_cannot_move_its_rank(painter: str) -> None:
    table = random_table()
    row, own = PAINTERS.index(painter), JUDGES.index(family(painter))
    before = {place.painter: place for place in rank_by_scores(table, PAINTERS, JUDGES)}
    for value in (-1e9, 1e9, np.nan):
        table[:, row, own] = value
        after = {place.painter: place for place in rank_by_scores(table, PAINTERS, JUDGES)}
        assert after == before


def test_ranks_are_those_of_scipy_ties_and_gaps_included() -> None:
    values = np.random.default_rng(1).integers(0, 4, size=(7, 30)).astype(float)
    np.testing.assert_allclose(ranks(values), stats.rankdata(values, axis=0))
    np.testing.assert_allclose(ranks(values, least=False), stats.rankdata(-values, axis=0))
    values[2] = np.nan
    found = ranks(values)
    assert np.isnan(found[2]).all()
    rest = np.delete(values, 2, axis=0)
    np.testing.assert_allclose(np.delete(found, 2, axis=0), 1 + (stats.rankdata(rest, axis=0) - 1) * 6 / 5)


def test_the_best_of_all_is_first_with_rank_one_and_leaving_out_favours_nobody() -> None:
    table = np.tile(np.arange(len(PAINTERS), dtype=float)[None, :, None], (4, 1, len(JUDGES)))
    found = rank_by_scores(table, PAINTERS, JUDGES)
    assert [place.painter for place in found] == list(PAINTERS)
    assert [found[0].rank, found[-1].rank] == [1, len(PAINTERS)]
    assert found[0].interval == (1.0, 1.0)
    equal = rank_by_scores(np.ones_like(table), PAINTERS, JUDGES)
    assert {place.rank for place in equal} == {(1 + len(PAINTERS)) / 2}


def test_missing_paintings_are_passed_over() -> None:
    table = random_table()
    table[1:, 3] = np.nan
    table[:, 5] = np.nan
    found = {place.painter: place for place in rank_by_scores(table, PAINTERS, JUDGES)}
    assert found["sliced"].count == 1
    assert found["gram"].count == 5
    assert "cooccurrence-tensor" not in found


def test_one_painter_alone_is_first_and_nothing_at_all_is_no_ranking() -> None:
    assert rank_by_scores(np.ones((2, 1, 2)), ["gram"], ["bn", "sliced"])[0].rank == 1
    assert rank_by_scores(np.full((2, 1, 2), np.nan), ["gram"], ["bn", "sliced"]) == []
    assert rank_by_scores(np.ones((0, 2, 2)), ["gram", "bn"], ["sliced", "shifted"]) == []


def test_the_bootstrap_is_the_same_each_time_and_covers_as_often_as_it_says() -> None:
    chance = np.random.default_rng(2)
    values = chance.normal(size=(20, 1))
    assert bootstrap(values, np.mean, seed=3) == bootstrap(values, np.mean, seed=3)
    assert bootstrap(values, np.mean, seed=3) != bootstrap(values, np.mean, seed=4)
    low, high = bootstrap(values, np.mean)
    normal = 1.96 * values.std() / np.sqrt(20)
    assert low < values.mean() < high
    assert (high - low) / 2 == pytest.approx(normal, rel=0.1)
    assert bootstrap(np.array([[2.5]]), np.mean) == (2.5, 2.5)


def test_agreement_is_spearmans() -> None:
    chance = np.random.default_rng(4)
    one, other = chance.permutation(8).astype(float), chance.integers(0, 5, size=8).astype(float)
    first, second = ([Place(str(k), rank, (rank, rank), 1) for k, rank in enumerate(each)] for each in (one, other))
    assert agreement(first, second) == pytest.approx(stats.spearmanr(one, other).statistic)
    assert agreement(first, second[::-1]) == agreement(first, second)
    assert agreement(first, first) == pytest.approx(1)
    assert agreement(first[:2], second) is None
    assert agreement(first, [Place(str(k), 2.0, (2, 2), 1) for k in range(8)]) is None


def test_tables_and_means_know_what_is_not_there() -> None:
    table = score_table([{"gram": {"bn": 1.0}}, {"gram": {"bn": 3.0, "sliced": 5.0}}], ["gram", "bn"], ["bn", "sliced"])
    assert table.shape == (2, 2, 2)
    np.testing.assert_equal(means(table), [[2.0, 5.0], [np.nan, np.nan]])


def test_rows_of_votes_become_places() -> None:
    found = places(np.array([[1, 2, np.nan], [1, 3, 2.0]]), ["a", "b", "c"])
    assert [(place.painter, place.rank, place.count) for place in found] == [("a", 1, 2), ("c", 2, 1), ("b", 2.5, 2)]
