"""The notebooks' reproduction: what needs no network against closed forms, and the whole of it in the small."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alebrije import steps
from alebrije.core import image
from alebrije.errors import ConfigError, DataError, RunError
from alebrije.events import Done, Events, Started
from alebrije.reproductions.notebooks import run as notebooks
from alebrije.reproductions.notebooks.baselines import components
from alebrije.reproductions.notebooks.run import NotebooksReproduction, reproduce

FILES = {"train": 240, "t10k": 30}


def write_set(folder: Path) -> str:
    """A data set of small bars in the files of MNIST's format."""
    folder.mkdir(parents=True)
    chance = np.random.default_rng(0)
    for split, count in FILES.items():
        pictures = np.zeros((count, 28, 28), np.uint8)
        for picture, place in zip(pictures, chance.integers(2, 20, count), strict=True):
            picture[4:24, place : place + 6] = 220
        labels = np.zeros(count, np.uint8)
        for name, array in {"images-idx3": pictures, "labels-idx1": labels}.items():
            header = bytes([0, 0, 8, array.ndim]) + b"".join(side.to_bytes(4, "big") for side in array.shape)
            (folder / f"{split}-{name}-ubyte").write_bytes(header + array.tobytes())
    return str(folder)


@pytest.fixture
def small(tmp_path: Path, cache: Path) -> dict[str, Any]:
    """Settings that take seconds."""
    image.save(torch.rand(1, 3, 40, 48), tmp_path / "content.png")
    image.save(torch.rand(1, 3, 32, 32), tmp_path / "style.png")
    pictures = {name: str(tmp_path / f"{name}.png") for name in ("content", "style")}
    return {
        "data": write_set(tmp_path / "bars"), "mnist": str(tmp_path / "bars"), "parts": "dense,denoise,style", "epochs": 1,
        "validation": 40, "latent_dim": 4, "size": "32", "style_steps": 2, "features": "compact", "device": "cpu",
        "precision": "fp32", **pictures,
    }  # fmt: skip


def last(events: Events) -> dict[str, Any]:
    done = list(events)[-1]
    assert isinstance(done, Done)
    report: dict[str, Any] = done.result.report
    return report


def trainings(events: Events) -> int:
    return sum(isinstance(event, Started) and "training" in event.stage for event in events)


def test_components_are_those_of_a_singular_value_decomposition() -> None:
    learned, test = torch.rand(60, 1, 4, 4), torch.rand(20, 1, 4, 4)
    mean = learned.flatten(1).mean(0)
    _, _, basis = np.linalg.svd((learned.flatten(1) - mean).numpy(), full_matrices=False)
    given = test.flatten(1).numpy()
    drawn = (given - mean.numpy()) @ basis[:3].T @ basis[:3] + mean.numpy()
    assert components(learned, test, 3) == pytest.approx(float(np.mean((given - drawn.clip(0, 1)) ** 2)), rel=1e-4)
    assert components(learned, test, 16) < 1e-10


@pytest.mark.slow
def test_one_command_makes_everything_and_keeps_what_is_there(tmp_path: Path, small: dict[str, Any]) -> None:
    config = NotebooksReproduction(**small)
    stopped = reproduce(config, tmp_path / "out")
    for event in stopped:
        if isinstance(event, Started) and "denoise" in event.stage:
            stopped.close()
            break
    report = last(reproduce(config, tmp_path / "out"))
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    for part in ("dense", "denoise"):
        assert {f"{name}_mse" for name in ("train", "validation", "test")} <= set(results[part])
        assert all(0 < error < 1 for error in results["baselines"][part].values())
    assert results["baselines"]["denoise"]["the noisy picture itself"] < 0.04
    assert results["style"]["network"] == "compact"
    assert image.load(tmp_path / "out" / "figures" / "notebooks-style.png").size == (32, 27)
    assert {Path(path).name for path in report["files"]} == {
        "results.json", "report.html", "notebooks-style.png",
        *(f"notebooks-{part}{what}.png" for part in ("dense", "denoise") for what in ("", "-loss")),
    }  # fmt: skip
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "4 principal components" in page
    assert trainings(reproduce(config, tmp_path / "out")) == 0
    with pytest.raises(RunError, match="was begun with latent_dim 4: for 5"):
        last(reproduce(NotebooksReproduction(**small | {"latent_dim": 5}), tmp_path / "out"))
    with pytest.raises(RunError, match="painted with size 32: for 48"):
        last(reproduce(NotebooksReproduction(**small | {"size": "48"}), tmp_path / "out"))


@pytest.mark.slow
def test_the_dcgan_is_shown_after_the_epochs_that_were_asked_for(tmp_path: Path, small: dict[str, Any]) -> None:
    config = NotebooksReproduction(**small | {"parts": "dcgan", "dcgan_epochs": "1,3", "dcgan_batch": 60})
    report = last(reproduce(config, tmp_path / "out"))
    names = [Path(path).name for path in report["files"]]
    assert names == ["results.json", "notebooks-dcgan-01.png", "notebooks-dcgan-03.png", "report.html"]
    assert report["results"]["dcgan"]["steps"] == 3 * 4


def test_a_recipe_that_does_not_exist_is_named(
    tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notebooks, "recipe_names", lambda: ["autoencoder/dense"])
    report = last(reproduce(NotebooksReproduction(**small | {"parts": "dcgan"}), tmp_path))
    assert report["results"]["not_built_yet"] == ["gan/dcgan-mnist"]
    assert "this version has no recipe gan/dcgan-mnist" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_mistakes_are_told_before_anything_is_learned(
    tmp_path: Path, small: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "train", lambda *words, **named: pytest.fail("it trained"))
    with pytest.raises(DataError, match="no data set and no folder"):
        last(reproduce(NotebooksReproduction(**small | {"data": "nowhere"}), tmp_path / "out"))
    with pytest.raises(ConfigError, match="dcgan_epochs must rise"):
        last(reproduce(NotebooksReproduction(**small | {"parts": "dcgan", "dcgan_epochs": "3,1"}), tmp_path / "out"))
    shutil.rmtree(tmp_path / "bars")
    with pytest.raises(DataError):
        last(reproduce(NotebooksReproduction(**small | {"parts": "dcgan"}), tmp_path / "out"))
