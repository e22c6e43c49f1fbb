"""`alebrije hybrid` with all its flags, as somebody types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import Result

from alebrije.cli.hybrid import in_words
from alebrije.core import image

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]


def reported(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(result: Result, *words: str) -> None:
    """It ended in one line on stderr that has all of these words, and wrote nothing."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors == result.stderr.splitlines()[-1:], result.stderr
    for word in words:
        assert word in errors[0]
    assert not Path("out.png").exists()


def caption(record: dict[str, Any]) -> str:
    """What the gallery says below a picture with this record."""
    return " ".join(in_words(record["report"], *(one["name"] for one in record["inputs"])))


@pytest.fixture
def pair(paint: Paint) -> tuple[Path, Path]:
    return paint("a.png"), paint("b.png", seed=1)


def made(pair: tuple[Path, Path], *more: str) -> tuple[str | Path, ...]:
    return ("hybrid", *pair, "-o", "out.png", *more, "--json")


@pytest.mark.parametrize(
    "words",
    [
        ("--points", "10,20:12,25", "--points", "40,20:38,24"),
        ("--points", "10,20:12,25", "40,20:38,24"),
        ("--points", "10,20:12,25 40,20:38,24"),
        ("--points=10,20:12,25;40,20:38,24",),
    ],
)
def test_points_in_every_spelling(words: tuple[str, ...], alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    report = reported(alebrije(*made(pair, *words, "--low", "first")))
    assert report["alignment"]["scale"] == pytest.approx(30 / 26.02, rel=0.01)
    config = image.read_metadata("out.png")["config"]
    assert config["points"] == [[10, 20, 12, 25], [40, 20, 38, 24]]


def test_points_before_the_pictures(alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    words = ("hybrid", "--points", "10,20:12,25", "40,20:38,24", *pair, "-o", "out.png", "--json")
    assert reported(alebrije(*words))["alignment"]


def test_what_was_moved_is_told(alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    words = ("hybrid", *pair, "-o", "out.png", "--low", "second", "--points", "10,20:12,25", "40,20:38,24")
    told = alebrije(*words).stdout
    assert "b.png over a.png: laid over by 2 points" in told
    assert "1.15 times as large, turned by 2.2 degrees, moved by" in told
    words = ("hybrid", *pair, "-o", "b2.png", "--low", "second", "--points", "20,15:14,22", "40,15:34,22")
    assert "1.00 times as large, turned by 0.0 degrees, moved by 6, -7 px" in alebrije(*words).stdout


def test_aligned_by_itself(alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    report = reported(alebrije(*made(pair, "--align", "auto")))
    assert set(report["alignment"]) == {"scale", "degrees", "shift", "match", "before", "note"}
    assert "over" in caption(image.read_metadata("out.png"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--points", "10,20:12,25"], "points of two or more places"),
        (["--points", "10,20:12,25", "900,20:12,25"], "the point 900,20 lies outside a.png (48x40)"),
        (["--points", "10,20:12,25", "30,20:12,41"], "the point 12,41 lies outside b.png (48x40)"),
        (["--points", "10,20:12,25", "10,20:12,25"], "far apart"),
        (["--points", "10,20-12,25"], "write a place as X,Y:X,Y"),
        (["--points", "10,20:12,25", "5,5:5"], "cannot read '5,5:5'"),
        (["--points", "a,b:c,d", "1,1:2,2"], "cannot read 'a,b:c,d'"),
        (["--points", "-5,1:2,2", "1,1:9,2"], "the point -5,1 lies outside a.png"),
        (["--points", "10,20:12,25", "30,20:14,5", "--align", "auto"], "give one of them"),
        (["--points", "1,2:1,2:1,2", "9,9:9,9:9,9"], "middle picture"),
        (["--between", "2"], "middle picture"),
        (["--middle", "none.png"], "none.png: there is no such file"),
        (["--middle", "a.png", "--between", "9"], "between (9 m) must lie between near (0.5 m) and far (6 m)"),
        (["--middle", "a.png", "--planner", "planner"], "leave out planner"),
        (["--planner", "runs/none"], "runs/none"),
        (["--print-width", "10", "--screen-width", "10"], "not both"),
        (["--dpi", "100"], "print_width"),
        (["--print-width", "0.05"], "6 pixels wide"),
        (["--print-width", "500", "--dpi", "1200"], "megapixels"),
        (["--zoom", "walk.avi"], "(.mp4, .webm, .mkv): name the file walk.gif"),
        (["--zoom", "none/walk.mp4"], "there is no folder none"),
        (["--zoom", "a.png.mp4/walk.webm"], "there is no folder"),
    ],
)
def test_bad_settings_end_in_one_line(words: list[str], message: str, alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    refused(alebrije("hybrid", *pair, "-o", "out.png", *words), message)


def test_three_pictures(alebrije: Alebrije, pair: tuple[Path, Path], paint: Paint) -> None:
    third = paint("c.png", (30, 30), seed=2)
    report = reported(alebrije(*made(pair, "--middle", str(third), "--previews", "--far", "9")))
    assert report["files"] == ["out.png", "out-near.png", "out-middle.png", "out-far.png"]
    assert all(image.load(file).size == (48, 40) for file in report["files"])
    assert len(report["sigma_middle"]) == len(report["switch_distances"]) == 2
    record = image.read_metadata("out.png")
    assert [one["name"] for one in record["inputs"]] == ["a.png", "b.png", "c.png"]
    assert "from between c.png" in caption(record)
    told = alebrije("hybrid", *pair, "--middle", third, "-o", "out.png", "--force")
    assert "warning: c.png (30x30) is cropped and scaled to the size of a.png (48x40)" in told.stderr
    assert "from between c.png: blurred by" in told.stdout


def test_a_middle_picture_joins_every_pair_of_folders(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for seed, name in enumerate(("a/1.png", "a/2.png", "b/x.png", "b/y.png", "c.png")):
        paint(name, seed=seed)
    report = reported(alebrije("hybrid", "a", "b", "--middle", "c.png", "-o", "out", "--json"))
    assert report["files"] == ["out/1.png", "out/2.png"]
    inputs = [one["name"] for one in image.read_metadata("out/2.png")["inputs"]]
    assert inputs == ["2.png", "y.png", "c.png"]
    result = alebrije("hybrid", "a", "b", "-o", "none", "--points", "1,2:3,4", "5,6:9,8")
    assert "error: --points is for one pair" in result.stderr


def test_grey_high(alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    """Far away everything is grey if the far picture is; the colours of the near one are gone."""
    grey = Image.open(pair[0]).convert("L")
    grey.save("grey.png")
    reported(alebrije("hybrid", "grey.png", pair[1], "--low", "first", "--gray-high", "-o", "out.png", "--json"))
    pixels = image.load("out.png").pixels
    assert float((pixels - pixels.mean(1, keepdim=True)).abs().max()) < 1 / 255


@pytest.mark.parametrize("kind", ["png", "jpg", "tiff", "webp", "bmp"])
def test_a_print_says_its_resolution(kind: str, alebrije: Alebrije, pair: tuple[Path, Path], work: Path) -> None:
    words = ("hybrid", *pair, "-o", f"out.{kind}", "--print-width", "2.54", "--dpi", "96", "--json")
    reported(alebrije(*words))
    with Image.open(f"out.{kind}") as file:
        assert file.size == (96, 80)
        if kind == "webp":
            assert file.getexif()[282] == 96
        else:
            assert file.info["dpi"] == pytest.approx((96, 96), abs=0.02)
    if kind != "bmp":
        assert image.read_metadata(f"out.{kind}")["verb"] == "hybrid"


def test_the_print_s_resolution_replaces_the_camera_s(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    exif = Image.Exif()
    exif[282] = exif[283] = 72.0
    exif[271] = "Camera"
    exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
    Image.open(paint("a.png")).save("a.jpg", exif=exif)
    for kind in ("jpg", "png", "tiff"):
        alebrije("hybrid", "a.jpg", "a.png", "-o", f"out.{kind}", "--print-width", "3", "--dpi", "200")
        with Image.open(f"out.{kind}") as file:
            found = file.getexif()
            assert (float(found[282]), float(found[283]), found[296], found[271]) == (200, 200, 2, "Camera")
            assert found.get_ifd(0x8769)[0x9003] == "2020:01:01 00:00:00"
    alebrije("hybrid", "a.jpg", "a.png", "-o", "screen.jpg")
    with Image.open("screen.jpg") as file:
        assert float(file.getexif()[282]) == 72


def test_an_enlarged_print_is_told(alebrije: Alebrije, pair: tuple[Path, Path]) -> None:
    result = alebrije("hybrid", *pair, "-o", "out.png", "--print-width", "4", "--dpi", "100")
    assert "a.png (48x40) is enlarged 3.3 times for 4 cm at 100 dpi" in result.stderr
    assert "enlarged" not in alebrije("hybrid", *pair, "-o", "b2.png", "--print-width", "2", "--dpi", "100").stderr


@pytest.mark.parametrize("kind", ["mp4", "webm", "mkv"])
def test_the_walk_as_a_video(kind: str, alebrije: Alebrije, pair: tuple[Path, Path], work: Path) -> None:
    av = pytest.importorskip("av")
    report = reported(alebrije(*made(pair, "--zoom", f"walk.{kind}")))
    assert report["files"] == ["out.png", f"walk.{kind}"]
    with av.open(f"walk.{kind}") as container:
        frames = [torch.from_numpy(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
        assert container.streams.video[0].average_rate == 24
    assert len(frames) == 96
    assert frames[0].shape == (40, 48, 3)
    hybrid = image.load("out.png").pixels[0].movedim(0, -1)
    assert float((frames[0] / 255 - hybrid).abs().mean()) < 0.05
    assert float((frames[48][:10] / 255 - 0.5).abs().max()) < 0.03  # far away: grey around


def test_a_video_needs_its_package(alebrije: Alebrije, pair: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    for name in ("av", "av.codec", "av.codec.codec"):
        monkeypatch.setitem(sys.modules, name, None)
    refused(alebrije("hybrid", *pair, "-o", "out.png", "--zoom", "walk.mp4"), "extra video: pip install av")
