"""Pairs to look at: both pictures, and the hybrid that their label makes of them, from near and from far."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from alebrije.core import page
from alebrije.core.files import check_writable
from alebrije.core.image import resize, save, scaled_size, to_uint8
from alebrije.data.pairs import Pair, PairSet, load_pair
from alebrije.errors import ConfigError, Interrupted, PictureError
from alebrije.events import Done, Events, Saved, Started, Step, Warned
from alebrije.hybrid.blend import blend, to_sigma
from alebrije.hybrid.observer import Viewing
from alebrije.hybrid.pairs.labelling import from_label
from alebrije.hybrid.views import view

SIDE = 256  # pixels, the longer side of each picture
COLUMNS = ("first", "second", "from near", "from far")
GAP, CAPTION = 8, 22  # pixels between pictures, and of the line below them
INK, PAPER = (40, 40, 40), (255, 255, 255)
KINDS = (".png", ".html")
LARGEST = 40  # rows of a sheet of pixels


@dataclass(frozen=True, slots=True)
class Sheet:
    """What `show` wrote: the file, and how many pairs are on it."""

    path: Path
    count: int


def show(found: PairSet, path: Path, viewing: Viewing, *, limit: int = LARGEST, force: bool = False) -> Events:
    """Write a sheet of the first `limit` pairs, a PNG or a self-contained HTML page by the suffix of `path`.

    Each row has both pictures of a pair and, if it has a label, its hybrid as seen from near and from far. A pair that
    cannot be read is named and left out; after `Interrupted` the rows so far are written. Ends with `Done(Sheet)`.
    Raises `ConfigError` for another suffix or no rows, and `OutputError`.
    """
    if path.suffix.lower() not in KINDS:
        raise ConfigError(f"pairs are shown in a picture or on a page: name the file {path.with_suffix('.png')} or .html")
    if limit < 1:
        raise ConfigError(f"a sheet has 1 pair or more, not {limit}")
    check_writable(path, force=force)
    pairs, rows, interrupted = found.pairs[:limit], list[tuple[str, list[Tensor]]](), False
    if len(pairs) < len(found.pairs):
        yield Warned(f"the first {len(pairs)} of {len(found.pairs)} pairs are shown: -n shows more")
    try:
        yield Started("showing pairs", len(pairs))
        for index, pair in enumerate(pairs, 1):
            try:
                rows.append((in_words(pair, found.reference), _row(pair, found.reference, viewing)))
            except PictureError as error:
                yield Warned(f"left out: {error}")
            yield Step(index, len(pairs))
    except Interrupted:
        interrupted = True
    if path.suffix.lower() == ".html":
        _write_page(found, path, rows)
    else:
        save(_draw(rows), path, force=force)
    yield Saved(path)
    yield Done(Sheet(path, len(rows)), interrupted=interrupted)


def in_words(pair: Pair, reference: int) -> str:
    """A pair and its label in one line."""
    names = f"{pair.number}: {pair.first.name}, {pair.second.name}"
    if pair.label is None:
        return f"{names}; no label yet"
    low, *cycles = from_label(pair.label, reference)
    return f"{names}; {low} from afar, cut-offs {cycles[0]:.1f} and {cycles[1]:.1f}"


def _row(pair: Pair, reference: int, viewing: Viewing) -> list[Tensor]:
    """First, second, and with a label the hybrid from near and from far, each [1, 3, h, w] and at most 256 a side."""
    first, second = load_pair(pair)
    pictures = [first, second]
    if pair.label is not None:
        low, *cycles = from_label(pair.label, reference)
        order = (first, second) if low == "first" else (second, first)
        hybrid = blend(*order, *(to_sigma(one, first.shape[-1]) for one in cycles))
        pictures += [view(hybrid, viewing.width, distance, viewing.near) for distance in (viewing.near, viewing.far)]
    return [resize(one, scaled_size((one.shape[-2], one.shape[-1]), SIDE)) for one in pictures]


def _draw(rows: Sequence[tuple[str, list[Tensor]]]) -> Tensor:
    """The rows below each other on white, with their captions: [1, 3, H, W]."""
    heights = [max((picture.shape[-2] for picture in pictures), default=0) + CAPTION + GAP for _, pictures in rows]
    canvas = Image.new("RGB", (GAP + len(COLUMNS) * (SIDE + GAP), CAPTION + GAP + sum(heights)), PAPER)
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for column, name in enumerate(COLUMNS):
        pen.text((GAP + column * (SIDE + GAP), GAP // 2), name, INK, font)
    top = CAPTION
    for (caption, pictures), height in zip(rows, heights, strict=True):
        for column, picture in enumerate(pictures):
            canvas.paste(Image.fromarray(to_uint8(picture)), (GAP + column * (SIDE + GAP), top))
        pen.text((GAP, top + height - CAPTION - GAP // 2), caption, INK, font)
        top += height
    return torch.from_numpy(np.asarray(canvas).transpose(2, 0, 1)[None].astype(np.float32) / 255)


def _write_page(found: PairSet, path: Path, rows: Sequence[tuple[str, list[Tensor]]]) -> None:
    labelled = sum(pair.label is not None for pair in found.pairs)
    with tempfile.TemporaryDirectory() as folder:
        parts = [
            page.heading(f"Pairs: {found.folder.name}", 1),
            page.paragraph(f"{len(found.pairs)} pairs, {labelled} with a label. Cut-offs in cycles per image width."),
            *_figures(rows, Path(folder)),
        ]
        page.write_page(path, f"Pairs: {found.folder.name}", parts)


def _figures(rows: Sequence[tuple[str, list[Tensor]]], folder: Path) -> Iterator[str]:
    for index, (caption, pictures) in enumerate(rows):
        files = {}
        for name, picture in zip(COLUMNS, pictures, strict=False):
            files[save(picture, folder / f"{index}-{name.replace(' ', '-')}.jpg", quality=92)] = name
        yield page.paragraph(caption)
        yield page.figures(files, SIDE)
