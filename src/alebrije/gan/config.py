"""Settings of the GANs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from alebrije.core.fit import TrainConfig
from alebrije.core.pictures.geometry import parse_size
from alebrije.errors import ConfigError

PROGAN_CHANNELS = (256, 256, 128, 64)  # the thesis'
R3_CHANNELS = (256, 256, 256, 192, 128, 96, 64)
Channels = Annotated[tuple[Annotated[int, Field(gt=0)], ...], Field(min_length=1)]
MOST_RELABELLED = 0.1
MOST_AUGMENTED = 0.8


class PicturesConfig(TrainConfig):
    """What is learned from, how long, and how wide the networks are: GANs have it, and the tagger."""

    data: str | None = Field(None, description="A folder of pictures, a DATASET, or a name such as mnist; none: creatures.")
    pictures: int = Field(2048, ge=1, description="How many creatures to draw where no data are given.")
    changed_data: str = Field("", description="Go on although the data have changed: the mark of the new ones.")
    size: str = Field("64", description="Size of the pictures in pixels: one side of a square, or WxH.")
    gray: bool = Field(False, description="Grey pictures in place of coloured ones.")
    fit: Literal["crop", "pad", "stretch"] = Field("crop", description="How pictures of other proportions are fitted.")
    filter: str = Field("", description="Which pictures to take, by their tags, such as \"solo full_body -text\"; empty: all.")
    flips: bool = Field(False, description="Show every other picture mirrored.")
    hold_out: float = Field(0.05, ge=0, le=0.5, description="Share of the pictures that the discriminator never sees.")
    tags: tuple[str, ...] = Field((), description="Tags that steer the pictures; gan/r3 and gan/style can be steered.")

    steps: int = Field(20_000, ge=0, description="Batches of the discriminator; 0: what the epochs come to.")
    epochs: int = Field(0, ge=0, description="How often all pictures are seen; 0: what the steps come to.")
    batch_size: int = Field(128, gt=1, description="Pictures per batch.")
    learning_rate: float = Field(2e-4, gt=0, description="Learning rate.")
    width: float = Field(1.0, gt=0, description="Channels of all layers, times the recipe's own.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout in the discriminator.")
    batch_norm: bool = Field(True, description="Batch norm in the discriminator (dcgan).")

    @field_validator("size", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("size")
    @classmethod
    def _readable(cls, value: str) -> str:
        try:
            parse_size(value)
        except ConfigError as error:
            raise ValueError("must be one side in pixels, such as 64, or WxH, such as 128x96") from error
        return value

    @property
    def height_width(self) -> tuple[int, int]:
        """The size as (height, width)."""
        size = parse_size(self.size)
        return (size, size) if isinstance(size, int) else size


class GanConfig(PicturesConfig):
    """What every GAN here has: data, loss, balance, augmentation. Defaults are the thesis' where it states any."""

    batches: str = Field("shuffled", description="How batches are made: order, single, shuffled or stochastic.")
    beta1: float = Field(0.5, ge=0, lt=1, description="Adam's first decay.")
    beta2: float = Field(0.999, ge=0, lt=1, description="Adam's second decay.")
    log_every: int = Field(1, gt=0, description="Steps between rows of metrics.csv.")

    latent_dim: int = Field(100, gt=0, description="Numbers that a picture is drawn from.")
    spectral_norm: bool = Field(False, description="Divide the discriminator's weights by their largest singular value.")
    start_discriminator: str | None = Field(None, description="A run of gan/tagger that the discriminator begins with (dcgan).")

    loss: str = Field("bce", description="bce, wgan-gp, hinge or relativistic.")
    gp_weight: float | None = Field(None, ge=0, description="Gradient penalty between real and generated; none: the loss's own.")
    r1_weight: float | None = Field(None, ge=0, description="Gradient penalty on real pictures; none: the loss's own.")
    r2_weight: float | None = Field(None, ge=0, description="Gradient penalty on generated pictures; none: the loss's own.")
    penalty_every: int = Field(1, gt=0, description="Steps between penalties, which weigh as many times more (lazy).")

    generator_steps: int = Field(1, gt=0, description="Batches of the generator for one of the discriminator.")
    shared: bool = Field(True, description="Judge generated pictures once for both networks; off: the discriminator moves first.")
    max_share: float = Field(
        0.0, ge=0, le=MOST_RELABELLED, description="Most generated pictures called real, where the discriminator is always right."
    )
    augment: str = Field("none", description="What the discriminator sees is spoiled: none, diff or ada.")
    augment_policy: str = Field("color,translation,cutout", description="What diff does, of color, translation, cutout.")
    augment_probability: float = Field(
        MOST_AUGMENTED, ge=0, le=MOST_AUGMENTED, description="Share that is spoiled (diff), or the most it may become (ada)."
    )
    ada_target: float = Field(0.6, gt=0, lt=1, description="Share of real pictures that the discriminator may be sure of (ada).")
    ada_pictures: float = Field(500_000, gt=0, description="Pictures in which ada would go from 0 to 1.")

    @field_validator("start_discriminator", mode="before")
    @classmethod
    def _as_name(cls, value: Any) -> Any:
        return str(value) if isinstance(value, Path) else value


