"""The Gram matrix: the style statistic that all others are measured by. The others are in `families/`.

A statistic takes features [B, C, H, W] of one layer, and what it measures with (the Gram matrix needs nothing), and
returns tensors whose first dimension is B. It computes in float32 at least, whatever the features come in, because sums
over 100,000 positions do not survive bfloat16.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from alebrije.style.families.parts import Reference


def gram(features: Tensor, reference: Reference = ()) -> Tensor:
    """Gram matrix of the channels, [B, C, H, W] -> [B, C, C], symmetric and positive semidefinite.

    G_ij = 1/(H W) sum_k F_ik F_jk, eq. 3 of Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural
    Networks", CVPR 2016. Departure: the mean over positions in place of the sum, so that pictures of different sizes
    can be compared; the paper puts this factor (and 1/C, which cancels in a relative distance) into its eq. 4.
    """
    result: Tensor = _Gram.apply(features)  # type: ignore[no-untyped-call]
    return result


class _Gram(torch.autograd.Function):
    """Autograd would multiply twice for the gradient, F dG + F dG^T, and in float32; once, in the features' own format,
    takes less than half the time and costs no accuracy that the network's own arithmetic has not lost already."""

    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        vectors = features.flatten(2).transpose(1, 2)  # [B, H W, C]: a view when the features are channels_last
        ctx.save_for_backward(vectors)
        ctx.grid = features.shape[2:]
        vectors = vectors.to(torch.promote_types(vectors.dtype, torch.float32))
        return vectors.transpose(1, 2) @ vectors / vectors.shape[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (vectors,) = ctx.saved_tensors
        both = (gradient + gradient.transpose(1, 2)) / vectors.shape[1]
        result: Tensor = (vectors @ both.to(vectors.dtype)).transpose(1, 2).unflatten(2, ctx.grid)
        return result
