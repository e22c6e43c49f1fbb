"""Training the planner: its losses, its schedule, and a small run from end to end that can be stopped and gone on with."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije import steps
from alebrije.core.tensorfiles import read_safetensors, write_safetensors
from alebrije.errors import Interrupted
from alebrije.events import Done, Step, Warned
from alebrije.hybrid.planning import lessons
from alebrije.hybrid.planning.bands import SIZE
from alebrije.hybrid.planning.distil import planner_losses, schedule
from alebrije.hybrid.planning.lessons import Lessons
from alebrije.hybrid.planning.planner import Planner
from alebrije.hybrid.planning.use import load_planner

SMALL: dict[str, Any] = {"pairs": 12, "creatures": 40, "hold_out": 3, "steps": 6, "batch_size": 4, "width": 8, "log_every": 2}


@pytest.fixture(autouse=True)
def _short_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons, "TESTED", 10)


def batch(count: int = 5) -> Lessons:
    described = torch.randn(count, 2, SIZE, generator=torch.Generator().manual_seed(1))
    targets = torch.tensor([3.5, 5.0, 0.4]).expand(count, 2, 3).clone()
    return Lessons(described, targets, (torch.arange(count) % 2).float(), torch.ones(count, 2))


@torch.no_grad()
def test_losses_are_their_closed_forms() -> None:
    planner, some = Planner(8), batch()
    guesses = [planner(order) for order in some.described.unbind(1)]
    losses = planner_losses(planner, some)
    octaves = [(guess.low - 3.5) ** 2 for guess in guesses] + [(guess.high - 5.0) ** 2 for guess in guesses]
    assert float(losses["octaves"]) == pytest.approx(float(torch.stack(octaves).mean()), rel=1e-5)
    scores = torch.stack([(guess.score - 0.4) ** 2 for guess in guesses])
    assert float(losses["score"]) == pytest.approx(10 * float(scores.mean()), rel=1e-5)
    chance = torch.sigmoid(20 * (guesses[1].score - guesses[0].score))
    likelihood = torch.where(some.role == 1, chance, 1 - chance)
    assert float(losses["role"]) == pytest.approx(-0.1 * float(likelihood.log().mean()), rel=1e-4)


def test_what_is_not_known_does_not_count() -> None:
    planner, some = Planner(8), batch()
    hidden = some.targets.clone()
    hidden[:, 0] = math.nan
    hidden[:, :, 2] = math.nan
    losses = planner_losses(planner, some._replace(targets=hidden))
    with torch.no_grad():
        guess = planner(some.described[:, 1])
    squares = torch.cat([(guess.low - 3.5) ** 2, (guess.high - 5.0) ** 2])
    assert losses["octaves"].item() == pytest.approx(float(squares.mean()), rel=1e-5)
    assert losses["score"].item() == 0
    losses["octaves"].backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in planner.parameters())


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [schedule(step / 100) for step in range(101)]
    assert max(rates) == pytest.approx(1)
    assert rates.index(max(rates)) == 10
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))


def test_a_small_run_ends_in_a_planner_that_can_be_used(tmp_path: Path) -> None:
    from alebrije.data.draw import creature
    from alebrije.hybrid.pairs.labelling import USUAL

    done = list(steps.train("hybrid/planner", run=tmp_path / "run", **SMALL))[-1]
    assert isinstance(done, Done)
    assert {"accuracy", "mae", "median_octave"} == set(done.result.report["metrics"])
    plan = load_planner(str(tmp_path / "run"))(creature(1, 64).image, creature(2, 64).image, USUAL)
    assert plan.low in ("first", "second")
    header = read_safetensors(tmp_path / "run" / "planner.safetensors")[1]
    assert header["data"] == "40 drawn creatures"
    assert "pairs: 12" in header["recipe"]


@pytest.mark.parametrize("width", [None, 5])
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(width: int | None, tmp_path: Path) -> None:
    before = tmp_path / "before.safetensors"
    if width:  # it goes on from another one, of another width than the recipe's
        write_safetensors(before, Planner(width).state_dict(), {"network": "hybrid-planner"})
    start = {"start": str(before)} if width else {}
    list(steps.train("hybrid/planner", run=tmp_path / "whole", **SMALL | start))
    begun = steps.train("hybrid/planner", run=tmp_path / "halves", **SMALL | start)
    while not (isinstance(event := next(begun), Step) and (event.index, event.total) == (3, SMALL["steps"])):
        pass
    assert isinstance(begun.throw(Interrupted()), Warned)
    assert [event.interrupted for event in begun if isinstance(event, Done)] == [True]
    before.unlink(missing_ok=True)
    list(steps.train("", run=tmp_path / "halves", resume=True))
    whole, halves = (read_safetensors(tmp_path / name / "model.safetensors")[0] for name in ("whole", "halves"))
    assert all(torch.equal(whole[name], halves[name]) for name in whole)
