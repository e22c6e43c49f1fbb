"""Fetching over HTTP, by the code that real fetches run, from a server on this machine."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije.core import download, weights
from alebrije.errors import DownloadError, Interrupted, OutputError, WeightsError
from alebrije.events import Done, Saved, Started, Step, last

MakeVgg = Callable[..., dict[str, torch.Tensor]]
PAYLOAD = bytes(range(256)) * 4096
LOOPBACK = "127.0.0.1"


class Server(ThreadingHTTPServer):
    """Serves `payload` at any path; the path says how badly."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.payload = PAYLOAD
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://{LOOPBACK}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of these tests."""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        way, ask = self.path.split("/")[1], self.headers.get("Range")
        self.server.asked.append((way, ask))
        first_time = len(self.server.asked) == 1
        data = self.server.payload
        if way in {"404", "500"} or (way == "busy" and first_time):
            self.send_error(503 if way == "busy" else int(way))
            return
        start = int(ask.removeprefix("bytes=").rstrip("-")) if ask and way not in {"norange", "half"} else 0
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        cut = way in {"short", "half"} or (way in {"break", "norange"} and first_time)
        self.wfile.write(data[start : len(data) // 2 if cut else None])

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def in_cache(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "weights").rglob("*"))


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def get(url: str, folder: Path, sha256: str = sha(PAYLOAD)) -> list[Any]:
    return list(download.download(url, folder / "file", sha256=sha256))


@pytest.mark.parametrize("way", ["good", "break", "norange", "busy"])
def test_a_download_arrives_whole_even_over_a_bad_line(server: Server, tmp_path: Path, way: str) -> None:
    events = get(f"{server.url}/{way}/x.pth", tmp_path)
    assert (tmp_path / "file").read_bytes() == PAYLOAD
    assert events[0] == Started("downloading x.pth", None)
    assert events[-1] == Step(len(PAYLOAD), len(PAYLOAD))
    if way == "break":  # taken up in the middle, not from the start
        assert server.asked[1] == ("break", f"bytes={len(PAYLOAD) // 2}-")


@pytest.mark.parametrize(
    ("way", "requests", "message"),
    [
        ("404", 1, "the server answered 404 Not Found"),
        ("500", download.ATTEMPTS, "the server answered 500 Internal Server Error"),
        ("short", download.ATTEMPTS, "the connection broke off"),
        ("half", download.ATTEMPTS, "the connection broke off"),
    ],
)
def test_a_server_that_says_no_gets_one_line_and_leaves_nothing(
    server: Server, tmp_path: Path, way: str, requests: int, message: str
) -> None:
    with pytest.raises(DownloadError, match=message) as caught:
        get(f"{server.url}/{way}/x.pth", tmp_path)
    assert "alebrije weights import FILE" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(server.asked) == requests
    assert list(tmp_path.iterdir()) == []


def test_a_file_with_another_checksum_is_refused(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=f"its sha256 is {sha(PAYLOAD)}, not {'0' * 64}; it was not kept"):
        get(f"{server.url}/good/x.pth", tmp_path, "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", LOOPBACK)
    with Server() as closed:
        url = closed.url
    with pytest.raises(DownloadError, match="connection refused; check the network and the proxy settings"):
        get(f"{url}/good/x.pth", tmp_path)


@pytest.mark.parametrize("url", ["file:///etc/hostname", "ftp://example.org/x.pth", "x.pth"])
def test_only_http_is_spoken(tmp_path: Path, url: str) -> None:
    with pytest.raises(DownloadError, match="must start with https://"):
        get(url, tmp_path)


def test_a_full_disk_is_said_and_leaves_nothing(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def open_full(path: Path, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        return Full(path, mode) if "w" in mode or "a" in mode else io.open(path, mode, *args, **kwargs)  # noqa: UP020

    monkeypatch.setattr(Path, "open", open_full)
    with pytest.raises(OutputError, match=r"No space left .* ALEBRIJE_CACHE"):
        get(f"{server.url}/good/x.pth", tmp_path)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def published(server: Server, slim_vgg: MakeVgg, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A made-up vgg19.pth at the address from which vgg19 is fetched."""
    data = io.BytesIO()
    torch.save(slim_vgg("vgg19", torchvision=True), data)
    server.payload = data.getvalue()
    url, size = f"{server.url}/good/vgg19.pth", len(server.payload)
    source = dataclasses.replace(weights.SOURCES["vgg19"], url=url, sha256=sha(server.payload), size=size)
    monkeypatch.setitem(weights.SOURCES, "vgg19", source)
    return server.payload


def test_fetch_brings_the_convolutions_under_our_names(cache: Path, server: Server, published: bytes) -> None:
    events = list(weights.fetch("vgg19"))
    path = cache / "weights" / "vgg19.safetensors"
    assert events[-2:] == [Saved(path), Done(path)]
    stages = [event.stage for event in events if isinstance(event, Started)]
    assert stages == ["downloading vgg19.pth", "converting vgg19"]
    theirs, ours = torch.load(io.BytesIO(published), weights_only=True), weights.load("vgg19")
    assert len(ours) == 32
    torch.testing.assert_close(ours["conv1_1.weight"], theirs["features.0.weight"].half())
    torch.testing.assert_close(ours["conv5_4.bias"], theirs["features.34.bias"].half())
    header = weights.header("vgg19")
    assert header["made_from_sha256"] == sha(published)
    assert header["licence"] == "BSD-3-Clause"
    assert in_cache(cache) == ["vgg19.safetensors"]


def test_fetch_goes_to_the_network_only_for_what_is_missing_or_damaged(
    cache: Path, server: Server, published: bytes
) -> None:
    path = last(weights.fetch("vgg19"))
    assert last(weights.fetch("vgg19")) == path
    assert len(server.asked) == 1
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    last(weights.fetch("vgg19"))
    assert len(server.asked) == 2
    assert weights.load("vgg19")


def test_a_mirror_is_held_to_the_same_checksum(cache: Path, server: Server, published: bytes) -> None:
    server.payload = published[:-1] + b"?"
    with pytest.raises(DownloadError, match="not the file that was expected"):
        last(weights.fetch("vgg19", f"{server.url}/good/mirrored.pth"))
    assert in_cache(cache) == []
    server.payload = published
    assert last(weights.fetch("vgg19", f"{server.url}/good/mirrored.pth")).is_file()


@pytest.mark.parametrize("way", ["404", "short"])
def test_a_failed_fetch_leaves_nothing_in_the_cache(cache: Path, server: Server, published: bytes, way: str) -> None:
    with pytest.raises(DownloadError):
        last(weights.fetch("vgg19", f"{server.url}/{way}/vgg19.pth"))
    assert in_cache(cache) == []


def test_an_interrupted_fetch_leaves_nothing_in_the_cache(cache: Path, server: Server, published: bytes) -> None:
    events = weights.fetch("vgg19")
    while not isinstance(next(events), Step):
        pass
    with pytest.raises(Interrupted):
        events.throw(Interrupted())
    assert in_cache(cache) == []


def test_a_published_file_can_be_imported_without_a_network(cache: Path, tmp_path: Path, published: bytes) -> None:
    (tmp_path / "any name.pth").write_bytes(published)
    weights.import_file(tmp_path / "any name.pth")
    assert weights.header("vgg19")["licence"] == "BSD-3-Clause"


def test_an_unknown_network_cannot_be_fetched(cache: Path) -> None:
    with pytest.raises(WeightsError, match=r"did you mean vgg19\?"):
        last(weights.fetch("vgg91"))
