"""Several runs side by side: in what they differ, one table as CSV, JSON and a page, and all learning curves together."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alebrije.core import page, plots
from alebrije.core.files import atomic
from alebrije.runs import ROW, Run

FINISHED, FAILED, INTERRUPTED, WAITING = "finished", "failed", "interrupted", "not begun"


@dataclass(slots=True)
class Trial:
    """One combination: its folder, the settings that make it this one, all of its settings, and what came of it."""

    folder: Path
    varied: Mapping[str, Any]
    settings: Mapping[str, Any]
    state: str = WAITING
    reason: str = ""
    metrics: dict[str, float] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """That of its folder."""
        return self.folder.name


def differences(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The settings that are not the same in all of these runs: name -> value in each (None where a run has no such)."""
    names = dict.fromkeys(name for one in settings for name in one)
    columns = {name: [one.get(name) for one in settings] for name in names}
    return {name: values for name, values in columns.items() if any(value != values[0] for value in values)}


def report(folder: Path, recipe: str, ranked: Sequence[Trial], by: str) -> dict[str, Any]:
    """The sweep as JSON, the best run first; numbers that are not finite are null."""
    return {
        "sweep": str(folder),
        "recipe": recipe,
        "by": by,
        "best": ranked[0].name if ranked[0].state == FINISHED else None,
        "runs": [
            {"run": str(one.folder), "settings": dict(one.varied), "state": one.state, "metrics": _finite(one.metrics)}
            for one in ranked
        ],
        "failed": {one.name: one.reason for one in ranked if one.state == FAILED},
    }


def write_tables(folder: Path, recipe: str, ranked: Sequence[Trial], by: str) -> list[Path]:
    """Write sweep.csv and sweep.json, replacing older ones; returns their paths."""
    columns, rows = table(ranked)
    paths = [folder / "sweep.csv", folder / "sweep.json"]
    with atomic(paths[0], force=True) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerows([columns, *rows])
    with atomic(paths[1], force=True) as temporary:
        temporary.write_text(json.dumps(report(folder, recipe, ranked, by), indent=1, default=str), encoding="utf-8")
    return paths


def table(ranked: Sequence[Trial]) -> tuple[list[str], list[list[Any]]]:
    """Names of columns, and a row for each run: its folder, what was varied, its numbers, how it ended."""
    varied = list(ranked[0].varied)
    numbers = list(dict.fromkeys(name for one in ranked for name in one.metrics))
    rows = [
        [one.name, *(one.varied[key] for key in varied), *(one.metrics.get(name) for name in numbers), one.state, one.reason]
        for one in ranked
    ]
    return ["run", *varied, *numbers, "state", "reason"], rows


def write_page(folder: Path, recipe: str, ranked: Sequence[Trial], by: str) -> Path:
    """Write report.html: the table, a map of the metric if two settings were varied, and the curves. Returns its path."""
    best = ranked[0] if ranked[0].state == FINISHED else None
    columns, rows = table(ranked)
    if not any(one.reason for one in ranked):
        columns, rows = columns[:-1], [row[:-1] for row in rows]
    finished = sum(one.state == FINISHED for one in ranked)
    words = f"{finished} of {len(ranked)} runs are finished."
    if best:
        words += f" By {by} the best is {best.name}, with {best.metrics.get(by, math.nan):.4g}."
    parts = [page.heading(f"Sweep of {recipe}", 1), page.paragraph(words)]
    parts += [page.heading("Runs"), page.grid(columns[1:], [row[1:] for row in rows], 0 if best else None)]
    if best and len(best.varied) == 2:
        parts += [page.heading(by), _map(ranked, by)]
    curves = _curves(folder, ranked, best.name if best else "")
    if curves:
        parts += [page.heading("Learning curves"), page.figures(curves, 1060)]
    common = {key: value for key, value in ranked[0].settings.items() if key not in ranked[0].varied}
    parts.append(page.details("Settings that all of them share", page.table(common)))
    return page.write_page(folder / "report.html", f"Alebrije: sweep of {recipe}", parts)


def _map(ranked: Sequence[Trial], by: str) -> str:
    """The metric over the two settings that were varied: one downwards, the other to the right."""
    down, right = ranked[0].varied
    cells = {(str(one.varied[down]), str(one.varied[right])): one.metrics.get(by) for one in ranked}
    rows, columns = (_sorted([one.varied[key] for one in ranked]) for key in (down, right))
    lines = [[f"{down} {row}", *(cells.get((row, column)) for column in columns)] for row in rows]
    return page.grid(["", *(f"{right} {column}" for column in columns)], lines)


def _sorted(values: Sequence[Any]) -> list[str]:
    """Each value once, as text: numbers by size, others by their letters."""
    numbers = all(isinstance(value, int | float) for value in values)
    return list(dict.fromkeys(map(str, sorted(values) if numbers else sorted(values, key=str))))


def _curves(folder: Path, ranked: Sequence[Trial], best: str) -> dict[Path, str]:
    """One figure for each number that runs log, all runs in it: file -> caption."""
    logged = {one.name: Run(one.folder).metrics() for one in ranked}
    names = dict.fromkeys(name for columns in logged.values() for name in columns if name not in ROW)
    figures = {}
    for name in names:
        lines = {run: (columns["epoch"], columns[name]) for run, columns in logged.items() if name in columns}
        path = plots.overlay(lines, folder / "plots" / f"{name.replace('/', '-')}.png", x="epoch", y=name, best=best)
        figures[path] = f"{name} of all runs" + (", the best one bold" if best in lines else "")
    return figures


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in metrics.items()}
