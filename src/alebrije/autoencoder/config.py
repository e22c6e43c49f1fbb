"""Settings of the autoencoders."""

from __future__ import annotations

from pydantic import Field

from alebrije.core.fit import TrainConfig


class AutoencoderConfig(TrainConfig):
    """A convolutional autoencoder that may have to clean its input as well (a denoising one)."""

    data: str | None = Field(None, description="A folder of pictures; drawn creatures if not given.")
    batch_size: int = Field(32, gt=1, description="Pictures per step; batch normalisation needs two.")
    pictures: int = Field(1024, ge=8, description="How many creatures to draw where no data are given.")
    size: int = Field(64, ge=16, multiple_of=16, description="Side of the square pictures, in pixels.")
    latent_dim: int = Field(128, gt=0, description="Numbers that a picture is squeezed into.")
    width: int = Field(32, gt=0, description="Channels of the first layer; each of the next three has twice as many.")
    noise: float = Field(0.1, ge=0, le=1, description="Standard deviation of the Gaussian noise added to the input.")
    holdout: float = Field(0.125, gt=0, le=0.5, description="Share of the pictures kept for the test.")
