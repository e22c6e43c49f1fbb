"""IDX and CIFAR's records: what is written byte by byte comes back, and damage is named."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alebrije.data.records import read_cifar, read_idx
from alebrije.errors import DataError


def idx(array: np.ndarray) -> bytes:
    """The same format written the other way round, as its definition says."""
    head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    return head + array.astype(np.uint8).tobytes()


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shape=st.lists(st.integers(0, 5), min_size=1, max_size=4), packed=st.booleans(), seed=st.integers(0, 9))
def test_what_is_written_comes_back(shape: list[int], packed: bool, seed: int, tmp_path: Path) -> None:
    array = np.random.default_rng(seed).integers(0, 256, shape)
    data = idx(array)
    (tmp_path / "file").write_bytes(gzip.compress(data) if packed else data)
    found = read_idx(tmp_path / "file")
    assert found.dtype == torch.uint8
    assert found.tolist() == array.tolist()
    assert found.shape == tuple(shape)


GOOD = idx(np.arange(12).reshape(3, 4))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no IDX file"),
        (b"hello, this is text", "no IDX file"),
        (b"\0\0\x0d" + GOOD[3:], "type 0x0d"),
        (GOOD[:-1], "says 3x4 and has 11 bytes"),
        (GOOD + b"0", "says 3x4 and has 13 bytes"),
        (GOOD[:6], "damaged"),
        (gzip.compress(GOOD, mtime=0)[:-9], "damaged or incomplete"),
        (b"\x1f\x8bnonsense that is no gzip", "damaged or incomplete"),
    ],
)
def test_a_file_that_is_none_is_named(data: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "train.gz").write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(tmp_path / "train.gz")
    assert "train.gz" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(DataError, match="No such file"):
        read_idx(tmp_path / "none")


def archive(path: Path, parts: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in parts.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def test_cifar_records_are_a_class_and_three_planes(tmp_path: Path) -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    rows = [bytes([number]) + image.tobytes() for number, image in enumerate(images)]
    parts = {"b.bin": b"".join(rows[3:]), "a.bin": b"".join(rows[:3]), "readme": b"hello"}
    found, labels = read_cifar(archive(tmp_path / "x.tar.gz", parts), ["a.bin", "b.bin"])
    assert labels.tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(found.numpy(), images)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.tar.gz", {"a.bin": bytes(3073), "b.bin": bytes(3000)})
    for names, message in ((["a.bin", "c.bin"], "it must hold a.bin, c.bin"), (["b.bin"], "3073 bytes a picture")):
        with pytest.raises(DataError, match=message):
            read_cifar(path, names)
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(DataError, match="damaged or incomplete"):
        read_cifar(path, ["a.bin"])
    with pytest.raises(DataError, match="No such file"):
        read_cifar(tmp_path / "none", ["a.bin"])
