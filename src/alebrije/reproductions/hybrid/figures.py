"""Every figure of the page on hybrids: the numbers as plots, and examples of scikit-image's photographs and drawn creatures."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch.nn import functional as F

from alebrije import steps
from alebrije.cli.exhibition import gather
from alebrije.core import plots
from alebrije.core.image import resize, save
from alebrije.core.pictures.panels import below, beside, high
from alebrije.data.draw import creature
from alebrije.events import Done
from alebrije.reproductions.hybrid.table import CONSTANT, REPORTED, WORDS, kind

CURVES = {"test_mae": "error of the sigmas, held out, px", "test_accuracy": "right roles, held out"}
EXAMPLES = (("cat", "face"), ("astronaut", "camera"), ("cup", "retina"))
ALIGNED = (7000004, 7000007)  # seeds of two creatures that look the same way
QUALITY = 90


def write(results: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Write all figures into ``folder/figures``, whose other folders hold what they show; yields their paths."""
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    yield planners(results, target / "hybrid-planners.png")
    yield learning(sorted((folder / "runs").iterdir()), target / "hybrid-learning.png")
    smallest = next(iter(results))
    for planner in ("resnet18", "planner"):
        for plot in ("sigmas", "confusion"):
            made = folder / "tests" / f"{planner}-{smallest}" / "plots" / f"{plot}.png"
            yield Path(shutil.copyfile(made, target / f"hybrid-{plot}-{planner}.png"))
    for made in sorted((folder / "observer").glob("*.png")):
        yield Path(shutil.copyfile(made, target / f"hybrid-observer-{made.name}"))
    with tempfile.TemporaryDirectory() as place:
        yield from examples(Path(place), target)


def planners(results: Mapping[str, Any], path: Path) -> Path:
    """Right roles and errors of every planner with their 95 % intervals, one panel a measure, one colour a test set."""
    figure = plots.new_figure(11.0, 4.4)
    roles, error = figure.subplots(1, 2, sharey=True)
    names = [name for name in WORDS if any(name in scores for scores in results.values())]
    sets = [name for name in results if name != "observer"]
    for offset, (name, color) in enumerate(zip(sets, plots.COLORS, strict=False)):
        scores = results[name]
        places = [len(names) - index - 0.25 * offset for index in range(len(names))]
        label = f"{scores[CONSTANT]['count']} {kind(name)}"
        for axes, key in ((roles, "accuracy"), (error, "mae")):
            values = [scores[planner][key] for planner in names]
            ends = [scores[planner][f"{key}_interval"] for planner in names]
            reach = [[v - low for v, (low, _) in zip(values, ends)], [high_end - v for v, (_, high_end) in zip(values, ends)]]
            axes.errorbar(values, places, xerr=reach, fmt="o", color=color, capsize=3, label=label)
    roles.axvline(REPORTED["right"] / REPORTED["count"], color="#999999", linestyle="dashed", linewidth=1, label="the report's")
    roles.axvline(0.9, color="#cccccc", linewidth=1, label="goal")
    roles.set_yticks([len(names) - index for index in range(len(names))], [WORDS[name] for name in names])
    roles.set_xlabel("right roles")
    error.set_xlabel("mean error of the sigmas, px at 224")
    for axes in (roles, error):
        axes.grid(visible=True, axis="x", alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*roles.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    return plots.save(figure, path)


def learning(runs: Sequence[Path], path: Path) -> Path:
    """How the networks did on held-out pairs while they learned."""
    figure = plots.new_figure(11.0, 3.6)
    for axes, (column, words) in zip(figure.subplots(1, 2), CURVES.items(), strict=True):
        for run, color in zip(runs, plots.COLORS, strict=False):
            with (run / "metrics.csv").open(encoding="utf-8") as file:
                rows = list(csv.DictReader(file))
            axes.plot([float(row["epoch"]) for row in rows], [float(row[column]) for row in rows], color=color, label=run.name)
        axes.set_xlabel("epoch")
        axes.set_ylabel(words)
        axes.grid(visible=True, alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return plots.save(figure, path)


def examples(place: Path, target: Path) -> Iterator[Path]:
    """Hybrids of pictures that everybody has; `place` is a folder for the inputs."""
    (place / "inputs").mkdir()
    gather(place)
    inputs = {path.stem: path for path in (place / "inputs").iterdir()}
    for first, second in EXAMPLES:
        made = crossed(inputs[first], inputs[second], previews=True)
        panels = [high(made.image.pixels), high(made.previews["far"])]
        yield save(beside(panels), target / f"hybrid-{first}-{second}.jpg", force=True, quality=QUALITY)
    yield save(chosen(inputs), target / "hybrid-chosen.jpg", force=True, quality=QUALITY)
    yield save(three(inputs), target / "hybrid-three.jpg", force=True, quality=QUALITY)
    yield save(aligned(), target / "hybrid-aligned.jpg", force=True, quality=QUALITY)
    yield save(gray_high(inputs), target / "hybrid-gray-high.jpg", force=True, quality=QUALITY)


def crossed(*pictures: Any, **options: Any) -> Any:
    """The result of `steps.hybridize`; its notices, such as that sizes differ, are known here."""
    return next(event.result for event in steps.hybridize(*pictures, **options) if isinstance(event, Done))


def chosen(inputs: Mapping[str, Path]) -> Any:
    """Above: hybrids as the observer plans them, each beside what is left from afar. Below: the same by the shipped planner."""
    rows = []
    for planner in ("observer", "planner"):
        made = [crossed(inputs[one], inputs[other], planner=planner, previews=True) for one, other in EXAMPLES]
        rows.append(beside([high(view, 180) for result in made for view in (result.image.pixels, result.previews["far"])]))
    return below(rows)


def three(inputs: Mapping[str, Path]) -> Any:
    """A hybrid of three pictures at the sizes that it has, for one pair of eyes, from 0.5 m, 2.2 m and 10 m."""
    made = crossed(inputs["cat"], inputs["cup"], inputs["face"], far=10)
    panels = [high(made.image.pixels, height) for height in (480, 107, 24)]
    return beside([F.pad(panel, (0, 0, 480 - panel.shape[-2], 0), value=1.0) for panel in panels])


def aligned() -> Any:
    """Two creatures of which one is smaller and aside: their hybrid as it is, and with --align auto, each near and far."""
    first, second = (creature(seed, 512, background="white").image for seed in ALIGNED)
    small = F.pad(resize(second, (340, 340)), (150, 22, 20, 152), value=1.0)
    rows = [crossed(first, small, low="second", align=align, previews=True) for align in ("none", "auto")]
    return beside([high(view, 300) for made in rows for view in (made.image.pixels, made.previews["far"])])


def gray_high(inputs: Mapping[str, Path]) -> Any:
    """The same hybrid with the near picture's colours and without them."""
    made = [crossed(inputs["face"], inputs["mosaic"], low="first", gray_high=gray) for gray in (False, True)]
    return beside([high(result.image.pixels, 300) for result in made])
