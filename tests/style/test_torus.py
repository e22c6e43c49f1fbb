"""`--wrap`: rolling the input rolls everything that is computed from it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import events, features
from alebrije.core.image import Picture, resize
from alebrije.errors import ConfigError
from alebrije.style import torus
from alebrije.style.config import StylizeConfig
from alebrije.style.run import stylize

SHIFT = (32, 64)
LAYERS = ["relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"]


def network(layers: list[str] = LAYERS, **options: Any) -> features.Extractor:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        return features.build("compact", None, layers, **options)


def periodic(height: int, width: int, seed: int = 0) -> Tensor:
    """Random colours, smooth across the edges too."""
    colours = torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(seed))
    return torus.resized(colours, (height, width))


def test_features_roll_with_the_picture() -> None:
    image, look = periodic(64, 96), network()
    plain, rolled = (torus.features(look, one) for one in (image, image.roll(SHIFT, (2, 3))))
    for layer, tap in plain.items():
        step = 64 // tap.shape[2]
        torch.testing.assert_close(rolled[layer], tap.roll((SHIFT[0] // step, SHIFT[1] // step), (2, 3)), atol=1e-5, rtol=1e-4)


def test_features_are_those_of_an_endless_repetition() -> None:
    """Far from its border, the network sees in a picture tiled 5 x 5 what the torus has in one tile."""
    image, look = periodic(32, 32), network()
    tiled = look(image.repeat(1, 1, 5, 5))
    for layer, tap in torus.features(look, image).items():
        side = tap.shape[2]
        torch.testing.assert_close(tiled[layer][..., 2 * side : 3 * side, 2 * side : 3 * side], tap, atol=1e-4, rtol=1e-3)


def test_resizing_rolls_with_the_picture() -> None:
    image = 0.3 + 0.4 * torch.rand(1, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    found = torus.resized(image.roll((8, 16), (2, 3)), (64, 96))
    torch.testing.assert_close(found, torus.resized(image, (64, 96)).roll((16, 32), (2, 3)), atol=1e-5, rtol=0)
    assert torus.resized(image, (32, 48)) is image
    inner = (slice(None), slice(None), slice(8, -8), slice(8, -8))
    torch.testing.assert_close(found.roll((-16, -32), (2, 3))[inner], resize(image, (64, 96))[inner], atol=1e-5, rtol=0)


def test_total_variation_counts_the_seam() -> None:
    image = torch.rand(1, 3, 8, 9)
    wrapped = F.pad(image, (0, 1, 0, 1), mode="circular")
    down, right = wrapped.diff(dim=2)[..., :9], wrapped.diff(dim=3)[:, :, :8]
    expected = (down.square().sum() + right.square().sum()) / image.numel()
    torch.testing.assert_close(torus.total_variation(image), expected)
    torch.testing.assert_close(torus.total_variation(image.roll((3, 4), (2, 3))), expected)


def jump(image: Tensor) -> float:
    return max(float((image.select(d, 0) - image.select(d, -1)).abs().mean()) for d in (2, 3))


def test_a_picture_whose_edges_do_not_meet_is_made_to_meet() -> None:
    slope = torch.linspace(0.2, 0.8, 64).expand(1, 3, 48, 64) + 0.05 * (periodic(48, 64) - 0.5)
    found, changed = torus.closed(slope)
    assert changed
    assert jump(slope) > 0.5
    assert jump(found) < 0.1
    torch.testing.assert_close(found.mean(), slope.mean(), atol=1e-3, rtol=0)
    same, changed = torus.closed(periodic(48, 64))
    assert not changed
    assert torch.equal(same, periodic(48, 64))


@pytest.fixture
def _random_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "load", lambda name, layers, **options: network(layers, **options))


def painted(content: Tensor, **settings: Any) -> Tensor:
    fixed = {"steps": 6, "quality": "quick", "size": "128x128", "precision": "fp32", "features": "compact", "wrap": True}
    work = stylize(Picture(content), [Picture(periodic(40, 56, 1))], StylizeConfig(**(fixed | settings)))
    found: Tensor = events.last(work).image.pixels
    return found


@pytest.mark.usefixtures("_random_network")
def test_rolling_the_content_rolls_the_result() -> None:
    """By multiples of 32: at half the size, where the work begins, these are multiples of 16."""
    content = periodic(128, 128)
    plain, rolled = painted(content), painted(content.roll(SHIFT, (2, 3)))
    assert (plain - content).abs().max() > 0.1
    torch.testing.assert_close(rolled, plain.roll(SHIFT, (2, 3)), atol=1e-3, rtol=0)


@pytest.mark.usefixtures("_random_network")
@pytest.mark.parametrize("settings", [{}, {"init": "noise", "content_weight": 0}], ids=["content", "noise"])
def test_the_seam_is_like_any_two_neighbours(settings: dict[str, Any]) -> None:
    slope = (torch.linspace(0.1, 0.9, 96).expand(1, 3, 64, 96) + 0.2 * (periodic(64, 96) - 0.5)).clamp(0, 1)
    with pytest.warns(UserWarning, match="edges do not meet"):
        found = painted(slope, size="96x64", steps=30, **settings)
    for d in (2, 3):
        seam = (found.select(d, 0) - found.select(d, -1)).abs().mean()
        inside = found.diff(dim=d).abs().mean([n for n in range(4) if n != d])
        assert seam < inside.max()


@pytest.mark.usefixtures("_random_network")
def test_sizes_are_multiples_of_sixteen() -> None:
    assert painted(periodic(48, 72), size="72", steps=2).shape == (1, 3, 48, 64)  # stretched: a crop would cut it open
    with pytest.raises(ConfigError, match="--size 80x48 is the nearest"):
        painted(periodic(48, 72), size="75x50")
