"""`alebrije dataset` as somebody types it: import, show, check; and Ctrl-C in the middle."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from alebrije.core import image
from alebrije.data.draw import write

Alebrije = Callable[..., Result]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve drawn creatures that nobody changes."""
    folder = tmp_path_factory.mktemp("drawn") / "creatures"
    list(write(folder, 12, size=32))
    return folder


def reported(result: Result) -> dict[str, Any]:
    """What a program reads: the last line of stdout."""
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_from_pictures_to_a_sound_data_set(alebrije: Alebrije, drawn: Path, work: Path) -> None:
    words = ("dataset", "import", drawn, "-o", "set", "--size", "24x16", "--gray", "--tags", "-night", "--fit", "pad")
    made = reported(alebrije(*words, "--json"))
    night = sum("night" in json.loads(line)["tags"] for line in (drawn / "metadata.jsonl").read_text().splitlines())
    assert night
    assert (made["folder"], made["pictures"], made["left_out"]) == ("set", 12 - night, {"tags": night})
    assert made["files"] == ["set/report.html"]
    page = (work / "set" / "report.html").read_text(encoding="utf-8")
    assert "src=" in page
    assert not re.search(r'(?:src|href)="(?!data:)', page)

    shown = reported(alebrije("dataset", "show", "set", "--tags", "white", "-o", "sheet.png", "-n", "4", "--json"))
    assert (shown["width"], shown["height"], shown["channels"], shown["pictures"]) == (24, 16, 1, 12 - night)
    assert shown["chosen"] == shown["tags"]["white"] < 12 - night
    assert shown["fingerprint"] == made["fingerprint"]
    assert image.load(work / "sheet.png").width > 24
    table = alebrije("dataset", "show", "set", "-n", "3").stdout.splitlines()
    assert table[0].startswith(f"set: {12 - night} pictures, 24x16, grey, ")
    assert f"  left out: {night} not chosen by --tags" in table
    assert table[-1].startswith("and ")

    assert reported(alebrije("dataset", "check", "set", "--json"))["problems"] == []
    again = alebrije(*words)
    assert again.exit_code == 1
    assert "--force" in again.stderr


def test_what_is_broken_is_listed_and_the_exit_code_is_1(alebrije: Alebrije, drawn: Path, work: Path) -> None:
    assert alebrije("dataset", "import", drawn, "-o", "set", "--size", "8", "--quiet").exit_code == 0
    path = work / "set" / "pictures-00000.npy"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    result = alebrije("dataset", "check", "set")
    assert result.exit_code == 1
    assert result.stdout == "problem: set/pictures-00000.npy is damaged: picture 11 (000011.png)\n"
    assert result.stderr.splitlines()[-1] == "error: set: 1 problem, listed above: import the data set again"


def test_what_cannot_be_read_is_named_and_the_rest_is_there(alebrije: Alebrije, paint: Callable[..., Path], work: Path) -> None:
    paint("in/cats/1.png", seed=1), paint("in/dogs/2.png", seed=2)
    (work / "in" / "dogs" / "3.png").write_bytes(b"no picture")
    result = alebrije("dataset", "import", "in", "-o", "set", "--size", "16")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: 1 pictures of in could not be imported; set/report.html names them")
    assert "warning: left out: cannot read in/dogs/3.png" in result.stderr
    assert "  left out: 1 cannot be read" in result.stdout
    assert reported(alebrije("dataset", "show", "set", "--json"))["tags"] == {"cats": 1, "dogs": 1}
    folder = reported(alebrije("dataset", "show", "in", "--json"))  # a plain folder works, too
    assert (folder["pictures"], folder["width"]) == (2, 64)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "none", "-o", "set"], "there is no folder none"),
        (["import", "SRC", "-o", "set", "--size", "big"], "write 64 for squares"),
        (["import", "SRC", "-o", "set", "--tags", "cat_head ("], "character 10"),
        (["import", "SRC", "-o", "set", "--tags", "cat_hed"], "did you mean cat_head?"),
        (["import", "SRC", "-o", "set", "--tags", "white landscape"], "landscape leaves none of the pictures that are white"),
        (["import", "SRC", "-o", "set", "--bar-kinds", "diagonal"], "diagonal"),
        (["import", "SRC", "-o", "none/set"], "mkdir -p none"),
        (["import", "mnist", "-o", "set"], "mnist needs no import"),
        (["show", "fashion-mnst"], "did you mean fashion-mnist?"),
        (["show", "."], "there is no picture in"),
        (["check", "."], "is no data set: make one with alebrije dataset import"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words: list[str], message: str, alebrije: Alebrije, drawn: Path) -> None:
    result = alebrije("dataset", *(str(drawn) if word == "SRC" else word for word in words))
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_keeps_what_was_done(
    start: Callable[..., subprocess.Popen[str]], alebrije: Alebrije, drawn: Path, work: Path
) -> None:
    records = [json.loads(line) for line in (drawn / "metadata.jsonl").read_text().splitlines()]
    (work / "in").mkdir()
    lines = []
    for number in range(300):
        data = (drawn / records[number % 12]["file"]).read_bytes()
        (work / "in" / f"{number}.png").write_bytes(data + number.to_bytes(4, "big"))  # no two files are the same
        lines.append(json.dumps({"file": f"{number}.png", "tags": records[number % 12]["tags"]}))
    (work / "in" / "metadata.jsonl").write_text("\n".join(lines))
    process = start("dataset", "import", "in", "-o", "set", "--size", "8", "--json")
    assert process.stderr is not None
    with process:
        for line in process.stderr:
            if "importing pictures: 10/300" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command goes on there" in err
    assert "Traceback" not in err
    assert not (work / "set").exists()
    stopped = json.loads(out.splitlines()[-1])
    assert 10 <= stopped["pictures"] < 300
    result = alebrije("dataset", "import", "in", "-o", "set", "--size", "8", "--json")
    assert f"going on behind picture {stopped['pictures']}," in result.stderr
    assert reported(result)["pictures"] == 300
    assert reported(alebrije("dataset", "check", "set", "--json"))["problems"] == []
