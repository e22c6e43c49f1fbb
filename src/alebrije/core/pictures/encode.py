"""Pictures -> the bytes of a picture file: one function a format, all with the same arguments.

`pixels` is [H, W, 1|2|3|4] (grey, grey + alpha, RGB, RGB + alpha), uint8 or uint16; `icc` the profile it is in or
None; `exif` bytes that begin with ``Exif\\0\\0`` or None; `record` Alebrije's JSON as ASCII or None, for PNG only:
the others have it in `exif`; `dpi` the resolution of a print or None, for those that hold it beside EXIF.
"""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, TiffImagePlugin, TiffTags

from alebrije.core.pictures import color
from alebrije.core.pictures import metadata as records
from alebrije.core.pictures.arrays import quantize, to_samples
from alebrije.core.pictures.picture import Picture
from alebrije.errors import NumericsError, OutputError, did_you_mean

Pixels = NDArray[np.uint8] | NDArray[np.uint16]
_TAG = ExifTags.Base
_TIFF_START = b"II*\0\x08\0\0\0"  # little-endian, the directory follows at once
_STRIP_BYTES = 2**20  # before compression


def _png(pixels: Pixels, icc: bytes | None, exif: bytes | None, record: str | None, quality: int, dpi: int | None) -> bytes:
    """Lossless, 8 or 16 bits, by libpng; the chunks that libpng's wrapper does not write are put in behind IHDR."""
    import imagecodecs

    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels if pixels.shape[2] > 1 else pixels[..., 0])))
    chunks = b""
    if icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(icc))
    if exif:
        chunks += _chunk(b"eXIf", exif.removeprefix(b"Exif\0\0"))
    if dpi:
        per_metre = round(dpi / 0.0254)
        chunks += _chunk(b"pHYs", struct.pack(">IIB", per_metre, per_metre, 1))
    if record:
        chunks += _chunk(b"tEXt", records.KEY.encode() + b"\0" + record.encode("ascii"))
    header = 8 + 12 + 13  # signature, a chunk's length, name and checksum, and IHDR itself
    return data[:header] + chunks + data[header:]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def _tiff(pixels: Pixels, icc: bytes | None, exif: bytes | None, record: str | None, quality: int, dpi: int | None) -> bytes:
    """Lossless, 8 or 16 bits, Deflate after horizontal differences; TIFF 6.0, sections 2 and 14.

    Written here because EXIF's directories must be part of it: tifffile does not write them, Pillow not with 16 bits.
    """
    height, width, channels = pixels.shape
    differences = pixels.copy()
    differences[:, 1:] -= pixels[:, :-1]
    rows = max(1, _STRIP_BYTES // differences[0].nbytes)
    little_endian = differences.astype(differences.dtype.newbyteorder("<"), copy=False)
    strips = [zlib.compress(little_endian[top : top + rows].tobytes()) for top in range(0, height, rows)]
    sizes = tuple(map(len, strips))

    directory = TiffImagePlugin.ImageFileDirectory_v2(ifh=_TIFF_START)
    fields = records.parse_exif(exif)
    for tag in records.PHOTOGRAPH_TAGS:
        if tag in fields:
            directory[tag] = fields[tag]
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if values := fields.get_ifd(tag):
            directory[tag] = dict(values)
    directory[_TAG.ImageWidth], directory[_TAG.ImageLength] = width, height
    directory[_TAG.BitsPerSample] = (8 * pixels.itemsize,) * channels
    directory[_TAG.Compression], directory[_TAG.Predictor] = 8, 2
    directory[_TAG.PhotometricInterpretation] = 1 if channels < 3 else 2
    directory[_TAG.SamplesPerPixel], directory[_TAG.RowsPerStrip] = channels, rows
    # Counted from the end of the directory: Pillow adds its length, which must not overflow 16 bits.
    directory.tagtype[_TAG.StripOffsets] = TiffTags.LONG
    directory[_TAG.StripOffsets] = tuple(np.cumsum((0, *sizes))[:-1].tolist())
    directory[_TAG.StripByteCounts] = sizes
    if channels in (2, 4):
        directory[_TAG.ExtraSamples] = 2  # alpha, not multiplied into the colours
    if icc:
        directory.tagtype[_TAG.InterColorProfile] = TiffTags.UNDEFINED
        directory[_TAG.InterColorProfile] = icc
    return b"".join([_TIFF_START, directory.tobytes(len(_TIFF_START)), *strips])


def _jpeg(pixels: Pixels, icc: bytes | None, exif: bytes | None, record: str | None, quality: int, dpi: int | None) -> bytes:
    # Above 90 the eye would see halved colour resolution before anything else.
    options = {"dpi": (dpi, dpi)} if dpi else {}
    return _pillow(
        pixels, "JPEG", icc, exif, quality=quality, subsampling=0 if quality >= 90 else 2, optimize=True, **options
    )


def _webp(pixels: Pixels, icc: bytes | None, exif: bytes | None, record: str | None, quality: int, dpi: int | None) -> bytes:
    """Quality 100 is lossless."""
    return _pillow(pixels, "WEBP", icc, exif, quality=quality, lossless=quality == 100, exact=True)


def _avif(pixels: Pixels, icc: bytes | None, exif: bytes | None, record: str | None, quality: int, dpi: int | None) -> bytes:
    subsampling = "4:4:4" if quality >= 90 else "4:2:0"
    return _pillow(pixels, "AVIF", icc, exif, quality=quality, subsampling=subsampling)


def _bmp(pixels: Pixels, icc: bytes | None, exif: bytes | None, record: str | None, quality: int, dpi: int | None) -> bytes:
    return _pillow(pixels, "BMP", None, None, **({"dpi": (dpi, dpi)} if dpi else {}))


def _pillow(pixels: Pixels, format: str, icc: bytes | None, exif: bytes | None, **options: Any) -> bytes:
    image = Image.fromarray(np.ascontiguousarray(pixels if pixels.shape[2] > 1 else pixels[..., 0]))
    if icc:
        options["icc_profile"] = icc
    if exif:
        options["exif"] = exif
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


Encoder = Callable[[Pixels, bytes | None, bytes | None, str | None, int, int | None], bytes]


@dataclass(frozen=True, slots=True)
class Format:
    """What a file format can hold. `max_side` is in pixels, `max_exif` in bytes."""

    name: str
    encode: Encoder
    depths: tuple[int, ...] = (8,)
    alpha: bool = True
    gray: bool = True
    descriptions: bool = True
    max_side: int = 2**31 - 1
    max_exif: int = 2**31 - 1


_PNG = Format("PNG", _png, depths=(8, 16))
_JPEG = Format("JPEG", _jpeg, alpha=False, max_side=65535, max_exif=65533)
_TIFF = Format("TIFF", _tiff, depths=(8, 16))
FORMATS = {
    ".png": _PNG,
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".webp": Format("WebP", _webp, gray=False, max_side=16383),
    ".avif": Format("AVIF", _avif, gray=False, max_side=65536),
    ".tif": _TIFF,
    ".tiff": _TIFF,
    ".bmp": Format("BMP", _bmp, alpha=False, descriptions=False, max_side=32767),
}


def format_of(path: Path) -> Format:
    """The format that the suffix of `path` names. Raises `OutputError` if we write none of that name."""
    suffix = path.suffix.lower()
    if suffix in FORMATS:
        return FORMATS[suffix]
    if suffix == ".gif":
        raise OutputError(f"cannot write {path}: GIF has 256 colours and is for animations; use .png")
    what = f"pictures are not written as {path.suffix}" if suffix else "its name has no suffix that names a format"
    raise OutputError(f"cannot write {path}: {what}{did_you_mean(suffix, FORMATS)}")


def encode(
    picture: Picture, path: Path, quality: int, metadata: Mapping[str, Any] | None, depth: int
) -> bytes:
    """The bytes of a picture file for `path`; what its format cannot hold is converted or left out.

    Raises `OutputError` if the format refuses, `NumericsError` for NaN.
    """
    format = format_of(path)
    pixels, alpha = picture.pixels, picture.alpha
    try:
        if alpha is not None and not format.alpha:
            pixels, alpha = pixels * alpha + (1 - alpha), None
        samples = to_samples(pixels)
        if picture.gray and format.gray and not np.ptp(samples, axis=2).any():
            samples = samples[..., :1]
        samples, icc = color.from_srgb(samples, picture.icc if format.descriptions else None)
        if alpha is not None:
            samples = np.concatenate([samples, to_samples(alpha)], axis=2)
        exif, record = None, None
        if format.descriptions:
            record = None if metadata is None else json.dumps(dict(metadata))
            in_exif = None if format.name == "PNG" else metadata
            exif = _with_resolution(records.exif_bytes(picture.exif, in_exif), picture.dpi)
            if exif is not None and len(exif) > format.max_exif:
                exif = _with_resolution(records.exif_bytes(None, in_exif), picture.dpi)
        depth = depth if depth in format.depths else 8
        return format.encode(quantize(samples, depth), icc, exif, record, quality, picture.dpi)
    except NumericsError as error:
        raise NumericsError(f"cannot write {path}: {error}") from error
    except MemoryError as error:
        raise OutputError(f"cannot write {path}: there is not enough memory to encode it") from error
    except Exception as error:
        raise OutputError(f"cannot write {path}: {format.name} does not take it ({error})") from error


def _with_resolution(exif: bytes | None, dpi: int | None) -> bytes | None:
    """EXIF that says a picture has `dpi` pixels per inch, whatever it said before; the same if `dpi` is None."""
    if dpi is None:
        return exif
    fields = records.parse_exif(exif)
    for tag in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        if tag in fields:  # asking for one that is not there would make an empty one
            fields[tag] = dict(fields.get_ifd(tag))
    fields[_TAG.XResolution] = fields[_TAG.YResolution] = float(dpi)
    fields[_TAG.ResolutionUnit] = 2  # inches
    return fields.tobytes()