class TaggerConfig(PicturesConfig):
    """Settings of `gan/tagger`."""

    tags: tuple[str, ...] = Field((), description="Tags to learn; none: the most telling ones are chosen.")
    count: int = Field(5, ge=1, description="How many tags are chosen: 3, 5 and 7 are the thesis'.")
    balanced: bool = Field(True, description="The rarer answer to a rare tag weighs more, so that it is learned at all.")
    hold_out: float = Field(0.2, gt=0, le=0.5, description="Share of the pictures that are kept to test by.")
    steps: int = Field(2000, ge=0, description="Batches; 0: what the epochs come to.")
    learning_rate: float = Field(5e-4, gt=0, description="Learning rate.")
    dropout: float = Field(0.5, ge=0, lt=1, description="Dropout after each convolution.")
    batch_norm: bool = Field(True, description="Batch norm in all convolutions but the first.")
    log_every: int = Field(1, gt=0, description="Steps between rows of metrics.csv.")
    sample_every: int = Field(100, gt=0, description="Steps between tests on the pictures that are kept.")


class ProganConfig(GanConfig):
    """Settings of `gan/progan128` and `gan/progan160`."""

    size: str = Field("128", description="Size of the last stage in pixels: one side of a square, or WxH.")
    steps: int = Field(0, ge=0, description="Batches of the discriminator in all; 0: stage_steps for each stage.")
    epochs: int = Field(0, ge=0, le=0, description="Not used here: stage_steps says how long a stage takes.")
    channels: Channels = Field(PROGAN_CHANNELS, description="Filters of each stage, the coarsest first; the last for more.")
    stages: int = Field(5, gt=0, description="How many sizes, each twice the one before.")
    stage_steps: int = Field(20_000, gt=0, description="Batches of the discriminator in each stage.")
    scaling: str = Field("he", description="he (weights scaled at run time) or max-norm (filters kept short).")
    alpha_start: float = Field(0.2, ge=0, le=1, description="How far a new stage of the generator is faded in at first.")
    alpha_step: float = Field(0.00008, gt=0, description="How much farther with each batch.")
    fade_discriminator: bool = Field(False, description="Fade in the discriminator as well, as the paper does.")
    start: str | None = Field(None, description="A run to take the stage before `first_stage` from.")
    first_stage: int = Field(0, ge=0, description="Height in pixels of the stage to begin with; 0: the first.")
    dropout: float = Field(0.0, ge=0, le=0, description="Not used here.")


class R3Config(GanConfig):
    """Settings of `gan/r3`."""

    loss: str = Field("relativistic", description="bce, wgan-gp, hinge or relativistic.")
    latent_dim: int = Field(64, gt=0, description="Numbers that a picture is drawn from.")
    beta1: float = Field(0.0, ge=0, lt=1, description="Adam's first decay.")
    beta2: float = Field(0.99, ge=0, lt=1, description="Adam's second decay.")
    channels: Channels = Field(R3_CHANNELS, description="Of each stage, the coarsest first; the last for more.")
    blocks: int = Field(2, gt=0, description="Residual blocks per stage.")
    expansion: int = Field(2, gt=0, description="Channels inside a block, times those outside.")
    group: int = Field(16, ge=0, description="Channels in a group of a block's 3x3 convolution; 0: no groups.")
    still: bool = Field(True, description="Blocks change nothing at first; off: they do, and get to detail sooner.")
    smooth: bool = Field(True, description="Enlarge bilinearly; off: by repeating pixels, which is sharper sooner.")
    even_rates: bool = Field(False, description="Each layer learns at a rate in proportion to the size of its weights.")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="Decay of the moving average of the generator; 0: none.")


class StyleConfig(GanConfig):
    """Settings of `gan/style`."""

    latent_dim: int = Field(128, gt=0, description="Numbers that a picture is drawn from, and of a style.")
    beta1: float = Field(0.0, ge=0, lt=1, description="Adam's first decay.")
    beta2: float = Field(0.99, ge=0, lt=1, description="Adam's second decay.")
    r1_weight: float | None = Field(1.0, ge=0, description="Gradient penalty on real pictures; none: the loss's own.")
    penalty_every: int = Field(16, gt=0, description="Steps between penalties, which weigh as many times more (lazy).")
    mapping_layers: int = Field(4, gt=0, description="Layers of the mapping network.")
    mixing: float = Field(0.9, ge=0, le=1, description="Share of the batches with two styles each.")
    ema_decay: float = Field(0.999, ge=0, lt=1, description="Decay of the moving average of the generator; 0: none.")
