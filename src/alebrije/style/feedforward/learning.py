"""The photographs and paintings that the networks learn from, and those that are kept for the test."""

from __future__ import annotations

import zlib
from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import fit, load, resize, scaled_size
from alebrije.data.folder import find_pictures
from alebrije.errors import ConfigError, DataError, PictureError
from alebrije.events import Event, Started, Step, Warned
from alebrije.features.crops import uniform

LONGEST_SIDE = 768
SAMPLE_SIZE = (192, 256)  # height, width of the pictures in a sample
MOST_KEPT = 20


def split(paths: Sequence[Path], one_in: int) -> tuple[list[Path], list[Path]]:
    """Those to learn from, and those kept for the test: one in so many, at least one, chosen by the CRC-32 of their names, so
    that the choice never changes. Raises `DataError` if there are not two."""
    if len(paths) < 2:
        raise DataError("one picture is too few to learn and to test: give a folder of at least two, better hundreds")
    ordered = sorted(paths, key=lambda path: (zlib.crc32(path.name.encode()), str(path)))
    kept = min(MOST_KEPT, max(1, len(paths) // one_in))
    return ordered[kept:], ordered[:kept]


def read_pictures(paths: Sequence[Path], longest: int = LONGEST_SIDE) -> Generator[Event, None, dict[Path, Tensor]]:
    """The pictures, transparent places white, at most `longest` pixels a side, uint8 [1, 3, H, W]; one that cannot be read is
    named and left out. Raises `DataError` if none can."""
    yield Started("reading pictures", len(paths))
    found = {}
    for count, path in enumerate(paths, 1):
        try:
            pixels = load(path).on_white
            size = (pixels.shape[-2], pixels.shape[-1])
            found[path] = as_bytes(resize(pixels, scaled_size(size, longest)) if max(size) > longest else pixels)
        except PictureError as error:
            yield Warned(f"left out: {error}")
        yield Step(count, len(paths))
    if not found:
        raise DataError("none of the pictures can be read")
    return found


def photographs(folder: str, one_in: int) -> Generator[Event, None, tuple[dict[Path, Tensor], dict[Path, Tensor]]]:
    """The photographs to learn from and those kept. Raises `ConfigError` if no folder is named, `DataError` as `split` does."""
    if not folder:
        raise ConfigError("say where the photographs are that it learns to paint on: --data FOLDER")
    known, kept = split(find_pictures(Path(folder)), one_in)
    return (yield from read_pictures(known)), (yield from read_pictures(kept))


def crops_of(pictures: Sequence[Tensor], size: int, indices: Tensor, widest: float = 3.0) -> Tensor:
    """A random square of each of the pictures with these indices, of 3/4 to `widest` times `size` pixels a side where the picture
    has them, resized and perhaps mirrored: [B, 3, size, size] in [0, 1]. Randomness comes from torch's global generator."""
    return torch.cat([_crop(pictures[index], size, widest) for index in indices.tolist()])


def _crop(picture: Tensor, size: int, widest: float) -> Tensor:
    height, width = picture.shape[-2:]
    short = min(height, width)
    side = round(uniform(min(0.75 * size, short), min(widest * size, short)))
    top, left = (int(uniform(0, extent - side + 1)) for extent in (height, width))
    window = picture[..., top : top + side, left : left + side].float() / 255
    window = window.flip(-1) if uniform(0, 1) < 0.5 else window
    return F.interpolate(window, (size, size), mode="bilinear", antialias=True).clamp(0, 1)


def samples_of(pictures: Sequence[Tensor], count: int) -> Tensor:
    """The first pictures, cropped to one shape for the eye: [B, 3, 192, 256] in [0, 1]."""
    return torch.cat([fit(picture.float() / 255, SAMPLE_SIZE) for picture in pictures[:count]])


def as_bytes(pixels: Tensor) -> Tensor:
    """Pixels in [0, 1] as uint8."""
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8)
