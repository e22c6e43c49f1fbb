"""How long a stylisation will take and how much memory it needs, said before it is too late."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch

from alebrije.features import Extractor
from alebrije.style.config import Scale

LONG = 60.0  # seconds: shorter work needs no forecast
PROBE = 64  # pixels a side of the picture with which the network is measured
HELD = 1.6  # bytes held at the peak per byte of all stages' outputs: they, and the gradients on their way back
PICTURES = {"lbfgs": 30, "adam": 12}  # pictures in float32 that the work keeps beside the network


def seconds_left(seconds: float, stage: int, step: int, plan: Sequence[Scale]) -> float:
    """The time to go when a step takes `seconds` and `step` steps of this `stage` (from 0) of the plan are done: a step's time
    grows with the number of pixels."""
    steps = [(scale.steps - (step if number == stage else 0)) * scale.fraction**2 for number, scale in enumerate(plan)]
    return seconds * sum(steps[stage:]) / plan[stage].fraction ** 2


def bytes_needed(extractor: Extractor, pixels: int, optimizer: str) -> int:
    """About how many bytes the work holds at once for a picture of so many pixels, with a loss as frugal as Gram's."""
    with torch.no_grad():
        x = extractor.normalize(torch.zeros(1, 3, PROBE, PROBE, device=extractor.mean.device))
        total = 0
        for stage in extractor.stages.values():
            x = stage(x)
            total += x.numel() * x.element_size()
    return round(pixels * (HELD * total / PROBE**2 + 3 * 4 * PICTURES[optimizer]))


def bytes_free(device: torch.device) -> int | None:
    """The memory that can still be had on the device, or None where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    if device.type != "cpu":
        return None
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        names = ("SC_AVPHYS_PAGES", "SC_PAGE_SIZE")
        return os.sysconf(names[0]) * os.sysconf(names[1]) if set(names) <= set(getattr(os, "sysconf_names", ())) else None


def memory_notice(needed: int, free: int | None, named: str) -> str | None:
    """A sentence for the user if the memory will not do for a picture `named` by its size."""
    if free is None or needed <= free:
        return None
    needs, has = f"{needed / 1e9:.1f} GB", f"{free / 1e9:.1f} GB"
    return f"{named} pixels need about {needs} of memory and {has} are free: a smaller --size is safer"


def time_notice(seconds: float, needed: int, named: str) -> str | None:
    """A sentence for the user if the work will take long."""
    if seconds < LONG:
        return None
    minutes = f"{seconds / 60:.0f} minutes" if seconds >= 90 else "a minute"
    return f"about {minutes} to go at {named} pixels, with about {needed / 1e9:.1f} GB of memory"
