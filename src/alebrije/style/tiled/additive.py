"""Style losses whose statistic is a mean over positions, or is made of such means: `ADDITIVE` says how to add them up.

A large picture is looked at piece by piece; what each piece adds is a sum over its own positions, and the statistic of the whole
follows from the sums of all pieces. What a loss takes from the style is found in the same way, in as many rounds as it needs.
The statistics are those of `families/`, to rounding; the tests hold them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alebrije.style.families.boxes import box_sum, pairs_inside
from alebrije.style.families.mmd import LANDMARKS, embedded, kernel_of, mean_kernel
from alebrije.style.families.pairwise import FLOOR, GATE, GATE_WIDTH, RADII, SCALED, gated, with_means
from alebrije.style.families.parts import Reference, Statistic, points, precise
from alebrije.style.families.shifted import SHIFTS, suitable_shifts
from alebrije.style.families.transport import of_gaussian, root_of
from alebrije.style.statistics import gram
from alebrije.style.tiled.geometry import cut

Size = tuple[int, int]
Sums = tuple[Tensor, ...]


class Piece(NamedTuple):
    """What a piece counts of one layer: features [1, C, h, w], of which `beside` (top, bottom, left, right) rows and columns are
    neighbours that other pieces count; where its own begin in the layer (row, column); the layer's whole size; the weight
    of each of its own positions, [1, 1, h, w], None for all equal."""

    features: Tensor
    beside: tuple[int, int, int, int] = (0, 0, 0, 0)
    place: Size = (0, 0)
    size: Size = (0, 0)
    weight: Tensor | None = None

    @property
    def own(self) -> Tensor:
        """The features without the neighbours."""
        return cut(self.features, *self.beside) if any(self.beside) else self.features


Adding = Callable[[Piece], Sums]
Rounds = Generator[Adding, Sums, Reference]  # yields what a piece adds, is sent the sums over the style, returns the reference


class Additive(NamedTuple):
    """How the statistic of a loss is added up.

    `part(piece, reference)` is what a piece adds; `whole(sums, count, size, reference)` the statistic, `count` being the number
    of positions, or the sum of their weights, and `size` the layer's. `refer(size)` finds what the statistic takes from a
    style whose layer has this size. `reach` is how many positions beside its own a piece needs, `copies` about how many
    copies of the features in float32 it holds at once.
    """

    part: Callable[[Piece, Reference], Sums]
    whole: Callable[[Sums, float, Size, Reference], Statistic]
    refer: Callable[[Size], Rounds]
    reach: int = 0
    copies: float = 1.0


def _nothing(size: Size) -> Rounds:
    """What is taken from the style where nothing is."""
    yield from ()
    return ()


def _products(piece: Piece, reference: Reference = ()) -> Sums:
    """Sum of x x^T over the positions."""
    features = piece.own if piece.weight is None else piece.own * piece.weight.sqrt().to(piece.features)
    return (gram(features) * (features.shape[2] * features.shape[3]),)


def _powers(piece: Piece, reference: Reference = ()) -> Sums:
    """Sums of x and of x squared over the positions."""
    result: Tensor = _Powers.apply(piece.own, piece.weight)  # type: ignore[no-untyped-call]
    return result[:, 0], result[:, 1]


class _Powers(torch.autograd.Function):
    """Autograd would keep the features again in float32; for the gradient those of the network will do."""

    @staticmethod
    def forward(ctx: Any, features: Tensor, weight: Tensor | None) -> Tensor:
        ctx.save_for_backward(features, weight)
        exact = precise(features)
        weighted = exact if weight is None else exact * weight
        return torch.stack([weighted.sum((2, 3)), (weighted * exact).sum((2, 3))], 1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        features, weight = ctx.saved_tensors
        level, square = (part[:, :, None, None].to(features) for part in gradient.unbind(1))
        result = torch.addcmul(level, features, 2 * square)
        return (result if weight is None else result * weight.to(result)), None


def _level(piece: Piece, reference: Reference) -> Sums:
    features = precise(piece.own)
    return ((features if piece.weight is None else features * piece.weight).sum((2, 3)),)


def _deviation(sums: Sums, count: float, size: Size, reference: Reference) -> Tensor:
    level, square = (one / count for one in sums)
    return torch.stack([level, (square - level.square()).clamp_min(1e-12).sqrt()], 1)


def _level_and_products(piece: Piece, reference: Reference = ()) -> Sums:
    return _level(piece, reference) + _products(piece)


def _as_gaussian(sums: Sums, count: float, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance in units of `scale` [B, 1, 1]."""
    level, products = sums[0] / count / scale[:, 0], sums[1] / count / scale.square()
    return level, products - level[:, :, None] * level[:, None]


