"""A picture looked at in pieces has the distances and the gradient of the whole, whatever is compared."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.config import build
from alebrije.errors import ConfigError
from alebrije.features import Extractor
from alebrije.features.extractor import Network, assemble
from alebrije.features.vgg import IMAGENET_MEAN, IMAGENET_STD, vgg_layers, vgg_stages
from alebrije.style.config import StylizeConfig
from alebrije.style.losses import LOSSES
from alebrije.style.objective import layers, measure, with_gradient
from alebrije.style.regions import GUIDES, Regions
from alebrije.style.tiled import summing
from alebrije.style.tiled.additive import ADDITIVE
from alebrije.style.tiled.geometry import halo

BLOCKS = ((4, 4), (4, 4), (6, 6), (8, 8), (8,))
NETWORK = Network(lambda pooling: vgg_stages(BLOCKS, pooling), vgg_layers(BLOCKS), IMAGENET_MEAN, IMAGENET_STD)
HEIGHT, WIDTH, TILE = 131, 186, 128  # in two by two pieces, margin included


@pytest.fixture
def extractor(monkeypatch: pytest.MonkeyPatch) -> Extractor:
    """VGG's shape, few channels, random weights."""
    monkeypatch.setitem(features.NETWORKS, "small", NETWORK)
    torch.manual_seed(4)
    return assemble("small", NETWORK, None, layers(StylizeConfig()), "max")


def picture(height: int = HEIGHT, width: int = WIDTH, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    octaves = [torch.rand(1, 3, 2**k, 2**k, generator=generator) for k in range(2, 7)]
    return torch.stack([F.interpolate(one, (height, width), mode="bicubic") for one in octaves]).mean(0).clamp(0, 1)


def differences(extractor: Extractor, settings: dict[str, Any], content: Tensor, styles: int, masks: bool = False) -> list[float]:
    """By how much distances and gradient differ, relative to those of the whole."""
    config = build(StylizeConfig, settings)
    paintings = [picture(90 + 13 * k, 150 - 20 * k, seed=k + 1) for k in range(styles)]
    ramp = torch.linspace(1, 0, content.shape[3]).expand(1, 1, *content.shape[2:])
    regions = Regions([ramp, 1 - ramp][:styles], config.loss) if masks else None
    noise = torch.randn(content.shape, generator=torch.Generator().manual_seed(9))
    image = (content + 0.1 * noise).clamp(0, 1)
    whole, pieces = (
        with_gradient(measure(extractor, content, paintings, config, regions, tile=tile), config)(image) for tile in (None, TILE)
    )
    numbers = [abs(pieces[2][name] / value - 1) for name, value in whole[2].items()]
    return [*numbers, float((pieces[1] - whole[1]).norm() / whole[1].norm())]


@pytest.mark.parametrize("styles", [1, 2])
@pytest.mark.parametrize("loss", ADDITIVE)
def test_pieces_see_what_the_whole_sees(loss: str, styles: int, extractor: Extractor) -> None:
    settings = {"loss": loss, "style_weights": (1.0, 3.0)[:styles]}
    assert max(differences(extractor, settings, picture(), styles)) < 1e-4


@pytest.mark.parametrize("settings", [{"gate": True, "radii": (1, 3)}, {"radii": (2,)}], ids=str)
def test_so_do_other_rings(settings: dict[str, Any], extractor: Extractor) -> None:
    assert max(differences(extractor, {"loss": "cooccurrence", **settings}, picture(), 1)) < 1e-4


@pytest.mark.parametrize("loss", ADDITIVE)
def test_so_do_seamless_textures(loss: str, extractor: Extractor) -> None:
    assert max(differences(extractor, {"loss": loss, "wrap": True}, picture(144, 176), 1)) < 1e-4


@pytest.mark.parametrize("loss", [loss for loss in ADDITIVE if loss in GUIDES])
def test_so_do_regions(loss: str, extractor: Extractor) -> None:
    assert max(differences(extractor, {"loss": loss}, picture(), 2, masks=True)) < 1e-4


def test_all_of_the_halo_is_needed(extractor: Extractor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert max(differences(extractor, {}, picture(), 1)) < 1e-5
    monkeypatch.setattr(summing, "halo", lambda *seen: halo(*seen) - 16)
    assert max(differences(extractor, {}, picture(), 1)) > 1e-4


def test_tiles_larger_than_the_picture_change_nothing(extractor: Extractor) -> None:
    assert max(differences(extractor, {}, picture(60, 40), 1)) < 1e-5


def test_without_a_pull_there_is_no_gradient_but_of_the_content(extractor: Extractor) -> None:
    assert max(differences(extractor, {"style_weight": 0}, picture(), 1)) < 1e-4


def test_a_half_precision_network_is_added_up_in_full(extractor: Extractor) -> None:
    """Bfloat16 spoils each feature by a percent, but not the more, the more pieces there are."""
    assert max(differences(extractor.bfloat16(), {"tv_weight": 0}, picture(), 1)[:3]) < 1e-2


@pytest.mark.parametrize("settings", [{"loss": "sliced"}, {"loss": "cooccurrence", "form": "vector"}], ids=str)
def test_what_cannot_be_added_up_says_what_can(settings: dict[str, Any], extractor: Extractor) -> None:
    config = build(StylizeConfig, settings)
    with pytest.raises(ConfigError, match=r"cannot work in tiles.*gram, mmd-polynomial.*cooccurrence \(pairwise\)") as caught:
        measure(extractor, picture(), [picture()], config, tile=TILE)
    assert "\n" not in str(caught.value)


def test_only_losses_are_added_up() -> None:
    assert set(ADDITIVE) < set(LOSSES)
