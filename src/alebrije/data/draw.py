"""Drawn creatures (alebrijes) and paintings: an endless set of pictures that belong to nobody, each known by its seed.

A creature is geometry: the same seed is the same animal at 64 and at 4096 pixels, and its line sketch has the same
contours. The parts are in `alebrije.data.drawing`.

    drawing = creature(7, 256)
    drawing.image, drawing.sketch, drawing.tags
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from alebrije.config import choose
from alebrije.core.files import atomic, check_writable
from alebrije.data.drawing.canvas import Layer, render
from alebrije.data.drawing.creature import assemble, place
from alebrije.data.drawing.landscape import gradient, landscape
from alebrije.data.drawing.painting import PAINTINGS
from alebrije.data.drawing.traits import TAGS, Traits, draw_traits
from alebrije.errors import ConfigError, Interrupted, OutputError
from alebrije.events import Done, Events, Saved, Started, Step

__all__ = ["BACKGROUNDS", "PAINTINGS", "TAGS", "Drawing", "DrawnSet", "creature", "painting", "write"]

BACKGROUNDS = ("auto", "white", "landscape")
SEEDS_PER_SET = 1_000_000


@dataclass(frozen=True)
class Drawing:
    """A creature: `image` float32 [1, 3, H, W] in [0, 1]; `tags`, one a category, in the order of `TAGS`."""

    image: Tensor
    tags: tuple[str, ...]
    seed: int
    layers: tuple[Layer, ...] = field(repr=False)

    @cached_property
    def sketch(self) -> Tensor:
        """The same contours in black on white: float32 [1, 1, H, W] in [0, 1], drawn when first asked for."""
        height, width = self.image.shape[-2:]
        return _tensor(render(self.layers, width, height, sketch=True).convert("L"))


@dataclass(frozen=True)
class DrawnSet:
    """What `write` made: `count` pictures in `folder`, described line by line in `metadata`."""

    folder: Path
    count: int
    metadata: Path


def creature(seed: int, size: int | tuple[int, int] = 256, *, background: str = "auto") -> Drawing:
    """Draw the creature with this seed; `size` is the side of a square or (height, width), in pixels.

    The creature fills the middle square of the canvas and never touches its edge. `background` is ``white``,
    ``landscape`` or ``auto`` (the seed decides); it changes what is behind the creature, never the creature.
    Raises `ConfigError` for a size below 1 or an unknown background.
    """
    height, width = _size(size)
    traits, layers = _compose(seed, width, height, background)
    return Drawing(_tensor(_paint(traits, layers, width, height)), traits.tags, seed, layers)


def painting(seed: int, size: int | tuple[int, int] = 768, kind: str = "swirl") -> Tensor:
    """Paint a country under a turning sky: float32 [1, 3, H, W] in [0, 1].

    `size` is a side or (height, width) in pixels. `kind` is one of `PAINTINGS`: ``swirl`` (thick curved brush strokes),
    ``mosaic`` (stones in mortar) or ``woodcut`` (few inks under bold lines). The seed chooses layout, mood and
    strokes. Raises `ConfigError` for a size below 1 or an unknown kind.
    """
    height, width = _size(size)
    choose("painting", kind, PAINTINGS)
    factor = max(1, min(8, -(-512 // min(height, width)), int((2**24 / (width * height)) ** 0.5)))
    image = PAINTINGS[kind](seed, (factor * width, factor * height))
    return _tensor(image.reduce(factor) if factor > 1 else image)


def write(folder: Path, count: int, *, size: int | tuple[int, int] = 256, seed: int = 0, sketches: bool = False,
          background: str = "auto", force: bool = False) -> Events:
    """Write `count` creatures as ``000000.png`` ... with ``metadata.jsonl`` (id, file, tags, seed; sketch) beside them.

    Picture number k has the creature seed ``seed * 1_000_000 + k``: a larger set begins with the smaller one, and
    sets with different seeds have nothing in common. `folder` is made if its parent exists; with `sketches` the line
    drawings go to ``folder/sketches``. Yields `Started`, a `Step` a picture, `Saved`, and last `Done(DrawnSet)`; after
    `Interrupted` the pictures drawn so far are listed and kept. Raises `ConfigError` for a bad size, count or
    background, and `OutputError` if the folder cannot be written or already holds a set and `force` is not given.
    """
    height, width = _size(size)
    choose("background", background, BACKGROUNDS)
    if not 0 <= count <= SEEDS_PER_SET:
        raise ConfigError(f"count: a set has 0 to {SEEDS_PER_SET} creatures, got {count}")
    metadata = folder / "metadata.jsonl"
    _make(folder)
    check_writable(metadata, force=force)
    if sketches:
        _make(folder / "sketches")
    lines: list[str] = []
    interrupted = False
    try:
        yield Started("drawing creatures", count)
        for k in range(count):
            lines.append(_write_one(folder, k, seed * SEEDS_PER_SET + k, (width, height), sketches, background, force))
            yield Step(k + 1, count)
    except Interrupted:
        interrupted = True
    with atomic(metadata, force=force) as temporary:
        temporary.write_text("".join(lines), encoding="utf-8")
    yield Saved(metadata)
    yield Done(DrawnSet(folder, len(lines), metadata), interrupted=interrupted)


def _write_one(folder: Path, k: int, seed: int, size: tuple[int, int], sketches: bool, background: str,
               force: bool) -> str:
    """Write picture number `k`, and its sketch; its line of the metadata."""
    traits, layers = _compose(seed, *size, background)
    name = f"{k:06d}.png"
    entry = {"id": k, "file": name, "tags": traits.tags, "seed": seed}
    with atomic(folder / name, force=force) as temporary:
        _paint(traits, layers, *size).save(temporary)
    if sketches:
        entry["sketch"] = f"sketches/{name}"
        with atomic(folder / "sketches" / name, force=force) as temporary:
            render(layers, *size, sketch=True).convert("L").save(temporary)
    return json.dumps(entry) + "\n"


def _compose(seed: int, width: int, height: int, background: str) -> tuple[Traits, tuple[Layer, ...]]:
    """The traits of the creature and all layers of its picture, the farthest first."""
    traits = draw_traits(seed, choose("background", background, BACKGROUNDS))
    shapes, ink, lifted = assemble(seed, traits)
    if traits.background == "white":
        return traits, (place(shapes, ink, lifted, on_ground=False),)
    short = min(width, height)
    behind = landscape(seed, traits.scenery, traits.sky, traits.facing, width / short, height / short)
    return traits, (behind, place(shapes, ink, lifted, on_ground=True))


def _paint(traits: Traits, layers: tuple[Layer, ...], width: int, height: int) -> Image.Image:
    return render(layers, width, height, sky=gradient(traits.sky) if traits.background == "landscape" else None)


def _size(size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(height, width) < 1:
        raise ConfigError(f"size: a picture has at least 1 pixel a side, got {width}x{height}")
    return height, width


def _tensor(image: Image.Image) -> Tensor:
    pixels = np.atleast_3d(np.asarray(image))
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise OutputError(f"cannot write to {folder}: make its parent first with mkdir -p {folder.parent}") from None
    except OSError as error:
        raise OutputError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
