"""Maximum mean discrepancy: how far two clouds of points are from each other as a kernel sees them.

Li, Wang, Liu & Hou, "Demystifying Neural Style Transfer", IJCAI 2017: take the features at each position as a sample of
an unknown distribution; the squared MMD of the picture's samples and the style's is a style loss, one for each
kernel, and the Gram loss is the one of the kernel (x^T y)^2. All estimates here are the biased ones (means over
all pairs, a point with itself too), which are 0 for equal clouds.

Departure: distances are relative, MMD^2(picture, style) / MMD^2(nothing, style), nothing being a picture of zero features.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.style.families.parts import Reference, in_double, points, precise, root_mean_square, some_points
from alebrije.style.statistics import gram

LANDMARKS = 256
WIDENING = 2.0  # the bandwidth over the median distance of two landmarks
BLOCK = 1 << 14  # positions whose kernels with all landmarks are held at once: 16 MB


def mean(features: Tensor, reference: Reference = ()) -> Tensor:
    """Mean of each channel, [B, C, H, W] -> [B, C]: all that the linear kernel k(x, y) = x^T y sees. Grows like the
    features."""
    return precise(features).mean((2, 3))


def mean_and_deviation(features: Tensor, reference: Reference = ()) -> Tensor:
    """Mean and standard deviation of each channel, [B, C, H, W] -> [B, 2, C]: the paper's BN statistics, which are what
    batch normalisation aligns. No kernel of its own: each channel counts as a Gaussian. Grows like the features."""
    deviation, level = torch.var_mean(precise(features), (2, 3), correction=0)
    # The root has no slope at 0, where dead channels are.
    return torch.stack([level, deviation.clamp_min(1e-12).sqrt()], 1)


def second_moments(features: Tensor, reference: Reference = (), offset: float = 0.0) -> Tensor:
    """All that the kernel k(x, y) = (x^T y + offset)^2 sees, [B, C, H, W] -> [B, C, C], or [B, C + 1, C + 1] with an offset.

    The kernel is the inner product of x x^T and y y^T, x having one channel more that is the square root of the offset
    everywhere. Without offset, as in the paper, this is the Gram loss: the paper's theorem. Grows with the square of the
    features.
    """
    if offset:
        features = F.pad(features, (0, 0, 0, 0, 0, 1), value=math.sqrt(offset))
    return gram(features)


def landmarks(features: Tensor, most: int = LANDMARKS) -> Reference:
    """What `gaussian` needs of the style: landmarks [B, P, C], twice the squared bandwidth [B, 1, 1], the inverse root of
    the landmarks' kernel matrix [B, P, P], and the style's root mean square [B, 1, 1].

    The bandwidth is twice the median distance between two landmarks. The usual choice is once (Gretton et al., "A Kernel
    Two-Sample Test", JMLR 2012), but then what is far from all of the style, such as a blue sky from a red one, feels no
    pull: it stayed blue. Features are in units of the style's root mean square.
    """
    scale = root_mean_square(features)
    return kernel_of(some_points(features, most) / scale, scale)


def kernel_of(chosen: Tensor, scale: Tensor) -> Reference:
    """What `landmarks` returns, given the landmarks [B, P, C] in units of the root mean square `scale` [B, 1, 1]."""
    squared = _squared_distances(chosen, chosen)
    apart = squared.flatten(1).masked_select(~torch.eye(len(squared[0]), dtype=torch.bool, device=squared.device).flatten())
    apart = apart.view(len(squared), -1)
    middle = apart.median(1).values if apart.shape[1] else squared.new_zeros(len(squared))
    typical = squared.mean((1, 2))  # where most of the style is one flat colour, the median is 0
    width = torch.where(middle > 1e-6, middle, torch.where(typical > 1e-6, typical, 1.0))
    width = 2 * WIDENING**2 * width[:, None, None]
    values, vectors = torch.linalg.eigh(in_double(torch.exp(-squared / width)))
    # Directions of less than a millionth are rounding errors of float32: they are left out, not divided by.
    inverse = torch.where(values > 1e-6 * values[:, -1:], values, torch.inf).rsqrt()
    root = (vectors * inverse[:, None]) @ vectors.mT
    return chosen, width, root.to(squared), scale


def gaussian(features: Tensor, reference: Reference) -> Tensor:
    """What the kernel k(x, y) = exp(-|x - y|^2 / (2 sigma^2)) sees, [B, C, H, W] -> [B, P], in the span of the landmarks.

    With landmarks z (at most 256 positions of the style, chosen by its shape) and their kernel matrix K, the statistic is
    K^(-1/2) (mean_x k(z, x) - k(z, 0)), so that the squared distance of two statistics is the squared MMD of two clouds
    after projection on the landmarks (Nystroem's estimate: Williams & Seeger, NIPS 2000). It never exceeds the biased
    MMD^2, and equals it where all points are landmarks. Departure from the paper, which samples pairs: here all positions
    of the picture count at each step, so that the loss is smooth and the same at each step, and no pixel is left out.
    Doubling style and picture changes nothing.
    """
    return embedded(mean_kernel(features, reference), reference)


def mean_kernel(features: Tensor, reference: Reference) -> Tensor:
    """Mean over all positions of the kernel with each landmark, [B, C, H, W] -> [B, P]."""
    chosen, width, _, scale = reference
    met: Tensor = _MeanKernel.apply(points(features) / scale, chosen, width)  # type: ignore[no-untyped-call]
    return met


def embedded(met: Tensor, reference: Reference) -> Tensor:
    """What `gaussian` returns, given the mean kernels [B, P]."""
    chosen, width, root, _ = reference
    nowhere = torch.exp(-chosen.square().sum(2) / width[:, 0])
    return ((met - nowhere)[:, None] @ root)[:, 0]


class _MeanKernel(torch.autograd.Function):
    """Mean over the points [B, N, C] of exp(-|x - z|^2 / width) with each landmark z of [B, P, C] -> [B, P]. Computed in blocks,
    and again for the gradient: autograd would keep 256 numbers for each position, three times."""

    @staticmethod
    def forward(ctx: Any, cloud: Tensor, chosen: Tensor, width: Tensor) -> Tensor:
        ctx.save_for_backward(cloud, chosen, width)
        total = chosen.new_zeros(chosen.shape[:2])
        for block in torch.split(cloud, BLOCK, 1):
            total += torch.exp(-_squared_distances(block, chosen) / width).sum(1)
        return total / cloud.shape[1]

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cloud, chosen, width = ctx.saved_tensors
        share = 2 * gradient[:, None] / (width * cloud.shape[1])
        pulls = []
        for block in torch.split(cloud, BLOCK, 1):
            pull = share * torch.exp(-_squared_distances(block, chosen) / width)
            pulls.append(pull @ chosen - pull.sum(2, keepdim=True) * block)
        return torch.cat(pulls, 1), None, None


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """[B, N, C] and [B, M, C] -> [B, N, M], by the binomial formula: a product of matrices in place of N M C differences."""
    products = first @ second.mT
    return (first.square().sum(2)[:, :, None] + second.square().sum(2)[:, None] - 2 * products).clamp_min(0)
