"""Shifted Gram matrices: which channels fire together at a distance from each other."""

from __future__ import annotations

import torch
from torch import Tensor

from alebrije.style.families.parts import Reference, precise

SHIFTS = (1, 4, 16)  # positions of the layer; 0, the Gram matrix itself, comes before them


def suitable_shifts(features: Tensor) -> Reference:
    """The shifts down [N] and to the right [M] that leave at least half of the style [B, C, H, W] to compare, 0 first."""
    height, width = features.shape[2:]
    return tuple(torch.tensor([0, *(shift for shift in SHIFTS if 2 * shift <= side)]) for side in (height, width))


def shifted_grams(features: Tensor, reference: Reference) -> Tensor:
    """Gram matrices of features and shifted features, [B, C, H, W] -> [B, 2 or more, C, C]: down, then to the right.

    Berger & Memisevic, "Incorporating Long-Range Consistency in CNN-based Texture Generation", ICLR 2017:
    G_ij = mean over p of F_i(p) F_j(p + shift), one matrix for each shift and direction, and the plain Gram matrix with
    them. Departures: the mean over positions in place of the sum; shifts of 1, 4 and 16 positions, those that the style's
    layer is at least twice as wide as, and in a picture too small for one, as far as it goes. Not symmetric; turning or
    shuffling the picture does matter. Grows with the square of the features.
    """
    exact = precise(features).permute(0, 2, 3, 1)
    down, right = ([min(shift, side - 1) for shift in shifts.tolist()]
                   for shifts, side in zip(reference, features.shape[2:], strict=True))  # fmt: skip
    height, width = features.shape[2:]
    pairs = [(exact[:, : height - shift], exact[:, shift:]) for shift in down]
    pairs += [(exact[:, :, : width - shift], exact[:, :, shift:]) for shift in right[1:]]
    return torch.stack([_products(first.flatten(1, 2), second.flatten(1, 2)) for first, second in pairs], 1)


def _products(first: Tensor, second: Tensor) -> Tensor:
    return first.mT @ second / first.shape[1]
