"""Keeping the content's colours, in three ways; `COLORS` names them.

Gatys, Bethge, Hertzmann & Shechtman, "Preserving Color in Neural Artistic Style Transfer", 2016 (arXiv:1606.05897), and the
colour control of Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017. Either only the
luminance is repainted and the colours are put back at the end, or the style's colours are brought to the content's before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from alebrije.core.image import to_gray


def match_mean_covariance(style: Tensor, content: Tensor) -> Tensor:
    """The colours of `style` [1, 3, h, w] with the mean and covariance of those of `content` [1, 3, H, W].

    x -> A (x - mean of the style) + mean of the content, A = C^1/2 S^-1/2 with the covariances C and S, so that A S A^T = C: the
    solution by eigenvalues, which, unlike the one by Cholesky's decomposition, does not depend on the order of the channels.
    Equal pictures stay as they are. Not cut off at [0, 1], so that mean and covariance are exact; where the style has no
    spread (a grey picture has it along one line only), none is invented.
    """
    cloud, scene = (image.double().flatten(2)[0] for image in (style, content))  # [3, positions]
    matrix = _power(_covariance(scene), 0.5) @ _power(_covariance(cloud), -0.5)
    matched = matrix @ (cloud - cloud.mean(1, keepdim=True)) + scene.mean(1, keepdim=True)
    return matched.view(style.shape).to(style)


def match_histogram(style: Tensor, content: Tensor) -> Tensor:
    """`style` [1, 3, h, w] with the histogram of `content` [1, 3, H, W], channel by channel.

    A value that has a share p of its channel's values below it becomes the value of the content that has as many below it.
    Equal values stay equal: they go to the middle of their share. Equal pictures stay as they are.
    """
    planes = []
    for plane, wanted in zip(style[0], content[0], strict=True):
        ordered, goal = plane.flatten().sort().values, wanted.flatten().sort().values
        below, up_to = (torch.searchsorted(ordered, plane.flatten(), right=right) for right in (False, True))
        place = ((below + up_to).double() / (2 * len(ordered)) * len(goal) - 0.5).clamp(0, len(goal) - 1)
        lower = place.long()
        upper = (lower + 1).clamp_max(len(goal) - 1)
        planes.append(torch.lerp(goal[lower], goal[upper], (place - lower).to(goal)).view(plane.shape))
    return torch.stack(planes)[None]


def match_light(style: Tensor, content: Tensor) -> Tensor:
    """The grey version of `style` with the mean and spread of `content`'s luminance: the "luminance-only transfer" of
    the papers. [1, 3, h, w], three equal channels."""
    light, grey = to_gray(content), to_gray(style)
    spread = light.std(correction=0) / grey.std(correction=0).clamp_min(1e-3)
    return ((grey - grey.mean()) * spread + light.mean()).clamp(0, 1).expand(-1, 3, -1, -1)


COLORS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "luminance": match_light,
    "histogram": match_histogram,
    "mean-covariance": match_mean_covariance,
}


def prepared(content: Tensor, styles: Sequence[Tensor], way: str | None) -> tuple[Tensor, list[Tensor]]:
    """Content and styles as the work is to see them if colours are kept in this way; None: as they are."""
    if way is None:
        return content, list(styles)
    matched = [COLORS[way](style, content) for style in styles]
    return (to_gray(content).expand_as(content) if way == "luminance" else content), matched


def restored(found: Tensor, content: Tensor, way: str | None) -> Tensor:
    """The picture that was found, [1, 3, H, W], with the content's colours back where only its luminance was repainted."""
    return content + to_gray(found) - to_gray(content) if way == "luminance" else found


def _covariance(cloud: Tensor) -> Tensor:
    found: Tensor = torch.cov(cloud, correction=0)
    return found


def _power(matrix: Tensor, exponent: float) -> Tensor:
    """A power of a symmetric positive semidefinite matrix; directions without spread stay without."""
    values, vectors = torch.linalg.eigh(matrix)
    floor = 1e-9 * values[-1].clamp_min(1e-9)
    powers = torch.where(values > floor, values.clamp_min(floor) ** exponent, 0)
    result: Tensor = (vectors * powers) @ vectors.mT
    return result
