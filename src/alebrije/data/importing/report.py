"""report.html of a data set: what was kept, what was left out and why, and which tags go together."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alebrije.core import page, plots
from alebrije.core.image import save
from alebrije.data import contact, index
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.prepare import Samples, prepare, thumbnail_of
from alebrije.data.importing.reasons import REASONS
from alebrije.data.importing.sources import Entry
from alebrije.data.importing.unfinished import CLEANED, THUMBNAILS, Unfinished, shard_name

NAME = "report.html"
KEPT_SHOWN = 96
LISTED = 200  # names in a list of what was left out
BARS_SHOWN = 40  # tags in the histogram
CROSSED = 16  # tags in the table of which goes with which
PAIRED = 60  # tags whose pairs are ranked
PAIRS_SHOWN = 20
OFTEN = 5  # pictures in which a pair that is ranked stands at least

Counts = Mapping[str, int]


def thumbnail(samples: Samples) -> Samples:
    """The thumbnail of a packed picture uint8 [H, W, C]."""
    pixels = torch.from_numpy(samples).movedim(-1, 0)[None].float() / 255
    return thumbnail_of(pixels.expand(1, 3, -1, -1))


def write(work: Unfinished, about: dict[str, Any], others: Sequence[Entry], config: ImportConfig) -> Path:
    """Write report.html into the unfinished folder; `others` are the entries that --tags did not choose. Returns its path."""
    with tempfile.TemporaryDirectory(prefix="alebrije-report-") as scratch:
        folder = Path(scratch)
        parts = [
            page.heading(f"Data set of {about['source']}", 1),
            page.paragraph(f"{about['pictures']:,} pictures of {about['width']}x{about['height']}, "
                           f"{'grey' if about['channels'] == 1 else 'coloured'}; {sum(about['left_out'].values()):,} left out. "
                           "This page holds some of the pictures: mind whose they are before you pass it on."),
            page.table(_numbers(about)),
            page.heading("Kept"), *_kept(work, about, folder),
            *_cleaned(work, folder),
            *_left_out(work, about["left_out"], others, config, folder),
            *_tags(work, about["pictures"], folder),
            page.heading("Settings"), page.table(about["settings"]),
        ]  # fmt: skip
        return page.write_page(work.folder / NAME, f"Alebrije: data set of {about['source']}", parts)


def _numbers(about: dict[str, Any]) -> dict[str, Any]:
    rows = {"pictures": about["pictures"], "tags": about["tags"], "fingerprint": about["fingerprint"]}
    rows |= {f"{kind} bars cut away": count for kind, count in about["bars"].items()}
    named = {"enlarged": "smaller than asked for", "were_gray": "grey in their files", "had_alpha": "laid on white (transparent)"}
    return rows | {words: about[name] for name, words in named.items() if about[name]}


def _sheet(pictures: Samples, path: Path, caption: str, columns: int = 12) -> str:
    """A contact sheet of uint8 [N, H, W, C], as HTML."""
    shown = contact.sheet(torch.from_numpy(pictures).movedim(-1, 1), columns)
    return page.figures({save(shown, path, quality=88): caption}, min(1060, shown.shape[-1]))


def _kept(work: Unfinished, about: dict[str, Any], folder: Path) -> list[str]:
    shown = contact.spread(about["pictures"], KEPT_SHOWN)
    shards: dict[int, Samples] = {}
    found = []
    for position in shown:
        number, place = divmod(position, len(work.buffer))
        shards[number] = shards.get(number, np.load(work.folder / shard_name(number), mmap_mode="r"))
        found.append(shards[number][place])
    caption = f"{len(shown)} of {about['pictures']:,}, evenly spread, as they were packed"
    return [_sheet(np.stack(found), folder / "kept.jpg", caption)]


def _thumbnails(work: Unfinished, reason: str) -> tuple[list[str], list[Samples]]:
    rows = work.connection.execute("SELECT caption, width, samples FROM thumbnails WHERE reason = ?", (reason,)).fetchall()
    return [row[0] for row in rows], [np.frombuffer(row[2], np.uint8).reshape(-1, row[1], 3) for row in rows]


def _cleaned(work: Unfinished, folder: Path) -> list[str]:
    _, pictures = _thumbnails(work, CLEANED)
    if not pictures:
        return []
    caption = f"{len(pictures)} of {work.counts['cleaned']:,}: each before and after"
    return [page.heading("Black bars cut away"), _sheet(np.stack(pictures), folder / "cleaned.jpg", caption, 5)]


def _left_out(
    work: Unfinished, left_out: Counts, others: Sequence[Entry], config: ImportConfig, folder: Path
) -> list[str]:
    parts = [page.heading("Left out")] if left_out else []
    for reason, count in left_out.items():
        parts.append(page.heading(f"{REASONS[reason].words}: {count:,}", 3))
        pictures = _not_chosen(others, config) if reason == "tags" else _thumbnails(work, reason)[1]
        if pictures:
            parts.append(_sheet(np.stack(pictures), folder / f"{reason}.jpg", f"{len(pictures)} of {count:,}"))
        query = "SELECT source, detail FROM left_out WHERE reason = ? LIMIT ?"
        rows = work.connection.execute(query, (reason, LISTED)).fetchall()
        if rows:
            more = f" (the first {LISTED} of {count:,})" if count > LISTED else ""
            parts.append(page.details(f"Their names{more}", page.grid(("picture", "why"), rows)))
    return parts


def _not_chosen(others: Sequence[Entry], config: ImportConfig) -> list[Samples]:
    """Thumbnails of some pictures that --tags did not choose; they are read only now."""
    plain = config.model_copy(update={"bars": "keep", "smaller": "keep"})
    found = (prepare(others[place], plain).samples for place in contact.spread(len(others), THUMBNAILS))
    return [thumbnail(samples) for samples in found if samples is not None]


def _tags(work: Unfinished, count: int, folder: Path) -> list[str]:
    counts = index.tag_counts(work.connection)
    if not counts:
        return []
    cut = f", the {BARS_SHOWN} most frequent of {len(counts):,} tags" if len(counts) > BARS_SHOWN else ""
    shown = f"how many pictures have each tag{cut}"
    parts = [page.heading("Tags"), page.figures({histogram(counts, folder / "tags.png"): shown}, 720)]
    if len(counts) > 1:
        names = list(counts)[:PAIRED]
        together = co_occurrence(np.stack([index.members(work.connection, name, count) for name in names]))
        table = crossed(names[:CROSSED], together[:CROSSED, :CROSSED], folder / "crossed.png")
        parts += [page.heading("Which tags go together"),
                  page.figures({table: "of the pictures with the tag on the left, per cent that have the one above, too"}, 860),
                  page.paragraph("Pairs that stand together more often than by chance, the most striking first (of the "
                                 f"{len(names)} most frequent tags, pairs in at least {OFTEN} pictures):"),
                  page.grid(("tag", "tag", "pictures with both", "times as many as by chance"),
                            _pairs(names, together, count))]  # fmt: skip
    return parts


def histogram(counts: Counts, path: Path) -> Path:
    """Plot how many pictures have each of the most frequent tags; returns `path`. An existing plot is replaced."""
    names = list(counts)[:BARS_SHOWN]
    figure = plots.new_figure(7.0, 0.8 + 0.2 * len(names))
    axes = figure.subplots()
    bars = axes.barh(range(len(names)), [counts[name] for name in names], color=plots.COLORS[1], height=0.75)
    axes.bar_label(bars, [f"{counts[name]:,}" for name in names], padding=3, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.margins(x=0.1)
    axes.set_xlabel("pictures")
    axes.spines[["top", "right"]].set_visible(False)
    return plots.save(figure, path)


def co_occurrence(members: NDArray[np.bool_]) -> NDArray[np.int64]:
    """In how many of N pictures two tags stand together: bool [T, N] -> int64 [T, T]; the diagonal has each tag's own count."""
    found: NDArray[np.int64] = np.rint(members.astype(np.float32) @ members.T.astype(np.float32)).astype(np.int64)
    return found


