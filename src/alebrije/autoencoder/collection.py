"""The pictures of the low-resolution experiments: a number of them, taken at random from a folder or drawn, with their tags."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alebrije.autoencoder.config import LowresConfig
from alebrije.autoencoder.learning import SPLITS
from alebrije.data.draw import creature
from alebrije.data.folder import find_pictures, read_squares
from alebrije.errors import DataError
from alebrije.events import Event, Started, Step, Warned

FEWEST = 20
RARE = 0.05  # a tag that fewer pictures have, or that so few lack, makes no category


@dataclass(frozen=True, slots=True)
class Collection:
    """Pictures uint8 [N, 3, S, S] and the tags of each, in the order in which they are dealt to the splits."""

    images: Tensor
    tags: tuple[frozenset[str], ...]
    train: int
    validation: int

    def splits(self) -> dict[str, Tensor]:
        """The pictures by the names of `SPLITS`."""
        bounds = (0, self.train, self.train + self.validation, len(self.images))
        return {name: self.images[start:end] for name, start, end in zip(SPLITS, bounds, bounds[1:], strict=False)}

    def categories(self) -> dict[str, list[int]]:
        """The places of the pictures that have a tag, for each tag that tells some of them from others."""
        count = len(self.tags)
        found = {tag: [place for place, tags in enumerate(self.tags) if tag in tags] for tag in frozenset().union(*self.tags)}
        return {tag: found[tag] for tag in sorted(found) if RARE * count <= len(found[tag]) <= (1 - RARE) * count}


def collect(config: LowresConfig) -> Generator[Event, None, Collection]:
    """Take the pictures that the settings name. The seed decides which, and which of them are learned from.

    Raises `DataError` if there are fewer than `FEWEST`.
    """
    found = yield from _read(Path(config.data), config) if config.data else _draw(config)
    if len(found) < FEWEST:
        raise DataError(f"{config.data} holds {len(found)} pictures that can be read: at least {FEWEST} are needed")
    if len(found) < config.pictures:
        yield Warned(f"{config.data} holds {len(found)} pictures that can be read, not {config.pictures}: all are taken")
    train = round(config.train_share * len(found))
    others = len(found) - train
    return Collection(torch.cat([image for image, _ in found]), tuple(tags for _, tags in found), train, (others + 1) // 2)


def _read(folder: Path, config: LowresConfig) -> Generator[Event, None, list[tuple[Tensor, frozenset[str]]]]:
    paths = find_pictures(folder)
    order = torch.randperm(len(paths), generator=torch.Generator().manual_seed(config.seed))
    chosen = [paths[place] for place in order[: config.pictures].tolist()]
    tags = read_tags(folder)
    squares = yield from read_squares(chosen, config.size)
    return [(square, tags.get(path.relative_to(folder).as_posix(), frozenset())) for path, square in squares.items()]


def _draw(config: LowresConfig) -> Generator[Event, None, list[tuple[Tensor, frozenset[str]]]]:
    yield Started("drawing creatures", config.pictures)
    found = []
    for index in range(config.pictures):
        drawn = creature(config.seed * 1_000_000 + index, config.size, background="white")
        found.append(((drawn.image * 255).round().to(torch.uint8), frozenset(drawn.tags)))
        yield Step(index + 1, config.pictures)
    return found


def read_tags(folder: Path) -> dict[str, frozenset[str]]:
    """file -> its tags, from the metadata.jsonl of a folder; empty if it has none. Raises `DataError` if it is damaged."""
    path = folder / "metadata.jsonl"
    if not path.is_file():
        return {}
    try:
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        return {str(row["file"]): frozenset(map(str, row.get("tags", ()))) for row in rows}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"cannot read {path}: each line must be JSON with the entry `file` and, if you like, `tags`") from error
