"""Settings of `alebrije generate`, the same for every family whose networks draw pictures out of latents."""

from __future__ import annotations

from pydantic import Field

from alebrije.config import ComputeConfig

PICTURES, AXES = 25, 9


class GenerateConfig(ComputeConfig):
    """How many pictures, and which."""

    count: int | None = Field(None, ge=1, le=100_000, description="how many pictures; 25 if not given, 1 for --interpolate")
    truncation: float = Field(1.0, ge=0, le=1, description="below 1: likelier pictures, and less different ones")
    sampler: str | None = Field(None, description="what codes are drawn from; the likeliest for held-out codes if not given")
    interpolate: int | None = Field(None, ge=2, le=1000, description="a film through so many latents, and back to the first")
    walk: bool = Field(False, description="a film along the main directions of the latents, one for each picture")
    frames: int = Field(16, ge=1, le=1000, description="frames from one latent to the next")
