"""Settings of `alebrije hybrid`. Imports no torch: the command line reads this file to build its help."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from alebrije.config import ComputeConfig

MIN_SIDE = 8  # pixels: below it there are no two bands to share out
SCREEN_WIDTH = 20.0  # centimetres
DPI = 300
MAX_PRINT = 100e6  # pixels; they take about 10 GB of memory on the way
POINT = re.compile(r"([^,]+),([^,]+)")

Points = tuple[tuple[float, ...], ...]


class HybridConfig(ComputeConfig):
    """How to cross two pictures into one, or three. What is not given is chosen by the planner."""

    low: Literal["auto", "first", "second"] = Field("auto", description="picture that is seen from afar")
    sigma_low: float | None = Field(
        None, gt=0, description="blur of the picture seen from afar, in pixels of the result",
        json_schema_extra={"metavar": "PX"})  # fmt: skip
    sigma_high: float | None = Field(
        None, gt=0, description="blur that is taken away from the picture seen from near, in pixels of the result",
        json_schema_extra={"metavar": "PX"})  # fmt: skip
    planner: str = Field(
        "observer", min_length=1, description="who chooses what is not given: observer (careful), planner (trained, fast), "
        "or a run of a hybrid recipe", json_schema_extra={"metavar": "observer|planner|RUN"})  # fmt: skip
    align: Literal["none", "auto"] = Field("none", description="lay the far picture over the near one, shape over shape")
    points: Points = Field(
        (), description="two or more places that belong together, in pixels of FIRST and of SECOND",
        json_schema_extra={"metavar": "X,Y:X,Y"})  # fmt: skip
    gray_high: bool = Field(
        False, description="take only the lightness of what is seen from near; all colour comes from the far picture")
    between: float | None = Field(
        None, gt=0, description="distance at which the middle picture is seen, in metres (halfway, in ratio, if not given)",
        json_schema_extra={"metavar": "M"})  # fmt: skip
    screen_width: float | None = Field(
        None, gt=0, description=f"width of the picture on the screen or wall, in centimetres ({SCREEN_WIDTH:g} if not given)",
        json_schema_extra={"metavar": "CM"})  # fmt: skip
    print_width: float | None = Field(
        None, gt=0, description="width on paper, in centimetres: the result gets the pixels that a print needs",
        json_schema_extra={"metavar": "CM"})  # fmt: skip
    dpi: int | None = Field(
        None, gt=0, le=10000, description=f"pixels per inch of the print ({DPI} if not given)",
        json_schema_extra={"metavar": "N"})  # fmt: skip
    near: float = Field(
        0.5, gt=0, description="distance of somebody near, in metres", json_schema_extra={"metavar": "M"})  # fmt: skip
    far: float = Field(
        6.0, gt=0, description="distance of somebody far, in metres", json_schema_extra={"metavar": "M"})  # fmt: skip
    previews: bool = Field(False, description="also write what is seen from each distance")
    frames: int = Field(
        0, ge=0, description="pictures of walking away and back to make", json_schema_extra={"cli": False})  # fmt: skip
    frame_side: int = Field(
        480, ge=16, description="longer side of these pictures, in pixels", json_schema_extra={"cli": False})  # fmt: skip
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="without effect here: a hybrid is always fp32")

    @property
    def width(self) -> float:
        """How wide the picture is shown or printed, in metres."""
        return (self.print_width or self.screen_width or SCREEN_WIDTH) / 100

    @property
    def middle_distance(self) -> float:
        """Where the middle one of three pictures is seen, in metres: as many steps from near as from far, if not given."""
        return self.between or math.sqrt(self.near * self.far)

    @property
    def print_dpi(self) -> int | None:
        """The resolution of the print; None if nothing is printed."""
        return (self.dpi or DPI) if self.print_width else None

    @property
    def print_pixels(self) -> int | None:
        """How many pixels wide the print is; None if nothing is printed."""
        return round(self.print_width / 2.54 * (self.dpi or DPI)) if self.print_width else None

    @field_validator("points", mode="before")
    @classmethod
    def _read_points(cls, value: Any) -> Points:
        """Rows of numbers, or texts ``X,Y:X,Y``: several in one, between spaces or semicolons, or one each."""
        if isinstance(value, str):
            value = [value]
        if not isinstance(value, Iterable):
            raise ValueError("write them as X,Y:X,Y")
        rows: list[tuple[float, ...]] = []
        for entry in value:
            rows += [_row(text) for text in re.split(r"[;\s]+", entry) if text] if isinstance(entry, str) else [tuple(entry)]
        return tuple(rows)

    @model_validator(mode="after")
    def _far_is_farther(self) -> Self:
        if self.far <= self.near:
            raise ValueError(f"far ({self.far:g} m) must be more than near ({self.near:g} m)")
        if self.between is not None and not self.near < self.between < self.far:
            raise ValueError(f"between ({self.between:g} m) must lie between near ({self.near:g} m) and far ({self.far:g} m)")
        return self

    @model_validator(mode="after")
    def _points_are_enough(self) -> Self:
        if not self.points:
            return self
        if self.align == "auto":
            raise ValueError("align auto and points are two ways to do the same: give one of them")
        if len(self.points) < 2:
            raise ValueError("one pair of points does not say how to turn and scale: give points of two or more places")
        lengths = {len(row) for row in self.points}
        if lengths not in ({4}, {6}):
            raise ValueError("write every place as X,Y:X,Y (FIRST's point, SECOND's; with a middle picture X,Y:X,Y:X,Y)")
        return self

    @model_validator(mode="after")
    def _print_is_a_print(self) -> Self:
        if self.print_width is None:
            if self.dpi is not None:
                raise ValueError("dpi is for prints: give print_width too, or leave it out")
            return self
        if self.screen_width is not None:
            raise ValueError("a picture is shown on a screen or printed: give screen_width or print_width, not both")
        if (self.print_pixels or 0) < MIN_SIDE:
            size = f"{self.print_width:g} cm at {self.print_dpi} dpi"
            raise ValueError(f"a print of {size} is {self.print_pixels} pixels wide and needs {MIN_SIDE}: make it larger")
        return self


def _row(text: str) -> tuple[float, ...]:
    numbers: list[float] = []
    for point in text.split(":"):
        match = POINT.fullmatch(point)
        try:
            numbers += [float(number) for number in match.groups()] if match else [float("nan")]
        except ValueError:
            numbers.append(math.nan)
    if len(numbers) < 4 or not all(map(math.isfinite, numbers)):
        raise ValueError(f"cannot read {text!r}: write a place as X,Y:X,Y, FIRST's point and SECOND's")
    return tuple(numbers)
