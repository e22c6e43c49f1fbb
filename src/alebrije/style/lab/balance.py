"""Equal pull: the style weights with which all painters begin with the same gradient of the style term.

Distances of different statistics have different units, so equal weights would compare weights, not statistics. At the
content itself some losses have no gradient in some places, so it is measured at the content with a little noise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.features import Extractor
from alebrije.style.config import StylizeConfig
from alebrije.style.lab.config import REFERENCE_PAINTER
from alebrije.style.objective import Measure, measure

NOISE = 0.02  # standard deviation of the noise on the content, in [0, 1]: 5 of 255


class Pull(NamedTuple):
    """What a painter is given: its style weight, and the norm of the gradient of its style distance with weight 1."""

    weight: float
    gradient: float


def noised(content: Tensor, seed: int = 0) -> Tensor:
    """The content [1, 3, H, W] in [0, 1] with a little noise, the same for the same seed and size."""
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(seed))
    return (content + NOISE * noise.to(content)).clamp(0, 1)


def gradient_norm(distances: Measure, image: Tensor) -> float:
    """Euclidean norm of the gradient of the style distance at `image` [1, 3, H, W]; NaN if it is not finite."""
    image = image.detach().requires_grad_()
    style = distances(image).style
    if not style.requires_grad:  # a statistic that is a constant of the picture
        return 0.0
    (gradient,) = torch.autograd.grad(style, image)
    norm = float(torch.linalg.vector_norm(gradient.double()))
    return norm if math.isfinite(norm) else math.nan


def equal_pulls(
    extractor: Extractor,
    content: Tensor,
    style: Tensor,
    painters: Mapping[str, StylizeConfig],
    style_weight: float,
    reference: StylizeConfig,
    seed: int = 0,
) -> dict[str, Pull]:
    """For each of `painters` the weight with which its gradient at the noised content is as long as that of the `reference`
    (Gram's settings) with `style_weight`.

    A painter without a gradient there (or with none that is finite) keeps `style_weight`: no weight can pull it. Where the
    reference itself has none, as for a content that is the style, everybody keeps it.
    """
    start = noised(content, seed)
    norms = {REFERENCE_PAINTER: gradient_norm(measure(extractor, content, [style], reference), start)}
    for name, settings in painters.items():
        if name not in norms:
            norms[name] = gradient_norm(measure(extractor, content, [style], settings), start)
    wanted = style_weight * norms[REFERENCE_PAINTER]
    found = {}
    for name in painters:
        norm = norms[name]
        weight = wanted / norm if norm > 0 and wanted > 0 else math.nan
        found[name] = Pull(weight if math.isfinite(weight) else style_weight, norm)
    return found
