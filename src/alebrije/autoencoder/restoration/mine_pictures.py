"""The user's own pictures: read, with the quality of their JPEG, and dealt into those that teach and those kept for the test."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alebrije.autoencoder.restoration.estimators import jpeg_quality
from alebrije.autoencoder.restoration.mine_config import MineConfig
from alebrije.core.image import load
from alebrije.data.folder import find_pictures
from alebrije.errors import DataError, PictureError
from alebrije.events import Event, Started, Step, Warned

LARGEST = 1024  # pixels a side: of larger pictures the middle is taken, as patches are all that is learned from
NAMED = 5  # pictures named in one sentence

Named = tuple[str, Tensor]


@dataclass(frozen=True, slots=True)
class Album:
    """Pictures uint8 [3, H, W] by name: those to learn from, and those kept for the test; and the JPEG qualities of all files."""

    learned: Sequence[Named]
    kept: Sequence[Named]
    qualities: Sequence[int | None]

    def fingerprint(self) -> str:
        """The sha256 of all pictures, as they lie in memory, in their order."""
        digest = hashlib.sha256()
        for name, picture in (*self.learned, *self.kept):
            digest.update(f"{name} {tuple(picture.shape)}".encode() + picture.contiguous().numpy().tobytes())
        return digest.hexdigest()


def open_album(config: MineConfig) -> Generator[Event, None, Album]:
    """Read the folder of the settings. A picture that is too small or cannot be read is named and left out.

    The seed deals: the pictures are shuffled by it, and the first `holdout` of them, at most half, are kept for the test. Of a
    single picture the right third is kept. Raises `DataError` if nothing is left to learn from or to test with.
    """
    folder = Path(str(config.data))
    paths = find_pictures(folder)
    order = torch.randperm(len(paths), generator=torch.Generator().manual_seed(config.seed)).tolist()
    if len(paths) > config.pictures:
        yield Warned(f"{config.pictures} of the {len(paths)} pictures are taken, at random: --set pictures=N takes more")
    found: list[Named] = []
    qualities, small = [], []
    yield Started("reading pictures", min(len(paths), config.pictures))
    for count, path in enumerate((paths[place] for place in order[: config.pictures]), 1):
        name = path.relative_to(folder).as_posix()
        try:
            picture = _bytes(load(path).on_white)
        except PictureError as error:
            yield Warned(f"left out: {error}")
        else:
            if min(picture.shape[-2:]) < config.at_least:
                small.append(name)
            else:
                found.append((name, picture))
                qualities.append(jpeg_quality(path))
        yield Step(count, min(len(paths), config.pictures))
    if small:
        named = ", ".join(small[:NAMED]) + (f" and {len(small) - NAMED} more" if len(small) > NAMED else "")
        yield Warned(f"left out, as they have fewer than {config.at_least} pixels a side: {named}")
    if not found:
        raise DataError(
            f"no picture in {folder} has sides of {config.at_least} pixels or more: give larger ones, or --set patch="
            f"{max(16, config.patch // 2)}"
        )
    if len(found) == 1:
        yield Warned(f"{found[0][0]} is the only picture: the right third of it is kept for the test")
        return Album(*_parted(found[0], config), qualities)
    cut = min(config.holdout, len(found) // 2)
    return Album(found[cut:], found[:cut], qualities)


def _parted(one: Named, config: MineConfig) -> tuple[list[Named], list[Named]]:
    """The left two thirds of a picture to learn from, and the right third."""
    name, picture = one
    cut = 2 * picture.shape[-1] // 3
    if min(cut, picture.shape[-1] - cut) < config.at_least:
        raise DataError(
            f"{config.data} has 1 usable picture, too narrow to learn from one part and to test with another: give 2 or more, "
            f"or one that is at least {3 * config.at_least} pixels wide"
        )
    return [(name, picture[..., :cut])], [(f"{name}, right third", picture[..., cut:])]


def _bytes(images: Tensor) -> Tensor:
    """[1, 3, H, W] in [0, 1] as uint8 [3, H, W], no larger than `LARGEST`."""
    top, left = (max(0, side - LARGEST) // 2 for side in images.shape[-2:])
    window = images[0, :, top : top + LARGEST, left : left + LARGEST]
    return (window.clamp(0, 1) * 255).round().to(torch.uint8)
