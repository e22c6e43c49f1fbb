"""The nearest of many points, and whether made pictures lie nearer to those learned from than other real pictures do."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.core.statistics import wilson
from alebrije.errors import DataError
from alebrije.features.judging.measured import Measured

AT_ONCE = 256
NEAR = 0.01  # the share of held-out real pictures that count as near


class Copying(NamedTuple):
    """How near made pictures lie to those learned from. `share`: of them that lie nearer than the nearest `NEAR` of the held-out
    real pictures (pictures that are as new as those: `NEAR`); `ratio`: median distance over that of the held-out pictures;
    `threshold`: the distance that counts as near."""

    share: Measured
    ratio: float
    threshold: float


def nearest(points: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """For each of the points [N, D] the place of the nearest among `others` [M, D], int64 [N], and its Euclidean distance [N].

    The search uses matrix products, which round; the distance of the point that was found is exact, so that a copy is at 0.
    """
    places = [torch.cdist(some, others).argmin(1) for some in torch.split(points, AT_ONCE)]
    found = torch.cat(places) if places else torch.zeros(0, dtype=torch.int64)
    return found, (points - others[found]).norm(dim=1)


def copying(ours: Tensor, theirs: Tensor) -> Copying:
    """Distances [N] of made pictures to the nearest ones learned from (see `nearest`), of pixels or of features, judged by those
    [M] of held-out real pictures. Raises `DataError` if fewer than 100 are held out: their nearest hundredth would be none."""
    if len(theirs) < 1 / NEAR:
        raise DataError(f"{len(theirs)} held-out pictures are too few to say what is near: at least {1 / NEAR:.0f} are needed")
    threshold = torch.quantile(theirs, NEAR)
    near = int((ours < threshold).sum())
    share = Measured(near / len(ours), *wilson(near, len(ours)))
    return Copying(share, float(ours.median() / theirs.median().clamp_min(1e-12)), float(threshold))
