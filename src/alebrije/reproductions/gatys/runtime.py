"""Seconds a step by ratio and by pooling: does it matter to the time what is painted?"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from alebrije.events import Done, Events, Started, Step
from alebrije.reproductions.gatys.painting import Sitting, begin, objective
from alebrije.reproductions.gatys.plan import Descent
from alebrije.runs import processor_name
from alebrije.style.optimize import LBFGS, descend

WARM_UP = 3  # steps that do not count
CLOCKS: dict[str, Callable[[], float]] = {"wall": time.perf_counter, "processor": time.process_time}
POOLINGS = {"max": "maximum", "avg": "average"}


def runtimes(sitting: Sitting, config: Any) -> Events:
    """Time `config.timed_steps` steps for each ratio and pooling, `config.repetitions` times, by turns, so that whatever else the
    machine does hits all alike. Ends with `Done` of the machine and, for each, the median, least and largest seconds a step by
    the clock, and the same of the processor's time (of all threads together), which a busy machine hardly changes.
    """
    cases = [Descent(ratio=ratio, pooling=kind, init=config.init) for ratio, kind in itertools.product(config.ratios, POOLINGS)]
    evaluate = [objective(sitting, case) for case in cases]
    found: list[dict[str, list[float]]] = [{clock: [] for clock in CLOCKS} for _ in cases]
    total = config.repetitions * len(cases)
    yield Started("timing", total)
    for repetition in range(config.repetitions):
        for number, case in enumerate(cases):
            positions = descend(evaluate[number], begin(sitting, case), LBFGS(), WARM_UP + config.timed_steps)
            for _ in range(WARM_UP):
                next(positions)
            began = {name: clock() for name, clock in CLOCKS.items()}
            for _ in positions:
                pass
            for name, clock in CLOCKS.items():
                found[number][name].append((clock() - began[name]) / config.timed_steps)
            yield Step(repetition * len(cases) + number + 1, total)
    yield Done({
        "machine": {"processor": processor_name(), "threads": torch.get_num_threads(), "device": str(sitting.content.device)},
        "network": config.features,
        "size": [sitting.content.shape[-1], sitting.content.shape[-2]],
        "timed_steps": config.timed_steps,
        "repetitions": config.repetitions,
        "cases": [
            {"ratio": case.ratio, "pooling": case.pooling, **{name: _spread(seconds) for name, seconds in times.items()}}
            for case, times in zip(cases, found, strict=True)
        ],
    })  # fmt: skip


def _spread(seconds: Sequence[float]) -> dict[str, float]:
    return {"median": statistics.median(seconds), "least": min(seconds), "largest": max(seconds)}


def table(times: Mapping[str, Any]) -> str:
    """The runtimes as Markdown: one row for each ratio and pooling, by the clock and by the processor."""
    lines = ["| alpha/beta | pooling | ms a step, by the clock | ms a step, of the processor |", "|---|---|---|---|"]
    for case in times["cases"]:
        cells = [_cell(case[name]) for name in CLOCKS]
        lines.append(f"| {case['ratio']:g} | {POOLINGS[case['pooling']]} | {' | '.join(cells)} |")
    machine = times["machine"]
    width, height = times["size"]
    lines += ["", f"{times['network']} at {width}x{height} on {machine['processor']}, threads: {machine['threads']}, "
              f"{machine['device']}: medians [least, largest] of {times['repetitions']} times {times['timed_steps']} steps, "
              "interleaved."]  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(spread: Mapping[str, float]) -> str:
    return f"{1000 * spread['median']:.0f} [{1000 * spread['least']:.0f}, {1000 * spread['largest']:.0f}]"
