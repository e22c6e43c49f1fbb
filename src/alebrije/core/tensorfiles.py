"""Tables of named tensors in files: safetensors with a checksum in the header, and HDF5.

Errors of `read_safetensors` and `read_hdf5` do not name the file: the caller knows it by a better name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import safetensors
import torch
from safetensors.torch import load as parse
from safetensors.torch import save as serialise
from torch import Tensor

from alebrije.core import files
from alebrije.errors import MissingExtraError, WeightsError

Tensors = dict[str, Tensor]


def read_safetensors(path: Path) -> tuple[Tensors, dict[str, str]]:
    """Tensors and header of a safetensors file, anybody's. Where the header has a ``sha256``, as it is or as
    JSON, the tensors must have it.

    Raises `WeightsError` if it cannot be read, is no such file, or is damaged.
    """
    try:
        data = path.read_bytes()
        tensors, header = parse(data), _header(data)
    except OSError as error:
        raise WeightsError(f"it cannot be read ({error.strerror})") from error
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError("it is damaged, or no safetensors file") from error
    if "sha256" in header and header["sha256"].strip('"') != _sha256(data):
        raise WeightsError("it is damaged: the sha256 of its tensors is not the one in its header")
    return tensors, header


def read_model(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Tensors and header of a run's model.safetensors, whose header holds JSON: its values, without the checksum.

    Raises `WeightsError`, which names the file.
    """
    try:
        tensors, texts = read_safetensors(path)
        return tensors, {name: json.loads(text) for name, text in texts.items() if name != "sha256"}
    except (WeightsError, ValueError) as error:
        raise WeightsError(f"cannot read {path}: {error}") from error


def write_safetensors(path: Path, tensors: Mapping[str, Tensor], header: Mapping[str, str]) -> None:
    """Write tensors and header, and into the header the sha256 of the tensors. Raises `OutputError`."""
    table = {name: tensor.contiguous() for name, tensor in tensors.items()}
    with files.atomic(path, force=True) as temporary:
        temporary.write_bytes(serialise(table, {**header, "sha256": checksum(table)}))


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of contiguous tensors as they lie in a safetensors file, without its header."""
    return _sha256(serialise(dict(tensors)))


def _header(data: bytes) -> dict[str, str]:
    """The free part of the header: 8 bytes of length, then JSON, then the tensors."""
    length = int.from_bytes(data[:8], "little")
    metadata: dict[str, str] = json.loads(data[8 : 8 + length]).get("__metadata__", {})
    return metadata


def _sha256(data: bytes) -> str:
    start = 8 + int.from_bytes(data[:8], "little")
    return hashlib.sha256(memoryview(data)[start:]).hexdigest()


def h5py() -> Any:
    """The module h5py; raises `MissingExtraError` without it."""
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("h5py", "weights", "reading the weights of vgg16") from error
    return h5py


def read_hdf5(data: IO[bytes]) -> Tensors:
    """Every data set of an HDF5 file, by its path in it. Raises `MissingExtraError`, `WeightsError`."""
    library = h5py()
    tensors: Tensors = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, library.Dataset):
            tensors[name] = torch.from_numpy(item[()])

    try:
        with library.File(data, "r") as file:
            file.visititems(collect)
    except OSError as error:
        raise WeightsError("it is damaged, or no HDF5 file") from error
    return tensors
