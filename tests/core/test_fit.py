"""The training loop, on a problem whose answer is known: linear least squares."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from torch import Tensor, nn

from alebrije.core import checkpoint, image
from alebrije.core.fit import BAD_STEPS_ALLOWED, OPTIMIZERS, Shuffled, State, TrainConfig, fit, optimizer
from alebrije.errors import ConfigError, Interrupted, NumericsError, RunError
from alebrije.events import Event, Preview, Saved, Started, Step, Warned
from alebrije.runs import Run

COUNT, FEATURES = 24, 3
FAST = {"steps": 20, "batch_size": 8, "learning_rate": 0.05, "log_every": 2, "checkpoint_every": 5, "sample_every": 10}


@dataclass
class Problem:
    """Find w and b with x w + b = y; with `noise` the step also draws from the global random generator."""

    x: Tensor
    y: Tensor
    noise: float = 0.0
    poison: Mapping[int, float] | None = None

    def state(self, config: TrainConfig) -> State:
        torch.manual_seed(config.seed)
        network = nn.Linear(FEATURES, 1)
        batches = Shuffled(COUNT, config.batch_size, config.seed)
        return State({"line": network}, {"line": optimizer(config, network)}, batches, config.ema_decay)

    def step(self, state: State, batch: Tensor) -> dict[str, float]:
        x = self.x[batch] + self.noise * torch.randn(len(batch), FEATURES)
        loss = (state.networks["line"](x) - self.y[batch]).square().mean()
        loss = loss * (self.poison or {}).get(state.step, 1.0)
        state.update("line", loss)
        return {"loss": float(loss.detach())}

    def best(self) -> Tensor:
        """Weights and bias by the normal equations, in float64."""
        x = torch.cat([self.x, torch.ones(COUNT, 1)], 1).double()
        return torch.linalg.lstsq(x, self.y.double()).solution.flatten()


@pytest.fixture
def problem() -> Problem:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(COUNT, FEATURES, generator=generator)
    return Problem(x, x @ torch.tensor([[1.0], [-2.0], [0.5]]) + 3 + 0.1 * torch.randn(COUNT, 1, generator=generator))


def train(problem: Problem, folder: Path, stop_after: int | None = None, **settings: Any) -> tuple[State, list[Event]]:
    """Train, or go on, in `folder`; interrupted at the Step event number `stop_after`."""
    config = TrainConfig(**(FAST | settings))
    state, run, heard = problem.state(config), Run.create(folder) if not folder.exists() else Run(folder), []
    events = fit(state, problem.step, config, run)
    for event in events:
        heard.append(event)
        if isinstance(event, Step) and event.index == stop_after:
            heard.append(events.throw(Interrupted()))
            with pytest.raises(StopIteration) as ended:
                next(events)
            assert ended.value.value is False
            break
    return state, heard


def rows(folder: Path) -> list[dict[str, str]]:
    """metrics.csv without the clock."""
    with (folder / "metrics.csv").open() as file:
        return [{name: value for name, value in row.items() if name != "seconds"} for row in csv.DictReader(file)]


def weights(state: State) -> Tensor:
    return torch.cat([value.flatten() for value in state.networks["line"].state_dict().values()])


@pytest.mark.parametrize("name", [name for name in OPTIMIZERS if name != "adamw"])
def test_every_optimizer_finds_the_least_squares_solution(name: str, problem: Problem, tmp_path: Path) -> None:
    rate = {"sgd": 0.1, "rmsprop": 0.01, "adam": 0.05, "adamax": 0.05, "adagrad": 0.5, "adadelta": 2.0}[name]
    rare = {"log_every": 60, "checkpoint_every": 1000, "steps": 600}
    state, _ = train(problem, tmp_path / "run", optimizer=name, learning_rate=rate, batch_size=COUNT, **rare)
    torch.testing.assert_close(weights(state).double(), problem.best(), atol=0.02, rtol=0)
    least = (problem.x @ problem.best()[:-1].float() + problem.best()[-1] - problem.y[:, 0]).square().mean()
    assert Run(tmp_path / "run").metrics()["loss"][-1] == pytest.approx(least.item(), abs=1e-3)


def test_an_unknown_optimizer_gets_the_nearest_name(problem: Problem) -> None:
    with pytest.raises(ConfigError, match="did you mean adam"):
        optimizer(TrainConfig(optimizer="adan"), nn.Linear(1, 1))


def test_weights_that_need_no_gradient_are_left_to_themselves() -> None:
    network = nn.Linear(2, 1)
    network.bias.requires_grad_(False)
    (group,) = optimizer(TrainConfig(), network).param_groups
    assert [tuple(weight.shape) for weight in group["params"]] == [(1, 2)]


def test_one_step_of_sgd_is_the_gradient_times_the_rate(problem: Problem, tmp_path: Path) -> None:
    config = TrainConfig(**FAST, optimizer="sgd")
    before = problem.state(config).networks["line"]
    state, _ = train(problem, tmp_path / "run", optimizer="sgd", steps=1, batch_size=COUNT)
    error = before(problem.x) - problem.y
    slope = 2 * (error * problem.x).mean(0)
    torch.testing.assert_close(state.networks["line"].weight[0], before.weight[0] - 0.05 * slope)


def test_weight_decay_pulls_towards_zero_and_is_the_optimisers_own_if_not_given(problem: Problem, tmp_path: Path) -> None:
    config = TrainConfig(**FAST, optimizer="sgd")
    before = problem.state(config).networks["line"]
    state, _ = train(problem, tmp_path / "run", optimizer="sgd", weight_decay=0.3, steps=1, batch_size=COUNT)
    slope = 2 * ((before(problem.x) - problem.y) * problem.x).mean(0)
    torch.testing.assert_close(state.networks["line"].weight[0], before.weight[0] * (1 - 0.05 * 0.3) - 0.05 * slope)
    for name, usual in (("adam", 0.0), ("adamw", 0.01)):
        (group,) = optimizer(TrainConfig(optimizer=name), nn.Linear(1, 1)).param_groups
        assert group["weight_decay"] == usual
    (group,) = optimizer(TrainConfig(weight_decay=0.5), nn.Linear(1, 1)).param_groups
    assert group["weight_decay"] == 0.5


def test_long_gradients_are_cut_to_the_norm_that_is_asked_for() -> None:
    network = nn.Linear(1, 1, bias=False)
    before = network.weight.detach().clone()
    state = State({"line": network}, {"line": torch.optim.SGD(network.parameters(), lr=1.0)}, Shuffled(1, 1, 0))
    state.update("line", 1000 * network.weight.sum(), max_norm=0.25)
    torch.testing.assert_close(network.weight, before - 0.25)


def test_events_and_files_come_in_order(problem: Problem, tmp_path: Path) -> None:
    config = TrainConfig(**FAST)
    run = Run.create(tmp_path / "run")
    heard = list(fit(problem.state(config), problem.step, config, run, lambda state: torch.full((1, 3, 4, 4), 0.5)))
    assert heard[0] == Started("training run", 20)
    assert [event.index for event in heard if isinstance(event, Step)] == list(range(1, 21))
    assert [event.index for event in heard if isinstance(event, Preview)] == [10, 20]
    assert [event.path.name for event in heard if isinstance(event, Saved)] == ["000010.png", "000020.png"]
    assert image.load(run.folder / "samples" / "000020.png").size == (4, 4)
    assert [row["step"] for row in rows(run.folder)] == [str(step) for step in range(2, 21, 2)]
    assert [path.name for path in checkpoint.numbered(run.folder / "checkpoints")] == ["000010", "000015", "000020"]


def test_the_last_step_is_always_logged_sampled_and_kept(problem: Problem, tmp_path: Path) -> None:
    train(problem, tmp_path / "run", steps=7, log_every=100, checkpoint_every=100)
    assert [row["step"] for row in rows(tmp_path / "run")] == ["7"]
    assert checkpoint.load_latest(tmp_path / "run" / "checkpoints")[0] == 7


@pytest.mark.parametrize("stop", [1, 4, 5, 13, 20])
@pytest.mark.parametrize("settings", [{}, {"ema_decay": 0.9, "optimizer": "sgd"}], ids=["adam", "sgd and ema"])
def test_stopped_and_resumed_equals_undisturbed(
    stop: int, settings: dict[str, Any], problem: Problem, tmp_path: Path
) -> None:
    problem.noise = 0.1
    undisturbed, _ = train(problem, tmp_path / "whole", **settings)
    _, heard = train(problem, tmp_path / "parts", stop_after=stop, **settings)
    assert heard[-1] == Warned(f"stopped at step {stop}: go on with `alebrije train --resume --run {tmp_path / 'parts'}`")
    torch.manual_seed(999)
    resumed, _ = train(problem, tmp_path / "parts", **settings)
    assert torch.equal(weights(resumed), weights(undisturbed))
    for name, average in undisturbed.averages.get("line", {}).items():
        assert torch.equal(resumed.averages["line"][name], average)
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_killed_and_resumed_equals_undisturbed(problem: Problem, tmp_path: Path) -> None:
    problem.noise = 0.1
    undisturbed, _ = train(problem, tmp_path / "whole")
    config = TrainConfig(**FAST)
    killed = fit(problem.state(config), problem.step, config, Run.create(tmp_path / "parts"))
    for event in killed:
        if isinstance(event, Step) and event.index == 13:
            break
    killed.close()
    with (tmp_path / "parts" / "metrics.csv").open("a") as file:
        file.write("14,0.9,0.")
    resumed, _ = train(problem, tmp_path / "parts")
    assert torch.equal(weights(resumed), weights(undisturbed))
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_run_killed_before_its_first_checkpoint_begins_again(problem: Problem, tmp_path: Path) -> None:
    undisturbed, _ = train(problem, tmp_path / "whole")
    config = TrainConfig(**FAST)
    killed = fit(problem.state(config), problem.step, config, Run.create(tmp_path / "parts"))
    for _ in range(4):
        next(killed)
    killed.close()
    (tmp_path / "parts" / "checkpoints" / "000005").mkdir()
    resumed, _ = train(problem, tmp_path / "parts")
    assert torch.equal(weights(resumed), weights(undisturbed))
    assert rows(tmp_path / "parts") == rows(tmp_path / "whole")


def test_a_damaged_checkpoint_is_told_and_the_one_before_taken(problem: Problem, tmp_path: Path) -> None:
    undisturbed, _ = train(problem, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "000020" / "state.json").write_text("{}")
    before = rows(tmp_path / "run")
    resumed, heard = train(problem, tmp_path / "run")
    assert isinstance(heard[0], Warned)
    assert "000020" in heard[0].message
    assert heard[2] == Step(16, 20, heard[2].values)  # type: ignore[union-attr]
    assert torch.equal(weights(resumed), weights(undisturbed))
    assert rows(tmp_path / "run") == before


def test_more_steps_can_be_added_to_a_finished_run(problem: Problem, tmp_path: Path) -> None:
    whole, _ = train(problem, tmp_path / "whole", steps=30)
    train(problem, tmp_path / "run", steps=20)
    longer, heard = train(problem, tmp_path / "run", steps=30)
    assert [event.index for event in heard if isinstance(event, Step)] == list(range(21, 31))
    assert torch.equal(weights(longer), weights(whole))


def test_a_finished_run_does_nothing_more(problem: Problem, tmp_path: Path) -> None:
    first, _ = train(problem, tmp_path / "run")
    written = (tmp_path / "run" / "checkpoints" / "000020" / "manifest.json").stat().st_mtime_ns
    again, heard = train(problem, tmp_path / "run")
    assert torch.equal(weights(again), weights(first))
    assert not [event for event in heard if isinstance(event, Step)]
    assert (tmp_path / "run" / "checkpoints" / "000020" / "manifest.json").stat().st_mtime_ns == written


def test_a_few_bad_steps_are_skipped(problem: Problem, tmp_path: Path) -> None:
    problem.poison = {3: math.nan, 4: math.inf, 5: math.nan}
    state, _ = train(problem, tmp_path / "run", steps=300, checkpoint_every=1000)
    torch.testing.assert_close(weights(state).double(), problem.best(), atol=0.1, rtol=0)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_bad_steps_for_good_end_in_a_clear_error_with_finite_weights(
    value: float, problem: Problem, tmp_path: Path
) -> None:
    problem.poison = dict.fromkeys(range(2, 100), value)
    config = TrainConfig(**FAST | {"steps": 100})
    state, heard = problem.state(config), []
    with pytest.raises(NumericsError, match="lower learning_rate"):
        heard.extend(fit(state, problem.step, config, Run.create(tmp_path / "run")))
    assert state.step == 2 + BAD_STEPS_ALLOWED + 1
    assert torch.isfinite(weights(state)).all()
    assert torch.isfinite(checkpoint.load_latest(tmp_path / "run" / "checkpoints")[1]["networks"]["line"]["weight"]).all()


def test_one_optimizer_out_of_two_that_fails_is_noticed() -> None:
    good, bad = nn.Linear(1, 1), nn.Linear(1, 1)
    optimizers = {name: torch.optim.SGD(network.parameters(), lr=0.1) for name, network in (("good", good), ("bad", bad))}
    state = State({"good": good, "bad": bad}, optimizers, Shuffled(4, 2, 0))
    for _ in range(BAD_STEPS_ALLOWED + 1):
        state.update("bad", bad.weight.sum() * math.nan)
        state.update("good", good.weight.sum())
    assert max(state.bad_steps.values()) > BAD_STEPS_ALLOWED


def test_the_moving_average_has_its_closed_form() -> None:
    decay, values = 0.9, [1.0, 4.0, -2.0, 7.0]
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    state = State({"line": network}, {}, Shuffled(1, 1, 0), ema_decay=decay)
    decays = []
    for step, value in enumerate(values, 1):
        nn.init.constant_(network.weight, value)
        state.step = step
        state.average()
        decays.append(min(decay, (1 + step) / (10 + step)))
    shares = [(1 - d) * math.prod(decays[k + 1 :]) for k, d in enumerate(decays)]
    expected = sum(share * value for share, value in zip(shares, values, strict=True))
    assert state.final_weights("line")["weight"].item() == pytest.approx(expected)


def test_without_average_the_weights_themselves_are_final() -> None:
    network = nn.Linear(1, 1)
    state = State({"line": network}, {}, Shuffled(1, 1, 0))
    state.average()
    assert state.final_weights("line")["weight"] is not None
    assert torch.equal(state.final_weights("line")["weight"], network.weight)


def test_averages_copy_what_is_no_floating_point_number() -> None:
    network = nn.BatchNorm1d(2)
    state = State({"norm": network}, {}, Shuffled(1, 1, 0), ema_decay=0.5)
    network(torch.rand(4, 2))
    state.average()
    assert state.final_weights("norm")["num_batches_tracked"] == 1


@examples(deadline=None, max_examples=50)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**32))
def test_an_epoch_sees_each_picture_at_most_once_and_leaves_less_than_a_batch(count: int, batch: int, seed: int) -> None:
    batches = Shuffled(count, batch, seed)
    size = min(batch, count)
    for epoch in range(3):
        seen = torch.cat([next(batches) for _ in range(count // size)])
        assert batches.epochs == epoch
        assert len(seen) == count - count % size
        assert len(set(seen.tolist())) == len(seen)
        assert set(seen.tolist()) <= set(range(count))
        assert batches.epoch == pytest.approx(epoch + len(seen) / count)


def test_where_batches_fit_each_epoch_is_a_new_permutation() -> None:
    batches = Shuffled(64, 16, 0)
    epochs = [torch.cat([next(batches) for _ in range(4)]) for _ in range(3)]
    assert all(torch.equal(epoch.sort().values, torch.arange(64)) for epoch in epochs)
    assert not torch.equal(epochs[0], epochs[1])


@examples(deadline=None, max_examples=50)
@given(st.integers(1, 20), st.integers(1, 7), st.integers(0, 30))
def test_batches_go_on_exactly_where_they_were(count: int, batch: int, taken: int) -> None:
    batches = Shuffled(count, batch, 5)
    for _ in range(taken):
        next(batches)
    tensors: dict[str, Tensor] = {}
    kept = checkpoint.unpack(checkpoint.pack(batches.state_dict(), tensors), {k: t.clone() for k, t in tensors.items()})
    following = [next(batches) for _ in range(20)]
    other = Shuffled(count, batch, 6)
    other.load_state_dict(kept)
    assert all(torch.equal(next(other), one) for one in following)
    assert other.epoch == batches.epoch


def test_batches_of_other_data_are_refused() -> None:
    with pytest.raises(RunError, match="learns from 5 pictures, and here are 6"):
        Shuffled(6, 2, 0).load_state_dict(Shuffled(5, 2, 0).state_dict())
