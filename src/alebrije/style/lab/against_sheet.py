"""The part of the laboratory's page that sets every painter against gram, and shows where the difference comes from."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alebrije.core import page, plots
from alebrije.core.statistics import spearman, wilson
from alebrije.style.lab.comparison import MARGIN, NEUTRAL, Comparison, sign_test
from alebrije.style.lab.config import COOCCURRENCE, REFERENCE_PAINTER
from alebrije.style.lab.findings import Findings
from alebrije.style.lab.judging import DISTANCES, at_distance
from alebrije.style.lab.reach import SHARE

SPATIAL = "shifted"  # the judge of space
LOOKING_AROUND = (f"{COOCCURRENCE}-pairwise", "shifted", "contextual")  # painters that see where things are, the first is shown
FEWEST_STYLES = 3  # for a correlation


def against_section(found: Findings, compared: Sequence[Comparison]) -> Iterable[str]:
    """Counts with intervals, the pairs one by one, and the gain over the reach of the style's structure."""
    yield page.grid(
        ["painter", "no worse", "better", "worse", "sign test", "ratio of scores", *NEUTRAL],
        [_row(one) for one in sorted(compared, key=lambda one: one.ratio)], best=0,
    )  # fmt: skip
    yield page.paragraph(
        f"At equal content distance, is a painter's picture nearer to the style than gram's? The ratio is that of its scores to "
        f"gram's, the geometric mean over the judges {', '.join(NEUTRAL)} without the painter's own: below 1 it is nearer. No "
        f"worse: at most {1 + MARGIN:g}; better: more than {MARGIN:.0%} below 1; in brackets 95 % intervals (Wilson for shares, "
        "bootstrap over pairs for ratios). The judges gram, cooccurrence, wasserstein, bn and both mmd share means or second "
        "moments with one of the two, so they are left out here. The sign test says how likely so uneven a split is by chance.",
        soft=True)  # fmt: skip
    for one in compared:
        if one.apart:
            yield page.paragraph(f"{one.painter}: not counted (content not equal, or a picture missing): {', '.join(one.apart)}.")
    yield page.details("the ratio of every pair", "".join(_pairs(one) for one in compared))
    shown = next((one for name in LOOKING_AROUND for one in compared if one.painter == name and SPATIAL in one.judges), None)
    if shown:
        yield from _over_distance(found, shown)
        if len(found.reach) >= FEWEST_STYLES:
            yield from _where(found, shown)


def _over_distance(found: Findings, one: Comparison) -> Iterable[str]:
    """The ratio of the painter's scores to gram's at each distance, by style."""
    columns = [at_distance(distance) for distance in DISTANCES]
    table = found.table(columns)
    ours, theirs = (table[:, found.painters.index(name)] for name in (one.painter, REFERENCE_PAINTER))
    lines: dict[str, list[Any]] = {}
    with np.errstate(divide="ignore", invalid="ignore"):  # a picture that is the style, one too small for the distance
        table = np.log(ours) - np.log(theirs)
    for pair, ratios in zip(found.pairs, table, strict=True):
        if pair.name in one.pairs:
            lines.setdefault(pair.style_name, []).append(ratios)
    chart = distance_chart({style: np.exp(np.mean(rows, 0)).tolist() for style, rows in lines.items()},
                           np.exp(np.mean([row for rows in lines.values() for row in rows], 0)).tolist(),
                           one.painter, found.folder / "distances.png")  # fmt: skip
    yield page.figures({chart: f"{one.painter} against gram, by shifted Gram matrices of one distance each"}, 760)
    yield page.paragraph(
        "At which distances the structure is right: how far the channels that fire together at two positions so far apart are "
        "from those of the style, over the same for gram; below 1 the painter is nearer. At a distance of 0 it is gram's own "
        "statistic, on other layers.", soft=True)  # fmt: skip


