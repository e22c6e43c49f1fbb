"""`alebrije export`, as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import Result

from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.core.tensorfiles import write_safetensors

Alebrije = Callable[..., Result]


@pytest.fixture
def model(work: Path) -> Path:
    """A small untrained network, in the file that training leaves."""
    torch.manual_seed(0)
    header = {"recipe": json.dumps({"recipe": "autoencoder/dense"})}
    write_safetensors(work / "model.safetensors", DenseAutoencoder((1, 8, 8), 3).state_dict(), header)
    return Path("model.safetensors")


@pytest.mark.slow
def test_a_network_becomes_a_file(alebrije: Alebrije, work: Path, model: Path) -> None:
    pytest.importorskip("onnxruntime")
    found = alebrije("export", model, "--onnx", "decoder.onnx", "--part", "decoder", "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    assert report["recipe"] == "autoencoder/dense"
    assert report["files"] == ["decoder.onnx"]
    assert (work / "decoder.onnx").stat().st_size == report["bytes"]
    assert "torchvision" not in found.output
    words = alebrije("export", model, "--onnx", "decoder.onnx", "--part", "decoder", "--force").stdout
    assert "latents [batch, 3]" in words
    assert "differs from the network by at most" in words


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "--onnx", "a.onnx"], "there is no trained network nowhere"),
        (["model.safetensors", "--onnx", "a.bin"], "must end in .onnx"),
        (["model.safetensors", "--onnx", "a.onnx", "--part", "luma"], "unknown part of autoencoder/dense luma"),
        (["planner", "--onnx", "none/a.onnx"], "mkdir"),
    ],
)
def test_mistakes_are_one_line(words: list[str], message: str, alebrije: Alebrije, model: Path) -> None:
    pytest.importorskip("onnxruntime")
    found = alebrije("export", *words)
    assert found.exit_code == 1
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
