"""Drawn pictures looked at again: which are the best by a stated rule, and which training pictures are nearest to them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from alebrije.features.judging import neighbours

AT_ONCE = 64


@torch.no_grad()
def unlikeness(network: Callable[[Tensor], Tensor], images: Tensor, spoil: Callable[[Tensor], Tensor]) -> Tensor:
    """How unlike itself each picture [N, C, H, W] becomes when the network is shown the spoiled one and restores it: [N].

    The mean square error over the picture's own variance, so that a grey nothing does not win. 0: the network would draw just
    this picture again. The rule by which the best of many drawn pictures are chosen; no training picture is looked at.
    """
    found = []
    for some in torch.split(images, AT_ONCE):
        error = (network(spoil(some)) - some).square().mean((1, 2, 3))
        found.append(error / some.var((1, 2, 3)).clamp_min(1e-6))
    return torch.cat(found)


def nearest(images: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """For each picture [N, C, H, W] in [0, 1] the place of the nearest among `others` [M, C, H, W], uint8, and the mean square
    error of pixels between them."""
    places, distances = neighbours.nearest(images.flatten(1), others.flatten(1).float() / 255)
    return places, distances.square() / images[0].numel()
