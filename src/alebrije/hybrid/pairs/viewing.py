"""How hybrids are looked at, as settings for what makes or labels pairs. Imports no torch: the command line reads this file."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from alebrije.config import Config
from alebrije.hybrid.config import SCREEN_WIDTH, HybridConfig

_USUAL = HybridConfig()  # one place says what is usual


class ViewingConfig(Config):
    """Width of the picture and the distances of the two eyes. The defaults are those of `alebrije hybrid`."""

    screen_width: float = Field(
        SCREEN_WIDTH, gt=0, description="width of the picture on the screen or wall, in centimetres",
        json_schema_extra={"metavar": "CM"})  # fmt: skip
    near: float = Field(
        _USUAL.near, gt=0, description="distance of somebody near, in metres", json_schema_extra={"metavar": "M"})  # fmt: skip
    far: float = Field(
        _USUAL.far, gt=0, description="distance of somebody far, in metres", json_schema_extra={"metavar": "M"})  # fmt: skip

    @model_validator(mode="after")
    def _far_is_farther(self) -> Self:
        if self.far <= self.near:
            raise ValueError(f"far ({self.far:g} m) must be more than near ({self.near:g} m)")
        return self


class MakePairsConfig(ViewingConfig):
    """How to make pairs of any pictures."""

    count: int = Field(
        100, ge=1, le=1_000_000, description="pairs to make", json_schema_extra={"metavar": "N", "cli": False})  # fmt: skip
    size: int = Field(256, ge=8, le=4096, description="side of the squares, in pixels", json_schema_extra={"metavar": "PX"})
    neighbours: int = Field(12, ge=1, description="most alike pictures that a picture's partners are taken from")
    format: Literal["png", "jpg"] = Field("png", description="kind of the picture files")
    labels: bool = Field(True, description="label each pair by the observer")
    seed: int = Field(0, ge=0, lt=2**63, description="which pairs: the same seed makes the same ones")