def _gaussian_rounds(size: Size) -> Rounds:
    sums = yield _level_and_products
    count = size[0] * size[1]
    scale = (sums[1].diagonal(dim1=1, dim2=2).sum(1) / count).clamp_min(1e-8).sqrt()[:, None, None]
    return root_of(_as_gaussian(sums, count, scale)[1], scale)


def _of_gaussian(sums: Sums, count: float, size: Size, reference: Reference) -> Statistic:
    return of_gaussian(*_as_gaussian(sums, count, reference[2].to(sums[0])), tuple(one.to(sums[0]) for one in reference))


def _landmark_rounds(size: Size) -> Rounds:
    """The landmarks lie where `some_points` would draw them in the whole layer."""
    count = size[0] * size[1]
    chosen = torch.randperm(count, generator=torch.Generator().manual_seed(count))[:LANDMARKS]
    chosen = torch.arange(count) if count <= LANDMARKS else chosen

    def adding(piece: Piece) -> Sums:
        cloud, (height, width) = points(piece.own), piece.own.shape[2:]
        rows, columns = chosen // size[1] - piece.place[0], chosen % size[1] - piece.place[1]
        here = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        found = cloud.new_zeros(len(cloud), len(chosen), cloud.shape[2])
        found[:, here.to(cloud.device)] = cloud[:, (rows * width + columns)[here].to(cloud.device)]
        return cloud.square().sum((1, 2)), found

    power, found = yield adding
    scale = (power / count).clamp_min(1e-8).sqrt()[:, None, None]
    return kernel_of((found / scale).float(), scale.float())


def _kernels(piece: Piece, reference: Reference) -> Sums:
    features = piece.own
    if piece.weight is not None:  # here 0 or 1
        features = features.flatten(2)[:, :, piece.weight.flatten() > 0].unsqueeze(2)
    count = features.shape[2] * features.shape[3]
    return (mean_kernel(features, reference) * count if count else reference[0].new_zeros(reference[0].shape[:2]),)


def _embedded(sums: Sums, count: float, size: Size, reference: Reference) -> Tensor:
    return embedded(sums[0] / count, tuple(one.to(sums[0]) for one in reference))


def _shift_rounds(size: Size) -> Rounds:
    yield from ()
    return suitable_shifts(torch.empty(1, 1, *size, device="meta"))


def _shifts(size: Size, reference: Reference) -> list[Size]:
    """Down and to the right, as `shifted_grams` has them."""
    down, right = ([min(shift, side - 1) for shift in shifts.tolist()] for shifts, side in zip(reference, size, strict=True))
    return [(shift, 0) for shift in down] + [(0, shift) for shift in right[1:]]


def _shifted(piece: Piece, reference: Reference) -> Sums:
    """The partner of a position is that many rows down or columns to the right, if the picture goes so far."""
    top, bottom, left, right = piece.beside
    everything, found = precise(piece.features), []
    height, width = everything.shape[2] - top - bottom, everything.shape[3] - left - right
    for down, across in _shifts(piece.size, reference):
        rows, columns = min(height, height + bottom - down), min(width, width + right - across)
        first = everything[:, :, top : top + rows, left : left + columns]
        second = everything[:, :, top + down : top + down + rows, left + across : left + across + columns]
        found.append(first.flatten(2) @ second.flatten(2).mT)
    return (torch.stack(found, 1),)


def _shifted_means(sums: Sums, count: float, size: Size, reference: Reference) -> Tensor:
    pairs = [(size[0] - down) * (size[1] - across) for down, across in _shifts(size, reference)]
    return sums[0] / sums[0].new_tensor(pairs).view(1, -1, 1, 1)


