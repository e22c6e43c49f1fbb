"""What there is to do in folders of pictures: which pictures they hold, which belong together, what the results are called."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from alebrije.errors import ConfigError

FORMATS = ("png", "jpg", "webp", "avif", "tiff", "same")
# What `same` makes of a picture's suffix; of a format that is read and not written (GIF, HEIC) it makes .png.
KEPT = {suffix: suffix for suffix in (".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".bmp")}
KEPT |= dict.fromkeys((".jpe", ".jfif", ".mpo"), ".jpg")


class Job(NamedTuple):
    """One result: what it is made of, where it goes, and the picture of a folder that gives it its name."""

    inputs: tuple[Path, ...]
    target: Path
    picture: Path


@dataclass(slots=True)
class Found:
    """What a look into a folder found: `pictures` relative to it; `unreadable` folders with the reason; `links` to folders."""

    pictures: list[Path] = field(default_factory=list)
    unreadable: dict[str, str] = field(default_factory=dict)
    links: list[Path] = field(default_factory=list)


def find(folder: Path, output: Path) -> Found:
    """The pictures in `folder` and the folders below it, by suffix, folder by folder in natural order.

    Hidden ones are left out, and so is `output` if it lies inside. Links to folders are not followed: they may lead in circles.
    """
    from alebrije.core.image import PICTURE_SUFFIXES

    found = Found()

    def fail(error: OSError) -> None:
        found.unreadable[str(error.filename)] = f"cannot read the folder {error.filename}: {error.strerror}"

    for place, folders, files in os.walk(folder, onerror=fail):
        here = Path(place)
        found.links += [here / name for name in folders if (here / name).is_symlink() and not name.startswith(".")]
        folders[:] = [name for name in folders if not name.startswith(".") and not _same(here / name, output)]
        pictures = [name for name in files if Path(name).suffix.lower() in PICTURE_SUFFIXES and not name.startswith(".")]
        found.pictures += [(here / name).relative_to(folder) for name in pictures]
    found.pictures.sort(key=lambda path: ([_natural(part) for part in path.parent.parts], _natural(path.name)))
    return found


def _natural(name: str) -> tuple[list[str | int], str]:
    """A key that puts 2.png before 10.png: every second part is a number."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [int(part) if index % 2 else part for index, part in enumerate(parts)], name


def _same(one: Path, other: Path) -> bool:
    return one.exists() and other.exists() and one.samefile(other)


def results_of(pictures: Sequence[Path], format: str) -> list[Path]:
    """What the results of `pictures` are called: their names, with folders, and the suffix of `format`.

    Where two would get one name (a.png and a.jpg) they keep their own suffix before it. Raises `ConfigError` if that does not
    help either.
    """
    suffixes = [f".{format}" if format != "same" else _kept(picture.suffix) for picture in pictures]
    short = [picture.with_name(picture.stem + suffix) for picture, suffix in zip(pictures, suffixes, strict=True)]
    often = Counter(str(path).casefold() for path in short)  # many file systems take A.png and a.png for one
    names = [
        picture.with_name(picture.name + suffix) if often[str(path).casefold()] > 1 else path
        for picture, suffix, path in zip(pictures, suffixes, short, strict=True)
    ]
    first: dict[Path, Path] = {}
    for picture, name in zip(pictures, names, strict=True):
        if first.setdefault(name, picture) != picture:
            raise ConfigError(f"{first[name]} and {picture} would both become {name}: rename one of them")
    return names


def _kept(suffix: str) -> str:
    kept = KEPT.get(suffix.lower(), ".png")
    return suffix if kept == suffix.lower() else kept


def pair(sources: Sequence[Path], output: Path, format: str) -> tuple[list[Job], Found]:
    """The jobs of a command given folders in place of pictures, and what else was found in these folders.

    Folders go side by side, in natural order; a picture beside a folder joins every job. The results are called like the
    pictures of the first folder, in the folder `output`. No jobs if there is no folder. Raises `ConfigError` if the folders hold
    different numbers of pictures.
    """
    looks = [find(source, output) if source.is_dir() else None for source in sources]
    found = [look for look in looks if look is not None]
    counts = {len(look.pictures) for look in found}
    if len(counts) > 1:
        raise ConfigError(
            f"the folders hold different numbers of pictures ({', '.join(map(str, sorted(counts)))}): make them equal"
        )
    if not counts:
        return [], Found()
    count = counts.pop()
    columns = [
        [source / picture for picture in look.pictures] if look else [source] * count
        for source, look in zip(sources, looks, strict=True)
    ]
    leading = next(number for number, look in enumerate(looks) if look)
    targets = results_of(found[0].pictures, format)
    jobs = [
        Job(row, output / target, row[leading])
        for row, target in zip(zip(*columns, strict=True), targets, strict=True)
    ]
    unreadable = {name: reason for look in found for name, reason in look.unreadable.items()}
    return jobs, Found(found[0].pictures, unreadable, [link for look in found for link in look.links])
