"""Settings of `alebrije stylize`. Imports no torch: the command line reads this file to build its help."""

from __future__ import annotations

import math
from itertools import pairwise
from os import PathLike, fspath
from typing import Annotated, Any, Literal, NamedTuple, Self

from pydantic import BeforeValidator, Field, model_validator

from alebrije.config import ComputeConfig

CONTENT_LAYER = "relu4_2"
COMMON_SIDE = 512  # pixels: up to twice this the stages are the quality's own
REFINING = 0.3
LEAST_TILE = 128  # pixels a side: half of it, less a margin, is still two positions of the deepest layer
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")


class Scale(NamedTuple):
    """One stage of the work: at this fraction of the final size, this many steps. A stage that `refines` takes what it begins
    with for its content, and pulls towards the style with `REFINING` of the weight: the look stays, detail and grain come."""

    fraction: float
    steps: int
    refines: bool = False


# Coarse to fine. Measured with vgg16 and compact on pairs of photographs and paintings; see LOG.md.
QUALITIES: dict[str, tuple[Scale, ...]] = {
    "quick": (Scale(0.5, 40), Scale(1.0, 20)),
    "balanced": (Scale(0.25, 100), Scale(0.5, 100), Scale(1.0, 80)),
    "best": (Scale(0.25, 200), Scale(0.5, 200), Scale(1.0, 200)),
}


def _size_as_text(size: Any) -> Any:
    """Recipes and Python may give the longest side as the number it is."""
    return str(size) if isinstance(size, int) and not isinstance(size, bool) else size


def _paths_as_text(paths: Any) -> Any:
    """One path, or several, may be given as they are."""
    if not isinstance(paths, str | PathLike | list | tuple):
        return paths
    several = (paths,) if isinstance(paths, str | PathLike) else paths
    return tuple(fspath(one) if isinstance(one, PathLike) else one for one in several)


