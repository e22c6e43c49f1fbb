"""An observer who looks at a hybrid from near and from far, and chooses which picture goes where, and both cut-offs.

An eye at distance d sees a picture of width w under 2 atan(w / 2d) degrees, with the contrast sensitivity of Mannos and
Sakrison (1974). What it sees of the hybrid is compared with what it would see of either original (correlation of luma).
A hybrid scores by its worse view: from near it must be more like the one, from far more like the other.

Blurring with reflecting borders multiplies the picture's cosine transform by the Gaussian's gain, so a hybrid need never
be made: powers and cross power of the two originals over frequency are all that a view depends on. They are taken from
copies of a fixed size, which makes the choice independent of the resolution.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.core.image import resize, to_gray

SIDE = 256  # pixels: the observer's copies have SIDE^2 of them
BIN = 0.5  # cycles per image width
CYCLES = (8.0, 48.0)  # where cut-offs are looked for: below it nothing can be told, above it far eyes see both
COARSE, FINE, ROUNDS = 17, 9, 5  # points a side of the first grid and of the ever smaller ones after it
NOISE = 0.01**2  # power of the eye's own noise: contrasts of 1 % at the best frequency drown in it
REACH = (0.25, 400.0)  # distances, in widths of the picture, among which the switch is looked for
SWITCH_POINTS, SWITCH_ROUNDS = 65, 4


class Viewing(NamedTuple):
    """Width of the picture as shown, and the distances of the near and the far eye: all in metres."""

    width: float
    near: float
    far: float


class Spectra(NamedTuple):
    """Power over frequency, each float64 [K]: cycles per image width; power of low and of high; their cross power."""

    cycles: Tensor
    low: Tensor
    high: Tensor
    cross: Tensor


@dataclass(frozen=True, slots=True)
class Plan:
    """The observer's choice. `low` is first or second, cut-offs in cycles per image width, `score` in [-2, 2] (0: no
    telling which is which), `switch_distance` in metres, None if one of the two is seen from everywhere."""

    low: str
    cycles_low: float
    cycles_high: float
    score: float
    switch_distance: float | None


def plan(
    first: Tensor,
    second: Tensor,
    viewing: Viewing,
    *,
    low: str = "auto",
    cycles_low: float | None = None,
    cycles_high: float | None = None,
) -> Plan:
    """Choose what is not given. Pictures are [1, 3, H, W] in [0, 1] of the same size; deterministic.

    With the pictures swapped the choice is the same with `low` swapped, to the last bit.
    """
    roles = both_orders(first, second)
    found = {role: search(roles[role], viewing, cycles_low, cycles_high) for role in roles if low in ("auto", role)}
    role = max(found, key=lambda name: found[name][2])
    return Plan(role, *found[role], switch_distance(roles[role], viewing.width, *found[role][:2]))


def appraise(spectra: Spectra, viewing: Viewing, low: str, cycles_low: float, cycles_high: float) -> Plan:
    """Score and switch distance of cut-offs that somebody else has chosen; `low` names the picture of `spectra.low`."""
    cutoffs = torch.tensor([cycles_low, cycles_high], dtype=torch.float64)
    worth = float(score(spectra, cutoffs[0], cutoffs[1], viewing))
    return Plan(low, cycles_low, cycles_high, worth, switch_distance(spectra, viewing.width, cycles_low, cycles_high))


def both_orders(first: Tensor, second: Tensor) -> dict[str, Spectra]:
    """The spectra with the first picture as the low one, and with the second, under their names."""
    forth = measure(first, second)
    return {"first": forth, "second": forth._replace(low=forth.high, high=forth.low)}


def sensitivity(frequency: Tensor) -> Tensor:
    """Contrast sensitivity at `frequency` in cycles per degree, about 1 at its peak near 8.

    Mannos and Sakrison, "The effects of a visual fidelity criterion on the encoding of images", 1974:
    A(f) = 2.6 (0.0192 + 0.114 f) exp(-(0.114 f)^1.1).
    """
    return 2.6 * (0.0192 + 0.114 * frequency) * torch.exp(-((0.114 * frequency) ** 1.1))


def degrees(ratio: Tensor) -> Tensor:
    """The angle under which a picture is seen from a distance of `ratio` times its width: 2 atan(1 / 2 ratio)."""
    return torch.rad2deg(2 * torch.atan(0.5 / ratio))


def measure(low: Tensor, high: Tensor) -> Spectra:
    """Powers over frequency of the luma of two pictures [1, 3, H, W] of the same size."""
    height, width = low.shape[-2:]
    scale = SIDE / math.sqrt(height * width)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    copies = [to_gray(resize(image.cpu(), (rows, columns))) for image in (low, high)]
    waves, other = (_cosine_transform(copy[0, 0].double()) for copy in copies)
    down = torch.arange(rows, dtype=torch.float64)[:, None] * columns / rows
    cycles = (torch.hypot(down, torch.arange(columns, dtype=torch.float64)) / 2).flatten()
    index = (cycles / BIN).long()
    count = torch.bincount(index).double()
    kept = count > 0
    kept[0] = False  # the mean grey is no contrast

    def binned(values: Tensor) -> Tensor:
        return torch.bincount(index, weights=values.flatten())[kept]

    powers = (binned(power) / (rows * columns) for power in (waves * waves, other * other, waves * other))
    return Spectra(binned(cycles) / count[kept], *powers)


def _cosine_transform(image: Tensor) -> Tensor:
    """The orthonormal DCT-II of [H, W] along both axes."""
    height, width = image.shape
    return _cosines(height) @ image @ _cosines(width).mT


def _cosines(size: int) -> Tensor:
    index = torch.arange(size, dtype=torch.float64)
    waves = torch.cos(math.pi / size * index[:, None] * (index + 0.5)) * math.sqrt(2 / size)
    waves[0] /= math.sqrt(2)
    return waves


def advantage(spectra: Spectra, cycles_low: Tensor, cycles_high: Tensor, ratio: Tensor) -> Tensor:
    """How much more the hybrid looks like its low picture than like its high one, seen from `ratio` widths: in [-2, 2].

    Cut-offs and ratio are float64 tensors of shapes that broadcast; the result has their common shape.
    """
    seen = sensitivity(spectra.cycles / degrees(ratio)[..., None]).square()
    of_low = gain(spectra.cycles, cycles_low)
    of_high = 1 - gain(spectra.cycles, cycles_high)
    low, high, cross = seen * spectra.low, seen * spectra.high, seen * spectra.cross
    hybrid = (of_low.square() * low + of_high.square() * high + 2 * of_low * of_high * cross).sum(-1) + NOISE
    like_low = (of_low * low + of_high * cross).sum(-1) / (hybrid * (low.sum(-1) + NOISE)).sqrt()
    like_high = (of_low * cross + of_high * high).sum(-1) / (hybrid * (high.sum(-1) + NOISE)).sqrt()
    return like_low - like_high


def gain(cycles: Tensor, cutoff: Tensor) -> Tensor:
    """The Gaussian's gain at `cycles` [K], which is 1/2 at `cutoff` [...]: [..., K]."""
    return torch.exp(-math.log(2) * (cycles / cutoff[..., None]).square())


