"""Data sets to learn from: packed ones, folders of pictures, and those that go by a name, all opened the same way.

    dataset = open_dataset("creatures", size=(64, 64))
    dataset.pictures                        uint8 [N, C, H, W], in memory
    dataset.select("cat_head -landscape")   positions of the chosen pictures

DATASET/pictures-00000.npy ...   uint8 [n, H, W, C]
DATASET/index.sqlite             see `index`
DATASET/dataset.json             sizes, counts, settings, the sha256 of each shard, and the fingerprint
DATASET/report.html              contact sheets and tags
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alebrije.config import build
from alebrije.core import files
from alebrije.core.image import fit, to_gray
from alebrije.data import index, known, tags
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.run import ABOUT, FORMAT, Imported, import_pictures
from alebrije.data.tags import Chosen
from alebrije.errors import ConfigError, DataError, Interrupted, did_you_mean
from alebrije.events import Done, Event, Saved, Warned

Fit = Literal["pad", "stretch", "crop"]
CHUNK = 512  # pictures that are converted at once
LARGEST_TABLE = 2**31  # bytes of `Dataset.tags`
FOLDERS = "folders"  # in the cache's datasets/

Samples = NDArray[np.uint8]


@dataclass(frozen=True)
class Dataset:
    """Pictures with tags. `shape` is (N, C, H, W); `fingerprint` tells it, in this size and colour, from every other data set.

    `tag_names` are its tags, the most frequent first; `notices` are sentences for the user on what was opened; `folder` is
    where it lies, None for a data set with a name.
    """

    name: str
    shape: tuple[int, int, int, int]
    fingerprint: str
    tag_names: list[str]
    notices: tuple[str, ...] = ()
    folder: Path | None = None
    licence: str = ""
    arrays: Sequence[Samples] = field(default=(), repr=False)  # [n, H, W, C] each, as they are stored
    members: Callable[[str], Chosen] = field(default=lambda name: np.zeros(0, np.bool_), repr=False)
    convert: Callable[[Tensor], Tensor] = field(default=lambda pictures: pictures, repr=False)  # uint8 [n, C, H, W] -> the same

    def __len__(self) -> int:
        return self.shape[0]

    @functools.cached_property
    def pictures(self) -> Tensor:
        """All pictures in memory: uint8 [N, C, H, W]. `take` reads some of them."""
        return self.take(range(len(self)))

    @functools.cached_property
    def tags(self) -> Tensor:
        """Which picture has which tag: bool [N, T], T in the order of `tag_names`. Raises `DataError` beyond 2 GiB."""
        if len(self) * len(self.tag_names) > LARGEST_TABLE:
            raise DataError(f"{len(self)} pictures with {len(self.tag_names)} tags do not fit into one table: choose some tags")
        return self.tags_of(self.tag_names)

    def tags_of(self, names: Sequence[str]) -> Tensor:
        """Which picture has which of some tags: bool [N, len(names)]. Raises `ConfigError` for a tag that no picture has."""
        for name in names:
            if name not in self.counts:
                raise ConfigError(f"no picture of {self.name} has the tag {name}{tags.hint(name, self.counts)}")
        table = torch.zeros(len(self), len(names), dtype=torch.bool)
        for column, name in enumerate(names):
            table[:, column] = torch.from_numpy(self.members(name).copy())
        return table

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """How many pictures have each tag, the most frequent first."""
        return {name: int(self.members(name).sum()) for name in self.tag_names}

    def take(self, positions: Sequence[int] | Tensor | NDArray[np.int64]) -> Tensor:
        """The pictures at these positions: uint8 [n, C, H, W]. Only they are read from the disk."""
        wanted = np.asarray(positions, np.int64)
        found = torch.empty((len(wanted), *self.shape[1:]), dtype=torch.uint8)
        starts = np.cumsum([0, *map(len, self.arrays)])
        for number, array in enumerate(self.arrays):
            here = np.flatnonzero((wanted >= starts[number]) & (wanted < starts[number + 1]))
            for first in range(0, len(here), CHUNK):
                some = here[first : first + CHUNK]
                stored = torch.from_numpy(np.ascontiguousarray(array[wanted[some] - starts[number]]))
                found[torch.from_numpy(some)] = self.convert(stored.movedim(-1, 1))
        return found

    def select(self, expression: str) -> Tensor:
        """The positions of the pictures that an expression of tags chooses, ascending: int64 [n]; see `tags`.

        Raises `ConfigError` for an expression that cannot be read, or that chooses no picture: it says which tag is the reason.
        """
        parsed = tags.parse(expression)
        chosen = tags.evaluate(parsed, self.members)
        if not chosen.any():
            raise ConfigError(f"the tags '{expression}' choose none of the {len(self)} pictures: "
                              f"{tags.why_empty(parsed, self.members, self.counts)}")  # fmt: skip
        return torch.from_numpy(np.flatnonzero(chosen))


def open_dataset(
    data: Path | str, size: tuple[int, int] | None = None, *, gray: bool | None = False, fit: Fit = "crop"
) -> Dataset:
    """Open a data set as pictures of `size` (height, width), coloured or `gray` (None: as they are packed).

    `data` is a packed data set, a folder of pictures (which is packed into the cache first), or a name, such as fashion-mnist.
    Without a size they stay as they are, pictures of a folder become 64x64. Raises `DataError` and `ConfigError`.
    """
    notices: list[str] = []
    events = opening(data, size, gray=gray, fit=fit)
    while True:
        try:
            event = next(events)
        except StopIteration as stop:
            dataset: Dataset = stop.value
            return _with(dataset, notices)
        if isinstance(event, Warned):
            notices.append(event.message)


def opening(
    data: Path | str, size: tuple[int, int] | None = None, *, gray: bool | None = False, fit: Fit = "crop"
) -> Generator[Event, None, Dataset]:
    """`open_dataset` for verbs that tell of their progress: `dataset = yield from opening(...)`."""
    name, path = str(data), Path(data)
    if is_dataset(path):
        return _viewed(_open_packed(path), size, gray, fit)
    if known.is_known(name):
        return _viewed(_open_known(name), size, gray, fit)
    if not path.is_dir():
        hint = did_you_mean(name, known.KNOWN) if "/" not in name else ""
        raise DataError(f"there is no data set and no folder {name}{hint}")
    packed = yield from from_folder(path, size or (64, 64), gray=bool(gray), fit=fit)
    return _viewed(packed, size, gray, fit)


def is_dataset(path: Path) -> bool:
    """Whether this is the folder of a packed data set."""
    return (path / ABOUT).is_file()


def from_folder(folder: Path, size: tuple[int, int], *, gray: bool = False, fit: Fit = "crop") -> Generator[Event, None, Dataset]:
    """Pack a folder of pictures, with its metadata if it has some, into the cache, and open it; a second time it is only opened.

    It is packed again if files came, went or changed (size or time). Raises as `import_pictures` does.
    """
    config = build(ImportConfig, {"size": f"{size[1]}x{size[0]}", "gray": gray, "fit": fit})
    place = files.cache_dir() / "datasets" / FOLDERS
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"{folder.resolve().name or 'root'}-{_state_of(folder, config)[:16]}"
    if not is_dataset(target):
        for event in import_pictures(folder, target, config):
            if isinstance(event, Done):
                imported = cast("Imported", event.result)
                if event.interrupted:
                    raise Interrupted
                if imported.faults:
                    yield Warned(f"{imported.faults} pictures of {folder} could not be used: {target / 'report.html'} names them")
            elif not isinstance(event, Saved):
                yield event
    return _open_packed(target, str(folder))


def _state_of(folder: Path, config: ImportConfig) -> str:
    """A digest of the settings and of the names, sizes and times of all files in a folder and below it."""
    digest = hashlib.sha256(f"{FORMAT} {folder.resolve()} {config.model_dump_json()}".encode())
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            facts = path.stat()
            digest.update(f"{path.relative_to(folder)} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def read_about(folder: Path) -> dict[str, Any]:
    """dataset.json of a data set. Raises `DataError` if it is missing, damaged or of another version."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        needed = [about[key] for key in ("pictures", "height", "width", "channels", "shards", "fingerprint", "index")]
    except FileNotFoundError as error:
        raise DataError(f"{folder} is no data set: make one with alebrije dataset import {folder} -o DATASET") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / ABOUT} is damaged: import the data set again") from error
    if about.get("format") != FORMAT or not all(needed):
        maker = about.get("made_by", "another version")
        raise DataError(f"{folder} was made by {maker}, and this version cannot read it: import it again")
    return cast("dict[str, Any]", about)


