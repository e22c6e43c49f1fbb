"""Tiles: whatever their size, the result is that of the whole picture."""

from __future__ import annotations

import itertools
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import steps
from alebrije.autoencoder.restoration import nets, tiles
from alebrije.core.image import Picture
from alebrije.data.degrade import imresize

CPU = {"device": "cpu", "precision": "fp32"}
SIZES = [(61, 47), (23, 90), (9, 7), (1, 33), (33, 1), (1, 1), (40, 64)]


def noise(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed))


def result(verb: Any, picture: Any, **options: Any) -> Picture:
    last: Any = list(verb(picture, **CPU | options))[-1]
    image: Picture = last.result.image
    return image


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["fast-x2", "fast-x3", "fast-x4", "quality-x2"])
def test_an_upscaled_picture_is_the_same_for_all_tiles(name: str, size: tuple[int, int], networks: Path) -> None:
    options = {"network": str(networks / f"{name}.safetensors"), "corrections": 2}
    whole = result(steps.upscale, noise(*size), tile="none", **options).pixels
    assert whole.shape[-2:] == (size[0] * int(name[-1]), size[1] * int(name[-1]))
    for side in (16, 19):
        assert (result(steps.upscale, noise(*size), tile=side, **options).pixels - whole).abs().max() < 1e-4


@pytest.mark.parametrize("size", SIZES)
def test_a_denoised_picture_is_the_same_for_all_tiles(size: tuple[int, int], networks: Path) -> None:
    for strength in ("auto", 20):
        options = {"network": str(networks / "denoise.safetensors"), "strength": strength}
        whole = result(steps.denoise, noise(*size), tile="none", **options).pixels
        assert whole.shape[-2:] == size
        for side in (16, 21):
            assert (result(steps.denoise, noise(*size), tile=side, **options).pixels - whole).abs().max() < 1e-4


@pytest.mark.parametrize("wanted", ["77x100", "50x90", "60x300", "1000x12"])
@pytest.mark.parametrize("wrap", [False, True])
def test_an_exact_size_is_the_same_for_all_tiles(wanted: str, wrap: bool, networks: Path) -> None:
    options = {"network": str(networks / "fast-x4.safetensors"), "size": wanted, "wrap": wrap}
    with torch.no_grad():
        whole, parts = (result(steps.upscale, noise(45, 38), tile=tile, **options).pixels for tile in ("none", 17))
    assert f"{whole.shape[-1]}x{whole.shape[-2]}" == wanted
    assert (whole - parts).abs().max() < 1e-4


@pytest.mark.parametrize("shift", [(0, 5), (11, 0), (-3, 20)])
def test_with_wrap_shifting_the_picture_around_shifts_the_result(shift: tuple[int, int], networks: Path) -> None:
    options = {"network": str(networks / "fast-x3.safetensors"), "wrap": True, "tile": 16}
    still, moved = (result(steps.upscale, each, **options).pixels for each in (noise(30, 26), noise(30, 26).roll(shift, (2, 3))))
    assert (still.roll((3 * shift[0], 3 * shift[1]), (2, 3)) - moved).abs().max() < 1e-5


def test_with_wrap_the_edges_meet_and_without_they_do_not(networks: Path) -> None:
    """Two of the texture side by side give the same result twice, which a picture that ends at its edges does not."""
    options = {"network": str(networks / "fast-x2.safetensors")}
    one, two = noise(24, 24), noise(24, 24).repeat(1, 1, 1, 2)
    for wrap in (True, False):
        single, double = (result(steps.upscale, each, wrap=wrap, **options).pixels for each in (one, two))
        assert (float((single.repeat(1, 1, 1, 2) - double).abs().max()) < 1e-5) is wrap


