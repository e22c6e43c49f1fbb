"""Picture files <-> float32 [1, 3, H, W], sRGB, in [0, 1].

Reading: PNG, JPEG, WebP, AVIF, TIFF, BMP, the first frame of a GIF, and HEIC with the extra `heif`; told by the
content, turned upright, converted to sRGB. Alpha, bit depth, colour profile and EXIF are kept apart and come back when
the picture is saved, where the format can hold them; EXIF's GPS position only if it is asked for.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from alebrije.core import files
from alebrije.core.pictures import color
from alebrije.core.pictures import metadata as records
from alebrije.core.pictures.arrays import check_array, normalize, to_samples, to_tensor, to_uint8
from alebrije.core.pictures.decode import Decoded, check_size, decode, decode_image, open_header, sniff
from alebrije.core.pictures.encode import encode, format_of
from alebrije.core.pictures.geometry import fit, parse_size, resize, scaled_size, to_gray
from alebrije.core.pictures.gif import save_gif
from alebrije.core.pictures.picture import Picture
from alebrije.errors import AlebrijeError, ConfigError, DataError, NumericsError, OutputError, PictureError

__all__ = [
    "PICTURE_SUFFIXES", "Picture", "check_output", "fit", "list_pictures", "load", "losses", "parse_size",
    "read_metadata", "resize", "save", "save_gif", "scaled_size", "to_gray", "to_uint8",
]  # fmt: skip

Source = Path | str | Image.Image | NDArray[Any] | Tensor
_KINDS = {"PNG": ".png", "JPEG": ".jpg .jpeg .jpe .jfif .mpo", "WEBP": ".webp", "AVIF": ".avif", "TIFF": ".tif .tiff",
          "BMP": ".bmp .dib", "GIF": ".gif", "HEIF": ".heic .heif .hif"}  # fmt: skip
PICTURE_SUFFIXES = tuple(suffix for suffixes in _KINDS.values() for suffix in suffixes.split())
_NO_PICTURE = "it is not a picture in a format we read (PNG, JPEG, WebP, AVIF, TIFF, BMP, GIF, HEIC)"


def load(source: Source | Picture, *, max_megapixels: float = 100.0, keep_location: bool = False) -> Picture:
    """Read a picture from a file, a Pillow picture, an array [H, W(, C)] or a tensor [(1,) C, H, W].

    Arrays are uint8, uint16 or floating point in [0, 1], with 1 to 4 channels (grey, + alpha, RGB, + alpha).
    Raises `PictureError`, naming the file, if it is missing, unreadable, damaged, no picture or larger than
    `max_megapixels` (checked before anything is decoded); `MissingExtraError` for HEIC without its extra.
    """
    if isinstance(source, Picture):
        return source
    if isinstance(source, str | Path):
        return _load_file(Path(source), max_megapixels, keep_location)
    try:
        if isinstance(source, Image.Image):
            check_size(*source.size, max_megapixels)
            return _picture(decode_image(source, keep_location=keep_location))
        if isinstance(source, np.ndarray):
            return _from_array(source, max_megapixels)
        if isinstance(source, Tensor):
            return _from_tensor(source, max_megapixels)
    except PictureError as error:
        raise PictureError(f"cannot use the given picture: {error}") from error
    except Exception as error:  # a Pillow picture reads its file only now
        raise PictureError(f"cannot use the given picture: {_damage(error)}") from error
    raise PictureError(f"a picture is a path, a Pillow picture, an array or a tensor, not {type(source).__name__}")


def save(
    picture: Picture | Tensor,
    path: Path | str,
    *,
    force: bool = False,
    quality: int = 95,
    metadata: Mapping[str, Any] | None = None,
    depth: int | None = None,
) -> Path:
    """Write a picture, in the format that the suffix of `path` names, completely or not at all; returns the path.

    A tensor is [3, H, W] or [1, 3, H, W] (grey: 1 channel, with alpha: 4), values beyond [0, 1] are clamped.
    The carried profile, EXIF and bit depth (`depth` overrides it) are written where the format holds them, see
    `losses`; alpha is laid on white where it cannot be kept. `quality` is for JPEG, WebP (lossless at 100) and AVIF.
    `metadata` is Alebrije's record of how the picture was made. Raises `OutputError`, and `NumericsError` for NaN.
    """
    path = Path(path)
    if isinstance(picture, Tensor):
        picture = _from_output(picture, path)
    if not 1 <= quality <= 100:
        raise ConfigError(f"quality must lie between 1 and 100, got {quality}")
    if depth not in (None, 8, 16):
        raise ConfigError(f"a picture has 8 or 16 bits, not {depth}")
    check_output(path, picture.size, force=force)
    data = encode(picture, path, quality, metadata, depth or picture.depth)
    with files.atomic(path, force=force) as temporary:
        temporary.write_bytes(data)
    return path


def check_output(path: Path | str, size: tuple[int, int] | None = None, *, force: bool = False) -> None:
    """Raise, before the work, the `OutputError` that saving a picture of `size` (width, height) would end in."""
    path = Path(path)
    format = format_of(path)
    if size and max(size) > format.max_side:
        raise OutputError(
            f"cannot write {path}: {size[0]}x{size[1]} pixels, and {format.name} ends at {format.max_side} a side; "
            "use .png or .tiff, or a smaller --size"
        )
    files.check_writable(path, force=force)


def losses(picture: Picture, path: Path | str) -> tuple[str, ...]:
    """Sentences on what of `picture` a file of the suffix of `path` cannot hold, to be shown as notices."""
    path = Path(path)
    format = format_of(path)
    found = []
    if picture.alpha is not None and not format.alpha:
        found.append(f"{path.name}: {format.name} has no transparency, so the picture is laid on white")
    if picture.depth not in format.depths:
        found.append(f"{path.name}: {format.name} holds 8 bits a channel, so the picture's 16 are rounded")
    if not format.descriptions and (picture.icc or picture.exif):
        found.append(f"{path.name}: {format.name} holds no colour profile and no EXIF, so they are left out")
    return tuple(found)


def read_metadata(path: Path | str) -> dict[str, Any]:
    """Alebrije's record in a picture it has written; empty if there is none. Raises `PictureError` as `load` does."""
    path = Path(path)
    with _reading(path) as (file, kind):
        if kind == "TIFF":
            return records.find_record(None, records.tiff_exif(file))
        image = open_header(file, kind)
        return records.find_record(image.info.get(records.KEY), image.getexif())


