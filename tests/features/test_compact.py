"""The network that is shipped: at hand at once, small, well scaled, and of VGG-16's opinion about pictures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from alebrije import features
from alebrije.core import weights
from alebrije.core.tensorfiles import read_safetensors
from alebrije.data.draw import creature
from alebrije.features.ranking import CONTENT_LAYER, STYLE_LAYERS, agreement

LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)


def test_it_is_shipped_in_at_most_four_megabytes(cache: Path) -> None:
    path = weights.find("compact")
    assert path.parent == Path(features.__file__).parent
    assert path.stat().st_size <= 4_000_000


def test_its_header_says_where_it_comes_from() -> None:
    header = weights.header("compact")
    assert header["licence"] == "Apache-2.0"
    assert "vgg16" in header["teachers"]
    assert "features/compact" in header["recipe"]
    assert len(header["pictures_sha256"]) == 64
    metrics = json.loads(header["metrics"])
    assert metrics["style"] >= 0.9
    assert metrics["content"] >= 0.9


def test_layers_are_of_one_scale() -> None:
    pictures = torch.cat([creature(seed, 128, background="landscape").image for seed in range(8)])
    for layer, tap in features.load("compact", features.NETWORKS["compact"].layers, pooling="avg")(pictures).items():
        assert 0.3 < float(tap.mean()) < 3, layer
        assert float((tap.flatten(2).amax(2).amax(0) == 0).float().mean()) < 0.25, f"dead channels in {layer}"


@pytest.mark.slow
def test_it_ranks_pictures_as_vgg16_does(assets: Path) -> None:
    pictures = torch.cat([creature(seed, 96, background="landscape").image for seed in range(12)])
    teacher = read_safetensors(assets / "weights" / "vgg16.safetensors")[0]
    reference = features.build("vgg16", teacher, LAYERS, pooling="avg")
    figures = agreement(features.load("compact", LAYERS, pooling="avg"), reference, pictures, seed=0, pairs=60)
    assert figures["style"] >= 0.9
    assert figures["content"] >= 0.9
