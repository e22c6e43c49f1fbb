"""Teaching a network to paint: the loss goes down, stopping changes nothing, and the run is complete."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from alebrije import steps
from alebrije.config import build, read_recipe, recipe_names
from alebrije.core import image, plots
from alebrije.core.tensorfiles import read_safetensors
from alebrije.data import draw
from alebrije.errors import AlebrijeError, ConfigError, DataError, PictureError
from alebrije.events import Done
from alebrije.runs import Run
from alebrije.style.feedforward import adain, judge
from alebrije.style.feedforward import train as training
from alebrije.style.feedforward.learning import crops_of, split
from alebrije.style.feedforward.train import RECIPES

TINY: dict[str, dict[str, Any]] = {
    "fast": {"size": 64, "style_size": 64, "width": 4, "blocks": 1, "batch_size": 2, "compare": 0, "log_every": 1},
    "adain": {"size": 64, "batch_size": 1, "compare": 0, "log_every": 1, "learning_rate": 1e-4},
}


@pytest.fixture(autouse=True)
def _little_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adain, "MOST_ROWS", 300)
    monkeypatch.setattr(judge, "SIDE", 32)
    monkeypatch.setattr(training, "write_report", lambda run: run.folder)  # tested with the command
    monkeypatch.setattr(plots, "curves", lambda columns, path, **options: path)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four drawn creatures as photographs, two drawn paintings."""
    folder = tmp_path_factory.mktemp("place")
    list(draw.write(folder / "data", 4, size=96))
    (folder / "styles").mkdir()
    for kind in ("swirl", "mosaic"):
        image.save(draw.painting(1, 96, kind), folder / "styles" / f"{kind}.png")
    return folder


def settings(place: Path, kind: str) -> dict[str, Any]:
    style = place / "styles" if kind == "adain" else place / "styles" / "swirl.png"
    return TINY[kind] | {"data": str(place / "data"), "style": str(style), "device": "cpu", "precision": "fp32"}


def trained(place: Path, run: Path, kind: str, **more: Any) -> dict[str, Any]:
    (last,) = [e for e in steps.train(f"style/{kind}", run=run, **settings(place, kind) | more) if isinstance(e, Done)]
    report: dict[str, Any] = last.result.report
    return report


@pytest.mark.slow
def test_the_loss_goes_down(place: Path, tmp_path: Path) -> None:
    trained(place, tmp_path / "run", "fast", steps=16, learning_rate=3e-3)
    losses = Run(tmp_path / "run").metrics()["loss"]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


@pytest.mark.parametrize("kind", TINY)
def test_a_run_that_was_stopped_ends_bit_for_bit_like_one_that_was_not(kind: str, place: Path, tmp_path: Path) -> None:
    trained(place, tmp_path / "whole", kind, steps=3, checkpoint_every=1)
    halves, work = tmp_path / "halves", settings(place, kind)
    running = steps.train(f"style/{kind}", run=halves, steps=3, checkpoint_every=1, **work)
    for event in running:
        if getattr(event, "index", 0) == 2 and not hasattr(event, "image") and (halves / "checkpoints" / "000002").exists():
            running.close()
            break
    list(steps.train("", run=halves, resume=True))
    whole, again = (read_safetensors(folder / "model.safetensors")[0] for folder in (tmp_path / "whole", halves))
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@pytest.mark.slow
def test_the_model_says_where_it_comes_from(place: Path, tmp_path: Path) -> None:
    made = trained(place, tmp_path / "run", "fast", steps=1, compare=1)
    assert made["metrics"]["loss_ratio"] > 0
    with safe_open(tmp_path / "run" / "model.safetensors", "pt") as model:
        header = {name: json.loads(text) for name, text in model.metadata().items() if name != "sha256"}
    assert header["recipe"]["recipe"] == "style/fast"
    assert header["style"] == "swirl.png"
    assert len(header["style_sha256"]) == len(header["data_fingerprint"]) == 64
    assert header["metrics"] == made["metrics"]
    assert header["licence"]


@pytest.mark.parametrize(
    ("kind", "changed", "message"),
    [
        ("fast", {"style": ""}, "--style painting.jpg"),
        ("fast", {"style": "FOLDER"}, "style/adain"),
        ("fast", {"style": "none.png"}, "no such file"),
        ("fast", {"data": ""}, "--data FOLDER"),
        ("fast", {"data": "none"}, "there is no folder"),
        ("fast", {"loss": "grim"}, "did you mean gram"),
        ("fast", {"features": "compakt"}, "did you mean compact"),
        ("fast", {"features": "squeezenet1_1"}, "unknown network"),
        ("fast", {"layer_weights": {"relu9_1": 1}}, "layer of compact"),
        ("fast", {"layer_weights": {"relu1_1": 0}}, "not all of them 0"),
        ("fast", {"size": 100}, "multiple of 16"),
        ("adain", {"style": "FILE"}, "style/fast"),
        ("adain", {"style": ""}, "--style FOLDER"),
    ],
)
def test_what_cannot_be_learnt_says_why(kind: str, changed: dict[str, Any], message: str, place: Path, tmp_path: Path) -> None:
    there = {"FOLDER": str(place / "styles"), "FILE": str(place / "styles" / "swirl.png")}
    changed = {name: there.get(value, value) if isinstance(value, str) else value for name, value in changed.items()}
    with pytest.raises(AlebrijeError, match=message) as raised:
        trained(place, tmp_path / "run", kind, steps=1, **changed)
    assert isinstance(raised.value, ConfigError | DataError | PictureError)
    assert not (tmp_path / "run").exists()


def test_a_recipe_without_style_refuses_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="autoencoder/creatures learns no style"):
        next(steps.train("autoencoder/creatures", run=tmp_path / "run", style="a.png"))


def test_some_pictures_are_kept_always_the_same_ones() -> None:
    paths = [Path(f"{number}.png") for number in range(45)]
    known, kept = split(paths, 20)
    assert len(kept) == 2
    assert sorted([*known, *kept]) == sorted(paths)
    assert split(paths[::-1], 20) == (known, kept)
    assert [len(part) for part in split(paths[:2], 20)] == [1, 1]
    with pytest.raises(DataError, match="at least two"):
        split(paths[:1], 20)


def test_crops_are_squares_of_pictures_of_any_shape() -> None:
    pictures = [torch.randint(256, (1, 3, height, width), dtype=torch.uint8) for height, width in ((70, 300), (20, 33), (9, 500))]
    crops = crops_of(pictures, 64, torch.tensor([0, 1, 2, 0]))
    assert crops.shape == (4, 3, 64, 64)
    assert crops.min() >= 0
    assert crops.max() <= 1


@pytest.mark.parametrize("kind", RECIPES)
def test_every_kind_has_a_recipe_that_builds(kind: str) -> None:
    assert f"style/{kind}" in recipe_names()
    values = read_recipe(f"style/{kind}")
    assert values.pop("recipe") == f"style/{kind}"
    build(RECIPES[kind][1], values)
