"""`alebrije evaluate`, as a user types it, on a network trained for one step."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import Result

from alebrije.core import image
from alebrije.data.pairs import Label, write_labels
from alebrije.hybrid.planning import report as reports

Alebrije = Callable[..., Result]


@pytest.fixture
def pairs(work: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten small labelled pairs."""
    monkeypatch.setattr(reports, "SAMPLES", 1)
    chance = np.random.default_rng(0)
    (work / "pairs").mkdir()
    for number in range(10):
        for name in "ab":
            image.save(torch.rand(1, 3, 24, 24), work / "pairs" / f"{number}_{name}.png")
    write_labels(work / "pairs", [Label(int(chance.integers(2)), *map(float, chance.uniform(2, 8, 2))) for _ in range(10)])
    return Path("pairs")


def train(alebrije: Alebrije, pairs: Path) -> dict[str, float]:
    words = ("--data", pairs, "--run", "run", "--set", "epochs=1", "--set", "frozen_epochs=0", "--precision", "fp32")
    found = alebrije("train", "hybrid/simple", *words, "--json")
    assert found.exit_code == 0, found.output
    metrics = json.loads(found.stdout.splitlines()[-1])["metrics"]
    assert isinstance(metrics, dict)
    return metrics


def test_a_run_is_judged_as_at_the_end_of_its_training(alebrije: Alebrije, pairs: Path, work: Path) -> None:
    metrics = train(alebrije, pairs)
    found = alebrije("evaluate", "run", "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    assert {"run", "count", "metrics", "baselines", "files"} == set(report)
    assert report["count"] == 2
    for name in ("accuracy", "mae_first", "mae_second", "median_octave"):
        assert report["metrics"][name] == pytest.approx(metrics[name], rel=1e-3)
    assert report["files"] == ["run/evaluation/report.html", "run/evaluation/scores.json"]
    assert all((work / path).is_file() for path in report["files"])
    assert alebrije("evaluate", "run").exit_code == 0  # the run's own report is made anew

    words = alebrije("evaluate", "run/model.safetensors", "-o", "mine").stdout
    assert "2 pairs" in words
    assert "median_octave" in words
    refused = alebrije("evaluate", "run", "-o", "mine")
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert alebrije("evaluate", "run", "-o", "mine", "--force").exit_code == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "there is no run nowhere"),
        (["pairs"], "is not a run folder"),
        (["planner"], "--data PAIRS"),
        (["planner", "--data", "none"], "none"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, alebrije: Alebrije, pairs: Path) -> None:
    found = alebrije("evaluate", *words)
    assert found.exit_code == 1
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
