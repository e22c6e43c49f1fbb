"""Whatever lies in a file: one PictureError in one line that names it, before much memory or time is spent."""

from __future__ import annotations

import io
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from alebrije.core import image
from alebrije.core.pictures.encode import encode
from alebrije.errors import PictureError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # of Pillow, about what we have damaged


def refused(path: Path, *, words: str = "", **options: Any) -> str:
    with pytest.raises(PictureError) as caught:
        image.load(path, **options)
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    assert words in message
    return message


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def bomb(depth: int, color: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", 60_000, 60_000, depth, color, 0, 0, 0)
    zeros = zlib.compress(b"\0" * 2**16)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zeros) + chunk(b"IEND", b"")


def test_no_such_file(tmp_path: Path) -> None:
    refused(tmp_path / "none.png", words="no such file")
    refused(tmp_path / "none" / "none.png", words="no such file")
    refused(tmp_path / ("x" * 300 + ".png"))


def test_a_folder_and_a_pipe(tmp_path: Path) -> None:
    refused(tmp_path, words="folder")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        refused(tmp_path / "pipe.png", words="pipe")


def test_an_empty_file_and_text(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", words="empty")
    (tmp_path / "text.png").write_text("This is not a picture.\n" * 100)
    refused(tmp_path / "text.png", words="not a picture")
    with pytest.raises(PictureError, match="not a picture"):
        image.read_metadata(tmp_path / "text.png")


def test_a_name_with_a_null_character() -> None:
    with pytest.raises(PictureError):
        image.load("a\0b.png")


@pytest.mark.parametrize("depth", [8, 16])
def test_a_bomb_is_refused_before_it_is_decoded(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(bomb(depth))
    tracemalloc.start()
    message = refused(path, words="--max-megapixels 3600")
    assert "60000x60000" in message
    assert tracemalloc.get_traced_memory()[1] < 20e6
    tracemalloc.stop()


def test_a_tiff_bomb(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((16, 16, 3), np.uint16), photometric="rgb")
    with tifffile.TiffFile(path, mode="r+") as tiff:
        for name in ("ImageWidth", "ImageLength"):
            tiff.pages[0].tags[name].overwrite(30_000)
    refused(path, words="--max-megapixels 900")


def test_the_limit_can_be_raised_and_lowered(tmp_path: Path) -> None:
    path = image.save(image.load(np.zeros((200, 300, 3), np.uint8)), tmp_path / "a.png")
    assert image.load(path, max_megapixels=0.06).size == (300, 200)
    refused(path, max_megapixels=0.0599, words="--max-megapixels 1")


@pytest.mark.parametrize(("suffix", "kind"), [(".png", "JPEG"), (".jpg", "PNG"), (".txt", "BMP"), ("", "WEBP")])
def test_a_wrong_suffix_is_read_by_content_with_a_notice(tmp_path: Path, suffix: str, kind: str) -> None:
    path = tmp_path / f"a{suffix}"
    Image.new("RGB", (4, 3), "red").save(path, kind)
    picture = image.load(path)
    assert picture.size == (4, 3)
    assert kind in picture.notices[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = image.save(image.load(np.zeros((2, 3, 3), np.uint8)), tmp_path / "a.png")
    path.chmod(0)
    refused(path, words="permission")


def test_no_permission_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = image.save(image.load(np.zeros((2, 3, 3), np.uint8)), tmp_path / "a.png")

    def deny(self: Path, *args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    refused(path, words="permission")


def test_one_pixel(tmp_path: Path) -> None:
    for suffix in (".png", ".jpg", ".webp", ".avif", ".tif", ".bmp"):
        path = image.save(image.load(np.full((1, 1, 3), 128, np.uint8)), tmp_path / f"a{suffix}")
        assert image.load(path).size == (1, 1)


def test_damaged_exif_and_profile_cost_a_notice_not_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.new("RGB", (8, 8), "red").save(path, icc_profile=b"no profile" * 20)
    picture = image.load(path)
    assert "profile" in picture.notices[0]
    assert picture.icc is None


def seeds() -> dict[str, bytes]:
    """A small file of every kind that the loader knows a way for, with profile and EXIF where they fit."""
    gradient = np.linspace(0, 255, 24 * 20 * 4).reshape(24, 20, 4).astype(np.uint8)
    deep = gradient.astype(np.uint16) * 257
    icc = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    fields = Image.Exif()
    fields[274], fields[0x8769] = 6, {0x9286: b"ASCII\0\0\0hello"}
    exif = fields.tobytes()
    found = {}
    for name, kind, array, options in (
        ("png", "PNG", gradient, {"icc_profile": icc, "exif": exif}),
        ("jpg", "JPEG", gradient[..., :3], {"icc_profile": icc, "exif": exif}),
        ("webp", "WEBP", gradient, {"exif": exif}),
        ("avif", "AVIF", gradient, {"exif": exif}),
        ("tif", "TIFF", gradient, {"compression": "tiff_lzw"}),
        ("bmp", "BMP", gradient[..., :3], {}),
        ("gif", "GIF", gradient[..., :3], {"save_all": True, "append_images": [Image.new("RGB", (20, 24))]}),
    ):
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, kind, **options)
        found[name] = buffer.getvalue()
    buffer = io.BytesIO()
    Image.fromarray(gradient[..., :3]).convert("CMYK").save(buffer, "JPEG")
    found["cmyk.jpg"] = buffer.getvalue()
    found["deep.png"] = imagecodecs.png_encode(deep)
    for name, options in (
        ("deep.tif", {"compression": "adobe_deflate", "predictor": True}),
        ("lzw.tif", {"compression": "lzw"}),
        ("tiles.tif", {"tile": (16, 16)}),
    ):
        buffer = io.BytesIO()
        tifffile.imwrite(buffer, deep, photometric="rgb", extrasamples=["unassalpha"], iccprofile=icc, **options)
        found[name] = buffer.getvalue()
    for depth in (8, 16):
        described = replace(image.load(deep), exif=exif, icc=icc)
        found[f"ours-{depth}.tif"] = encode(described, Path("ours.tif"), 95, {"verb": "hybrid"}, depth)
    return found


SEEDS = seeds()


@pytest.mark.parametrize("name", SEEDS)
def test_every_truncation_is_refused_or_read(tmp_path: Path, name: str) -> None:
    data, path = SEEDS[name], tmp_path / name
    path.write_bytes(data)
    image.load(path)
    for length in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:length])
        attempt(path)
    path.write_bytes(data[: len(data) // 3])
    refused(path)


@settings(max_examples=100, deadline=None)
@pytest.mark.parametrize("name", SEEDS)
@given(edits=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), min_size=1, max_size=8),
       head=st.booleans())  # fmt: skip
def test_mutated_bytes_raise_nothing_but_picture_errors(
    tmp_path_factory: pytest.TempPathFactory, name: str, edits: list[tuple[float, int]], head: bool
) -> None:
    data = bytearray(SEEDS[name])
    for place, value in edits:
        data[int(place * (min(200, len(data)) if head else len(data)))] = value
    path = tmp_path_factory.getbasetemp() / f"mutated-{os.getpid()}.{name}"
    path.write_bytes(data)
    attempt(path)


def attempt(path: Path) -> None:
    """Load the picture and its record; both may only succeed soundly or raise `PictureError`."""
    complaints = []
    try:
        picture = image.load(path, max_megapixels=1)
    except PictureError as error:
        complaints.append(str(error))
    else:
        assert picture.pixels.isfinite().all()
        assert picture.pixels.min() >= 0
        assert picture.pixels.max() <= 1
        assert picture.pixels.shape == (1, 3, picture.height, picture.width)
        assert picture.alpha is None or picture.alpha.shape == (1, 1, picture.height, picture.width)
    try:
        assert isinstance(image.read_metadata(path), dict)
    except PictureError as error:
        complaints.append(str(error))
    for complaint in complaints:
        assert str(path) in complaint
        assert "\n" not in complaint
