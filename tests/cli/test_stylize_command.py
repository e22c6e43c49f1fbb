"""`alebrije stylize`: stopped and gone on with, masks, the ways to keep colours."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import Result

from alebrije import events
from alebrije.cli import shell
from alebrije.core import image
from alebrije.errors import Interrupted

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

FEW = ("--steps", "4", "--quality", "quick")


def reported(result: Result) -> dict[str, Any]:
    """What a program reads: the last line of stdout."""
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


@pytest.fixture
def stop_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int | None], None]:
    """Press Ctrl-C at this step of whatever runs next; None: no more."""

    def choose(step: int | None) -> None:
        def drive(work: events.Events) -> Iterator[events.Event]:
            for event in work:
                yield event
                if isinstance(event, events.Step) and event.index == step:
                    yield work.throw(Interrupted())
                    return

        monkeypatch.setattr(shell, "drive", drive)

    return choose


def test_a_stopped_stylisation_goes_on(
    alebrije: Alebrije, paint: Paint, work: Path, stop_at: Callable[[int | None], None]
) -> None:
    paint("a.png"), paint("b.png", seed=1)
    words = ("stylize", "a.png", "b.png", "--no-metadata", *FEW, "--timelapse")
    assert alebrije(*words, "whole.gif", "-o", "whole.png").exit_code == 0
    again = (*words, "out.gif", "-o", "out.png")
    stop_at(3)
    found = alebrije(*again)
    assert found.exit_code == 130
    assert "stopped at step 3: the same command with --resume goes on" in found.stderr
    assert (work / ".out.png.resume").is_file()
    stop_at(None)
    found = alebrije(*again)
    assert found.exit_code == 1
    assert "--resume goes on with it" in found.stderr
    assert "exists already" in found.stderr
    report = reported(alebrije(*again, "--resume", "--json"))
    assert report["steps"] == 4
    assert (work / "out.png").read_bytes() == (work / "whole.png").read_bytes()
    assert (work / "out.gif").read_bytes() == (work / "whole.gif").read_bytes()
    assert not list(work.glob(".*"))
    found = alebrije(*again, "--resume", "--force")
    assert found.exit_code == 1
    assert "there is nothing to resume" in found.stderr


def test_resuming_overwrites_nothing_but_what_the_stopped_work_left(
    alebrije: Alebrije, paint: Paint, work: Path, stop_at: Callable[[int | None], None]
) -> None:
    paint("a.png"), paint("b.png", seed=1)
    words = ("stylize", "a.png", "b.png", "-o", "out.png", *FEW)
    stop_at(2)
    assert alebrije(*words).exit_code == 130
    stop_at(None)
    (work / "out.png").unlink()
    mine = paint("out.png", seed=4).read_bytes()
    found = alebrije(*words, "--resume")
    assert found.exit_code == 1
    assert "exists already" in found.stderr
    assert (work / "out.png").read_bytes() == mine


def test_a_stopped_folder_goes_on_with_what_is_not_there_yet(
    alebrije: Alebrije, paint: Paint, work: Path, stop_at: Callable[[int | None], None]
) -> None:
    for number in range(3):
        paint(f"many/{number}.png", seed=number)
    paint("b.png", seed=7)
    words = ("stylize", "many", "b.png", "-o", "out", *FEW)
    assert alebrije(*words[:4], "whole", *FEW).exit_code == 0
    assert alebrije("stylize", "many/0.png", "b.png", "-o", "first.png", *FEW).exit_code == 0
    (work / "out").mkdir()
    (work / "first.png").rename(work / "out" / "0.png")
    (work / "many" / "0.png").rename(work / "0.png")  # so that the work is stopped in the second picture
    stop_at(2)
    assert alebrije(*words).exit_code == 130
    (work / "0.png").rename(work / "many" / "0.png")
    stop_at(None)
    report = reported(alebrije(*words, "--resume", "--json"))
    assert report["files"] == [f"out/{number}.png" for number in range(3)]
    for number in range(3):
        assert (work / "out" / f"{number}.png").read_bytes() == (work / "whole" / f"{number}.png").read_bytes()


def test_masks_are_given_one_by_one_and_named_in_the_picture(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("a.png"), paint("b.png", seed=1), paint("c.png", seed=2)
    mask = torch.zeros(1, 3, 40, 48)
    mask[..., :24] = 1
    image.save(mask, work / "left.png"), image.save(1 - mask, work / "right.png")
    words = ("stylize", "a.png", "b.png", "c.png", *FEW)
    assert alebrije(*words, "-o", "two.png", "--mask", "left.png", "--mask", "right.png").exit_code == 0
    assert alebrije(*words, "-o", "one.png", "--mask", "left.png").exit_code == 0
    assert torch.equal(image.load("one.png").pixels, image.load("two.png").pixels)
    made = image.read_metadata("two.png")
    assert made["config"]["mask"] == ["left.png", "right.png"]
    digests = [hashlib.sha256((work / name).read_bytes()).hexdigest() for name in ("left.png", "right.png")]
    assert made["report"]["masks"] == digests
    found = alebrije(*words, "-o", "left.png", "--mask", "left.png", "--force")
    assert found.exit_code == 1
    assert "originals" in found.stderr
    (work / "many").mkdir()
    (work / "c.png").rename(work / "many" / "c.png")
    assert "--mask is for one picture" in alebrije("stylize", "many", "b.png", "-o", "out", "--mask", "left.png", *FEW).stderr
    assert "gone.png" in alebrije("stylize", "a.png", "b.png", "-o", "no.png", "--mask", "gone.png", *FEW).stderr


def test_keep_colors_is_one_way_of_three(alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png"), paint("b.png", seed=1)
    ways = {"flag": ["--keep-colors"], **{way: ["--color", way] for way in ("luminance", "histogram", "mean-covariance")}}
    for name, words in ways.items():
        assert alebrije("stylize", "a.png", "b.png", "-o", f"{name}.png", *words, *FEW).exit_code == 0
    found = {name: image.load(f"{name}.png").pixels for name in ways}
    assert torch.equal(found["flag"], found["luminance"])
    assert not torch.equal(found["histogram"], found["mean-covariance"])
