"""Plots, drawn without a display and without matplotlib's global state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alebrije.core.files import atomic

COLORS = ("#d81e5b", "#1b998b", "#f4a300", "#3d348b", "#e55934", "#5f0f40")


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
