"""`alebrije train gan/tagger`: learn which tags a picture has, with the body of the thesis' convolutional discriminator.

The body can begin the discriminator of gan/dcgan28, gan/dcgan48 and gan/dcgan64, see `starting`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.config import build
from alebrije.core import checkpoint
from alebrije.core.files import atomic
from alebrije.core.fit import State, finished, fit, optimizer, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.core.tensorfiles import Tensors, read_model
from alebrije.data.dataset import opening
from alebrije.data.draw import SEEDS_PER_SET
from alebrije.data.drawing.traits import draw_traits
from alebrije.data.tags import look_up
from alebrije.errors import ConfigError, DataError, RunError, WeightsError
from alebrije.events import Event, Events, Saved, Started, Warned
from alebrije.gan import nets, tag_plots, tagging
from alebrije.gan.balance import Batches
from alebrije.gan.config import TaggerConfig
from alebrije.gan.data import Pictures, check_unchanged, read, shown
from alebrije.gan.nets.dcgan import ConvTagger
from alebrije.runs import Run

RECIPE = "gan/tagger"
AT_ONCE = 256
MOST_CANDIDATES = 256  # tags, the most frequent ones, that are looked at where they are to be chosen
TAGS = "tags.json"  # in the run folder: the tags that are learned, and in the end how well each is found


def train(config: TaggerConfig, run: Run) -> Events:
    """Learn the tags; leaves plots, `tags.json`, `model.safetensors` and `report.html`. Each tag is a question of its own: the
    loss is the binary cross-entropy, see `tagging.weights` for what rare ones weigh.

    Raises `ConfigError` and `DataError` before the first step.
    """
    if not config.steps and not config.epochs:
        raise ConfigError("say how long to train: steps or epochs")
    with torch.device("meta"):
        nets.tagger(config, (1, *config.height_width), 1)
    names = yield from _names(config, run)
    config = config.model_copy(update={"tags": tuple(names)})
    pictures = yield from read(config)
    _check(pictures)
    if notice := check_unchanged(run, pictures, config.changed_data):
        yield Warned(notice)
    _write(run.folder / TAGS, {"tags": names})
    batch = min(config.batch_size, len(pictures.images))
    steps = config.epochs * (len(pictures.images) // batch) if config.epochs else config.steps
    config = config.model_copy(update={"batch_size": batch, "steps": steps})
    device = choose_device(config.device)
    torch.manual_seed(config.seed)
    network = nets.tagger(config, pictures.shape, len(names))
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    batches = Batches(len(pictures.images), batch, config.seed, changed=bool(config.changed_data))
    state = State({"tagger": network}, {"tagger": optimizer(config, network)}, batches, config.ema_decay, {"tested": {}})
    if not (yield from fit(state, _make_step(config, network, pictures, device), config, run)):
        yield stopped(state, run)
        return
    yield from _leave(config, state, run, network, pictures)


def _make_step(
    config: TaggerConfig, network: ConvTagger, pictures: Pictures, device: torch.device
) -> Callable[[State, Tensor], Mapping[str, float]]:
    """The `step(state, batch)` that `core.fit` repeats. Now and then the pictures that are kept are looked at."""
    images, tags = pictures.images.to(device), pictures.tags.to(device)
    yes, no = (weight.to(device) for weight in _weights(config, pictures))
    dtype = choose_dtype(config.precision, device)
    usual = pictures.tags.float().mean(0) > 0.5

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        batch = batch.to(device)
        some = images[batch]
        if config.flips:
            mirrored = (torch.rand(len(batch)) < 0.5).to(device)
            some = torch.where(mirrored[:, None, None, None], some.flip(-1), some)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            logits = network.train()(shown(some))
        objective = tagging.loss(logits.float(), tags[batch], yes, no)
        state.update("tagger", objective)
        if state.step == 0 or (state.step + 1) % config.sample_every == 0:
            unseen = answers(network, pictures.held_out)
            means = tagging.means(tagging.score(unseen, pictures.held_out_tags, usual))
            lost = float(tagging.loss(unseen, pictures.held_out_tags, yes.cpu(), no.cpu()))
            state.extra["tested"] = {"held_out_loss": lost, "held_out_accuracy": means["accuracy"]}
        right = ((logits > 0) == tags[batch]).float().mean()
        return {"loss": float(objective.detach()), "accuracy": float(right), **state.extra["tested"]}

    return step


@torch.no_grad()
def answers(network: ConvTagger, images: Tensor) -> Tensor:
    """Logits float32 [N, tags] on the CPU of pictures uint8 [N, C, H, W], some at a time."""
    device = next(network.parameters()).device
    network.eval()
    return torch.cat([network(shown(some.to(device))).float().cpu() for some in torch.split(images, AT_ONCE)])


@dataclass(frozen=True, slots=True)
class Tagger:
    """A trained tagger: `network(images [B, C, H, W] in [-1, 1])` -> logits [B, tags], above 0 for a tag that a picture has;
    `tensors` are its weights, `shape` is (C, H, W), `header` what its file says, read from JSON."""

    network: ConvTagger
    tensors: Tensors
    tags: tuple[str, ...]
    shape: tuple[int, int, int]
    settings: TaggerConfig
    header: Mapping[str, Any]


def open_tagger(place: Path | str, device: torch.device | str = "cpu") -> Tagger:
    """The tagger of a run folder or a model.safetensors, in evaluation mode. No random number is drawn.

    Raises `RunError` if there is none, or it is of another recipe, `WeightsError` if it is damaged.
    """
    path = Path(place)
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        raise RunError(f"{place} has no model.safetensors: train a tagger to its end first, with `alebrije train {RECIPE}`")
    tensors, header = read_model(path)
    settings = dict(header.get("recipe") or {})
    recipe = settings.pop("recipe", "something else")
    if recipe != RECIPE:
        raise RunError(f"{place} is a run of {recipe} and no tagger: name one of {RECIPE}")
    channels, height, width = header["shape"]
    config, tags = build(TaggerConfig, settings), tuple(header["tags"])
    with torch.device("meta"):
        network = nets.tagger(config, (channels, height, width), len(tags))
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not hold the weights that its recipe describes") from error
    network.eval().requires_grad_(False).to(device)
    return Tagger(network, tensors, tags, (channels, height, width), config, header)


def _names(config: TaggerConfig, run: Run) -> Generator[Event, None, list[str]]:
    """The tags to learn: those of the settings, those the run began with, or the most telling ones. Raises `DataError`."""
    if config.tags:
        return list(dict.fromkeys(config.tags))
    if (run.folder / TAGS).is_file() and checkpoint.numbered(run.folder / "checkpoints"):
        begun: list[str] = json.loads((run.folder / TAGS).read_text(encoding="utf-8"))["tags"]
        return begun
    members = yield from (_members(config) if config.data else _traits(config))
    names = tagging.telling(members, config.count)
    if not names:
        raise DataError(
            f"{config.data or 'the set of creatures'} has no tag that only some of its pictures have: there is nothing to learn; "
            "sort the pictures into folders, one a tag, or give them a metadata.jsonl"
        )
    if len(names) < config.count:
        yield Warned(f"only {len(names)} of the tags tell something new about a picture: {', '.join(names)}")
    yield Started(f"learning the tags {', '.join(names)}")
    return names


def _members(config: TaggerConfig) -> Generator[Event, None, dict[str, tagging.Members]]:
    """Which pictures of the data have which tag, for the most frequent ones."""
    yield Started(f"reading {config.data}")
    dataset = yield from opening(str(config.data), config.height_width, gray=config.gray, fit=config.fit)
    chosen = dataset.select(config.filter).numpy() if config.filter else slice(None)
    return {name: dataset.members(name)[chosen] for name in dataset.tag_names[:MOST_CANDIDATES]}


def _traits(config: TaggerConfig) -> Generator[Event, None, dict[str, tagging.Members]]:
    """Which creatures have which tag. They need not be drawn for it."""
    yield Started("choosing tags")
    rows = [draw_traits(config.seed * SEEDS_PER_SET + index, "white").tags for index in range(config.pictures)]
    names = sorted(frozenset().union(*rows))
    members = look_up(rows, names)
    return {name: members(name) for name in names}


def _check(pictures: Pictures) -> None:
    """Raise `DataError` if there is nothing to learn about a tag, or no picture is kept to test by."""
    if not len(pictures.held_out):
        raise DataError(f"{len(pictures.images)} pictures leave none to test by: give it more, or a larger hold_out")
    every = torch.cat([pictures.tags, pictures.held_out_tags])
    for name, column in zip(pictures.tag_names, every.T, strict=True):
        if column.all() or not column.any():
            who = "all" if column.all() else "none"
            raise DataError(f"{who} of the pictures have the tag {name}: there is nothing to learn, leave it out of tags")


def _weights(config: TaggerConfig, pictures: Pictures) -> tuple[Tensor, Tensor]:
    ones = torch.ones(len(pictures.tag_names))
    return tagging.weights(pictures.tags) if config.balanced else (ones, ones)


def _leave(config: TaggerConfig, state: State, run: Run, network: ConvTagger, pictures: Pictures) -> Events:
    """Plots, figures, the model and the report."""
    network.load_state_dict(state.final_weights("tagger"))
    logits = answers(network, pictures.held_out)
    scores = tagging.score(logits, pictures.held_out_tags, pictures.tags.float().mean(0) > 0.5)
    by_tag = {name: score.row() for name, score in zip(config.tags, scores, strict=True)}
    metrics = tagging.means(scores)
    metrics |= {f"{name}: {what}": value for name, row in by_tag.items() for what, value in row.items()}
    for path in tag_plots.draw(run.folder, run.metrics(), config.tags, scores):
        yield Saved(path)
    yield Saved(tag_plots.sheet(run.folder, config.tags, logits, pictures))
    confusion = {name: score.counts for name, score in zip(config.tags, scores, strict=True)}
    told = {"tags": list(config.tags), "held_out": len(logits), **metrics, "confusion": confusion}
    yield Saved(_write(run.folder / TAGS, told))
    header = {
        "metrics": metrics,
        "data": pictures.name,
        "data_fingerprint": pictures.fingerprint,
        "licence": "of whoever trained it",
        "network": "tagger",
        "shape": list(pictures.shape),
        "tags": list(config.tags),
    }
    yield Saved(run.write_model(state.final_weights("tagger"), header))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def _write(path: Path, values: Mapping[str, Any]) -> Path:
    with atomic(path, force=True) as temporary:
        temporary.write_text(json.dumps(values, indent=2), encoding="utf-8")
    return path
