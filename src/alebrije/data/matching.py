"""Which pictures are worth crossing: those of like shapes.

Where blobs and contours of two pictures fall together, the fine lines of the one are taken for part of the other, and
each vanishes from where the other is seen (Oliva, Torralba, Schyns, "Hybrid images", 2006, on grouping). So a
picture is described by its light and dark at a glance, and likeness is correlation. Hue, brightness and contrast do not count.

Light and dark do count: a light shape on dark is not like the same shape, dark on light. The fine lines keep the sign of
their edges, from which the eye fills in light and dark; opposite blobs underneath contradict them. The observer says the
same: to tell apart photographs with a correlation of -0.45 and below, it needs cut-offs 1.25 to 1.4 octaves apart, the lower
at 12 cycles per image; with one of +0.45 and above, 1.05 to 1.2 octaves, the lower at 16.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alebrije.core.image import fit, to_gray
from alebrije.errors import ConfigError

SIDE = 16  # samples a side: 8 cycles per image width, the lowest cut-off of the observer
FLAT = 1e-3  # standard deviation of luma below which there is no shape
TWINS = 0.999  # correlation from which two pictures are the same one, saved or scaled otherwise
SLACK = 1  # times that a picture may be used beyond its share, while there is choice
ROWS = 1024  # rows of the table of likenesses that are in memory at once


def shape(pixels: Tensor) -> Tensor:
    """Light and dark of a picture [1, 3, H, W] in [0, 1] at a glance: float32 [256], mean 0, norm 1; zeros if it is flat.

    Luma of the middle square, averaged down to 16x16. The scalar product of two shapes is their correlation. Brightness
    and contrast cancel; so do changes of colour at equal luma.
    """
    luma = fit(to_gray(pixels), (SIDE, SIDE)).double().flatten()
    luma = luma - luma.mean()
    norm = luma.norm()
    return (luma / norm if norm > FLAT * SIDE else torch.zeros_like(luma)).float()


def distinct(shapes: Tensor) -> list[int]:
    """Indices of the shapes [N, D] that are neither flat nor twins of an earlier one, ascending."""
    kept: list[int] = []
    flat = shapes.norm(dim=1) < 0.5
    for start in range(0, len(shapes), ROWS):
        rows = torch.arange(start, min(start + ROWS, len(shapes)))
        alike = shapes[rows] @ shapes[: rows[-1] + 1].mT > TWINS
        alike &= torch.arange(int(rows[-1]) + 1) < rows[:, None]
        kept += rows[~alike.any(dim=1) & ~flat[rows]].tolist()
    return kept


def similar_pairs(shapes: Tensor, count: int, seed: int, neighbours: int = 12) -> list[tuple[int, int]]:
    """Choose `count` different pairs of like shapes among `shapes` [N, D], unit rows as `shape` gives; by `seed` alone.

    The picture used least so far (drawn by the seed among equals) is given the most alike of those of its `neighbours`
    nearest that were used least, until there are enough. So all are used about equally. Only when neighbours run out, more
    distant ones are taken. Neither a picture with itself, nor twins, nor flat pictures are paired, and no pair comes twice,
    in whatever order. Which comes first is drawn too.
    Raises `ConfigError`, naming the largest number, if there are not as many pairs.
    """
    if count < 1 or neighbours < 1:
        raise ConfigError(f"choose 1 pair or more among 1 neighbour or more, not {count} among {neighbours}")
    generator = torch.Generator().manual_seed(seed)
    total = len(shapes)
    order = torch.randperm(total, generator=generator).tolist()
    used = [0] * total
    taken: dict[tuple[int, int], None] = {}
    share = math.ceil(2 * count / max(1, total)) + SLACK
    reach = min(neighbours, total - 1)
    while reach > 0:
        _take(_nearest(shapes, reach), order, used, taken, count, share)
        if len(taken) < count and reach == total - 1:
            _take(_nearest(shapes, reach), order, used, taken, count, total)
        if len(taken) == count or reach == total - 1:
            break
        reach = min(2 * reach, total - 1)
    if len(taken) < count:
        raise ConfigError(f"{total} pictures make {len(taken)} pairs, not {count}: ask for fewer, or give more pictures")
    swapped = torch.rand(count, generator=generator) < 0.5
    return [(j, i) if swap else (i, j) for (i, j), swap in zip(taken, swapped.tolist(), strict=True)]


def _nearest(shapes: Tensor, reach: int) -> list[list[int]]:
    """For each shape the indices of the `reach` shapes most like it, the nearest first, without itself, twins and flat ones."""
    flat = shapes.norm(dim=1) < 0.5
    found: list[list[int]] = []
    for start in range(0, len(shapes), ROWS):
        alike = shapes[start : start + ROWS] @ shapes.mT
        alike[(alike > TWINS) | flat | flat[start : start + ROWS, None]] = -math.inf
        alike[torch.arange(len(alike)), torch.arange(start, start + len(alike))] = -math.inf
        values, indices = alike.topk(reach, dim=1)
        found += [row[good].tolist() for row, good in zip(indices, values > -math.inf, strict=True)]
    return found


def _take(
    nearest: list[list[int]], order: list[int], used: list[int], taken: dict[tuple[int, int], None], count: int, share: int
) -> None:
    """Add pairs to `taken` until there are `count`, or no picture has a free neighbour used less than `share` times."""
    waiting: dict[int, list[int]] = {}  # times used -> pictures, the next to be served last
    for index in reversed(order):
        waiting.setdefault(used[index], []).append(index)
    while len(taken) < count and waiting:
        times = min(waiting)
        index = waiting[times].pop()
        if not waiting[times]:
            del waiting[times]
        if used[index] != times:  # it was taken as somebody's neighbour since it was put here
            waiting.setdefault(used[index], []).insert(0, index)
            continue
        free = [other for other in nearest[index] if used[other] < share and _pair(index, other) not in taken]
        if times >= share or not free:
            continue
        other = min(free, key=lambda one: used[one])  # among equals the first, which is the most alike
        taken[_pair(index, other)] = None
        used[index] += 1
        used[other] += 1
        waiting.setdefault(used[index], []).insert(0, index)


def _pair(one: int, other: int) -> tuple[int, int]:
    return min(one, other), max(one, other)
