"""What is painted for the reproduction of Gatys et al.: for each figure its panels, each of them a descent and a step of it.

A descent by L-BFGS does not know how long it will last, so that its 50th picture is what 50 steps would have given: one long
descent serves several panels, and one picture several figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from alebrije.style.config import STYLE_LAYERS, StylizeConfig

RATIO = 1e-3  # alpha/beta of the figures that compare something else
GRID_RATIOS = (1e-5, 1e-4, 1e-3, 1e-2)  # columns of the classic figure
# alpha/beta at which content and style weigh the same in our relative distances. Found by eye, so that the classic columns look
# as they do in the paper: 1e-4, where the style rules and the content is still seen, is our usual style weight of 20.
EVEN = 0.002
LITTLE, MUCH = 0.5, 10.0  # tv_weight of all pictures, and what `alebrije stylize` takes if nothing is said


class Descent(NamedTuple):
    """One picture's way downhill. `ratio` is alpha/beta, None for the style alone; `layers` counts the style's layers, from the
    first; `only` names the layer from which the content alone is reconstructed, and then the first two say nothing."""

    ratio: float | None = RATIO
    layers: int = len(STYLE_LAYERS)
    pooling: str = "avg"
    init: str = "noise"
    tv_weight: float = LITTLE
    only: str = ""

    @property
    def name(self) -> str:
        """What its files are called."""
        if self.only:
            return f"content-{self.only}-{self.pooling}"
        ratio = "style" if self.ratio is None else f"{self.ratio:.0e}"
        return f"{ratio}-{STYLE_LAYERS[self.layers - 1]}-{self.pooling}-{self.init}-tv{self.tv_weight:g}"

    def settings(self) -> dict[str, Any]:
        """The same as settings of `StylizeConfig`."""
        content, style = weights(self.ratio)
        chosen = dict.fromkeys(STYLE_LAYERS[: self.layers], 1.0)
        return {
            "content_weight": content, "style_weight": style, "layer_weights": chosen, "tv_weight": self.tv_weight,
            "pooling": self.pooling, "init": self.init,
        }  # fmt: skip


class Panel(NamedTuple):
    """A picture of a figure: what is written above it, and which one it is."""

    label: str
    descent: Descent
    steps: int


Rows = list[list[Panel]]


def weights(ratio: float | None) -> tuple[float, float]:
    """`content_weight` and `style_weight` for alpha/beta, or for the style alone."""
    return (0.0, 20.0) if ratio is None else (1.0, EVEN / ratio)


def written(ratio: float) -> str:
    """A ratio as in the papers: 10 to some power."""
    power = f"{ratio:.0e}"
    return f"$10^{{{int(power[2:])}}}$" if power.startswith("1e") else f"{ratio:g}"


def sweep(config: Any) -> Rows:
    """The ratio of content to style."""
    return [[Panel(f"alpha/beta = {written(ratio)}", _usual(config, ratio=ratio), config.steps) for ratio in config.ratios]]


def pooling(config: Any) -> Rows:
    """Maximum against average."""
    words = {"max": "maximum pooling", "avg": "average pooling"}
    return [[Panel(text, _usual(config)._replace(pooling=kind), config.steps) for kind, text in words.items()]]


def content(config: Any) -> Rows:
    """The content out of one layer alone, from noise."""
    return [[Panel(layer, Descent(only=layer, pooling=config.pooling), config.steps) for layer in STYLE_LAYERS]]


def style(config: Any) -> Rows:
    """The style out of more and more layers, from noise."""
    return [[Panel(_cumulative(count), _bare(config, None, count), config.steps) for count in range(1, len(STYLE_LAYERS) + 1)]]


def grid(config: Any) -> Rows:
    """The classic figure: more layers downwards, more content to the right."""
    return [
        [Panel(_cumulative(count) + f", {written(ratio)}", _bare(config, ratio, count), config.steps) for ratio in GRID_RATIOS]
        for count in range(1, len(STYLE_LAYERS) + 1)
    ]


def durations(config: Any) -> Rows:
    """Short against long, from noise and from the content."""
    starts = {"noise": "from noise", "content": "from the content"}
    return [
        [Panel(f"{words}, {steps} steps", _usual(config)._replace(init=init), steps) for steps in config.durations]
        for init, words in starts.items()
    ]


def smoothness(config: Any) -> Rows:
    """Without total variation, with a little of it, with much."""
    return [[Panel(f"tv_weight = {weight:g}", _usual(config)._replace(tv_weight=weight), config.steps)
             for weight in (0.0, LITTLE, MUCH)]]  # fmt: skip


FIGURES: dict[str, Callable[[Any], Rows]] = {
    "ratio": sweep,
    "pooling": pooling,
    "content-layers": content,
    "style-layers": style,
    "grid": grid,
    "durations": durations,
    "smoothness": smoothness,
    "frequencies": smoothness,
}


def needed(config: Any, figures: Sequence[str]) -> dict[Descent, tuple[int, ...]]:
    """All descents that these figures show, each with the steps at which its picture is kept, rising."""
    steps: dict[Descent, set[int]] = {}
    shown = [FIGURES[name](config) for name in figures if name in FIGURES]
    for panel in (panel for rows in shown for row in rows for panel in row):
        steps.setdefault(panel.descent, set()).add(panel.steps)
    return {descent: tuple(sorted(kept)) for descent, kept in steps.items()}


def with_settings(base: StylizeConfig, descent: Descent) -> StylizeConfig:
    """The settings of `base` with those of a descent."""
    return StylizeConfig(**(base.model_dump() | descent.settings()))


def _usual(config: Any, ratio: float = RATIO) -> Descent:
    return Descent(ratio=ratio, pooling=config.pooling, init=config.init)


def _bare(config: Any, ratio: float | None, count: int) -> Descent:
    """As in the classic figure: from noise."""
    return Descent(ratio=ratio, layers=count, pooling=config.pooling)


def _cumulative(count: int) -> str:
    return STYLE_LAYERS[0] if count == 1 else f"... + {STYLE_LAYERS[count - 1]}"
