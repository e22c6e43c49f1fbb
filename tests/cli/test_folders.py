"""Whole folders: the tree is kept, nothing is made twice or lost, and what fails is named."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import Result

from alebrije.core import image

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX systems")
KEYS = {"files", "results", "failed", "skipped", "remaining"}
CROSS = ("hybrid", "in", "b.png", "-o", "out")


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def told(result: Result) -> dict[str, Any]:
    """The JSON, which comes whatever the exit code."""
    found = json.loads(result.stdout.splitlines()[-1])
    assert set(found) == KEYS
    return dict(found)


@pytest.fixture
def three(paint: Paint, work: Path) -> Path:
    """in/1.png, in/a/2.png, in/a/deep/3.png, and b.png beside the folder."""
    for seed, name in enumerate(("in/1.png", "in/a/2.png", "in/a/deep/3.png", "b.png")):
        paint(name, seed=seed)
    return work


@pytest.mark.parametrize("verb", [("hybrid",), ("stylize", "--steps", "2", "--quality", "quick", "--size", "32")])
def test_the_tree_is_kept(verb: tuple[str, ...], three: Path, alebrije: Alebrije) -> None:
    report = told(alebrije(*verb, *CROSS[1:], "--json"))
    assert report["files"] == ["out/1.png", "out/a/2.png", "out/a/deep/3.png"]
    assert tree(three / "out") == ["1.png", "a/2.png", "a/deep/3.png"]
    assert len(report["results"]) == 3
    assert (report["failed"], report["skipped"], report["remaining"]) == ({}, [], [])
    assert [one["name"] for one in image.read_metadata("out/a/2.png")["inputs"]] == ["2.png", "b.png"]


def test_people_see_what_becomes_of_what(three: Path, alebrije: Alebrije) -> None:
    lines = alebrije(*CROSS).stdout.splitlines()
    assert lines == [
        "[1/3] 1.png + b.png -> out/1.png",
        "[2/3] 2.png + b.png -> out/a/2.png",
        "[3/3] 3.png + b.png -> out/a/deep/3.png",
        "3 made",
    ]
    assert alebrije(*CROSS[:4], "quiet", "--quiet").stdout == ""


def test_the_output_may_lie_in_the_input(three: Path, alebrije: Alebrije) -> None:
    words = ("hybrid", "in", "b.png", "-o", "in/made")
    assert alebrije(*words).exit_code == 0
    assert alebrije(*words, "--force").exit_code == 0
    assert told(alebrije(*words, "--skip-existing", "--json"))["files"] == []
    assert tree(three / "in" / "made") == ["1.png", "a/2.png", "a/deep/3.png"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-o", "in"], "the results of in need a folder of their own"),
        (["-o", "in/a/.."], "need a folder of their own"),
        (["-o", "taken"], "taken is a file"),
        (["-o", "out.jpg"], "give -o a name without .jpg"),
        (["-o", "out.mp4"], "give -o a name without .mp4"),
        (["-o", "out", "--format", "gif"], "unknown format gif"),
        (["-o", "out", "--format", "jpeg"], "did you mean jpg?"),
        (["-o", "taken/out"], "cannot make the folder taken/out"),
    ],
)
def test_what_cannot_be_is_said_before_the_work(words: list[str], message: str, three: Path, alebrije: Alebrije) -> None:
    (three / "taken").write_text("mine")
    before = tree(three)
    result = alebrije("hybrid", "in", "b.png", *words)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert message in result.stderr
    assert tree(three) == before
    assert (three / "taken").read_text() == "mine"


def test_a_folder_with_a_point_in_its_name_is_a_folder(three: Path, alebrije: Alebrije) -> None:
    assert alebrije("hybrid", "in", "b.png", "-o", "summer.2024").exit_code == 0
    assert len(tree(three / "summer.2024")) == 3


def test_a_folder_without_pictures(three: Path, alebrije: Alebrije) -> None:
    (three / "empty" / "below").mkdir(parents=True)
    (three / "empty" / "notes.txt").write_text("nothing")
    result = alebrije("hybrid", "empty", "b.png", "-o", "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "error: there is no picture in empty, nor in the folders below it\n"
    assert not (three / "out").exists()


@pytest.mark.parametrize(
    ("format", "names"),
    [
        ("jpg", ["1.jpg", "2.jpg", "3.jpg"]),
        ("webp", ["1.webp", "2.webp", "3.webp"]),
        ("same", ["1.JPG", "2.png", "3.tif"]),
    ],
)
def test_formats(format: str, names: list[str], paint: Paint, work: Path, alebrije: Alebrije) -> None:
    paint("in/1.JPG"), paint("in/3.tif"), paint("b.png")
    Image.new("RGB", (32, 24), (20, 90, 40)).save(work / "in" / "2.gif")
    assert alebrije(*CROSS, "--format", format).exit_code == 0
    assert tree(work / "out") == names
    with Image.open(work / "out" / names[0]) as file:
        assert file.format == {"jpg": "JPEG", "webp": "WEBP", "same": "JPEG"}[format]


def test_results_that_are_there_are_neither_lost_nor_made_again(three: Path, alebrije: Alebrije) -> None:
    (three / "out" / "a").mkdir(parents=True)
    (three / "out" / "a" / "2.png").write_bytes(b"mine, and not even a picture")
    result = alebrije(*CROSS)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "1 of 3 results exist already, out/a/2.png for one: --skip-existing" in result.stderr
    assert tree(three / "out") == ["a/2.png"]
    report = told(alebrije(*CROSS, "--skip-existing", "--json"))
    assert report["skipped"] == ["out/a/2.png"]
    assert report["files"] == ["out/1.png", "out/a/deep/3.png"]
    assert (three / "out" / "a" / "2.png").read_bytes() == b"mine, and not even a picture"
    assert alebrije(*CROSS, "--skip-existing").stdout == "0 made, 3 there already\n"
    assert len(told(alebrije(*CROSS, "--force", "--json"))["files"]) == 3
    assert image.load(three / "out" / "a" / "2.png").size == (48, 40)


def test_skip_and_force_make_again_what_is_older_than_its_pictures(three: Path, alebrije: Alebrije) -> None:
    assert alebrije(*CROSS).exit_code == 0
    for name in tree(three / "out"):
        os.utime(three / "out" / name, (2_000_000_000, 2_000_000_000))
    os.utime(three / "in" / "a" / "2.png", (2_000_000_100, 2_000_000_100))
    assert told(alebrije(*CROSS, "--skip-existing", "--json"))["files"] == []
    report = told(alebrije(*CROSS, "--skip-existing", "--force", "--json"))
    assert report["files"] == ["out/a/2.png"]
    assert len(report["skipped"]) == 2


@pytest.mark.parametrize("kind", ["empty", "folder"])
def test_what_is_no_result_does_not_count_as_one(kind: str, three: Path, alebrije: Alebrije) -> None:
    (three / "out").mkdir()
    target = three / "out" / "1.png"
    target.mkdir() if kind == "folder" else target.touch()
    result = alebrije(*CROSS, "--skip-existing", "--json")
    assert result.exit_code == 1
    report = told(result)
    assert list(report["failed"]) == ["in/1.png"]
    assert "out/1.png" in report["failed"]["in/1.png"]
    assert len(report["files"]) == 2


def test_a_single_result_can_be_skipped_too(three: Path, alebrije: Alebrije) -> None:
    words = ("hybrid", "in/1.png", "b.png", "-o", "out.png", "--skip-existing")
    assert "saved out.png" in alebrije(*words).stdout
    before = (three / "out.png").stat()
    assert json.loads(alebrije(*words, "--json").stdout) == {"files": [], "skipped": ["out.png"]}
    assert (three / "out.png").stat() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [(["--watch"], "--watch is for folders, and b.png is none"), (["--format", "jpg"], "--format is for folders")],
)
def test_what_is_for_folders_only(words: list[str], message: str, three: Path, alebrije: Alebrije) -> None:
    result = alebrije("hybrid", "b.png", "b.png", "-o", "out.png", *words)
    assert result.exit_code == 1
    assert message in result.stderr


@posix
def test_whatever_is_bad_in_a_tree_is_named(three: Path, alebrije: Alebrije) -> None:
    (three / "in" / "a" / "text.jpg").write_text("no picture")
    os.mkfifo(three / "in" / "pipe.png")
    (three / "in" / "gone.png").symlink_to("nowhere.png")
    (three / "in" / "loop").symlink_to("..")
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 1
    report = told(result)
    assert set(report["failed"]) == {"in/a/text.jpg", "in/pipe.png", "in/gone.png"}
    assert len(report["files"]) == 3
    assert "in/loop leads to another folder and is not followed" in result.stderr
    assert result.stderr.splitlines()[-1] == "error: 3 of 6 could not be made: in/gone.png, in/pipe.png, in/a/text.jpg"
    assert tree(three / "out") == ["1.png", "a/2.png", "a/deep/3.png"]


@posix
def test_a_folder_that_may_not_be_read_is_named(three: Path, alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch) -> None:
    scan = os.scandir

    def guarded(path: Any) -> Any:
        if Path(path).name == "deep":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr("os.scandir", guarded)
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 1
    assert told(result)["failed"] == {"in/a/deep": "cannot read the folder in/a/deep: Permission denied"}
    assert tree(three / "out") == ["1.png", "a/2.png"]


def test_a_setting_that_is_wrong_for_one_picture_only(three: Path, alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no other picture meets is about that picture, also if it is the first or the fault is ours."""
    from alebrije.hybrid import run

    honest = run.hybridize

    def picky(first: Any, *others: Any) -> Any:
        if first.path.name == "1.png":
            raise ZeroDivisionError("by this one")
        return honest(first, *others)

    monkeypatch.setattr(run, "hybridize", picky)
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 1
    report = told(result)
    assert list(report["failed"]) == ["in/1.png"]
    assert "ZeroDivisionError: by this one; this is a fault of Alebrije's" in report["failed"]["in/1.png"]
    assert len(report["files"]) == 2


def test_memory_that_one_picture_needs_is_not_the_end_of_the_others(
    three: Path, alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alebrije.hybrid import run

    honest = run.hybridize

    def picky(first: Any, *others: Any) -> Any:
        if first.path.name != "3.png":
            raise MemoryError
        return honest(first, *others)

    monkeypatch.setattr(run, "hybridize", picky)
    report = told(alebrije(*CROSS, "--json"))
    assert report["failed"]["in/a/2.png"] == "in/a/2.png: there is not enough memory for it"
    assert report["files"] == ["out/a/deep/3.png"]
