"""Data sets by name: fetched over HTTP from a server on this machine, checked, cached, read."""

from __future__ import annotations

import dataclasses
import functools
import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from alebrije.cli import program
from alebrije.core import download
from alebrije.data import known
from alebrije.errors import ConfigError, DataError, DownloadError
from alebrije.events import Saved, last

LOOPBACK = "127.0.0.1"


def write_idx(path: Path, array: np.ndarray) -> None:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
    path.write_bytes(gzip.compress(head + array.astype(np.uint8).tobytes(), mtime=0))


def tiny_mnist(folder: Path, labels: tuple[int, ...] = (3, 1, 2)) -> Path:
    """Three pictures of 4x4 to learn from and two to test with, in the four files of MNIST's format."""
    folder.mkdir(exist_ok=True)
    for names, count in zip(known.IDX_FILES.values(), (3, 2), strict=True):
        write_idx(folder / f"{names[0]}.gz", np.arange(count * 16).reshape(count, 4, 4))
        write_idx(folder / f"{names[1]}.gz", np.array(labels[:count]))
    return folder


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def mirror(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server with a tiny Fashion-MNIST, whose checksums the program expects; no Debian package is installed."""
    folder = tiny_mnist(tmp_path / "published")
    published = {
        path.name: known.Published(hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in folder.iterdir()
    }
    monkeypatch.setitem(known.KNOWN, "fashion-mnist", dataclasses.replace(known.KNOWN["fashion-mnist"], files=published))
    monkeypatch.setattr(known, "DEBIAN", tmp_path / "debian")
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    with ThreadingHTTPServer((LOOPBACK, 0), functools.partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://{LOOPBACK}:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_is_fetched_once_and_read_by_its_name(mirror: str, cache: Path) -> None:
    assert not known.at_hand("fashion-mnist")
    heard = list(known.fetch("fashion-mnist", mirror))
    folder = cache / "datasets" / "fashion-mnist"
    assert last(heard) == folder
    assert [event.path.parent for event in heard if isinstance(event, Saved)] == [folder] * 4
    assert len(list(folder.iterdir())) == 4
    data = known.load("fashion-mnist")
    assert data.images.tolist() == torch.arange(48).reshape(3, 1, 4, 4).tolist()
    assert (data.labels.tolist(), data.test_labels.tolist()) == ([3, 1, 2], [3, 1])
    assert data.test_images.shape == (2, 1, 4, 4)
    assert data.classes[3] == "dress"
    assert [type(event).__name__ for event in known.fetch("fashion-mnist", "http://nowhere.invalid")] == ["Done"]


def test_a_file_with_another_checksum_is_refused_and_nothing_stays(mirror: str, tmp_path: Path, cache: Path) -> None:
    (tmp_path / "published" / "t10k-labels-idx1-ubyte.gz").write_bytes(b"something else")
    with pytest.raises(DownloadError, match="is not the file that was expected"):
        list(known.fetch("fashion-mnist", mirror))
    assert list((cache / "datasets" / "fashion-mnist").iterdir()) == []
    assert not known.at_hand("fashion-mnist")


def test_offline_one_line_says_what_to_do(mirror: str, cache: Path) -> None:
    with pytest.raises(DownloadError) as caught:
        list(known.fetch("fashion-mnist", f"{mirror}/none"))
    for words in ("fashion-mnist", "404", "apt install dataset-fashion-mnist", "--data FOLDER"):
        assert words in str(caught.value)
    assert "weights" not in str(caught.value)
    with pytest.raises(DataError, match=r"run `alebrije dataset fetch fashion-mnist`"):
        known.load("fashion-mnist")
    with pytest.raises(ConfigError, match="did you mean fashion-mnist"):
        known.find("fashion-mnst")


def test_debians_package_goes_before_the_cache(mirror: str, tmp_path: Path) -> None:
    (tmp_path / "debian").mkdir()
    place = tiny_mnist(tmp_path / "debian" / "fashion-mnist", labels=(9, 8, 7))
    assert known.find("fashion-mnist") == place
    assert known.load("fashion-mnist").labels.tolist() == [9, 8, 7]


def test_a_folder_with_the_files_is_a_data_set_packed_or_not(tmp_path: Path) -> None:
    folder = tiny_mnist(tmp_path / "mine")
    packed = folder / "train-images-idx3-ubyte.gz"
    (folder / "train-images-idx3-ubyte").write_bytes(gzip.decompress(packed.read_bytes()))
    packed.unlink()
    assert known.is_known(str(folder))
    assert known.load(str(folder)).classes == ("0", "1", "2", "3")
    assert known.is_known("cifar10")
    assert not known.is_known(str(tmp_path))
    with pytest.raises(DataError, match="no folder with the files of one"):
        known.load(str(tmp_path))


def test_counts_that_do_not_agree_are_damage(tmp_path: Path) -> None:
    folder = tiny_mnist(tmp_path / "mine")
    write_idx(folder / "train-labels-idx1-ubyte.gz", np.zeros(2))
    with pytest.raises(DataError, match="3 pictures and 2 classes"):
        known.load(str(folder))


def test_cifar_is_read_out_of_its_archive(tmp_path: Path, cache: Path) -> None:
    folder = cache / "datasets" / "cifar10"
    folder.mkdir(parents=True)
    with tarfile.open(folder / known.ARCHIVE, "w:gz") as tar:
        for number, name in enumerate([*known.CIFAR_FILES["train"], *known.CIFAR_FILES["test"]]):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = 3073
            tar.addfile(member, io.BytesIO(bytes([number]) + bytes([number]) * 3072))
    data = known.load("cifar10")
    assert data.images.shape == (5, 3, 32, 32)
    assert data.images[:, 0, 0, 0].tolist() == data.labels.tolist() == [0, 1, 2, 3, 4]
    assert (data.test_labels.tolist(), data.classes[5]) == ([5], "dog")


def test_the_command(mirror: str, cache: Path) -> None:
    found = CliRunner().invoke(program(), ["dataset", "fetch", "fashion-mnist", "--url", mirror], prog_name="alebrije")
    assert found.exit_code == 0
    assert "licence: MIT" in found.stdout
    wrong = CliRunner().invoke(program(), ["dataset", "fetch", "imagenet"], prog_name="alebrije")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert "choose from fashion-mnist, mnist, cifar10" in wrong.stderr


def test_mnist_itself(assets: Path) -> None:
    data = known.load(str(assets / "mnist"))
    assert data.images.shape == (60000, 1, 28, 28)
    assert data.test_images.shape == (10000, 1, 28, 28)
    assert data.labels[:5].tolist() == [5, 0, 4, 1, 9]  # as everybody knows them
    assert data.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    # md5 of the raw file, as published in many places: 6bbc9ace898e44ae57da46a324031adb
    raw = bytes([0, 0, 8, 3]) + b"".join(side.to_bytes(4, "big") for side in (60000, 28, 28)) + data.images.numpy().tobytes()
    assert hashlib.md5(raw, usedforsecurity=False).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"
