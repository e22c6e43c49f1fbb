"""How the sources' autoencoders learn, all by the same loop: a spoiled picture goes in, the good one should come out.

The loss is the mean square error of pixels in [0, 1], unless the task has another objective. Each epoch ends with a row of
metrics.csv: `train_mse` is the mean over the epoch's batches, as the network was while it learned (dropout and batch statistics
on); `validation_mse` and `test_mse` are measured with the network as it will be used. At the end all three are measured that way,
and written into the model's header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.config import EpochConfig
from alebrije.autoencoder.sampling import kept
from alebrije.autoencoder.sampling.samplers import FEWEST_CODES
from alebrije.core import plots
from alebrije.core.fit import Shuffled, State, finished, fit, optimizer, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.errors import ConfigError
from alebrije.events import Event, Events, Saved, Started, Warned
from alebrije.runs import Run

SPLITS = ("train", "validation", "test")
SHOWN = 10
AT_ONCE = 128
SMALLEST_SHOWN = 56  # pixels: smaller pictures are enlarged in the samples
SAMPLES, CHECKPOINTS = 10, 5
CODES = 10_000  # of how many pictures at most samplers see the codes

Spoil = Callable[[Tensor, torch.Generator | None], Tensor]
"""Pictures [B, C, H, W] in [0, 1] -> the input made from them; randomness from the generator, or torch's own."""

Objective = Callable[[nn.Module, Tensor, Tensor, int], tuple[Tensor, Mapping[str, Tensor]]]
"""Network, input, clean pictures, steps done -> the loss, and the numbers to log, one of them `mse`."""

Encode = Callable[[Tensor, torch.Generator], Tensor]
"""Input [B, C, H, W] -> codes [B, D], as the decoder is used to get them."""


