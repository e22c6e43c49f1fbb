"""Black bars: found where they are, and not where a picture is only dark."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from alebrije.core.image import to_uint8
from alebrije.data.clean import Bars, crop, find_bars
from alebrije.data.draw import creature

Samples = NDArray[np.uint8]
CREATURES = range(8)


def drawn(seed: int, background: str = "auto") -> Samples:
    return to_uint8(creature(seed, 96, background=background).image)


def barred(samples: Samples, top: int, bottom: int, left: int, right: int, level: int = 0) -> Samples:
    return np.pad(samples, ((top, bottom), (left, right), (0, 0)), constant_values=level)


def as_jpeg(samples: Samples, quality: int) -> Samples:
    file = io.BytesIO()
    Image.fromarray(samples).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@pytest.mark.parametrize(
    ("sides", "kind"),
    [((12, 12, 0, 0), "horizontal"), ((0, 0, 9, 10), "vertical"), ((8, 8, 14, 14), "frame"), ((20, 22, 5, 5), "frame")],
)
@pytest.mark.parametrize("seed", CREATURES)
def test_bars_are_found_and_at_most_one_row_too_much_is_taken(seed: int, sides: tuple[int, int, int, int], kind: str) -> None:
    found = find_bars(barred(drawn(seed), *sides))
    assert found.kind == kind
    true = np.array(sides)
    excess = np.array([found.top, found.bottom, found.left, found.right]) - true
    assert ((excess == 0) | (excess == 1) & (true > 0)).all()


@pytest.mark.parametrize(("quality", "level"), [(90, 0), (60, 16), (30, 6)])
def test_noise_and_black_of_video_do_not_hide_them(quality: int, level: int) -> None:
    found = [find_bars(as_jpeg(barred(drawn(seed), 0, 0, 14, 14, level), quality)) for seed in CREATURES]
    assert [bars.kind for bars in found] == ["vertical"] * len(found)
    assert max(abs(bars.left - 14) + abs(bars.right - 14) for bars in found) <= 3


def test_bars_of_a_resized_picture_take_the_blurred_rows_along() -> None:
    whole = Image.fromarray(barred(drawn(3, "landscape"), 20, 20, 0, 0)).resize((60, 85), Image.Resampling.BICUBIC)
    bars = find_bars(np.asarray(whole))
    assert bars.kind == "horizontal"
    rest = crop(torch.from_numpy(np.array(whole)).movedim(-1, 0), bars)
    assert float(rest[:, 0].float().mean()) > 40
    assert float(rest[:, -1].float().mean()) > 40


def test_what_is_cut_away_are_the_bars() -> None:
    picture = drawn(1)
    tensor = torch.from_numpy(barred(picture, 9, 8, 11, 12)).movedim(-1, 0)[None]
    assert torch.equal(crop(tensor, Bars(9, 8, 11, 12)), torch.from_numpy(picture).movedim(-1, 0)[None])
    assert torch.equal(crop(tensor, Bars()), tensor)


@pytest.mark.parametrize("seed", CREATURES)
def test_pictures_without_bars_have_none(seed: int) -> None:
    picture = drawn(seed)
    assert find_bars(picture).kind == ""
    assert find_bars(as_jpeg(picture, 40)).kind == ""
    assert find_bars(picture // 4).kind == ""


@pytest.mark.parametrize("seed", CREATURES)
def test_a_dark_sky_a_vignette_and_one_black_edge_are_no_bars(seed: int) -> None:
    picture = drawn(seed, "landscape")
    night = picture.copy()
    night[:40] = 0
    rows, columns = np.mgrid[-1:1:96j, -1:1:96j]
    vignette = (picture * np.clip(1.3 - 1.1 * (rows**2 + columns**2)[..., None], 0, 1)).astype(np.uint8)
    assert [find_bars(one).kind for one in (night, vignette, barred(picture, 12, 0, 0, 0))] == ["", "", ""]


def test_nothing_but_black_has_no_bars() -> None:
    assert find_bars(np.zeros((40, 50, 3), np.uint8)) == Bars()
    assert find_bars(np.zeros((1, 1, 3), np.uint8)) == Bars()
    speck = np.zeros((60, 60, 3), np.uint8)
    speck[28:32, 28:32] = 255
    assert find_bars(speck) == Bars()


def test_grey_pictures_have_bars_as_well() -> None:
    gray = drawn(2).mean(axis=2, keepdims=True).astype(np.uint8)
    assert find_bars(barred(gray, 10, 10, 0, 0)).kind == "horizontal"


def test_real_pictures(assets: Path) -> None:
    faces = sorted((assets / "illustrations" / "kaokore").glob("*.jpg"))[::60]
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in faces]
    assert [find_bars(picture).kind for picture in pictures] == [""] * len(pictures)
    assert sum(find_bars(as_jpeg(barred(one, 13, 13, 0, 0), 75)).kind == "horizontal" for one in pictures) >= 0.97 * len(pictures)
    moon = np.asarray(Image.open(assets / "photos" / "bsds500_train" / "323016.jpg").convert("RGB"))
    assert find_bars(moon).kind == "vertical"  # a photograph that was published with bars
