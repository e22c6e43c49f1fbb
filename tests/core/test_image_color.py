"""Colour profiles against closed forms of the colour spaces, and against Pillow's ImageCms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from numpy.typing import NDArray
from PIL import Image, ImageCms

from alebrije.core import image

ADOBE = bytes(imagecodecs.cms_profile("adobergb"))
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GRAY_18 = bytes(imagecodecs.cms_profile("gray", gamma=1.8))


def srgb_encode(linear: NDArray[Any]) -> NDArray[Any]:
    """IEC 61966-2-1."""
    linear = np.clip(linear, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def adobe_to_srgb(values: NDArray[Any]) -> NDArray[Any]:
    """Adobe RGB (1998): gamma 563/256, the same white; the matrix from its and sRGB's primaries."""

    def to_xyz(primaries: list[tuple[float, float]]) -> NDArray[Any]:
        columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries]).T
        white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
        return columns * np.linalg.solve(columns, white)

    adobe = to_xyz([(0.64, 0.33), (0.21, 0.71), (0.15, 0.06)])
    srgb = to_xyz([(0.64, 0.33), (0.30, 0.60), (0.15, 0.06)])
    return srgb_encode(values ** (563 / 256) @ (np.linalg.inv(srgb) @ adobe).T)


def colors(dtype: Any) -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (40, 50, 3), dtype, endpoint=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_adobe_rgb_is_converted_as_its_definition_says(tmp_path: Path, dtype: Any) -> None:
    pixels, path = colors(dtype), tmp_path / "adobe.tif"
    tifffile.imwrite(path, pixels, photometric="rgb", iccprofile=ADOBE)
    picture = image.load(path)
    expected = adobe_to_srgb(pixels / np.iinfo(dtype).max)
    assert picture.icc == ADOBE
    assert np.abs(picture.pixels[0].movedim(0, -1).numpy() - expected).max() < 0.3 / 255


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_colours_within_srgb_come_back_exactly_in_their_profile(tmp_path: Path, suffix: str, dtype: Any) -> None:
    top = np.iinfo(dtype).max
    pixels = (top * 0.4 + colors(dtype) * 0.2).astype(dtype)  # muted: inside both gamuts
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", iccprofile=ADOBE)
    path = image.save(image.load(tmp_path / "in.tif"), tmp_path / f"out{suffix}")
    stored = imagecodecs.png_decode(path.read_bytes()) if suffix == ".png" else tifffile.imread(path)
    with Image.open(path) as opened:
        assert opened.info["icc_profile"] == ADOBE
    assert np.abs(stored.astype(int) - pixels).max() <= (0 if dtype == np.uint8 else 1)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_lossy_formats_carry_the_profile(tmp_path: Path, suffix: str) -> None:
    Image.new("RGB", (16, 16), (90, 120, 150)).save(tmp_path / "in.png", icc_profile=ADOBE)
    path = image.save(image.load(tmp_path / "in.png"), tmp_path / f"out{suffix}")
    with Image.open(path) as opened:
        assert opened.info["icc_profile"] == ADOBE
        assert np.abs(np.asarray(opened).astype(int) - (90, 120, 150)).max() <= 3


def test_an_srgb_profile_changes_nothing(tmp_path: Path) -> None:
    pixels = colors(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png", icc_profile=SRGB)
    picture = image.load(tmp_path / "in.png")
    assert np.array_equal(image.to_uint8(picture.pixels), pixels)
    with Image.open(image.save(picture, tmp_path / "out.png")) as opened:
        assert opened.info["icc_profile"] == SRGB
        assert np.array_equal(np.asarray(opened), pixels)


def test_a_format_without_profiles_gets_srgb(tmp_path: Path) -> None:
    pixels = colors(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png", icc_profile=ADOBE)
    picture = image.load(tmp_path / "in.png")
    assert "profile" in image.losses(picture, "out.bmp")[0]
    with Image.open(image.save(picture, tmp_path / "out.bmp")) as opened:
        assert np.abs(np.asarray(opened) - 255 * adobe_to_srgb(pixels / 255)).max() < 0.9


def test_gray_profile(tmp_path: Path) -> None:
    ramp = np.arange(256, dtype=np.uint8)[None].repeat(2, 0)
    Image.fromarray(ramp).save(tmp_path / "in.png", icc_profile=GRAY_18)
    picture = image.load(tmp_path / "in.png")
    expected = srgb_encode((ramp / 255) ** 1.8)
    assert np.abs(picture.pixels[0, 1].numpy() - expected).max() < 0.3 / 255
    with Image.open(image.save(picture, tmp_path / "out.png")) as opened:
        assert opened.mode == "L"
        assert opened.info["icc_profile"] == GRAY_18
        assert np.array_equal(np.asarray(opened), ramp)


def test_cmyk_without_a_profile(tmp_path: Path) -> None:
    inks = np.random.default_rng(0).integers(0, 256, (6, 7, 4), np.uint8, endpoint=False)
    Image.frombytes("CMYK", (7, 6), inks.tobytes()).save(tmp_path / "a.tif")
    picture = image.load(tmp_path / "a.tif")
    part = inks / 255
    expected = (1 - part[..., :3]) * (1 - part[..., 3:])
    assert np.abs(picture.pixels[0].movedim(0, -1).numpy() - expected).max() < 1e-6


def test_cmyk_jpeg_has_the_right_polarity(tmp_path: Path) -> None:
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "red.jpg", quality=100)
    assert torch.allclose(image.load(tmp_path / "red.jpg").pixels[0, :, 8, 8], torch.tensor([1.0, 0, 0]), atol=0.03)


def test_a_profile_of_another_kind_is_left_aside(tmp_path: Path) -> None:
    pixels = colors(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "in.png", icc_profile=GRAY_18)
    picture = image.load(tmp_path / "in.png")
    assert picture.icc is None
    assert "sRGB" in picture.notices[0]
    assert np.array_equal(image.to_uint8(picture.pixels), pixels)


def test_agrees_with_imagecms_on_display_p3(tmp_path: Path) -> None:
    p3 = bytes(imagecodecs.cms_profile("rgb", whitepoint=(0.3127, 0.3290, 1.0), gamma=2.2,
                                       primaries=(0.68, 0.32, 1.0, 0.265, 0.69, 1.0, 0.15, 0.06, 1.0)))  # fmt: skip
    pixels = colors(np.uint8) // 2 + 60
    Image.fromarray(pixels).save(tmp_path / "in.png", icc_profile=p3)
    with Image.open(tmp_path / "in.png") as opened:
        theirs = ImageCms.profileToProfile(
            opened, ImageCms.ImageCmsProfile(__import__("io").BytesIO(p3)), ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )  # fmt: skip
    ours = image.to_uint8(image.load(tmp_path / "in.png").pixels)
    assert theirs is not None
    assert np.abs(ours.astype(int) - np.asarray(theirs)).max() <= 1