def distance_chart(by_style: Mapping[str, Sequence[float]], overall: Sequence[float], painter: str, path: Path) -> Path:
    """Ratios over `DISTANCES`, a thin line for each style and a thick one for all; returns `path`."""
    figure = plots.new_figure(7.6, 3.8)
    axes = figure.subplots()
    for number, (style, ratios) in enumerate(by_style.items()):
        axes.plot(ratios, "o-", color=plots.COLORS[number % len(plots.COLORS)], linewidth=1.2, markersize=4, label=style)
    axes.plot(overall, color="#222222", linewidth=3, label="all")
    axes.axhline(1, color="#888888", linewidth=1)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    axes.set_xticks(range(len(DISTANCES)), list(map(str, DISTANCES)))
    axes.set_xlabel("distance in positions of the layer")
    axes.set_ylabel(f"{painter} / gram")
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return plots.save(figure, path)


def _row(one: Comparison) -> list[str | None]:
    count, worse = len(one.pairs), len(one.pairs) - one.no_worse
    shares = [f"{number} of {count} [{low:.0%}, {high:.0%}]"
              for number in (one.no_worse, one.better) for low, high in [wilson(number, count)]]  # fmt: skip
    by_judge = one.by_judge()
    judges = [f"{by_judge[name]:.3f}" if name in by_judge else None for name in NEUTRAL]
    interval = f"{one.ratio:.3f} [{one.interval[0]:.3f}, {one.interval[1]:.3f}]"
    return [one.painter, *shares, str(worse), f"p = {sign_test(one.better, worse):.2g}", interval, *judges]


def _pairs(one: Comparison) -> str:
    rows = [
        [pair, *(f"{math.exp(value):.3f}" for value in (mean, *row))]
        for pair, mean, row in zip(one.pairs, one.means, one.ratios, strict=True)
    ]
    return page.heading(f"{one.painter} against {REFERENCE_PAINTER}", 3) + page.grid(["pair", "all", *one.judges], rows)


def _where(found: Findings, one: Comparison) -> Iterable[str]:
    styles = {pair.name: pair.style_name for pair in found.pairs}
    gains = dict(zip(one.pairs, np.exp(one.ratios[:, one.judges.index(SPATIAL)]).tolist(), strict=True))
    chart = reach_chart(gains, styles, found.reach, one.painter, found.folder / "reach.png")
    yield page.figures({chart: f"{one.painter} against gram by the judge of space, over the reach of the style's structure"}, 760)
    by_style = [(found.reach[name], float(np.exp(np.mean([math.log(gains[pair]) for pair in gains if styles[pair] == name]))))
                for name in found.reach if any(styles[pair] == name for pair in gains)]  # fmt: skip
    words = f"Over {len(by_style)} styles Spearman's correlation is {spearman(*zip(*by_style, strict=True)):.2f}. " \
        if len(by_style) >= FEWEST_STYLES else ""  # fmt: skip
    yield page.paragraph(
        f"Reach: the share of the style's centred channel correlations that is left at a distance of {SHARE:.3g} of its longer "
        f"side, more than a brush stroke, on the judges' layers. {words}A dot is a pair, a bar the mean of a style.",
        soft=True)  # fmt: skip


def reach_chart(
    gains: Mapping[str, float], styles: Mapping[str, str], reach: Mapping[str, float], painter: str, path: Path
) -> Path:
    """Ratios of scores `gains` (pair -> ratio) over the reach of each pair's style; returns `path`."""
    figure = plots.new_figure(7.6, 3.8)
    axes = figure.subplots()
    span = max(reach.values()) - min(reach.values()) or 1.0
    for number, (style, where) in enumerate(reach.items()):
        values = [gains[pair] for pair in gains if styles[pair] == style]
        if not values:
            continue
        color = plots.COLORS[number % len(plots.COLORS)]
        middle = math.exp(sum(map(math.log, values)) / len(values))
        axes.plot([where] * len(values), values, "o", color=color, alpha=0.6, label=style)
        axes.plot([where - 0.02 * span, where + 0.02 * span], [middle] * 2, color=color, linewidth=2.5)
    axes.axhline(1, color="#888888", linewidth=1)
    axes.set_xlabel("reach of the style's structure")
    axes.set_ylabel(f"{SPATIAL}: {painter} / gram")
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return plots.save(figure, path)
