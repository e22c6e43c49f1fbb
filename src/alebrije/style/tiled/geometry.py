"""Where the pieces of a large picture lie, and how far each has to look beyond its own pixels.

A piece is looked at with a halo: as many pixels around it as the deepest layer sees, so that what the network's zero padding
spoils is cut off again. All cuts are at multiples of the coarsest layer's stride, so that poolings see the same groups of
pixels as in the whole picture.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.features import NETWORKS
from alebrije.style.config import LEAST_TILE


class Reach(NamedTuple):
    """What a layer sees: its position i looks at the pixels `stride` * i - `before` to `stride` * i + `after`."""

    stride: int
    before: int
    after: int


class Span(NamedTuple):
    """A piece along one axis: its own pixels `start` to `stop`, and those that it looks at, `low` to `high`."""

    start: int
    stop: int
    low: int
    high: int


class Tile(NamedTuple):
    """A piece of a picture."""

    rows: Span
    columns: Span


class Window(NamedTuple):
    """The positions of a layer that a piece counts with, along one axis: `low` to `high` of what it computes, of which the
    first `before` and the last `after` are neighbours that belong to other pieces. `place` is where its own begin in the
    layer of the whole picture."""

    low: int
    high: int
    before: int
    after: int
    place: int


def reaches(network: str, layers: Iterable[str]) -> dict[str, Reach]:
    """What each of `layers` of a network sees, from its convolutions and poolings. Raises `TypeError` for stages of another
    kind."""
    wanted, found, reach = set(layers), {}, Reach(1, 0, 0)
    with torch.device("meta"):
        for name, stage in NETWORKS[network].stages("max"):
            reach = _after(reach, stage)
            if name in wanted:
                found[name] = reach
            if len(found) == len(wanted):
                break
    return found


def _after(reach: Reach, stage: nn.Module) -> Reach:
    if isinstance(stage, nn.ReLU):
        return reach
    if not isinstance(stage, nn.Conv2d | nn.MaxPool2d):
        raise TypeError(f"the reach of {type(stage).__name__} is not known")
    kernel, stride, padding = (one if isinstance(one, int) else int(one[0]) for one in
                               (stage.kernel_size, stage.stride, stage.padding))  # fmt: skip
    return Reach(
        reach.stride * stride, reach.before + padding * reach.stride, reach.after + (kernel - 1 - padding) * reach.stride
    )


def halo(seen: Iterable[Reach], neighbours: int = 0) -> int:
    """How many pixels a piece looks beyond its own for layers that see so far, `neighbours` positions of each with it: a multiple
    of the largest stride."""
    seen = list(seen)
    grid = max(reach.stride for reach in seen)
    furthest = max(max(one.before, one.after - one.stride + 1) + neighbours * one.stride for one in seen)
    return -(-furthest // grid) * grid


def spans(length: int, side: int, margin: int, grid: int, *, wrap: bool = False) -> list[Span]:
    """An axis of `length` pixels in equal pieces of at most about `side`, cut at multiples of `grid`, each seeing `margin`
    pixels more. Where the picture ends, they see no further; with `wrap` they see across its edges."""
    count = max(1, -(-length // max(side, LEAST_TILE)))
    cuts = [*(grid * round(number * length / count / grid) for number in range(count)), length]
    found = [Span(a, b, a - margin, b + margin) for a, b in pairwise(cuts)]
    return found if wrap else [one._replace(low=max(one.low, 0), high=min(one.high, length)) for one in found]


def source(span: Span, length: int, margin: int) -> Tensor:
    """The rows (or columns) of a picture of `length` that a piece looks at. With a margin the spans are those of the picture
    extended by so many mirrored pixels on each side; without, of its endless repetition."""
    places = torch.arange(span.low, span.high) - margin
    if not margin:
        return places % length
    places = places.abs()
    return torch.where(places < length, places, 2 * (length - 1) - places)


def window(span: Span, length: int, stride: int, margin: int, neighbours: int = 0) -> Window:
    """What of a layer a piece of an axis counts: its own positions, with `neighbours` more on each side as far as there are.
    `length` is that of the extended picture; the positions of the mirrored margin are nobody's."""
    border, count = margin // stride, length // stride
    start, stop = max(span.start // stride, border), min(span.stop // stride, count - border)
    low, high = max(start - neighbours, border), min(stop + neighbours, count - border)
    seen = span.low // stride
    return Window(low - seen, high - seen, start - low, high - stop, start - border)


def cut(tap: Tensor, top: int, bottom: int, left: int, right: int) -> Tensor:
    """Features [B, C, H, W] without so many rows and columns at each side, still in channels_last.

    On [B, H, W, C] and by negative padding, so that the gradient comes back in channels_last; slicing would send it back in the
    plain layout, and adding the two costs more than the Gram matrices.
    """
    return F.pad(tap.permute(0, 2, 3, 1), (0, 0, -left, -right, -top, -bottom)).permute(0, 3, 1, 2)
