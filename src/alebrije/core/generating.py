"""Settings of `alebrije generate`, the same for every family whose networks draw pictures out of latents."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from alebrije.config import ComputeConfig

PICTURES, AXES = 25, 9
OF_GANS = ("tags", "start", "mix", "mix_layer", "directions")  # settings that mean nothing to other families

Share = Annotated[float, Field(ge=0, le=1)]
Layer = Annotated[int, Field(ge=0)]


class GenerateConfig(ComputeConfig):
    """How many pictures, and which."""

    count: int | None = Field(None, ge=1, le=100_000, description="how many pictures; 25 if not given, 1 for --interpolate")
    truncation: float = Field(1.0, ge=0, le=1, description="below 1: likelier pictures, and less different ones")
    sampler: str | None = Field(None, description="what codes are drawn from; the likeliest for held-out codes if not given")
    interpolate: int | None = Field(None, ge=2, le=1000, description="a film through so many latents, and back to the first")
    walk: bool = Field(False, description="a film along the main directions of the latents, one for each picture")
    frames: int = Field(16, ge=1, le=1000, description="frames from one latent to the next")
    tags: dict[str, Share] | None = Field(
        None, description="of a GAN with tags: what pictures should have; shares from 0 to 1 mix",
        json_schema_extra={"metavar": "TAG[=SHARE],..."},
    )  # fmt: skip
    mix: str | None = Field(
        None, description="of gan/style: a sheet of coarse styles (rows) with fine ones (columns)",
        json_schema_extra={"metavar": "ROWSxCOLUMNS"},
    )  # fmt: skip
    mix_layer: tuple[Layer, ...] | None = Field(
        None, min_length=1, max_length=20, description="where --mix changes over; several if not given",
        json_schema_extra={"metavar": "N,..."},
    )  # fmt: skip
    directions: int | None = Field(
        None, ge=1, le=100, description="of a GAN: a sheet of so many principal directions, a row for each"
    )
    steps: int = Field(300, ge=1, le=100_000, description="steps of --project")
    start: str | None = Field(
        None, description="of a GAN: begin at a latent that --project or --directions has left",
        json_schema_extra={"metavar": "FILE.safetensors"},
    )  # fmt: skip

    @field_validator("tags", mode="before")
    @classmethod
    def _whole(cls, value: Any) -> Any:
        """A tag without a share has all of it."""
        if not isinstance(value, dict):
            return value
        return {name.strip(): "1" if share == "" else share for name, share in value.items()} or None

    @field_validator("mix")
    @classmethod
    def _rows_and_columns(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"([1-9]|1[0-9]|20)x([1-9]|1[0-9]|20)", value):
            raise ValueError("must be ROWSxCOLUMNS, 1 to 20 each, such as 4x6")
        return value
