"""The figures of the report on low to high resolution. Those with pictures that were given to learn from say so by their names:
`-data` in the name means that they are for your own eyes where the pictures are not yours to pass on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.autoencoder.learning import Task, restore
from alebrije.core import plots
from alebrije.core.image import save
from alebrije.core.pictures.panels import below, beside
from alebrije.reproductions.lowres.sampling import Invented
from alebrije.reproductions.lowres.table import REPORTED

SHOWN = 8


def write(
    results: Mapping[str, Any],
    logs: Mapping[int, Mapping[str, Sequence[float]]],
    tasks: Mapping[int, Task],
    invented: Invented,
    target: Path,
) -> Iterator[Path]:
    """Write all figures into the folder `target`; yields their paths. `logs`: experiment -> columns of its metrics.csv."""
    target.mkdir(exist_ok=True)
    yield losses(results["experiments"], target / "lowres-losses.png")
    lines = {f"experiment {number}": (columns["epoch"], columns["validation_mse"]) for number, columns in logs.items()}
    best = f"experiment {results['best']}"
    yield plots.overlay(lines, target / "lowres-curves.png", x="epoch", y="validation, mean square error", best=best)
    yield save(reconstructions(tasks), target / "lowres-reconstructions-data.png", force=True)
    rows = [row(pictures) for pictures in invented.pictures.values()]
    yield save(below(rows), target / "lowres-new.png", force=True)
    for name, pictures in invented.pictures.items():
        both = below([row(pictures), row(invented.neighbours[name])])
        yield save(both, target / f"lowres-new-{re.sub('[^a-z0-9]+', '-', name.lower())}-data.png", force=True)


def losses(experiments: Mapping[str, Mapping[str, Sequence[float]]], path: Path) -> Path:
    """Test losses of the nine: ours, one dot a seed, and the report's, each on a logarithmic axis of its own."""
    figure = plots.new_figure(8.0, 4.0)
    axes = figure.subplots()
    numbers = list(REPORTED)
    for number in numbers:
        values = experiments[str(number)]["test"]
        label = "ours, one dot a seed" if number == numbers[0] else None
        axes.plot([number] * len(values), values, "o", color=plots.COLORS[0], label=label)
    theirs = axes.twinx()
    theirs.plot(numbers, [REPORTED[number][2] for number in numbers], "D", color=plots.COLORS[1], label="the report's")
    for one, words in ((axes, "ours, mean square error"), (theirs, "the report's loss")):
        one.set_yscale("log")
        one.set_ylabel(words)
        one.spines[["top"]].set_visible(False)
    axes.set_xticks(numbers)
    axes.set_xlabel("experiment")
    axes.grid(visible=True, alpha=0.25)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return plots.save(figure, path)


def reconstructions(tasks: Mapping[int, Task]) -> Tensor:
    """Test pictures in columns: low resolution above, what each of the nine makes of it, the picture itself below."""
    first = next(iter(tasks.values()))
    few = first.pictures["test"][:SHOWN]
    made = [restore(task, few, 0) for task in tasks.values()]
    return below([row(images) for images in (made[0][0], *(restored for _, restored in made), few.float() / 255)])


def row(images: Tensor) -> Tensor:
    """Pictures [N, 3, S, S] side by side."""
    return beside(torch.split(images.clamp(0, 1), 1)) if len(images) else torch.ones(1, 3, 1, 1)
