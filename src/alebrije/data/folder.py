"""Folders of pictures, with folders in them, as one list and as small squares in memory."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from alebrije.core.image import PICTURE_SUFFIXES, fit, list_pictures, load
from alebrije.errors import DataError, PictureError
from alebrije.events import Event, Started, Step, Warned


def find_pictures(folder: Path | str) -> list[Path]:
    """All pictures in `folder` and the folders below it, folder by folder, in natural order; hidden ones are left out.

    Raises `DataError` if there is no such folder or no picture in it.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: check the name")
    inside = sorted(one for one in folder.rglob("*") if one.is_dir())
    places = [folder, *(one for one in inside if not any(part.startswith(".") for part in one.relative_to(folder).parts))]
    found = [picture for place in places if _has_pictures(place) for picture in list_pictures(place)]
    if not found:
        raise DataError(f"there is no picture in {folder}, nor in the folders below it")
    return found


def _has_pictures(folder: Path) -> bool:
    return any(file.suffix.lower() in PICTURE_SUFFIXES and not file.name.startswith(".") for file in folder.iterdir())


def read_squares(paths: Sequence[Path], size: int) -> Generator[Event, None, dict[Path, Tensor]]:
    """The middle squares of the pictures, transparent places white, uint8 [1, 3, size, size] each; one that cannot be read is
    named and left out."""
    yield Started("reading pictures", len(paths))
    found: dict[Path, Tensor] = {}
    for count, path in enumerate(paths, 1):
        try:
            found[path] = (fit(load(path).on_white, (size, size)) * 255).round().to(torch.uint8)
        except PictureError as error:
            yield Warned(f"left out: {error}")
        yield Step(count, len(paths))
    return found
