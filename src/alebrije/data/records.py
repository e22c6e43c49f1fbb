"""The two binary formats that small picture data sets come in: IDX (MNIST, Fashion-MNIST) and CIFAR's records.

IDX: two zero bytes, one byte for the type (8: unsigned bytes), one for the number of dimensions, each dimension as four bytes,
the highest first, then the numbers, the last dimension fastest. CIFAR-10: one byte for the class and 3 x 32 x 32 for the picture,
its red plane first, 10,000 times, in six files of one tar.gz.
"""

from __future__ import annotations

import gzip
import math
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from alebrije.errors import DataError

UNSIGNED_BYTES = 8
CIFAR_SHAPE = (3, 32, 32)
GZIP = b"\x1f\x8b"


def read_idx(path: Path) -> Tensor:
    """The numbers of an IDX file of unsigned bytes, gzipped or not, in the shape that the file says, as uint8.

    Raises `DataError` if it cannot be read, is damaged, or is no such file.
    """
    data = _unpacked(path)
    if len(data) < 4 or data[:2] != b"\0\0" or data[3] == 0:
        raise DataError(f"{path} is no IDX file: get it again")
    if data[2] != UNSIGNED_BYTES:
        raise DataError(f"{path} holds numbers of type {data[2]:#04x}, where unsigned bytes (0x08) are read")
    start = 4 + 4 * data[3]
    shape = [int.from_bytes(data[place : place + 4], "big") for place in range(4, min(start, len(data)), 4)]
    if len(data) != start + math.prod(shape):
        raise DataError(f"{path} is damaged: it says {'x'.join(map(str, shape))} and has {len(data) - start} bytes; get it again")
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy())


def _unpacked(path: Path) -> bytes:
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if data[:2] == GZIP else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged or incomplete: get it again") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read_cifar(archive: Path, names: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Pictures uint8 [N, 3, 32, 32] and classes int64 [N] of the files `names` in CIFAR-10's binary tar.gz, in their order.

    Nothing is unpacked onto the disk. Raises `DataError` if it cannot be read, is damaged, or lacks one of the files.
    """
    try:
        with tarfile.open(archive, "r:gz") as tar:
            found = {Path(member.name).name: tar.extractfile(member) for member in tar if Path(member.name).name in names}
            parts = [file.read() for name in names if (file := found.get(name)) is not None]
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{archive} is damaged or incomplete: get it again") from error
    except OSError as error:
        raise DataError(f"cannot read {archive}: {error.strerror}") from error
    size = 1 + math.prod(CIFAR_SHAPE)
    if len(parts) < len(names) or any(len(part) == 0 or len(part) % size for part in parts):
        raise DataError(f"{archive} is not CIFAR-10's binary version: it must hold {', '.join(names)}, {size} bytes a picture")
    rows = np.frombuffer(b"".join(parts), np.uint8).reshape(-1, size)
    return torch.from_numpy(rows[:, 1:].reshape(-1, *CIFAR_SHAPE).copy()), torch.from_numpy(rows[:, 0].astype(np.int64))
