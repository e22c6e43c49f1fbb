"""How `compact` is made: a small network learns to find the same pictures alike as VGG-16 does.

Start: the student is cut out of the teacher (`pruning.py`). Then, over random crops and what style transfer makes of
them (`crops.py`), the sum of four losses goes down:
1. features: a learnt 1x1 projection of the student's features gives the teacher's (Romero et al. 2015, "FitNets",
   equation 3; here linear and at every layer), relative to their energy;
2. Gram matrices of the projected features equal the teacher's, relative likewise;
3. distances: between all pictures of the batch, the distances of the student's own Gram matrices, and of its own
   features at the content layer, equal the teacher's up to one factor per layer, in logarithms. This is what users
   of the network compute, and no projection stands between;
4. at two depths a second projection gives the features of SqueezeNet, trained on ImageNet's classes alone.

Half of each batch are inputs on the way from noise to a painting: noise, blur, blends, and crops stylised with the
student as it is now, for an optimiser finds the places where the student is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import features
from alebrije.core import plots
from alebrije.core import weights as weight_files
from alebrije.core.fit import Shuffled, State, TrainConfig, finished, fit, optimizer, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.core.tensorfiles import write_safetensors
from alebrije.errors import ConfigError
from alebrije.events import Event, Events, Saved, Started, Step
from alebrije.features.crops import Crops, find_groups, fingerprint, on_the_way, read, relative_error, visit
from alebrije.features.extractor import Extractor
from alebrije.features.judging import classifier
from alebrije.features.pruning import equalize, fit_projection, prune
from alebrije.features.ranking import CONTENT_LAYER, agreement, gram, squared_distances
from alebrije.runs import Run

LAYERS = features.NETWORKS["compact"].layers
# compact has two convolutions where VGG-16 has three: its last one stands for the teacher's last one.
TEACHER = {layer: layer for layer in LAYERS} | {"relu3_2": "relu3_3"}
SQUEEZENET = {"relu4_2": "fire5", "relu5_1": "fire9"}
TEACHERS = ("vgg16", "squeezenet1_1")
VISITED, WARM_UP = 64, 50
TESTS_PER_GROUP, TEST_SIZE = 32, 192

Taps = Mapping[str, Tensor]


class DistillConfig(TrainConfig):
    """Settings of `alebrije train features/compact`."""

    data: str = Field("", description="A folder that holds folders of pictures: photos/, paintings/ ...")
    steps: int = Field(300, gt=0, description="Number of optimisation steps.")
    batch_size: int = Field(8, gt=3, description="Crops per step; as many inputs made from them come on top.")
    learning_rate: float = Field(1e-4, gt=0, description="Rises over 50 steps, falls to nothing in the last quarter.")
    ema_decay: float = Field(0.995, ge=0, lt=1, description="Decay of the moving average of the weights.")
    checkpoint_every: int = Field(50, gt=0, description="Steps between checkpoints.")
    sample_every: int = Field(100, gt=0, description="Steps between sample pictures.")
    size: int = Field(128, ge=64, description="Height and width of the crops in pixels.")
    start_crops: int = Field(256, gt=0, description="Crops for the least squares fits of the start.")
    feature_weight: float = Field(1.0, ge=0, description="Weight of the projected features.")
    gram_weight: float = Field(1.0, ge=0, description="Weight of the projected Gram matrices.")
    distance_weight: float = Field(1.0, ge=0, description="Weight of the distances between pictures.")
    squeezenet_weight: float = Field(0.05, ge=0, description="Weight of SqueezeNet's features.")
    visit_every: int = Field(20, gt=0, description="Steps between stylisations with the student as it is then.")
    visit_steps: int = Field(40, gt=1, description="Steps of each stylisation.")
    hold_out: int = Field(10, gt=1, description="One picture in so many, by its name, is kept for evaluation.")


class Student(nn.Module):
    """compact with its projections to the teachers' channels, which are thrown away in the end."""

    def __init__(self, compact: Extractor, vgg: Extractor, squeezenet: Extractor) -> None:
        super().__init__()
        self.compact = compact.requires_grad_(True)
        with torch.no_grad():
            probe = torch.zeros(1, 3, 64, 64)
            mine, theirs, others = compact(probe), vgg(probe), squeezenet(probe)
        self.to_vgg = nn.ModuleDict({name: _projection(mine[name], theirs[TEACHER[name]]) for name in LAYERS})
        self.to_squeezenet = nn.ModuleDict({name: _projection(mine[name], others[SQUEEZENET[name]]) for name in SQUEEZENET})


