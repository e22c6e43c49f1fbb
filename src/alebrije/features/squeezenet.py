"""SqueezeNet 1.1: ImageNet features for a tenth of VGG's price.

Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size", in the
version 1.1 of its authors' repository. Layers: relu1, fire2 ... fire9 (each after its last ReLU), without classifier.
Weights: torchvision's key names (features.0.weight, features.3.squeeze.weight ...).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.features.extractor import POOLINGS, Network, Stages
from alebrije.features.vgg import CAFFE_MEAN, CAFFE_STD

# Number of the module -> (its place in torchvision's `features`, its input, squeezed, and twice expanded channels).
FIRES = {
    2: (3, 64, 16, 64),
    3: (4, 128, 16, 64),
    4: (6, 128, 32, 128),
    5: (7, 256, 32, 128),
    6: (9, 256, 48, 192),
    7: (10, 384, 48, 192),
    8: (11, 384, 64, 256),
    9: (12, 512, 64, 256),
}
POOLED_BEFORE = (2, 4, 6)


class Fire(nn.Module):
    """Squeeze to few channels, expand by 1x1 and by 3x3, side by side: figure 1 of the paper."""

    def __init__(self, channels: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, kernel_size=1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, kernel_size=1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.squeeze(x))
        return F.relu(torch.cat([self.expand1x1(x), self.expand3x3(x)], dim=1))


def squeezenet_stages(pooling: str) -> Stages:
    """The stages of SqueezeNet 1.1: a strided convolution, then fire modules with three poolings between them."""
    yield "conv1", nn.Conv2d(3, 64, kernel_size=3, stride=2)
    yield "relu1", nn.ReLU(inplace=True)
    for number, (_, channels, squeezed, expanded) in FIRES.items():
        if number in POOLED_BEFORE:
            yield f"pool{number}", POOLINGS[pooling](kernel_size=3, stride=2, ceil_mode=True)
        yield f"fire{number}", Fire(channels, squeezed, expanded)


squeezenet1_1 = Network(
    stages=squeezenet_stages,
    layers=("relu1", *(f"fire{number}" for number in FIRES)),
    mean=CAFFE_MEAN,
    std=CAFFE_STD,
    channels="bgr",
    keys={"conv1": "features.0"} | {f"fire{number}": f"features.{place}" for number, (place, *_) in FIRES.items()},
)
