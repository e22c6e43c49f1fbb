"""Settings of `alebrije hybrid`. Imports no torch: the command line reads this file to build its help."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from alebrije.config import ComputeConfig


class HybridConfig(ComputeConfig):
    """How to cross two pictures into one. What is not given is chosen by the planner."""

    low: Literal["auto", "first", "second"] = Field("auto", description="picture that is seen from afar")
    sigma_low: float | None = Field(
        None, gt=0, description="blur of the picture seen from afar, in pixels of the result",
        json_schema_extra={"metavar": "PX"})  # fmt: skip
    sigma_high: float | None = Field(
        None, gt=0, description="blur that is taken away from the picture seen from near, in pixels of the result",
        json_schema_extra={"metavar": "PX"})  # fmt: skip
    planner: Literal["observer"] = Field("observer", description="who chooses what is not given")
    screen_width: float = Field(
        20.0, gt=0, description="width of the picture on the screen or wall, in centimetres",
        json_schema_extra={"metavar": "CM"})  # fmt: skip
    near: float = Field(
        0.5, gt=0, description="distance of somebody near, in metres", json_schema_extra={"metavar": "M"})  # fmt: skip
    far: float = Field(
        6.0, gt=0, description="distance of somebody far, in metres", json_schema_extra={"metavar": "M"})  # fmt: skip
    previews: bool = Field(False, description="also write what is seen from near and from far")
    frames: int = Field(
        0, ge=0, description="pictures of walking away and back to make", json_schema_extra={"cli": False})  # fmt: skip
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="without effect here: a hybrid is always fp32")

    @model_validator(mode="after")
    def _far_is_farther(self) -> Self:
        if self.far <= self.near:
            raise ValueError(f"far ({self.far:g} m) must be more than near ({self.near:g} m)")
        return self
