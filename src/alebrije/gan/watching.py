"""The referee at work: looks between two steps, lowers what leaks, takes back numbers that went bad, writes down its words.

What it measures and the words it has are in `referee`.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from alebrije.core import checkpoint
from alebrije.core.files import atomic
from alebrije.core.fit import State
from alebrije.errors import Interrupted, NumericsError
from alebrije.events import Event, Warned
from alebrije.gan import record, referee, show
from alebrije.gan.data import shown
from alebrije.gan.game import Game, spoil

ROLLBACKS = 3  # how often numbers that went bad are taken back before the run gives up
CALMER = 0.5  # the learning rate after each, times what it was
REFEREE = "referee.json"


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
    extra["most_diverse"] = max(extra["most_diverse"], diversity)
    said = referee.judge(
        referee.Findings(diversity, heart, leaks), record.accuracy(record.latest(extra)), extra["augment"], extra["most_diverse"]
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
    game.calm = calm(game.folder)
    return f"the numbers are no longer finite: back to the newest checkpoint, on with {game.calm:g} of the learning rate"


def write_remarks(game: Game, state: State) -> Path:
    """Write what the referee said so far into the run folder."""
    values = {"remarks": state.extra["remarks"], "findings": state.extra.get("findings", {})}
    return _write(game.folder, {**_read(game.folder), **values})


def calm(folder: Path) -> float:
    """What the learning rates of a run are multiplied by, after what has gone bad in it."""
    return float(CALMER ** _rollbacks(folder))


def _rollbacks(folder: Path) -> int:
    return int(_read(folder).get("rollbacks", 0))


def _read(folder: Path) -> dict[str, Any]:
    path = folder / REFEREE
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return values


def _write(folder: Path, values: dict[str, Any]) -> Path:
    with atomic(folder / REFEREE, force=True) as temporary:
        temporary.write_text(json.dumps(values, indent=2), encoding="utf-8")
    return folder / REFEREE
