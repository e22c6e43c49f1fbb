"""The page of the laboratory: ranking, cross-score table, weights, and the grid of pictures, in one file."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from alebrije.core import page, plots
from alebrije.style.lab.against_sheet import against_section
from alebrije.style.lab.config import SAME_AS, family
from alebrije.style.lab.findings import Findings
from alebrije.style.lab.judging import CONTENT_SCORES, JUDGES
from alebrije.style.lab.matching import TOLERANCE
from alebrije.style.lab.painting import FAILING, Painting
from alebrije.style.lab.ranking import Place, Table, agreement, means, without_own
from alebrije.style.lab.thumbnails import image_tag, thumbnail

CSS = """<style>
body { max-width: 1320px; }
.cross { font-size: .84rem; }
.cross td, .cross th { padding: .25rem .5rem .25rem .3rem; text-align: right; }
.cross td:first-child, .cross th:first-child { text-align: left; white-space: nowrap; }
.cross th { vertical-align: bottom; }
.own { color: var(--soft); opacity: .55; background: var(--line); }
.least { font-weight: 700; color: var(--accent); }
.far { border-left: 3px solid var(--line); }
.pair { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: .8rem; align-items: start; }
.given { border: 3px solid var(--soft); }
h3 { margin: 1.6rem 0 .5rem; }
</style>"""


def write_sheet(found: Findings, side: int) -> Path:
    """Write index.html into the folder of `found`, pictures with at most `side` pixels a side; returns its path."""
    ranking, voted = found.ranking(), found.voted()
    parts = [CSS, page.heading("The style laboratory", 1), page.paragraph(_what(found))]
    parts += [page.paragraph(notice) for notice in found.notices]
    parts += [page.heading("Ranking"), *_ranking(found, ranking, voted)]
    if compared := found.against():
        parts += [page.heading("Against gram, at equal content"), *against_section(found, compared)]
    parts += [page.heading("Who judges whom"), *_cross(found)]
    parts += [page.heading("Weights"), *_weights(found)]
    parts += [page.heading("Pictures"), *_pictures(found, side)]
    if found.failed:
        parts += [page.heading("Not painted"), page.table(found.failed)]
    parts += [page.heading("Settings"), page.table(found.config.model_dump(mode="json"))]
    return page.write_page(found.folder / "index.html", "Alebrije: the style laboratory", parts)


def _what(found: Findings) -> str:
    pairs = "one pair" if len(found.pairs) == 1 else f"{len(found.pairs)} pairs"
    missing = len(found.pairs) * len(found.painters) - len(found.paintings)
    eyes = f"{', '.join(found.layers)}" + ("" if found.config.judge == found.config.features else f" of {found.config.judge}")
    if found.config.match == "content":
        given = (
            f"the style weight with which its picture is as far from the content (within {TOLERANCE:.0%}) as that of gram "
            f"with {found.config.style_weight:g}"
        )
        limits = "Nobody is nearer to the style because he left the content sooner."
    else:
        given = (
            f"a style weight with which the style pulls as hard on it at the start as on gram with {found.config.style_weight:g}"
        )
        limits = (
            "Equal at the start is not equal to the end: a loss that falls steeply at first pulls less later, which shows in a "
            "small content distance; --match content makes that equal."
        )
    return (
        f"{len(found.painters)} painters, each with a style loss of its own, have painted {pairs} of a content "
        f"and a style with {found.config.features}" + (f" ({missing} pictures are missing)" if missing else "") + ". All "
        f"have the same other settings, and each {given}. Scores are distances from the style on layers that nobody optimised: "
        f"{eyes}. {limits}"
    )


def _ranking(found: Findings, ranking: Sequence[Place], voted: Sequence[Place]) -> Iterable[str]:
    if not ranking:
        yield page.paragraph("There is nothing to rank yet.")
        return
    votes = {place.painter: place for place in voted}
    rows = [
        [place.painter, _interval(place), place.count, *([_interval(votes.get(place.painter))] if voted else [])]
        for place in ranking
    ]
    yield page.grid(["painter", "mean rank by scores", "pairs", *(["mean rank by votes"] if voted else [])], rows, best=0)
    chart = ranking_chart(ranking, voted, found.folder / "ranking.png")
    yield page.figures({chart: "mean ranks with their 95 % intervals; 1 is the best"}, 760)
    yield page.paragraph(
        "For each pair, every judge puts the painters in order, leaving out those of its own family, and its ranks are stretched "
        "to the same 1 to N. A painter's rank is the mean over judges and pairs; in brackets the 95 % bootstrap interval over "
        "pairs" + (", for votes over ballots." if voted else ".")
        + (" One pair leaves nothing to draw from, so there are no intervals yet." if len(found.pairs) == 1 else ""),
        soft=True)  # fmt: skip
    if found.votes is not None:
        alike = agreement(ranking, voted)
        words = "cannot be told" if alike is None else f"is {alike:.2f} (Spearman; 1: the same order)"
        counted = f"Voters: {found.votes.voters}; pairs that they ranked: {len(found.votes.rows)}"
        yield page.paragraph(f"{counted}. The agreement of votes and scores {words}.")


def _interval(place: Place | None) -> str:
    return "" if place is None else f"{place.rank:.2f} [{place.interval[0]:.2f}, {place.interval[1]:.2f}]"


def ranking_chart(ranking: Sequence[Place], voted: Sequence[Place], path: Path) -> Path:
    """Mean ranks with their intervals as points with bars, the best at the top; returns `path`."""
    figure = plots.new_figure(7.6, 0.9 + 0.3 * len(ranking))
    axes = figure.subplots()
    rows = {place.painter: number for number, place in enumerate(ranking)}
    for places, color, words, off in ((ranking, plots.COLORS[0], "scores", -0.12), (voted, plots.COLORS[1], "votes", 0.12)):
        shown = [place for place in places if place.painter in rows]
        for place in shown:
            axes.plot(place.interval, [rows[place.painter] + off] * 2, color=color, linewidth=2, alpha=0.5)
        if shown:
            axes.plot([one.rank for one in shown], [rows[one.painter] + off for one in shown], "o", color=color, label=words)
    axes.set_yticks(range(len(ranking)), list(rows))
    axes.invert_yaxis()
    axes.set_xlabel("mean rank")
    axes.grid(visible=True, axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    if voted:
        axes.legend(frameon=False)
    return plots.save(figure, path)


def _cross(found: Findings) -> Iterable[str]:
    columns = [*JUDGES, *found.content_scores]
    averages = means(found.table(columns))
    others = without_own(averages[None], found.painters, columns)[0]
    yield cross_table(found.painters, columns, averages, others, found.untouched_means(columns))
    yield page.paragraph(
        "Rows paint, columns judge: the mean over pairs. Less is nearer to the style; 1 is as far as nothing at all. Grey: the "
        "judge uses the statistic that the painter optimised, so it does not count. Coloured: the best of each column. On the "
        "right, how much of the content is left: its distance, which all optimise, SSIM (more is nearer)"
        + (", ST-LPIPS." if found.stlpips else "."), soft=True)  # fmt: skip
    same = [f"{painter} paints with the statistic of {judge}" for painter, judge in SAME_AS.items() if painter in found.painters]
    if same:
        yield page.paragraph(f"{'; '.join(same)}, so one judge stands for both.", soft=True)
    failing = [painter for painter in found.painters if painter in FAILING]
    if failing:
        yield page.paragraph(f"{', '.join(failing)}: here to show why they fail.", soft=True)


def cross_table(
    painters: Sequence[str], columns: Sequence[str], averages: Table, others: Table, untouched: Sequence[float]
) -> str:
    """The table [painters, columns] as HTML; `others` has NaN where a judge is of the painter's own family."""
    best = {}
    for number, name in enumerate(columns):
        known = name not in CONTENT_SCORES and np.isfinite(others[:, number]).any()  # who paints nothing keeps the content best
        best[number] = int(np.nanargmin(others[:, number])) if known else -1
    head = "".join(f"<th{_far(columns, k)}>{html.escape(name)}</th>" for k, name in enumerate(columns))
    lines = []
    for row, painter in enumerate(painters):
        cells = []
        for number, value in enumerate(averages[row]):
            own = family(painter) == columns[number]
            mark = "own" if own else "least" if best[number] == row else ""
            cells.append(f"<td{_far(columns, number, mark)}>{_number(value)}</td>")
        lines.append(f"<tr><td>{html.escape(painter)}</td>{''.join(cells)}</tr>")
    cells = [f"<td{_far(columns, number, 'soft')}>{_number(value)}</td>" for number, value in enumerate(untouched)]
    lines.append(f"<tr><td class=soft>the content, untouched</td>{''.join(cells)}</tr>")
    body = f"<thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return f'<div class=wide><table class="grid cross">{body}</table></div>'


