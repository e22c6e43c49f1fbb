"""Settings of `alebrije stylize-lab`. Imports no torch: the command line reads this file to build its help."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from alebrije.config import ComputeConfig, build
from alebrije.style.config import StylizeConfig

COOCCURRENCE = "cooccurrence"
REFERENCE_PAINTER = "gram"  # whose pull all others are given

# Painters whose statistics are the same thing: the polynomial kernel's MMD is the distance of Gram matrices.
SAME_AS = {"mmd-polynomial": "gram"}


def _size_as_text(size: Any) -> Any:
    """Recipes and Python may give the longest side as the number it is."""
    return str(size) if isinstance(size, int) and not isinstance(size, bool) else size


class LabConfig(ComputeConfig):
    """Who paints, and with which settings all of them paint."""

    losses: tuple[str, ...] = Field(
        ("all",),
        min_length=1,
        description="who paints: all (that are meant to work), everything (also the six forms of co-occurrence that fail), "
        "or names such as gram,sliced,cooccurrence-tensor [default: all]",
        json_schema_extra={"metavar": "all|NAME,..."},
    )
    match: Literal["gradient", "content"] = Field(
        "gradient",
        description="what all painters have in common with gram: how hard the style pulls at the start, or how far the finished "
        "picture is from the content (each picture is painted a few times, until it is)",
    )
    features: str = Field("compact", description="network that looks at the pictures: compact, vgg16, vgg19")
    judge_features: str | None = Field(
        None, description="network that judges, if it is to be another one than that of the painters"
    )
    size: Annotated[str, BeforeValidator(_size_as_text)] = Field(
        "256", description="longest side of the pictures in pixels", json_schema_extra={"metavar": "PX|WxH"}
    )
    quality: Literal["quick", "balanced", "best"] = Field("balanced", description="how many scales and steps")
    steps: int | None = Field(None, ge=1, description="optimisation steps in all, in place of the quality's own number")
    content_weight: float = Field(1.0, ge=0, description="how strongly the content holds, for all painters")
    style_weight: float = Field(
        20.0, gt=0, description="how strongly the style pulls on gram; the others get weights that match it"
    )
    tv_weight: float = Field(10.0, ge=0, description="smoothness, for all painters")
    style_scale: float = Field(1.0, gt=0, le=4, description="size of the strokes: the style's longest side / the result's")
    pooling: Literal["max", "avg"] = Field("max", description="pooling inside the network")
    optimizer: Literal["lbfgs", "adam"] = Field("lbfgs", description="how the pixels are found")

    @property
    def judge(self) -> str:
        """The network that judges."""
        return self.judge_features or self.features


def painter_settings(config: LabConfig, painter: str, style_weight: float) -> StylizeConfig:
    """What `alebrije stylize` is called with to paint as `painter`, which is the name of a loss or ``cooccurrence-FORM``."""
    shared = config.model_dump(exclude={"losses", "style_weight", "match", "judge_features"})
    chosen = {"loss": painter}
    if painter.startswith(f"{COOCCURRENCE}-"):
        chosen = {"loss": COOCCURRENCE, "form": painter.removeprefix(f"{COOCCURRENCE}-")}
    return build(StylizeConfig, {**shared, **chosen, "style_weight": style_weight, "preview_every": 0})


def family(painter: str) -> str:
    """The statistic that a painter optimises, by the name of the judge that uses it: such a judge does not score it."""
    return COOCCURRENCE if painter.startswith(COOCCURRENCE) else SAME_AS.get(painter, painter)
