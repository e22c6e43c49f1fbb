"""Pictures that are written and read back, by us and by independent readers."""

from __future__ import annotations

import hashlib
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import ExifTags, Image

from alebrije.core import image
from alebrije.errors import ConfigError, DataError, MissingExtraError, NumericsError, OutputError, PictureError

RECORD = {"verb": "hybrid", "seed": 7, "config": {"sigma_low": 8.5, "name": "ñandú 鳥"}, "inputs": ["ab" * 32]}
DESCRIBED = (".png", ".jpg", ".webp", ".avif", ".tif")


def noise(height: int, width: int, channels: int, dtype: Any = np.uint8, seed: int = 0) -> NDArray[Any]:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(height: int = 48, width: int = 64) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:height, 0:width].astype(float)
    return np.stack([x / width, y / height, (x + y) / (width + height)], -1).__mul__(255).round().astype(np.uint8)


def rebuilt(picture: image.Picture, channels: int, dtype: Any) -> NDArray[Any]:
    """The integers that a loaded picture stands for, in float64 arithmetic."""
    planes = picture.pixels if picture.alpha is None else torch.cat([picture.pixels, picture.alpha], 1)
    array = np.rint(planes[0].double().numpy().transpose(1, 2, 0) * np.iinfo(dtype).max).astype(dtype)
    if channels in (1, 2):
        assert (array[..., 0] == array[..., 1]).all()
        assert (array[..., 0] == array[..., 2]).all()
        array = array[..., [0, 3]] if channels == 2 else array[..., 0]
    return array


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 40), width=st.integers(1, 40), channels=st.integers(1, 4), seed=st.integers(0, 9),
    dtype=st.sampled_from([np.uint8, np.uint16]), suffix=st.sampled_from([".png", ".tif"]),
)  # fmt: skip
def test_lossless_formats_keep_every_integer(
    tmp_path_factory: pytest.TempPathFactory, height: int, width: int, channels: int, seed: int, dtype: Any, suffix: str
) -> None:
    pixels = noise(height, width, channels, dtype, seed)
    path = image.save(image.load(pixels), tmp_path_factory.mktemp("lossless") / f"a{suffix}", metadata=RECORD)
    back = image.load(path)
    assert back.depth == 8 * pixels.itemsize
    assert back.size == (width, height)
    assert np.array_equal(rebuilt(back, channels, dtype), pixels)
    independent = imagecodecs.png_decode(path.read_bytes()) if suffix == ".png" else tifffile.imread(path)
    assert independent.dtype == dtype
    assert np.array_equal(independent.reshape(pixels.shape), pixels)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_files_of_other_writers_are_read_exactly(tmp_path: Path, channels: int, dtype: Any, suffix: str) -> None:
    pixels, path = noise(17, 23, channels, dtype), tmp_path / f"theirs{suffix}"
    if suffix == ".png":
        path.write_bytes(imagecodecs.png_encode(pixels))
    else:
        extra = ["unassalpha"] if channels in (2, 4) else None
        photometric = "rgb" if channels > 2 else "minisblack"
        planar = "contig" if channels > 1 else None
        tifffile.imwrite(path, pixels, photometric=photometric, extrasamples=extra, planarconfig=planar, tile=(16, 16))
    picture = image.load(path)
    assert np.array_equal(rebuilt(picture, channels, dtype), pixels)
    assert picture.gray == (channels < 3)
    assert picture.notices == ()
    assert picture.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp", ".webp"])
def test_lossless_eight_bits_agree_with_pillow(tmp_path: Path, suffix: str) -> None:
    pixels = noise(31, 20, 3)
    path = image.save(image.load(pixels), tmp_path / f"a{suffix}", quality=100)
    with Image.open(path) as opened:
        assert np.array_equal(np.asarray(opened), pixels)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".avif"])
def test_lossy_formats_stay_near(tmp_path: Path, suffix: str) -> None:
    pixels = smooth()
    back = image.load(image.save(image.load(pixels), tmp_path / f"a{suffix}"))
    assert back.notices == ()
    assert (back.pixels - image.load(pixels).pixels).abs().mean() < 0.01


