"""Train a network on labelled pairs, as the source report did: recipe -> run folder with learning curves and test figures.

Two stages in one run: the heads alone while the pretrained body is held fast, then everything, at half the peak
rate. What stage a step is in follows from its number, so that a resumed run goes on exactly. From scratch there is
nothing to hold fast, and the one stage has the whole rate.
Losses: mean square error of the sigmas in pixels, and binary cross-entropy of the role.

A departure: the last fifth of the steps sees pictures uncropped. Crops only enlarge, so their sigmas are larger than those of
whole pictures, by 26 % on average, and how far one was enlarged is only partly to be seen. Of 60 pairs of photographs that
all had the sigma 3, network A told 3.5 for whole pictures if it had learnt from crops to the end, and 2.9 so.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import choose
from alebrije.core import checkpoint, plots
from alebrije.core import weights as weight_files
from alebrije.core.fit import Shuffled, State, finished, fit, optimizer, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.core.tensorfiles import read_safetensors
from alebrije.data.pairs import split_pairs
from alebrije.errors import ConfigError, WeightsError
from alebrije.events import Events, Saved, Warned
from alebrije.hybrid.planning import answers, distil, figures, networks
from alebrije.hybrid.planning.config import PairTrainConfig
from alebrije.hybrid.planning.examples import Batch, Examples, augment, gather, read
from alebrije.hybrid.planning.networks import SIZE, PairNetwork
from alebrije.runs import Run

SECOND_STAGE = 0.5
EVERY_EPOCHS = 5
SHOWN = 4


def one_cycle(step: int, steps: int) -> float:
    """The learning rate at `step` of 0 .. steps - 1 as a share of the peak: up from 1/25 over the first 30 %, then down to
    1/250000, along cosines. Smith and Topin 2018, "Super-Convergence", in the form of torch's OneCycleLR, of which it
    has all defaults; the momentum is not moved."""
    top = 0.3 * steps - 1
    if step <= top:
        return _cosine(1 / 25, 1, step / top if top > 0 else 1.0)
    return _cosine(1, 1 / 25e4, (step - top) / max(steps - 1 - top, 1e-9)) if steps > 1 else 1.0


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


SCHEDULES: dict[str, Callable[[int, int], float]] = {"one-cycle": one_cycle, "constant": lambda step, steps: 1.0}


def rate_factor(schedule: str, step: int, frozen: int, steps: int) -> float:
    """What the learning rate is multiplied by at `step` of `steps`, of which the first `frozen` are the first stage."""
    if step < frozen:
        return SCHEDULES[schedule](step, frozen)
    return SCHEDULES[schedule](step - frozen, steps - frozen) * (SECOND_STAGE if frozen else 1.0)


def train(config: PairTrainConfig, run: Run, kind: str) -> Events:
    """Train the network `kind`, then test it; leaves curves, `model.safetensors` and `report.html`.

    Raises `ConfigError`, `DataError` and `WeightsError` before the first step.
    """
    if not config.data:
        raise ConfigError("say where the labelled pairs are: --data PAIRS, a folder that `alebrije pairs check` likes")
    choose("schedule", config.schedule, SCHEDULES)
    torch.manual_seed(config.seed)
    network = networks.build(kind, config.head_init)
    start, notice = begin(network, kind, config.start, run)
    yield from map(Warned, notice)
    examples = yield from read(Path(config.data), SIZE)
    fingerprint = examples.fingerprint()
    known, test = (examples.take(places) for places in split_pairs(len(examples.labels), 1 - config.test_share, config.seed))
    del examples  # hundreds of megabytes where there are many
    config, frozen, notice = plan(config, len(known.labels), pretrained=start != "scratch")
    yield from map(Warned, notice)

    device = choose_device(config.device)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = State(
        {"network": network},
        {"network": optimizer(config, network)},
        Shuffled(2 * len(known.labels), config.batch_size, config.seed),
        config.ema_decay,
        {"start": start, "frozen_steps": frozen, "sums": {}},
    )
    step = make_step(config, network, known, test, device)
    if not (yield from fit(state, step, config, run, lambda state: show(network, test, device))):
        yield stopped(state, run)
        return
    network.load_state_dict(state.final_weights("network"))
    told = answer(network, test, device)
    judged = answers.judge(told, test.labels).metrics()
    metrics = {name: value for name, value in judged.items() if isinstance(value, float)}
    for path in keep_curves(run):
        yield Saved(path)
    facts = {
        "network": kind, "size": SIZE, "metrics": judged, "data": config.data, "data_fingerprint": fingerprint,
        "training_pairs": list(known.numbers), "test_pairs": list(test.numbers), "start": start,
        "licence": "of whoever trained it",
    }  # fmt: skip
    yield Saved(run.write_model(network.state_dict(), facts))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def begin(network: PairNetwork, kind: str, start: str, run: Run) -> tuple[str, list[str]]:
    """Give the network the weights that `start` names; returns what it began from and what the user should know.

    A run that goes on has its weights in its checkpoint: it is only told from what it began. Raises `WeightsError`.
    """
    if checkpoint.numbered(run.folder / "checkpoints"):
        return str(checkpoint.load_latest(run.folder / "checkpoints")[1]["extra"]["start"]), []
    if start == "auto" and kind != "simple":
        if not weight_files.at_hand("resnet18"):
            remedy = "`alebrije weights fetch resnet18` brings them"
            return "scratch", [f"ImageNet weights are not at hand ({remedy}): learning from scratch, without a frozen stage"]
        start = "imagenet"
    if start in ("auto", "scratch"):
        return "scratch", [] if kind == "simple" else ["learning from scratch, without a frozen stage"]
    if start == "imagenet":
        network.load_imagenet({} if kind == "simple" else weight_files.load("resnet18"))
        return start, []
    path = Path(start) / "model.safetensors" if Path(start).is_dir() else Path(start)
    try:
        networks.load_weights(network, read_safetensors(path)[0])
    except WeightsError as error:
        choices = "start is auto, imagenet, scratch, or a model of the same recipe"
        raise WeightsError(f"cannot start from {path}: {error}; {choices}") from error
    return start, []


def plan(config: PairTrainConfig, pairs: int, pretrained: bool) -> tuple[PairTrainConfig, int, list[str]]:
    """The settings with all numbers of steps filled in, the steps of the frozen stage, and what the user should know."""
    notices = []
    batch = min(config.batch_size, 2 * pairs)
    if batch < config.batch_size:
        notices.append(f"{pairs} pairs in both orders are less than a batch of {config.batch_size}: batches hold {batch}")
    epoch = 2 * pairs // batch
    held = config.frozen_epochs if pretrained else 0
    steps = config.steps or epoch * (config.epochs + held)
    every = {
        "log_every": config.log_every or min(epoch, steps),
        "checkpoint_every": config.checkpoint_every or EVERY_EPOCHS * epoch,
        "sample_every": config.sample_every or EVERY_EPOCHS * epoch,
    }
    frozen = round(steps * held / (config.epochs + held))
    return config.model_copy(update={"steps": steps, "batch_size": batch, **every}), frozen, notices


def make_step(
    config: PairTrainConfig, network: PairNetwork, known: Examples, test: Examples, device: torch.device
) -> Callable[[State, Tensor], Mapping[str, float]]:
    """The `step(state, batch)` that `core.fit` repeats. Where a row is logged it also tests: see `_row`."""
    dtype = choose_dtype(config.precision, device)

    def step(state: State, places: Tensor) -> Mapping[str, float]:
        frozen = state.step < state.extra["frozen_steps"]
        networks.freeze(network, frozen)
        batch = gather(known, places, device)
        if config.augment:
            whole = state.step >= (1 - config.whole_share) * config.steps
            batch = augment(batch, 1.0 if whole else config.smallest_crop, config.degrees)
        with torch.set_grad_enabled(not frozen), torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            features = network.features(batch.pictures[:, 0], batch.pictures[:, 1])
        told = network.heads(features.float())
        numbers, loss = losses(config, told, batch)
        rate = config.learning_rate * rate_factor(config.schedule, state.step, state.extra["frozen_steps"], config.steps)
        for group in state.optimizers["network"].param_groups:
            group["lr"] = rate
        state.update("network", loss)
        sums = state.extra["sums"]
        for name, value in {**numbers, "count": 1.0}.items():
            sums[name] = sums.get(name, 0.0) + value
        if (state.step + 1) % config.log_every and state.step + 1 < config.steps:
            return numbers
        state.extra["sums"] = {}
        means = {name: value / sums["count"] for name, value in sums.items() if name != "count"}
        return means | held_out(config, network, test, device)

    return step


def losses(config: PairTrainConfig, told: tuple[Tensor, Tensor], batch: Batch) -> tuple[dict[str, float], Tensor]:
    """What was told of a batch against its labels: numbers to log, and the loss to go down."""
    sigmas, role = told
    error = F.mse_loss(sigmas, batch.sigmas)
    doubt = F.binary_cross_entropy_with_logits(role, batch.role)
    total = config.sigma_weight * error + config.role_weight * doubt
    right = (role > 0) == (batch.role > 0.5)
    numbers = {"loss": total, "mae": (sigmas - batch.sigmas).abs().mean(), "accuracy": right.float().mean()}
    return {name: float(value.detach()) for name, value in numbers.items()}, total


@torch.no_grad()
def look(network: PairNetwork, examples: Examples, device: torch.device, batch_size: int = 32) -> tuple[Tensor, Tensor]:
    """What the network tells of examples in the order of their folder, in float32: sigmas [N, 2], role [N], on the CPU."""
    network.eval()
    told = []
    for start in range(0, len(examples.labels), batch_size):
        places = torch.arange(start, min(start + batch_size, len(examples.labels)))
        pictures = gather(examples, places, device).pictures
        told.append(network(pictures[:, 0], pictures[:, 1]))
    sigmas, role = (torch.cat(parts).float().cpu() for parts in zip(*told, strict=True))
    return sigmas, role


def held_out(config: PairTrainConfig, network: PairNetwork, test: Examples, device: torch.device) -> dict[str, float]:
    """Loss, mean absolute error and accuracy on the pairs that were kept for the test, as columns of metrics.csv."""
    labels = gather(test, torch.arange(len(test.labels)), torch.device("cpu"))
    numbers, _ = losses(config, look(network, test, device), labels)
    return {f"test_{name}": value for name, value in numbers.items()}


def answer(network: PairNetwork, examples: Examples, device: torch.device) -> answers.Answers:
    """What the network answers, as it is: `answers.judge` knows what to make of sigmas below 0."""
    sigmas, role = look(network, examples, device)
    return answers.Answers(role.double(), sigmas.double())


def show(network: PairNetwork, test: Examples, device: torch.device) -> Tensor:
    """Hybrids of the first test pairs by their labels, and below them by the network: [1, 3, 2 S, n S]."""
    few = test.take(range(min(SHOWN, len(test.labels))))
    told = figures.answered_labels(answer(network, few, device))
    pairs = few.pictures.float() / 255
    rows = [torch.cat([figures.hybrid(*one) for one in zip(pairs, labels, strict=True)], 3) for labels in (few.labels, told)]
    return torch.cat(rows, 2)


def keep_curves(run: Run) -> list[Path]:
    """Learning curves by epoch: loss, error in pixels, accuracy, each for training and test. Training's are means over the
    epoch, of augmented pairs, whose sigmas are larger; test pairs are seen as they are."""
    columns, kept = run.metrics(), []
    for name in ("loss", "mae", "accuracy"):
        path, names = run.folder / "plots" / f"{name}.png", (name, f"test_{name}")
        kept.append(plots.curves(columns, path, x="epoch", names=names, log=name != "accuracy"))
    return kept


RECIPES: dict[str, tuple[Callable[..., Events], type[Any]]] = {
    **{kind: (partial(train, kind=kind), PairTrainConfig) for kind in networks.NETWORKS},
    "planner": (distil.train, distil.PlannerConfig),
}
