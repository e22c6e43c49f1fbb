"""How far the structure of a style reaches: what is left of its features' correlations at a distance."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alebrije.features import Extractor
from alebrije.style.families.parts import precise

SHARE = 1 / 8  # of the longer side: 32 of 256 pixels, more than a brush stroke


@torch.no_grad()
def reach(extractor: Extractor, style: Tensor, layers: Sequence[str]) -> float:
    """The share of the style's structure that is still there an eighth of its longer side away, the mean over `layers`: about
    0 for a texture finer than that, 1 for a picture whose features change only slowly. `style` is [1, 3, H, W] in [0, 1]."""
    seen = extractor(style)
    return sum(correlation(seen[layer], max(1, round(max(seen[layer].shape[2:]) * SHARE))) for layer in layers) / len(layers)


def correlation(features: Tensor, shift: int) -> float:
    """|C(shift)| / |C(0)| of features [1, C, H, W], where C(d) = mean over p of (F(p) - m) (F(p + d) - m)^T, m the mean, |.| the
    Frobenius norm, and C(shift) the mean over directions of the norms to the right and down: what the Gram matrices of Berger
    & Memisevic (ICLR 2017) would have to tell beyond the Gram matrix. 0 for flat features; from 0 to about 1."""
    centred = precise(features[0] - features[0].mean((1, 2), keepdim=True))
    whole = _products(centred, centred)
    sides = [(centred[:, shift:], centred[:, : centred.shape[1] - shift]),
             (centred[:, :, shift:], centred[:, :, : centred.shape[2] - shift])]  # fmt: skip
    apart = [_products(*pair) for pair in sides if pair[0].numel()]
    if not apart or whole == 0:
        return 0.0
    return sum(apart) / len(apart) / whole


def _products(first: Tensor, second: Tensor) -> float:
    return float(torch.linalg.matrix_norm(first.flatten(1) @ second.flatten(1).T / first[0].numel()))
