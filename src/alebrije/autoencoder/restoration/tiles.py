"""A large picture in tiles that fit without a seam, whatever the network, as long as it sees no farther than its `halo`.

The picture is thought to go on beyond its borders: mirrored, the pixel at the border said twice, as `data.degrade.imresize` does,
or, for textures, from the other side. Each tile is worked on with a margin of that endless picture around it, as wide as
everything that its pixels can see, and only what the margin could not spoil is kept. So a tile's pixels do not depend on where it
was cut: all sizes of tiles, the whole picture as one included, give the same result but for the rounding of sums.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from alebrije.data.degrade import cubic

BUDGET = 256 * 2**20  # bytes that the layers' outputs of one tile may hold
LIVE = 5  # layers' outputs of the largest kind that are held at once
COLOURS = 3
PROBE = 32  # pixels a side of the picture with which a network is measured

Size = tuple[int, int]  # height, width


class Plan(NamedTuple):
    """How a picture of `size` becomes one of `target`: `scale` times larger by work that sees `halo` pixels far, then resampled
    (if `target` is another size yet), in tiles of `side` pixels that begin and end at multiples of `multiple`."""

    size: Size
    target: Size
    side: int
    halo: int
    scale: int = 1
    multiple: int = 1
    wrap: bool = False

    @property
    def margin(self) -> int:
        """Pixels around a tile: a multiple of `multiple`."""
        reach = 0
        for length, wanted in zip(self.size, self.target, strict=True):
            if wanted != length * self.scale:  # the kernel's reach, and half a pixel of the result that a tile's border may cut
                stretch = min(1.0, wanted / (length * self.scale))
                reach = max(reach, math.ceil((2 / stretch + 2) / self.scale + length / wanted) + 1)
        return rounded_up(self.halo + reach, self.multiple)


class Tile(NamedTuple):
    """In one direction a tile's pixels `first` <= i < `last`, its window with margins, and the pixels of the result it makes."""

    first: int
    last: int
    start: int
    stop: int
    made: tuple[int, int]


