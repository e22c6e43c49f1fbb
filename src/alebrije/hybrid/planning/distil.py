"""How the planner learns: from the observer on any pictures, or from people's labels of pairs.

From a folder of pictures, pairs of like shape are sampled and crossed in both orders, under varied viewing distances;
the observer's best cut-offs and score of either order are what the network has to tell. A pairs folder with labels.txt
teaches roles, and cut-offs of the order that was chosen; it usually starts from the planner that ships.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from alebrije.core import checkpoint, plots
from alebrije.core.fit import Shuffled, State, TrainConfig, finished, fit, optimizer, stopped
from alebrije.core.report import write_report
from alebrije.core.tensorfiles import write_safetensors
from alebrije.data.pairs import LABELS, Label
from alebrije.events import Events, Saved
from alebrije.hybrid.planning.answers import judge
from alebrije.hybrid.planning.lessons import Lessons, lessons
from alebrije.hybrid.planning.planner import LEAST, Planner, from_tensors, read_planner, role_logit, shipped
from alebrije.runs import Run

SCORE_WEIGHT, ROLE_WEIGHT = 10.0, 0.1  # scores differ by tenths where octaves differ by ones


class PlannerConfig(TrainConfig):
    """Settings of `alebrije train hybrid/planner`."""

    data: str | None = Field(None, description="A folder of pictures, or of labelled pairs; drawn creatures if not given.")
    steps: int = Field(8000, gt=0, description="Number of optimisation steps.")
    batch_size: int = Field(256, gt=0, description="Pairs per step.")
    learning_rate: float = Field(3e-3, gt=0, description="Rises over the first tenth, then falls to nothing.")
    optimizer: str = Field("adamw", description="Name of the optimiser.")
    ema_decay: float = Field(0.995, ge=0, lt=1, description="Decay of the moving average of the weights.")
    log_every: int = Field(100, gt=0, description="Steps between rows of metrics.csv.")
    checkpoint_every: int = Field(2000, gt=0, description="Steps between checkpoints.")
    pairs: int = Field(20000, gt=0, description="Pairs that the observer labels.")
    creatures: int = Field(300, ge=0, description="Drawn creatures that join the pictures.")
    neighbours: int = Field(12, gt=0, description="A picture is crossed with this many of those most like it in shape.")
    hold_out: int = Field(10, gt=1, description="One picture in so many is kept for the test.")
    width: int = Field(128, gt=0, description="Units of each hidden layer.")
    credit: str = Field("", description="Where the pictures come from, for the model's header.")
    start: str = Field("auto", description="scratch, shipped, or a model to go on from; auto: shipped for labelled pairs.")


def train(config: PlannerConfig, run: Run) -> Events:
    """Learn, then write the curves, `model.safetensors` and `planner.safetensors`, the file that is shipped."""
    known, test, facts = yield from lessons(config, run.folder)
    torch.manual_seed(config.seed)
    planner = _start(config, known, run)
    state = State(
        {"planner": planner},
        {"planner": optimizer(config, planner)},
        Shuffled(len(known.role), config.batch_size, config.seed),
        config.ema_decay,
    )

    def step(state: State, batch: Tensor) -> dict[str, float]:
        for group in state.optimizers["planner"].param_groups:
            group["lr"] = config.learning_rate * schedule(state.step / config.steps)
        losses = planner_losses(planner, Lessons(*(part[batch] for part in known)))
        state.update("planner", torch.stack(list(losses.values())).sum(), max_norm=1.0)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    if not (yield from fit(state, step, config, run)):
        yield stopped(state, run)
        return
    planner.load_state_dict(state.final_weights("planner"))
    metrics = _tested(planner, test)
    header = {"network": "hybrid-planner", "licence": "Apache-2.0", **facts, "credit": config.credit, "metrics": metrics}
    yield Saved(run.write_model(planner.state_dict(), header))
    yield Saved(_ship(planner, run, header))
    yield Saved(plots.curves(run.metrics(), run.folder / "plots" / "loss.png"))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def _start(config: PlannerConfig, known: Lessons, run: Run) -> Planner:
    """The planner to begin with: a new one that knows its lessons' mean and deviation, or one that was trained before.

    A run that goes on has its own in its checkpoint, whatever has become of the one that it began from.
    """
    if checkpoint.numbered(run.folder / "checkpoints"):
        return from_tensors(checkpoint.load_latest(run.folder / "checkpoints")[1]["networks"]["planner"]).train()
    people = bool(config.data) and (Path(str(config.data)) / LABELS).is_file()
    start = ("shipped" if people else "scratch") if config.start == "auto" else config.start
    if start != "scratch":
        return (shipped() if start == "shipped" else read_planner(Path(start))).train()
    planner = Planner(config.width)
    flat = known.described.flatten(0, 1)
    planner.mean.copy_(flat.mean(0))
    planner.deviation.copy_(flat.std(0) + LEAST)
    return planner


def schedule(done: float) -> float:
    """The share of the learning rate when a share `done` of the steps lies behind: up over a tenth, then half a cosine."""
    return min(done / 0.1 + 0.01, 0.5 + 0.5 * math.cos(math.pi * max(0.0, done - 0.1) / 0.9))


def planner_losses(planner: Planner, batch: Lessons) -> dict[str, Tensor]:
    """Squared errors of the cut-offs, in octaves, and of the scores; cross entropy of the role. What is not known is left out."""
    forth, back = (planner(order) for order in batch.described.unbind(1))
    guessed = torch.stack([torch.stack(list(guess), -1) for guess in (forth, back)], 1)
    known = ~batch.targets.isnan()
    squared = torch.where(known, guessed - batch.targets.nan_to_num(), 0.0).square()
    octaves, scores = squared[..., :2].sum() / known[..., :2].sum(), squared[..., 2].sum() / known[..., 2].sum().clamp_min(1)
    role = F.binary_cross_entropy_with_logits(role_logit(forth, back), batch.role)
    return {"octaves": octaves, "score": SCORE_WEIGHT * scores, "role": ROLE_WEIGHT * role}


def _tested(planner: Planner, test: Lessons) -> dict[str, float]:
    labels = [Label(int(role), *pair) for role, pair in zip(test.role, test.sigmas.tolist(), strict=True)]
    scores = judge(planner.eval().answer(test.described), labels)
    return {"accuracy": scores.accuracy, "mae": scores.mae, "median_octave": scores.median_octave}


def _ship(planner: Planner, run: Run, header: dict[str, Any]) -> Path:
    """Write `planner.safetensors`, as the package carries it: in float32, for descriptions differ by less than float16 tells."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in header.items()}
    recipe = (run.folder / "recipe.yaml").read_text(encoding="utf-8").partition("\n")[2]  # without the run's own command
    path = run.folder / "planner.safetensors"
    write_safetensors(path, planner.state_dict(), texts | {"recipe": recipe})
    return path
