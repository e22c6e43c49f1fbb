"""Picture files -> arrays of samples as they are in the file. `image.load` makes pictures of them.

The format is told by the content. The size is checked before anything is decoded. Eight-bit pictures are Pillow's;
deeper ones, which Pillow cuts down to eight bits, are read by imagecodecs (PNG) and tifffile (TIFF).
Nothing here promises which exception damaged bytes raise: `image.load` turns them all into one `PictureError`.
"""

from __future__ import annotations

import contextlib
import logging
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from alebrije.core.pictures import metadata
from alebrije.errors import MissingExtraError, PictureError

# Pillow warns of every oddity in EXIF and TIFF; what matters to the user is in our notices and errors.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

Samples = NDArray[Any]
_MEGA = 1_000_000
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_TIFF_CODECS = (1, 5, 8, 32773, 32946, 50000)  # none, LZW, Deflate, PackBits, the old number of Deflate, Zstandard
_FLIPS: dict[int, Callable[[Samples], Samples]] = {  # EXIF orientation -> upright; EXIF 2.32, table 6
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


@dataclass(slots=True)
class Decoded:
    """`samples` [H, W, 1|3|4] are grey, RGB or CMYK, `alpha` [H, W] or None; uint8, uint16 or float32; upright."""

    samples: Samples
    alpha: Samples | None
    icc: bytes | None = None
    exif: bytes | None = None
    notices: list[str] = field(default_factory=list)


def sniff(file: BinaryIO) -> str | None:
    """The format of an open file by its first bytes, None if it is no picture we read."""
    file.seek(0)
    head = file.read(64)
    file.seek(0)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "GIF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(_TIFF_STARTS):
        return "TIFF"
    if head[4:8] == b"ftyp":
        brands = head[8 : struct.unpack(">I", head[:4])[0]]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        return "HEIF" if any(brand in brands for brand in (b"hei", b"hev", b"mif1", b"msf1")) else None
    return "BMP" if head.startswith(b"BM") else None


def open_header(file: BinaryIO, kind: str) -> Image.Image:
    """Open `file` of the format `kind`, pixels not yet decoded. Raises `MissingExtraError` for HEIF without it."""
    if kind == "HEIF":
        try:
            import pillow_heif
        except ImportError as error:
            raise MissingExtraError("pillow-heif", "heif", "reading HEIC and HEIF pictures") from error
        opened: Image.Image = pillow_heif.HeifImageFile(file)
        return opened
    # The plugins themselves, not Image.open: its own limit on pixels would speak before ours.
    openers: dict[str, Callable[[BinaryIO], Image.Image]] = {
        "PNG": PngImagePlugin.PngImageFile,
        "JPEG": JpegImagePlugin.jpeg_factory,
        "GIF": GifImagePlugin.GifImageFile,
        "WEBP": WebPImagePlugin.WebPImageFile,
        "TIFF": TiffImagePlugin.TiffImageFile,
        "AVIF": AvifImagePlugin.AvifImageFile,
        "BMP": BmpImagePlugin.BmpImageFile,
    }
    return openers[kind](file)


def decode(file: BinaryIO, kind: str, max_megapixels: float, *, keep_location: bool) -> Decoded:
    """Decode an open file of the format `kind`. Raises `PictureError` above `max_megapixels`, anything if damaged."""
    _lift_pillows_limit(max_megapixels)
    try:
        image = open_header(file, kind)
    except (SyntaxError, OSError):
        if kind != "TIFF":
            raise
        return _decode_tiff(file, max_megapixels, keep_location=keep_location)
    check_size(image.width, image.height, max_megapixels)
    if kind == "PNG" and _png_depth(file) == 16:
        import imagecodecs

        file.seek(0)
        decoded = _split(imagecodecs.png_decode(file.read()))
        return _describe(decoded, image, keep_location=keep_location)
    if kind == "TIFF" and max(_bits(image)) > 8:
        return _decode_tiff(file, max_megapixels, keep_location=keep_location)
    return decode_image(image, keep_location=keep_location)


def decode_image(image: Image.Image, *, keep_location: bool) -> Decoded:
    """Take the pixels, upright, and the descriptions out of a Pillow picture."""
    image.load()
    if image.mode in {"I;16", "I;16B", "I;16L", "I;16N"}:
        decoded = _split(np.asarray(image).astype(np.uint16))
    else:
        decoded = _split_pillow(image)
    return _describe(decoded, image, keep_location=keep_location)


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Raise `PictureError` if a picture has no pixels or more than the limit."""
    if width < 1 or height < 1:
        raise PictureError(f"it says it is {width}x{height} pixels: there is nothing in it")
    if width * height > max_megapixels * _MEGA:
        raise PictureError(
            f"{width}x{height} is {width * height / _MEGA:.0f} megapixels and the limit is {max_megapixels:g}: "
            f"if you trust the file, raise the limit with --max-megapixels {-(-width * height // _MEGA)}"
        )


def _lift_pillows_limit(max_megapixels: float) -> None:
    """Let Pillow's own guard, which refuses twice its number, stand back where the user has asked for more."""
    guard = Image.MAX_IMAGE_PIXELS
    if guard is not None and max_megapixels * _MEGA > 2 * guard:
        Image.MAX_IMAGE_PIXELS = int(max_megapixels * _MEGA)


def _describe(decoded: Decoded, image: Image.Image, *, keep_location: bool) -> Decoded:
    """Add what `image` says of itself, and turn the samples upright."""
    icc = image.info.get("icc_profile")
    decoded.icc = icc if isinstance(icc, bytes) and icc else None
    # Before the frames are counted: Pillow turns a TIFF by itself, and would find its orientation anew.
    _apply_exif(decoded, image.getexif, keep_location=keep_location)
    # A phone's MPO is one photograph and, mostly, a depth map or a smaller copy: nobody means its second frame.
    if image.format != "MPO":
        _count_frames(decoded, lambda: getattr(image, "n_frames", 1), "pages" if image.format == "TIFF" else "frames")
    return decoded


def _count_frames(decoded: Decoded, count: Callable[[], int], name: str) -> None:
    with contextlib.suppress(Exception):  # a damaged second frame is no reason to refuse the first
        if (frames := count()) > 1:
            decoded.notices.append(f"it has {frames} {name}: only the first is taken")


def _apply_exif(decoded: Decoded, read: Callable[[], Image.Exif], *, keep_location: bool) -> None:
    try:
        exif = read()
        flip = _FLIPS.get(exif.get(metadata.ORIENTATION, 1))
        decoded.exif = metadata.carried_exif(exif, keep_location=keep_location)
    except Exception:  # EXIF comes from every kind of device, and a picture is worth more than its description
        decoded.notices.append("its EXIF data is damaged and left out")
        return
    if flip is not None:
        decoded.samples = flip(decoded.samples)
        decoded.alpha = None if decoded.alpha is None else flip(decoded.alpha)


def _split_pillow(image: Image.Image) -> Decoded:
    transparent = "transparency" in image.info or image.mode in {"PA", "La", "RGBa", "LA", "RGBA"}
    if image.mode == "CMYK":
        return Decoded(np.asarray(image), None)
    if image.mode in {"1", "L", "LA", "La"}:
        return _split(np.asarray(image.convert("LA" if transparent else "L")))
    if image.mode in {"I", "F", "LAB", "HSV"}:
        raise PictureError(f"pictures of the kind {image.mode} are not read: save it as RGB or grey first")
    return _split(np.asarray(image.convert("RGBA" if transparent else "RGB")))


def _split(array: Samples) -> Decoded:
    """Take the alpha channel off [H, W] or [H, W, 1|2|3|4]."""
    if array.ndim == 2:
        array = array[..., None]
    channels = array.shape[2]
    if channels in (2, 4):
        return Decoded(array[..., :-1], array[..., -1])
    return Decoded(array, None)


def _png_depth(file: BinaryIO) -> int:
    file.seek(24)  # signature 8, length and name of IHDR 8, width and height 8
    depth = file.read(1)
    file.seek(0)
    return depth[0]


def _bits(image: Image.Image) -> tuple[int, ...]:
    tags: Any = getattr(image, "tag_v2", {})
    return tuple(tags.get(258, (1,)))


def _decode_tiff(file: BinaryIO, max_megapixels: float, *, keep_location: bool) -> Decoded:
    """Read the first page of a TIFF of 16 bits or floating-point numbers, grey or RGB, by tifffile."""
    import tifffile

    logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what it has to say, our one error says
    file.seek(0)
    with tifffile.TiffFile(file) as tiff:
        page = tiff.pages[0]
        check_size(page.imagewidth, page.imagelength, max_megapixels)
        check_size(max(page.tilewidth, 1), max(page.tilelength, 1), max_megapixels)
        colors = {0: 1, 1: 1, 2: 3}.get(int(page.photometric), 0)  # white is zero, black is zero, RGB
        usual = page.dtype is not None and page.dtype.name in {"uint8", "uint16", "float16", "float32", "float64"}
        if not colors or not usual or page.bitspersample not in (8, 16, 32, 64) or page.samplesperpixel > 8:
            raise PictureError("this kind of TIFF is not read: save it as 8-bit or 16-bit grey or RGB first")
        if int(page.compression) not in _TIFF_CODECS or page.axes not in {"YX", "YXS", "SYX"}:
            raise PictureError("this kind of TIFF is not read: save it uncompressed or with LZW or Deflate first")
        array = page.asarray(maxworkers=1)
        array = np.moveaxis(array, 0, -1) if page.axes == "SYX" else array.reshape(*array.shape[:2], -1)
        decoded = _from_page(array, colors, page)
        icc = page.tags.valueof(int(ExifTags.Base.InterColorProfile))
        decoded.icc = icc if isinstance(icc, bytes) and icc else None
        _count_frames(decoded, lambda: len(tiff.pages), "pages")
        _apply_exif(decoded, lambda: metadata.tiff_exif(file), keep_location=keep_location)
        return decoded


def _from_page(array: Samples, colors: int, page: Any) -> Decoded:
    notices = []
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise PictureError("it holds numbers that are not finite (NaN or infinity)")
        if array.min() < 0 or array.max() > 1:
            notices.append("its values reach beyond 0..1 and are clipped")
        array = np.clip(array, 0, 1).astype(np.float32)
    samples, alpha = array[..., :colors], None
    if int(page.photometric) == 0:
        samples = (1 if array.dtype.kind == "f" else np.iinfo(array.dtype).max) - samples
    kinds = [int(extra) for extra in page.extrasamples]
    if array.shape[2] > colors and kinds[:1] and kinds[0] in (1, 2):
        alpha = array[..., colors]
        if kinds[0] == 1:  # stored already multiplied by alpha
            top = np.float32(1 if array.dtype.kind == "f" else np.iinfo(array.dtype).max)
            opacity = np.maximum(alpha, np.float32(1) / 65535)[..., None] / top
            samples = np.minimum(samples / opacity / top, 1).astype(np.float32)
            alpha = (alpha / top).astype(np.float32)
    return Decoded(samples, alpha, notices=notices)