def crossed(names: Sequence[str], together: NDArray[np.int64], path: Path) -> Path:
    """Plot the share of each tag's pictures that also have each other tag; returns `path`. An existing plot is replaced."""
    shares = together / np.maximum(1, together.diagonal())[:, None]
    figure = plots.new_figure(1.8 + 0.46 * len(names), 1.6 + 0.38 * len(names))
    axes = figure.subplots()
    axes.imshow(shares, cmap=plots.colormap(), vmin=0, vmax=1, aspect="auto")
    for row in range(len(names)):
        for column in range(len(names)):
            if row != column:
                ink = "white" if shares[row, column] > 0.7 else "#222222"
                axes.text(column, row, f"{100 * shares[row, column]:.0f}", ha="center", va="center", color=ink, fontsize=8)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="left", rotation_mode="anchor", fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.spines[:].set_visible(False)
    return plots.save(figure, path)


def _pairs(names: Sequence[str], together: NDArray[np.int64], count: int) -> list[tuple[str, str, int, float]]:
    """The pairs of tags with the highest lift, P(both) / (P(one) P(other)); above 1 they attract each other."""
    own = together.diagonal().astype(np.float64)
    lift = together * count / np.maximum(1.0, np.outer(own, own))
    rows, columns = np.triu_indices(len(names), 1)
    often = together[rows, columns] >= OFTEN
    rows, columns = rows[often], columns[often]
    order = np.argsort(-lift[rows, columns], kind="stable")[:PAIRS_SHOWN]
    return [(names[row], names[column], int(together[row, column]), float(lift[row, column]))
            for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True)]  # fmt: skip