@pytest.mark.parametrize("array", [np.float32, np.float64])
def test_floats_and_tensors_are_the_same_picture(array: Any) -> None:
    values = np.random.default_rng(0).random((5, 6, 3)).astype(array)
    tensor = torch.from_numpy(values).movedim(-1, 0)
    expected = tensor[None].float()
    for source in (values, tensor, tensor[None], image.load(values)):
        assert torch.equal(image.load(source).pixels, expected)
    assert image.load(values).depth == 8


def test_gray_comes_back_gray_unless_it_was_coloured(tmp_path: Path) -> None:
    picture = image.load(noise(8, 9, 1, np.uint16))
    assert tifffile.imread(image.save(picture, tmp_path / "gray.tif")).shape == (8, 9)
    coloured = image.Picture(picture.pixels * torch.tensor([1.0, 0.5, 0.2]).view(1, 3, 1, 1), gray=True, depth=16)
    assert tifffile.imread(image.save(coloured, tmp_path / "colour.tif")).shape == (8, 9, 3)
    constant = torch.full((1, 3, 4, 4), 0.5)
    with Image.open(image.save(constant, tmp_path / "tensor.png")) as opened:
        assert opened.mode == "RGB"


@pytest.mark.parametrize("depth", [8, 16])
def test_depth_can_be_chosen(tmp_path: Path, depth: int) -> None:
    values = torch.rand(1, 3, 6, 5)
    path = image.save(values, tmp_path / "a.png", depth=depth)
    stored = imagecodecs.png_decode(path.read_bytes())
    assert stored.dtype.itemsize * 8 == depth
    assert np.abs(stored / (2**depth - 1) - values[0].movedim(0, -1).numpy()).max() <= 0.5001 / (2**depth - 1)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_transparency_is_laid_on_white_where_it_cannot_be_kept(tmp_path: Path, suffix: str) -> None:
    clear = np.zeros((8, 8, 4), np.uint8)
    picture = image.load(clear)
    assert "white" in image.losses(picture, f"a{suffix}")[0]
    assert image.losses(picture, "a.png") == ()
    assert image.load(image.save(picture, tmp_path / f"a{suffix}")).pixels.min() > 0.99


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp", ".tif", ".avif", "deep.png", "deep.tif"])
def test_orientation_is_applied_once_and_forgotten(tmp_path: Path, orientation: int, kind: str) -> None:
    upright = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: lambda a: a.transpose(1, 0, 2), 6: lambda a: np.rot90(a, 3),
        7: lambda a: np.rot90(a, 2).transpose(1, 0, 2), 8: np.rot90,
    }[orientation]  # fmt: skip
    stored = np.repeat(np.repeat(noise(2, 3, 3), 16, 0), 16, 1)  # squares: they survive JPEG's blocks
    path = tmp_path / f"turned{kind.removeprefix('deep')}"
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    if kind == "deep.tif":
        tags = [(int(ExifTags.Base.Orientation), "H", 1, orientation)]
        tifffile.imwrite(path, stored.astype(np.uint16) * 257, photometric="rgb", extratags=tags)
    elif kind == "deep.png":
        data = imagecodecs.png_encode(stored.astype(np.uint16) * 257)
        path.write_bytes(data[:33] + chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0")) + data[33:])
    else:
        Image.fromarray(stored).save(path, exif=exif, **({"lossless": True} if kind == ".webp" else {}))
    picture = image.load(path)
    assert picture.depth == (16 if "deep" in kind else 8)
    expected = upright(stored)
    assert picture.size == expected.shape[1::-1]
    assert np.abs(image.to_uint8(picture.pixels).astype(int) - expected).mean() < 12
    again = image.load(image.save(picture, tmp_path / "again.png"))
    assert torch.equal(again.pixels, picture.pixels)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def photograph_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Copyright] = "Lumière", "Ana, 2024"
    exif[ExifTags.Base.Orientation] = 1
    exif[ExifTags.IFD.Exif] = {int(ExifTags.Base.ExposureTime): 0.25, int(ExifTags.Base.LensModel): "50 mm"}
    exif[ExifTags.IFD.GPSInfo] = {1: "N", 2: (19.0, 25.0, 42.0)}
    return exif


