"""`alebrije evaluate` for generators, as a user types it, on one trained for two steps."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import Result

from alebrije import steps
from alebrije.core import image
from alebrije.features.judging import detectors
from alebrije.features.judging.detectors import Detector
from alebrije.features.judging.judged import FIGURES

Alebrije = Callable[..., Result]
TINY: dict[str, Any] = {"steps": 2, "size": 16, "latent_dim": 4, "width": 0.03, "pictures": 46, "batch_size": 8,
                        "precision": "fp32", "device": "cpu"}  # fmt: skip


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A detector that takes no time: FID of the 640 numbers of the real one takes seconds."""
    quick = Detector("compact", lambda images: images.flatten(1), (4, 4), 3, torch.device("cpu"))
    monkeypatch.setitem(detectors.DETECTORS, "compact", lambda device: quick)


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the smallest generator."""
    run = tmp_path_factory.mktemp("generator") / "run"
    list(steps.train("gan/dcgan28", run=run, **TINY))
    return run


def chance_pictures(folder: Path, count: int) -> None:
    folder.mkdir()
    for place in range(count):
        image.save(torch.rand(1, 3, 16, 16), folder / f"{place:03d}.png")


def test_every_figure_has_beside_it_what_it_was_made_with(alebrije: Alebrije, generator: Path, work: Path) -> None:
    found = alebrije("evaluate", generator, "-n", 20, "--seed", 3, "-o", "out", "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    assert report["files"] == ["out/report.html", "out/scores.json"]
    assert (report["count"], report["recipe"]) == (20, "gan/dcgan28")
    assert set(FIGURES) <= set(report["metrics"])
    told = report["metrics"]["words"]
    assert all(part in told for part in ("compact", "4x4", "bilinear", "20 made, 20 real, seed 3"))
    assert all(one["words"] == told for one in report["baselines"].values())
    written = json.loads((work / "out" / "scores.json").read_text(encoding="utf-8"))
    assert written == {name: value for name, value in report.items() if name != "files"}
    for name in ("samples/made.png", "plots/real-data.png", "plots/closest-data.png"):
        assert (work / "out" / name).is_file()
    refused = alebrije("evaluate", generator, "-o", "out")
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    again = alebrije("evaluate", generator, "-n", 20, "--seed", 3, "-o", "out", "--force")
    assert again.exit_code == 0, again.output
    lines = again.stdout.splitlines()
    for name in FIGURES:
        line = next(place for place, text in enumerate(lines) if text.split()[:1] == [name])
        assert "other real pictures" in lines[line]
        assert lines[line + 1].strip() == told


def test_other_real_pictures(alebrije: Alebrije, generator: Path, work: Path) -> None:
    chance_pictures(work / "others", 42)
    found = alebrije("evaluate", generator / "model.safetensors", "--data", "others", "-o", "out", "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    assert (report["count"], report["real"]) == (21, "pictures of others")
    assert "not the pictures that it learned from" in report["by_heart"]["note"]
    assert not (work / "out" / "plots" / "closest-data.png").exists()
    chance_pictures(work / "few", 30)
    refused = alebrije("evaluate", generator, "--data", "few", "-o", "none")
    assert (refused.exit_code, "40 or more are needed" in refused.stderr) == (1, True)
    assert not (work / "none").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("RUN", "-n", "19"), "count must be 20 or more"),
        (("RUN", "--detector", "compakt"), "unknown detector compakt (did you mean compact?)"),
        (("RUN", "--data", "nowhere"), "there is no data set and no folder nowhere"),
        (("judge.safetensors",), "runs of hybrid/..., gan/..."),
        (("tagger.safetensors",), "draws no pictures"),
        (("planner", "--data", "none", "--detector", "compact"), "for networks that draw pictures"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, alebrije: Alebrije, generator: Path, work: Path) -> None:
    for name, recipe in (("judge", "features/judge"), ("tagger", "gan/tagger")):
        save_file({"a": torch.zeros(1)}, work / f"{name}.safetensors", {"recipe": json.dumps({"recipe": recipe})})
    found = alebrije("evaluate", *(generator if word == "RUN" else word for word in words), "-o", "out")
    assert found.exit_code == 1, found.output
    assert message in found.stderr
    assert len(found.stderr.splitlines()) == 1
