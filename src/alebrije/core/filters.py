"""Gaussian blur at any width, with scipy's reflecting borders, in a time that hardly depends on the width.

A Gaussian of width sigma is two of width sigma / sqrt(2), one after the other. The first is evaluated only at the nodes
of a coarse grid, the second spreads from them, so that both cost little:

    G(sigma) ~ U D,   D[j, x] ~ exp(-(c_j - x)^2 / sigma^2),   U[x, j] ~ exp(-(x - c_j)^2 / sigma^2),   c_j = (j + 1/2) h

With the spacing h = sigma / sqrt(2), sampling folds the wave of 1 / 2h cycles per pixel back with a gain of
exp(-pi^2) = 5e-5 and every other wave with less (Poisson summation), so no picture whatever errs visibly. The matrices
are banded and are applied as a row of dense blocks, each one matrix product.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from alebrije.errors import ConfigError

TRUNCATE = 4.0  # kernel radius in sigmas, as in scipy
COARSE_FROM = 4.0  # pixels: narrower kernels are applied on the full grid, where they are cheap and exact
BLOCK_IN, BLOCK_OUT = 32, 128  # output rows of a dense block towards the coarse grid and back; measured on 2 cores

Bands = list[tuple[slice, slice, Tensor]]  # output rows, input rows, and the dense block between them


def gaussian_blur(images: Tensor, sigma: float) -> Tensor:
    """Blur every channel with a Gaussian of `sigma` pixels; borders reflect (d c b a | a b c d | d c b a).

    images: float [B, C, H, W] of any range and size; differentiable. Returns a tensor of the same shape and type.
    Equals `scipy.ndimage.gaussian_filter(mode="reflect")` along the last two axes: up to sigma 4 to rounding, above to
    1e-4 of the range. Raises `ConfigError` unless 0 < sigma < infinity.
    """
    if not 0 < sigma < math.inf:
        raise ConfigError(f"the blur width sigma must be a positive number of pixels, got {sigma}")
    height, width = images.shape[-2:]
    down, *up = _factors(height, sigma, images)
    small = _apply(down, images.flatten(0, 1))
    for bands in _factors(width, sigma, images):
        small = _apply(bands, small.mT).mT
    for bands in up:
        small = _apply(bands, small)
    return small.contiguous().view(images.shape)


def sobel(images: Tensor) -> tuple[Tensor, Tensor]:
    """Sobel's slopes of every channel, to the right and downwards: the difference of the neighbours on either side, summed over
    three rows, or columns, with weights 1, 2, 1.

    images: float [B, C, H, W] of any range and size; differentiable. Returns two tensors of the same shape and type; a ramp
    that rises by 1 a pixel has the slope 8. Equals `scipy.ndimage.sobel(mode="reflect")` along the last axis and the one before.
    """
    rows, columns = (torch.arange(-1, size + 1).clamp(0, size - 1) for size in images.shape[-2:])
    wide = images[..., rows, :][..., columns]  # the border repeated: F.pad does not do that for every type
    smooth = wide[..., :-2, :] + 2 * wide[..., 1:-1, :] + wide[..., 2:, :]
    across = wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]
    return smooth[..., 2:] - smooth[..., :-2], across[..., 2:, :] - across[..., :-2, :]


def _factors(size: int, sigma: float, like: Tensor) -> list[Bands]:
    """The matrices that blur an axis of `size` pixels, applied in turn: D and U, or one alone for a narrow kernel."""
    sigma = min(sigma, 2.0 * size)  # from here on the answer is the mean of the axis, to 1e-8
    if sigma <= COARSE_FROM:
        return [_bands(size, size, sigma, BLOCK_OUT, like)]
    half = sigma / math.sqrt(2)
    nodes = math.ceil(size / half)
    return [_bands(size, nodes, half, BLOCK_IN, like), _bands(nodes, size, half * nodes / size, BLOCK_OUT, like)]


def _bands(size_in: int, size_out: int, sigma: float, block: int, like: Tensor) -> Bands:
    """Gaussian-weighted resampling of an axis from `size_in` to `size_out` cells; `sigma` in input cells."""
    starts = range(0, size_out, block)
    rows = [slice(start, min(start + block, size_out)) for start in starts]
    return [(row, *_block(row, size_in, size_out, sigma, like)) for row in rows]


def _block(rows: slice, size_in: int, size_out: int, sigma: float, like: Tensor) -> tuple[slice, Tensor]:
    """The weights of some output rows: which input cells they need, and a matrix whose rows sum to 1."""
    centres = (torch.arange(rows.start, rows.stop, dtype=torch.float64) + 0.5) * size_in / size_out - 0.5
    reach = TRUNCATE * sigma + 0.5
    cells = torch.arange(math.floor(centres[0] - reach), math.ceil(centres[-1] + reach) + 1)
    offsets = centres[:, None] - cells
    weights = torch.exp(-0.5 * (offsets / sigma).square()) * (offsets.abs() <= reach)
    weights /= weights.sum(dim=1, keepdim=True)
    cells = cells % (2 * size_in)
    cells = torch.minimum(cells, 2 * size_in - 1 - cells)
    first, end = int(cells.min()), int(cells.max()) + 1
    matrix = weights.new_zeros(len(weights), end - first).index_add_(1, cells - first, weights)
    return slice(first, end), matrix.to(like)


def _apply(bands: Bands, planes: Tensor) -> Tensor:
    """Multiply planes [N, size_in, W] by a banded matrix from the left: [N, size_out, W]."""
    count, _, width = planes.shape
    products = ((rows, block.expand(count, -1, -1), planes[:, cells]) for rows, cells, block in bands)
    if torch.is_grad_enabled() and planes.requires_grad:
        return torch.cat([torch.bmm(block, part) for _, block, part in products], dim=1)
    result = planes.new_empty(count, bands[-1][0].stop, width)
    for rows, block, part in products:  # writing in place saves a pass over memory, which autograd would forbid
        torch.bmm(block, part, out=result[:, rows])
    return result