@pytest.mark.parametrize("suffix", DESCRIBED)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("keep_location", [False, True])
def test_exif_is_carried_and_the_position_only_if_asked(
    tmp_path: Path, suffix: str, dtype: Any, keep_location: bool
) -> None:
    source = tmp_path / "photo.jpg"
    Image.fromarray(smooth()).save(source, exif=photograph_exif())
    picture = image.load(source, keep_location=keep_location)
    path = image.save(picture, tmp_path / f"out{suffix}", metadata=RECORD, depth=8 * np.dtype(dtype).itemsize)
    with Image.open(path) as opened:
        exif = opened.getexif()
        assert exif[ExifTags.Base.Copyright] == "Ana, 2024"
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] == "50 mm"
        assert exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] == 0.25
        assert bool(exif.get_ifd(ExifTags.IFD.GPSInfo)) == keep_location
        assert exif.get(ExifTags.Base.Orientation, 1) == 1
    assert image.read_metadata(path) == RECORD


@pytest.mark.parametrize("suffix", DESCRIBED)
def test_the_record_can_be_read_and_left_out(tmp_path: Path, suffix: str) -> None:
    path = image.save(torch.rand(1, 3, 20, 20), tmp_path / f"a{suffix}", metadata=RECORD)
    assert image.read_metadata(path) == RECORD
    without = image.save(image.load(path), tmp_path / f"b{suffix}")
    assert image.read_metadata(without) == {}
    assert b"sigma_low" not in without.read_bytes()


def test_the_record_in_png_is_a_text_chunk_of_that_name(tmp_path: Path) -> None:
    with Image.open(image.save(torch.rand(1, 3, 4, 4), tmp_path / "a.png", metadata=RECORD)) as opened:
        assert json.loads(opened.info["alebrije"]) == RECORD


def test_exif_too_long_for_jpeg_gives_way_to_the_record(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = "x" * 70_000
    Image.fromarray(smooth()).save(tmp_path / "long.webp", exif=exif)
    path = image.save(image.load(tmp_path / "long.webp"), tmp_path / "a.jpg", metadata=RECORD)
    assert image.read_metadata(path) == RECORD


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16"])
def test_every_kind_of_pillow_picture(mode: str) -> None:
    base = Image.fromarray(smooth())
    given = Image.fromarray(smooth()[..., 0].astype(np.uint16) * 257) if mode == "I;16" else base.convert(mode)
    picture = image.load(given)
    assert picture.size == base.size
    assert (picture.alpha is not None) == (mode in {"LA", "PA", "RGBA"})
    if mode != "I;16":
        assert np.array_equal(image.to_uint8(picture.pixels), np.asarray(given.convert("RGB"))) or mode == "CMYK"


def test_palette_with_transparency(tmp_path: Path) -> None:
    indexed = Image.new("P", (4, 2))
    indexed.putpalette([255, 0, 0, 0, 255, 0])
    indexed.putdata([0, 1] * 4)
    indexed.save(tmp_path / "p.png", transparency=1)
    picture = image.load(tmp_path / "p.png")
    assert picture.alpha is not None
    assert picture.alpha[0, 0].tolist() == [[1, 0, 1, 0]] * 2
    assert picture.pixels[0, :, 0, 0].tolist() == [1, 0, 0]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tif"])
def test_animations_give_their_first_frame_and_a_notice(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (6, 5), color) for color in ("red", "lime", "blue")]
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    frames[0].save(tmp_path / f"a{suffix}", save_all=True, append_images=frames[1:], **options)
    picture = image.load(tmp_path / f"a{suffix}")
    assert picture.pixels[0, :, 0, 0].tolist() == [1, 0, 0]
    assert any("3" in notice and "first" in notice for notice in picture.notices)


def test_floating_point_tiff(tmp_path: Path) -> None:
    values = np.random.default_rng(0).random((9, 7, 3)).astype(np.float32)
    tifffile.imwrite(tmp_path / "f.tif", values, photometric="rgb")
    assert np.array_equal(image.load(tmp_path / "f.tif").pixels[0].movedim(0, -1).numpy(), values)