def open_shards(folder: Path, about: dict[str, Any]) -> list[Samples]:
    """The shards of a data set, memory-mapped. Raises `DataError`, naming the first that is missing or of another shape."""
    shards = []
    for shard in about["shards"]:
        path, shape = folder / shard["file"], (shard["pictures"], about["height"], about["width"], about["channels"])
        try:
            array = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise DataError(f"{path} is missing or damaged: import the data set again") from error
        if array.shape != shape or array.dtype != np.uint8:
            raise DataError(f"{path} holds {array.dtype} {list(array.shape)} instead of uint8 {list(shape)}: import it again")
        shards.append(array)
    return shards


def _open_packed(folder: Path, name: str = "") -> Dataset:
    about = read_about(folder)
    count = about["pictures"]

    @functools.lru_cache(maxsize=64)
    def members(tag: str) -> Chosen:
        with index.reading(folder / index.NAME) as connection:
            found = index.members(connection, tags.normal(tag), count)
        found.flags.writeable = False
        return found

    with index.reading(folder / index.NAME) as connection:
        counted = index.tag_counts(connection)
    shape = (count, about["channels"], about["height"], about["width"])
    dataset = Dataset(name or str(folder), shape, about["fingerprint"], list(counted), folder=folder,
                      arrays=open_shards(folder, about), members=members)  # fmt: skip
    dataset.__dict__["counts"] = counted  # what the cached property would count
    return dataset