@pytest.mark.parametrize("kind", ["fast", "quality", "denoise"])
def test_no_network_sees_farther_than_its_halo(kind: str) -> None:
    """In float64, where even a far-off pixel's tiny influence shows: none beyond the halo, and some at least half as far."""
    kinds = {"fast": nets.PlainUpscaler(2, 4, 2), "quality": nets.AttentionUpscaler(2, 4, 2), "denoise": nets.Denoiser(4, 1, 1)}
    network: Any = kinds[kind].double()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    halo, multiple, scale = network.halo, network.multiple, getattr(network, "scale", 1)
    side = tiles.rounded_up(2 * halo + 12, 4)
    for place in range(side // 2, side // 2 + multiple):
        image = torch.rand(1, 1 if scale > 1 else 3, side, side, dtype=torch.float64)
        other = image.clone()
        other[..., place, place] += 1
        with torch.no_grad():
            changed = (network(image) - network(other)).abs().amax((0, 1)).nonzero() // scale
        reach = int((changed - place).abs().max())
        assert halo // 2 <= reach <= halo


def test_one_pixel_of_margin_less_would_show() -> None:
    """The comparison above is not blind: work that sees one pixel farther than it says gives different tiles."""

    def blurred(given: Tensor, core: Any) -> Tensor:
        return F.avg_pool2d(given, 9, 1, 4, count_include_pad=False)

    image = noise(50, 40)
    for halo, same in ((4, True), (3, False)):
        found = []
        for side in (16, 50):
            out = torch.empty_like(image)
            list(tiles.each_tile(image, out, tiles.Plan((50, 40), (50, 40), side, halo), blurred, torch.device("cpu")))
            found.append(out)
        assert (float((found[0] - found[1]).abs().max()) < 1e-5) is same


@pytest.mark.parametrize("length", [1, 2, 5, 30])
def test_the_endless_picture_is_numpys(length: int) -> None:
    line = np.arange(length)
    for wrap, mode in ((False, "symmetric"), (True, "wrap")):
        padded = np.pad(line, 17, mode=mode)  # type: ignore[call-overload]
        assert np.array_equal(tiles.places(-17, length + 17, length, wrap=wrap).numpy(), padded)


@pytest.mark.parametrize("target", [(60, 20), (13, 47), (31, 32), (5, 5)])
def test_resampling_in_tiles_is_imresize_up_to_the_borders(target: tuple[int, int]) -> None:
    image = 0.2 + 0.6 * noise(31, 29)  # within [0, 1] after it, for tiles are clamped
    out = torch.empty(1, 3, *target)
    plan = tiles.Plan((31, 29), target, 8, 0)
    list(tiles.each_tile(image, out, plan, lambda given, core: given, torch.device("cpu")))
    assert torch.allclose(out, imresize(image, size=target).clamp(0, 1), atol=1e-5)


@pytest.mark.parametrize("multiple", [1, 4])
@pytest.mark.parametrize("length", [1, 15, 64, 100, 257])
def test_tiles_cover_everything_once_and_none_is_larger_than_said(length: int, multiple: int) -> None:
    plan = tiles.Plan((length, length), (length * 3 // 2 + 1, length), 32, 10, multiple=multiple)
    found = tiles.cut(plan, 0)
    assert [tile.first for tile in found] == [0, *(tile.last for tile in found[:-1])]
    assert found[-1].last == length
    assert found[0].made[0] == 0
    assert found[-1].made[1] == plan.target[0]
    assert all(one.made[1] == other.made[0] for one, other in itertools.pairwise(found))
    for tile in found:
        assert tile.start % multiple == tile.stop % multiple == 0
        assert tile.last - tile.first <= 32
        assert tile.first - tile.start >= 10


def test_what_a_tile_takes_does_not_grow_with_the_picture() -> None:
    """Windows of a picture of 100 megapixels are no larger than the budget has room for; the picture is never made."""
    network = nets.PlainUpscaler(2)
    plan = tiles.Plan((10_000, 10_000), (20_000, 20_000), 0, network.halo, 2)
    plan = plan._replace(side=tiles.side_within(network, plan, torch.float32))
    largest = max(tile.stop - tile.start for tile in tiles.cut(plan, 0))
    assert largest**2 * 32 * 4 * tiles.LIVE <= tiles.BUDGET
    assert math.ceil(10_000 / plan.side) < 20


def test_a_network_is_measured_by_its_largest_layer() -> None:
    assert tiles.largest_output(nets.PlainUpscaler(2, 24, 2)) == 24
    assert tiles.largest_output(nets.Denoiser(8, 1, 1)) == 4  # 16 channels at half the resolution
