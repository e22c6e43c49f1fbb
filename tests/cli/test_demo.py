"""The demo: its commands are commands that exist, and its page shows what they made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from alebrije.cli import exhibition, load_command
from alebrije.cli.exhibition import Exhibit, Hall
from alebrije.core import image

pytest.importorskip("skimage")

Alebrije = Callable[..., Result]
EXHIBITS = [exhibit for hall in exhibition.plan(Path("demo"), own=True) for exhibit in hall.exhibits]


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.title)
def test_every_exhibit_is_made_by_a_command_that_can_be_typed(exhibit: Exhibit) -> None:
    command, words = load_command(exhibit.arguments[0]), list(exhibit.arguments[1:])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    assert command.make_context("alebrije", words).params


def test_every_picture_an_exhibit_starts_from_is_gathered() -> None:
    gathered = {*exhibition.PHOTOGRAPHS, *exhibition.PAINTINGS, "mine"}
    used = {Path(word).stem for one in EXHIBITS for word in one.arguments if Path(word).parent == Path("demo/inputs")}
    assert used <= gathered
    assert len({exhibit.title for exhibit in EXHIBITS}) == len(EXHIBITS)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of two exhibits, of which the second cannot be made."""

    def plan(output: Path, *, own: bool) -> tuple[Hall, ...]:
        out, cat = output / "out.png", str(output / "inputs" / "cat.png")
        good = Exhibit("Good", ("hybrid", cat, cat, "-o", str(out), "--low", "first"), {out: "the <hybrid>"})
        bad = Exhibit("Bad", ("hybrid", cat, "none.png", "-o", str(output / "bad.png")), {output / "bad.png": "nothing"})
        return (Hall("Hybrids", "Two in one.", (good, bad)),)

    monkeypatch.setattr(exhibition, "plan", plan)
    monkeypatch.setattr(exhibition, "PHOTOGRAPHS", {"cat": exhibition.PHOTOGRAPHS["cat"]})
    monkeypatch.setattr(exhibition, "PAINTINGS", {})


@pytest.mark.usefixtures("small")
def test_one_page_shows_everything_and_names_what_failed(alebrije: Alebrije, work: Path) -> None:
    result = alebrije("demo", "--json")
    assert result.exit_code == 1
    assert "error: could not make Bad; the rest is in demo/index.html" in result.stderr.splitlines()
    report = json.loads(result.stdout.splitlines()[-1])
    assert (report["page"], report["failed"]) == ("demo/index.html", ["Bad"])
    text = (work / "demo" / "index.html").read_text(encoding="utf-8")
    assert len(re.findall(r'<img src="data:image/png;base64,', text)) == 2
    for words in ("the &lt;hybrid&gt;", "alebrije hybrid demo/inputs/cat.png", "sigma_low", "could not be made"):
        assert words in text


@pytest.mark.usefixtures("small")
def test_the_users_own_picture_joins_in_and_the_demo_can_be_made_anew(
    alebrije: Alebrije, paint: Callable[..., Path], work: Path
) -> None:
    before = paint("me.png", (2000, 1000)).read_bytes()
    for words in ([], ["--force"]):
        alebrije("demo", "--with", "me.png", "--quiet", *words)
        assert image.load(work / "demo" / "inputs" / "mine.png").size == (1024, 512)
    assert (work / "me.png").read_bytes() == before
    assert "your own: me.png" in (work / "demo" / "index.html").read_text(encoding="utf-8")
