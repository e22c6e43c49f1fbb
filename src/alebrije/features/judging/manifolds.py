"""Whether made pictures look like real ones, and whether all kinds of real ones are among them: two numbers in place of one.

Each real picture has a ball around it in feature space, up to its k-th nearest real neighbour. All balls together stand for where
real pictures lie.
- precision: the share of made pictures in any ball (do they look real?);
- recall: the share of real pictures in any ball around a made one (are all kinds made?);
- density: in how many balls a made picture lies, over k; 1 on average for real pictures, may be more;
- coverage: the share of balls with a made picture in them.
Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", NeurIPS 2019, equations 1 and 2;
Naeem et al., "Reliable fidelity and diversity metrics for generative models", ICML 2020, equations 4 and 5, whose two do not
let one stray real picture, with its large ball, spoil the figure. Compare figures of equal counts only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from alebrije.core.statistics import bootstrap, wilson
from alebrije.errors import DataError
from alebrije.features.judging.measured import Measured

AT_ONCE = 512
K_PRECISION, K_DENSITY = 3, 5  # as the papers have them


class Manifolds(NamedTuple):
    """The four figures. Intervals take the pictures for independent and the balls for given."""

    precision: Measured
    recall: Measured
    density: Measured
    coverage: Measured


def compare(real: Tensor, made: Tensor, seed: int = 0) -> Manifolds:
    """All four for features [N, D] and [M, D]. `seed`: of density's interval. Raises `DataError` for too few pictures."""
    real, made = real.double(), made.double()
    reach_precise, reach_dense, reach_made = radii(real, K_PRECISION), radii(real, K_DENSITY), radii(made, K_PRECISION)
    precise, counts = [], []
    recalled, covered = (torch.zeros(len(real), dtype=torch.bool) for _ in range(2))
    for some, reach in zip(torch.split(made, AT_ONCE), torch.split(reach_made, AT_ONCE), strict=True):
        distances = torch.cdist(some, real)
        inside = distances <= reach_dense
        precise.append((distances <= reach_precise).any(1))
        counts.append(inside.sum(1).double() / K_DENSITY)
        covered |= inside.any(0)
        recalled |= (distances <= reach[:, None]).any(0)
    density = torch.cat(counts)
    interval = bootstrap(density.numpy()[:, None], np.mean, seed)
    return Manifolds(_share(torch.cat(precise)), _share(recalled), Measured(float(density.mean()), *interval), _share(covered))


def radii(points: Tensor, k: int) -> Tensor:
    """The distance of each of the points [N, D] to its k-th nearest other one, [N]."""
    if len(points) <= k:
        raise DataError(f"{len(points)} pictures are too few to have {k} neighbours each")
    return torch.cat([torch.cdist(some, points).kthvalue(k + 1, dim=1).values for some in torch.split(points, AT_ONCE)])


def _share(truths: Tensor) -> Measured:
    count = int(truths.sum())
    return Measured(count / len(truths), *wilson(count, len(truths)))
