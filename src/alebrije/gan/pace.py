"""How long the steps of a training take, and how many of them fill a given time."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from alebrije.gan import growing
from alebrije.gan.config import GanConfig, ProganConfig
from alebrije.gan.data import Pictures
from alebrije.gan.learning import make_step
from alebrije.gan.preparing import begin, prepare
from alebrije.runs import Run

LONG = 10**6  # steps of a stage while it is timed: more than any penalty's interval
EARLY_STAGES = 0.35  # of the time, for all stages of a growing network but the last
FADED_IN = 0.5  # of a stage, until it is faded in wholly


def pace(config: GanConfig, network: str, pictures: Pictures, times: int = 3) -> list[float]:
    """Seconds that a step takes, the median of `times`: a number for each stage, the coarsest first; networks that do not grow
    have one stage. Lazy penalties count by their share of the steps. Nothing of this training is kept."""
    if not isinstance(config, ProganConfig):
        return [_seconds(config, network, pictures, 0, times)]
    first, long = growing.first_stage(config), config.model_copy(update={"stage_steps": LONG, "steps": LONG * config.stages})
    return [_seconds(long, network, pictures, stage * LONG, times) for stage in range(config.stages - first)]


def _seconds(config: GanConfig, network: str, pictures: Pictures, begin_at: int, times: int) -> float:
    """Of a step of the stage that begins with step `begin_at`."""
    every = config.penalty_every
    with TemporaryDirectory() as place:
        game = prepare(config, Run.create(Path(place) / "run"), network, pictures)
        state = begin(game)
        step = make_step(game, lambda state: None)

        def timed(number: int) -> float:
            state.step = number
            began = time.perf_counter()
            step(state, next(state.batches))
            state.average()
            return time.perf_counter() - began

        timed(begin_at)
        due = begin_at + every - begin_at % every
        with_penalty = statistics.median(timed(due) for _ in range(times))
        if every == 1:
            return with_penalty
        without = statistics.median(timed(due + 1) for _ in range(times))
        return (with_penalty + (every - 1) * without) / every


def filled(config: GanConfig, seconds: float, paces: list[float]) -> GanConfig:
    """The settings with as many steps as fill the seconds; of a network that grows, `EARLY_STAGES` of them before the last stage,
    in equal numbers of steps, and each stage faded in after half of those."""
    if not isinstance(config, ProganConfig) or len(paces) == 1:
        return config.model_copy(update={"steps": max(1, round(seconds / paces[0])), "epochs": 0})
    early = max(2, round(EARLY_STAGES * seconds / sum(paces[:-1])))
    last = max(1, round((1 - EARLY_STAGES) * seconds / paces[-1]))
    return config.model_copy(update={**staged(config, early), "steps": early * (len(paces) - 1) + last})


def staged(config: ProganConfig, steps: int) -> dict[str, float]:
    """What of the settings makes stages of so many steps, each faded in wholly after the share `FADED_IN` of them."""
    return {"stage_steps": steps, "alpha_step": (1 - config.alpha_start) / (FADED_IN * steps)}
