"""`alebrije stylize` with a video or an animated picture as its content."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor
from typer.testing import Result

from alebrije import events
from alebrije.cli import shell
from alebrije.core.image import resize, to_uint8
from alebrije.core.video import save_video
from alebrije.core.video_read import read_video
from alebrije.errors import Interrupted

pytest.importorskip("av")

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

FEW = ("--steps", "4", "--quality", "quick", "--later-steps", "2")


def frames(count: int = 3) -> list[Tensor]:
    picture = resize(torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(3)), (44, 72))
    return [picture[..., 2 * index : 2 * index + 48] for index in range(count)]


@pytest.fixture
def clip(work: Path) -> Path:
    save_video(frames(), work / "clip.mp4", fps=12)
    return Path("clip.mp4")


def reported(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_a_video_becomes_a_video(alebrije: Alebrije, paint: Paint, clip: Path, work: Path) -> None:
    paint("s.png", seed=1)
    report = reported(alebrije("stylize", clip, "s.png", "-o", "out.mp4", "--json", *FEW))
    assert (report["files"], report["frames"], report["fps"], report["size"]) == (["out.mp4"], 3, 12, [48, 44])
    assert (report["steps"], report["scenes"], report["sound"]) == (8, [1], False)
    assert report["flicker"] > 0
    made = read_video("out.mp4")
    assert (made.size, float(made.fps), made.count) == ((48, 44), 12.0, 3)
    assert sorted(path.name for path in work.iterdir()) == ["clip.mp4", "out.mp4", "s.png"]
    found = alebrije("stylize", clip, "s.png", "-o", "out.mp4", *FEW)
    assert (found.exit_code, "exists already" in found.stderr) == (1, True)


def test_some_of_its_frames(alebrije: Alebrije, paint: Paint, clip: Path) -> None:
    paint("s.png", seed=1)
    words = ("stylize", clip, "s.png", "--json", *FEW)
    assert reported(alebrije(*words, "-o", "a.gif", "--frames", "2:"))["frames"] == 2
    report = reported(alebrije(*words, "-o", "b.webm", "--fps", "6", "--temporal-weight", "0"))
    assert (report["frames"], report["fps"]) == (2, 6)


def test_an_animated_picture_moves_only_if_the_result_does(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("s.png", seed=1)
    first, second = (Image.fromarray(to_uint8(frame)) for frame in frames(2))
    first.save(work / "a.gif", save_all=True, append_images=[second], duration=100)
    assert reported(alebrije("stylize", "a.gif", "s.png", "-o", "b.gif", "--json", *FEW))["frames"] == 2
    found = alebrije("stylize", "a.gif", "s.png", "-o", "b.png", *FEW[:4])
    assert found.exit_code == 0
    assert "only the first is taken" in found.stderr


def test_a_stopped_video_can_be_watched_and_goes_on(
    alebrije: Alebrije, paint: Paint, clip: Path, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drive(running: events.Events) -> Iterator[events.Event]:
        for event in running:
            yield event
            if isinstance(event, events.Preview) and event.index == 2:
                yield running.throw(Interrupted())
                return

    paint("s.png", seed=1)
    words = ("stylize", clip, "s.png", *FEW, "-o")
    assert alebrije(*words, "whole.mkv").exit_code == 0
    with monkeypatch.context() as patched:
        patched.setattr(shell, "drive", drive)
        found = alebrije(*words, "out.mkv")
    assert found.exit_code == 130
    assert "stopped after 2 frames: the same command with --resume goes on" in found.stderr
    assert read_video("out.mkv").count == 2
    assert (work / ".out.mkv.frames").is_dir()
    assert "exists already" in alebrije(*words, "out.mkv").stderr
    assert alebrije(*words, "out.mkv", "--resume").exit_code == 0
    for one, other in zip(read_video("out.mkv").frames(), read_video("whole.mkv").frames(), strict=True):
        assert torch.equal(one.pixels, other.pixels)
    assert not list(work.glob(".*"))


def test_of_a_damaged_video_the_first_part_is_made(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("s.png", seed=1)
    whole = save_video([torch.rand(1, 3, 64, 64) for _ in range(12)], work / "whole.mp4", fps=12).read_bytes()
    middle = 6 * len(whole) // 10
    (work / "holed.mp4").write_bytes(whole[:middle] + bytes(len(whole) // 5) + whole[middle + len(whole) // 5 :])
    found = alebrije("stylize", "holed.mp4", "s.png", "-o", "out.mp4", "--size", "32", *FEW)
    assert found.exit_code == 1
    assert "holed.mp4 is damaged" in found.stderr
    assert "out.mp4 ends there" in found.stderr
    assert 0 < read_video("out.mp4").count < 12


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("clip.mp4", "s.png", "-o", "out.png"), "a video becomes a video"),
        (("clip.mp4", "s.png", "-o", "clip.mp4"), "originals"),
        (("clip.mp4", "s.png", "-o", "out.mp4", "--wrap"), "--wrap makes seamless pictures"),
        (("clip.mp4", "s.png", "-o", "out.mp4", "--timelapse", "t.gif"), "--timelapse shows the work on one picture"),
        (("clip.mp4", "s.png", "-o", "out.mp4", "--frames", "9:"), "the clip has 3 frames"),
        (("clip.mp4", "s.png", "-o", "out.mp4", "--frames", "nine"), "such as 1:48"),
        (("clip.mp4", "s.png", "-o", "out.mp4", "--resume"), "there is nothing to resume"),
        (("clip.mp4", "-o", "out.mp4"), "name one or more STYLE pictures"),
        (("gone.mp4", "s.png", "-o", "out.mp4"), "there is no such file"),
        (("s.png", "s.png", "-o", "out.png", "--temporal-weight", "9"), "--temporal-weight is for videos"),
        (("s.png", "s.png", "-o", "out.png", "--frames", "1:2"), "--frames is for videos"),
    ],
)
def test_what_cannot_be_is_said_at_once(
    words: tuple[str, ...], message: str, alebrije: Alebrije, paint: Paint, clip: Path, work: Path
) -> None:
    paint("s.png", seed=1)
    before = sorted(work.iterdir())
    found = alebrije("stylize", *words)
    assert found.exit_code == 1
    assert message in found.stderr
    assert sorted(work.iterdir()) == before


def test_without_the_package_the_extra_is_named(
    alebrije: Alebrije, paint: Paint, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paint("s.png", seed=1)
    for name in ("av", "av.codec", "av.codec.codec"):
        monkeypatch.setitem(sys.modules, name, None)
    for output in ("out.mp4", "out.gif"):
        found = alebrije("stylize", clip, "s.png", "-o", output)
        assert found.exit_code == 1
        assert "pip install av" in found.stderr
