"""Optical flow: where each pixel of one picture has gone in the next, and where nobody can know.

Zach, Pock & Bischof, "A Duality Based Approach for Realtime TV-L1 Optical Flow", DAGM 2007: the flow u is sought for which

    sum over pixels of  lambda |second(x + u) - first(x)|  +  h(du/dx, du/dy)

is least: brightness stays (the absolute value forgives what does not), and neighbours move alike but for few borders. From
coarse to fine, linearised anew at each warp. Departures: h is the Huber function in place of the total variation (Werlberger
et al., "Anisotropic Huber-L1 Optical Flow", BMVC 2009), so that zooms and turns are not cut into steps; the minimum is found
by algorithm 1 of Chambolle & Pock 2011; between warps a median takes out stray vectors (Sun, Roth & Black, "Secrets of Optical
Flow Estimation and Their Principles", CVPR 2010).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import to_gray
from alebrije.errors import ConfigError

SMALLEST_SIDE = 6  # pixels, of the coarsest level
WARPS, ITERATIONS = 6, 20  # at each level; measured on photographs with known motion
FIDELITY = 40.0  # lambda, for pictures in [0, 1]
HUBER = 0.05  # pixels of flow per pixel: gradients below it are smoothed, above it they are left alone
STEP = 8**-0.5  # of both variables: 8 bounds the squared norm of the gradient


def optical_flow(first: Tensor, second: Tensor) -> Tensor:
    """The flow from `first` to `second`, both [B, 3 or 1, H, W] in [0, 1]: float32 [B, 2, H, W], pixels to the right and down.

    What is at x in the first picture is at x + flow(x) in the second: `warp(second, flow)` looks like the first. Motions of up to
    about a quarter of the shorter side are found if what moves is large. Raises `ConfigError` if the shapes differ.
    """
    if first.shape != second.shape or first.ndim != 4:
        raise ConfigError(f"two pictures of one size are needed, got {_size(first)} and {_size(second)}")
    pair = [_gray(image.detach().float()) for image in (first, second)]
    flow = first.new_zeros(len(first), 2, 1, 1, dtype=torch.float32)
    for size in reversed(_sizes(first.shape[-2], first.shape[-1])):
        one, other = (F.interpolate(image, size, mode="bilinear", antialias=True, align_corners=False) for image in pair)
        flow = _refined(one, other, enlarged(flow, size))
    return flow


def warp(image: Tensor, flow: Tensor, mode: str = "bilinear") -> Tensor:
    """`image` [B, C, H, W] looked up at x + flow(x); beyond the border the border's own colour. `mode` may be ``bicubic``."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, device=flow.device, dtype=flow.dtype)[:, None] + flow[:, 1]
    columns = torch.arange(width, device=flow.device, dtype=flow.dtype) + flow[:, 0]
    places = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
    return F.grid_sample(image, places.to(image), mode=mode, padding_mode="border", align_corners=False)


