"""The pictures a GAN learns from: in memory as bytes, a part of them kept from the discriminator."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core import checkpoint
from alebrije.core.files import atomic
from alebrije.core.image import to_gray
from alebrije.data.dataset import opening
from alebrije.data.draw import SEEDS_PER_SET, creature
from alebrije.data.tags import look_up
from alebrije.errors import DataError, did_you_mean
from alebrije.events import Event, Started, Step, Warned
from alebrije.gan.config import PicturesConfig
from alebrije.runs import Run

FEWEST = 8
MOST_HELD_OUT = 1024
TAG_ROWS = 256  # pictures whose tags are kept in a model, to draw new ones with


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures uint8 [N, C, H, W] to learn from and others kept apart, with the chosen tags bool [N, T] of each.

    `fingerprint` is that of all of them, in whatever order.
    """

    images: Tensor
    tags: Tensor
    held_out: Tensor
    held_out_tags: Tensor
    tag_names: tuple[str, ...]
    name: str
    fingerprint: str

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width

    @property
    def tag_rows(self) -> list[list[int]]:
        """The tags of at most `TAG_ROWS` of the pictures to learn from; none where no tags were chosen."""
        if not self.tag_names:
            return []
        rows: list[list[int]] = self.tags[spread(min(TAG_ROWS, len(self.tags)), len(self.tags))].int().tolist()
        return rows


def spread(count: int, total: int) -> Tensor:
    """Places of `count` pictures among `total`, int64 [count], evenly: many data lie in the order of their classes, and the first
    ones would be all alike. Where `count` is more than there are, some come again."""
    return torch.arange(count) * total // count


def held_out(share: float, count: int) -> int:
    """How many of `count` pictures are kept apart."""
    return min(MOST_HELD_OUT, round(share * count))


def read(config: PicturesConfig) -> Generator[Event, None, Pictures]:
    """Read or draw the pictures that the settings name; the seed decides which are kept apart.

    Raises `DataError` if there are fewer than `FEWEST`, `DataError` or `ConfigError` for a tag that none has.
    """
    images, table, print_ = yield from (_open(config) if config.data else _draw(config))
    if len(images) < FEWEST:
        count = "1 picture" if len(images) == 1 else f"{len(images)} pictures"
        place = config.data or "the set of creatures"
        raise DataError(f"{place} holds {count}: a GAN learns what many have in common, give it {FEWEST} or more")
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(config.seed))
    apart = held_out(config.hold_out, len(images))
    kept, learnt = order[:apart], order[apart:].sort().values
    if len(learnt) < config.batch_size:
        yield Warned(f"{len(learnt)} pictures are less than a batch of {config.batch_size}: each batch has all of them")
    name = config.data or "drawn creatures"
    yield Started(f"{len(learnt)} pictures to learn from, {apart} kept apart")
    return Pictures(images[learnt], table[learnt], images[kept], table[kept], config.tags, name, print_)


def check_unchanged(run: Run, pictures: Pictures, allowed: str) -> str:
    """Write down what the run learns from, or compare with what it learnt from before. Returns a notice, or nothing.

    Raises `DataError` if the pictures have changed and `allowed` is not the mark of the new ones: so a change that was meant once
    lets no later one pass unseen.
    """
    path, mark = run.folder / "data.json", f"data-{pictures.fingerprint[:8]}"
    now = {"data": pictures.name, "pictures": len(pictures.images) + len(pictures.held_out), "fingerprint": pictures.fingerprint}
    begun = path.is_file() and checkpoint.numbered(run.folder / "checkpoints")
    before = json.loads(path.read_text(encoding="utf-8")) if begun else now
    notice = ""
    if before["fingerprint"] != now["fingerprint"]:
        changed = f"the data have changed since this run began ({before['pictures']} pictures then, {now['pictures']} now)"
        if allowed != mark:
            raise DataError(f"{changed}: put them back, or go on with --set changed_data={mark}")
        notice = f"{changed}: going on with those of now"
    with atomic(path, force=True) as temporary:
        temporary.write_text(json.dumps(now, indent=2), encoding="utf-8")
    return notice


_Found = tuple[Tensor, Tensor, str]
"""Pictures uint8 [N, C, H, W], the chosen tags bool [N, T] of each, and the fingerprint of all."""


def _open(config: PicturesConfig) -> Generator[Event, None, _Found]:
    """Pictures of a name, a DATASET or a folder: those that `config.filter` chooses, with the tags that steer."""
    yield Started(f"reading {config.data}")
    dataset = yield from opening(str(config.data), config.height_width, gray=config.gray, fit=config.fit)
    yield from map(Warned, dataset.notices)
    table = dataset.tags_of(config.tags)
    if not config.filter:
        return dataset.pictures, table, dataset.fingerprint
    chosen = dataset.select(config.filter)
    return dataset.take(chosen), table[chosen], hashlib.sha256(f"{dataset.fingerprint} {config.filter}".encode()).hexdigest()


def _draw(config: PicturesConfig) -> Generator[Event, None, _Found]:
    """Drawn creatures and their tags; the seed of the run decides which."""
    height, width = config.height_width
    yield Started("drawing creatures", config.pictures)
    found, tags = [], []
    for index in range(config.pictures):
        drawn = creature(config.seed * SEEDS_PER_SET + index, (height, width), background="white")
        found.append(drawn.image)
        tags.append(drawn.tags)
        yield Step(index + 1, config.pictures)
    images = torch.cat(found)
    images = ((to_gray(images) if config.gray else images) * 255).round().to(torch.uint8)
    members = look_up(tags, config.tags)
    for tag in config.tags:
        if not members(tag).any():
            raise DataError(f"no creature has the tag {tag}{did_you_mean(tag, frozenset().union(*tags))}")
    table = torch.from_numpy(np.stack([members(tag) for tag in config.tags], 1)) if config.tags else torch.zeros(len(images), 0)
    return images, table.bool(), hashlib.sha256(images.numpy().tobytes()).hexdigest()


def shown(images: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """uint8 [B, C, H, W] -> float32 in [-1, 1]; with a `size` that divides theirs, reduced to it by averages."""
    pixels = images.float() / 127.5 - 1
    if size is None or tuple(size) == tuple(pixels.shape[-2:]):
        return pixels
    factor = pixels.shape[-2] // size[0]
    return F.avg_pool2d(pixels, factor)

