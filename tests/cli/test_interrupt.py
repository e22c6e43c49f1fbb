"""Ctrl-C in the real program: the work so far is saved, and nothing half-written stays behind."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from alebrije.core import image
from alebrije.runs import Run

Alebrije = Callable[..., Result]
Start = Callable[..., "subprocess.Popen[str]"]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
TINY = {"size": 16, "latent_dim": 4, "width": 4, "pictures": 16, "batch_size": 4, "sample_every": 1000, "precision": "fp32"}
SETTINGS = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]


def interrupt_after(process: subprocess.Popen[str], sign: str) -> tuple[int, str, str]:
    """Wait for a line on stderr that has `sign`, press Ctrl-C, and return exit code, stdout and stderr."""
    assert process.stderr is not None
    seen = ""
    with process:
        for line in process.stderr:
            seen += line
            if sign in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    return process.returncode, out, seen + err


def test_the_picture_so_far_is_kept(start: Start, paint: Callable[..., Path], work: Path) -> None:
    paint("a.png"), paint("b.png", seed=1)
    process = start("stylize", "a.png", "b.png", "-o", "out.png", "--steps", "1000000", "--json", "--timelapse", "film.gif")
    code, out, err = interrupt_after(process, "stylize: 3/1000000")
    assert code == 130, err
    report = json.loads(out.splitlines()[-1])
    assert 3 <= report["steps"] < 1_000_000
    assert "interrupted; what was done so far is kept" in err
    assert "Traceback" not in err
    assert image.load(work / "out.png").size == image.load(work / "a.png").size
    assert image.read_metadata(work / "out.png")["verb"] == "stylize"
    assert {path.name for path in work.iterdir()} - {"film.gif"} == {"a.png", "b.png", "out.png", ".out.png.resume"}


def test_a_training_is_kept_and_goes_on(start: Start, alebrije: Alebrije, work: Path) -> None:
    process = start("train", "autoencoder/creatures", "--run", "run", *SETTINGS, "--set", "steps=1000000", "--json")
    code, out, err = interrupt_after(process, "training run: 12/1000000")
    assert code == 130, err
    assert err.splitlines()[-1] == "warning: interrupted; what was done so far is kept"
    found = re.search(r"stopped at step (\d+): go on with `alebrije train --resume --run run`", err)
    assert found, err
    step = int(found[1])
    report = json.loads(out.splitlines()[-1])
    assert (report["run"], report["steps"]) == ("run", step)
    assert set(report["metrics"]) == {"mse"}
    assert not list(work.rglob(".alebrije-*"))

    result = alebrije("train", "--resume", "--run", "run", "--set", f"steps={step + 8}", "--set", "log_every=1", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout.splitlines()[-1])["steps"] == step + 8
    steps = Run.open(work / "run").metrics()["step"]
    assert steps[-8:] == list(range(step + 1, step + 9))
    assert steps == sorted(set(steps))


def test_a_folder_of_pictures_ends_with_the_one_at_work(start: Start, paint: Callable[..., Path], work: Path) -> None:
    for number in range(3):
        paint(f"many/{number}.png")
    process = start("stylize", "many", "many/0.png", "-o", "out", "--steps", "1000000")
    code, out, err = interrupt_after(process, "stylize: 2/1000000")
    assert code == 130, err
    assert {path.name for path in (work / "out").iterdir()} == {"0.png", ".0.png.resume"}
    assert "1 made" in out


def test_drawn_creatures_are_listed_as_far_as_they_were_drawn(start: Start, work: Path) -> None:
    process = start("dataset", "draw", "set", "-n", "100000", "--size", "16", "--json")
    code, out, _ = interrupt_after(process, "drawing creatures: 4/100000")
    assert code == 130
    report = json.loads(out.splitlines()[-1])
    assert report["count"] == len((work / "set" / "metadata.jsonl").read_text().splitlines()) >= 4
    assert len(list((work / "set").glob("*.png"))) == report["count"]
