"""Pairs made to fail must be told so, with the reason that was built in; pairs that work must be left in peace."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import fit, load, resize
from alebrije.data.draw import creature
from alebrije.hybrid.advice import MOST, advise, repetition
from alebrije.hybrid.observer import Viewing, plan

BLANK = torch.full((1, 3, 256, 256), 0.6)


def cat() -> Tensor:
    data = pytest.importorskip("skimage.data")
    return fit(load(data.chelsea()).pixels, (256, 256))


def checkerboard(cell: int) -> Tensor:
    index = torch.arange(256) // cell
    return (((index[:, None] + index) % 2).float() * 0.6 + 0.2).expand(1, 3, 256, 256)


def bricks(width: int, height: int) -> Tensor:
    """A wall of bricks, each of its own grey, in running bond."""
    row, column = torch.meshgrid(torch.arange(256), torch.arange(256), indexing="ij")
    course = row // height
    column = column + course % 2 * (width // 2)
    greys = torch.rand(64, 64, generator=torch.Generator().manual_seed(0)) * 0.15 + 0.2
    mortar = (row % height < 6) | (column % width < 6)
    return torch.where(mortar, 0.9, greys[course, column // width]).expand(1, 3, 256, 256)


def in_corner(seed: int, top: int, left: int) -> Tensor:
    page = torch.ones(1, 3, 256, 256)
    page[..., top : top + 120, left : left + 120] = creature(seed, 120, background="white").image
    return page


@pytest.mark.parametrize("cell", [16, 24, 32])
def test_a_checkerboard_repeats_itself_along_its_diagonal(cell: int) -> None:
    (sentence,) = advise(checkerboard(cell), cat(), 12, 24)
    period = int(sentence.split("every ")[1].split(" ")[0])
    assert period == pytest.approx(cell * math.sqrt(2), rel=0.06)


def test_the_period_is_told_in_pixels_of_the_picture() -> None:
    large = resize(checkerboard(32), (512, 512))
    (sentence,) = advise(large, resize(cat(), (512, 512)), 12, 24)
    assert int(sentence.split("every ")[1].split(" ")[0]) == pytest.approx(64 * math.sqrt(2), rel=0.06)


@pytest.mark.parametrize("size", [(40, 20), (50, 30)])
def test_a_brick_wall_repeats_itself(size: tuple[int, int]) -> None:
    assert any("repeats itself" in sentence for sentence in advise(bricks(*size), cat(), 16, 32))


def test_one_wave_is_a_repetition_and_noise_is_none() -> None:
    wave = (0.5 + 0.4 * torch.sin(2 * math.pi * torch.arange(192) / 32)).expand(1, 1, 192, 192)
    strength, period = repetition(wave)
    assert strength > 0.9
    assert period == pytest.approx(32, abs=1)
    for seed in range(5):
        noise = torch.rand(1, 1, 192, 192, generator=torch.Generator().manual_seed(seed))
        assert repetition(gaussian_blur(noise, 4))[0] < 0.5


def test_a_blank_picture_shows_nothing() -> None:
    (far,) = advise(BLANK, cat(), 8, 24)
    assert "far picture has hardly any contrast" in far
    (near,) = advise(cat(), BLANK, 8, 24)
    assert "near picture has hardly any fine lines" in near
    assert "far picture has" in advise(BLANK, BLANK, 8, 24)[0]


def test_fine_texture_is_gone_from_afar() -> None:
    assert any("hardly any contrast" in sentence for sentence in advise(checkerboard(4), cat(), 10, 20))


def test_things_in_different_corners_have_no_common_shape() -> None:
    apart = advise(in_corner(3, 12, 12), in_corner(5, 124, 124), 12, 30)
    assert len(apart) == 1
    assert "no common shape (overlap 0.0" in apart[0]
    assert "--align auto" in apart[0]
    assert advise(in_corner(3, 60, 60), in_corner(5, 60, 60), 12, 30) == []


def test_a_busy_background_is_told() -> None:
    noise = torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(0)).expand(1, 3, 256, 256)
    busy = gaussian_blur(noise, 1.5) * 3 - 1
    busy = busy.clamp(0, 1)
    busy[..., 60:196, 60:196] = 0.4
    assert any("background of the near picture" in sentence for sentence in advise(cat(), busy, 8, 20))


def test_drawn_creatures_cross_without_a_warning() -> None:
    for first, second in ((0, 10), (2, 12), (3, 13)):
        assert advise(creature(first, 256).image, creature(second, 256).image, 12, 30) == []


def test_words_are_few_and_the_resolution_does_not_matter() -> None:
    pairs = [(BLANK, BLANK), (checkerboard(32), in_corner(3, 0, 0)), (in_corner(3, 12, 12), in_corner(5, 124, 124))]
    for low, high in pairs:
        told = advise(low, high, 12, 24)
        assert 1 <= len(told) <= MOST
        assert all("\n" not in sentence and len(sentence) < 250 for sentence in told)
        large = advise(resize(low, (500, 500)), resize(high, (500, 500)), 12, 24)
        assert [sentence.split("(")[0][:30] for sentence in large] == [sentence.split("(")[0][:30] for sentence in told]


@pytest.mark.parametrize(
    ("first", "second", "box", "other"),
    [
        ("chelsea", "astronaut", (slice(0, 300), slice(95, 395)), (slice(75, 157), slice(180, 262))),
        ("astronaut", "camera", (slice(None), slice(None)), (slice(None), slice(None))),
        ("coffee", "retina", (slice(0, 400), slice(85, 485)), (slice(None), slice(None))),
    ],
)
def test_the_demos_pairs_need_no_warning(first: str, second: str, box: tuple[slice, slice], other: tuple[slice, slice]) -> None:
    data = pytest.importorskip("skimage.data")
    pictures = [load(getattr(data, name)()[part].copy()).pixels for name, part in ((first, box), (second, other))]
    _says_nothing(*(fit(picture, (300, 300)) for picture in pictures))


@pytest.mark.parametrize(("first", "second"), [("1_dog", "1_cat"), ("2_bicycle", "2_motorcycle"), ("3_marilyn", "3_einstein")])
def test_classic_pairs_need_no_warning(assets: Path, first: str, second: str) -> None:
    low, high = (load(assets / "hybrid" / f"{name}.png").pixels for name in (first, second))
    _says_nothing(low, fit(high, (low.shape[-2], low.shape[-1])))


def _says_nothing(first: Tensor, second: Tensor) -> None:
    for role in ("first", "second"):
        choice = plan(first, second, Viewing(0.2, 0.5, 6.0), low=role)
        low, high = (first, second) if role == "first" else (second, first)
        assert advise(low, high, choice.cycles_low, choice.cycles_high) == []
