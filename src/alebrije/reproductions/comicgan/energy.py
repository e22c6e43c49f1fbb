"""Energy, estimated: power over time, from what can be read of it while a network learns.

OUT/energy.json: run -> seconds that were watched, joules, and what they are of. A run that was killed has lost what was not yet
written; its energy is the mean power of what was watched, times the time of the whole run.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from alebrije.core.files import atomic
from alebrije.errors import Interrupted
from alebrije.events import Event, Events

CORE = 15.0  # watts of a busy core, where nothing can be read
EVERY = 2.0  # seconds between two readings
JOULES = 3600.0  # of a watt-hour
RAPL = Path("/sys/class/powercap")
SMI = ("nvidia-smi", "--query-gpu=power.draw", "--format=csv,noheader,nounits")


@dataclass(frozen=True, slots=True)
class Meter:
    """`words`: what is measured or assumed; `joules(seconds)`: the energy of the seconds since it was asked last."""

    words: str
    joules: Callable[[float], float]


def open_meter(watts: float, device: str) -> Meter:
    """What there is to estimate energy with: the power that is given; that of the GPU, if it is one that tells; the processor's
    own counter; or an assumption."""
    if watts:
        return Meter(f"{watts:g} W, as given, times the time", lambda seconds: watts * seconds)
    if device == "cuda" and (power := _gpu()):
        read = _steady(power)
        return Meter(f"power of the GPU alone, read every {EVERY:g} s, times the time", lambda seconds: read() * seconds)
    if device == "cpu" and (counters := _counters(RAPL)):
        return Meter("the processor's own counter (RAPL, all that runs on it)", _counted(counters))
    cores = torch.get_num_threads()
    assumed = CORE * cores
    words = f"assumed: {CORE:g} W for each of {cores} cores, times the time, for nothing can be read here"
    if device != "cpu":
        words += f"; what the {device} device takes is not in it (give --set watts)"
    return Meter(words, lambda seconds: assumed * seconds)


def _gpu() -> Callable[[], float] | None:
    """A function that reads the watts of the GPU, through NVML or nvidia-smi; None if neither is there."""

    def nvml() -> float:
        return float(torch.cuda.power_draw()) / 1000

    def smi() -> float:
        return float(subprocess.run(SMI, capture_output=True, text=True, check=True, timeout=5).stdout.split()[0])

    for read in (nvml, smi):
        with contextlib.suppress(Exception):  # whatever is missing there: a package, a driver, a program
            if read() > 0:
                return read
    return None


def _steady(read: Callable[[], float]) -> Callable[[], float]:
    """The same readings; where one fails the one before counts again: an estimate is no reason to end a training."""
    watts = read()

    def steady() -> float:
        nonlocal watts
        with contextlib.suppress(Exception):  # a driver that answers late, a program that was taken away
            watts = read()
        return watts

    return steady


def _counters(folder: Path) -> list[Path]:
    """The energy counters of whole processors that may be read."""
    found = [path / "energy_uj" for path in sorted(folder.glob("intel-rapl:*")) if path.name.count(":") == 1]
    return [path for path in found if _micro(path) is not None]


def _micro(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def _counted(counters: list[Path]) -> Callable[[float], float]:
    """Joules by the counters, which begin again at 0 beyond their range."""
    before = [_micro(path) or 0 for path in counters]

    def joules(seconds: float) -> float:
        total = 0
        for place, path in enumerate(counters):
            now = _micro(path)
            if now is not None:
                range_ = _micro(path.with_name("max_energy_range_uj")) or 0
                total += now - before[place] + (range_ if now < before[place] else 0)
                before[place] = now
        return max(0, total) / 1e6

    return joules


def watched(events: Events, meter: Meter, folder: Path, run: str) -> Generator[Event, None, None]:
    """Pass events on while the meter is read; what it came to is added to energy.json in the end, however that came."""
    meter.joules(0.0)  # what was before is not this run's
    began = last = time.monotonic()
    joules = 0.0
    waiting: Event | None = None
    try:
        while True:
            event = waiting or next(events)
            waiting = None
            now = time.monotonic()
            if now - last >= EVERY:
                joules, last = joules + meter.joules(now - last), now
            try:
                yield event
            except Interrupted as stop:
                waiting = events.throw(stop)
    except StopIteration:
        return
    finally:
        events.close()
        now = time.monotonic()
        _add(folder, run, now - began, joules + meter.joules(now - last), meter.words)


def _add(folder: Path, run: str, seconds: float, joules: float, words: str) -> None:
    known = load(folder)
    before = known.get(run, {"seconds": 0.0, "joules": 0.0})
    entry = {"seconds": before["seconds"] + seconds, "joules": before["joules"] + joules, "of": words}
    with atomic(folder / "energy.json", force=True) as temporary:
        temporary.write_text(json.dumps({**known, run: entry}, indent=1), encoding="utf-8")


def load(folder: Path) -> dict[str, dict[str, Any]]:
    """What was written down; empty where nothing was."""
    path = folder / "energy.json"
    found: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return found


def watt_hours(entry: Mapping[str, Any], seconds: float) -> float:
    """Watt-hours of a run of so many seconds at the mean power that was watched."""
    return float(entry["joules"] / max(entry["seconds"], 1e-9) * seconds / JOULES)
