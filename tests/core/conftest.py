"""Small networks of the true layout, so that weights can be made up, written and read in no time."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from alebrije import features
from alebrije.features.vgg import vgg_stages

DEPTHS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}

# Where torchvision.models.vgg16().features and vgg19().features have their convolutions.
TORCHVISION = {
    "vgg16": (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28),
    "vgg19": (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34),
}

MakeVgg = Callable[..., dict[str, Tensor]]


@pytest.fixture
def slim_vgg(monkeypatch: pytest.MonkeyPatch) -> MakeVgg:
    """VGG-16 and VGG-19 have 4 channels everywhere while this is used. Call it for random weights of one of them,
    under our names, or with torchvision's and a classifier."""
    for name, depths in DEPTHS.items():
        blocks = [(4,) * depth for depth in depths]
        slim = dataclasses.replace(features.NETWORKS[name], stages=lambda pooling, b=blocks: vgg_stages(b, pooling))
        monkeypatch.setitem(features.NETWORKS, name, slim)

    def make(name: str, *, torchvision: bool = False) -> dict[str, Tensor]:
        layers = [f"conv{block}_{i}" for block, depth in enumerate(DEPTHS[name], 1) for i in range(1, depth + 1)]
        table = {}
        if torchvision:
            layers = [f"features.{place}" for place in TORCHVISION[name]]
            table = {"classifier.0.weight": torch.randn(5, 4), "classifier.0.bias": torch.randn(5)}
        for index, layer in enumerate(layers):
            table |= {f"{layer}.weight": torch.randn(4, 4 if index else 3, 3, 3), f"{layer}.bias": torch.randn(4)}
        return table

    return make
