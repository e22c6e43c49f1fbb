"""Small untrained networks of every recipe, in the files that training leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from alebrije.autoencoder.nets.convolutional import Autoencoder
from alebrije.autoencoder.nets.denoising import DenoisingAutoencoder
from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.autoencoder.nets.lowres import EXPERIMENTS, LowresAutoencoder
from alebrije.autoencoder.nets.variational import VariationalAutoencoder
from alebrije.autoencoder.restoration.nets import AttentionUpscaler, Denoiser, PlainUpscaler, deployed
from alebrije.features import Extractor, build
from alebrije.features.judging.classifier import Judge
from alebrije.hybrid.planning.networks import build as build_pair
from alebrije.hybrid.planning.planner import Planner
from alebrije.style.feedforward.nets import Decoder, Stylizer

Made = tuple[nn.Module, dict[str, Any]]
STRENGTH = 0.1
LOWRES = {"size": 64, "width": 2, "factor": 4, "reduction": "area", "unpool": "corner", "output": "none"}
UPSCALER = {"scale": 2, "width": 4, "blocks": 2}


def lowres(number: int, **settings: Any) -> Made:
    """One of the nine."""
    chosen = LOWRES | settings
    network = LowresAutoencoder(EXPERIMENTS[number], *(chosen[name] for name in ("size", "width", "unpool", "output")))
    return network, chosen


def compact() -> nn.Module:
    """The shipped network's shape, its stages under their own names."""
    extractor: Extractor = build("compact", None, ["relu5_1"])
    return extractor.stages


SMALL: Mapping[str, Callable[[], Made]] = {
    "features/compact": lambda: (compact(), {}),
    "features/judge": lambda: (Judge((1, 28, 28), 3, 2, 8), {"width": 2, "features": 8}),
    "hybrid/planner": lambda: (Planner(16), {}),
    "hybrid/resnet18": lambda: (build_pair("resnet18"), {}),
    "hybrid/siamese": lambda: (build_pair("siamese"), {}),
    "hybrid/simple": lambda: (build_pair("simple"), {}),
    "style/fast": lambda: (Stylizer(4, 1), {"width": 4, "blocks": 1}),
    "style/adain": lambda: (Decoder((128, 64, 32)), {"features": "compact", "pooling": "avg", "code": "relu3_1"}),
    "autoencoder/dense": lambda: (DenseAutoencoder((1, 28, 28), 8), {}),
    "autoencoder/denoise": lambda: (DenoisingAutoencoder(1), {"noise": 0.2}),
    "autoencoder/creatures": lambda: (Autoencoder(32, 8, 4), {"size": 32, "latent_dim": 8, "width": 4}),
    "autoencoder/vae": lambda: (VariationalAutoencoder((1, 28, 28), 4, 2, 8), {"latent_dim": 4, "width": 2, "hidden": 8}),
    "autoencoder/lowres-1": lambda: lowres(1),
    "autoencoder/lowres-2": lambda: lowres(2, unpool="nearest"),
    "autoencoder/lowres-3": lambda: lowres(3, output="sigmoid"),
    "autoencoder/lowres-4": lambda: lowres(4),
    "autoencoder/lowres-5": lambda: lowres(5),
    "autoencoder/lowres-6": lambda: lowres(6, unpool="nearest", size=96),
    "autoencoder/lowres-7": lambda: lowres(7),
    "autoencoder/lowres-8": lambda: lowres(8, reduction="bicubic"),
    "autoencoder/lowres-9": lambda: lowres(9),
    "restore/fast": lambda: (PlainUpscaler(**UPSCALER), UPSCALER),
    "restore/quality": lambda: (deployed(AttentionUpscaler(3, 4, 2)), UPSCALER | {"scale": 3}),
    "restore/denoise": lambda: (Denoiser(8, 1, 1), {"width": 8, "outer": 1, "inner": 1}),
}

SMALL = {**SMALL, "restore/mine": SMALL["restore/fast"]}
TOLD = {
    "autoencoder/vae": {"shape": "[1, 28, 28]"},
    "features/judge": {"shape": "[1, 28, 28]", "classes": "3", "data": '"drawn"'},
}  # in the header

Trained = Callable[..., Path]


@pytest.fixture
def small() -> Mapping[str, Callable[[], Made]]:
    """The makers of all small networks."""
    return SMALL


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """Write the small network of a recipe as a model.safetensors, with weights as strong as trained ones; returns its path."""

    def write(recipe: str, **header: str) -> Path:
        torch.manual_seed(0)
        network, settings = SMALL[recipe]()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(STRENGTH * torch.randn_like(parameter))
        path = tmp_path / "model.safetensors"
        texts = {"recipe": json.dumps({"recipe": recipe, **settings}), "licence": json.dumps("of the test"), **header}
        texts |= TOLD.get(recipe, {})
        # As runs do, without the checksum of files that ship.
        save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path, texts)
        return path

    return write
