"""Figures about the observer, for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alebrije.core.plots import COLORS, new_figure, save
from alebrije.hybrid.observer import CYCLES, Plan

TICKS = (8, 12, 16, 24, 32, 48)


def cutoffs(plans: Sequence[Plan], path: Path) -> Path:
    """Every pair's two cut-offs as a point; the search knows nothing below 8 and above 48, and no high one below the low."""
    figure = new_figure(4.8, 4.4)
    axes = figure.subplots()
    axes.plot(CYCLES, CYCLES, color="#999999", linewidth=1)
    axes.scatter([plan.cycles_low for plan in plans], [plan.cycles_high for plan in plans], s=22, color=COLORS[0], alpha=0.7)
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        scale("log", base=2)
        axis.set_ticks(TICKS, [str(tick) for tick in TICKS])
    axes.set_xlabel("low cut-off (cycles per image width)")
    axes.set_ylabel("high cut-off (cycles per image width)")
    return _finish(figure, axes, path)


def resolutions(found: dict[str, Any], path: Path) -> Path:
    """By how much the choice changes with the size of the file: medians and quartiles in octaves, and flips of roles."""
    return _octaves(found, path, [f"{size} px" for size in found])


def stability(found: dict[str, Any], path: Path) -> Path:
    """The same for small disturbances."""
    return _octaves(found, path, list(found))


def _octaves(found: dict[str, Any], path: Path, names: Sequence[str]) -> Path:
    figure = new_figure(7.4, 0.62 * len(names) + 1.2)
    axes = figure.subplots()
    for offset, (cutoff, color) in enumerate(zip(("low", "high"), COLORS, strict=False)):
        for row, values in enumerate(found.values()):
            numbers = values[f"{cutoff}_octaves"]
            if numbers["n"]:
                left, right = numbers["quartiles"]
                y, label = row - 0.2 + 0.4 * offset, None if row else f"{cutoff} cut-off"
                axes.barh(y, numbers["median"], 0.36, color=color, label=label)
                axes.plot((left, right), (y, y), color="#333333", linewidth=1.2)
    flips = [f"{values['roles_flip']['count']} of {values['roles_flip']['n']}" for values in found.values()]
    axes.set_yticks(range(len(names)), [f"{name}\n{flip} roles flip" for name, flip in zip(names, flips, strict=True)])
    axes.invert_yaxis()
    axes.set_xlabel("change in octaves where the roles stay (median, quartiles)")
    axes.legend(frameon=False)
    return _finish(figure, axes, path)


def judged(found: dict[str, Any], path: Path) -> Path:
    """What the network says of the near and of the far view, by how the cut-offs were chosen; with 95 % intervals."""
    figure = new_figure(7.4, 0.55 * len(found) + 1.3)
    axes = figure.subplots()
    for row, values in enumerate(found.values()):
        for offset, (view, color) in enumerate((("near", COLORS[1]), ("far", COLORS[3]), ("score", COLORS[0]))):
            numbers, y = values[view], row + 0.26 * (offset - 1)
            label = None if row else {"score": "worse of the two"}.get(view, f"from {view}")
            axes.barh(y, numbers["mean"], 0.24, color=color, label=label)
            axes.plot(numbers["interval"], (y, y), color="#333333", linewidth=1.2)
    axes.axvline(0, color="#333333", linewidth=0.8)
    axes.set_yticks(range(len(found)), list(found))
    axes.invert_yaxis()
    axes.set_xlabel("nearer to the wanted picture (mean margin, 1: the picture itself)")
    figure.legend(loc="outside upper center", ncols=3, frameon=False)
    return _finish(figure, axes, path)


def truthful(observer: Sequence[float], network: Sequence[float], correlation: float | None, path: Path) -> Path:
    """The observer's score against the network's: one point a pair."""
    figure = new_figure(4.8, 4.2)
    axes = figure.subplots()
    axes.axhline(0, color="#999999", linewidth=0.8)
    axes.scatter(observer, network, s=22, color=COLORS[1], alpha=0.75)
    axes.set_xlabel("score (the observer)")
    axes.set_ylabel("score (a network looking through the eye)")
    if correlation is not None:
        axes.set_title(f"rank correlation {correlation:.2f} over {len(observer)} pairs", fontsize=10)
    return _finish(figure, axes, path)


def _finish(figure: Any, axes: Any, path: Path) -> Path:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, alpha=0.2)
    return save(figure, path)
