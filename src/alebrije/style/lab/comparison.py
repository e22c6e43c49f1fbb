"""Painter against painter at equal content: in how many pairs one is no worse than the other, by judges that favour neither."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alebrije.core.statistics import Interval, bootstrap, wilson
from alebrije.style.lab.config import family
from alebrije.style.lab.ranking import Table

NEUTRAL = ("sliced", "histogram", "contextual", "shifted")
"""The judges that count: those whose statistic is not made of the second moments (or means) at one position, which gram, the
co-occurrence and the Gaussian families optimise. `shifted` looks at neighbours: it is the judge of space."""

MARGIN = 0.01  # relative: a difference of less is none


@dataclass(frozen=True, slots=True)
class Comparison:
    """A painter against the reference: log ratios of their scores [pairs, judges], below 0 where the painter is nearer to the
    style; `pairs` are those with equal content, `apart` the names of the others; `interval` is that of the mean ratio."""

    painter: str
    judges: tuple[str, ...]
    pairs: tuple[str, ...]
    ratios: Table
    apart: tuple[str, ...]
    interval: Interval

    @property
    def means(self) -> list[float]:
        """Of each pair, the mean log ratio over the judges."""
        return [float(value) for value in self.ratios.mean(1)]

    @property
    def no_worse(self) -> int:
        """Pairs in which the painter's scores are at most 1 % above the reference's, in the geometric mean over judges."""
        return sum(mean <= math.log1p(MARGIN) for mean in self.means)

    @property
    def better(self) -> int:
        """Pairs in which they are more than 1 % below."""
        return sum(mean < -math.log1p(MARGIN) for mean in self.means)

    @property
    def ratio(self) -> float:
        """The geometric mean of all ratios."""
        return float(np.exp(self.ratios.mean()))

    def by_judge(self) -> dict[str, float]:
        """The geometric mean over pairs of each judge's ratio."""
        return {judge: float(np.exp(column.mean())) for judge, column in zip(self.judges, self.ratios.T, strict=True)}

    def as_json(self) -> dict[str, Any]:
        """All of it for lab.json; shares with their 95 % Wilson intervals."""
        count = len(self.pairs)
        return {
            "painter": self.painter, "judges": list(self.judges), "pairs": count,
            "no_worse": self.no_worse, "no_worse_interval": list(wilson(self.no_worse, count)),
            "better": self.better, "better_interval": list(wilson(self.better, count)),
            "sign_test": sign_test(self.better, count - self.no_worse), "ratio": self.ratio, "interval": list(self.interval),
            "by_judge": self.by_judge(), "apart": list(self.apart),
            "by_pair": {
                pair: {"mean": math.exp(mean), **{judge: math.exp(one) for judge, one in zip(self.judges, row, strict=True)}}
                for pair, mean, row in zip(self.pairs, self.means, self.ratios, strict=True)
            },
        }  # fmt: skip


def compare(
    painter: str, scores: Table, reference: Table, pairs: Sequence[str], apart: Sequence[str], seed: int = 0
) -> Comparison:
    """Compare `scores` [pairs, NEUTRAL] of a painter with those of the `reference`, without the judge of the painter's own
    family, and without the pairs named in `apart` and those that one of the two has not painted."""
    judges = [number for number, judge in enumerate(NEUTRAL) if judge != family(painter)]
    ours, theirs = scores[:, judges], reference[:, judges]
    known: NDArray[np.bool_] = np.all(np.isfinite(ours) & (ours > 0) & np.isfinite(theirs) & (theirs > 0), axis=1)
    counted = [number for number, pair in enumerate(pairs) if known[number] and pair not in apart]
    ratios = np.log(ours[counted]) - np.log(theirs[counted])
    low, high = bootstrap(ratios.mean(1, keepdims=True), np.mean, seed) if counted else (math.nan, math.nan)
    left = tuple(pair for number, pair in enumerate(pairs) if number not in counted)
    chosen = tuple(pairs[number] for number in counted)
    return Comparison(painter, tuple(NEUTRAL[j] for j in judges), chosen, ratios, left, (math.exp(low), math.exp(high)))


def sign_test(better: int, worse: int) -> float:
    """How likely a split at least as uneven is if both were equally good: the two-sided sign test, draws left out.

    Dixon & Mood, "The statistical sign test", JASA 41, 1946.
    """
    count, most = better + worse, max(better, worse)
    tail = sum(math.comb(count, k) for k in range(most, count + 1)) / 2**count
    return float(min(1.0, 2 * tail))
