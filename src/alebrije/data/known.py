"""Data sets that go by a name: MNIST, Fashion-MNIST and CIFAR-10, fetched once, checked, and read from the cache.

CACHE/datasets/fashion-mnist/   the four files as they are published
`--data fashion-mnist` in a recipe means the data set; `--data FOLDER` with the same files in it does as well.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alebrije.core import files
from alebrije.core.download import download
from alebrije.data.records import read_cifar, read_idx
from alebrije.errors import ConfigError, DataError, DownloadError, OutputError, did_you_mean
from alebrije.events import Done, Events, Saved

IDX_FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
CIFAR_FILES = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
ARCHIVE = "cifar-10-binary.tar.gz"
DEBIAN = Path("/usr/share/datasets")


@dataclass(frozen=True, slots=True)
class Published:
    """One file as its authors publish it."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Known:
    """A data set with a name: where its files are (`url` + file name), what its classes are called, what it may be used for."""

    title: str
    licence: str
    url: str
    files: dict[str, Published]
    classes: tuple[str, ...]
    package: str = ""  # Debian's, which puts the files into DEBIAN / name


KNOWN = {
    "fashion-mnist": Known(
        "Fashion-MNIST, 60,000 + 10,000 grey pictures of clothes, 28x28 (Xiao, Rasul, Vollgraf 2017)",
        "MIT",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        {
            "train-images-idx3-ubyte.gz": Published(
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880
            ),
            "train-labels-idx1-ubyte.gz": Published("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
            "t10k-images-idx3-ubyte.gz": Published("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
            "t10k-labels-idx1-ubyte.gz": Published("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
        },
        ("t-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"),
        "dataset-fashion-mnist",
    ),
    "mnist": Known(
        "MNIST, 60,000 + 10,000 handwritten digits, 28x28 (LeCun, Cortes, Burges 1998)",
        "CC BY-SA 3.0",
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        {
            "train-images-idx3-ubyte.gz": Published(
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422
            ),
            "train-labels-idx1-ubyte.gz": Published("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
            "t10k-images-idx3-ubyte.gz": Published("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
            "t10k-labels-idx1-ubyte.gz": Published("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
        },
        tuple("0123456789"),
    ),
    "cifar10": Known(
        "CIFAR-10, 50,000 + 10,000 small photographs, 32x32 (Krizhevsky 2009)",
        "none stated; cite Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        "https://www.cs.toronto.edu/~kriz/",
        {ARCHIVE: Published("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd", 170_052_171)},
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    ),
}


@dataclass(frozen=True, slots=True)
class Labelled:
    """Pictures uint8 [N, C, H, W] with their classes int64 [N], apart as published: to learn from, and to test with."""

    images: Tensor
    labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    classes: tuple[str, ...]
    licence: str


def is_known(data: str) -> bool:
    """Whether `data`, as given to a recipe, is a data set's name, or a folder with the files of one."""
    return data in KNOWN or (Path(data).is_dir() and _kind(Path(data)) != "")


def load(data: str) -> Labelled:
    """Read a data set by its name, or from a folder with the files of MNIST's or CIFAR-10's format.

    Raises `DataError`, with what to do, if it is not at hand or its files are damaged.
    """
    known = KNOWN.get(data)
    folder = find(data) if known else Path(data)
    kind = _kind(folder)
    if kind == "idx":
        parts = {split: _read_pair(folder, split) for split in IDX_FILES}
    elif kind == "cifar":
        parts = {split: read_cifar(folder / ARCHIVE, names) for split, names in CIFAR_FILES.items()}
    else:
        raise DataError(f"{data} is no data set that is known{did_you_mean(data, KNOWN)}, and no folder with the files of one")
    for images, labels in parts.values():
        if len(images) != len(labels) or len(images) == 0:
            raise DataError(f"{folder} is damaged: {len(images)} pictures and {len(labels)} classes; get it again")
    count = 1 + max(int(labels.max()) for _, labels in parts.values())
    classes = known.classes if known else tuple(map(str, range(count)))
    if count > len(classes):
        raise DataError(f"{folder} is damaged: it has a class {count - 1}, where {data} has {len(classes)}; get it again")
    return Labelled(*parts["train"], *parts["test"], classes, known.licence if known else "of whoever made it")


def _read_pair(folder: Path, split: str) -> tuple[Tensor, Tensor]:
    images, labels = (read_idx(_present(folder, name)) for name in IDX_FILES[split])
    if images.ndim != 3 or labels.ndim != 1:
        raise DataError(f"{folder} does not hold grey pictures with their classes: {images.ndim} and {labels.ndim} dimensions")
    return images.unsqueeze(1), labels.to(torch.int64)


def _present(folder: Path, name: str) -> Path:
    """A file under its name, or the gzipped one."""
    return folder / name if (folder / name).is_file() else folder / f"{name}.gz"


def _kind(folder: Path) -> str:
    """Which format the files of a folder have: idx, cifar, or none of them if one is missing."""
    if all(_present(folder, name).is_file() for names in IDX_FILES.values() for name in names):
        return "idx"
    return "cifar" if (folder / ARCHIVE).is_file() else ""


def _places(name: str) -> list[Path]:
    """Where the files of a data set may lie: Debian's folder, then the cache."""
    return [DEBIAN / name, files.cache_dir() / "datasets" / name]


def at_hand(name: str) -> bool:
    """Whether a data set can be loaded by its name (not whether its files are sound)."""
    return any(_kind(place) for place in _places(name))


def find(name: str) -> Path:
    """The folder with the files of a data set. Raises `DataError`, with the command that brings them, if there is none."""
    for place in _places(_choose(name)):
        if _kind(place):
            return place
    raise DataError(f"{name} is not on this machine: run `alebrije dataset fetch {name}`, or {_by_hand(name)}")


def _choose(name: str) -> str:
    if name not in KNOWN:
        raise ConfigError(f"there is no data set called {name}{did_you_mean(name, KNOWN)}")
    return name


def _by_hand(name: str) -> str:
    package = KNOWN[name].package
    debian = f"`apt install {package}` on Debian, or " if package else ""
    return f"{debian}get {', '.join(KNOWN[name].files)} elsewhere and name their folder: --data FOLDER"


def fetch(name: str, url: str | None = None) -> Events:
    """Bring a data set into the cache; the result is its folder. One that is at hand is left alone.

    `url` names a mirror: the folder that the files lie in; their sha256s must be the same. Raises `ConfigError` for an unknown
    name, `DownloadError`, `OutputError` for a cache that is full or read-only; nothing half-fetched stays behind.
    """
    known = KNOWN[_choose(name)]
    if at_hand(name):
        yield Done(find(name))
        return
    target = files.cache_dir() / "datasets" / name
    with _scratch(target) as scratch:
        for file, published in known.files.items():
            address = f"{(url or known.url).rstrip('/')}/{file}"
            try:
                yield from download(
                    address, scratch / file, sha256=published.sha256, size=published.size, by_hand=f"or {_by_hand(name)}"
                )
            except DownloadError as error:
                raise DownloadError(f"{name}: {error}") from error
        for file in known.files:
            (scratch / file).replace(target / file)
    for file in known.files:
        yield Saved(target / file)
    yield Done(target)


@contextlib.contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    """A folder inside `target`, on the same disk, that is gone afterwards. Raises `OutputError`."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=target, prefix=".fetching-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {target} ({error.strerror}): set ALEBRIJE_CACHE to a folder you may write to"
        ) from error
    with place as path:
        yield Path(path)
