"""Histograms: the sorted values of each channel, whatever their order in the picture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.style.families.parts import Reference, points

LEVELS = 256


def histogram(features: Tensor, reference: Reference = ()) -> Tensor:
    """256 quantiles of each channel, [B, C, H, W] -> [B, C, 256].

    Risser, Wilmot & Barnes, "Stable and Controllable Neural Texture Synthesis and Style Transfer Using Histogram Losses",
    2017: the loss is |F - R(F)|^2, R(F) being the features remapped to the style's histogram. Departure:
    remapping in one dimension pairs the sorted values of both, so that the difference is taken between quantiles, and
    exactly, without bins of values. Grows like the features.
    """
    return quantiles(points(features).mT, LEVELS)


def quantiles(values: Tensor, count: int) -> Tensor:
    """The sorted values [B, K, N], resampled to [B, K, count]: means of the quantile function over `count` equal shares.

    Means, not samples: each value counts, at any N, and having all values twice changes nothing. Where N divides `count`,
    each value comes count / N times.
    """
    result: Tensor = _Quantiles.apply(values, count)  # type: ignore[no-untyped-call]
    return result


class _Quantiles(torch.autograd.Function):
    """A share and a sorted value belong to each other by as much as they overlap, whichever way one looks, so that the gradient
    is resampled from `count` to N as the values were from N to `count`; autograd takes twice the time and memory."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, count: int) -> Tensor:
        ordered, order = values.contiguous().sort(-1)
        ctx.save_for_backward(order)
        return _resampled(ordered, count)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (order,) = ctx.saved_tensors
        size, count = order.shape[-1], gradient.shape[-1]
        shared = _resampled(gradient, size) * (count / size)
        return torch.empty_like(shared).scatter_(-1, order, shared), None


def _resampled(stairs: Tensor, count: int) -> Tensor:
    """A staircase of N equal steps [..., N] as one of `count`: means over equal shares."""
    size = stairs.shape[-1]
    # The integral of a staircase is a straight line between its partial sums. Differences of these lose digits, so they are
    # kept in float64 where there is one.
    sums = stairs.cumsum(-1, dtype=stairs.dtype if stairs.device.type == "mps" else torch.float64)
    integral = F.pad(sums, (1, 0))
    edges = torch.arange(count + 1, device=stairs.device) * size
    steps, rest = edges // count, (edges % count).to(integral) / count
    at_edges = torch.lerp(integral[..., steps], integral[..., (steps + 1).clamp_max(size)], rest)
    return (at_edges.diff(dim=-1) * (count / size)).to(stairs)