def rounded_up(number: int, multiple: int) -> int:
    """The smallest multiple that is not below `number`."""
    return -(-number // multiple) * multiple


def cut(plan: Plan, axis: int) -> list[Tile]:
    """The tiles in one direction, about equally long, so that none is a sliver that is all margin."""
    length, target = plan.size[axis], plan.target[axis]
    count = math.ceil(length / max(plan.side, 1))
    side = rounded_up(math.ceil(length / count), plan.multiple)
    found = []
    for first in range(0, length, side):
        last = min(first + side, length)
        start, stop = first - plan.margin, rounded_up(last, plan.multiple) + plan.margin
        found.append(Tile(first, last, start, stop, (first * target // length, last * target // length)))
    return found


def places(start: int, stop: int, length: int, *, wrap: bool) -> Tensor:
    """Where the endless picture's pixels `start` <= i < `stop` are found in a line of `length` pixels: int64 [stop - start]."""
    steps = torch.arange(start, stop)
    if wrap:
        return steps % length
    back = steps % (2 * length)
    return torch.minimum(back, 2 * length - 1 - back)


def window(image: Tensor, down: Tile, across: Tile, *, wrap: bool) -> Tensor:
    """The part of the endless picture [B, C, H, W] that two tiles need, as float32."""
    rows = places(down.start, down.stop, image.shape[-2], wrap=wrap)
    columns = places(across.start, across.stop, image.shape[-1], wrap=wrap)
    return image.index_select(-2, rows).index_select(-1, columns).float()


def resampling(made: tuple[int, int], factor: float, start: int, length: int) -> Tensor:
    """The weights, float32 [last - first, length], that make pixels `made` = (first, last) of a line `factor` times as long from
    `length` pixels of an endless line, the first of them its pixel `start`, as `data.degrade.imresize` would."""
    stretch = min(factor, 1.0)
    centres = (torch.arange(*made, dtype=torch.float64) + 0.5) / factor - 0.5
    taps = (centres - 2 / stretch).floor()[:, None] + torch.arange(math.ceil(4 / stretch) + 2)
    weights = cubic(stretch * (centres[:, None] - taps))
    weights = weights / weights.sum(1, keepdim=True)
    inside = (taps.long() - start).clamp(0, length - 1)  # beyond it the weights are 0: the margin is as wide as the kernel
    return torch.zeros(len(centres), length, dtype=torch.float64).scatter_add_(1, inside, weights).float()


def fitted(worked: Tensor, plan: Plan, tiles: tuple[Tile, Tile]) -> Tensor:
    """What is kept of a worked window [B, C, scale h, scale w]: without margins, and at the size that is wanted."""
    for axis, tile in enumerate(tiles):
        dimension = worked.ndim - 2 + axis
        enlarged = plan.size[axis] * plan.scale
        if plan.target[axis] == enlarged:
            start = (tile.first - tile.start) * plan.scale
            worked = worked.narrow(dimension, start, (tile.last - tile.first) * plan.scale)
            continue
        factor, length = plan.target[axis] / enlarged, worked.shape[dimension]
        weights = resampling(tile.made, factor, tile.start * plan.scale, length).to(worked)
        worked = weights @ worked if axis == 0 else worked @ weights.T
    return worked


def each_tile(
    image: Tensor, out: Tensor, plan: Plan, work: Callable[[Tensor, tuple[slice, slice]], Tensor], device: torch.device
) -> Iterator[tuple[int, int]]:
    """Do `work` on [B, C, H, W] tile by tile and write what comes of it into `out` [B, D, *plan.target], clamped to [0, 1].

    `work(window, core)` is given a window [B, C, h, w] on the device, and where in it the tile proper lies; it gives
    [B, D, scale h, scale w], of which everything farther than `plan.halo` from the border of the window must be right.
    Yields (tiles done, tiles in all). Nothing as large as the picture is held but `image` and `out`.
    """
    rows, columns = cut(plan, 0), cut(plan, 1)
    total = len(rows) * len(columns)
    for number, (down, across) in enumerate(((down, across) for down in rows for across in columns), 1):
        with torch.inference_mode():
            core = tuple(slice(tile.first - tile.start, tile.last - tile.start) for tile in (down, across))
            worked = work(window(image, down, across, wrap=plan.wrap).to(device), core)  # type: ignore[arg-type]
            found = fitted(worked, plan, (down, across)).clamp(0, 1)
            out[..., slice(*down.made), slice(*across.made)] = found.to(out.device, out.dtype)
        yield number, total


def side_within(network: nn.Module, plan: Plan, dtype: torch.dtype, budget: int = BUDGET) -> int:
    """The side of tiles with which the network, and what is done with its result, holds no more than about `budget` bytes; as
    large as that allows, for margins are worked on more than once."""
    held = LIVE * max(largest_output(network) * dtype.itemsize, 4 * COLOURS * plan.scale**2)
    side = math.isqrt(int(budget / held)) - 2 * plan.margin
    return max(side // plan.multiple * plan.multiple, rounded_up(2 * plan.margin, plan.multiple))


def largest_output(network: nn.Module) -> float:
    """The numbers that the layer with the largest output gives for a pixel of the picture."""
    counts = [1.0]

    def count(layer: nn.Module, given: Any, output: Any) -> None:
        counts.extend([output.numel() / PROBE**2] if isinstance(output, Tensor) else [])

    hooks = [layer.register_forward_hook(count) for layer in network.modules()]
    parameter = next(network.parameters())
    channels = 3 if getattr(network, "multiple", 1) > 1 else 1
    try:
        with torch.inference_mode():
            network(torch.zeros(1, channels, PROBE, PROBE, dtype=parameter.dtype, device=parameter.device))
    finally:
        for hook in hooks:
            hook.remove()
    return max(counts)
