"""Settings of `alebrije denoise` and `alebrije upscale`. Imports no torch: the command line reads this file to build its help."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from alebrije.config import ComputeConfig

LEAST_TILE = 16  # pixels a side: smaller ones are all border


def _as_text(value: Any) -> Any:
    """Recipes and Python may give a number as the number it is."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


def _a_side(tile: str) -> str:
    if tile not in ("auto", "none") and not (tile.isdecimal() and int(tile) >= LEAST_TILE):
        raise ValueError(f"it is auto, none, or a number of pixels from {LEAST_TILE}")
    return tile


def _a_level(strength: str) -> str:
    if strength != "auto" and not (re.fullmatch(r"\d+(\.\d*)?|\.\d+", strength) and float(strength) <= 100):
        raise ValueError("it is auto or a number from 0 to 100")
    return strength


Own = Annotated[
    str | None,
    Field(
        description="a network of your own in place of the one that comes with Alebrije: a run, or its model.safetensors",
        json_schema_extra={"metavar": "RUN"},
    ),
]
Tile = Annotated[
    str,
    BeforeValidator(_as_text),
    AfterValidator(_a_side),
    Field(
        description="work in tiles of so many pixels a side; the result is the same for all; none: the whole picture at once",
        json_schema_extra={"metavar": "auto|none|PX"},
    ),
]


class CleanConfig(ComputeConfig):
    """How to take the noise out of a picture."""

    strength: Annotated[str, BeforeValidator(_as_text), AfterValidator(_a_level)] = Field(
        "auto",
        description="how strong the noise is, as standard deviation in levels of 255, 0 to 100; auto: the network sees to it",
        json_schema_extra={"metavar": "auto|X"},
    )
    network: Own = None
    tile: Tile = "auto"

    @property
    def level(self) -> float | None:
        """The strength in units of [0, 1]; None: not known."""
        return None if self.strength == "auto" else float(self.strength) / 255


class UpscaleConfig(ComputeConfig):
    """How to enlarge a picture."""

    scale: int | None = Field(None, ge=1, description="how many times larger: 2, 3 or 4; 2 if no size is given")
    size: Annotated[str | None, BeforeValidator(_as_text)] = Field(
        None,
        description="exact size of the result in place of a scale: WxH, or its longer side in pixels",
        json_schema_extra={"metavar": "WxH|PX"},
    )
    quality: Literal["fast", "best"] = Field(
        "fast", description="best: the mean over the picture turned and mirrored in eight ways, for eight times the time"
    )
    wrap: bool = Field(False, description="the picture is a seamless texture, whose right edge meets its left, and stays one")
    network: Own = None
    tile: Tile = "auto"
    corrections: int = Field(
        0, ge=0, le=20, description="how often the result is corrected to be the picture again when it is reduced; see the docs"
    )

    @model_validator(mode="after")
    def _scale_or_size(self) -> Self:
        if self.scale is not None and self.size is not None:
            raise ValueError("give a scale or a size, not both")
        return self
