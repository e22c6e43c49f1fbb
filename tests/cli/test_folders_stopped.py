"""Folder work cut short by a full disk or by Ctrl-C: what is done stays, what remains is listed, the same command goes on."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError
from typer.testing import Result

from alebrije.cli import outcome
from alebrije.core import files, image
from alebrije.errors import OutputError

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(number: int, three: Path, alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second result does not fit: the first stays, the others are listed, and the same command goes on later."""
    sync = os.fsync

    def full(handle: int) -> None:
        if (three / "out" / "1.png").exists() and stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 1
    report = told(result)
    assert report["files"] == ["out/1.png"]
    assert report["remaining"] == ["in/a/2.png", "in/a/deep/3.png"]
    assert report["failed"] == {}
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: cannot write out/a/2.png: the disk is full (or a quota is used up); make room")
    assert last.endswith("; 1 made, 2 not: in/a/2.png, in/a/deep/3.png; the same command with --skip-existing goes on")
    assert tree(three / "out") == ["1.png"]
    assert not (three / "out" / "a").exists()
    words = alebrije(*CROSS, "--skip-existing").stdout.splitlines()
    assert words[-4:] == ["0 made, 1 there already", "not finished, 2 (the same command with --skip-existing goes on):",
                          "  in/a/2.png", "  in/a/deep/3.png"]  # fmt: skip
    monkeypatch.setattr(files.os, "fsync", sync)
    report = told(alebrije(*CROSS, "--skip-existing", "--json"))
    assert (report["skipped"], report["files"]) == (["out/1.png"], ["out/a/2.png", "out/a/deep/3.png"])


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("unshare"), reason="a small disk of one's own, by Linux")
def test_a_disk_that_is_really_full(paint: Paint, work: Path) -> None:
    """On a disk of 128 kB in a namespace of its own, where no administrator is needed."""
    for number in range(4):
        paint(f"in/{number}.png", (200, 160), seed=number)
    paint("b.png", (200, 160), seed=9)
    (work / "disk").mkdir()
    mount = ["unshare", "-Urm", "sh", "-c", 'mount -t tmpfs -o size=128k none disk && exec "$@"', "sh"]
    if subprocess.run([*mount, "true"], cwd=work, capture_output=True, check=False).returncode:
        pytest.skip("this system gives no disks away")
    program = [sys.executable, "-m", "alebrije", "hybrid", "in", "b.png", "-o", "disk/out", "--json"]
    after = '"$@"; code=$?; ls -A disk/out >&2; exit $code'
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([*mount, "sh", "-c", after, "sh", *program], cwd=work, capture_output=True, text=True, check=False,
                          env=environment)  # fmt: skip
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    made, left = len(report["files"]), len(report["remaining"])
    assert made >= 1
    assert left >= 1
    assert made + left == 4
    *_, error = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert "the disk is full" in error
    assert f"{made} made, {left} not: in/{made}.png" in error
    listed = done.stderr.splitlines()[-made:]
    assert listed == [f"{number}.png" for number in range(made)]  # and nothing half-written


def test_a_full_disk_is_known_by_whatever_says_so() -> None:
    def wrapped(number: int) -> Exception:
        try:
            try:
                raise OSError(number, "anything")
            except OSError as error:
                raise OutputError("cannot write it") from error
        except OutputError as error:
            return error

    assert outcome.is_disk_full(OSError(errno.ENOSPC, "x"))
    assert outcome.is_disk_full(wrapped(errno.EDQUOT))
    for other in (None, ValueError("x"), wrapped(errno.EACCES), OSError("no number"), wrapped(errno.EFBIG)):
        assert not outcome.is_disk_full(other)


def test_a_full_disk_is_known_from_the_words_of_safetensors() -> None:
    """What its version 0.8 says where `save_file` meets a full disk; it raises no OSError."""
    assert outcome.is_disk_full(SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"))
    assert not outcome.is_disk_full(SafetensorError("Error while serializing: I/O error: Permission denied (os error 13)"))


def test_what_was_stopped_is_listed_and_gone_on_with(
    three: Path, alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the second picture; the same command with --skip-existing ends as if nothing had happened."""
    from alebrije.cli import shell
    from alebrije.errors import Interrupted
    from alebrije.events import Step

    words = ("stylize", *CROSS[1:4])
    few = ("--steps", "4", "--quality", "quick", "--size", "32")
    assert alebrije(*words, "whole", *few).exit_code == 0
    count = 0

    def drive(work: Any) -> Any:
        nonlocal count
        count += 1
        for event in work:
            yield event
            if count == 2 and isinstance(event, Step) and event.index == 2:
                yield work.throw(Interrupted())
                return

    with monkeypatch.context() as patch:
        patch.setattr(shell, "drive", drive)
        result = alebrije(*words, "out", *few, "--json")
    assert result.exit_code == 130
    report = told(result)
    assert report["files"] == ["out/1.png", "out/a/2.png"]
    assert report["remaining"] == ["in/a/2.png", "in/a/deep/3.png"]
    report = told(alebrije(*words, "out", *few, "--skip-existing", "--json"))
    assert report["skipped"] == ["out/1.png"]
    assert report["files"] == ["out/a/2.png", "out/a/deep/3.png"]
    for name in tree(three / "whole"):
        assert (three / "out" / name).read_bytes() == (three / "whole" / name).read_bytes()


def test_an_interruption_outside_a_verb_is_told_in_the_same_way(
    three: Path, alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = image.load

    def impatient(path: Path, **options: Any) -> Any:
        if path.name == "2.png":
            raise KeyboardInterrupt
        return load(path, **options)

    monkeypatch.setattr(image, "load", impatient)
    result = alebrije(*CROSS, "--json")
    assert result.exit_code == 130
    assert told(result)["files"] == ["out/1.png"]
    assert told(result)["remaining"] == ["in/a/2.png", "in/a/deep/3.png"]
