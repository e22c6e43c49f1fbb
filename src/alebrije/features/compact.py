"""compact: our own small network of VGG's shape, shipped with the package and used by default.

The same blocks and the same layer names as VGG, at half of its widths or less, and fewer layers. It was distilled from
VGG-16 so that distances between pictures, in style and in content, rank as VGG-16's do: see `distill.py`, which is also
how to make it again (`alebrije train features/compact`). Every layer's mean activation is
about 1. Licence, training data, recipe and figures are in the header of the file.
"""

from __future__ import annotations

from alebrije.features.extractor import Network
from alebrije.features.vgg import IMAGENET_MEAN, IMAGENET_STD, vgg_layers, vgg_stages

COMPACT = ((32, 32), (64, 64), (128, 128), (256, 256), (256,))

compact = Network(
    stages=lambda pooling: vgg_stages(COMPACT, pooling),
    layers=vgg_layers(COMPACT),
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)
