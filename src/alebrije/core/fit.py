"""THE training loop: a generator that steps, logs, samples, checkpoints and resumes, whatever is being trained.

A family gives it a `State` (networks, optimisers, batches) and a `step(state, batch)` that computes losses, applies
them through `state.update`, and returns the numbers to log. What differs between families lives in their step.
"""

from __future__ import annotations

import math
import shlex
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn

from alebrije.config import ComputeConfig, choose
from alebrije.core import checkpoint
from alebrije.core.image import save
from alebrije.errors import Interrupted, NumericsError, RunError
from alebrije.events import Done, Event, Preview, Saved, Started, Step, Warned
from alebrije.runs import ROW, Run

OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "adamax": torch.optim.Adamax,
    "sgd": torch.optim.SGD,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
}
BAD_STEPS_ALLOWED = 10


class TrainConfig(ComputeConfig):
    """Settings that every training recipe has."""

    steps: int = Field(1000, gt=0, description="Number of optimisation steps.")
    batch_size: int = Field(32, gt=0, description="Pictures per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate.")
    optimizer: str = Field("adam", description=f"One of {', '.join(OPTIMIZERS)}.")
    weight_decay: float | None = Field(None, ge=0, description="Pull towards 0; none: the optimiser's own (0; adamw: 0.01).")
    log_every: int = Field(10, gt=0, description="Steps between rows of metrics.csv.")
    sample_every: int = Field(500, gt=0, description="Steps between sample pictures.")
    checkpoint_every: int = Field(500, gt=0, description="Steps between checkpoints.")
    keep_checkpoints: int = Field(3, gt=0, description="How many checkpoints are kept.")
    ema_decay: float = Field(0.0, ge=0, lt=1, description="Decay of the exponential moving average of the weights; 0: none.")


