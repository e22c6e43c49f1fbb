"""How long each network learns: found once and written down, so that a command that was stopped goes on with the same numbers.

OUT/plan.json: `asked` (the settings it belongs to), `networks` (name -> steps and the like, with the seconds a step took),
`timing` (name -> device -> seconds a step of the last stage takes), where there is a second device.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch

from alebrije.config import choose
from alebrije.core.files import atomic
from alebrije.core.precision import choose_device
from alebrije.errors import RunError
from alebrije.events import Event, Started
from alebrije.gan import growing, pace
from alebrije.gan.config import ProganConfig
from alebrije.gan.data import Pictures, read
from alebrije.gan.run import KINDS, check
from alebrije.reproductions.comicgan.settings import (
    KEPT,
    NETWORKS,
    ComicganReproduction,
    length,
    resolved,
    with_steps,
)

TIMES = 5  # steps that are timed on each device
Plan = dict[str, Any]


def checked(config: ComicganReproduction, folder: Path) -> None:
    """Raise `ConfigError` for settings that no network can have, `RunError` for a folder that was begun with others."""
    choose("contrast", config.contrast, NETWORKS)
    choose_device(config.device)
    for name, network in NETWORKS.items():
        check(resolved(config, name), KINDS[network.kind][0])
    before = load(folder).get("asked", {})
    for key in KEPT:
        if key in before and before[key] != getattr(config, key):
            raise RunError(f"{folder} was begun with {key} {before[key]}: for {getattr(config, key)} choose another -o")


def begun(config: ComicganReproduction, folder: Path) -> None:
    """Write down what the folder belongs to, before anything else is in it."""
    if not load(folder):
        _write(folder, {"asked": config.model_dump(include=set(KEPT)), "networks": {}, "timing": {}})


def load(folder: Path) -> Plan:
    """What was written down; empty where nothing was."""
    path = folder / "plan.json"
    found: Plan = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def made(config: ComicganReproduction, folder: Path, data: str) -> Generator[Event, None, Plan]:
    """Find out how many steps each network takes in the time that is given, on the pictures `data`; what is known is kept."""
    plan = load(folder)
    for name, network in NETWORKS.items():
        kind = KINDS[network.kind][0]
        if name in plan["networks"]:
            continue
        chosen = resolved(config, name, data)
        if config.steps:
            plan["networks"][name] = length(with_steps(chosen, config.steps), config.samples)
        elif config.minutes:
            pictures = yield from read(chosen)
            yield Started(f"timing {name}")
            paces = pace.pace(chosen, kind, pictures)
            filled = pace.filled(chosen, 60 * config.minutes, paces)
            plan["networks"][name] = length(filled, config.samples) | {"paces": paces}
        else:
            plan["networks"][name] = length(chosen, config.samples)
        _write(folder, plan)
    if (other := accelerator(config)) and not plan["timing"]:
        for name, network in NETWORKS.items():
            pictures = yield from read(resolved(config, name, data))
            yield Started(f"timing {name} on cpu and {other}")
            plan["timing"][name] = timed(config, name, KINDS[network.kind][0], pictures, other)
        _write(folder, plan)
    return plan


def accelerator(config: ComicganReproduction) -> str:
    """The device beside the processor, or nothing where there is none or the processor was asked for."""
    return "" if config.device == "cpu" else next((name for name in ("cuda", "mps") if _there(name)), "")


def _there(name: str) -> bool:
    return torch.cuda.is_available() if name == "cuda" else torch.backends.mps.is_available()


def timed(config: ComicganReproduction, name: str, kind: str, pictures: Pictures, other: str) -> dict[str, float]:
    """Seconds that a step takes on each device, the median of `TIMES`; of a network that grows, one of the last stage."""
    base = resolved(config, name)
    return {
        device: pace.pace(base.model_copy(update={"device": device}), kind, pictures, TIMES)[-1] for device in ("cpu", other)
    }


def train_settings(plan: Plan, name: str) -> dict[str, Any]:
    """What the plan adds to a network's settings."""
    return {key: value for key, value in plan["networks"][name].items() if key != "paces"}


def stage_heights(config: ComicganReproduction) -> list[int]:
    """The sizes that ProGAN goes through."""
    progan = resolved(config, "progan")
    assert isinstance(progan, ProganConfig)
    return growing.heights(progan)


def _write(folder: Path, plan: Plan) -> None:
    with atomic(folder / "plan.json", force=True) as temporary:
        temporary.write_text(json.dumps(plan, indent=1), encoding="utf-8")