def _projection(first: Tensor, second: Tensor) -> nn.Conv2d:
    return nn.Conv2d(first.shape[1], second.shape[1], kernel_size=1, bias=False)


def load_teachers(crops: Tensor) -> tuple[Extractor, Extractor]:
    """VGG-16, its layers brought to one scale over `crops`, and SqueezeNet, with the layers that are imitated."""
    vgg = features.load("vgg16", tuple(TEACHER.values()), pooling="avg")
    equalize(vgg, crops)
    return vgg, features.load("squeezenet1_1", tuple(SQUEEZENET.values()), pooling="avg")


@torch.no_grad()
def start(vgg: Extractor, squeezenet: Extractor, crops: Tensor) -> Student:
    """The student cut out of the teacher, with projections fitted by least squares to `crops` [N, 3, H, W]."""
    compact = features.build("compact", None, LAYERS, pooling="avg")
    prune(compact, vgg, TEACHER, crops)
    few = crops[:64]
    equalize(compact, few)
    student = Student(compact, vgg, squeezenet)
    mine, theirs, others = compact(few), vgg(few), squeezenet(few)
    fitted = {f"to_vgg.{layer}": fit_projection(mine[layer], theirs[TEACHER[layer]]) for layer in LAYERS}
    for layer, other in SQUEEZENET.items():
        fitted[f"to_squeezenet.{layer}"] = fit_projection(mine[layer], _like(others[other], mine[layer]))
    student.load_state_dict({f"{name}.weight": weight for name, weight in fitted.items()}, strict=False)
    return student


def _like(tap: Tensor, other: Tensor) -> Tensor:
    # SqueezeNet does not pad: its maps are a row or two smaller.
    return F.interpolate(tap.float(), other.shape[-2:], mode="bilinear")


def log_distance_error(ours: Tensor, theirs: Tensor) -> Tensor:
    """Variance over all pairs of log(|ours_i - ours_j|^2 / |theirs_i - theirs_j|^2), for points [B, ...] each.

    Zero if and only if all distances differ by one factor. Very small distances count less.
    """
    first, second = torch.triu_indices(len(ours), len(ours), offset=1)
    logs = []
    for points in (ours, theirs):
        squared = squared_distances(points)[first, second]
        logs.append((squared + 1e-3 * squared.detach().mean() + 1e-12).log())
    return (logs[0] - logs[1]).var()


def distillation_losses(student: Student, mine: Taps, theirs: Taps, others: Taps) -> dict[str, Tensor]:
    """The four losses of the module's docstring, each a mean over its layers, for the features of the networks."""
    losses: dict[str, list[Tensor]] = {"feature": [], "gram": [], "distance": [], "squeezenet": []}
    for layer, tap in mine.items():
        target, projected = theirs[TEACHER[layer]], student.to_vgg[layer](tap.float())
        target_gram = gram(target)
        losses["feature"].append(relative_error(projected, target))
        losses["gram"].append(relative_error(gram(projected), target_gram))
        losses["distance"].append(log_distance_error(gram(tap), target_gram))
    losses["distance"].append(log_distance_error(mine[CONTENT_LAYER], theirs[CONTENT_LAYER]))
    for layer, other in SQUEEZENET.items():
        projected = student.to_squeezenet[layer](mine[layer].float())
        losses["squeezenet"].append(relative_error(projected, _like(others[other], projected)))
    return {name: torch.stack(parts).mean() for name, parts in losses.items()}


def make_step(
    config: DistillConfig, crops: Crops, vgg: Extractor, squeezenet: Extractor, device: torch.device
) -> Callable[[State, Tensor], Mapping[str, float]]:
    """The `step(state, batch)` that `core.fit` repeats; `state.networks["student"]` is a `Student`."""
    dtype = choose_dtype(config.precision, device)
    vgg.to(device).stages.to(dtype)
    squeezenet.to(device).stages.to(dtype)

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        student = state.networks["student"]
        assert isinstance(student, Student)
        look = mixed_precision(student.compact, dtype)
        clean = crops(batch)
        if state.step % config.visit_every == 0:
            fresh = visit(look, clean[:4].to(device), clean[-4:].to(device), config.visit_steps).cpu()
            state.extra["visited"] = torch.cat([state.extra.get("visited", fresh[:0]), fresh])[-VISITED:]
        pictures = torch.cat([clean, on_the_way(clean, state.extra["visited"])]).to(device)
        with torch.no_grad():
            theirs, others = vgg(pictures), squeezenet(pictures)
        losses = distillation_losses(student, look(pictures), theirs, others)
        for group in state.optimizers["student"].param_groups:
            group["lr"] = config.learning_rate * min(1, (state.step + 1) / WARM_UP, 4 * (1 - state.step / config.steps))
        total = torch.stack([getattr(config, f"{name}_weight") * loss for name, loss in losses.items()]).sum()
        state.update("student", total, max_norm=1.0)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    return step


