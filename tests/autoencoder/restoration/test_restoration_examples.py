"""Examples: pairs belong together, wherever and however they are turned; noise has the levels that are said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from alebrije.autoencoder.restoration import examples
from alebrije.core.metrics import luma
from alebrije.data.degrade import imresize
from alebrije.errors import DataError


def smooth(height: int, width: int, seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return (imresize(noise, size=(height, width)).clamp(0, 1) * 255).round().to(torch.uint8)[0]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_sharp_patch_is_where_its_small_one_is(scale: int) -> None:
    source = examples.pairs([smooth(97, 131), smooth(96, 96, 1)], scale)
    torch.manual_seed(0)
    small, sharp = source.sample(torch.tensor([0, 1, 0, 1, 0, 1, 0, 1]), 16)
    assert small.shape == (8, 1, 16, 16)
    assert sharp.shape == (8, 1, 16 * scale, 16 * scale)
    again = imresize(sharp, 1 / scale)
    inside = slice(2, -2)  # the patch's own border is mirrored where the picture goes on
    assert (again - small)[..., inside, inside].abs().max() < 2.5 / 255
    assert not torch.equal(small[0], small[2])


def test_luma_is_the_metrics() -> None:
    picture = smooth(24, 32)
    sharp = examples.pairs([picture], 2).sharp[0].float() / 255
    assert (sharp - luma(picture[None].float() / 255)[0]).abs().max() <= 0.5 / 255 + 1e-6


def test_all_eight_ways_are_used_and_patches_stay_inside() -> None:
    picture = torch.arange(3 * 8 * 8, dtype=torch.uint8).reshape(3, 8, 8)
    torch.manual_seed(1)
    found = examples.patches([picture], torch.zeros(200, dtype=torch.long), 8)
    assert len({tuple(row.flatten().tolist()) for row in found}) == 8
    assert all(torch.equal(row.flatten().sort().values, (picture.flatten().float() / 255).sort().values) for row in found)


def test_gaussian_levels_are_spread_evenly_and_files_are_rounded() -> None:
    torch.manual_seed(0)
    clean = torch.full((4000, 3, 8, 8), 0.5)
    spoiled = examples.noisy(clean, 50, 0.0)
    levels = (spoiled - clean).square().mean((1, 2, 3)).sqrt() * 255
    assert float(levels.mean()) == pytest.approx(25, abs=1)
    assert float(levels.std()) == pytest.approx(50 / 12**0.5, abs=1)
    rounded = ((spoiled * 255) - (spoiled * 255).round()).abs().amax((1, 2, 3)) < 1e-3
    assert float(rounded.float().mean()) == pytest.approx(0.5, abs=0.05)


def test_others_are_poisson_noise_and_jpeg_and_grey_stays_grey() -> None:
    torch.manual_seed(0)
    clean, gray = examples.gray_some(smooth(64, 64)[None].float().expand(40, -1, -1, -1) / 255, 1.0)
    assert gray.all()
    assert torch.equal(clean[:, 0], clean[:, 1])
    spoiled = examples.noisy(clean, 1e-6, 1.0)
    assert (spoiled - clean).abs().amax((1, 2, 3)).gt(1 / 255).all()
    assert spoiled.min() >= 0
    assert spoiled.max() <= 1


def test_a_grey_files_noise_is_the_same_in_all_channels_and_a_colour_pictures_is_not() -> None:
    torch.manual_seed(0)
    clean, gray = examples.gray_some(smooth(32, 32)[None].float().expand(60, -1, -1, -1) / 255, 0.5)
    spoiled = examples.noisy(clean, 50, 0.4, gray)
    same = (spoiled - spoiled[:, :1]).abs().amax((1, 2, 3)) < 1e-6
    assert torch.equal(same, gray)
    assert 15 < int(gray.sum()) < 45


def test_small_pictures_are_left_out_by_name(tmp_path: Path) -> None:
    for name, side in (("large.png", 40), ("small.png", 20)):
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / name)
    pictures, notices = examples.read(tmp_path, 32)
    assert [tuple(picture.shape) for picture in pictures] == [(3, 40, 40)]
    assert "small.png" in notices[0]
    assert examples.reduced(pictures, 0.9, 32)[0].shape == (3, 36, 36)
    assert examples.reduced(pictures, 0.7, 32) == []
    with pytest.raises(DataError, match="64 pixels"):
        examples.read(tmp_path, 64)
