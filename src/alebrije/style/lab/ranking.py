"""From scores and votes to one order: ranks for each pair and judge, their means, bootstrapped intervals, agreement."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alebrije.core.statistics import bootstrap, spearman
from alebrije.style.lab.config import family

Table = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Place:
    """A painter's mean rank (1: always the best), its 95 % interval, and over how many pairs (or ballots) it was taken."""

    painter: str
    rank: float
    interval: tuple[float, float]
    count: int


def score_table(scores: Sequence[Mapping[str, Mapping[str, float]]], painters: Sequence[str], judges: Sequence[str]) -> Table:
    """`scores[pair][painter][judge]` -> [pairs, painters, judges]; NaN where a painting is missing or was not judged so."""
    rows = [[[pair.get(p, {}).get(j, np.nan) for j in judges] for p in painters] for pair in scores]
    return np.array(rows, dtype=np.float64).reshape(len(scores), len(painters), len(judges))


def without_own(table: Table, painters: Sequence[str], judges: Sequence[str]) -> Table:
    """The table with NaN where a judge would score its own family: there the painter optimised what is measured."""
    own = np.array([[family(painter) == judge for judge in judges] for painter in painters]).reshape(1, *table.shape[1:])
    return np.where(own, np.nan, table)


def ranks(values: Table, least: bool = True) -> Table:
    """Ranks along the first of two axes, values [painters, K] -> [painters, K], from 1 for the best of each column.

    `least`: the least value is the best. Equal values share their mean rank, NaN stays NaN. A column in which only n of N
    painters are ranked is stretched from 1...n to 1...N, so that leaving somebody out favours nobody; with one, it says
    nothing and is NaN (unless there is but one painter).
    """
    total = len(values)
    result = np.full(values.shape, np.nan)
    for column in range(values.shape[1]):
        there = np.flatnonzero(np.isfinite(values[:, column]))
        found = values[there, column] if least else -values[there, column]
        if len(there) > 1:
            plain = (found[:, None] > found).sum(1) + ((found[:, None] == found).sum(1) + 1) / 2
            result[there, column] = 1 + (plain - 1) * (total - 1) / (len(there) - 1)
        elif total == 1:
            result[there, column] = 1.0
    return result


def rank_by_scores(table: Table, painters: Sequence[str], judges: Sequence[str], seed: int = 0) -> list[Place]:
    """Mean ranks over the judges of `table` [pairs, painters, judges] that are not a painter's own family, best first.

    The interval is the percentile bootstrap over pairs. Painters without any rank are left out.
    """
    judged = without_own(table, painters, judges)
    by_pair = [_mean(ranks(pair), axis=1) for pair in judged]
    return places(np.array(by_pair).reshape(len(table), len(painters)), painters, seed)


def places(rows: Table, painters: Sequence[str], seed: int = 0) -> list[Place]:
    """Mean ranks from rows of ranks [N, painters] with NaN for unknown ones, best first; intervals by bootstrap over rows."""
    found = []
    for painter, column in zip(painters, rows.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known):
            found.append(Place(painter, float(known.mean()), bootstrap(known[:, None], np.mean, seed), len(known)))
    return sorted(found, key=lambda place: place.rank)


def agreement(first: Sequence[Place], second: Sequence[Place]) -> float | None:
    """Spearman's rank correlation of two rankings over the painters that both have; None for fewer than three of them or
    where one ranking sees no difference at all."""
    others = {place.painter: place.rank for place in second}
    both = [(place.rank, others[place.painter]) for place in first if place.painter in others]
    if len(both) < 3:
        return None
    found = spearman(*zip(*both, strict=True))
    return None if math.isnan(found) else found


def means(table: Table) -> Table:
    """Mean over pairs, [pairs, painters, judges] -> [painters, judges]; NaN where there is nothing."""
    return _mean(table, axis=0)


def _mean(values: Table, axis: int) -> Table:
    there = np.isfinite(values)
    count = there.sum(axis)
    total = np.where(there, values, 0).sum(axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
