"""Laying one picture over another by scale, rotation and shift, so that their shapes meet.

Coordinates are in pixels, x to the right, y down, with the origin at the picture's top left corner: the centre of the
first pixel is (0.5, 0.5). A matrix [2, 3] maps (x, y, 1) of the OUTPUT frame, which is that of the high picture, to the
point of the low picture that is seen there. Angles in degrees; positive turns x towards y (clockwise on the screen).

Pictures of different things share no texture, so what is compared are soft masks and outlines (`masks`), and where the
two meet best is looked for in `search`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.filters import gaussian_blur
from alebrije.errors import ConfigError
from alebrije.hybrid.alignment.masks import shape, small
from alebrije.hybrid.alignment.search import LEVELS, coarse, correlation, cost, prepare, refine

CLEARLY = 0.08  # of match: what the identity must be beaten by, over the cost of the change
COMMON, WELL = 0.22, 0.45  # of match: below it there is no common shape; from here on it is a good one
STRIP = 256  # rows that are warped at a time


@dataclass(frozen=True, slots=True)
class Alignment:
    """`matrix` float64 [2, 3] maps pixels of the output (the high picture's frame) to pixels of the picture that is warped.

    `scale`: pixels of the warped picture per pixel of the output (above 1: it is shrunk). `degrees`: the angle from
    the output's axes to the warped picture's. `shift`: (x, y) in pixels, where the middle of the output lands, from
    the middle of the warped picture. `match` in [0, 1]: how well the shapes meet; `before`: without warping.
    """

    matrix: Tensor
    scale: float
    degrees: float
    shift: tuple[float, float]
    match: float
    before: float
    note: str


def from_points(points: Sequence[tuple[float, float, float, float]]) -> Tensor:
    """The similarity that best maps the second picture's points to the first's: float64 [2, 3].

    points: two or more (x1, y1, x2, y2), pixels of the first picture (the one that is warped) and of the second (the
    frame of the output). Least squares in closed form: Umeyama, "Least-squares estimation of transformation parameters
    between two point patterns", PAMI 13(4), 1991, eqs. 40-42, in the plane, where complex numbers say it in one line
    and never reflect. Raises `ConfigError` for fewer than two points, or points all in one place.
    """
    if len(points) < 2:
        raise ConfigError(f"two or more pairs of points are needed to align two pictures, got {len(points)}: add another")
    table = torch.tensor(points, dtype=torch.float64)
    if not table.isfinite().all():
        raise ConfigError("the coordinates of points must be finite numbers of pixels")
    to, source = (torch.complex(part[:, 0].contiguous(), part[:, 1].contiguous()) for part in (table[:, :2], table[:, 2:]))
    to_mean, mean = to.mean(), source.mean()
    spread, to_spread = float((source - mean).abs().square().sum()), float((to - to_mean).abs().square().sum())
    # |sum conj(a) b|^2 <= spread * to_spread: with equality for a perfect fit, near zero if only a mirror image fits.
    turn = ((source - mean).conj() * (to - to_mean)).sum()
    if min(spread, to_spread) < 1e-6:
        raise ConfigError("the points of a picture lie all in one place: click two or more places far apart in both pictures")
    if float(turn.abs().square()) < 1e-6 * spread * to_spread:
        raise ConfigError("no turn brings these points together, they fit only mirrored: check their order")
    factor = turn / spread
    offset = to_mean - factor * mean
    a, b = float(factor.real), float(factor.imag)
    return torch.tensor([[a, -b, float(offset.real)], [b, a, float(offset.imag)]], dtype=torch.float64)


def align(low: Tensor, high: Tensor) -> Alignment:
    """How to lay the low picture over the high one: both [1, 3, H, W] in [0, 1], of the same size. Deterministic.

    Never worse than leaving it as it is: unless another place wins clearly, the matrix is the identity. Raises
    `ConfigError` if the sizes differ.
    """
    if low.shape[-2:] != high.shape[-2:]:
        raise ConfigError("two pictures must have the same size to be aligned: fit one to the other first")
    with torch.no_grad():
        shapes = shape(small(low)), shape(small(high))
        places = coarse(*shapes)
        for level in LEVELS:
            places = refine(prepare(*shapes, level.side, level.blur), places, level)[:2]
        still, place = torch.zeros(4), places[0]
        judge = prepare(*shapes, LEVELS[0].side, LEVELS[0].blur)
        before, after = correlation(judge, torch.stack([still, place])).clamp(0, 1).tolist()
        wanted = max(before + float(cost(place)) + CLEARLY, COMMON)
    if after < wanted:
        return _alignment(still, low, before, before, _note(before, None))
    return _alignment(place, low, after, before, _note(after, before))


def match(low: Tensor, high: Tensor) -> float:
    """How well the shapes of two pictures [1, 3, H, W] of the same size meet as they are: in [0, 1]."""
    with torch.no_grad():
        layers = prepare(shape(small(low)), shape(small(high)), LEVELS[0].side, LEVELS[0].blur)
        return float(correlation(layers, torch.zeros(1, 4)).clamp(0, 1))


def warp(image: Tensor, matrix: Tensor) -> Tensor:
    """The picture seen through `matrix`: [1, C, H, W] -> the same size, bicubic, antialiased where it shrinks.

    matrix: [2, 3], output pixels to pixels of `image`. Where it looks beyond the border it sees the picture's mirror
    image (d c b a | a b c d | d c b a, as the blurs do), and beyond that the mirror image's last pixel: never an empty
    place. No value leaves the range of the picture's own. The identity returns the picture itself.
    """
    matrix = matrix.detach().cpu().double()
    if torch.equal(matrix, torch.eye(2, 3, dtype=torch.float64)):
        return image
    height, width = image.shape[-2:]
    scale = math.sqrt(abs(float(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])))
    source = image.float()
    lowest, highest = source.aminmax()
    if scale > 1.05:  # a pixel of the result covers `scale` of the picture's: variances of Gaussians add up
        source = gaussian_blur(source, 0.5 * math.sqrt(scale**2 - 1))
    across = torch.arange(width, dtype=torch.float64) + 0.5
    result = torch.empty_like(source)
    for top in range(0, height, STRIP):
        down = torch.arange(top, min(top + STRIP, height), dtype=torch.float64)[:, None] + 0.5
        x, y = (row[0] * across + row[1] * down + row[2] for row in matrix)
        grid = torch.stack([_one_reflection(x, width), _one_reflection(y, height)], dim=-1)[None].to(source)
        strip = F.grid_sample(source, grid, mode="bicubic", padding_mode="reflection", align_corners=False)
        result[..., top : top + STRIP, :] = strip.clamp(lowest, highest)
    return result.to(image.dtype)


def _one_reflection(position: Tensor, size: int) -> Tensor:
    """Pixels -> [-1, 1] over the picture, as `grid_sample` counts, kept within one mirror image on either side."""
    return 2 * position.clamp(0.5 - size, 2 * size - 0.5) / size - 1


def _alignment(place: Tensor, image: Tensor, match: float, before: float, note: str) -> Alignment:
    height, width = image.shape[-2:]
    log_scale, angle, across, down = (float(value) for value in place)
    scale, shift = math.exp(log_scale), (across * max(height, width), down * max(height, width))
    a, b = scale * math.cos(angle), scale * math.sin(angle)
    x = width / 2 - a * width / 2 + b * height / 2 + shift[0]
    y = height / 2 - b * width / 2 - a * height / 2 + shift[1]
    matrix = torch.tensor([[a, -b, x], [b, a, y]], dtype=torch.float64)
    return Alignment(matrix, scale, math.degrees(angle), shift, match, before, note)


def _note(match: float, before: float | None) -> str:
    if before is not None:
        return f"the shapes {_well(match)} ({match:.2f}; {before:.2f} before)"
    if match >= COMMON:
        return f"the shapes {_well(match)} as they are ({match:.2f}): left so"
    return f"no common shape was found ({match:.2f}): left as it is"


def _well(match: float) -> str:
    return "match well" if match >= WELL else "match roughly"