def pixel_error(network: nn.Module, given: Tensor, clean: Tensor, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
    """The `Objective` of a plain autoencoder: the mean square error of pixels."""
    loss = F.mse_loss(network(given).float(), clean)
    return loss, {"mse": loss}


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned: a network, uint8 pictures [N, C, H, W] by the names of `SPLITS`, and what is done to the input.

    `show_input`: samples have a row for it. `facts` go into the header of model.safetensors. With `encode` samplers are fitted to
    the codes in the end and kept in that file, so that new pictures can be drawn; `prior`: codes were made to be standard normal.
    """

    network: nn.Module
    pictures: Mapping[str, Tensor]
    spoil: Spoil
    show_input: bool = True
    objective: Objective = pixel_error
    encode: Encode | None = None
    prior: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


def untouched(images: Tensor, generator: torch.Generator | None) -> Tensor:
    """The `Spoil` that spoils nothing."""
    return images


def check_latent(latent_dim: int, numbers: int) -> None:
    """Raise `ConfigError` if a latent is no smaller than the pictures: nothing would be squeezed."""
    if latent_dim >= numbers:
        raise ConfigError(f"latent_dim {latent_dim} squeezes nothing: a picture has only {numbers} numbers; choose fewer")


def plan(config: EpochConfig, count: int) -> tuple[EpochConfig, list[str]]:
    """The settings with all numbers of steps filled in for `count` pictures to learn from, and what the user should know."""
    batch = min(config.batch_size, count)
    notices = [f"{count} pictures are less than a batch of {config.batch_size}"] if batch < config.batch_size else []
    epoch = count // batch
    steps = config.steps or epoch * config.epochs
    every = {
        "log_every": config.log_every or min(epoch, steps),
        "sample_every": config.sample_every or epoch * max(1, config.epochs // SAMPLES),
        "checkpoint_every": config.checkpoint_every or epoch * max(1, config.epochs // CHECKPOINTS),
    }
    return config.model_copy(update={"steps": steps, "batch_size": batch, **every}), notices


def learn(task: Task, config: EpochConfig, run: Run) -> Events:
    """Train the task's network; leaves the curve, samples, `model.safetensors` and `report.html`."""
    device = choose_device(config.device)
    config, notices = plan(config, len(task.pictures["train"]))
    yield from map(Warned, notices)
    network = task.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    pictures = {name: images.to(device) for name, images in task.pictures.items()}
    state = State(
        {"autoencoder": network},
        {"autoencoder": optimizer(config, network)},
        Shuffled(len(pictures["train"]), config.batch_size, config.seed),
        config.ema_decay,
        {"sums": {}, "count": 0},
    )
    step = make_step(task, config, pictures, device)
    if not (yield from fit(state, step, config, run, lambda state: show(task, pictures["test"], config.seed))):
        yield stopped(state, run)
        return
    network.load_state_dict(state.final_weights("autoencoder"))
    metrics = {f"{name}_mse": measure(task, images, config.seed) for name, images in pictures.items()}
    curve = plots.curves(run.metrics(), run.folder / "plots" / "loss.png", x="epoch", names=[f"{name}_mse" for name in SPLITS])
    yield Saved(curve)
    shape = list(task.pictures["train"].shape[1:])
    header = {"metrics": metrics, "shape": shape, "data_fingerprint": fingerprint(task.pictures["train"]), **task.facts}
    tensors, notes = yield from keep_samplers(task, config)
    header |= {"samplers": notes} if notes else {}
    yield Saved(run.write_model({**network.state_dict(), **tensors}, header))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def make_step(
    task: Task, config: EpochConfig, pictures: Mapping[str, Tensor], device: torch.device
) -> Callable[[State, Tensor], Mapping[str, float]]:
    """The `step(state, batch)` that `core.fit` repeats. Where a row is logged it also validates and tests."""
    dtype = choose_dtype(config.precision, device)

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        clean = pictures["train"][batch.to(device)].float() / 255
        given = task.spoil(clean, None)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            loss, terms = task.objective(task.network.train(), given, clean, state.step)
        state.update("autoencoder", loss)
        values = {f"train_{name}": float(value.detach()) for name, value in terms.items()}
        sums: dict[str, float] = state.extra.get("sums", {})
        state.extra["sums"] = {name: sums.get(name, 0.0) + value for name, value in values.items()}
        state.extra["count"] += 1
        if (state.step + 1) % config.log_every and state.step + 1 < config.steps:
            return values
        means = {name: total / state.extra["count"] for name, total in state.extra["sums"].items()}
        state.extra |= {"sums": {}, "count": 0}
        return means | {f"{name}_mse": measure(task, pictures[name], config.seed) for name in SPLITS[1:]}

    return step


def keep_samplers(task: Task, config: EpochConfig) -> Generator[Event, None, tuple[dict[str, Tensor], dict[str, Any]]]:
    """Fit samplers to the codes of the pictures learned from, chosen by those of validation: what goes into the model's tensors
    and header. Nothing for a task without codes, or with too few pictures."""
    if task.encode is None or len(task.pictures["train"]) < FEWEST_CODES:
        return {}, {}
    yield Started("fitting samplers to the codes")
    learned, held_out = (codes(task, task.pictures[name][:CODES], config.seed) for name in SPLITS[:2])
    return (yield from kept.fit_all(learned, held_out, config.seed, prior=task.prior))


@torch.no_grad()
def codes(task: Task, images: Tensor, seed: int) -> Tensor:
    """The codes of pictures uint8 [N, C, H, W], float32 [N, D] on the CPU. The task must have `encode`."""
    assert task.encode is not None
    task.network.eval()
    device, generator = next(task.network.parameters()).device, torch.Generator().manual_seed(seed)
    found = []
    for some in torch.split(images, AT_ONCE):
        given = task.spoil(some.float() / 255, generator)
        found.append(task.encode(given.to(device), generator).float().cpu())
    return torch.cat(found)


@torch.no_grad()
def restore(task: Task, images: Tensor, seed: int) -> tuple[Tensor, Tensor]:
    """What goes in for pictures uint8 [B, C, H, W], and what comes out, float32, with the network as it is used. The same
    `seed` spoils in the same way."""
    clean = images.float() / 255
    given = task.spoil(clean, torch.Generator().manual_seed(seed))
    restored: Tensor = task.network.eval()(given)
    return given, restored.float()


def measure(task: Task, images: Tensor, seed: int) -> float:
    """The mean square error over pictures uint8 [N, C, H, W], in float32 arithmetic, with noise that is always the same."""
    total = 0.0
    for start in range(0, len(images), AT_ONCE):
        some = images[start : start + AT_ONCE]
        _, restored = restore(task, some, seed + start)
        total += float((restored - some.float() / 255).double().square().sum())
    return total / images.numel()


def show(task: Task, images: Tensor, seed: int) -> Tensor:
    """Test pictures in columns: the input (where it is another), what the network makes of it, and as they are; [1, 3, H, W]."""
    few = images[:SHOWN]
    given, restored = restore(task, few, seed)
    rows = [*([given] if task.show_input else []), restored, few.float() / 255]
    if not task.show_input:
        rows.reverse()  # originals above, as the source has them
    grid = torch.cat([torch.cat(list(row[:, None]), dim=3) for row in rows], dim=2).clamp(0, 1).cpu()
    enlarge = -(-SMALLEST_SHOWN // few.shape[-1])
    return grid.expand(1, 3, -1, -1).repeat_interleave(enlarge, -1).repeat_interleave(enlarge, -2)


def fingerprint(images: Tensor) -> str:
    """The sha256 of pictures, as they lie in memory."""
    return hashlib.sha256(images.contiguous().cpu().numpy().tobytes()).hexdigest()
