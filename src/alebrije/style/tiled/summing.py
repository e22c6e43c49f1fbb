"""Sums over all pieces of a picture, and their gradient, with one piece's features in memory at a time.

The sums are found without remembering anything; when the gradient comes back, each piece is looked at once more. That is a third
more work for the network, and it is what makes memory independent of the picture's size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alebrije.features import Extractor
from alebrije.style.tiled.additive import Piece, Size, Sums
from alebrije.style.tiled.geometry import Reach, Tile, cut, halo, source, spans, window

Pieces = Mapping[str, Piece]
Adding = Callable[[Pieces, int], Mapping[str, Sums]]  # what the piece of this number adds, by name


class Tiling(NamedTuple):
    """How a picture is cut: pieces of `side` pixels; `margin` mirrored pixels around the picture, or, with none, its endless
    repetition; `neighbours` positions beside each piece's own in every layer."""

    extractor: Extractor
    layers: Mapping[str, Reach]
    side: int
    margin: int
    neighbours: int = 0

    def tiles(self, size: Size) -> list[Tile]:
        """The pieces of a picture of this height and width, margin included."""
        beyond, grid = halo(self.layers.values(), self.neighbours), max(reach.stride for reach in self.layers.values())
        axes = (spans(length + 2 * self.margin, self.side, beyond, grid, wrap=not self.margin) for length in size)
        rows, columns = axes
        return [Tile(row, column) for row in rows for column in columns]

    def size_of(self, layer: str, size: Size) -> Size:
        """Height and width of a layer for a picture of this size, margin left out."""
        stride = self.layers[layer].stride
        height, width = ((length + 2 * self.margin) // stride - 2 * (self.margin // stride) for length in size)
        return height, width

    def look(self, pixels: Tensor, tile: Tile, size: Size) -> dict[str, Piece]:
        """What a piece with these pixels counts in each layer of a picture of this size."""
        taps, found = self.extractor(pixels), {}
        for layer, reach in self.layers.items():
            rows, columns = (
                window(span, length + 2 * self.margin, reach.stride, self.margin, self.neighbours)
                for span, length in zip(tile, size, strict=True)
            )
            height, width = taps[layer].shape[2:]
            seen = cut(taps[layer], rows.low, height - rows.high, columns.low, width - columns.high)
            beside = (rows.before, rows.after, columns.before, columns.after)
            found[layer] = Piece(seen, beside, (rows.place, columns.place), self.size_of(layer, size))
        return found

    def sums(self, image: Tensor, adding: Adding) -> dict[str, Sums]:
        """The sums over all pieces of a picture [1, 3, H, W] of what `adding` finds in each, by name, in float64 where the
        device has it. Gradients flow to the picture."""
        work = _Work(self, adding)
        flat = list(_Summed.apply(image, work))  # type: ignore[no-untyped-call]
        return {name: tuple(flat.pop(0) for _ in range(count)) for name, count in work.counts.items()}


@dataclass(slots=True)
class _Work:
    """What is summed, and how many tensors each name has."""

    tiling: Tiling
    adding: Adding
    counts: dict[str, int] = field(default_factory=dict)

    def of(self, pixels: Tensor, number: int, tile: Tile, size: Size) -> list[Tensor]:
        found = self.adding(self.tiling.look(pixels, tile, size), number)
        self.counts = {name: len(sums) for name, sums in found.items()}
        return [one for sums in found.values() for one in sums]


class _Summed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, image: Tensor, work: _Work) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(image)
        ctx.work = work
        size = (image.shape[2], image.shape[3])
        exact = torch.float32 if image.device.type == "mps" else torch.float64
        totals: list[Tensor] = []
        for number, tile in enumerate(work.tiling.tiles(size)):
            found = work.of(_pixels(image, _places(tile, size, work.tiling)), number, tile, size)
            totals = totals or [torch.zeros_like(one, dtype=exact) for one in found]
            for total, one in zip(totals, found, strict=True):
                total += one
        return tuple(totals)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor, None]:
        (image,) = ctx.saved_tensors
        work, size = ctx.work, (image.shape[2], image.shape[3])
        result = torch.zeros_like(image)
        for number, tile in enumerate(work.tiling.tiles(size)):
            places = _places(tile, size, work.tiling)
            pixels = _pixels(image, places).requires_grad_()
            with torch.enable_grad():
                found = work.of(pixels, number, tile, size)
            pulls = zip(found, gradients, strict=True)
            wanted = [(one, pull.to(one)) for one, pull in pulls if pull is not None and one.requires_grad]
            if wanted:
                (change,) = torch.autograd.grad([one for one, _ in wanted], pixels, [pull for _, pull in wanted])
                _add(result, change, places)
        return result, None


def _places(tile: Tile, size: Size, tiling: Tiling) -> Sequence[Tensor]:
    """The rows and the columns of the picture that a piece looks at."""
    return [source(span, length, tiling.margin) for span, length in zip(tile, size, strict=True)]


def _pixels(image: Tensor, places: Sequence[Tensor]) -> Tensor:
    rows, columns = (place.to(image.device) for place in places)
    return image.detach().index_select(2, rows).index_select(3, columns)


def _add(result: Tensor, change: Tensor, places: Sequence[Tensor]) -> None:
    """Add what a piece's pixels [1, 3, h, w] are to change to where they come from; mirrored ones come from one place."""
    boxes = []
    for d, place in enumerate(places, start=2):
        low, high = int(place.min()), int(place.max()) + 1
        if high - low != len(place) or bool((place.diff() != 1).any()):
            shape = [high - low if k == d else length for k, length in enumerate(change.shape)]
            change = change.new_zeros(shape).index_add_(d, (place - low).to(change.device), change)
        boxes.append(slice(low, high))
    result[:, :, boxes[0], boxes[1]] += change
