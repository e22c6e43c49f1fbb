"""How sure a number is: intervals of shares and of means, and the correlation of ranks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Z95 = 1.959963984540054  # the standard normal lies within +- this with probability 0.95
RESAMPLES = 2000
CHUNK = 4_000_000  # numbers of a bootstrap in memory at once

Interval = tuple[float, float]


def wilson(successes: int, count: int) -> Interval:
    """The 95 % score interval of a share, without correction for continuity.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22, 1927: the shares p for which
    |successes / count - p| <= z sqrt(p (1 - p) / count).
    """
    share, square = successes / count, Z95 * Z95 / count
    centre = share + square / 2
    half = math.sqrt(square * (share * (1 - share) + square / 4))
    # At 0 and at `count` one end is exactly 0 or 1; the subtraction would leave some 1e-17 of rounding there.
    low = 0.0 if successes == 0 else (centre - half) / (1 + square)
    high = 1.0 if successes == count else (centre + half) / (1 + square)
    return low, high


def bootstrap(values: NDArray[Any], statistic: Callable[..., Any], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """The 95 % percentile interval of `statistic` (np.mean or np.median) over values [N, K], N drawn with replacement.

    Rows are drawn whole, since the K values of a pair hang together. Efron, "Bootstrap methods: another look at the
    jackknife", Annals of Statistics 7, 1979.
    """
    chance = np.random.default_rng(seed)
    found, at_once = [], max(1, CHUNK // values.size)
    for start in range(0, resamples, at_once):
        drawn = chance.integers(len(values), size=(min(at_once, resamples - start), len(values)))
        found.append(statistic(values[drawn].reshape(len(drawn), -1), axis=1))
    low, high = np.percentile(np.concatenate(found), (2.5, 97.5))
    return float(low), float(high)


def spearman(first: ArrayLike, second: ArrayLike) -> float:
    """Spearman's rank correlation of two lists of equal length; equal values share the mean of their ranks.

    Spearman, "The proof and measurement of association between two things", 1904. NaN where a list never changes.
    """
    ranks = []
    for values in (first, second):
        _, where, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
        ranks.append((np.cumsum(counts) - (counts - 1) / 2)[where])
    if min(map(np.ptp, ranks)) == 0:
        return math.nan
    correlations: NDArray[Any] = np.asarray(np.corrcoef(ranks))
    return float(correlations[0, 1])
