"""What the planner knows of two pictures: their contrast in bands of a third of an octave, as an eye sees it from near and far.

All that is said of contrast has gone through the eye's sensitivity, so that no network sees what a viewer could not. How
far the two pictures agree in each band is told once without it: sensitivity cancels in a correlation.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alebrije.hybrid.observer import NOISE, Spectra, Viewing, degrees, sensitivity

LOWEST, HIGHEST, COUNT = 0.5, 182.0, 26  # cycles per image width; 182 is the diagonal's finest of the observer's copies
EDGES = torch.logspace(math.log10(LOWEST), math.log10(HIGHEST), COUNT - 1, dtype=torch.float64)
FLOOR = NOISE  # power that logarithms start from: the eye's own noise
SIZE = COUNT * (1 + 2 * 5)


def describe(spectra: Spectra, viewing: Viewing) -> Tensor:
    """A pair in this order, as numbers: float32 [SIZE].

    The correlation of the two pictures in each band; then, for the near and the far eye: the logarithm of the power it
    sees of either picture, both pictures' share of power, and the share of their cross power in each band.
    """
    index = torch.bucketize(spectra.cycles, EDGES)
    low, high, cross = (_sums(power, index) for power in (spectra.low, spectra.high, spectra.cross))
    parts = [cross / (low * high).sqrt().clamp_min(1e-12)]
    for distance in (viewing.near, viewing.far):
        angle = degrees(torch.tensor(distance / viewing.width, dtype=torch.float64))
        seen = sensitivity(spectra.cycles / angle).square()
        powers, totals = [], []
        for power in (spectra.low, spectra.high):
            powers.append(_sums(seen * power, index))
            totals.append(powers[-1].sum() + FLOOR)
        shared = _sums(seen * spectra.cross, index) / (totals[0] * totals[1]).sqrt()
        parts += [(power + FLOOR).log() for power in powers]
        parts += [power / total for power, total in zip(powers, totals, strict=True)]
        parts.append(shared)
    return torch.cat(parts).float()


def _sums(values: Tensor, index: Tensor) -> Tensor:
    return torch.zeros(COUNT, dtype=torch.float64).index_add_(0, index, values)
