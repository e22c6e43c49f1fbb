"""The networks that look at pictures: frozen, tapped by layer name, cut after the deepest layer asked for.

    look = features.load("compact", ["relu1_1", "relu4_2"], pooling="avg")
    look(pictures)["relu4_2"]      # pictures: [B, 3, H, W] in [0, 1]

To add a network: write a file with a `Network` (its stages, its input, its weights' names) and add it to `NETWORKS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from alebrije.config import choose
from alebrije.features.compact import compact
from alebrije.features.extractor import POOLINGS, Extractor, Network, assemble
from alebrije.features.squeezenet import squeezenet1_1
from alebrije.features.vgg import vgg16, vgg19

__all__ = ["NETWORKS", "POOLINGS", "Extractor", "Network", "build", "load"]

NETWORKS: dict[str, Network] = {
    "compact": compact,
    "vgg16": vgg16,
    "vgg19": vgg19,
    "squeezenet1_1": squeezenet1_1,
}

CPU = torch.device("cpu")


def load(
    name: str,
    layers: Sequence[str],
    *,
    pooling: str = "max",
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
) -> Extractor:
    """The network `name` with its trained weights, ready to look at pictures; see `Extractor`.

    Raises `ConfigError` for a network, layer or pooling that does not exist, and `WeightsError` where the weights are
    not at hand or not this network's.
    """
    from alebrije.core import weights as weight_files  # which checks files against the networks, so it imports us

    choose("network", name, NETWORKS)
    return build(name, weight_files.load(name), layers, pooling=pooling, device=device, dtype=dtype)


def build(
    name: str,
    weights: Mapping[str, Tensor] | None,
    layers: Sequence[str],
    *,
    pooling: str = "max",
    device: torch.device = CPU,
    dtype: torch.dtype = torch.float32,
) -> Extractor:
    """As `load`, with weights given; None means random ones (He et al. 2015), drawn from torch's global generator."""
    choose("network", name, NETWORKS)
    extractor = assemble(name, NETWORKS[name], weights, layers, pooling).to(device)
    extractor.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    # The normalisation stays in float32: bfloat16 has only 8 bits for the 256 values of a pixel.
    extractor.stages.to(dtype)
    if dtype == torch.float64:
        extractor.double()
    return extractor
