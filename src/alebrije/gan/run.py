"""`alebrije train gan/...`: recipe -> run folder with samples, plots, what the referee said, and `model.safetensors`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from alebrije.config import choose
from alebrije.core.fit import State, finished, fit, stopped
from alebrije.core.report import write_report
from alebrije.errors import ConfigError, NumericsError
from alebrije.events import Events, Saved, Warned
from alebrije.gan import augment, growing, memory, nets, record, show, starting, tagger
from alebrije.gan.balance import SCHEMES
from alebrije.gan.config import GanConfig, ProganConfig, R3Config, StyleConfig, TaggerConfig
from alebrije.gan.data import check_unchanged, read
from alebrije.gan.game import Game
from alebrije.gan.learning import make_step, stand
from alebrije.gan.losses import LOSSES
from alebrije.gan.nets.parts import Scaled
from alebrije.gan.preparing import begin, prepare
from alebrije.gan.watching import calmed, look, outspoken, write_remarks
from alebrije.runs import Run

AUGMENTATIONS = ("none", "diff", "ada")


def train(config: GanConfig, run: Run, network: str) -> Events:
    """Train the networks of the kind `network`; leaves plots, a GIF, `model.safetensors`, `referee.json` and `report.html`.

    Raises `ConfigError`, `DataError` and `RunError` before the first step, `NumericsError` where numbers go bad again and again.
    """
    check(config, network)
    yield from starting.announced(config, network, run.folder)
    pictures = yield from read(config)
    if notice := check_unchanged(run, pictures, config.changed_data):
        yield Warned(notice)
    config = planned(config, len(pictures.images))
    game = prepare(config, run, network, pictures)
    while True:
        state = begin(game)
        step = memory.guarded(make_step(game, partial(look, game)), game)
        try:
            ended = yield from outspoken(fit(state, step, config, run, lambda state: show.sample(game, state)), game.remarks)
            break
        except NumericsError:
            yield Warned(calmed(game))
    yield Saved(write_remarks(game, state))
    if not ended:
        yield stopped(state, run)
        return
    yield from _leave(game, state, run, network)


def check(config: GanConfig, network: str) -> None:
    """Raise `ConfigError` for a choice that is none, or that another one rules out, before any picture is read."""
    choose("loss", config.loss, LOSSES)
    choose("batch scheme", config.batches, SCHEMES)
    choose("augmentation", config.augment, AUGMENTATIONS)
    augment.parse_policy(config.augment_policy)
    if isinstance(config, ProganConfig):
        growing.first_stage(config)
    elif not config.steps and not config.epochs:
        raise ConfigError("say how long to train: steps or epochs")
    with torch.device("meta"):  # the networks without their numbers
        shape = (1 if config.gray else 3, *config.height_width)
        generator, discriminator = nets.build(network, config, shape, len(config.tags))
    if config.batches == "single" and any(isinstance(module, nn.BatchNorm1d) for module in generator.modules()):
        raise ConfigError(f"gan/{network} normalises over a batch: batches=single gives it nothing to compare, choose another")
    if config.spectral_norm and any(isinstance(module, Scaled) for module in discriminator.modules()):
        raise ConfigError(f"gan/{network} scales its weights itself, which spectral_norm would undo: leave it out")


def planned(config: GanConfig, count: int) -> GanConfig:
    """The settings with batch size and steps filled in for `count` pictures to learn from."""
    batch = min(config.batch_size, count)
    steps = config.steps
    if isinstance(config, ProganConfig):
        steps = growing.steps(config)
    elif config.epochs:
        steps = config.epochs * (count // (1 if config.batches == "single" else batch))
    return config.model_copy(update={"batch_size": batch, "steps": steps})


def _leave(game: Game, state: State, run: Run, network: str) -> Events:
    """Plots, the model and the report."""
    stand(game, state)
    extra = state.extra
    counts = record.latest(extra)
    for path in [*record.draw(run.folder, run.metrics(), counts), *show.keepsakes(game, state)]:
        yield Saved(path)
    findings = {name: value for name, value in extra.get("findings", {}).items() if value is not None}
    metrics = {"accuracy": record.accuracy(counts), **findings}
    header = {
        "metrics": metrics,
        "data": game.pictures.name,
        "data_fingerprint": game.pictures.fingerprint,
        "licence": "of whoever trained it",
        "network": network,
        "shape": list(game.pictures.shape),
        "tags": list(game.config.tags),
        "tag_rows": game.pictures.tag_rows,
        "stage": extra["stage"],
        "alpha": extra["alpha"],
        **({starting.FACT: extra[starting.FACT]} if starting.FACT in extra else {}),
    }
    yield Saved(run.write_model(state.final_weights("generator"), header))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


# recipe -> (the kind of network, its settings)
KINDS: dict[str, tuple[str, type[GanConfig]]] = {
    "dense": ("dense", GanConfig),
    "dcgan28": ("dcgan", GanConfig),
    "dcgan48": ("dcgan", GanConfig),
    "dcgan64": ("dcgan", GanConfig),
    "dcgan-mnist": ("dcgan-mnist", GanConfig),
    "progan32": ("progan", ProganConfig),
    "progan128": ("progan", ProganConfig),
    "progan160": ("progan", ProganConfig),
    "r3": ("r3", R3Config),
    "r3-32": ("r3", R3Config),
    "style": ("style", StyleConfig),
}
RECIPES: dict[str, tuple[Callable[..., Events], type[Any]]] = {
    name: (partial(train, network=network), model) for name, (network, model) in KINDS.items()
} | {"tagger": (tagger.train, TaggerConfig)}
