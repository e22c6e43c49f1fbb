"""Sweeps: every combination once, none lost, none twice, the best first, and what failed by name.

The recipe of these tests learns one number w by gradient descent on (w - 3)^2, so that it is known what comes of it:
after n steps w = 3 - 3 (1 - 2 rate)^n.
"""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn

from alebrije import comparison, steps, sweeps
from alebrije.comparison import differences
from alebrije.core.fit import Shuffled, State, TrainConfig, finished, fit, optimizer, stopped
from alebrije.errors import ConfigError, Interrupted, OutputError, RunError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned
from alebrije.runs import Run
from alebrije.sweeps import combinations, folder_name, parse_grid

STEPS = 6


class LineConfig(TrainConfig):
    """Settings of the toy."""

    steps: int = Field(STEPS, gt=0)
    learning_rate: float = Field(0.1, gt=0)
    optimizer: str = "sgd"
    log_every: int = Field(1, gt=0)
    checkpoint_every: int = Field(2, gt=0)
    goal: float = Field(3.0, le=10)
    layers: tuple[int, ...] = (1,)
    breaks: str = ""


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the runs that the toy was called for, in order."""
    called: list[str] = []

    def train(config: LineConfig, run: Run) -> Events:
        called.append(run.folder.name)
        if config.breaks:
            raise RuntimeError(config.breaks)
        network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(network.weight)
        state = State({"line": network}, {"line": optimizer(config, network)}, Shuffled(8, config.batch_size, config.seed))

        def step(state: State, batch: Tensor) -> dict[str, float]:
            loss = (network.weight - config.goal).square().sum()
            state.update("line", loss)
            return {"loss": float(loss.detach())}

        if not (yield from fit(state, step, config, run)):
            yield stopped(state, run)
            return
        off = abs(float(network.weight.detach()) - config.goal)
        metrics = {"off": off, "score": -off}
        yield Saved(run.write_model(network.state_dict(), {"metrics": metrics}))
        yield finished(state, run, metrics)

    monkeypatch.setattr(steps, "trainer", lambda recipe: (train, LineConfig))
    return called


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    path = tmp_path / "line.yaml"
    path.write_text("recipe: toy/line\ngoal: 3\n")
    return str(path)


def outcome(verb: Events) -> tuple[Done, list[Event]]:
    heard = list(verb)
    assert isinstance(heard[-1], Done)
    return heard[-1], heard


def expected(rate: float) -> float:
    return abs(3 * (1 - 2 * rate) ** STEPS)


def test_every_combination_is_trained_and_the_best_stands_first(recipe: str, trained: list[str], tmp_path: Path) -> None:
    rates = [0.1, 0.45, 0.3]
    folder = tmp_path / "sweep"
    done, heard = outcome(steps.sweep(recipe, {"batch_size": [2, 4], "learning_rate": rates}, run=folder))
    assert trained == [f"batch_size={size},learning_rate={rate}" for size in (2, 4) for rate in rates]
    report = json.loads(json.dumps(done.result.report))
    assert report == json.loads((folder / "sweep.json").read_text()) | {"files": report["files"]}
    assert (report["by"], report["best"], report["failed"]) == ("off", "batch_size=2,learning_rate=0.45", {})
    with (folder / "sweep.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert list(rows[0]) == ["run", "batch_size", "learning_rate", "off", "score", "steps", "seconds", "state", "reason"]
    assert [float(row["learning_rate"]) for row in rows] == [0.45, 0.45, 0.3, 0.3, 0.1, 0.1]
    for row in rows:
        assert float(row["off"]) == pytest.approx(expected(float(row["learning_rate"])), rel=1e-3, abs=1e-6)
    text = (folder / "report.html").read_text()
    assert text.count("<tr class=best>") == 1
    assert text.count("<img ") == 1  # one thing is logged: the loss
    assert {path.name for path in folder.iterdir()} == {*trained, "sweep.csv", "sweep.json", "report.html", "plots", ".lock"}
    assert [event.stage for event in heard if isinstance(event, Started)][-1] == f"[6/6] training {trained[-1]}"


def test_more_is_better_where_the_name_says_so(recipe: str, trained: list[str], tmp_path: Path) -> None:
    done, _ = outcome(steps.sweep(recipe, {"learning_rate": [0.1, 0.45]}, run=tmp_path / "sweep", by="score"))
    assert done.result.report["best"] == "learning_rate=0.45"


def test_a_misspelt_metric_costs_no_runs(recipe: str, trained: list[str], tmp_path: Path) -> None:
    done, heard = outcome(steps.sweep(recipe, {"learning_rate": [0.1, 0.45]}, run=tmp_path / "sweep", by="skore"))
    (warned,) = [event.message for event in heard if isinstance(event, Warned)]
    assert warned == "there is no metric skore (did you mean score?); sorted by off"
    assert (done.result.report["by"], len(trained)) == ("off", 2)


def test_the_same_command_again_trains_nothing(recipe: str, trained: list[str], tmp_path: Path) -> None:
    results = []
    for _ in range(2):
        done, heard = outcome(steps.sweep(recipe, {"learning_rate": [0.1, 0.2]}, run=tmp_path / "sweep"))
        results.append(done.result.report)
    assert len(trained) == 2
    assert results[0] == results[1]
    assert Warned("2 of 2 runs are finished already and are kept") in heard
    outcome(steps.sweep(recipe, {"learning_rate": [0.1, 0.2, 0.3]}, run=tmp_path / "sweep"))
    assert trained[2:] == ["learning_rate=0.3"]


def test_finished_runs_may_be_given_more_steps(recipe: str, trained: list[str], tmp_path: Path) -> None:
    outcome(steps.sweep(recipe, {"learning_rate": [0.1]}, run=tmp_path / "sweep"))
    done, _ = outcome(steps.sweep(recipe, {"learning_rate": [0.1]}, run=tmp_path / "sweep", steps=2 * STEPS))
    assert done.result.report["runs"][0]["metrics"]["off"] == pytest.approx(3 * 0.8 ** (2 * STEPS), rel=1e-3)


def stop_after(verb: Events, run: str, step: int) -> tuple[Done, list[str]]:
    """Ask to stop after a step of the second run; returns the last event and the warnings."""
    for event in verb:
        if isinstance(event, Started) and event.stage.endswith(run):
            break
    for event in verb:
        if isinstance(event, Step) and event.index == step:
            break
    event = verb.throw(Interrupted())
    rest = [event, *verb]
    assert isinstance(rest[-1], Done)
    return rest[-1], [one.message for one in rest if isinstance(one, Warned)]


def test_a_stopped_sweep_keeps_what_is_done_and_goes_on(recipe: str, trained: list[str], tmp_path: Path) -> None:
    grid = {"learning_rate": [0.1, 0.2, 0.3]}
    done, warned = stop_after(steps.sweep(recipe, grid, run=tmp_path / "parts"), "learning_rate=0.2", 3)
    assert done.interrupted
    assert warned == [f"stopped at step 3: go on with `alebrije train --resume --run {tmp_path}/parts/learning_rate=0.2`"]
    states = {Path(one["run"]).name: one["state"] for one in done.result.report["runs"]}
    assert states == {"learning_rate=0.1": "finished", "learning_rate=0.2": "interrupted", "learning_rate=0.3": "not begun"}
    assert trained == ["learning_rate=0.1", "learning_rate=0.2"]
    done, _ = outcome(steps.sweep(recipe, grid, run=tmp_path / "parts"))
    assert trained[2:] == ["learning_rate=0.2", "learning_rate=0.3"]
    assert not done.interrupted
    outcome(steps.sweep(recipe, grid, run=tmp_path / "whole"))
    for name in grid["learning_rate"]:
        parts, whole = (load_file(tmp_path / k / f"learning_rate={name}" / "model.safetensors") for k in ("parts", "whole"))
        assert torch.equal(parts["weight"], whole["weight"])
        assert Run(tmp_path / "parts" / f"learning_rate={name}").metrics()["step"] == [1, 2, 3, 4, 5, 6]


def test_a_failing_run_is_named_and_the_others_go_on(recipe: str, trained: list[str], tmp_path: Path) -> None:
    done, heard = outcome(steps.sweep(recipe, {"learning_rate": [1e30, 0.1]}, run=tmp_path / "sweep", steps=30))
    report = done.result.report
    assert list(report["failed"]) == ["learning_rate=1e+30"]
    assert "lower learning_rate" in report["failed"]["learning_rate=1e+30"]
    assert report["best"] == "learning_rate=0.1"
    assert [Path(one["run"]).name for one in report["runs"]] == ["learning_rate=0.1", "learning_rate=1e+30"]
    assert any(isinstance(event, Warned) and "1e+30 failed" in event.message for event in heard)
    assert "lower learning_rate" in (tmp_path / "sweep" / "report.html").read_text()


def test_too_little_memory_for_one_is_enough_for_another(recipe: str, trained: list[str], tmp_path: Path) -> None:
    grid = {"breaks": ["CUDA out of memory", ""]}
    done, _ = outcome(sweeps.sweep(recipe, grid, tmp_path / "sweep", {}))
    assert list(done.result.report["failed"].values()) == ["CUDA out of memory"]
    assert done.result.report["best"] is not None


def test_a_fault_of_the_programs_is_not_hidden(recipe: str, trained: list[str], tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="shapes"):
        outcome(sweeps.sweep(recipe, {"breaks": ["shapes differ"]}, tmp_path / "sweep", {}))


def test_all_may_fail(recipe: str, trained: list[str], tmp_path: Path) -> None:
    done, _ = outcome(steps.sweep(recipe, {"learning_rate": [1e30], "seed": [1, 2]}, run=tmp_path / "sweep", steps=30))
    assert (done.result.report["best"], len(done.result.report["failed"])) == (None, 2)
    assert "0 of 2 runs are finished" in (tmp_path / "sweep" / "report.html").read_text()


@pytest.mark.parametrize(
    ("grid", "settings", "words"),
    [
        ({"learning_rat": [0.1]}, {}, "unknown setting learning_rat .did you mean learning_rate"),
        ({"learning_rate": [0.1, 0.2, -1.0]}, {}, "learning_rate must be greater than 0"),
        ({"learning_rate": [0.1], "goal": [1, 11]}, {}, "goal must be 10 or less"),
        ({"learning_rate": [0.1]}, {"goall": 2}, "unknown setting goall"),
        ({"learning_rate": [0.1]}, {"learning_rate": 0.2}, "learning_rate is set and varied"),
    ],
)
def test_what_is_wrong_is_known_before_the_first_run(
    grid: dict[str, list[Any]], settings: dict[str, Any], words: str, recipe: str, trained: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=words):
        outcome(steps.sweep(recipe, grid, run=tmp_path / "sweep", **settings))
    assert trained == []
    assert not (tmp_path / "sweep").exists()


def test_runs_of_another_sweep_are_not_mixed_in(recipe: str, trained: list[str], tmp_path: Path) -> None:
    outcome(steps.sweep(recipe, {"learning_rate": [0.1]}, run=tmp_path / "sweep"))
    with pytest.raises(RunError, match=r"begun with another goal \(3.0\): choose another --run"):
        outcome(steps.sweep(recipe, {"learning_rate": [0.2, 0.1]}, run=tmp_path / "sweep", goal=4))
    with pytest.raises(RunError, match="is a run, not a folder of runs"):
        outcome(steps.sweep(recipe, {"seed": [1]}, run=tmp_path / "sweep" / "learning_rate=0.1"))
    assert trained == ["learning_rate=0.1"]


def test_two_sweeps_in_one_folder_and_a_folder_that_cannot_be(recipe: str, trained: list[str], tmp_path: Path) -> None:
    (tmp_path / "sweep").mkdir()
    with Run(tmp_path / "sweep").locked(), pytest.raises(RunError, match="in use by another process"):
        outcome(steps.sweep(recipe, {"seed": [1]}, run=tmp_path / "sweep"))
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot make the folder"):
        outcome(steps.sweep(recipe, {"seed": [1]}, run=tmp_path / "file" / "sweep"))


def test_lists_can_be_varied(recipe: str, trained: list[str], tmp_path: Path) -> None:
    done, _ = outcome(steps.sweep(recipe, parse_grid(["layers=[1,2],[3]", "seed=1,2"]), run=tmp_path / "sweep"))
    assert done.result.report["runs"][0]["settings"] == {"layers": [1, 2], "seed": 1}
    assert len(set(trained)) == 4
    outcome(steps.sweep(recipe, parse_grid(["layers=[1,2],[3]", "seed=1,2"]), run=tmp_path / "sweep"))
    assert len(trained) == 4


def test_the_default_folder_is_beside_the_recipes_own(recipe: str, trained: list[str], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    done, _ = outcome(steps.sweep("line.yaml", {"seed": [1]}))
    assert done.result.folder == Path("runs") / "line-sweep"


@pytest.mark.parametrize(
    ("words", "grid"),
    [
        (["batch_size=8,16"], {"batch_size": [8, 16]}),
        (["learning_rate=1e-3, 1e-4,2"], {"learning_rate": [1e-3, 1e-4, 2]}),
        (["a=true,x", "b=[1,2],[3, 4]"], {"a": [True, "x"], "b": [[1, 2], [3, 4]]}),
        (["optimizer=adam"], {"optimizer": ["adam"]}),
    ],
)
def test_grids_are_read_as_settings_are(words: list[str], grid: dict[str, list[Any]]) -> None:
    found = parse_grid(words)
    assert found == grid
    assert list(found) == list(grid)


@pytest.mark.parametrize("words", [[], ["batch_size"], ["batch_size="], ["batch_size=8,"], ["=8"], ["a=1", "a=2"], ["a=1,2,1"]])
def test_what_is_no_grid_is_a_clear_error(words: list[str]) -> None:
    with pytest.raises(ConfigError):
        parse_grid(words)


def test_the_last_setting_changes_fastest() -> None:
    found = combinations({"a": [1, 2], "b": ["x"], "c": [3, 4, 5]})
    assert [tuple(one.values()) for one in found] == list(itertools.product([1, 2], ["x"], [3, 4, 5]))
    assert found == sorted(found, key=lambda one: (one["a"], one["c"]))


VALUES = st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=12), st.lists(st.integers(), max_size=3))
VARIED = st.dictionaries(st.sampled_from(["batch_size", "learning_rate", "data", "x" * 60]), VALUES, min_size=1)


@given(VARIED, VARIED)
def test_names_of_folders_are_safe_and_different(one: dict[str, Any], other: dict[str, Any]) -> None:
    names = [folder_name(one), folder_name(other)]
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_=,+-][A-Za-z0-9._=,+-]*", name)
        assert len(name) < 140
        assert name[-1] != "."
    plain = [",".join(f"{key}={value}" for key, value in case.items()) for case in (one, other)]
    assert (names[0] == names[1]) == (plain[0] == plain[1])


def test_readable_names_stay_as_they_are() -> None:
    assert folder_name({"batch_size": 8, "learning_rate": 0.001}) == "batch_size=8,learning_rate=0.001"


def test_differences_between_runs() -> None:
    runs = [{"a": 1, "b": 2}, {"a": 1, "b": 3}, {"a": 1, "b": 2, "c": 0}]
    assert differences(runs) == {"b": [2, 3, 2], "c": [None, None, 0]}
    assert differences(runs[:1]) == {}


def test_the_worst_is_what_is_not_finite() -> None:
    def trial(name: str, off: float, state: str = comparison.FINISHED) -> comparison.Trial:
        return comparison.Trial(Path(name), {}, {}, state, metrics={"off": off})

    trials = [trial("nan", math.nan), trial("2", 2), trial("failed", 0, comparison.FAILED), trial("1", 1), trial("inf", math.inf)]
    assert [one.name for one in sweeps.rank(trials, "off")] == ["1", "2", "nan", "failed", "inf"]


def test_equal_runs_are_ranked_by_the_other_metrics() -> None:
    numbers = {"a": (0.5, 2.0), "b": (0.5, 1.0), "c": (0.9, 9.0), "d": (0.5, math.nan)}
    trials = [
        comparison.Trial(Path(name), {}, {}, comparison.FINISHED, metrics={"accuracy": one, "error": other, "seconds": 1.0})
        for name, (one, other) in numbers.items()
    ]
    assert [one.name for one in sweeps.rank(trials, "accuracy")] == ["c", "b", "a", "d"]
    assert [one.name for one in sweeps.rank(trials, "error")] == ["b", "a", "c", "d"]


def test_a_sweep_is_a_generator_that_can_be_left(recipe: str, trained: list[str], tmp_path: Path) -> None:
    verb: Iterator[Event] = steps.sweep(recipe, {"seed": [1, 2]}, run=tmp_path / "sweep")
    next(verb)
    del verb
    done, _ = outcome(steps.sweep(recipe, {"seed": [1, 2]}, run=tmp_path / "sweep"))
    assert len(done.result.report["runs"]) == 2
