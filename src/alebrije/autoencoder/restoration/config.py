"""Settings of the restoration networks' training."""

from __future__ import annotations

from pydantic import Field

from alebrije.core.fit import TrainConfig


class RestoreConfig(TrainConfig):
    """What upscalers and denoiser have in common."""

    data: str | None = Field(None, description="A folder of good photographs or drawings; drawn creatures if not given.")
    start: str = Field("", description="A trained network to begin from: a run, a model.safetensors, or a shipped one's name.")
    batch_size: int = Field(16, gt=0, description="Patches per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Peak learning rate; it falls to a hundredth along a cosine.")
    warm_up: int = Field(300, ge=0, description="Steps in which the learning rate rises to its peak.")
    max_norm: float = Field(0.5, gt=0, description="Longer gradients are shortened to this norm.")
    square_from: float = Field(0.7, ge=0, le=1, description="Share of the steps after which the loss is the square error.")
    holdout: int = Field(8, ge=1, description="Pictures kept for validation.")
    smaller: float = Field(0.7, gt=0, le=1, description="Every picture is learned from at this scale too; 1: not.")
    log_every: int = Field(100, gt=0, description="Steps between rows of metrics.csv.")
    sample_every: int = Field(1000, gt=0, description="Steps between validations, each with a sample picture.")
    checkpoint_every: int = Field(1000, gt=0, description="Steps between checkpoints.")
    keep_checkpoints: int = Field(1, gt=0, description="How many checkpoints are kept.")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="Decay of the exponential moving average of the weights; 0: none.")


class UpscalerConfig(RestoreConfig):
    """Settings of `alebrije train restore/fast` and `restore/quality`."""

    scale: int = Field(2, ge=2, le=4, description="How many times larger: 2, 3 or 4.")
    width: int = Field(32, gt=0, description="Channels of each layer.")
    blocks: int = Field(10, gt=0, description="fast: layers between the first and the last; quality: blocks of three layers.")
    patch: int = Field(48, ge=16, description="Side of the low-resolution patches, in pixels.")


class DenoiserConfig(RestoreConfig):
    """Settings of `alebrije train restore/denoise`."""

    width: int = Field(48, gt=0, description="Channels at half the resolution; twice as many at a quarter.")
    outer: int = Field(2, gt=0, description="Blocks at half the resolution, before and after those at a quarter.")
    inner: int = Field(4, gt=0, description="Blocks at a quarter of the resolution.")
    deepest: int = Field(3, ge=0, description="Blocks at an eighth of the resolution; 0: none.")
    patch: int = Field(64, ge=16, multiple_of=8, description="Side of the patches, in pixels.")
    strongest: float = Field(55, gt=0, le=255, description="Strongest noise to learn, as standard deviation in levels of 255.")
    others: float = Field(0.25, ge=0, le=1, description="Share of the patches with Poisson noise or JPEG in place of Gaussian.")
    gray: float = Field(0.3, ge=0, le=1, description="Share of the patches that are grey.")
    known: float = Field(0.5, ge=0, le=1, description="Share of the patches whose noise level the network is told.")
