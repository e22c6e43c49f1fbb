"""What a picture file says about itself: EXIF of the photograph, and how Alebrije made the picture.

Alebrije's own record is a JSON object (verb, config, seed, version, sha256 of each input). A PNG file keeps it in a
text chunk called ``alebrije``; JPEG, WebP, AVIF and TIFF keep ``{"alebrije": ...}`` in the EXIF field UserComment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, BinaryIO

from PIL import ExifTags, Image

KEY = "alebrije"
ORIENTATION = int(ExifTags.Base.Orientation)
# Of the tags in EXIF's first directory only those about the photograph are carried; the rest describe the old file.
PHOTOGRAPH_TAGS = tuple(
    int(getattr(ExifTags.Base, name))
    for name in ("ImageDescription", "Make", "Model", "XResolution", "YResolution", "ResolutionUnit", "Software",
                 "DateTime", "Artist", "Copyright")
)
# The old size and colour space are no longer true; a maker note is useless after a move and may hold a position.
_DROPPED = {int(tag) for tag in (ExifTags.Base.MakerNote, ExifTags.Base.ColorSpace, ExifTags.Base.ExifImageWidth,
                                 ExifTags.Base.ExifImageHeight, ExifTags.Base.ExifInteroperabilityOffset)}
_COMMENT = int(ExifTags.Base.UserComment)
_ASCII = b"ASCII\0\0\0"


def carried_exif(exif: Image.Exif, *, keep_location: bool = False) -> bytes | None:
    """The part of `exif` that stays true in a new picture, as bytes; None if nothing is left.

    The orientation is dropped (the pixels are upright by then), and so are the thumbnail, the maker note, Alebrije's
    own record and, without `keep_location`, the GPS position. Raises whatever Pillow raises on damaged EXIF.
    """
    kept = Image.Exif()
    for tag in PHOTOGRAPH_TAGS:
        if tag in exif:
            kept[tag] = exif[tag]
    details = {tag: value for tag, value in exif.get_ifd(ExifTags.IFD.Exif).items() if tag not in _DROPPED}
    if _parse_comment(details.get(_COMMENT)) is not None:
        del details[_COMMENT]
    if details:
        kept[ExifTags.IFD.Exif] = details
    position = exif.get_ifd(ExifTags.IFD.GPSInfo)
    if keep_location and position:
        kept[ExifTags.IFD.GPSInfo] = dict(position)
    return kept.tobytes() if len(kept) else None


def exif_bytes(carried: bytes | None, metadata: Mapping[str, Any] | None) -> bytes | None:
    """EXIF to be written: what was carried from the photograph plus Alebrije's record; None if there is neither."""
    if metadata is None:
        return carried
    exif = parse_exif(carried)
    details = dict(exif.get_ifd(ExifTags.IFD.Exif))
    details[_COMMENT] = _ASCII + json.dumps({KEY: dict(metadata)}).encode("ascii")
    exif[ExifTags.IFD.Exif] = details
    if ExifTags.IFD.GPSInfo in exif:  # asked for where there is none, Pillow makes an empty one
        exif[ExifTags.IFD.GPSInfo] = dict(exif.get_ifd(ExifTags.IFD.GPSInfo))
    return exif.tobytes()


def parse_exif(data: bytes | None) -> Image.Exif:
    """EXIF from bytes, empty for None."""
    exif = Image.Exif()
    if data:
        exif.load(data)
    return exif


def tiff_exif(file: BinaryIO) -> Image.Exif:
    """EXIF of an open TIFF file, also of kinds that Pillow does not open."""
    file.seek(0)
    exif = Image.Exif()
    exif.load_from_fp(file)
    return exif


def find_record(text: object, exif: Image.Exif) -> dict[str, Any]:
    """Alebrije's record from a PNG's text or else from EXIF; empty if there is none or it cannot be understood."""
    if isinstance(text, str):
        record = _parse_json(text)
        return record if isinstance(record, dict) else {}
    return _parse_comment(exif.get_ifd(ExifTags.IFD.Exif).get(_COMMENT)) or {}


def _parse_comment(comment: Any) -> dict[str, Any] | None:
    if not isinstance(comment, bytes) or not comment.startswith(_ASCII):
        return None
    outer = _parse_json(comment.removeprefix(_ASCII).decode("ascii", "replace"))
    record = outer.get(KEY) if isinstance(outer, dict) else None
    return record if isinstance(record, dict) else None


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
