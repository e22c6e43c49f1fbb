"""ST-LPIPS: how different two pictures look to people, without minding a shift by a pixel.

Ghildyal & Liu 2022, "Shift-tolerant Perceptual Similarity Metric" (ECCV), the AlexNet variant: LPIPS (Zhang et al.
2018, equation 1) on a network in which nothing strides but blurs, each after what used to stride (Zhang 2019, "Making
Convolutional Networks Shift-Invariant Again"), with a wider reflected border around them.

Weights: conv1 ... conv5 .weight and .bias, lin1 ... lin5 .weight [1, C, 1, 1], none of them negative.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.errors import PictureError

SMALLEST_SIDE = 21
"""Pixels that a picture needs on each side for the reflected borders of the last blur."""

# LPIPS' constants for pictures in [-1, 1]: ImageNet's mean and deviation with another rounding.
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPS = 1e-10


class STLPIPS(nn.Module):
    """Two batches of pictures [B, 3, H, W], sRGB in [0, 1] -> their distances [B], 0 for equal ones.

    Float32; gradients flow to the pictures, the weights have none. Raises `PictureError` for pictures below 21x21
    pixels or of two different sizes.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 11, padding=2)
        self.conv2 = nn.Conv2d(64, 192, 5, padding=2)
        self.conv3 = nn.Conv2d(192, 384, 3, padding=1)
        self.conv4 = nn.Conv2d(384, 256, 3, padding=1)
        self.conv5 = nn.Conv2d(256, 256, 3, padding=1)
        for index, width in enumerate((64, 192, 384, 256, 256), start=1):
            self.add_module(f"lin{index}", nn.Conv2d(width, 1, 1, bias=False))
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        for images in (first, second):
            height, width = images.shape[-2:]
            if min(height, width) < SMALLEST_SIDE:
                raise PictureError(
                    f"a picture of {width}x{height} pixels is too small to compare: "
                    f"ST-LPIPS needs at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
                )
        if first.shape[-2:] != second.shape[-2:]:
            raise PictureError(
                f"pictures of two sizes cannot be compared ({list(first.shape[-2:])} and "
                f"{list(second.shape[-2:])}, height and width): resize one of them"
            )
        distance = first.new_zeros(len(first))
        for index, (a, b) in enumerate(zip(self.features(first), self.features(second)), start=1):
            difference = (_unit(a) - _unit(b)).square()
            distance += self.get_submodule(f"lin{index}")(difference).mean((1, 2, 3))
        return distance

    def features(self, images: Tensor) -> list[Tensor]:
        """The five activations that are compared: at about a half, a quarter, and three times an eighth of the size."""
        x = (2 * images - 1 - self.shift) / self.scale
        taps = [F.relu(blur_half(self.conv1(x)))]
        for convolution in (self.conv2, self.conv3):
            pooled = F.max_pool2d(taps[-1], kernel_size=3, stride=1)
            taps.append(F.relu(convolution(blur_half(pooled))))
        for convolution in (self.conv4, self.conv5):
            taps.append(F.relu(convolution(taps[-1])))
        return taps


def blur_half(x: Tensor) -> Tensor:
    """[B, C, H, W] with 2 reflected pixels on each side, convolved with [1 2 1]/4 both ways -> every second pixel."""
    line = torch.tensor([0.25, 0.5, 0.25], dtype=x.dtype, device=x.device)
    kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


def _unit(x: Tensor) -> Tensor:
    """Each pixel's features at length one; zeros stay zeros, and so do their gradients."""
    length: Tensor = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / (length + EPS)


def load(device: torch.device | str = "cpu") -> STLPIPS:
    """The metric with its trained weights; raises `WeightsError` where they are not at hand."""
    from alebrije.core import weights

    metric = STLPIPS()
    metric.load_state_dict(weights.load("stlpips"))
    return metric.to(device)
