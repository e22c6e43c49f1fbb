"""The figures of a test report: true beside answered sigmas, and sample hybrids made as labelled and as answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alebrije.core import plots
from alebrije.core.image import resize, save, scaled_size
from alebrije.data.pairs import REFERENCE, Label
from alebrije.hybrid.blend import blend
from alebrije.hybrid.pairs.labelling import USUAL
from alebrije.hybrid.planning.answers import SMALLEST, Answers, answered_roles
from alebrije.hybrid.views import view

TRUE, RIGHT, WRONG = "#cfc8ba", plots.COLORS[1], plots.COLORS[0]
SAMPLE_SIDE = 336  # pixels: twice as many as a sample is wide on the page
NARROWEST = 0.12  # share of the figure's width that few bars get at least: a title fits above it


def sigma_bars(answers: Answers, labels: Sequence[Label], path: Path) -> Path:
    """Bars of true (wide, pale) and answered (narrow) sigmas in px at width 224; returns `path`.

    One row for the first picture of each pair and one for the second; pairs with the right role to the left, those with
    the wrong one to the right, each by growing true sigma.
    """
    true = np.array([(label.sigma_first, label.sigma_second) for label in labels])
    told = answers.sigmas.detach().cpu().numpy()
    right = answered_roles(answers).numpy() == np.array([label.low for label in labels])
    sides = [side for side in ((right, "right role", RIGHT), (~right, "wrong role", WRONG)) if side[0].any()]
    shares = [max(NARROWEST, float(mask.mean())) for mask, _, _ in sides]
    figure = plots.new_figure(12.0, 6.4)
    grid = figure.subplots(2, len(sides), sharey="row", squeeze=False, gridspec_kw={"width_ratios": shares})
    for row, which in enumerate(("first", "second")):
        for column, (mask, title, color) in enumerate(sides):
            axes = grid[row][column]
            order = np.argsort(true[mask, row], kind="stable")
            _bars(axes, true[mask, row][order], told[mask, row][order], color)
            if row == 0:
                axes.set_title(f"{title}: {int(mask.sum())}", loc="left", fontsize=11, color=color, fontweight="bold")
            if column == 0:
                axes.set_ylabel(f"sigma of the {which} picture, px")
    figure.supxlabel("pairs, by growing true sigma: the pale bar is true, the narrow one is answered", fontsize=10)
    return plots.save(figure, path)


def _bars(axes: Any, true: NDArray[Any], told: NDArray[Any], color: str) -> None:
    places = np.arange(len(true))
    # Bars of hundreds of pairs are a pixel or two wide: gaps between them would flicker.
    axes.bar(places, true, width=0.9 if len(true) <= 60 else 1.0, color=TRUE, linewidth=0)
    axes.bar(places, told, width=0.42, color=color, linewidth=0)
    axes.set_xlim(-0.7, len(true) - 0.3)
    axes.set_xticks([])
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, axis="y", alpha=0.25)
    axes.set_axisbelow(True)


def chosen_samples(octaves: NDArray[Any], right: NDArray[Any], count: int) -> list[int]:
    """Which pairs to show, by their errors [N, 2] in octaves: evenly from the best to the worst, of right roles and of
    wrong ones, at most half of them wrong. Right ones first; indices into the pairs."""
    error = octaves.mean(axis=1)
    order = np.argsort(error, kind="stable")
    good, bad = ([int(index) for index in order if right[index] == wanted] for wanted in (True, False))
    wrong = min(len(bad), max(count // 2, count - len(good)))
    return _spread(good, count - wrong) + _spread(bad, wrong)


def _spread(items: list[int], count: int) -> list[int]:
    if len(items) <= count:
        return items
    return [items[round(place * (len(items) - 1) / max(1, count - 1))] for place in range(count)]


def sample_pictures(pair: Tensor, true: Label, told: Label, stem: Path) -> Mapping[Path, str]:
    """Make and write the hybrids of a pair, as labelled and as answered, and what is seen of them: path -> caption.

    `pair` is [2, 3, H, W] in [0, 1]; sigmas of the labels are at width 224. Six JPEGs: the two pictures, the true hybrid from
    near and from far, the answered one from near and from far.
    """
    pair = resize(pair, scaled_size((pair.shape[-2], pair.shape[-1]), min(SAMPLE_SIDE, max(pair.shape[-2:]))))
    shown = {"first picture": pair[:1], "second picture": pair[1:]}
    for name, label in (("labelled", true), ("answered", told)):
        crossed = hybrid(pair, label)
        for where, distance in (("near", USUAL.near), ("far", USUAL.far)):
            shown[f"{name}, from {where}"] = view(crossed, USUAL.width, distance, USUAL.near)
    files = {stem.with_name(f"{stem.name}-{caption.replace(', from', '').replace(' ', '-')}.jpg"): caption for caption in shown}
    return {save(shown[caption], path, force=True): caption for path, caption in files.items()}


def in_words(label: Label) -> str:
    """A label for people: which one is seen from afar, and both blurs."""
    sigmas, names = (label.sigma_first, label.sigma_second), ("first", "second")
    low, high = label.low, 1 - label.low
    return f"from afar the {names[low]} ({sigmas[low]:.1f} px), from near the {names[high]} ({sigmas[high]:.1f} px)"


def hybrid(pair: Tensor, label: Label) -> Tensor:
    """The hybrid [1, 3, H, W] that a label asks for; sigmas below `SMALLEST` are taken for it, as in the scores."""
    scale = pair.shape[-1] / REFERENCE
    sigmas = [max(SMALLEST, sigma) * scale for sigma in (label.sigma_first, label.sigma_second)]
    low, high = label.low, 1 - label.low
    return blend(pair[low][None], pair[high][None], sigmas[low], sigmas[high])


def answered_labels(answers: Answers) -> list[Label]:
    """Answers as labels, sigmas in px at width 224."""
    roles = answered_roles(answers).tolist()
    sigmas = answers.sigmas.detach().cpu().to(torch.float64).tolist()
    return [Label(role, first, second) for role, (first, second) in zip(roles, sigmas, strict=True)]
