"""`alebrije train gan/...`: recipe -> run folder with samples, plots, what the referee said, and `model.safetensors`."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations

from alebrije.config import choose
from alebrije.core import checkpoint
from alebrije.core.files import atomic
from alebrije.core.fit import OPTIMIZERS, State, finished, fit, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.errors import ConfigError, Interrupted, NumericsError, RunError
from alebrije.events import Event, Events, Saved, Warned
from alebrije.gan import augment, growing, memory, nets, record, referee, show, starting, tagger
from alebrije.gan.balance import SCHEMES, Batches
from alebrije.gan.config import GanConfig, ProganConfig, R3Config, StyleConfig, TaggerConfig
from alebrije.gan.data import Pictures, check_unchanged, read, shown
from alebrije.gan.game import Game, begin_extra, spoil
from alebrije.gan.learning import make_step, stage_folder, stand
from alebrije.gan.losses import LOSSES
from alebrije.runs import Run

AUGMENTATIONS = ("none", "diff", "ada")
ROLLBACKS = 3  # how often numbers that went bad are taken back before the run gives up
CALMER = 0.5  # the learning rate after each, times what it was
REFEREE = "referee.json"
TAG_ROWS = 256  # pictures whose tags are kept in the model, to draw new ones with


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
        generator, _ = nets.build(network, config, shape, len(config.tags))
    if config.batches == "single" and any(isinstance(module, nn.BatchNorm1d) for module in generator.modules()):
        raise ConfigError(f"gan/{network} normalises over a batch: batches=single gives it nothing to compare, choose another")


def planned(config: GanConfig, count: int) -> GanConfig:
    """The settings with batch size and steps filled in for `count` pictures to learn from."""
    batch = min(config.batch_size, count)
    steps = config.steps
    if isinstance(config, ProganConfig):
        steps = growing.steps(config)
    elif config.epochs:
        steps = config.epochs * (count // (1 if config.batches == "single" else batch))
    return config.model_copy(update={"batch_size": batch, "steps": steps})


def prepare(config: GanConfig, run: Run, network: str, pictures: Pictures) -> Game:
    """Data and networks where they are computed with."""
    device = choose_device(config.device)
    torch.manual_seed(config.seed)
    generator, discriminator = nets.build(network, config, pictures.shape, len(config.tags))
    starting.begin_with_tagger(config, run.folder, discriminator)
    if config.spectral_norm:
        for module in list(discriminator.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear):
                parametrizations.spectral_norm(module)
    both = {"generator": generator, "discriminator": discriminator}
    if isinstance(config, ProganConfig) and growing.first_stage(config):
        _take_over(config, both)
    for each in both.values():
        each.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    here = {name: getattr(pictures, name).to(device) for name in ("images", "tags", "held_out", "held_out_tags")}
    own = Pictures(**here, tag_names=pictures.tag_names, name=pictures.name, fingerprint=pictures.fingerprint)
    return Game(config, own, both, device, choose_dtype(config.precision, device), run.folder, calm=_calm(run.folder))


def begin(game: Game) -> State:
    """The state before the first step; `core.fit` puts that of the newest checkpoint in its place."""
    config = game.config
    state = State(
        game.networks,
        {name: optimizer(config, network) for name, network in game.networks.items()},
        Batches(len(game.pictures.images), config.batch_size, config.seed, config.batches, bool(config.changed_data)),
        config.ema_decay,
        begin_extra(config),
    )
    state.averages.pop("discriminator", None)
    starting.note(config, game.folder, state.extra)
    game.fresh = True
    return state


def optimizer(config: GanConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser; those of Adam's kind with the recipe's decays, all weights in one pass where torch can."""
    name = choose("optimizer", config.optimizer, OPTIMIZERS)
    options: dict[str, Any] = {} if config.weight_decay is None else {"weight_decay": config.weight_decay}
    if name in ("adam", "adamw", "adamax"):
        options["betas"] = (config.beta1, config.beta2)
    if name in ("adam", "adamw") and next(network.parameters()).device.type in ("cpu", "cuda"):
        options["fused"] = True
    made = OPTIMIZERS[name](network.parameters(), lr=config.learning_rate, **options)
    made.register_load_state_dict_post_hook(_laid_out)
    return made


