"""A small network that learns the classes of a data set, so that its features can judge pictures of that kind.

Three convolutions and two linear layers; what the first of these gives, after its ReLU, are the features. They are scaled so that
their mean square over real pictures is 1: the kernel of KID has a constant 1 beside the product of features, and would see little
but their lengths if these were large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from pydantic import Field
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.core import plots
from alebrije.core.fit import Shuffled, State, TrainConfig, finished, fit, optimizer, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.data import known
from alebrije.errors import DataError, RunError
from alebrije.events import Events, Saved, Started
from alebrije.runs import Run

AT_ONCE = 500
Shape = tuple[int, int, int]


class JudgeConfig(TrainConfig):
    """Settings of `alebrije train features/judge`."""

    data: str = Field("fashion-mnist", description="fashion-mnist, mnist, cifar10, or a folder with the files of one.")
    steps: int = Field(1200, gt=0, description="Number of optimisation steps.")
    batch_size: int = Field(128, gt=1, description="Pictures per step; batch normalisation needs two.")
    width: int = Field(16, gt=0, description="Channels of the first layer; each further one has twice as many.")
    features: int = Field(128, gt=0, description="Numbers that a picture is judged by.")
    validation: int = Field(5000, gt=0, description="Pictures of those to learn from that are kept for validation.")
    log_every: int = Field(100, gt=0, description="Steps between rows of metrics.csv.")
    sample_every: int = Field(10**9, gt=0, description="There is nothing to sample.")
    ema_decay: float = Field(0.99, ge=0, lt=1, description="Decay of the moving average of the weights.")


class Judge(nn.Module):
    """Pictures float32 [B, C, H, W] in [0, 1] -> logits [B, classes]; `features`: what is before, [B, features] >= 0."""

    def __init__(self, shape: Shape, classes: int, width: int = 16, features: int = 128, data: str = "") -> None:
        super().__init__()
        self.shape, self.data = shape, data
        channels, height, width_px = shape
        flat = 4 * width * (-(-height // 4)) * (-(-width_px // 4))
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, 4 * width, 3, stride=2, padding=1), nn.BatchNorm2d(4 * width), nn.ReLU(),
            nn.Flatten(), nn.Linear(flat, features), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(features, classes)

    def features(self, images: Tensor) -> Tensor:
        """What pictures are judged by."""
        found: Tensor = self.body(images)
        return found

    def forward(self, images: Tensor) -> Tensor:
        """Features and classes."""
        logits: Tensor = self.head(self.body(images))
        return logits


def train(config: JudgeConfig, run: Run) -> Events:
    """Learn the classes; leaves the curve, `model.safetensors` and `report.html`. The loss is the cross-entropy."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    yield Started(f"reading {config.data}")
    found = known.load(config.data)
    if len(found.images) <= config.validation + 1:
        raise DataError(f"{config.data} has {len(found.images)} pictures: keep fewer for validation than {config.validation}")
    order = torch.randperm(len(found.images), generator=torch.Generator().manual_seed(config.seed))
    kept, learned = order[: config.validation], order[config.validation :]
    torch.manual_seed(config.seed)
    channels, height, width = found.images.shape[1:]
    judge = Judge((channels, height, width), len(found.classes), config.width, config.features).to(device)
    judge.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = State(
        {"judge": judge}, {"judge": optimizer(config, judge)}, Shuffled(len(learned), config.batch_size, config.seed),
        config.ema_decay,
    )  # fmt: skip

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        places = learned[batch]
        images = found.images[places].to(device).float() / 255
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            logits = judge.train()(images)
        loss = F.cross_entropy(logits.float(), found.labels[places].to(device))
        state.update("judge", loss)
        return {"cross_entropy": float(loss.detach())}

    if not (yield from fit(state, step, config, run)):
        yield stopped(state, run)
        return
    judge.load_state_dict(state.final_weights("judge"))
    scale(judge, found.images[kept])
    metrics = {
        "validation_accuracy": accuracy(judge, found.images[kept], found.labels[kept]),
        "test_accuracy": accuracy(judge, found.test_images, found.test_labels),
    }
    yield Saved(plots.curves(run.metrics(), run.folder / "plots" / "loss.png"))
    facts = {"shape": judge.shape, "classes": len(found.classes), "data": Path(config.data).name}
    header = {"metrics": metrics, **facts, "data_licence": found.licence, "licence": "of whoever trained it"}
    yield Saved(run.write_model(judge.state_dict(), header))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


@torch.no_grad()
def scale(judge: Judge, images: Tensor) -> None:
    """Bring the mean square of the features of pictures uint8 [N, C, H, W] to 1; answers stay what they are, for a ReLU hands on
    any factor, which the last layer takes back."""
    judge.eval()
    device = next(judge.parameters()).device
    found = torch.cat([judge.features(some.to(device).float() / 255) for some in torch.split(images, AT_ONCE)])
    size = found.square().mean().sqrt().clamp_min(1e-6)
    last = judge.body[-2]
    assert isinstance(last, nn.Linear)
    for parameter in last.parameters():
        parameter.div_(size)
    judge.head.weight.mul_(size)


@torch.no_grad()
def accuracy(judge: Judge, images: Tensor, labels: Tensor) -> float:
    """The share of pictures uint8 [N, C, H, W] whose class is found."""
    judge.eval()
    device = next(judge.parameters()).device
    answers = [judge(some.to(device).float() / 255).argmax(1).cpu() for some in torch.split(images, AT_ONCE)]
    return float((torch.cat(answers) == labels).double().mean())


def load(run: Path) -> Judge:
    """The frozen network of a run of `features/judge`, its folder or its model.safetensors. Raises `RunError`."""
    path = run / "model.safetensors" if run.is_dir() else run
    try:
        with safe_open(path, "pt") as model:
            header = {name: json.loads(value) for name, value in (model.metadata() or {}).items()}
        recipe, shape = header["recipe"], tuple(header["shape"])
        judge = Judge((shape[0], shape[1], shape[2]), header["classes"], recipe["width"], recipe["features"], header["data"])
        judge.load_state_dict(load_file(path))
    except (OSError, SafetensorError, ValueError, KeyError, IndexError, TypeError, RuntimeError) as error:
        raise RunError(f"{run} is no finished run of features/judge: train one with `alebrije train features/judge`") from error
    return judge.requires_grad_(False).eval()
