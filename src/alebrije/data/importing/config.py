"""The settings of an import."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from alebrije.config import Config

BarKind = Literal["horizontal", "vertical", "frame"]
LARGEST = 4096


class ImportConfig(Config):
    """How pictures become a data set."""

    size: str = Field(
        "64", description="size of the packed pictures: N for squares, or WxH", json_schema_extra={"metavar": "N|WxH"}
    )
    fit: Literal["pad", "stretch", "crop"] = Field(
        "crop", description="how a picture of other proportions is brought to the size"
    )
    fill: Literal["auto", "white", "black"] = Field(
        "auto", description="what --fit pad puts around a picture; auto: the colour of its edge if that is even, or white"
    )
    gray: bool = Field(False, description="pack grey pictures instead of coloured ones")
    tags: str | None = Field(
        None, description='which pictures to take, such as "1girl solo -text (full_body or upper_body)"',
        json_schema_extra={"metavar": "EXPRESSION"},
    )  # fmt: skip
    bars: Literal["keep", "drop", "crop"] = Field("keep", description="what becomes of pictures with black bars")
    bar_kinds: tuple[BarKind, ...] = Field(
        ("horizontal", "vertical", "frame"), min_length=1, json_schema_extra={"metavar": "KIND,KIND"},
        description="which bars to look for: horizontal, vertical, frame, with commas between them; all if not given",
    )  # fmt: skip
    smaller: Literal["keep", "drop"] = Field("keep", description="what becomes of pictures smaller than --size")

    @field_validator("size")
    @classmethod
    def _readable(cls, text: str) -> str:
        match = re.fullmatch(r"\s*([0-9]{1,5})(?:\s*[xX×]\s*([0-9]{1,5}))?\s*", text)
        if match is None or not all(1 <= int(side) <= LARGEST for side in match.groups() if side is not None):
            raise ValueError(f"write 64 for squares, or 96x128 for width x height, up to {LARGEST}")
        return "x".join(str(int(side)) for side in match.groups() if side is not None)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        width, _, height = self.size.partition("x")
        return int(height or width), int(width)
