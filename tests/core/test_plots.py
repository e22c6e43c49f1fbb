"""Figures of several runs, tables of counts, and what a page shows of tables."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alebrije.core import image, page, plots

NUMBERS = st.lists(st.floats(-1e6, 1e6), max_size=200)


@given(NUMBERS)
def test_smoothing_stays_within_the_values_and_leaves_short_lines_alone(values: list[float]) -> None:
    evened = plots.smooth(values)
    assert len(evened) == len(values)
    if len(values) < 40:
        assert evened == values
    else:
        assert min(values) - 1e-6 <= min(evened) <= max(evened) <= max(values) + 1e-6


def test_smoothing_keeps_straight_lines_and_evens_out_noise() -> None:
    line = [0.5 * index for index in range(200)]
    assert plots.smooth(line)[10:-10] == pytest.approx(line[10:-10])
    noise = np.random.default_rng(0).normal(size=400).tolist()
    assert np.std(plots.smooth(noise)) < 0.5 * np.std(noise)


def test_what_is_not_finite_spoils_no_neighbour() -> None:
    values = [1.0] * 100
    values[50], values[70] = math.nan, math.inf
    evened = plots.smooth(values)
    assert math.isnan(evened[50])
    assert evened[70] == math.inf
    assert [value for index, value in enumerate(evened) if index not in (50, 70)] == [1.0] * 98


@pytest.mark.parametrize("count", [1, 40])
def test_any_number_of_runs_fits_into_one_figure(count: int, tmp_path: Path) -> None:
    lines = {f"run {index}": ([0.0, 1.0, 2.0], [1.0 + index, math.nan, 0.5]) for index in range(count)}
    lines["empty"] = ([], [])
    found = image.load(plots.overlay(lines, tmp_path / "new" / "a.png", x="epoch", y="loss", best="run 0"))
    assert min(found.size) > 300


def test_a_confusion_matrix_may_have_an_empty_row(tmp_path: Path) -> None:
    path = plots.confusion([[3, 1], [0, 0]], ("one", "two"), tmp_path / "a.png", rows="label", columns="answer")
    assert min(image.load(path).size) > 300


def test_a_grid_marks_its_best_row_and_shows_text_as_it_is() -> None:
    text = page.grid(["run", "a & b"], [["<x>", 0.123456], ["y", None]], best=1)
    rows = re.findall(r"<tr([^>]*)>(.*?)</tr>", text)
    assert rows == [("", "<th>run</th><th>a &amp; b</th>"), ("", "<td>&lt;x&gt;</td><td>0.1235</td>"),
                    (" class=best", "<td>y</td><td></td>")]  # fmt: skip