def score(spectra: Spectra, cycles_low: Tensor, cycles_high: Tensor, viewing: Viewing) -> Tensor:
    """The worse of the two views: near it should look like the high picture, far like the low one."""
    ratios = torch.tensor([viewing.near, viewing.far], dtype=torch.float64) / viewing.width
    near, far = (advantage(spectra, cycles_low, cycles_high, ratio) for ratio in ratios)
    return torch.minimum(-near, far)


def search(spectra: Spectra, viewing: Viewing, low: float | None, high: float | None) -> tuple[float, float, float]:
    """The best cut-offs and their score: a grid over octaves, then ever smaller grids around the best point so far."""
    bounds = (math.log2(CYCLES[0]), math.log2(CYCLES[1]))
    fixed = [None if cycles is None else math.log2(cycles) for cycles in (low, high)]
    centre, span, points = [sum(bounds) / 2] * 2, (bounds[1] - bounds[0]) / 2, COARSE
    best = -math.inf
    for _ in range(ROUNDS):
        axes = [_axis(point, at, span, points, bounds) for point, at in zip(fixed, centre, strict=True)]
        lows, highs = torch.meshgrid(*axes, indexing="ij")
        scores = score(spectra, 2**lows, 2**highs, viewing)
        if low is None and high is None:
            scores = torch.where(highs < lows, -math.inf, scores)
        winner = int(scores.argmax())
        if float(scores.flatten()[winner]) > best:
            best = float(scores.flatten()[winner])
            centre = [float(lows.flatten()[winner]), float(highs.flatten()[winner])]
        span, points = 2 * span / (points - 1), FINE
    return low or 2 ** centre[0], high or 2 ** centre[1], best


def _axis(fixed: float | None, centre: float, span: float, points: int, bounds: tuple[float, float]) -> Tensor:
    if fixed is not None:
        return torch.tensor([fixed], dtype=torch.float64)
    return torch.linspace(centre - span, centre + span, points, dtype=torch.float64).clamp(*bounds)


def switch_distance(spectra: Spectra, width: float, cycles_low: float, cycles_high: float) -> float | None:
    """Where an eye walking away turns from the high picture to the low one: the first change of sign, narrowed down."""
    low, high = torch.tensor([cycles_low, cycles_high], dtype=torch.float64)
    nearest, farthest = REACH
    for _ in range(SWITCH_ROUNDS):
        ratios = torch.logspace(math.log10(nearest), math.log10(farthest), SWITCH_POINTS, dtype=torch.float64)
        turned = advantage(spectra, low, high, ratios) > 0
        changes = (turned[1:] & ~turned[:-1]).nonzero()
        if len(changes) == 0:
            return None
        index = int(changes[0])
        nearest, farthest = float(ratios[index]), float(ratios[index + 1])
    return width * math.sqrt(nearest * farthest)