def test_heic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "phone.heic"
    pillow_heif.from_pillow(Image.fromarray(smooth())).save(path, quality=-1)
    assert np.abs(image.to_uint8(image.load(path).pixels).astype(int) - smooth()).mean() < 4
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    with pytest.raises(MissingExtraError, match="pip install pillow-heif"):
        image.load(path)


def test_names_with_spaces_and_of_any_script(tmp_path: Path) -> None:
    for name in ("a b.png", "día.png", "絵 🐉.png", "-x.png"):
        assert image.load(image.save(torch.rand(1, 3, 3, 3), tmp_path / name)).path == tmp_path / name


def test_saving_refuses_what_cannot_be_saved(tmp_path: Path) -> None:
    picture = torch.rand(1, 3, 4, 4)
    with pytest.raises(OutputError, match=r"did you mean \.png"):
        image.save(picture, tmp_path / "a.pmg")
    with pytest.raises(OutputError, match="suffix"):
        image.save(picture, tmp_path / "a")
    with pytest.raises(OutputError, match="animations"):
        image.save(picture, tmp_path / "a.gif")
    with pytest.raises(OutputError, match="16383"):
        image.save(torch.rand(1, 3, 1, 16384), tmp_path / "a.webp")
    for hole in (float("nan"), float("inf"), float("-inf")):
        with pytest.raises(NumericsError, match=r"a\.png"):
            image.save(torch.full((1, 3, 4, 4), hole), tmp_path / "a.png")
    for shape in ((4, 4), (2, 3, 4, 4), (5, 4, 4), (3, 0, 4)):
        with pytest.raises(ValueError, match="tensor"):
            image.save(torch.rand(shape), tmp_path / "a.png")
    for options in ({"quality": 0}, {"quality": 101}, {"depth": 12}):
        with pytest.raises(ConfigError):
            image.save(picture, tmp_path / "a.png", **options)
    assert list(tmp_path.iterdir()) == []


def test_loading_refuses_arrays_that_are_no_pictures() -> None:
    shapes = [np.zeros(3), np.zeros((2, 3, 4, 4)), np.zeros((4, 4, 5)), np.zeros((0, 4, 3))]
    values = [np.full((4, 4), np.nan), np.full((4, 4, 3), 200.0), np.full((4, 4), -1.0)]
    types = [np.zeros((4, 4), np.int32), np.zeros((4, 4), np.complex64)]
    for array in [*shapes, *values, *types]:
        with pytest.raises(PictureError, match="given picture"):
            image.load(array)
    with pytest.raises(PictureError, match="dict"):
        image.load({})  # type: ignore[arg-type]
    with pytest.raises(PictureError, match="--max-megapixels"):
        image.load(np.zeros((100, 100), np.uint8), max_megapixels=0.005)


def test_list_pictures_is_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.png", "2.png", "B1.jpg", "a.JPG", ".hidden.png", "notes.txt", "02.png"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert [path.name for path in image.list_pictures(tmp_path)] == ["02.png", "2.png", "10.png", "a.JPG", "B1.jpg"]
    with pytest.raises(DataError, match="no picture"):
        image.list_pictures(tmp_path / "folder.png")
    with pytest.raises(DataError, match="nowhere"):
        image.list_pictures(tmp_path / "nowhere")


def test_gif_has_its_frames_and_its_length(tmp_path: Path) -> None:
    frames = [torch.full((1, 3, 10, 12), step / 6) for step in range(7)]
    path = image.save_gif(frames, tmp_path / "a.gif", fps=30)
    with Image.open(path) as opened:
        durations = []
        for index in range(opened.n_frames):
            opened.seek(index)
            durations.append(opened.info["duration"])
            assert abs(np.asarray(opened.convert("RGB")).mean() / 255 - index / 6) < 0.02
        assert len(durations) == 7
        assert abs(sum(durations) - 7000 / 30) <= 5
        assert opened.info["loop"] == 0
    with pytest.raises(OutputError, match="exists"):
        image.save_gif(frames, path, fps=30)
    with pytest.raises(ConfigError):
        image.save_gif(frames, tmp_path / "b.gif", fps=60)
    with pytest.raises(OutputError, match="one size"):
        image.save_gif([*frames, torch.rand(1, 3, 2, 2)], tmp_path / "b.gif", fps=10)
