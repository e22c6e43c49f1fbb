"""`alebrije pairs` as somebody types it: make, check, show, label; one line for everything that is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from alebrije.core import image
from alebrije.data import prompts
from alebrije.data.pairs import Label, check, read_pairs, write_labels
from alebrije.events import Done, Events, Started, last
from alebrije.hybrid.observer import Viewing
from alebrije.studio import labels

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]


@pytest.fixture
def drawn(alebrije: Alebrije) -> Path:
    """A folder of five drawn creatures."""
    assert alebrije("dataset", "draw", "creatures", "-n", "5", "--size", "48").exit_code == 0
    return Path("creatures")


@pytest.fixture
def pairs(paint: Paint) -> Path:
    """A folder of two pairs without labels."""
    for seed, name in enumerate(("1_a", "1_b", "2_a", "2_b")):
        paint(f"pairs/{name}.png", seed=seed)
    return Path("pairs")


def reported(result: Result) -> dict[str, Any]:
    """What a program reads: the last line of stdout."""
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def refused(result: Result, *words: str) -> None:
    """It ended with 1 and in one line that has all of these words."""
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    assert len(lines) == 1
    assert lines[0].startswith("error: ")
    for word in words:
        assert word in lines[0]


def test_from_pictures_to_a_page(alebrije: Alebrije, drawn: Path, work: Path) -> None:
    made = alebrije("pairs", "make", drawn, "-o", "made", "-n", "2", "--size", "32", "--json")
    assert made.exit_code == 0, made.output
    report = reported(made)
    assert (report["count"], report["labelled"], report["pictures"], report["failed"]) == (2, 2, 5, {})
    assert len(report["files"]) == 4
    assert all((work / file).is_file() for file in report["files"])

    told = alebrije("pairs", "check", "made")
    assert told.exit_code == 0
    for words in ("2 pairs in made", "labels: 2 of 2", "a picture 224 wide", "4 of 32x32", "no problems"):
        assert words in told.stdout

    shown = alebrije("pairs", "show", "made", "-o", "page.html")
    assert shown.exit_code == 0
    assert shown.stdout.count("made") == 0
    assert len([line for line in shown.stdout.splitlines() if "creatures" not in line and ".png" in line]) == 2
    assert (work / "page.html").read_text().count("<img") == 8


def test_show_prints_what_the_labels_say(alebrije: Alebrije, pairs: Path) -> None:
    write_labels(pairs, [Label(1, 2.0, 4.0), None])
    report = reported(alebrije("pairs", "show", pairs, "--json"))
    first, second = report["pairs"]
    assert (first["number"], first["first"], first["second"], first["low"]) == (1, "1_a.png", "1_b.png", "second")
    assert (first["sigma_first"], first["sigma_second"]) == (2, 4)
    assert first["cycles_low"] == pytest.approx(0.18739 * 224 / 4, rel=1e-4)
    assert first["cycles_high"] == pytest.approx(0.18739 * 224 / 2, rel=1e-4)
    assert second["low"] is None
    lines = alebrije("pairs", "show", pairs).stdout.splitlines()
    assert lines[1].split() == ["1", "1_a.png", "1_b.png", "second", "2.00", "4.00", "10.5", "21.0"]
    assert lines[2].split() == ["2", "2_a.png", "2_b.png", "no", "label"]


def test_check_lists_all_problems_and_ends_with_1(alebrije: Alebrije, pairs: Path, paint: Paint) -> None:
    paint("pairs/3_alone.png", seed=7)
    paint("pairs/cover.png", seed=8)
    (pairs / "labels.txt").write_text("0 1 2\n0 -1 2\n-\n")
    found = alebrije("pairs", "check", pairs)
    refused(found, "2 problems")
    assert "warning: left out, because their names do not begin with a number: cover.png" in found.stderr
    problems = [line for line in found.stdout.splitlines() if line.startswith("problem: ")]
    assert len(problems) == 2
    assert "number 3" in problems[0]
    assert "labels.txt, line 2" in problems[1]
    report = reported(alebrije("pairs", "check", pairs, "--json"))
    assert {"pairs", "labelled", "reference", "first_low", "second_low", "sizes", "notices", "problems"} <= set(report)
    assert len(report["problems"]) == 2


def test_the_observer_labels_what_has_no_label(alebrije: Alebrije, pairs: Path) -> None:
    write_labels(pairs, [Label(1, 2.0, 4.0), None], 256)
    report = reported(alebrije("pairs", "label", pairs, "--observer", "--json"))
    assert (report["labelled"], report["before"], report["failed"]) == (1, 1, {})
    found = read_pairs(pairs)
    assert found.reference == 256
    assert found.pairs[0].label == Label(1, 2.0, 4.0)
    told = alebrije("pairs", "label", pairs, "--observer", "--force", "--far", "3").stdout
    assert "2 pairs labelled, 0 had a label" in told
    assert read_pairs(pairs).pairs[0].label != Label(1, 2.0, 4.0)


def test_without_the_observer_the_page_opens(alebrije: Alebrije, pairs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def serve(folder: Path, **options: Any) -> None:
        asked.update(options, folder=folder)
        write_labels(folder, [Label(0, 3.0, 1.0), None])

    monkeypatch.setattr(labels, "serve", serve)
    found = alebrije("pairs", "label", pairs, "--port", "8123", "--screen-width", "30")
    assert found.exit_code == 0, found.output
    assert "1 pairs with a label" in found.stdout
    assert (asked["folder"], asked["port"], asked["open_browser"]) == (pairs, 8123, True)
    assert asked["viewing"] == Viewing(0.3, 0.5, 6.0)


def test_a_bad_picture_is_named_and_the_others_are_paired(alebrije: Alebrije, drawn: Path, work: Path) -> None:
    (work / drawn / "bad.png").write_bytes(b"")
    found = alebrije("pairs", "make", drawn, "-o", "made", "-n", "1", "--size", "32", "--no-labels")
    refused(found, "1 pictures could not be used", "bad.png")
    assert "1 pairs of 5 pictures in made, 0 with a label" in found.stdout
    assert len(read_pairs("made").pairs) == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("check", "none"), "none"),
        (("check", "empty"), "no picture in empty"),
        (("show", "unnumbered"), "begin the names of two pictures with the same number"),
        (("show", "pairs", "-o", "out.jpg"), "out.png or .html"),
        (("show", "pairs", "-o", "none/out.png"), "mkdir -p"),
        (("label", "unnumbered", "--observer"), "no pairs in unnumbered"),
        (("label", "pairs", "--observer", "--near", "7"), "far (6 m) must be more than near (7 m)"),
        (("make", "none", "-o", "made"), "none"),
        (("generate", "--prompts", "none.txt", "-o", "made"), "cannot read the prompts none.txt"),
        (("generate", "--prompts", "none.txt", "-o", "made", "--strength", "2"), "strength must be 1 or less"),
        (("make", "pairs", "-o", "made", "-n", "9"), "4 pictures make 6 pairs, not 9"),
        (("make", "pairs", "-o", "pairs"), "pairs holds pictures already"),
        (("make", "unnumbered", "-o", "pairs", "--force"), "choose another folder"),
        (("make", "pairs", "-o", "made", "--size", "4"), "size must be 8 or more"),
        (("make", "pairs", "-o", "made", "--format", "gif"), "format must be one of png, jpg"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(words: tuple[str, ...], message: str, alebrije: Alebrije, pairs: Path, paint: Paint,
                                           work: Path) -> None:  # fmt: skip
    (work / "empty").mkdir()
    paint("unnumbered/a.png"), paint("unnumbered/b.png", seed=1)
    before = sorted(path for path in work.rglob("*"))
    refused(alebrije("pairs", *words), message)
    assert sorted(path for path in work.rglob("*")) == before


@pytest.mark.parametrize("withheld", [(), (3,)])
def test_pairs_are_generated_from_prompts(withheld: tuple[int, ...], alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def generate(*given: Any) -> Events:
        asked.extend(given)
        yield Started("making pictures", 2)
        yield Done(prompts.Generated(Path("made"), 2, 1, withheld))

    monkeypatch.setattr(prompts, "generate_pairs", generate)
    words = ("pairs", "generate", "--prompts", "prompts.txt", "-o", "made", "--strength", "0.5", "--seed", "4")
    found = alebrije(*words)
    assert asked[:2] == [Path("prompts.txt"), Path("made")]
    assert (asked[2].strength, asked[2].seed) == (0.5, 4)
    assert "2 pairs made in made, 1 were there" in found.stdout
    assert found.exit_code == bool(withheld)
    if withheld:
        refused(found, "1 pairs were withheld", "3")
    told = reported(alebrije(*words, "--json"))
    assert told == {"folder": "made", "made": 2, "kept": 1, "withheld": list(withheld)}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_ctrl_c_leaves_a_sound_folder(start: Callable[..., subprocess.Popen[str]], alebrije: Alebrije, paint: Paint) -> None:
    for seed in range(30):
        paint(f"pictures/{seed}.png", seed=seed)
    process = start("pairs", "make", "pictures", "-o", "made", "-n", "400", "--size", "32", "--json")
    assert process.stderr is not None
    with process:
        for line in process.stderr:
            if "making pairs: 2/400" in line:
                break
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    checked = last(check("made"))
    assert checked.problems == ()
    count = json.loads(out.splitlines()[-1])["count"]
    assert 2 <= count < 400
    assert len(checked.found.pairs) == count
    assert all(pair.label for pair in checked.found.pairs)


def test_classic_pairs_are_sound(alebrije: Alebrije, assets: Path) -> None:
    report = reported(alebrije("pairs", "check", assets / "hybrid", "--json"))
    assert (report["pairs"], report["problems"]) == (3, [])
    shown = alebrije("pairs", "show", assets / "hybrid", "-o", "sheet.png", "--quiet")
    assert (shown.exit_code, shown.output) == (0, "")
    assert image.load("sheet.png").height > 3 * 150
