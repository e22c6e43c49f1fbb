"""The autoencoder: shapes, and a training that leaves what a run folder promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from alebrije import events, steps
from alebrije.autoencoder.nets.convolutional import Autoencoder
from alebrije.autoencoder.run import RECIPES
from alebrije.core import image
from alebrije.data.draw import write
from alebrije.errors import ConfigError, DataError, Interrupted
from alebrije.runs import Run

TINY = {"steps": 6, "size": 16, "latent_dim": 4, "width": 4, "pictures": 16, "batch_size": 4, "sample_every": 3,
        "log_every": 2, "precision": "fp32", "device": "cpu", "checkpoint_every": 3}  # fmt: skip


@pytest.mark.parametrize(("size", "latent_dim", "width"), [(16, 1, 1), (32, 7, 4), (64, 16, 2)])
def test_pictures_become_latents_and_pictures_again(size: int, latent_dim: int, width: int) -> None:
    network = Autoencoder(size, latent_dim, width)
    images = torch.rand(2, 3, size, size)
    latents = network.encode(images)
    assert latents.shape == (2, latent_dim)
    restored = network(images)
    assert restored.shape == images.shape
    assert restored.min() > 0
    assert restored.max() < 1


def test_an_odd_size_is_refused() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        Autoencoder(40)


def test_training_leaves_everything_the_run_folder_promises(tmp_path: Path) -> None:
    heard = list(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY))
    folder = tmp_path / "run"
    done = heard[-1]
    assert isinstance(done, events.Done)
    report = json.loads(json.dumps(done.result.report))
    assert set(report) == {"run", "steps", "seconds", "metrics"}
    assert (report["run"], report["steps"]) == (str(folder), 6)
    assert set(report["metrics"]) == {"mse", "held_out_mse"}
    saved = {event.path.relative_to(folder).as_posix() for event in heard if isinstance(event, events.Saved)}
    assert saved == {"samples/000003.png", "samples/000006.png", "plots/loss.png", "plots/training.gif", "plots/walk.gif",
                     "model.safetensors", "report.html"}  # fmt: skip
    assert all((folder / name).is_file() for name in saved | {"recipe.yaml", "environment.json", "metrics.csv"})
    assert Run(folder).metrics()["step"] == [2, 4, 6]
    # two held-out creatures (an eighth of 16) side by side: noisy, restored, as they are
    assert image.load(folder / "samples" / "000006.png").size == (2 * 16, 3 * 16)
    with Image.open(folder / "plots" / "training.gif") as film:
        assert film.n_frames == 2


def test_the_shared_weights_are_the_averaged_ones_and_fit_the_network(tmp_path: Path) -> None:
    list(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY, ema_decay=0.9))
    weights = load_file(tmp_path / "run" / "model.safetensors")
    Autoencoder(16, 4, 4).load_state_dict(weights)
    from alebrije.core import checkpoint

    averages = checkpoint.load_latest(tmp_path / "run" / "checkpoints")[1]["averages"]["autoencoder"]
    assert all(torch.equal(weights[name], averages[name]) for name in weights)
    with safe_open(tmp_path / "run" / "model.safetensors", "pt") as model:
        assert json.loads(model.metadata()["data"]) == "drawn creatures"


def test_a_stopped_training_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    list(steps.train("autoencoder/creatures", run=tmp_path / "whole", **TINY))
    begun = steps.train("autoencoder/creatures", run=tmp_path / "parts", **TINY)
    for event in begun:
        if event == events.Started("training parts", 6):
            break
    next(begun)
    assert isinstance(begun.throw(Interrupted()), events.Warned)
    (done,) = begun
    assert isinstance(done, events.Done)
    assert done.interrupted
    assert done.result.report["steps"] == 1
    assert done.result.report["metrics"] == {}  # log_every is 2
    list(steps.train("", run=tmp_path / "parts", resume=True))
    whole, parts = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert all(torch.equal(parts[name], whole[name]) for name in whole)


def test_it_learns(tmp_path: Path) -> None:
    list(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY | {"steps": 60, "learning_rate": 0.01}))
    losses = Run(tmp_path / "run").metrics()["mse"]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_folder_of_pictures_with_a_bad_one(tmp_path: Path) -> None:
    list(write(tmp_path / "pictures", 9, size=16))
    (tmp_path / "pictures" / "bad.png").write_text("no picture")
    heard = list(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY, data=str(tmp_path / "pictures")))
    (warned,) = [event.message for event in heard if isinstance(event, events.Warned)]
    assert warned.startswith("left out: ")
    assert "bad.png" in warned
    with safe_open(tmp_path / "run" / "model.safetensors", "pt") as model:
        assert json.loads(model.metadata()["data"]) == str(tmp_path / "pictures")


def test_too_few_pictures_or_none(tmp_path: Path) -> None:
    list(write(tmp_path / "pictures", 7, size=16))
    with pytest.raises(DataError, match="holds 7 pictures: at least 8"):
        list(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY, data=str(tmp_path / "pictures")))
    with pytest.raises(DataError, match="No such file"):
        list(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY, data=str(tmp_path / "none")))


@pytest.mark.parametrize(("key", "value"), [("size", 40), ("size", 8), ("holdout", 0.9), ("noise", 2), ("batch_size", 1)])
def test_settings_that_cannot_work_are_refused(key: str, value: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"^{key} must be "):
        next(steps.train("autoencoder/creatures", run=tmp_path / "run", **TINY | {key: value}))


def test_every_recipe_of_the_family_has_a_verb() -> None:
    assert all(callable(verb) for verb, _ in RECIPES.values())
