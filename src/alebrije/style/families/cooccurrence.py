"""The co-occurrence tensor of deep features, and the six ways to make a style loss of it that do not work.

The tensor is that of Forcen, Pagola, Barrenechea & Bustince, "Co-occurrence of deep convolutional features for image search"
(Image and Vision Computing 2020, arXiv:2003.13827): two activations of different channels co-occur if both are above a
threshold t and lie within r rows and columns of each other; a position that is above t collects what co-occurs with it. The
paper takes t = the mean activation and r = 4.

A thesis put statistics of this tensor in the place of the Gram matrix, in the six forms below. They are kept because one
learns from them; docs/cooccurrence.md says why each fails, and `pairwise.py` holds the form that works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import choose
from alebrije.style.families.boxes import box_sum
from alebrije.style.families.parts import Statistic, as_tuple, precise

RADIUS = 4  # the paper's; the thesis does not state its own


def cooccurrence_tensor(features: Tensor, radius: int = RADIUS, threshold: float | None = None) -> Tensor:
    """Co-occurrence tensor of features [B, C, H, W]: the same shape, channels_last, in float32 at least.

    out_k(p) = [a_k(p) > t] / ((C - 1) (2r + 1)^2) * sum over the other channels l and the positions q within r rows and
    columns of p of [a_l(q) > t] a_l(q); positions outside count as zero, a single channel co-occurs with nothing (zeros).
    `threshold` is t; None: each picture's own mean activation.

    The thesis' formula and its text disagree on the direction of the threshold; this follows the text and the paper: above
    t. Like the paper, a position's own activation says whether something counts there, not how much. Departures: the
    paper's filter has 1e-10 where a channel meets itself, here 0; the paper takes t over a batch, here over each picture.

    The paper convolves with C x C x (2r+1)^2 weights. Its filter is the same for all pairs of channels but for the
    diagonal, so the exact answer is the window's mean of all channels less that of the channel itself.
    """
    features = precise(features).contiguous(memory_format=torch.channels_last)
    pictures = []
    for picture in torch.split(features, 1):
        level = picture.detach().mean().item() if threshold is None else threshold
        pictures.append(_Cooccurrence.apply(picture, picture.detach(), radius, level))  # type: ignore[no-untyped-call]
    return pictures[0] if len(pictures) == 1 else torch.cat(pictures)


class _Cooccurrence(torch.autograd.Function):
    """For a given gate the operator is linear and symmetric: gate, box filter over the other channels, gate. So it is its own
    adjoint, and the gradient costs as much as the value; the gate, a step, has none."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, gate: Tensor, radius: int, level: float) -> Tensor:
        ctx.save_for_backward(gate)
        ctx.radius, ctx.level = radius, level
        # A loss may send back a gradient in the plain layout, on which the depthwise filters take four times as long.
        maps, gate = (x.contiguous(memory_format=torch.channels_last) for x in (maps, gate))
        others = maps.shape[1] - 1
        if others == 0:
            return torch.zeros_like(maps)
        weight = 1 / (others * (2 * radius + 1) ** 2)
        passed = torch.ops.aten.threshold_backward(maps, gate, level)  # maps where gate > level, 0 elsewhere, in one pass
        everything = box_sum(passed.sum(1, keepdim=True), radius, weight)
        result = box_sum(passed, radius, -weight).add_(everything)
        torch.ops.aten.threshold_backward.grad_input(result, gate, level, grad_input=result)  # the same, in place
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (gate,) = ctx.saved_tensors
        result = _Cooccurrence.apply(gradient, gate, ctx.radius, ctx.level)  # type: ignore[no-untyped-call]
        return result, None, None, None


def _matrix(tensor: Tensor) -> Tensor:
    return tensor.mean(1)


def _vector(tensor: Tensor) -> Tensor:
    return tensor.mean((2, 3))


def _normalized(tensor: Tensor) -> Tensor:
    total = tensor.sum((1, 2, 3), keepdim=True)
    return tensor / torch.where(total == 0, 1, total)  # a picture where nothing co-occurs stays 0


def _gram_matrix(tensor: Tensor) -> Tensor:
    rows = tensor.mean(1)
    return rows @ rows.transpose(1, 2) / rows.shape[2]


def _gram_vector(tensor: Tensor) -> Tensor:
    return tensor.square().mean((1, 2, 3)).unsqueeze(1)


FORMS: dict[str, Callable[[Tensor], Tensor]] = {
    "tensor": lambda tensor: tensor,  # [B, C, H, W]
    "matrix": _matrix,  # [B, H, W], mean over the channels
    "vector": _vector,  # [B, C], mean over the positions
    "normalized": _normalized,  # [B, C, H, W] that sums to 1
    "gram-matrix": _gram_matrix,  # [B, H, H], products of the matrix form's rows
    "gram-vector": _gram_vector,  # [B, 1], product of the flattened tensor with itself
}


def form_statistic(
    features: Tensor, form: str, radius: int = RADIUS, threshold: float | None = None, sums: bool = False
) -> Tensor:
    """The co-occurrence tensor of features [B, C, H, W] in one of the `FORMS`.

    The Gram forms are means of products, so that pictures of different sizes can be compared; `sums` makes them the sums
    that the thesis took. Raises `ConfigError` for a form that does not exist.
    """
    choose("form", form, FORMS)
    statistic = FORMS[form](cooccurrence_tensor(features, radius, threshold))
    if sums and form.startswith("gram"):
        statistic = statistic * (features.shape[3] if form == "gram-matrix" else features[0].numel())
    return statistic


def form_distance(value: Statistic, target: Statistic, form: str, relative: bool = True) -> Tensor:
    """How far a picture's statistic is from a style's, both in one of the `FORMS`; a scalar, 0 for equal ones.

    `relative`: |value - target|^2 / |target|^2, 1 for a picture without co-occurrences. Otherwise the thesis' own, the mean
    squared difference: it has the square of the statistic's unit, so it runs from under 1e-9 for one form and layer to 1e26
    for another, and no weight suits both.
    """
    (value,), (target,) = as_tuple(value), as_tuple(target)
    target = resampled(target, value, form)
    if not relative:
        return F.mse_loss(value, target)
    norm = target.square().sum()
    return (value - target).square().sum() / torch.where(norm == 0, 1, norm)  # normalized forms are tiny, so no floor but 0


def resampled(statistic: Tensor, like: Tensor, form: str) -> Tensor:
    """A style's `statistic` at the size of a picture's, `like`.

    Four forms are tied to positions, and the thesis compared pictures of equal size only. Here the style's map (tensor,
    matrix, normalized) is resampled linearly to the size of the picture's, and a normalized one brought back to the sum that
    it had; of a gram-matrix, the table of rows against rows is resampled. Equal sizes and other forms pass unchanged.
    """
    height, width = like.shape[-2:]
    if form in ("vector", "gram-vector") or statistic.shape[-2:] == (height, width):
        return statistic
    flat = statistic.dim() == 3
    maps = statistic.unsqueeze(1) if flat else statistic
    maps = F.interpolate(maps, (height, width), mode="bilinear", antialias=True)
    if form == "normalized":
        before, after = (x.sum((1, 2, 3), keepdim=True) for x in (statistic, maps))
        maps = maps * before / torch.where(after == 0, 1, after)
    return maps.squeeze(1) if flat else maps
