"""`--watch`: what comes into a folder is made, once, when it is whole; Ctrl-C is the end and no failure."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import Result

from alebrije.cli import folders
from alebrije.core import files, image

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]
Story = Callable[[Iterator[Any]], None]

CROSS = ("hybrid", "in", "b.png", "-o", "out", "--watch")


def tree(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Story:
    """Let this happen in the pauses between two looks, a step each; then Ctrl-C is pressed."""

    def choose(happenings: Iterator[Any]) -> None:
        def pause(seconds: float) -> None:
            assert 0.5 <= seconds <= folders.AT_MOST
            try:
                next(happenings)
            except StopIteration:
                raise KeyboardInterrupt from None

        monkeypatch.setattr(folders, "time", SimpleNamespace(sleep=pause, monotonic=time.monotonic))

    return choose


@pytest.fixture
def one(paint: Paint, work: Path) -> Path:
    paint("in/1.png"), paint("b.png", seed=1)
    return work


def test_what_is_there_and_what_comes(one: Path, paint: Paint, alebrije: Alebrije, during: Story) -> None:
    def happens() -> Iterator[None]:
        yield  # the first look takes nothing: nobody knows yet what rests
        yield
        assert tree(one / "out") == ["1.png"]
        paint("in/a/deep/2.png", seed=2)
        yield
        assert tree(one / "out") == ["1.png"]
        yield
        assert tree(one / "out") == ["1.png", "a/deep/2.png"]
        yield

    during(happens())
    result = alebrije(*CROSS)
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "watching in: Ctrl-C ends it",
        "[1] 1.png + b.png -> out/1.png",
        "[2] 2.png + b.png -> out/a/deep/2.png",
        "2 made",
    ]


def test_a_file_that_grows_is_waited_for(one: Path, alebrije: Alebrije, during: Story) -> None:
    whole = (one / "b.png").read_bytes()

    def happens() -> Iterator[None]:
        for part in range(1, 6):
            (one / "in" / "2.png").write_bytes(whole[: len(whole) * part // 5])
            yield
            assert not (one / "out" / "2.png").exists()
        yield
        yield
        assert (one / "out" / "2.png").exists()

    during(happens())
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["files"] == ["out/1.png", "out/2.png"]


def test_what_was_made_before_is_left_alone_and_what_changes_later_too(one: Path, alebrije: Alebrije, during: Story) -> None:
    assert alebrije(*CROSS[:-1]).exit_code == 0
    before = (one / "out" / "1.png").stat()

    def happens() -> Iterator[None]:
        yield
        yield
        (one / "in" / "1.png").write_bytes((one / "b.png").read_bytes() + b"changed")
        yield
        yield
        yield

    during(happens())
    result = alebrije(*CROSS)
    assert result.exit_code == 0
    assert "in/1.png has changed: out/1.png is left alone; --force makes it anew" in result.stdout
    assert result.stdout.splitlines()[-1] == "0 made, 1 there already"
    assert (one / "out" / "1.png").stat() == before
    during(happens())
    result = alebrije(*CROSS, "--force", "--json")
    assert json.loads(result.stdout)["files"] == ["out/1.png"] * 2
    assert (one / "out" / "1.png").stat() != before


def test_a_bad_file_is_named_and_can_be_put_right(one: Path, alebrije: Alebrije, during: Story) -> None:
    def bad() -> Iterator[None]:
        (one / "in" / "2.png").write_text("not yet")
        yield
        yield
        yield

    def mended() -> Iterator[None]:
        yield from bad()
        (one / "in" / "2.png").write_bytes((one / "b.png").read_bytes())
        yield
        yield

    during(bad())
    result = alebrije(*CROSS)
    assert result.exit_code == 1
    assert result.stderr.count("skipped: cannot read in/2.png") == 1
    assert result.stderr.splitlines()[-1] == "error: 1 of 2 could not be made: in/2.png"
    during(mended())
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["files"], report["skipped"], report["failed"]) == (["out/2.png"], ["out/1.png"], {})


def test_a_file_that_changes_while_another_is_made_is_waited_for(
    one: Path, alebrije: Alebrije, during: Story, paint: Paint, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = paint("in/2.png", seed=2).read_bytes()
    load = image.load

    def meanwhile(path: Path, **options: Any) -> Any:
        if path.name == "1.png":
            (one / "in" / "2.png").write_bytes(whole[:100])
        return load(path, **options)

    def happens() -> Iterator[None]:
        yield
        yield
        (one / "in" / "2.png").write_bytes(whole)
        yield
        yield
        yield

    monkeypatch.setattr(image, "load", meanwhile)
    during(happens())
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["files"] == ["out/1.png", "out/2.png"]


def test_an_empty_folder_is_waited_in_and_the_results_are_not_taken_for_pictures(
    paint: Paint, work: Path, alebrije: Alebrije, during: Story
) -> None:
    (work / "in").mkdir()
    paint("b.png")

    def happens() -> Iterator[None]:
        yield
        paint("in/1.png")
        for _ in range(5):
            yield

    during(happens())
    assert alebrije("hybrid", "in", "b.png", "-o", "in/out", "--watch").exit_code == 0
    assert tree(work / "in") == ["1.png", "out/1.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="links")
def test_a_link_is_named_once(work: Path, paint: Paint, alebrije: Alebrije, during: Story) -> None:
    (work / "in").mkdir()
    (work / "in" / "loop").symlink_to(work)
    paint("b.png")
    during(iter([None] * 4))
    assert alebrije(*CROSS).stderr.count("in/loop leads to another folder") == 1


def test_a_folder_that_goes_away_is_waited_for(one: Path, alebrije: Alebrije, during: Story) -> None:
    def happens() -> Iterator[None]:
        (one / "in").rename(one / "elsewhere")
        yield
        yield
        (one / "elsewhere").rename(one / "in")
        yield
        yield

    during(happens())
    result = alebrije(*CROSS)
    assert result.exit_code == 0, result.output
    assert tree(one / "out") == ["1.png"]


def test_what_rests_not_yet_remains(one: Path, paint: Paint, alebrije: Alebrije, during: Story) -> None:
    during(iter([]))
    report = json.loads(alebrije(*CROSS, "--json").stdout)
    assert (report["files"], report["remaining"]) == ([], ["in/1.png"])


def test_a_wrong_setting_ends_it_at_the_second_picture(one: Path, paint: Paint, alebrije: Alebrije, during: Story) -> None:
    paint("in/2.png")
    during(iter([None] * 5))
    result = alebrije("stylize", *CROSS[1:], "--loss", "gran")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: unknown loss gran (did you mean gram?)"


def test_a_full_disk_ends_it(one: Path, paint: Paint, alebrije: Alebrije, during: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    paint("in/2.png")
    monkeypatch.setattr(files.os, "fsync", full)
    during(iter([None] * 5))
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["remaining"] == ["in/1.png", "in/2.png"]
    assert "the disk is full" in result.stderr.splitlines()[-1]
    assert not (one / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hybrid", "in", "in", "-o", "out"], "--watch watches one folder"),
        (["hybrid", "none", "b.png", "-o", "out"], "--watch is for folders, and none is none"),
    ],
)
def test_what_cannot_be_watched(words: list[str], message: str, one: Path, alebrije: Alebrije) -> None:
    result = alebrije(*words, "--watch")
    assert result.exit_code == 1
    assert message in result.stderr


def read_until(process: subprocess.Popen[str], sign: str) -> None:
    assert process.stdout is not None
    timer = threading.Timer(240, process.kill)
    timer.start()
    for line in process.stdout:
        if sign in line:
            break
    timer.cancel()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_the_real_program(one: Path, paint: Paint, start: Callable[..., subprocess.Popen[str]]) -> None:
    with start(*CROSS) as process:
        read_until(process, "watching in")
        paint("2.png", seed=3).rename("in/2.png")
        read_until(process, "out/2.png")
        for _ in range(600):
            if (one / "out" / "2.png").exists():
                break
            time.sleep(0.1)
        time.sleep(2)  # until it waits again
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "2 made"
    assert tree(one / "out") == ["1.png", "2.png"]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_in_the_middle_of_a_picture_is_an_interruption(one: Path, start: Callable[..., subprocess.Popen[str]]) -> None:
    with start("stylize", *CROSS[1:], "--steps", "1000000", "--json") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "stylize: 2/" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out)["remaining"] == ["in/1.png"]
