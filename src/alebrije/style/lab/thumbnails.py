"""Pictures inside pages: small JPEG copies, so that a page with hundreds of them can still be sent to somebody."""

from __future__ import annotations

import base64
import html
import io
from pathlib import Path

from PIL import Image

from alebrije.core.image import load, resize, scaled_size, to_uint8

QUALITY = 90


def thumbnail(path: Path, side: int) -> bytes:
    """The picture at `path` as JPEG, its longer side at most `side` pixels, transparent places white."""
    picture = load(path)
    height, width = scaled_size((picture.height, picture.width), min(side, max(picture.size)))
    pixels = to_uint8(resize(picture.on_white.clamp(0, 1), (height, width)))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def image_tag(jpeg: bytes, words: str) -> str:
    """An <img> that holds the picture itself."""
    data = base64.b64encode(jpeg).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{html.escape(words, quote=True)}">'
