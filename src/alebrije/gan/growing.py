"""The timetable of networks that grow: which stage a step is in, and how far it is faded in."""

from __future__ import annotations

from dataclasses import dataclass

from alebrije.errors import ConfigError
from alebrije.gan.config import ProganConfig


@dataclass(frozen=True, slots=True)
class Place:
    """A step's stage (0 is the coarsest), how far generator and discriminator are faded in, whether the stage begins or ends
    with it."""

    stage: int
    alpha: float
    discriminator_alpha: float
    begins: bool
    ends: bool


def heights(config: ProganConfig) -> list[int]:
    """The height of the pictures in each stage."""
    return [config.height_width[0] // 2**place for place in range(config.stages)][::-1]


def size_at(config: ProganConfig, stage: int, size: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the pictures in a stage, if those of the last one have this `size`."""
    factor = 2 ** (config.stages - 1 - stage)
    return size[0] // factor, size[1] // factor


def first_stage(config: ProganConfig) -> int:
    """The stage that `first_stage` names by its height. Raises `ConfigError` if there is none, or nothing it could begin with."""
    if not config.first_stage:
        return 0
    known = heights(config)
    if config.first_stage not in known:
        raise ConfigError(f"first_stage is a height of {', '.join(map(str, known))} pixels, got {config.first_stage}")
    if config.first_stage != known[0] and not config.start:
        raise ConfigError(f"a run that begins with {config.first_stage} pixels needs the stage before it: --set start=RUN")
    return known.index(config.first_stage)


def steps(config: ProganConfig) -> int:
    """All steps of a run."""
    return config.steps or config.stage_steps * (config.stages - first_stage(config))


def place(config: ProganConfig, step: int) -> Place:
    """Where step 0, 1, ... is. The generator's alpha goes from `alpha_start` up by `alpha_step` a batch, as in the thesis."""
    first = first_stage(config)
    stage = min(config.stages - 1, first + step // config.stage_steps)
    within = step - (stage - first) * config.stage_steps
    alpha = min(1.0, config.alpha_start + config.alpha_step * within) if stage else 1.0
    last = within == config.stage_steps - 1 or step == steps(config) - 1
    return Place(stage, alpha, alpha if config.fade_discriminator else 1.0, within == 0, last)
