"""The settings of the reproduction, and what each network of the evolution is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, field_validator

from alebrije.config import ComputeConfig, build, read_recipe
from alebrije.gan import growing
from alebrije.gan.config import GanConfig, ProganConfig
from alebrije.gan.pace import staged
from alebrije.gan.run import KINDS

SIZES = (16, 32, 64, 128, 256)  # that ProGAN can end with
FIRST = 8  # pixels of its first stage
COMMON = 64  # pixels a side that all are judged at, so the least that data sets are packed with
CHECKPOINTS, OFTEN = 4, 500  # checkpoints a run, and the most steps between two


@dataclass(frozen=True, slots=True)
class Network:
    """A station of the evolution: the kind of its recipe, and what it is in a few words."""

    kind: str
    what: str


NETWORKS = {
    "dense": Network("dense", "dense discriminator, 48x48 grey"),
    "dcgan28": Network("dcgan28", "convolutions, 28x28 grey"),
    "dcgan48": Network("dcgan48", "convolutions, 48x48 grey"),
    "dcgan64": Network("dcgan64", "convolutions, 64x64 in colour"),
    "progan": Network("progan128", "grows stage by stage, in colour"),
}


class ComicganReproduction(ComputeConfig):
    """Settings of `alebrije reproduce comicgan`."""

    data: str | None = Field(None, description="the simple composition, such as faces; drawn faces if not given")
    photos: str | None = Field(None, description="a folder of photographs, to set against illustrations")
    pictures: int = Field(2048, ge=24, description="pictures of each composition, as many of each")
    minutes: float = Field(0, ge=0, description="how long each network learns; 0: as long as its recipe says, as in the thesis")
    steps: int = Field(0, ge=0, description="batches of each network in place of minutes; 0: the recipe's own")
    progan_size: int = Field(128, description="where ProGAN ends: 16, 32, 64, 128 or 256 pixels; it begins with 8")
    progan: Literal["progan128", "progan32"] = Field("progan128", description="ProGAN's recipe; progan32 is a laptop's")
    width: float = Field(1.0, gt=0, description="channels of all layers, times the recipe's own")
    progan_width: float = Field(0, ge=0, description="the same of ProGAN; 0: as for the others")
    batch_size: int = Field(0, ge=0, description="pictures per batch; 0: the recipe's own")
    contrast: str = Field("dcgan64", description=f"which network learns photographs too: {', '.join(NETWORKS)}")
    detector: str = Field("compact", description="what judges: compact, efficientnet-lite0, or a run of features/judge")
    judged: int = Field(2000, ge=20, description="made pictures that are judged, against at most as many real ones")
    watts: float = Field(0, ge=0, description="power for the estimate of energy; 0: what can be read here")
    samples: int = Field(20, gt=0, description="how many sheets of samples a run leaves, about")

    @field_validator("progan_size")
    @classmethod
    def _grows(cls, value: int) -> int:
        if value not in SIZES:
            raise ValueError("must be 16, 32, 64, 128 or 256: ProGAN doubles from 8 pixels on")
        return value

    @property
    def side(self) -> int:
        """Pixels a side of the pictures as they are packed."""
        return max(COMMON, self.progan_size)


# What a folder that was begun keeps to: other numbers beside these would not belong together.
KEPT = (
    "data", "photos", "pictures", "minutes", "steps", "progan_size", "progan", "width", "progan_width", "batch_size", "contrast",
    "samples", "seed",
)  # fmt: skip


def recipe(config: ComicganReproduction, name: str) -> str:
    """The recipe of a station."""
    return f"gan/{config.progan if name == 'progan' else NETWORKS[name].kind}"


def settings(config: ComicganReproduction, name: str, data: str | None = None) -> dict[str, Any]:
    """What a station's recipe is run with, but for its length."""
    values: dict[str, Any] = {**config.model_dump(include={"seed", "device", "precision"}), "data": data}
    width = config.progan_width or config.width if name == "progan" else config.width
    values["width"] = width * read_recipe(recipe(config, name)).get("width", 1.0)
    if config.batch_size:
        values["batch_size"] = config.batch_size
    if name == "progan":
        values |= {"size": str(config.progan_size), "stages": 1 + int(math.log2(config.progan_size / FIRST))}
    return values


def resolved(config: ComicganReproduction, name: str, data: str | None = None) -> GanConfig:
    """All settings of a station's network, its length the recipe's."""
    values = {key: value for key, value in read_recipe(recipe(config, name)).items() if key != "recipe"}
    model: type[GanConfig] = KINDS[NETWORKS[name].kind][1]
    return build(model, values | settings(config, name, data))


def with_steps(config: GanConfig, steps: int) -> GanConfig:
    """The settings with so many steps, shared equally by the stages of a network that grows."""
    if not isinstance(config, ProganConfig):
        return config.model_copy(update={"steps": steps, "epochs": 0})
    stage = max(1, steps // config.stages)
    return config.model_copy(update={**staged(config, stage), "steps": max(steps, config.stages)})


def length(config: GanConfig, samples: int) -> dict[str, Any]:
    """What of the settings says how long it takes, and how often something is kept on the way."""
    steps = config.steps
    found: dict[str, Any] = {"steps": steps}
    if isinstance(config, ProganConfig):
        steps = growing.steps(config)
        found = {"steps": steps, "stage_steps": config.stage_steps, "alpha_step": config.alpha_step}
    often = min(OFTEN, math.ceil(steps / CHECKPOINTS))
    return {**found, "sample_every": max(1, round(steps / samples)), "checkpoint_every": often, "keep_checkpoints": 2}
