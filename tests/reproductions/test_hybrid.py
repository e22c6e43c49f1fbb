"""The reproduction of the report on hybrids: its table, and the whole of it in the small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from alebrije.errors import DataError
from alebrije.events import Done, Started
from alebrije.reproductions.hybrid.run import HybridReproduction, reproduce
from alebrije.reproductions.hybrid.table import CONSTANT, WORDS, table


def scores(accuracy: float, count: int, mae: float) -> dict[str, Any]:
    found = {"accuracy": accuracy, "mae": mae, "mae_first": mae, "mae_second": mae, "median_octave": 0.1}
    return {"count": count, **found, **{f"{name}_interval": [0.0, 1.0] for name in found}}


def test_the_table_begins_with_the_reports_own_figures() -> None:
    rows = table({"test-29": {CONSTANT: scores(0.5, 29, 2.0), "planner": scores(28 / 29, 29, 0.5)}}).splitlines()
    interval = binomtest(16, 29).proportion_ci(method="wilson")
    assert f"16 of 29: 55% [{interval.low:.0%}, {interval.high:.0%}]" in rows[2]
    assert "3.11" in rows[2]
    assert "3.64" in rows[2]
    planner = next(row for row in rows if WORDS["planner"] in row)
    assert "28 of 29: 97%" in planner
    assert "| 25% |" in planner
    assert len({row.count("|") for row in rows}) == 1


def test_pictures_to_learn_from_want_others_to_test_with(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--held-out"):
        list(reproduce(HybridReproduction(data=str(tmp_path)), tmp_path))
    with pytest.raises(DataError, match="--data"):
        list(reproduce(HybridReproduction(held_out=str(tmp_path)), tmp_path))
    with pytest.raises(DataError, match="within each other"):
        list(reproduce(HybridReproduction(data=str(tmp_path), held_out=str(tmp_path / "some")), tmp_path))


@pytest.mark.slow
def test_one_command_makes_the_table_and_every_figure_and_goes_on_where_it_was(tmp_path: Path) -> None:
    config = HybridReproduction(drawn=40, pairs=12, epochs=1, observed=4, tests={"test-5": 5, "test-8": 8})
    done = list(reproduce(config, tmp_path))[-1]
    assert isinstance(done, Done)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(WORDS) <= set(results["test-5"])
    assert results["test-8"]["planner"]["count"] == 8
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"hybrid-planners.png", "hybrid-learning.png", "hybrid-three.jpg", "hybrid-cat-face.jpg"} <= figures
    again = [event.stage for event in reproduce(config, tmp_path) if isinstance(event, Started)]
    assert not any("training" in stage or "pairs" in stage for stage in again)
