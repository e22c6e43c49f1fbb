"""`alebrije sweep`, as a user types it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from alebrije.cli import load_command
from alebrije.runs import Run

Alebrije = Callable[..., Result]

TINY = {"steps": 4, "size": 16, "latent_dim": 4, "width": 4, "pictures": 16, "batch_size": 4, "log_every": 2,
        "sample_every": 1000, "precision": "fp32"}  # fmt: skip
SETTINGS = [word for key, value in TINY.items() if key != "batch_size" for word in ("--set", f"{key}={value}")]


@pytest.mark.parametrize(
    "words",
    [
        ["hybrid/resnet18", "--grid", "batch_size=8,16", "learning_rate=1e-3", "--data", "P"],
        ["--grid", "batch_size=8,16", "learning_rate=1e-3", "--data", "P", "hybrid/resnet18"],
        ["--data", "P", "--grid=batch_size=8,16", "learning_rate=1e-3", "hybrid/resnet18"],
        ["hybrid/resnet18", "--grid", "batch_size=8,16", "--data", "P", "--grid", "learning_rate=1e-3"],
    ],
)
def test_all_that_follows_grid_is_the_grid(words: list[str]) -> None:
    found = load_command("sweep").make_context("sweep", list(words)).params
    assert found["grid"] == ["batch_size=8,16", "learning_rate=1e-3"]
    assert (found["recipe"], found["data"]) == ("hybrid/resnet18", Path("P"))


def test_other_options_keep_their_values() -> None:
    words = ["r", "--grid", "a=1,2", "b=3", "--set", "c=4", "--set", "d=5", "--by", "x=y", "--quiet"]
    found = load_command("sweep").make_context("sweep", words).params
    assert (found["grid"], found["settings"], found["by"], found["quiet"]) == (["a=1,2", "b=3"], ["c=4", "d=5"], "x=y", True)


def test_a_grid_without_values_is_wrong_usage(alebrije: Alebrije) -> None:
    assert alebrije("sweep", "autoencoder/creatures").exit_code == 2
    assert alebrije("sweep", "autoencoder/creatures", "--grid").exit_code == 2


def test_a_sweep_compares_its_runs_and_keeps_them(alebrije: Alebrije, work: Path) -> None:
    words = ("sweep", "autoencoder/creatures", "--grid", "batch_size=4,8", "learning_rate=1e-2", *SETTINGS, "--seed", "5")
    found = alebrije(*words, "--by", "held_out_mse", "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    folder = work / "runs" / "autoencoder-creatures-sweep"
    assert report["sweep"] == str(folder.relative_to(work))
    assert {path.parent.name for path in folder.glob("*/recipe.yaml")} == {f"batch_size={k},learning_rate=0.01" for k in (4, 8)}
    assert all((work / path).is_file() for path in report["files"])
    errors = [one["metrics"]["held_out_mse"] for one in report["runs"]]
    assert errors == sorted(errors)
    assert Run.open(folder / report["best"]).recipe()[1]["seed"] == 5
    again = alebrije(*words, "--by", "held_out_mse")
    assert again.exit_code == 0
    assert f"* {report['best']}" in again.stdout
    assert "2 of 2 runs are finished already and are kept" in again.stderr
    assert alebrije("runs", "list", folder).stdout.count("mse") == 2


def test_a_failed_run_ends_with_1_and_its_name(alebrije: Alebrije, work: Path) -> None:
    grid = ("--grid", "learning_rate=1e30,1e-2", "--set", "steps=16", "--run", "s")
    settings = [word for key, value in TINY.items() if key != "steps" for word in ("--set", f"{key}={value}")]
    found = alebrije("sweep", "autoencoder/creatures", *grid, *settings, "--json")
    assert found.exit_code == 1
    assert found.stderr.splitlines()[-1] == "error: 1 of 2 runs failed: learning_rate=1e+30"
    assert json.loads(found.stdout.splitlines()[-1])["best"] == "learning_rate=0.01"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--grid", "learning_rat=1"], "unknown setting learning_rat (did you mean learning_rate?)"),
        (["--grid", "batch_size=4,0"], "batch_size must be greater than 1, got 0"),
        (["--grid", "batch_size"], "cannot read the setting 'batch_size': write it as key=value"),
        (["--grid", "batch_size=4", "--set", "batch_size=8"], "batch_size is set and varied"),
    ],
)
def test_mistakes_are_one_line_before_anything_is_made(words: list[str], message: str, alebrije: Alebrije, work: Path) -> None:
    found = alebrije("sweep", "autoencoder/creatures", *words)
    assert found.exit_code == 1
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
    assert list(work.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_what_is_done(start: Callable[..., Any], work: Path) -> None:
    grid = ["--grid", "steps=2,1000000", "--run", "s", "--set", "batch_size=4"]
    settings = [word for key, value in TINY.items() if key not in ("steps", "batch_size") for word in ("--set", f"{key}={value}")]
    process: subprocess.Popen[str] = start("sweep", "autoencoder/creatures", *grid, *settings, "--json")
    seen = ""
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            seen += line
            if re.search(r"\[2/2\] training steps=1000000: 9/", line):
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, seen + err
    report = json.loads(out.splitlines()[-1])
    assert {Path(one["run"]).name: one["state"] for one in report["runs"]} == {
        "steps=2": "finished", "steps=1000000": "interrupted"}  # fmt: skip
    assert (work / "s" / "report.html").is_file()
    assert list((work / "s" / "steps=1000000" / "checkpoints").iterdir())