def _open_known(name: str) -> Dataset:
    """The training pictures of a known data set; its classes are the tags."""
    labelled = known.load(name)
    names = [tags.normal(title) for title in labelled.classes]
    labels = labelled.labels.numpy()
    digest = hashlib.sha256(labelled.images.numpy().tobytes() + labels.tobytes() + json.dumps(names).encode())
    shape = cast("tuple[int, int, int, int]", tuple(labelled.images.shape))
    return Dataset(
        name, shape, digest.hexdigest(), names, licence=labelled.licence,
        arrays=[labelled.images.movedim(1, -1).numpy()],
        members=lambda tag: labels == names.index(tag) if tag in names else np.zeros(len(labels), np.bool_),
    )  # fmt: skip


def _viewed(dataset: Dataset, size: tuple[int, int] | None, gray: bool | None, fit_: Fit) -> Dataset:
    """The data set in another size or colour; it is converted as it is read."""
    count, channels, *stored = dataset.shape
    height, width = size or (stored[0], stored[1])
    wanted = channels if gray is None else 1 if gray else 3
    if (channels, *stored) == (wanted, height, width):
        return dataset

    def convert(pictures: Tensor) -> Tensor:
        if channels > wanted or [height, width] != stored:
            floats = pictures.float() / 255
            floats = fit(to_gray(floats) if channels > wanted else floats, (height, width), fit_)
            pictures = (floats * 255).round().to(torch.uint8)
        return pictures.expand(-1, wanted, -1, -1)

    notices = list(dataset.notices)
    if height > stored[0] or width > stored[1]:
        notices.append(f"the pictures of {dataset.name} are {stored[1]}x{stored[0]} and are enlarged to {width}x{height}")
    print_ = hashlib.sha256(f"{dataset.fingerprint} {wanted} {height} {width} {fit_}".encode()).hexdigest()
    return _with(dataset, notices, shape=(count, wanted, height, width), fingerprint=print_, convert=convert)


def _with(dataset: Dataset, notices: Sequence[str], **changes: Any) -> Dataset:
    """A copy with these notices and changes; what was counted stays counted."""
    copy = dataclasses.replace(dataset, notices=tuple(dict.fromkeys([*dataset.notices, *notices])), **changes)
    if "counts" in dataset.__dict__:
        copy.__dict__["counts"] = dataset.counts
    return copy
