"""What the training of a tagger leaves to look at: the loss, how well each tag is found, and the answers it is surest of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.core import plots
from alebrije.gan.data import Pictures
from alebrije.gan.tagging import Score

SHOWN = 5  # pictures that were judged rightly, and as many that were not
MOST_ROWS = 12  # tags in a figure
NAMES = {"accuracy": "right", "precision": "precision", "recall": "recall", "average_precision": "average precision"}


def draw(
    folder: Path, metrics: Mapping[str, Sequence[float]], tags: Sequence[str], scores: Sequence[Score]
) -> list[Path]:
    """All plots of a run but `sheet`, into ``plots``; returns their paths. `folder` is the run's."""
    place = folder / "plots"
    made = [plots.curves(metrics, place / "loss.png", names=("loss", "held_out_loss"), log=False)] if metrics else []
    made.append(_bars(place / "tags.png", tags[:MOST_ROWS], scores[:MOST_ROWS]))
    for number, (tag, score) in enumerate(zip(tags, scores, strict=True), 1):
        path = place / f"confusion-{number}-{re.sub(r'[^a-z0-9_-]+', '', tag)}.png"
        columns = f"the tagger said, of {plain(tag)}"
        made.append(plots.confusion(score.counts, ("with", "without"), path, rows="was", columns=columns))
    return made


def _bars(path: Path, tags: Sequence[str], scores: Sequence[Score]) -> Path:
    """For each tag its numbers as bars, and a line where the share of right answers would be without looking."""
    figure = plots.new_figure(8.0, 1.2 + 0.95 * len(tags))
    axes = figure.subplots()
    for place, score in enumerate(scores):
        row = score.row()
        for number, (name, label) in enumerate(NAMES.items()):
            height = place + (number - 1.5) * 0.2
            value = row.get(name, 0.0)
            axes.barh(height, value, 0.18, color=plots.COLORS[number], label=label if place == 0 else None)
            axes.text(value + 0.008, height, f"{value:.0%}" if name in row else "\u2013", va="center", fontsize=7)
        usual = "right without looking" if place == 0 else None
        axes.plot([score.baseline] * 2, [place - 0.4, place - 0.2], color="#222222", linewidth=1.6, label=usual)
    axes.set_yticks(range(len(tags)), [plain(tag) for tag in tags])
    axes.set_xlim(0, 1.08)
    axes.invert_yaxis()
    axes.set_xlabel("share of the pictures that were not learned from")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=5, frameon=False, fontsize=8)
    return plots.save(figure, path)


def sheet(folder: Path, tags: Sequence[str], logits: Tensor, pictures: Pictures) -> Path:
    """For each tag the pictures of those kept whose answers are surest and right, and surest and wrong; returns the path."""
    tags = tags[:MOST_ROWS]
    figure = plots.new_figure(2 + 0.9 * 2 * SHOWN, 0.5 + 1.15 * len(tags))
    grid: Any = figure.subplots(len(tags), 2 * SHOWN, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for row, tag in enumerate(tags):
        said, right, wrong = surest(logits[:, row], pictures.held_out_tags[:, row])
        for column, place in [*enumerate(right), *enumerate(wrong, SHOWN)]:
            picture = pictures.held_out[place].movedim(0, -1)
            axes = grid[row, column]
            axes.imshow(picture.expand(-1, -1, 3).numpy(), interpolation="nearest")
            chance = float(said[place])
            axes.set_title(f"yes {chance:.0%}" if chance > 0.5 else f"no {1 - chance:.0%}", fontsize=8, pad=2)
            if column >= SHOWN:
                axes.title.set_color(plots.COLORS[0])
        grid[row, 0].text(-0.15, 0.5, plain(tag), transform=grid[row, 0].transAxes, ha="right", va="center", fontsize=9)
    figure.suptitle("surest and right (left), surest and wrong (right, red)", fontsize=10)
    return plots.save(figure, folder / "plots" / "surest-data.png")


def surest(logits: Tensor, wanted: Tensor, count: int = SHOWN) -> tuple[Tensor, list[int], list[int]]:
    """The probabilities [N] of logits [N], and the places of the `count` surest right and wrong answers, the surest first."""
    right = (logits > 0) == wanted.bool()
    order = logits.abs().argsort(descending=True)
    places = [[int(place) for place in order if bool(right[place]) == side][:count] for side in (True, False)]
    return torch.sigmoid(logits.double()), places[0], places[1]


def plain(tag: str) -> str:
    """A tag as matplotlib shows it as it is: between two dollar signs it would read a formula."""
    return tag.replace("$", r"\$")
