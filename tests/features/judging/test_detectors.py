"""Detectors: the one that ships, one that is trained, and what they take."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alebrije import events, steps
from alebrije.core import weights
from alebrije.errors import ConfigError, RunError
from alebrije.features.judging.classifier import Judge, scale
from alebrije.features.judging.detectors import COMPACT_SIDE, DETECTORS, open_detector
from alebrije.features.judging.distances import kid


def write_idx(folder: Path, images: Tensor, labels: Tensor) -> None:
    """MNIST's four files, the same pictures to learn from and to test with."""
    folder.mkdir()
    for split in ("train", "t10k"):
        for name, data, kind in (("images-idx3", images, 3), ("labels-idx1", labels, 1)):
            head = struct.pack(f">BBBB{kind}I", 0, 0, 8, kind, *data.shape)
            with gzip.open(folder / f"{split}-{name}-ubyte.gz", "wb") as file:
                file.write(head + data.to(torch.uint8).numpy().tobytes())


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    """Bars, upright or lying: a data set of two classes."""
    labels = torch.arange(240) % 2
    images = torch.randint(0, 60, (240, 12, 12))
    for place, label in enumerate(labels.tolist()):
        line = 3 + place % 6
        images[place, slice(None) if label else line, line if label else slice(None)] = 255
    write_idx(tmp_path / "stripes", images, labels)
    return tmp_path / "stripes"


def test_compact_is_at_hand_and_tells_pictures_apart() -> None:
    look = open_detector("compact")
    noise, dark = torch.rand(30, 3, 20, 24), torch.rand(30, 1, 20, 24) * 0.3
    assert look(noise).shape == (30, 640)
    assert kid(look(noise[:20]), look(dark[:20])).low > 0
    assert f"{COMPACT_SIDE}x{COMPACT_SIDE}" in look.words


def test_bytes_and_floats_of_one_picture_are_one_picture() -> None:
    look = open_detector("compact")
    images = (torch.rand(2, 1, 28, 28) * 255).to(torch.uint8)
    assert torch.equal(look(images), look(images.float() / 255))
    assert torch.equal(look(images), look(images.expand(-1, 3, -1, -1)))
    assert torch.equal(look(images), look((images.float() + 0.3) / 255))  # made pictures are rounded as files are


@pytest.mark.skipif(not weights.at_hand("efficientnet-lite0"), reason="alebrije weights fetch efficientnet-lite0")
def test_efficientnet_looks_at_its_own_size() -> None:
    assert open_detector("efficientnet-lite0")(torch.rand(2, 1, 28, 28)).shape == (2, 1280)


def test_a_trained_judge_is_a_detector(stripes: Path, tmp_path: Path) -> None:
    settings = {"steps": 40, "validation": 40, "width": 4, "features": 8, "batch_size": 32, "precision": "fp32", "device": "cpu"}
    done = list(steps.train("features/judge", run=tmp_path / "run", data=str(stripes), **settings))[-1]
    assert isinstance(done, events.Done)
    assert done.result.report["metrics"]["validation_accuracy"] > 0.9
    assert done.result.report["metrics"]["test_accuracy"] > 0.9
    look = open_detector(str(tmp_path / "run"))
    found = look(torch.rand(3, 1, 28, 28))
    assert found.shape == (3, 8)
    assert float(found.min()) >= 0
    assert "stripes" in look.words
    assert "12x12" in look.words
    assert torch.equal(open_detector(str(tmp_path / "run" / "model.safetensors"))(torch.ones(1, 1, 12, 12)),
                       look(torch.ones(1, 1, 12, 12)))  # fmt: skip
    with pytest.raises(ConfigError, match="1 channels, and these have 3"):
        look(torch.rand(1, 3, 12, 12))


def test_scaled_features_have_mean_square_one_and_the_answers_stay() -> None:
    judge = Judge((1, 12, 12), 3, 4, 8).eval().requires_grad_(False)
    images = torch.randint(0, 255, (50, 1, 12, 12), dtype=torch.uint8)
    before = judge(images.float() / 255)
    scale(judge, images)
    assert float(judge.features(images.float() / 255).square().mean()) == pytest.approx(1, rel=1e-4)
    assert torch.allclose(judge(images.float() / 255), before, atol=1e-5)


def test_what_is_no_detector(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean compact"):
        open_detector("compakt")
    (tmp_path / "model.safetensors").write_bytes(b"nothing")
    with pytest.raises(RunError, match="features/judge"):
        open_detector(str(tmp_path))
    assert "compact" in DETECTORS