def list_pictures(folder: Path | str) -> list[Path]:
    """The pictures in `folder` itself, by suffix, hidden files left out, in natural order (2.png before 10.png).

    Raises `DataError` if there is no such folder or no picture in it.
    """
    folder = Path(folder)
    try:
        found = [file for file in folder.iterdir()
                 if file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".") and file.is_file()]
    except OSError as error:
        raise DataError(f"cannot read the folder {folder}: {error.strerror}") from error
    if not found:
        raise DataError(f"there is no picture in {folder} (looked for {' '.join(PICTURE_SUFFIXES)})")
    return sorted(found, key=_natural)


def _natural(path: Path) -> tuple[list[tuple[int, int, str]], str]:
    parts = re.findall(r"[0-9]+|[^0-9]+", path.name.casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts], path.name


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[tuple[BinaryIO, str]]:
    """Open a picture file, tell its format, and turn whatever goes wrong inside into one line that names the file."""
    try:
        if path.is_dir():
            raise PictureError("it is a folder, not a picture")
        if path.exists() and not path.is_file():
            raise PictureError("it is a device or a pipe, not a file")
        with path.open("rb") as file:
            kind = sniff(file)
            if kind is None:
                raise PictureError("it is empty" if path.stat().st_size == 0 else _NO_PICTURE)
            yield file, kind
    except PictureError as error:
        raise PictureError(f"cannot read {path}: {error}") from error
    except AlebrijeError:
        raise
    except FileNotFoundError as error:
        raise PictureError(f"cannot read {path}: there is no such file") from error
    except PermissionError as error:
        raise PictureError(f"cannot read {path}: no permission; ask its owner, or chmod u+r it") from error
    except MemoryError as error:
        raise PictureError(f"cannot read {path}: there is not enough memory for it") from error
    except Exception as error:  # damaged files make Pillow, libpng and tifffile raise almost anything
        raise PictureError(f"cannot read {path!s}: {_damage(error)}") from error


def _damage(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    reason = " ".join(str(error).split())[:100]
    return f"the file is damaged or incomplete ({reason or type(error).__name__})"


def _load_file(path: Path, max_megapixels: float, keep_location: bool) -> Picture:
    with _reading(path) as (file, kind):
        decoded = decode(file, kind, max_megapixels, keep_location=keep_location)
        picture = _picture(decoded, prefix=f"{path.name}: ")
        notices = picture.notices
        if path.suffix.lower() not in _KINDS[kind].split():
            notices = (f"{path.name}: its name does not say so, but it is a {kind} picture and read as one", *notices)
        return replace(picture, path=path, sha256=files.sha256(path), notices=notices)


def _picture(decoded: Decoded, prefix: str = "") -> Picture:
    samples, icc, notice = color.to_srgb(normalize(decoded.samples), decoded.icc)
    return Picture(
        pixels=to_tensor(samples),
        alpha=None if decoded.alpha is None else to_tensor(decoded.alpha[..., None]),
        depth=8 if decoded.samples.dtype == np.uint8 else 16,
        icc=icc,
        exif=decoded.exif,
        notices=tuple(prefix + sentence for sentence in [*decoded.notices, notice] if sentence),
        gray=decoded.samples.shape[2] == 1,
    )


def _from_array(array: NDArray[Any], max_megapixels: float) -> Picture:
    array = check_array(array)
    check_size(array.shape[1], array.shape[0], max_megapixels)
    alpha = array.shape[2] in (2, 4)
    picture = _picture(Decoded(array[..., :-1] if alpha else array, array[..., -1] if alpha else None))
    return picture if array.dtype == np.uint16 else replace(picture, depth=8)


def _from_tensor(tensor: Tensor, max_megapixels: float) -> Picture:
    if tensor.ndim == 4 and tensor.shape[0] == 1:
        tensor = tensor[0]
    if tensor.ndim != 3:
        raise PictureError(f"its shape is {tuple(tensor.shape)}, where [1, C, H, W] or [C, H, W] is needed")
    tensor = tensor.detach().cpu()
    tensor = tensor.float() if tensor.is_floating_point() else tensor
    return _from_array(tensor.movedim(0, -1).numpy(), max_megapixels)


def _from_output(tensor: Tensor, path: Path) -> Picture:
    """A tensor that somebody wants to save: clamped, never refused for values a little or a lot beyond [0, 1]."""
    try:
        return _from_array(to_samples(tensor), float("inf"))
    except (ValueError, NumericsError) as error:
        raise type(error)(f"cannot write {path}: {error}") from error
