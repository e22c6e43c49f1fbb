"""3x3 convolutions with a quarter of the multiplications, for processors whose matrix units do not do the work.

Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016: F(4x4, 3x3). An output tile of 4x4 comes from 36
products of transformed numbers instead of 144: Y = A^T [(G g G^T) . (B^T d B)] A (eq. 8), summed over channels as 36 matrix
products. With many channels these products dominate, and the transforms, themselves written as matrix products, are cheap.
Measured with AVX512-bf16 (LOG.md), forth and back together against oneDNN: 1.3 times as fast at 128 channels, 1.9 at 256, 2.5 at
512. The price is accuracy: five (smooth inputs) to nine times (noise) the rounding error of a direct convolution.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TILE = 4
LEAST_CHANNELS = 128  # with fewer the transforms cost more than the multiplications they save

# The matrices of Toom and Cook for the interpolation points 0, 3/4, -3/4, 3/2, -3/2 and infinity. With the 0, 1, -1, 2, -2 of the
# paper's sec. 4.4 the sizes of the numbers in the middle differ more, and bfloat16 loses twice as much (Barabasz et al., "Error
# Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", ACM TOMS 2020, on the choice of points).
# All entries are exact in bfloat16, their products to 0.4 %.
B_T = ((81 / 64, 0, -45 / 16, 0, 1, 0), (0, -27 / 16, -9 / 4, 3 / 4, 1, 0), (0, 27 / 16, -9 / 4, -3 / 4, 1, 0),
       (0, -27 / 32, -9 / 16, 3 / 2, 1, 0), (0, 27 / 32, -9 / 16, -3 / 2, 1, 0), (0, 81 / 64, 0, -45 / 16, 0, 1))  # fmt: skip
G = ((64 / 81, 0, 0), (-128 / 243, -32 / 81, -8 / 27), (-128 / 243, 32 / 81, -8 / 27), (32 / 243, 16 / 81, 8 / 27),
     (32 / 243, -16 / 81, 8 / 27), (0, 0, 1))  # fmt: skip
A_T = ((1, 1, 1, 1, 1, 0), (0, 3 / 4, -3 / 4, 3 / 2, -3 / 2, 0), (0, 9 / 16, 9 / 16, 9 / 4, 9 / 4, 0),
       (0, 27 / 64, -27 / 64, 27 / 8, -27 / 8, 1))  # fmt: skip


def accelerate(network: nn.ModuleDict, device: torch.device) -> None:
    """Replace the wide 3x3 convolutions of `network`, where that pays: on a processor without matrix units (AMX)."""
    if device.type != "cpu" or torch.cpu._is_amx_tile_supported():
        return
    for name, stage in network.items():
        if isinstance(stage, nn.Conv2d) and stage.kernel_size == (3, 3) and stage.in_channels >= LEAST_CHANNELS:
            network[name] = Conv2d(stage)


def transform_weights(weight: Tensor) -> Tensor:
    """[K, C, 3, 3] -> [36, C, K], G g G^T for each pair of channels, computed in float64 and returned in the weight's dtype."""
    g = torch.tensor(G, dtype=torch.float64, device=weight.device)
    return torch.einsum("ai,kcij,bj->abck", g, weight.double(), g).flatten(0, 1).to(weight.dtype).contiguous()


def convolve(x: Tensor, transformed: Tensor) -> Tensor:
    """Convolve [B, C, H, W] with `transform_weights(weight)`, stride 1, zero padding 1 -> [B, K, H, W] in channels_last."""
    (batch, channels, height, width), filters = x.shape, transformed.shape[2]
    rows, columns = -(-height // TILE), -(-width // TILE)
    padding = (0, 0, 1, TILE * columns - width + 1, 1, TILE * rows - height + 1)
    padded = F.pad(x.permute(0, 2, 3, 1), padding)
    patches = padded.unfold(1, TILE + 2, TILE).unfold(2, TILE + 2, TILE).permute(4, 5, 0, 1, 2, 3)  # 6 6 B rows columns C
    inputs = _twice(B_T, x) @ patches.reshape(36, -1)
    products = torch.bmm(inputs.view(36, -1, channels), transformed)
    outputs = (_twice(A_T, x) @ products.view(36, -1)).view(TILE, TILE, batch, rows, columns, filters)
    result = outputs.permute(2, 3, 0, 4, 1, 5).reshape(batch, TILE * rows, TILE * columns, filters)
    return result[:, :height, :width].permute(0, 3, 1, 2)


def _twice(matrix: tuple[tuple[float, ...], ...], like: Tensor) -> Tensor:
    """The transform of rows and columns at once, as one matrix."""
    once = torch.tensor(matrix, dtype=torch.float64)
    return torch.kron(once, once).to(like)


class Conv2d(nn.Module):
    """A frozen 3x3 convolution, stride 1, padding 1, that computes by `convolve`, and so does its gradient."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight, bias = convolution.weight.detach(), convolution.bias
        self.register_buffer("forth", transform_weights(weight))
        self.register_buffer("back", transform_weights(weight.flip(2, 3).transpose(0, 1)))
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = _Convolution.apply(x, self.forth, self.back)  # type: ignore[no-untyped-call]
        return result if self.bias is None else result + self.bias.view(-1, 1, 1)


class _Convolution(torch.autograd.Function):
    """The gradient of a convolution with respect to its input is the convolution with the weights turned around."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, forth: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        return convolve(x, forth)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return convolve(gradient, *ctx.saved_tensors), None, None
