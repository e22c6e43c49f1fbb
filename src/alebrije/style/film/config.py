"""Settings of a stylised video beside those of a picture. Imports no torch: the command line reads this file."""

from __future__ import annotations

import re

from pydantic import Field, field_validator

from alebrije.config import Config


class VideoConfig(Config):
    """How the pictures of a video hang together."""

    temporal_weight: float = Field(
        200.0, ge=0, description="of a video: how strongly each frame holds on to the one before; 0: each as it comes"
    )
    later_steps: int | None = Field(
        None,
        ge=1,
        description="of a video: steps for each frame but a scene's first; a tenth of that one's, at least 12, if left out",
    )
    frames: str = Field(
        "",
        description="of a video: only these frames, counted from 1; either end may be left out",
        json_schema_extra={"metavar": "A:B"},
    )
    fps: float | None = Field(None, gt=0, le=240, description="of a video: leave out frames until there are so many a second")

    @field_validator("frames")
    @classmethod
    def _is_a_range(cls, text: str) -> str:
        match = re.fullmatch(r"\s*([0-9]{0,9})\s*:\s*([0-9]{0,9})\s*", text)
        if text and (match is None or int(match[1] or 1) < 1 or int(match[2] or 10**9) < int(match[1] or 1)):
            raise ValueError("write the first and the last frame, such as 1:48, 25: or :24")
        return text

    def chosen(self) -> tuple[int, int | None]:
        """The first frame and the last one, counted from 1; None: to the end."""
        first, _, last = self.frames.partition(":")
        return int(first or 1), int(last) if last.strip() else None