def enlarged(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """The same motion for pictures of another size (height, width)."""
    height, width = flow.shape[-2:]
    ratio = flow.new_tensor([size[1] / width, size[0] / height]).view(1, 2, 1, 1)
    return F.interpolate(flow, size, mode="bilinear", align_corners=False) * ratio


def reliable(backward: Tensor, forward: Tensor) -> Tensor:
    """Where the second picture's flow to the first can be trusted: 1 there, 0 elsewhere, float32 [B, 1, H, W].

    `backward` is the flow from the second picture to the first, `forward` the other way. Ruder, Dosovitskiy & Brox, "Artistic
    Style Transfer for Videos", GCPR 2016, eq. 5 to 7: 0 where a point that is followed there and back does not come back (it was
    hidden before), and at the borders of what moves. Points that come from outside the picture are 0 too.
    """
    there = warp(forward, backward)
    apart = _energy(there + backward)
    hidden = apart > 0.01 * (_energy(there) + _energy(backward)) + 0.5
    right, down = _differences(backward)
    border = _energy(right) + _energy(down) > 0.01 * _energy(backward) + 0.002
    return 1 - (hidden | border | ~inside(backward)).float()


def inside(flow: Tensor) -> Tensor:
    """Where x + flow(x) lies within the picture: bool [B, 1, H, W]."""
    height, width = flow.shape[-2:]
    rows = torch.arange(height, device=flow.device)[:, None] + flow[:, 1:]
    columns = torch.arange(width, device=flow.device) + flow[:, :1]
    return (rows >= -0.5) & (rows <= height - 0.5) & (columns >= -0.5) & (columns <= width - 0.5)


def _refined(first: Tensor, second: Tensor, flow: Tensor) -> Tensor:
    """The flow at one level, from what the coarser one has found."""
    slopes = torch.cat([second, *_slopes(second)], 1)
    own = torch.cat(_slopes(first), 1)
    dual = flow.new_zeros(len(flow), 4, *flow.shape[-2:])
    for _ in range(WARPS):
        flow = _median(flow)
        seen = warp(slopes, flow, "bicubic")
        slope = (seen[:, 1:] + own) / 2  # the mean of both pictures' is right to one order more
        slope = slope * inside(flow)
        steep = _energy(slope).clamp_min(1e-9)
        rest = seen[:, :1] - first - (slope * flow).sum(1, keepdim=True)
        ahead = flow
        for _ in range(ITERATIONS):
            dual = (dual + STEP * torch.cat(_differences(ahead), 1)) / (1 + STEP * HUBER)
            dual = dual / _energy(dual).sqrt().clamp_min(1)
            moved = flow + STEP * _divergence(dual)
            wrong = rest + (slope * moved).sum(1, keepdim=True)
            found = moved - slope * (wrong / steep).clamp(-STEP * FIDELITY, STEP * FIDELITY)
            ahead, flow = 2 * found - flow, found
    return flow


def _gray(image: Tensor) -> Tensor:
    return to_gray(image) if image.shape[1] == 3 else image


def _sizes(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes of all levels, the full one first, each half the one before."""
    sizes = [(height, width)]
    while min(sizes[-1]) >= 2 * SMALLEST_SIDE:
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def _slopes(image: Tensor) -> tuple[Tensor, Tensor]:
    """Derivatives to the right and down, of fourth order: (1, -8, 0, 8, -1) / 12."""
    padded = F.pad(image, (2, 2, 2, 2), mode="replicate")
    rows, columns = padded[..., 2:-2, :], padded[..., 2:-2]
    right = (8 * (rows[..., 3:-1] - rows[..., 1:-3]) - (rows[..., 4:] - rows[..., :-4])) / 12
    down = (8 * (columns[..., 3:-1, :] - columns[..., 1:-3, :]) - (columns[..., 4:, :] - columns[..., :-4, :])) / 12
    return right, down


def _differences(field: Tensor) -> tuple[Tensor, Tensor]:
    """What the next pixel to the right has more, and the next below; 0 at the border."""
    right = F.pad(field[..., 1:] - field[..., :-1], (0, 1))
    down = F.pad(field[..., 1:, :] - field[..., :-1, :], (0, 0, 0, 1))
    return right, down


def _divergence(dual: Tensor) -> Tensor:
    """The negative adjoint of `_differences`: [B, 4, H, W] -> [B, 2, H, W]."""
    right, down = F.pad(dual[:, :2, :, :-1], (1, 1)), F.pad(dual[:, 2:, :-1], (0, 0, 1, 1))
    return right[..., 1:] - right[..., :-1] + down[..., 1:, :] - down[..., :-1, :]


def _median(flow: Tensor) -> Tensor:
    """The median of 3x3 vectors, of each component by itself."""
    around = F.pad(flow, (1, 1, 1, 1), mode="replicate").unfold(2, 3, 1).unfold(3, 3, 1).flatten(-2)
    return around.median(-1).values


def _energy(field: Tensor) -> Tensor:
    """The squared length at each pixel: [B, C, H, W] -> [B, 1, H, W]."""
    return field.square().sum(1, keepdim=True)


def _size(image: Tensor) -> str:
    return "x".join(map(str, image.shape))
