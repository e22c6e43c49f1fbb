"""Colours beneath full transparency: nobody has seen them, and they must not come out at a cutout's edge."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def filled(colours: Tensor, alpha: Tensor, reach: int, *, wrap: bool = False) -> Tensor:
    """[1, C, H, W] with the pixels where `alpha` [1, 1, H, W] is 0 replaced by the mean of their neighbours, again and again,
    from the edge of what is seen outwards, `reach` pixels far. Farther out is 0: work that sees no farther cannot show it.
    """
    known = (alpha > 0).to(colours.dtype)
    if bool(known.all()):
        return colours
    found = colours * known
    mode = "circular" if wrap else "replicate"
    for _ in range(reach):
        hidden = known == 0
        sums, weights = (9 * F.avg_pool2d(F.pad(each, (1, 1, 1, 1), mode=mode), 3, 1) for each in (found, known))
        reached = hidden & (weights > 0.5)
        if not bool(reached.any()):
            break
        found = torch.where(reached, sums / weights.clamp_min(1), found)
        known = known + reached.to(known.dtype)
    return found
