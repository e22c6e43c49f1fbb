"""The figures of the comparison of samplers: what each has drawn, all KIDs in one plot, and films through latent spaces."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.core import plots
from alebrije.core.generating import GenerateConfig
from alebrije.core.image import save, save_gif
from alebrije.core.latents import generate, sheet
from alebrije.events import last
from alebrije.reproductions.sampling.measure import REAL, REBUILT, Judged

PANELS = ("plain: gaussian", "plain: pca-mixture", "variational: prior", "variational: pca-mixture")
SIDE = 5  # pictures a side of each panel
FPS, STOPS, FILMS, FRAMES = 12, 4, 6, 8


def write(
    results: Mapping[str, Any], shown: Mapping[str, Judged], folder: Path, runs: Mapping[str, tuple[str, ...]]
) -> Iterator[Path]:
    """Write all figures into `folder`/figures; yields their paths. `runs`: data set -> its plain and its variational run. The
    interpolation goes through codes of the first, the walk along directions of the second."""
    from alebrije.autoencoder.generate import open_source

    target = folder / "figures"
    target.mkdir(exist_ok=True)
    yield distances(results, target / "sampling-kid.png")
    for data, judged in shown.items():
        yield save(panels(judged), target / f"sampling-{data}.png", force=True)
    for data, (plain, variational) in runs.items():
        for name, run, settings in (
            ("interpolation", plain, GenerateConfig(count=FILMS, interpolate=STOPS, frames=FRAMES)),
            ("walk", variational, GenerateConfig(count=FILMS, walk=True, frames=FRAMES)),
        ):
            film = last(generate(open_source(run, settings), settings))
            yield save_gif(film.frames, target / f"sampling-{data}-{name}.gif", fps=FPS, force=True)


def panels(judged: Judged) -> Tensor:
    """Training pictures, then what each of `PANELS` has drawn, as squares side by side, [1, 3, H, W]."""
    names = [REAL, *(name for name in PANELS if name in judged.pictures)]
    sheets = [sheet(judged.pictures[name][: SIDE * SIDE], SIDE) for name in names]
    gap = sheets[0].new_ones(1, 3, sheets[0].shape[2], 16)
    return torch.cat([part for one in sheets for part in (one, gap)][:-1], 3)


def distances(results: Mapping[str, Any], path: Path) -> Path:
    """KID to test pictures of each row, a dot for each draw, a mark for their mean; a plot for each data set."""
    figure = plots.new_figure(6.4 * len(results), 4.0)
    for place, (data, numbers) in enumerate(results.items(), 1):
        axes = figure.add_subplot(1, len(results), place)
        names = [name for name in numbers["rows"] if not name.startswith("(")]
        for row, name in enumerate(reversed(names)):
            values = [1000 * value for value in numbers["rows"][name]["kid"]]
            color = plots.COLORS[0 if name.startswith("plain") else 1]
            axes.plot(values, [row] * len(values), "o", color=color, alpha=0.5, markersize=5)
            axes.plot([statistics.fmean(values)], [row], "|", color=color, markersize=16, markeredgewidth=2)
        floor = 1000 * statistics.fmean(numbers["rows"][REAL]["kid"])
        axes.axvline(floor, color="#888888", linewidth=1, linestyle="dashed")
        axes.set_yticks(range(len(names)), [name.replace(REBUILT, "(rebuilt)") for name in reversed(names)])
        axes.set_title(data)
        axes.set_xlabel("KID x 1000 to test pictures (dashed: real ones)")
        axes.grid(visible=True, axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    return plots.save(figure, path)
