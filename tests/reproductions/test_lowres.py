"""The reproduction of the nine experiments: its table and verdicts, and the whole of it in the small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alebrije.core import image
from alebrije.errors import ConfigError, RunError
from alebrije.events import Done, Events, Started
from alebrije.reproductions.lowres.run import LowresReproduction, reproduce
from alebrije.reproductions.lowres.table import CLAIMS, REPORTED, judge, rank_correlation, spread, table, verdict

SPLITS = ("train", "validation", "test")
TINY = {"seeds": 1, "pictures": 24, "epochs": 1, "size": 64, "width": 2, "draws": 12, "device": "cpu", "precision": "fp32"}


def as_reported(seeds: int = 1) -> dict[str, Any]:
    return {str(number): dict(zip(SPLITS, ([loss] * seeds for loss in losses))) for number, losses in REPORTED.items()}


def test_the_reports_own_numbers_bear_out_its_claims() -> None:
    assert judge(as_reported(2)) == {claim: [True, True] for claim in CLAIMS}
    assert rank_correlation(as_reported()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changed", "fallen"),
    [
        ({"1": 0.2}, {"max-pool helps"}),
        ({"3": 0.26}, {"batch norm helps most", "six layers are worse"}),
        ({"4": 0.05}, {"six layers are worse"}),
        ({"3": 0.04}, {"pooling after every layer"}),
        ({"8": 0.0478}, {"500 latents overfit"}),
        ({"9": 0.04}, {"dropout hurts"}),
        ({"2": 0.33}, {"max-pool helps"}),
    ],
)
def test_each_claim_can_fall_alone(changed: dict[str, float], fallen: set[str]) -> None:
    results = as_reported()
    for number, loss in changed.items():
        results[number]["test"] = [loss]
    down = {claim for claim, held in judge(results).items() if not all(held)}
    assert {name for name in fallen if any(claim.startswith(name) for claim in down)} == fallen
    assert len(down) == len(fallen)


def test_verdicts_tell_the_seeds() -> None:
    assert verdict([True, True, True]) == "held (3 of 3 seeds)"
    assert verdict([True, False, True]) == "did not hold (2 of 3 seeds)"
    assert spread([0.1]) == "0.1000"
    assert spread([0.1, 0.3]) == "0.2000 ± 0.1414"


def test_the_table_has_both_and_every_claim() -> None:
    experiments = as_reported(3)
    found = {"experiments": experiments, "claims": judge(experiments), "rank_correlation": 1.0, "baselines": {"black": 0.3}}
    text = table(found, "how it was done")
    rows = text.splitlines()
    assert rows[2].count("0.3631") == 2
    assert "how it was done" in rows
    assert sum("held (3 of 3 seeds)" in row for row in rows) == len(CLAIMS)
    assert {row.count("|") for row in rows[:12]} == {8}
    assert rows[11].startswith("| no network: black |")


def test_settings_that_cannot_work_are_refused_before_anything_is_learned(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be reduced 7 times"):
        list(reproduce(LowresReproduction(**TINY | {"factor": 7}), tmp_path))
    with pytest.raises(ConfigError, match="unknown output"):
        list(reproduce(LowresReproduction(**TINY, output="tanh"), tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_one_command_makes_everything_and_goes_on_where_it_was(tmp_path: Path) -> None:
    config = LowresReproduction(**TINY)
    stopped = reproduce(config, tmp_path)
    for event in stopped:
        if isinstance(event, Started) and "lowres-3" in event.stage:
            stopped.close()
            break
    done = list(reproduce(config, tmp_path))[-1]
    assert isinstance(done, Done)
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert set(results["experiments"]) == {str(number) for number in REPORTED}
    assert set(results["claims"]) == set(CLAIMS)
    black, mean, small = results["baselines"].values()
    assert black > mean > small > 0
    sets = results["sampling"]["sets"]
    assert (sets["all"]["pictures"], sets["validation and test"]["pictures"]) == (24, 4)
    assert len(sets) > 2  # drawn creatures have tags
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"lowres-losses.png", "lowres-curves.png", "lowres-new.png", "lowres-new-all-data.png"} <= figures
    assert image.load(tmp_path / "figures" / "lowres-new-all-data.png").size == (10 * 64 + 9 * 8, 2 * 64 + 8)
    assert image.load(tmp_path / "figures" / "lowres-reconstructions-data.png").height == 11 * 64 + 10 * 8
    assert not list((tmp_path / "runs").glob("*/checkpoints/*"))
    assert training(reproduce(config, tmp_path)) == []
    with pytest.raises(RunError, match="was begun with epochs 1: for 2"):
        list(reproduce(LowresReproduction(**TINY | {"epochs": 2}), tmp_path))


def training(events: Events) -> list[str]:
    return [event.stage for event in events if isinstance(event, Started) and "training" in event.stage]