def pairwise(radii: Sequence[int] = RADII, scaled: bool = SCALED, gate: bool = GATE, width: float = GATE_WIDTH) -> Additive:
    """Co-occurrence within rings of `radii`, of channels `scaled` or not, with the gate of this `width`, or without one."""

    def shaped(features: Tensor, threshold: Tensor) -> Tensor:
        exact = precise(features).contiguous(memory_format=torch.channels_last)
        return gated(exact, threshold, width) if gate else exact

    def rounds(size: Size) -> Rounds:
        count = size[0] * size[1]
        threshold = ((yield lambda piece: _level(piece, ()))[0] / count).float()[:, :, None, None]
        (power,) = yield lambda piece: (shaped(piece.own, threshold).square().sum((2, 3), keepdim=True),)
        scale = channel_scale((power / count).float()) if scaled else torch.ones_like(threshold)
        return threshold, scale, torch.tensor(max(size) - 1)

    def part(piece: Piece, reference: Reference) -> Sums:
        """Sums over windows of products, over positions of neighbours times features, and of features, all less the style's
        means: what is small is summed in full."""
        threshold, scale = reference[:2]
        maps = (shaped(piece.features, threshold) - threshold) / scale
        own = cut(maps, *piece.beside)
        windows = [_vectors(own).mT @ _vectors(cut(box_sum(maps, radius), *piece.beside)) for radius in radii]
        sides = zip(piece.place, own.shape[2:], piece.size, strict=True)
        around = [[_neighbours(*side, radius) for radius in radii] for side in sides]
        borders = [torch.einsum("bchw,h,w->bc", own, *(n.to(own) for n in pair)) for pair in zip(*around, strict=True)]
        return torch.stack(windows, 1), torch.stack(borders, 1), own.sum((2, 3))

    def whole(sums: Sums, count: float, size: Size, reference: Reference) -> Tensor:
        windows, borders, level = sums[0], sums[1], sums[2] / count
        counts = windows.new_tensor([pairs_inside(*size, radius) for radius in radii]).view(1, -1, 1, 1)
        crossed = borders[..., None] * level[:, None, None]
        windows = windows - crossed - crossed.mT + counts * (level[:, :, None] * level[:, None])[:, None]
        pairs = torch.cat([torch.zeros_like(counts[:, :1]), counts], 1).diff(dim=1)
        known = windows.new_tensor([inner < int(reference[2]) for inner in (-1, *radii[:-1])])  # rings that the style has
        share = known.view_as(pairs) * torch.where(pairs > 0, 1 / pairs.clamp_min(1), 0)
        rings = torch.cat([windows[:, :1], windows.diff(dim=1)], 1) * share
        return with_means(rings, level + (reference[0] / reference[1]).flatten(1).to(level))

    return Additive(part, whole, rounds, reach=max(radii), copies=4.0 + 2.0 * len(radii))


def channel_scale(power: Tensor) -> Tensor:
    """The scale of each channel from its mean square [1, C, 1, 1], as `pairwise_reference` has it."""
    scale = torch.maximum(power, FLOOR**2 * power.mean()).sqrt()
    return torch.where(scale == 0, 1, scale)


def _neighbours(place: int, length: int, size: int, radius: int) -> Tensor:
    """How many positions of a line of `size` are at most `radius` from each of the `length` from `place` on."""
    here = torch.arange(place, place + length)
    return (here + radius).clamp_max(size - 1) - (here - radius).clamp_min(0) + 1


def _vectors(maps: Tensor) -> Tensor:
    return maps.flatten(2).transpose(1, 2)


def _mean(sums: Sums, count: float, size: Size, reference: Reference) -> Tensor:
    return sums[0] / count


ADDITIVE: dict[str, Additive] = {
    "gram": Additive(_products, _mean, _nothing),
    "mmd-polynomial": Additive(_products, _mean, _nothing),
    "mmd-linear": Additive(_level, _mean, _nothing),
    "mmd-gaussian": Additive(_kernels, _embedded, _landmark_rounds, copies=3.0),
    "bn": Additive(_powers, _deviation, _nothing, copies=2.0),
    "wasserstein": Additive(_level_and_products, _of_gaussian, _gaussian_rounds, copies=2.0),
    "shifted": Additive(_shifted, _shifted_means, _shift_rounds, reach=max(SHIFTS), copies=4.0),
    "cooccurrence": pairwise(),
}
