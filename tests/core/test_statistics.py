"""Rank correlation against scipy. Intervals are tested where planners are judged, in tests/hybrid/planning/test_answers.py."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from alebrije.core.statistics import spearman


@pytest.mark.parametrize("levels", [4, 10_000])
def test_spearman_is_scipys_with_ties_and_without(levels: int) -> None:
    first, second = np.random.default_rng(0).integers(levels, size=(2, 50))
    assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)


def test_spearman_sees_order_alone() -> None:
    values = np.random.default_rng(1).normal(size=20)
    assert spearman(values, np.exp(values)) == pytest.approx(1)
    assert spearman(values, -values) == pytest.approx(-1)


def test_what_never_changes_has_no_correlation() -> None:
    assert math.isnan(spearman([1, 1, 1], [1, 2, 3]))
