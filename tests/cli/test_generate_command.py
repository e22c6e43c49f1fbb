"""`alebrije generate`, as a user types it, on an autoencoder trained for a few steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import Result

from alebrije import events, steps
from alebrije.core import image

Alebrije = Callable[..., Result]
TINY = {"steps": 3, "size": 16, "latent_dim": 4, "width": 4, "pictures": 40, "batch_size": 8, "precision": "fp32",
        "device": "cpu"}  # fmt: skip


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the smallest autoencoder."""
    run = tmp_path_factory.mktemp("trained") / "run"
    list(steps.train("autoencoder/creatures", run=run, **TINY))
    return run


def report(found: Result) -> dict[str, object]:
    assert found.exit_code == 0, found.output
    loaded = json.loads(found.stdout.splitlines()[-1])
    assert isinstance(loaded, dict)
    return loaded


def test_a_sheet_of_new_pictures(alebrije: Alebrije, trained: Path, work: Path) -> None:
    told = report(alebrije("generate", trained, "-o", "new.png", "-n", 6, "--seed", 3, "--json"))
    assert told["files"] == ["new.png"]
    assert (told["count"], told["seed"], told["recipe"]) == (6, 3, "autoencoder/creatures")
    assert told["sampler"] in told["samplers"]  # type: ignore[operator]
    kept = image.read_metadata(work / "new.png")
    assert (kept["verb"], kept["seed"], kept["report"]["sampler"]) == ("generate", 3, told["sampler"])
    assert len(kept["inputs"][0]["sha256"]) == 64
    assert alebrije("generate", trained, "-o", "again.png", "-n", 6, "--seed", 3).exit_code == 0
    assert image.load(work / "again.png").pixels.equal(image.load(work / "new.png").pixels)
    drawn = [events.last(steps.generate(trained, count=6, seed=seed)).images for seed in (3, 3, 4)]
    assert drawn[0].equal(drawn[1])
    assert not drawn[0].equal(drawn[2])  # as numbers: after three steps all pictures may look alike in 8 bits


def test_single_pictures_go_into_a_folder(alebrije: Alebrije, trained: Path, work: Path) -> None:
    told = report(alebrije("generate", trained / "model.safetensors", "-o", "many", "-n", 3, "--truncation", 0.5, "--json"))
    assert told["files"] == ["many/00001.png", "many/00002.png", "many/00003.png"]
    assert image.load(work / "many" / "00002.png").size == (16, 16)
    refused = alebrije("generate", trained, "-o", "many", "-n", 3)
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)


@pytest.mark.parametrize(("words", "frames"), [(("--interpolate", 3, "--frames", 4), 12), (("--walk", "--frames", 2), 8)])
def test_films(words: tuple[str | int, ...], frames: int, alebrije: Alebrije, trained: Path, work: Path) -> None:
    told = report(alebrije("generate", trained, "-o", "film.gif", "-n", 2, *words, "--json"))
    assert told["frames"] == frames
    with Image.open(work / "film.gif") as film:
        assert film.size == (4 * (2 * 16 + 2), 4 * 16)  # two pictures side by side, four times as large


def test_each_sampler_draws(alebrije: Alebrije, trained: Path) -> None:
    for name in ("gaussian", "ledoit-wolf", "pca-mixture"):
        assert report(alebrije("generate", trained, "-o", f"{name}.png", "--sampler", name, "--json"))["sampler"] == name


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "-o", "a.png"), "there is no run nowhere"),
        (("RUN", "-o", "a.gif"), "--interpolate K"),
        (("RUN", "-o", "a.png", "--walk"), "name the file .gif"),
        (("RUN", "-o", "a.gif", "--walk", "--interpolate", "3"), "give one of them"),
        (("RUN", "-o", "a.png", "--sampler", "gausian"), "did you mean gaussian"),
        (("RUN", "-o", "a.png", "--truncation", "2"), "truncation must be 1 or less"),
        (("RUN", "-o", "a.png", "-n", "0"), "count must be 1 or more"),
        (("planner", "-o", "a.png"), "new pictures come from runs of"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, alebrije: Alebrije, trained: Path) -> None:
    found = alebrije("generate", *(trained if word == "RUN" else word for word in words))
    assert found.exit_code == 1, found.output
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
