"""Three pictures at three distances: the observer of `observer.py` with a third picture between the other two.

    H = G_low * I_low + (G_fine - G_coarse) * I_middle + (1 - G_high) * I_high

with cut-offs low <= coarse <= fine <= high, so that no frequency is given out twice. Powers and cross powers of the three
originals over frequency hold all that a view depends on, as with two, so no hybrid is made during the search. A view scores
by how much more the hybrid looks like the picture that belongs to the distance than like the better of the other two; the
hybrid scores by the worst of its three views.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.hybrid.observer import (
    NOISE,
    REACH,
    SWITCH_POINTS,
    SWITCH_ROUNDS,
    Viewing,
    degrees,
    gain,
    measure,
    sensitivity,
)

CYCLES = (6.0, 96.0)  # where the four cut-offs are looked for: three bands need more room than two
COARSE, FINE, ROUNDS = 9, 5, 6  # points an axis of the first grid and of the ever smaller ones after it

Cutoffs = tuple[float, float, float, float]  # low, coarse, fine, high


class ThreeSpectra(NamedTuple):
    """`cycles` [K] per image width, and `powers` [3, 3, K]: cross power of low, middle and high, each with each. float64."""

    cycles: Tensor
    powers: Tensor


@dataclass(frozen=True, slots=True)
class TrioPlan:
    """The choice for three pictures. `low` is first or second, cut-offs in cycles per image width (`cycles_middle`: the band's
    lower and upper end), `score` in [-2, 2]. `switch_distances` in metres: where the high picture gives way, and from where on
    the low one is seen; None if it never happens."""

    low: str
    cycles_low: float
    cycles_middle: tuple[float, float]
    cycles_high: float
    score: float
    switch_distances: tuple[float | None, float | None]


def plan_three(
    first: Tensor,
    middle: Tensor,
    second: Tensor,
    viewing: Viewing,
    between: float,
    *,
    low: str = "auto",
    cycles_low: float | None = None,
    cycles_high: float | None = None,
) -> TrioPlan:
    """Choose what is not given. Pictures are [1, 3, H, W] in [0, 1] of one size, `between` the middle distance in metres.

    With first and second swapped the choice is the same with `low` swapped, to the last bit. Deterministic.
    """
    forth = measure_three(first, middle, second)
    roles = {"first": forth, "second": mirrored(forth)}
    found = {role: _search(roles[role], viewing, between, cycles_low, cycles_high) for role in roles if low in ("auto", role)}
    role = max(found, key=lambda name: found[name][1])
    (far, coarse, fine, near), score = found[role]
    switches = _switch_distances(roles[role], viewing.width, found[role][0])
    return TrioPlan(role, far, (coarse, fine), near, score, switches)


def measure_three(low: Tensor, middle: Tensor, high: Tensor) -> ThreeSpectra:
    """Powers over frequency of the luma of three pictures [1, 3, H, W] of the same size."""
    ends, lower, upper = measure(low, high), measure(low, middle), measure(middle, high)
    rows = [[ends.low, lower.cross, ends.cross], [lower.cross, lower.high, upper.cross], [ends.cross, upper.cross, ends.high]]
    return ThreeSpectra(ends.cycles, torch.stack([torch.stack(row) for row in rows]))


def mirrored(spectra: ThreeSpectra) -> ThreeSpectra:
    """The same with low and high swapped."""
    return spectra._replace(powers=spectra.powers.flip(0, 1))


def likeness(spectra: ThreeSpectra, cutoffs: Tensor, ratios: Tensor) -> Tensor:
    """How much hybrids look like their low, middle and high picture: [R, N, 3], each in [-1, 1].

    `cutoffs` float64 [N, 4] in cycles per image width, one hybrid a row; `ratios` float64 [R] of distance to width.
    """
    seen = sensitivity(spectra.cycles / degrees(ratios)[:, None]).square()
    low, coarse, fine, high = (gain(spectra.cycles, cutoff) for cutoff in cutoffs.unbind(-1))
    weights = torch.stack([low, fine - coarse, 1 - high], 1)
    crossed = torch.einsum("njk,ijk->nik", weights, spectra.powers)
    hybrid = torch.einsum("nk,rk->rn", (weights * crossed).sum(1), seen) + NOISE
    own = torch.einsum("iik,rk->ri", spectra.powers, seen) + NOISE
    return torch.einsum("nik,rk->rni", crossed, seen) / (hybrid[:, :, None] * own[:, None, :]).sqrt()


def score_three(spectra: ThreeSpectra, cutoffs: Tensor, viewing: Viewing, between: float) -> Tensor:
    """The worst of the three views of hybrids with cut-offs [N, 4]: how much more it looks like its own picture than like
    either of the others. [N]"""
    ratios = torch.tensor([viewing.far, between, viewing.near], dtype=torch.float64) / viewing.width
    alike = likeness(spectra, cutoffs, ratios)
    margins = []
    for own in range(3):  # the picture's place is that of its distance
        others = [index for index in range(3) if index != own]
        margins.append(alike[own, :, own] - alike[own][:, others].amax(-1))
    return torch.stack(margins).amin(0)


def _search(
    spectra: ThreeSpectra, viewing: Viewing, between: float, low: float | None, high: float | None
) -> tuple[Cutoffs, float]:
    """The best cut-offs and their score: a grid over octaves, then ever smaller grids around the best point so far."""
    bounds = (math.log2(CYCLES[0]), math.log2(CYCLES[1]))
    fixed = [None if cycles is None else math.log2(cycles) for cycles in (low, None, None, high)]
    centre, span, points = [sum(bounds) / 2] * 4, (bounds[1] - bounds[0]) / 2, COARSE
    best = -math.inf
    for _ in range(ROUNDS):
        axes = [_axis(value, at, span, points, bounds) for value, at in zip(fixed, centre, strict=True)]
        grid = torch.cartesian_prod(*axes)
        grid = grid[_in_order(grid, fixed)]
        scores = score_three(spectra, 2**grid, viewing, between)
        winner = int(scores.argmax())
        if float(scores[winner]) > best:
            best, centre = float(scores[winner]), grid[winner].tolist()
        span, points = 2 * span / (points - 1), FINE
    found = [2**point for point in centre]
    return (low or found[0], found[1], found[2], high or found[3]), best


def _in_order(grid: Tensor, fixed: list[float | None]) -> Tensor:
    """Which rows have their free cut-offs in order; what the user has given may lie anywhere."""
    kept = grid[:, 1] <= grid[:, 2]
    for lower, upper in ((0, 1), (2, 3)):
        if fixed[lower] is None and fixed[upper] is None:
            kept &= grid[:, lower] <= grid[:, upper]
    return kept


def _axis(fixed: float | None, centre: float, span: float, points: int, bounds: tuple[float, float]) -> Tensor:
    if fixed is not None:
        return torch.tensor([fixed], dtype=torch.float64)
    return torch.linspace(centre - span, centre + span, points, dtype=torch.float64).clamp(*bounds)


def _switch_distances(spectra: ThreeSpectra, width: float, cutoffs: Cutoffs) -> tuple[float | None, float | None]:
    """Where an eye walking away no longer sees the high picture most of all, and from where on the low one, in metres."""
    chosen = torch.tensor([cutoffs], dtype=torch.float64)

    def leader(ratios: Tensor) -> Tensor:
        return likeness(spectra, chosen, ratios)[:, 0].argmax(-1)

    turns = (lambda ratios: leader(ratios) != 2), (lambda ratios: leader(ratios) == 0)
    left, arrived = (_first_turn(turned) for turned in turns)
    return left and left * width, arrived and arrived * width


def _first_turn(turned: Callable[[Tensor], Tensor]) -> float | None:
    """The smallest ratio of distance to width at which `turned` changes from false to true, narrowed down."""
    nearest, farthest = REACH
    for _ in range(SWITCH_ROUNDS):
        ratios = torch.logspace(math.log10(nearest), math.log10(farthest), SWITCH_POINTS, dtype=torch.float64)
        now = turned(ratios)
        changes = (now[1:] & ~now[:-1]).nonzero()
        if len(changes) == 0:
            return None
        index = int(changes[0])
        nearest, farthest = float(ratios[index]), float(ratios[index + 1])
    return math.sqrt(nearest * farthest)
