"""VGG-16 and VGG-19, the networks of most of the style transfer literature.

Simonyan, Zisserman 2015, "Very Deep Convolutional Networks for Large-Scale Image Recognition", table 1, columns D and
E: blocks of 3x3 convolutions with ReLU, a 2x2 pooling after each block. Layers are called reluB_I (block B,
convolution I). Only the convolutions are kept. Weights: convB_I.weight [out, in, 3, 3] and convB_I.bias [out].
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from alebrije.features.extractor import POOLINGS, Network, Stages

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
CAFFE_MEAN = (104.00699 / 255, 116.66877 / 255, 122.67892 / 255)
CAFFE_STD = (1 / 255, 1 / 255, 1 / 255)

# Per block: the width of each of its convolutions.
VGG16 = ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3)
VGG19 = ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4)

Blocks = Sequence[Sequence[int]]


def vgg_stages(blocks: Blocks, pooling: str) -> Stages:
    """The stages of a network of VGG's shape: convB_I, reluB_I, and poolB between the blocks."""
    channels = 3
    for b, block in enumerate(blocks, start=1):
        if b > 1:
            yield f"pool{b - 1}", POOLINGS[pooling](kernel_size=2, stride=2)
        for i, width in enumerate(block, start=1):
            yield f"conv{b}_{i}", nn.Conv2d(channels, width, kernel_size=3, padding=1)
            yield f"relu{b}_{i}", nn.ReLU(inplace=True)
            channels = width


def vgg_layers(blocks: Blocks) -> tuple[str, ...]:
    """The names of the layers that can be tapped, from the picture inwards."""
    return tuple(f"relu{b}_{i}" for b, block in enumerate(blocks, start=1) for i in range(1, len(block) + 1))


# The weights at hand come from Caffe: BGR, 0..255, minus the mean picture value.
vgg16 = Network(
    stages=lambda pooling: vgg_stages(VGG16, pooling),
    layers=vgg_layers(VGG16),
    mean=CAFFE_MEAN,
    std=CAFFE_STD,
    channels="bgr",
)
vgg19 = Network(
    stages=lambda pooling: vgg_stages(VGG19, pooling),
    layers=vgg_layers(VGG19),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)
