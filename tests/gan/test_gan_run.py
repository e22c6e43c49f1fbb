"""Trainings of GANs: every recipe leaves what a run folder promises, and a run that was stopped or killed forgets nothing."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from alebrije import events, steps
from alebrije.core import checkpoint, image
from alebrije.core.report import CAPTIONS
from alebrije.data.draw import creature
from alebrije.errors import Interrupted
from alebrije.gan import record, show
from alebrije.gan.run import RECIPES
from alebrije.runs import Run

TINY: dict[str, Any] = {"steps": 6, "pictures": 24, "batch_size": 4, "sample_every": 3, "checkpoint_every": 2, "device": "cpu",
                        "precision": "fp32", "size": "16", "latent_dim": 8, "width": 0.05, "hold_out": 0.25}  # fmt: skip
CREATURE = functools.cache(creature)
KINDS: dict[str, dict[str, Any]] = {
    "dense": {},
    "dcgan28": {"size": "28", "gray": True},
    "dcgan48": {"generator_steps": 2, "max_share": 0.1},
    "dcgan64": {"shared": False, "augment": "diff"},
    "dcgan-mnist": {"gray": True, "data": None, "epochs": 0},
    "progan32": {"stages": 2, "stage_steps": 3, "penalty_every": 2},
    "progan128": {"stages": 2, "stage_steps": 3, "ema_decay": 0.9},
    "progan160": {"stages": 3, "stage_steps": 2, "size": "20", "fade_discriminator": True, "scaling": "max-norm"},
    "r3": {"blocks": 1, "augment": "ada", "ada_pictures": 40, "tags": creature(0, 16).tags[:2]},
    "r3-32": {"penalty_every": 2, "flips": False},
    "style": {"mapping_layers": 2, "penalty_every": 2, "augment": "ada", "ada_pictures": 40},
}


def train(kind: str, folder: Path, **settings: Any) -> list[events.Event]:
    """All events of a tiny training."""
    return list(steps.train(f"gan/{kind}", run=folder, **TINY | KINDS[kind] | settings))


def test_there_is_a_test_for_every_recipe() -> None:
    assert set(KINDS) == set(RECIPES) - {"tagger"}  # which is no game, and has tests of its own


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plots, no keepsakes and no report, and each creature drawn once: they take most of the time of a tiny training."""
    monkeypatch.setattr("alebrije.gan.data.creature", CREATURE)
    monkeypatch.setattr(record, "draw", lambda *given: [])
    monkeypatch.setattr(show, "keepsakes", lambda *given: [])
    monkeypatch.setattr("alebrije.gan.run.write_report", lambda run: run.folder / "recipe.yaml")


def test_a_training_leaves_what_a_run_folder_promises(tmp_path: Path) -> None:
    heard = train("dcgan28", tmp_path / "run")
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert {"accuracy", "diversity", "by_heart"} <= set(done.result.report["metrics"])
    saved = {event.path.relative_to(tmp_path / "run").as_posix() for event in heard if isinstance(event, events.Saved)}
    plots = ("loss-by-batch.png", "loss-by-epoch.png", "confusion.png", "beside-data.png", "nearest-data.png", "training.gif")
    assert saved == {"samples/000003.png", "samples/000006.png", "model.safetensors", "report.html", "referee.json",
                     *(f"plots/{name}" for name in plots)}  # fmt: skip
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert all(CAPTIONS[Path(name).stem] in page for name in plots)


@pytest.mark.usefixtures("_plain")
@pytest.mark.parametrize("kind", KINDS)
def test_every_recipe_trains_and_a_stopped_run_goes_on_to_the_same_weights(kind: str, tmp_path: Path) -> None:
    heard = train(kind, tmp_path / "whole")
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert done.result.report["steps"] == 6
    columns = Run(tmp_path / "whole").metrics()
    assert columns["step"] == [1, 2, 3, 4, 5, 6]
    assert all(value == value for values in columns.values() for value in values)
    shown = [image.load(tmp_path / "whole" / "samples" / f"00000{step}.png").size for step in (3, 6)]
    assert shown[0] == shown[1]  # also where the networks have grown between
    begun = steps.train(f"gan/{kind}", run=tmp_path / "parts", **TINY | KINDS[kind])
    stop = 1 + len(kind) % 4
    for event in begun:
        if isinstance(event, events.Step) and event.total == 6 and event.index == stop:
            break
    rest = [begun.throw(Interrupted()), *begun]
    assert isinstance(rest[-1], events.Done)
    assert rest[-1].interrupted
    torch.manual_seed(987)
    list(steps.train("", run=tmp_path / "parts", resume=True))
    assert_the_same(tmp_path / "whole", tmp_path / "parts")


def assert_the_same(one: Path, other: Path) -> None:
    """Two runs have the same weights, moments, random states, numbers, samples and remarks; only their clocks differ."""
    (_, first, _), (_, second, _) = (checkpoint.load_latest(place / "checkpoints") for place in (one, other))
    flat: list[dict[str, Any]] = [{}, {}]
    documents = [checkpoint.pack(tree | {"seconds": 0}, tensors) for tree, tensors in zip((first, second), flat, strict=True)]
    assert json.dumps(documents[0]) == json.dumps(documents[1])
    assert all(torch.equal(tensor, flat[1][name]) for name, tensor in flat[0].items())
    weights = [load_file(place / "model.safetensors") for place in (one, other)]
    assert all(torch.equal(weights[1][name], tensor) for name, tensor in weights[0].items())
    rows = [{name: values for name, values in Run(place).metrics().items() if name != "seconds"} for place in (one, other)]
    assert rows[0] == rows[1]
    for name in ("samples/000003.png", "samples/000006.png"):
        assert torch.equal(image.load(one / name).pixels, image.load(other / name).pixels)
    for name in ("gradients.csv", "referee.json"):
        assert (one / name).exists() == (other / name).exists()
        if (one / name).exists():
            assert (one / name).read_bytes() == (other / name).read_bytes()