def mixed_precision(network: Extractor, dtype: torch.dtype) -> Callable[[Tensor], dict[str, Tensor]]:
    """`network` with float32 weights, its arithmetic in `dtype`."""

    def look(pictures: Tensor) -> dict[str, Tensor]:
        with torch.autocast(pictures.device.type, dtype, enabled=dtype != torch.float32):
            taps: dict[str, Tensor] = network(pictures)
            return taps

    return look


def train(config: DistillConfig, run: Run) -> Events:
    """Distil, then write the curves, `model.safetensors` and `compact.safetensors`, the file that is shipped."""
    if not config.data:
        raise ConfigError("say where the pictures are: --data FOLDER, with folders photos/, paintings/ ... in it")
    device = choose_device(config.device)
    used, kept = (find_groups(Path(config.data), config.hold_out, held_out=held) for held in (False, True))
    crops = Crops((yield from _read_all(used)), config.size)
    tests = Crops((yield from _read_all(kept)), TEST_SIZE)
    torch.manual_seed(config.seed)
    test_pictures = torch.cat([tests.crop(tests.picture(index)) for index in range(TESTS_PER_GROUP * len(kept))])
    first = crops(torch.randperm(len(crops))[: config.start_crops])
    yield Started("cutting compact out of vgg16")
    vgg, squeezenet = load_teachers(first[:64])
    student = start(vgg, squeezenet, first).to(device)
    state = State(
        {"student": student},
        {"student": optimizer(config, student)},
        Shuffled(len(crops), config.batch_size, config.seed),
        config.ema_decay,
    )
    shown = test_pictures[:: len(test_pictures) // 4][:4].to(device)

    def sample(state: State) -> Tensor:
        made = visit(mixed_precision(student.compact, torch.float32), shown, shown.roll(1, 0), config.visit_steps)
        return torch.cat([torch.cat(list(row), dim=2) for row in (shown, *made.chunk(2))], dim=1)[None].cpu()

    if not (yield from fit(state, make_step(config, crops, vgg, squeezenet, device), config, run, sample)):
        yield stopped(state, run)
        return
    student.load_state_dict(state.final_weights("student"))
    weights = {name: tensor.detach().cpu().half() for name, tensor in student.compact.stages.state_dict().items()}
    metrics = evaluate(weights, test_pictures, config.seed)
    pictures = {name: len(paths) for name, paths in used.items()}
    ship(weights, run, {"pictures": pictures, "pictures_sha256": fingerprint(used), "metrics": metrics})
    yield Saved(run.folder / "compact.safetensors")
    yield Saved(plots.curves(run.metrics(), run.folder / "plots" / "loss.png"))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def evaluate(weights: Mapping[str, Tensor], pictures: Tensor, seed: int, pooling: str = "avg") -> dict[str, float]:
    """How alike compact with these weights and VGG-16 rank random pairs of `pictures`: see `ranking.agreement`."""
    compact = features.build("compact", weights, LAYERS, pooling=pooling)
    return agreement(compact, features.load("vgg16", LAYERS, pooling=pooling), pictures, seed)


def ship(weights: Mapping[str, Tensor], run: Run, facts: Mapping[str, Any]) -> None:
    """Write `model.safetensors`, as every run has it, and `compact.safetensors`, as `core.weights` reads it."""
    teachers = {name: weight_files.header(name).get("source", "unknown") for name in TEACHERS}
    header = {"network": "compact", "licence": "Apache-2.0", "teachers": teachers, "date": f"{date.today()}", **facts}
    run.write_model(weights, header)
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in header.items()}
    recipe = (run.folder / "recipe.yaml").read_text(encoding="utf-8")
    write_safetensors(run.folder / "compact.safetensors", weights, texts | {"recipe": recipe})


def _read_all(groups: Mapping[str, list[Path]]) -> Generator[Event, None, list[list[Tensor]]]:
    paths = [path for group in groups.values() for path in group]
    yield Started("reading pictures", len(paths))
    pictures = {}
    for count, path in enumerate(paths, start=1):
        pictures[path] = read(path)
        yield Step(count, len(paths))
    return [[pictures[path] for path in group] for group in groups.values()]


RECIPES: dict[str, tuple[Callable[..., Events], type[TrainConfig]]] = {
    "compact": (train, DistillConfig),
    "judge": (classifier.train, classifier.JudgeConfig),
}
