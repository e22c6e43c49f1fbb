"""The whole evolution in the small: one command, stopped, and gone on with."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from alebrije.core import image
from alebrije.errors import Interrupted, RunError
from alebrije.events import Done, Event, Started, Step
from alebrije.gan import pace, record, show
from alebrije.reproductions.comicgan.run import reproduce
from alebrije.reproductions.comicgan.settings import NETWORKS, ComicganReproduction

TINY: dict[str, Any] = {"pictures": 32, "steps": 4, "progan_size": 16, "width": 0.04, "batch_size": 8, "judged": 24, "samples": 2,
                        "watts": 36.0, "device": "cpu", "precision": "fp32"}  # fmt: skip


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs' own plots and reports are not what is tested here, and take most of the time of a tiny training."""
    monkeypatch.setattr(record, "draw", lambda *given: [])
    monkeypatch.setattr(show, "keepsakes", lambda *given: [])
    monkeypatch.setattr("alebrije.gan.run.write_report", lambda run: run.folder / "recipe.yaml")


def training(events: Iterable[Event]) -> list[str]:
    return [event.stage for event in events if isinstance(event, Started) and event.stage.startswith("training")]


@pytest.mark.slow
@pytest.mark.usefixtures("_plain", "cache")
def test_one_command_makes_everything_and_goes_on_where_it_was(tmp_path: Path) -> None:
    photographs, folder = tmp_path / "photographs", tmp_path / "out"
    photographs.mkdir()
    folder.mkdir()
    image.save(image.load(Path(__file__).parents[3] / "docs" / "pictures" / "creatures.png").pixels, photographs / "one.png")
    config = ComicganReproduction(**TINY, photos=str(photographs))
    begun = reproduce(config, folder)
    for event in begun:
        if isinstance(event, Started) and event.stage == "training simple-progan":
            break
    next(event for event in begun if isinstance(event, Step))
    rest = [begun.throw(Interrupted()), *begun]
    assert isinstance(rest[-1], Done)
    assert rest[-1].interrupted
    before = (folder / "plan.json").read_bytes()
    second = list(reproduce(config, folder))
    left = ["simple-progan", *(f"varied-{name}" for name in NETWORKS), "photographs-dcgan64"]
    assert training(second) == [f"training {name}" for name in left]
    assert (folder / "plan.json").read_bytes() == before
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert {place: [*networks] for place, networks in results["runs"].items()} == {
        "simple": [*NETWORKS], "varied": [*NETWORKS], "photographs": ["dcgan64"],
    }  # fmt: skip
    numbers = results["runs"]["varied"]["progan"]
    assert (numbers["steps"], [stage["steps"] for stage in numbers["stages"]]) == (4, [2, 2])
    assert numbers["watt_hours"] == pytest.approx(numbers["seconds"] * 36 / 3600)
    assert all(low <= value <= high for value, low, high in (numbers["kid"], numbers["share"], numbers["common_share"]))
    figures = {path.name for path in (folder / "figures").iterdir()}
    each = {f"comicgan-{place}{end}.png" for place in ("simple", "varied") for end in ("", "-nearest-data", "-stages")}
    assert figures == each | {"comicgan-photographs.png", "comicgan-photographs-nearest-data.png", "comicgan-losses.png",
                              "comicgan-kid.png"}  # fmt: skip
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Station by station" in page
    assert not list((folder / "runs").glob("*/checkpoints"))
    assert training(reproduce(config, folder)) == []
    with pytest.raises(RunError, match="was begun with photos"):
        list(reproduce(config.model_copy(update={"photos": None}), folder))


@pytest.mark.usefixtures("_plain", "cache")
def test_minutes_become_steps_that_are_written_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "pace", lambda config, kind, pictures, times=3: [0.5, 1.0] if kind == "progan" else [0.25])
    config = ComicganReproduction(**TINY | {"steps": 0, "minutes": 2})
    events = reproduce(config, tmp_path)
    next(event for event in events if isinstance(event, Started) and event.stage.startswith("training"))
    events.close()
    found = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))["networks"]
    assert {name: found[name]["steps"] for name in list(NETWORKS)[:-1]} == dict.fromkeys(list(NETWORKS)[:-1], 480)
    assert found["progan"]["stage_steps"] * 0.5 + (found["progan"]["steps"] - found["progan"]["stage_steps"]) * 1.0 == 120
    assert found["dense"]["sample_every"] == 240