class Shuffled:
    """Endless batches of indices 0..count-1, each epoch in a new order; its place is part of the checkpoint."""

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self.count, self.batch_size = count, min(batch_size, count)
        self._generator = torch.Generator().manual_seed(seed)
        self._order = torch.randperm(count, generator=self._generator)
        self._position = 0
        self.epochs = 0

    def __next__(self) -> Tensor:
        """The next batch: int64 [batch_size]; the remainder of an epoch that does not fill a batch is left out."""
        if self._position + self.batch_size > self.count:
            self._order = torch.randperm(self.count, generator=self._generator)
            self._position = 0
            self.epochs += 1
        batch = self._order[self._position : self._position + self.batch_size]
        self._position += self.batch_size
        return batch

    def __iter__(self) -> Iterator[Tensor]:
        return self

    @property
    def epoch(self) -> float:
        """How often the data have been seen, in fractions."""
        return self.epochs + self._position / self.count

    def state_dict(self) -> dict[str, Any]:
        """The place in the data, for a checkpoint."""
        return {"order": self._order, "position": self._position, "epochs": self.epochs, "generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken. Raises `RunError` if it was taken from another number of data."""
        if len(state["order"]) != self.count:
            raise RunError(f"the run learns from {len(state['order'])} pictures, and here are {self.count}: give it the same")
        self._order, self._position, self.epochs = state["order"], state["position"], state["epochs"]
        self._generator.set_state(state["generator"])


@dataclass
class State:
    """All that changes while training. `extra` is for a family's own numbers (fade alpha, augmentation probability);
    `bad_steps` counts, for each optimiser, the updates skipped in a row."""

    networks: dict[str, nn.Module]
    optimizers: dict[str, torch.optim.Optimizer]
    batches: Shuffled
    ema_decay: float = 0.0
    extra: dict[str, Any] = field(default_factory=dict)
    step: int = 0
    seconds: float = 0.0
    bad_steps: Counter[str] = field(default_factory=Counter)
    averages: dict[str, dict[str, Tensor]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.ema_decay:
            self.averages = {name: _copy(network) for name, network in self.networks.items()}

    def update(self, optimizer: str, loss: Tensor, max_norm: float | None = None) -> None:
        """Apply one loss: backward, clip the gradient's norm, step. A loss or gradient that is not finite is skipped."""
        chosen = self.optimizers[optimizer]
        chosen.zero_grad(set_to_none=True)
        weights = [p for group in chosen.param_groups for p in group["params"] if p.requires_grad]
        loss.backward(inputs=weights)  # type: ignore[no-untyped-call]  # and not for pictures that require gradients as well
        norm = nn.utils.clip_grad_norm_(weights, max_norm if max_norm is not None else math.inf)
        if not math.isfinite(float(norm) + float(loss.detach())):
            self.bad_steps[optimizer] += 1
            return
        self.bad_steps[optimizer] = 0
        chosen.step()

    def average(self) -> None:
        """Move the moving averages one step; early on the decay is lower, so that they do not remember the start."""
        decay = min(self.ema_decay, (1 + self.step) / (10 + self.step))
        with torch.no_grad():
            for name, averages in self.averages.items():
                for key, value in self.networks[name].state_dict().items():
                    if value.is_floating_point():
                        averages[key].lerp_(value, 1 - decay)
                    else:
                        averages[key].copy_(value)

    def final_weights(self, network: str) -> dict[str, Tensor]:
        """The weights to keep: the moving average where there is one."""
        return self.averages.get(network) or self.networks[network].state_dict()

    def tree(self) -> dict[str, Any]:
        """Everything a resumed run needs, for `checkpoint.save`."""
        return {
            "networks": {name: dict(network.state_dict()) for name, network in self.networks.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "averages": self.averages,
            "batches": self.batches.state_dict(),
            "extra": self.extra,
            "step": self.step,
            "seconds": self.seconds,
            "random": checkpoint.random_state(),
        }

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Put back what `tree` holds."""
        for name, weights in tree["networks"].items():
            self.networks[name].load_state_dict(weights)
        for name, moments in tree["optimizers"].items():
            self.optimizers[name].load_state_dict(moments)
        for name, averages in tree["averages"].items():
            for key, value in averages.items():
                self.averages[name][key].copy_(value)
        self.extra = tree["extra"]
        self.step, self.seconds = tree["step"], tree["seconds"]
        self.batches.load_state_dict(tree["batches"])
        checkpoint.restore_random_state(tree["random"])


@dataclass(frozen=True, slots=True)
class TrainResult:
    """What a training verb ends with: the run folder and what `--json` prints (run, steps, seconds, metrics)."""

    run: Path
    report: dict[str, Any]


def finished(state: State, run: Run, metrics: Mapping[str, float]) -> Done:
    """The last event of a training that came to its end, with what it came to."""
    report = {"run": str(run.folder), "steps": state.step, "seconds": state.seconds, "metrics": dict(metrics)}
    return Done(TrainResult(run.folder, report))


def stopped(state: State, run: Run) -> Done:
    """The last event of a training that the user stopped; its metrics are the numbers that were logged last."""
    logged = {name: values[-1] for name, values in run.metrics().items() if name not in ROW}
    return Done(finished(state, run, logged).result, interrupted=True)


StepFunction = Callable[[State, Tensor], Mapping[str, float]]
SampleFunction = Callable[[State], Tensor]


def optimizer(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser for the weights of `network` that require gradients."""
    weights = [p for p in network.parameters() if p.requires_grad]
    options = {} if config.weight_decay is None else {"weight_decay": config.weight_decay}
    return OPTIMIZERS[choose("optimizer", config.optimizer, OPTIMIZERS)](weights, lr=config.learning_rate, **options)


def fit(
    state: State, step: StepFunction, config: TrainConfig, run: Run, sample: SampleFunction | None = None
) -> Generator[Event, None, bool]:
    """Train until `config.steps`, from the run's newest checkpoint if it has one.

    Yields Started, Step, Preview, Saved and Warned. Returns whether it came to its end: when the user stops it before,
    it writes a checkpoint and returns False. Raises `NumericsError` when more than `BAD_STEPS_ALLOWED` updates in a row
    were not finite.
    """
    checkpoints = run.folder / "checkpoints"
    if checkpoint.numbered(checkpoints):
        _, tree, notices = checkpoint.load_latest(checkpoints)
        state.restore(tree)
        yield from map(Warned, notices)
    run.forget_after(state.step)
    kept = state.step

    def keep() -> None:
        nonlocal kept
        if state.step > kept:
            checkpoint.save(checkpoints, state.step, state.tree(), config.keep_checkpoints)
            kept = state.step

    yield Started(f"training {run.folder.name}", config.steps)
    began = time.monotonic() - state.seconds
    try:
        while state.step < config.steps:
            values = step(state, next(state.batches))
            state.step += 1
            state.seconds = time.monotonic() - began
            state.average()
            if max(state.bad_steps.values(), default=0) > BAD_STEPS_ALLOWED:
                raise NumericsError("the loss is no longer a finite number: lower learning_rate, or use --set precision=fp32")
            if state.step % config.log_every == 0 or state.step == config.steps:
                run.log(state.step, state.batches.epoch, state.seconds, values)
            if sample and (state.step % config.sample_every == 0 or state.step == config.steps):
                image = sample(state)
                yield Saved(save(image, run.folder / "samples" / f"{state.step:06d}.png", force=True))
                yield Preview(image, state.step, "samples")
            if state.step % config.checkpoint_every == 0 or state.step == config.steps:
                keep()
            yield Step(state.step, config.steps, values)
    except Interrupted:
        keep()
        yield Warned(f"stopped at step {state.step}: go on with `alebrije train --resume --run {shlex.quote(str(run.folder))}`")
        return False
    return True


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