def _laid_out(optimizer: torch.optim.Optimizer) -> None:
    """Lay restored moments out in memory as the weights are. A checkpoint has them in plain layout, and torch's fused Adam walks
    through both as they lie: with another layout it would mix up the moments of a convolution without a word."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)


@torch.no_grad()
def look(game: Game, state: State) -> None:
    """The referee looks, speaks, and lowers the most that may be augmented where augmentation leaks."""
    config, extra, count = game.config, state.extra, referee.LOOKED_AT
    modes = {network: network.training for network in game.networks.values()}
    random = checkpoint.random_state()
    images, tags = show.drawn(game, state, count)
    chosen = torch.randperm(len(game.pictures.images), generator=torch.Generator().manual_seed(config.seed))[:count]
    learnt = game.pictures.images[chosen.to(game.device)]
    real = shown(learnt, game.size())
    game.discriminator.eval()
    heart = None
    if len(game.pictures.held_out):
        unseen = shown(game.pictures.held_out[:count], game.size())
        theirs = [game.tags(chosen.to(game.device)), game.pictures.held_out_tags[:count].float() if config.tags else None, tags]
        heart = referee.by_heart(*(game.judge(some, each) for some, each in zip((real, unseen, images), theirs, strict=True)))
    leaks = referee.leaks(real, spoil(game, real, 1.0), images) if config.augment != "none" and extra["augment"] > 0 else {}
    checkpoint.restore_random_state(random)
    for network, training in modes.items():
        network.train(training)
    diversity = referee.differences(images) / max(1e-6, referee.differences(real))
    counts = extra["last_confusion"] if sum(map(sum, extra["last_confusion"])) else extra["confusion"]
    extra["most_diverse"] = max(extra["most_diverse"], diversity)
    said = referee.judge(
        referee.Findings(diversity, heart, leaks), record.accuracy(counts), extra["augment"], extra["most_diverse"]
    )
    new = referee.heard(extra, state.step + 1, config.sample_every, said)
    game.remarks += new
    if any("leaking" in sentence for sentence in new):
        extra["augment_most"] = referee.LOWERED * extra["augment"]
        extra["augment"] = min(extra["augment"], extra["augment_most"])
    extra["findings"] = {"diversity": diversity, "by_heart": heart, **{f"leak of {name}": value for name, value in leaks.items()}}


def outspoken(events: Generator[Event, None, bool], remarks: list[str]) -> Generator[Event, None, bool]:
    """Pass events on, and what the referee says between them; an `Interrupted` goes through to the loop."""
    waiting: Event | None = None
    try:
        while True:
            event = waiting or next(events)
            waiting = None
            try:
                yield event
                while remarks:
                    yield Warned(remarks.pop(0))
            except Interrupted as stop:
                waiting = events.throw(stop)
    except StopIteration as end:
        return bool(end.value)


def calmed(game: Game) -> str:
    """Numbers went bad: halve the learning rate for what follows the newest checkpoint. Raises `NumericsError` in the end."""
    done = _rollbacks(game.folder)
    if done >= ROLLBACKS or not checkpoint.numbered(game.folder / "checkpoints"):
        raise NumericsError(
            "the numbers are no longer finite, and smaller steps did not help: begin anew with --set precision=fp32, a lower "
            "learning_rate, or another loss"
        )
    _write(game.folder, {**_read(game.folder), "rollbacks": done + 1})
    game.calm = _calm(game.folder)
    return f"the numbers are no longer finite: back to the newest checkpoint, on with {game.calm:g} of the learning rate"


def write_remarks(game: Game, state: State) -> Path:
    """Write what the referee said so far into the run folder."""
    values = {"remarks": state.extra["remarks"], "findings": state.extra.get("findings", {})}
    return _write(game.folder, {**_read(game.folder), **values})


def _leave(game: Game, state: State, run: Run, network: str) -> Events:
    """Plots, the model and the report."""
    stand(game, state)
    extra = state.extra
    counts = extra["last_confusion"] if sum(map(sum, extra["last_confusion"])) else extra["confusion"]
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
        "tag_rows": game.pictures.tags[:TAG_ROWS].int().tolist() if game.config.tags else [],
        "stage": extra["stage"],
        **({starting.FACT: extra[starting.FACT]} if starting.FACT in extra else {}),
    }
    yield Saved(run.write_model(state.final_weights("generator"), header))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def _take_over(config: ProganConfig, both: dict[str, nn.Module]) -> None:
    """Put in the networks as another run left the stage before the first one of this. Raises `RunError`."""
    before = growing.heights(config)[growing.first_stage(config) - 1]
    place = stage_folder(Path(str(config.start)), before)
    if not checkpoint.numbered(place):
        raise RunError(f"{config.start} has not finished its stage of {before} pixels: choose another first_stage or run")
    _, tree, _ = checkpoint.load_latest(place)
    for name, network in both.items():
        try:
            network.load_state_dict(tree["networks"][name])
        except RuntimeError as error:
            raise RunError(f"the networks of {config.start} are of another size: take its stages, width and size") from error


def _rollbacks(folder: Path) -> int:
    return int(_read(folder).get("rollbacks", 0))


def _calm(folder: Path) -> float:
    return float(CALMER ** _rollbacks(folder))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / REFEREE
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return values


def _write(folder: Path, values: dict[str, Any]) -> Path:
    with atomic(folder / REFEREE, force=True) as temporary:
        temporary.write_text(json.dumps(values, indent=2), encoding="utf-8")
    return folder / REFEREE


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
