"""`alebrije stylize-lab`, as a user types it."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

from alebrije.cli import load_command

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

FAST = ("--losses", "gram,bn", "--size", "48", "--steps", "3", "--quality", "quick", "--precision", "fp32")


def test_all_json_files_after_votes_are_votes() -> None:
    words = ["C", "--votes", "a.json", "b.json", "S", "--losses", "gram,bn", "-o", "F"]
    found = load_command("stylize-lab").make_context("stylize-lab", words).params
    assert found["votes"] == [Path("a.json"), Path("b.json")]
    assert (found["contents"], found["styles"], found["output"], found["losses"]) == (Path("C"), Path("S"), Path("F"), "gram,bn")


def test_it_paints_ranks_and_says_where_it_all_is(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("c.png"), paint("s.png", seed=1)
    found = alebrije("stylize-lab", "c.png", "s.png", "-o", "lab", *FAST)
    assert found.exit_code == 0, found.output
    assert "mean rank" in found.stdout
    assert "2 pictures in lab/index.html" in found.stdout
    assert "ST-LPIPS is left out" in found.stderr
    again = alebrije("stylize-lab", "c.png", "s.png", "-o", "lab", *FAST, "--json")
    report = json.loads(again.stdout.splitlines()[-1])
    assert all((work / file).is_file() for file in report["files"])
    assert "2 of 2 pictures are there already and are kept" in again.stderr


def test_ctrl_c_keeps_what_is_finished(start: Callable[..., subprocess.Popen[str]], paint: Paint, work: Path) -> None:
    paint("c.png"), paint("s.png", seed=1)
    process = start("stylize-lab", "c.png", "s.png", "-o", "lab", *FAST, "--losses", "bn,gram", "--steps", "60", "--json")
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("saved"):
            break
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "interrupted; what was done so far is kept" in errors
    assert [one["painter"] for one in json.loads(out)["pictures"]] == ["bn"]
    assert (work / "lab" / "index.html").is_file()


def test_mistakes_end_in_one_line(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("c.png"), paint("s.png", seed=1)
    found = alebrije("stylize-lab", "c.png", "s.png", "--losses", "grm")
    assert (found.exit_code, found.stderr) == (1, "error: unknown painter grm (did you mean gram?)\n")
    (work / "votes.json").write_text("[]")
    found = alebrije("stylize-lab", "c.png", "s.png", *FAST, "--votes", "votes.json")
    assert found.exit_code == 1
    assert found.stderr.startswith("error: cannot read votes.json: it holds no votes")
    assert alebrije("stylize-lab", "c.png").exit_code == 2