def _far(columns: Sequence[str], number: int, mark: str = "") -> str:
    classes = [mark] if mark else []
    if columns[number] == next(iter(CONTENT_SCORES)):
        classes.append("far")
    return f' class="{" ".join(classes)}"' if classes else ""


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3g}"


def _weights(found: Findings) -> Iterable[str]:
    names = [pair.name for pair in found.pairs]
    weights = {(one.pair.name, one.painter): one.weight for one in found.paintings}
    rows = [[painter, *(weights.get((name, painter)) for name in names)] for painter in found.painters]
    yield page.details("the style weight of every picture", page.grid(["painter", *names], rows))
    if found.config.match == "content":
        distances = {(one.pair.name, one.painter): one.report["content_distance"] for one in found.paintings}
        rows = [[painter, *(distances.get((name, painter)) for name in names)] for painter in found.painters]
        yield page.details("the content distance of every picture", page.grid(["painter", *names], rows))


def _pictures(found: Findings, side: int) -> Iterable[str]:
    by_pair: dict[str, dict[str, Painting]] = {}
    for one in found.paintings:
        by_pair.setdefault(one.pair.name, {})[one.painter] = one
    for pair in found.pairs:
        yield page.heading(f"{pair.content_name} in the manner of {pair.style_name}", 3)
        cells = [_cell(pair.content, f"content: {pair.content_name}", side, given=True),
                 _cell(pair.style, f"style: {pair.style_name}", side, given=True)]  # fmt: skip
        painted = by_pair.get(pair.name, {})
        cells += [_cell(painted[painter].file, painter, side) for painter in found.painters if painter in painted]
        yield f"<div class=pair>{''.join(cells)}</div>"


def _cell(path: Path, words: str, side: int, *, given: bool = False) -> str:
    caption = html.escape(words)
    kind = " class=given" if given else ""
    return f"<figure{kind}>{image_tag(thumbnail(path, side), words)}<figcaption>{caption}</figcaption></figure>"
