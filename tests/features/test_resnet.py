"""ResNet-18: the published layout, against a twin without modules; and its weights fetched, imported and verified."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core import weights
from alebrije.errors import WeightsError
from alebrije.events import last
from alebrije.features import layouts
from alebrije.features.resnet import ResNet18

STATISTICS = ("weight", "bias", "running_mean", "running_var")


def published_names() -> list[str]:
    """The names in torchvision's file but for the classifier and the counters, by the rules of the paper's table 1."""
    names = ["conv1.weight", *(f"bn1.{part}" for part in STATISTICS)]
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            for place in (1, 2):
                names += [f"layer{stage}.{block}.conv{place}.weight"]
                names += [f"layer{stage}.{block}.bn{place}.{part}" for part in STATISTICS]
            if stage > 1 and block == 0:
                names += [f"layer{stage}.0.downsample.0.weight", *(f"layer{stage}.0.downsample.1.{p}" for p in STATISTICS)]
    return names


def made_up() -> dict[str, Tensor]:
    """Random weights of the right shapes, the variances positive."""
    return {
        name: torch.rand(shape) + 0.5 if name.endswith("running_var") else 0.05 * torch.randn(shape)
        for name, shape in layouts.shapes("resnet18").items()
    }


def twin(x: Tensor, table: dict[str, Tensor]) -> Tensor:
    """The network as functions of named tensors, batch normalisation written out."""

    def norm(x: Tensor, name: str) -> Tensor:
        gain, shift, mean, variance = (table[f"{name}.{part}"][:, None, None] for part in STATISTICS)
        return (x - mean) / torch.sqrt(variance + 1e-5) * gain + shift

    x = F.conv2d(x, table["conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(norm(x, "bn1").clamp_min(0), 3, 2, 1)
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            change = norm(F.conv2d(x, table[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1").clamp_min(0)
            change = norm(F.conv2d(change, table[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
            if stride == 2:
                x = norm(F.conv2d(x, table[f"{name}.downsample.0.weight"], stride=2), f"{name}.downsample.1")
            x = (x + change).clamp_min(0)
    return x.mean((-2, -1))


def test_names_and_number_of_weights_are_the_published_ones() -> None:
    shapes = layouts.shapes("resnet18")
    assert list(shapes) == published_names()
    learnt = [name for name in shapes if "running" not in name]
    # torchvision: 11,689,512, of which the classifier is 512 * 1000 + 1000.
    assert sum(torch.Size(shapes[name]).numel() for name in learnt) == 11_689_512 - 513_000


def test_the_answer_is_the_twins() -> None:
    network, table = ResNet18().double().eval(), {name: tensor.double() for name, tensor in made_up().items()}
    network.load_state_dict(table)
    x = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    with torch.no_grad():
        found = network(x)
    assert found.shape == (2, 512)
    torch.testing.assert_close(found, twin(x, table))


def test_a_random_network_keeps_its_signal_within_bounds() -> None:
    network = ResNet18(in_channels=2)
    found = network(torch.randn(4, 2, 64, 64))
    assert 0.1 < float(found.detach().std()) < 10
    assert float(found.detach().min()) >= 0


@pytest.fixture
def published() -> bytes:
    """A made-up file with a classifier, and the counters that newer files have."""
    table = made_up() | {"fc.weight": torch.randn(7, 512), "fc.bias": torch.randn(7), "bn1.num_batches_tracked": torch.tensor(9)}
    data = io.BytesIO()
    torch.save(table, data)
    return data.getvalue()


@pytest.fixture
def url(published: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(published)))
            self.end_headers()
            self.wfile.write(published)

        def log_message(self, format: str, *args: object) -> None:
            """Keep the tests' output clean."""

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/resnet18.pth"
        server.shutdown()
        thread.join()


def test_the_published_file_is_fetched_without_its_classifier(
    cache: Path, url: str, published: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, sha256 = weights.SOURCES["resnet18"], hashlib.sha256(published).hexdigest()
    assert source.sha256.startswith(Path(source.url).stem.partition("-")[2])  # torchvision's rule
    made = dataclasses.replace(source, url=url, sha256=sha256, size=len(published))
    monkeypatch.setitem(weights.SOURCES, "resnet18", made)
    assert last(weights.fetch("resnet18")) == cache / "weights" / "resnet18.safetensors"
    loaded, theirs = weights.load("resnet18"), torch.load(io.BytesIO(published), weights_only=True)
    assert list(loaded) == published_names()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in loaded.items())  # to be trained on: not rounded
    assert weights.header("resnet18")["licence"] == "BSD-3-Clause"
    assert [(check.name, check.problem) for check in weights.verify() if check.name != "compact"] == [("resnet18", None)]
    ResNet18().load_state_dict(loaded)


def test_a_file_of_the_users_is_recognised(cache: Path, tmp_path: Path, published: bytes) -> None:
    (tmp_path / "mine.pth").write_bytes(published)
    assert weights.import_file(tmp_path / "mine.pth").stem == "resnet18"


def test_its_larger_sisters_are_not_taken_for_it() -> None:
    table = {name: torch.zeros(1) for name in published_names()}
    for stranger in ("layer1.2.conv1.weight", "layer1.0.conv3.weight"):  # ResNet-34, ResNet-50
        with pytest.raises(WeightsError, match=r"none of the networks that can be imported .*resnet18"):
            layouts.recognise(table | {stranger: torch.zeros(1)})
