"""EfficientNet-Lite0: what pictures show, in 1280 numbers, for distances between sets of pictures (KID, FID).

Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", table 1, in the Lite variant
of its authors' repository (2020): ReLU6 in place of SiLU, no squeeze-and-excitation. The usual KID takes Inception-v3,
with fourteen times the arithmetic: numbers made with the one cannot be compared with the other's.

Departures: each batch normalisation is folded into the convolution before it (the same numbers up to rounding).
Weights: stem, blocks.N.expand|depthwise|project, head, classifier, each with .weight and .bias.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIZE = 224
"""Pixels on a side of the pictures it was trained on."""
FEATURES = 1280

# Table 1 of the paper, rows 2 to 8: expansion, kernel, stride of the first block, channels out, blocks.
STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


class SameConv2d(nn.Conv2d):
    """A convolution that gives ceil(size / stride) pixels, as TensorFlow's "SAME" does: where the number of zeros
    around the picture is odd, the one too many goes to the right and the bottom. The weights were trained with that."""

    def forward(self, x: Tensor) -> Tensor:
        missing = [
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, stride, kernel in zip(x.shape[:1:-1], self.stride, self.kernel_size)
        ]
        padding = [side for total in missing for side in (total // 2, total - total // 2)]
        return super().forward(F.pad(x, padding))


class InvertedResidual(nn.Module):
    """Widen by 1x1, filter each channel by itself, narrow by 1x1; added to the input where the shapes agree."""

    def __init__(self, channels_in: int, channels_out: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = channels_in * expansion
        self.expand = SameConv2d(channels_in, wide, 1) if expansion > 1 else nn.Identity()
        self.depthwise = SameConv2d(wide, wide, kernel, stride, groups=wide)
        self.project = SameConv2d(wide, channels_out, 1)
        self.residual = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        wide = x if isinstance(self.expand, nn.Identity) else F.relu6(self.expand(x))
        narrow: Tensor = self.project(F.relu6(self.depthwise(wide)))
        return x + narrow if self.residual else narrow


class EfficientNetLite0(nn.Module):
    """Pictures [B, 3, H, W], sRGB in [0, 1], of any size -> pooled features [B, 1280]. Float32, frozen.

    Pictures are brought to 224x224 (bilinear, antialiased, proportions not kept) and to (255 x - 127) / 128.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv2d(3, 32, 3, stride=2)
        blocks, channels = [], 32
        for expansion, kernel, stride, width, depth in STAGES:
            for index in range(depth):
                blocks.append(InvertedResidual(channels, width, expansion, kernel, stride if index == 0 else 1))
                channels = width
        self.blocks = nn.Sequential(*blocks)
        self.head = SameConv2d(channels, FEATURES, 1)
        self.classifier = nn.Linear(FEATURES, 1000)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-2:] != (SIZE, SIZE):
            images = F.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
        x = (images * 255 - 127) / 128
        x = F.relu6(self.head(self.blocks(F.relu6(self.stem(x)))))
        return x.mean((2, 3))

    def classify(self, images: Tensor) -> Tensor:
        """Logits [B, 1000] of the ImageNet classes, in their usual order."""
        logits: Tensor = self.classifier(self(images))
        return logits


def load(device: torch.device | str = "cpu") -> EfficientNetLite0:
    """The network with its trained weights; raises `WeightsError` where they are not at hand."""
    from alebrije.core import weights

    network = EfficientNetLite0()
    network.load_state_dict(weights.load("efficientnet-lite0"))
    return network.to(device)
