"""Settings of `alebrije train restore/mine`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from alebrije.autoencoder.restoration.config import RestoreConfig

STRONGEST = 100.0


class MineConfig(RestoreConfig):
    """A shipped network, taught further on the user's own pictures."""

    data: str | None = Field(None, description="A folder of your pictures, with folders in it or not.")
    task: Literal["upscale", "denoise"] = Field("upscale", description="What to learn.")
    scale: int = Field(2, ge=2, le=4, description="upscale: how many times larger, 2, 3 or 4.")
    start: str = Field("", description="Another network to begin from: a run, or a model.safetensors.")
    strength: Annotated[str, BeforeValidator(str)] = Field(
        "auto", description="Noise to learn, as standard deviation in levels of 255; auto: as it is in your pictures."
    )
    pictures: int = Field(200, gt=0, description="How many pictures are taken at most, at random.")
    holdout: int = Field(12, ge=1, description="Pictures kept for the test, at most half of them, at random.")
    patch: int = Field(48, ge=16, multiple_of=4, description="Side of the patches that go in, in pixels.")
    plain_share: float = Field(0.25, ge=0, le=1, description="Share of the patches made as the shipped network's were.")
    steps: int = Field(600, gt=0, description="Number of optimisation steps.")
    learning_rate: float = Field(2e-4, gt=0, description="Peak learning rate; it falls to a hundredth along a cosine.")
    warm_up: int = Field(30, ge=0, description="Steps in which the learning rate rises to its peak.")
    log_every: int = Field(20, gt=0, description="Steps between rows of metrics.csv.")
    sample_every: int = Field(200, gt=0, description="Steps between sample pictures.")
    checkpoint_every: int = Field(200, gt=0, description="Steps between checkpoints.")
    ema_decay: float = Field(0.99, ge=0, lt=1, description="Decay of the exponential moving average of the weights; 0: none.")

    @property
    def at_least(self) -> int:
        """Pixels that a picture's sides must have, so that a patch of the reduced one is left; noisy pictures are halved."""
        return self.patch * (self.scale if self.task == "upscale" else 2)

    @model_validator(mode="after")
    def _strength_is_a_level(self) -> Self:
        try:
            right = self.strength == "auto" or 0 <= float(self.strength) <= STRONGEST
        except ValueError:
            right = False
        if not right:
            raise ValueError(f"strength is auto or a number from 0 to {STRONGEST:g}, not {self.strength!r}")
        return self