class StylizeConfig(ComputeConfig):
    """How to repaint a picture in the manner of others."""

    loss: str = Field(
        "gram",
        description="what is compared with the style's features: gram, mmd-linear, mmd-polynomial, mmd-gaussian, bn, "
        "wasserstein, sliced, histogram, shifted, contextual, cooccurrence",
        json_schema_extra={"metavar": "NAME"},
    )
    form: Literal["pairwise", "tensor", "matrix", "vector", "normalized", "gram-matrix", "gram-vector"] = Field(
        "pairwise", description="with --loss cooccurrence: what is kept of it; all but pairwise are there to show why they fail"
    )
    radii: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 2, 4, 8, 16),
        min_length=1,
        description="of the form pairwise: reach of each ring in positions of the layer, rising",
        json_schema_extra={"metavar": "N,N,..."},
    )
    scaled: bool = Field(False, description="of the form pairwise: every channel counts alike, not by its strength in the style")
    gate: bool = Field(False, description="of the form pairwise: activations count more the farther they are above their mean")
    width: float = Field(
        0.5, gt=0, description="of the form pairwise with gate: softness of the gate, in thresholds; large: no gate at all"
    )
    radius: int = Field(4, ge=0, description="of the other forms: reach of the window in positions of the layer")
    threshold: float | None = Field(
        None, description="of the other forms: activations above it co-occur; the picture's mean if not given"
    )
    features: str = Field(
        "auto",
        description="network that looks at the pictures: compact, vgg16, vgg19; auto is compact, "
        "with --quality best vgg19 or vgg16 if at hand",
        json_schema_extra={"metavar": "NAME"},
    )
    size: Annotated[str, BeforeValidator(_size_as_text)] = Field(
        "512",
        description="longest side of the result in pixels, at most the content's own; WxH: exactly this size",
        json_schema_extra={"metavar": "PX|WxH"},
    )
    quality: Literal["quick", "balanced", "best"] = Field("balanced", description="how many scales and steps")
    steps: int | None = Field(None, ge=1, description="optimisation steps in all, in place of the quality's own number")
    content_weight: float = Field(1.0, ge=0, description="how strongly the content holds")
    style_weight: float = Field(20.0, ge=0, description="how strongly the style pulls")
    tv_weight: float = Field(10.0, ge=0, description="smoothness: more of it removes speckle, too much removes strokes")
    layer_weights: dict[str, float] = Field(
        dict.fromkeys(STYLE_LAYERS, 1.0),
        description="layers that see the style, with their weights",
        json_schema_extra={"metavar": "LAYER=W,..."},
    )
    style_weights: tuple[float, ...] = Field(
        (),
        description="share of each style picture, in their order; equal if not given",
        json_schema_extra={"metavar": "W,W,..."},
    )
    style_scale: float = Field(1.0, gt=0, le=4, description="size of the strokes: the style's longest side / the result's")
    init: Literal["content", "noise"] = Field("content", description="what to start from")
    pooling: Literal["max", "avg"] = Field("max", description="pooling inside the network")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="how the pixels are found")
    keep_colors: bool = Field(False, description="keep the content's colours and repaint its luminance only")
    color: Literal["luminance", "histogram", "mean-covariance"] | None = Field(
        None,
        description="another way to keep the content's colours: the style's are brought to them before, by histogram or by "
        "mean and covariance; luminance is --keep-colors",
    )
    mask: Annotated[tuple[str, ...], BeforeValidator(_paths_as_text)] = Field(
        (),
        description="where the style goes: white; black stays content. One for each style, in their order; or one for two "
        "styles: white the first, black the second",
        json_schema_extra={"metavar": "FILE"},
    )
    wrap: bool = Field(False, description="make a seamless texture: its right edge meets its left, its bottom its top")
    network: str | None = Field(
        None,
        description="paint in one pass with a trained network: a run of style/fast or style/adain, or its model.safetensors",
        json_schema_extra={"metavar": "RUN"},
    )
    style_strength: float = Field(1.0, ge=0, le=1, description="with --network of style/adain: 0 is the content, 1 the style")
    tile: Annotated[str, BeforeValidator(_size_as_text)] = Field(
        "auto",
        description="look at a large picture in tiles of so many pixels a side, for the same result in less memory; auto: where "
        "more than 3 GB would be needed; none: never",
        json_schema_extra={"metavar": "auto|none|PX"},
    )
    preview_every: int = Field(
        10, ge=0, description="steps between two previews; 0: none", json_schema_extra={"cli": False})  # fmt: skip
    frames: int = Field(0, ge=0, description="pictures of the work to keep for a timelapse", json_schema_extra={"cli": False})

    @model_validator(mode="after")
    def _weights_make_sense(self) -> Self:
        for name, weights in (("layer_weights", tuple(self.layer_weights.values())), ("style_weights", self.style_weights)):
            if any(weight < 0 for weight in weights) or (weights and not any(weights)):
                raise ValueError(f"{name} must be 0 or more, and not all of them 0")
        if not self.layer_weights:
            raise ValueError("layer_weights needs at least one layer, such as relu3_1=1")
        if any(after <= before for before, after in pairwise(self.radii)):
            raise ValueError("radii must rise, as in 0,2,4")
        if self.style_strength != 1 and not self.network:
            raise ValueError("style_strength goes with network, a run of style/adain; without one, style_weight is the way")
        if self.tile not in ("auto", "none") and not (self.tile.isdecimal() and int(self.tile) >= LEAST_TILE):
            raise ValueError(f"tile is auto, none, or a number of pixels from {LEAST_TILE}")
        if not (self.content_weight or self.style_weight):
            raise ValueError("content_weight and style_weight cannot both be 0")
        return self

    @property
    def colors(self) -> str | None:
        """The way in which the content's colours are kept; None: they are not."""
        return self.color or ("luminance" if self.keep_colors else None)


def scales(config: StylizeConfig, longest: int = 0) -> tuple[Scale, ...]:
    """The stages of the work on a result with a longest side of so many pixels.

    Above 1024 pixels the quality's own stages end at the halving of the size that is nearest to 512, and each size from there
    on has half the steps of the one before, which refine: see `Scale`. The network sees no more than some 100 pixels at a
    time, so at a large size it knows fine strokes only. `steps` is shared out in the quality's proportions, the last stage
    taking what is left.
    """
    doublings = round(math.log2(longest / COMMON_SIDE)) if longest > 2 * COMMON_SIDE else 0
    usual = [Scale(scale.fraction / 2**doublings, scale.steps) for scale in QUALITIES[config.quality]]
    last = usual[-1].steps
    plan = [*usual, *(Scale(2.0 ** (k - doublings), max(last >> k, 2), refines=True) for k in range(1, doublings + 1))]
    if config.steps is None:
        return tuple(plan)
    total = sum(scale.steps for scale in plan)
    early = [scale._replace(steps=config.steps * scale.steps // total) for scale in plan[:-1]]
    stages = [*early, plan[-1]._replace(steps=config.steps - sum(scale.steps for scale in early))]
    return tuple(stage for stage in stages if stage.steps)
