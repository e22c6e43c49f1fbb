"""Plots, drawn without a display and without matplotlib's global state."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alebrije.core.files import atomic

COLORS = ("#d81e5b", "#1b998b", "#f4a300", "#3d348b", "#e55934", "#5f0f40")
DASHES = ("solid", "dashed", "dotted")
DECADE = 10
NAMED = len(COLORS) * len(DASHES)  # lines in one figure that have a colour and a name; the others are grey


def curves(
    columns: Mapping[str, Sequence[float]], path: Path, *, x: str = "step", names: Sequence[str] = (), log: bool = True
) -> Path:
    """Plot the columns `names` (all but step, epoch and seconds if empty) over column `x`; returns `path`.

    Positive columns go on a logarithmic axis with `log`. An existing plot is replaced.
    """
    chosen = list(names) or [name for name in columns if name not in {"step", "epoch", "seconds"}]
    figure = new_figure(7.0, 4.0)
    axes = figure.subplots()
    for name, color in zip(chosen, COLORS * (1 + len(chosen) // len(COLORS)), strict=False):
        axes.plot(columns[x], columns[name], color=color, linewidth=1.6, label=name)
    if log and all(value > 0 for name in chosen for value in columns[name]):
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return save(figure, path)


def overlay(
    lines: Mapping[str, tuple[Sequence[float], Sequence[float]]], path: Path, *, x: str, y: str, best: str = ""
) -> Path:
    """Plot several runs into one figure: name -> (its x, its y); returns `path`. The line called `best` is drawn boldly.

    Long lines are smoothed (see `smooth`) over their pale originals. The axis is logarithmic if all values are positive and
    the largest is more than ten times the smallest.
    """
    figure = new_figure(9.0, 4.4)
    axes = figure.subplots()
    for index, (name, (xs, ys)) in enumerate(lines.items()):
        color, dash = COLORS[index % len(COLORS)], DASHES[min(index // len(COLORS), len(DASHES) - 1)]
        color = color if index < NAMED else "#cccccc"
        evened = smooth(ys)
        if evened != list(ys):
            axes.plot(xs, ys, color=color, linewidth=0.6, alpha=0.18)
        width, label = 2.8 if name == best else 1.4, name if index < NAMED else None
        axes.plot(xs, evened, color=color, linestyle=dash, linewidth=width, label=label)
    values = [value for _, ys in lines.values() for value in ys if math.isfinite(value)]
    if values and 0 < DECADE * min(values) < max(values):
        axes.set_yscale("log")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return save(figure, path)


def smooth(values: Sequence[float]) -> list[float]:
    """The mean of the values around each one, over a twentieth of the line; lines of fewer than 40 points stay as they are.

    A value that is no finite number counts for nothing, and stays what it is.
    """
    reach = len(values) // 40
    if reach == 0:
        return list(values)
    evened = []
    for index, value in enumerate(values):
        near = [one for one in values[max(0, index - reach) : index + reach + 1] if math.isfinite(one)]
        evened.append(sum(near) / len(near) if math.isfinite(value) else value)
    return evened


def confusion(counts: Sequence[Sequence[int]], names: Sequence[str], path: Path, *, rows: str, columns: str) -> Path:
    """A table of counts[true][answered] as coloured squares, with each row's shares; returns `path`."""
    figure = new_figure(4.6, 3.9)
    axes = figure.subplots()
    shares = [[value / max(1, sum(row)) for value in row] for row in counts]
    axes.imshow(shares, cmap=colormap(), vmin=0, vmax=1)
    for row, column in itertools.product(range(len(counts)), range(len(names))):
        share = shares[row][column]
        ink = "white" if share > 0.55 else "#222222"
        axes.text(column, row, counts[row][column], ha="center", va="bottom", color=ink, fontsize=20)
        axes.text(column, row + 0.06, f"{share:.0%}", ha="center", va="top", color=ink, fontsize=10)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names, rotation=90, va="center")
    axes.set_xlabel(columns)
    axes.set_ylabel(rows)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return save(figure, path)


def colormap() -> Any:
    """From white to the house's second colour."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("alebrije", ["#f3faf8", COLORS[1]])


def new_figure(width: float, height: float) -> Any:
    """A matplotlib Figure of that size in inches, belonging to nobody."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def save(figure: Any, path: Path) -> Path:
    """Write a figure atomically, replacing what was there; returns `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path, force=True) as temporary:
        figure.savefig(temporary, dpi=120)
    return path
