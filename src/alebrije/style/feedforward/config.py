"""Settings of the networks that paint in one pass."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from alebrije.core.fit import TrainConfig
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS


class FeedforwardConfig(TrainConfig):
    """What both kinds of networks learn by. Distances are relative, as those of `alebrije stylize`, and so are their weights."""

    style: str = Field("", description="The painting to learn; of style/adain a folder of paintings.")
    data: str = Field("", description="A folder of photographs to paint on, with folders in it.")
    steps: int = Field(8000, gt=0, description="Number of optimisation steps.")
    batch_size: int = Field(2, gt=0, description="Crops per step.")
    learning_rate: float = Field(1e-3, gt=0, description="Rises over 50 steps, falls to nothing from the middle on.")
    sample_every: int = Field(500, gt=0, description="Steps between sample pictures.")
    checkpoint_every: int = Field(500, gt=0, description="Steps between checkpoints.")
    size: int = Field(128, ge=64, multiple_of=16, description="Height and width of the crops in pixels.")
    style_size: int = Field(512, ge=64, description="Longest side at which a painting is seen: the size of the strokes.")
    features: str = Field("compact", description="Network that judges: compact, vgg16, vgg19.")
    pooling: Literal["max", "avg"] = Field("max", description="Pooling inside that network.")
    loss: str = Field("gram", description="What is compared with the style; see `alebrije stylize --loss`.")
    layer_weights: dict[str, float] = Field(dict.fromkeys(STYLE_LAYERS, 1.0), description="Layers that see the style.")
    content_weight: float = Field(1.0, ge=0, description="How strongly the content holds.")
    style_weight: float = Field(5.0, gt=0, description="How strongly the style pulls.")
    tv_weight: float = Field(10.0, ge=0, description="Smoothness.")
    hold_out: int = Field(20, gt=0, description="One picture in so many is kept for the test, at least one.")
    compare: int = Field(8, ge=0, description="Kept pictures on which it is compared with `alebrije stylize --quality quick`.")

    @model_validator(mode="after")
    def _weights_make_sense(self) -> Self:
        if not any(self.layer_weights.values()) or any(weight < 0 for weight in self.layer_weights.values()):
            raise ValueError("layer_weights must be 0 or more, and not all of them 0")
        return self


class FastConfig(FeedforwardConfig):
    """A network for one painting, after Johnson et al. 2016 and Ulyanov et al. 2017."""

    content_layer: str = Field(CONTENT_LAYER, description="Layer in which the content is held.")
    width: int = Field(16, ge=4, multiple_of=4, description="Channels at full size; four times as many at a quarter of it.")
    blocks: int = Field(5, ge=1, description="Residual blocks.")


class AdainConfig(FeedforwardConfig):
    """A network for any painting, after Huang & Belongie 2017."""

    learning_rate: float = Field(1e-4, gt=0, description="Rises over 50 steps; more of it would spoil the good start.")
    style_weight: float = Field(10.0, gt=0, description="How strongly the style pulls.")
    tv_weight: float = Field(1.0, ge=0, description="Smoothness.")
    code: Literal["relu2_1", "relu3_1", "relu4_1"] = Field(
        "relu3_1", description="Layer that is restyled and decoded; relu4_1, the paper's, is freer and takes far longer to learn."
    )
    loss: str = Field("bn", description="What is compared with the style; bn, mean and deviation, is the paper's.")
    pooling: Literal["max", "avg"] = Field("avg", description="Pooling inside the network; compact was made with avg.")
    layer_weights: dict[str, float] = Field(dict.fromkeys(STYLE_LAYERS[:4], 1.0), description="Layers that see the style.")
