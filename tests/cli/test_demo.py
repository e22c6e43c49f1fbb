"""The demo: its commands are commands that exist, and its page shows what they made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from alebrije.cli import demo, exhibition, load_command
from alebrije.cli.demo import MARKER
from alebrije.cli.exhibition import Exhibit, Hall
from alebrije.core import image

pytest.importorskip("skimage")

Alebrije = Callable[..., Result]
PLAN = exhibition.plan(Path("demo"), own=True)
EXHIBITS = [exhibit for hall in PLAN for exhibit in hall.exhibits]
SEEDED = [exhibit for hall in exhibition.with_options(PLAN, ("--seed", "7", "--device", "cpu")) for exhibit in hall.exhibits]


def read(exhibit: Exhibit) -> dict[str, Any]:
    """What the exhibit's command understands."""
    command, words = load_command(exhibit.arguments[0]), list(exhibit.arguments[1:])
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    found: dict[str, Any] = command.make_context("alebrije", words).params
    return found


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.title)
def test_every_exhibit_is_made_by_a_command_that_can_be_typed(exhibit: Exhibit) -> None:
    assert read(exhibit)


def test_every_picture_an_exhibit_starts_from_is_gathered() -> None:
    gathered = {*exhibition.PHOTOGRAPHS, *exhibition.PAINTINGS, "mine"}
    used = {Path(word).stem for one in EXHIBITS for word in one.arguments if Path(word).parent == Path("demo/inputs")}
    assert used <= gathered == {path.stem for path in exhibition.input_paths(Path("demo"), own=True)}
    assert len({exhibit.title for exhibit in EXHIBITS}) == len(EXHIBITS)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo of two exhibits, of which the second cannot be made."""

    def plan(output: Path, *, own: bool) -> tuple[Hall, ...]:
        out, cat = output / "out.png", str(output / "inputs" / "cat.png")
        good = Exhibit("Good", ("hybrid", cat, cat, "-o", str(out), "--low", "first"), {out: "the <hybrid>"}, (out,))
        wrong = output / "bad.png"
        bad = Exhibit("Bad", ("hybrid", cat, "none.png", "-o", str(wrong)), {wrong: "nothing"}, (wrong,))
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
    for words in (
        "the &lt;hybrid&gt;",
        "alebrije hybrid demo/inputs/cat.png",
        "sigma_low",
        "from afar cat.png: blurred by",
        "score",
        "could not be made",
    ):
        assert words in text


@pytest.mark.usefixtures("small")
def test_the_users_own_picture_joins_in_beside_the_plain_demo(alebrije: Alebrije, paint: Callable[..., Path], work: Path) -> None:
    before = paint("me.png", (2000, 1000)).read_bytes()
    for words in (["demo"], ["demo", "--with", "me.png"], ["demo", "--with", "me.png", "--force"]):
        assert "could not make Bad" in alebrije(*words, "--quiet").stderr
    assert image.load(work / "demo-mine" / "inputs" / "mine.png").size == (1024, 512)
    assert (work / "me.png").read_bytes() == before
    assert "your own: me.png" in (work / "demo-mine" / "index.html").read_text(encoding="utf-8")
    assert not (work / "demo" / "inputs" / "mine.png").exists()


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("small")
def test_force_replaces_what_the_demo_made_and_nothing_else(alebrije: Alebrije, paint: Callable[..., Path], work: Path) -> None:
    alebrije("demo")
    made = {MARKER, "index.html", "out.png", "inputs/cat.png"}
    assert files(work / "demo") == made
    mine = [paint(f"demo/{name}").read_bytes() for name in ("inputs/me.png", "hybrid-mine.png", "photos/inputs/a.png")]
    page = (work / "demo" / "index.html").read_bytes()

    assert "--force" in alebrije("demo").stderr
    assert (work / "demo" / "index.html").read_bytes() == page
    alebrije("demo", "--force", "--with", "demo/inputs/me.png", "-o", "demo")
    assert files(work / "demo") == made | {"inputs/me.png", "inputs/mine.png", "hybrid-mine.png", "photos/inputs/a.png"}
    names = ("inputs/me.png", "hybrid-mine.png", "photos/inputs/a.png")
    assert [(work / "demo" / name).read_bytes() for name in names] == mine
    assert (work / "demo" / "index.html").read_bytes() != page
    alebrije("demo", "--force", "--with", "demo/inputs/mine.png", "-o", "demo")  # one that is about to be deleted
    assert "your own: mine.png" in (work / "demo" / "index.html").read_text(encoding="utf-8")


@pytest.mark.usefixtures("small")
def test_a_picture_put_over_one_of_the_demos_is_not_deleted(alebrije: Alebrije, paint: Callable[..., Path], work: Path) -> None:
    alebrije("demo")
    (work / "demo" / "inputs" / "cat.png").unlink()
    mine, before = paint("demo/inputs/cat.png").read_bytes(), files(work / "demo")
    result = alebrije("demo", "--force")
    assert result.exit_code == 1
    assert "demo/inputs/cat.png is not the picture that the demo put there" in result.stderr
    assert (files(work / "demo"), (work / "demo" / "inputs" / "cat.png").read_bytes()) == (before, mine)


@pytest.mark.parametrize("marker", ["", "[]", '{"../thesis.txt": null}', '{"/thesis.txt": null}', '{".": null}'])
def test_a_list_of_what_was_made_that_leads_elsewhere_is_not_followed(marker: str, alebrije: Alebrije, work: Path) -> None:
    (work / "demo").mkdir()
    (work / "demo" / MARKER).write_text(marker)
    (work / "thesis.txt").write_text("years of work")
    assert f"{MARKER} is damaged" in alebrije("demo", "--force").stderr
    assert files(work) == {f"demo/{MARKER}", "thesis.txt"}


def test_a_folder_with_inputs_is_not_the_demos_for_that(alebrije: Alebrije, work: Path) -> None:
    (work / "project" / "inputs").mkdir(parents=True)
    (work / "project" / "thesis.txt").write_text("years of work")
    assert "left alone" in alebrije("demo", "--force", "-o", "project").stderr
    assert files(work) == {"project/thesis.txt"}


@pytest.mark.usefixtures("small")
def test_an_interrupted_demo_shows_what_is_finished(alebrije: Alebrije, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def perform(arguments: list[str]) -> bool:
        if "none.png" in arguments:
            raise KeyboardInterrupt
        return really(arguments)

    really = demo._perform
    monkeypatch.setattr(demo, "_perform", perform)
    result = alebrije("demo", "--json")
    assert result.exit_code == 130
    assert list(json.loads(result.stdout.splitlines()[-1])["exhibits"]) == ["Good"]
    text = (work / "demo" / "index.html").read_text(encoding="utf-8")
    assert "the &lt;hybrid&gt;" in text
    assert "interrupted before this one" in text


def test_a_command_of_the_demo_that_is_interrupted_ends_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alebrije.core.files.cache_dir", interrupt)
    with pytest.raises(KeyboardInterrupt):
        demo._perform(["doctor"])


def test_a_larger_picture_of_the_users_own_is_refused_until_it_is_wanted(
    alebrije: Alebrije, paint: Callable[..., Path], work: Path
) -> None:
    paint("me.png", (200, 100))
    result = alebrije("demo", "--with", "me.png", "--max-megapixels", "0.01")
    assert result.exit_code == 1
    assert "--max-megapixels" in result.stderr
    assert files(work) == {"me.png"}


@pytest.mark.usefixtures("small")
def test_what_is_given_is_passed_on(alebrije: Alebrije, work: Path) -> None:
    alebrije("demo", "--seed", "7", "--device", "cpu", "--precision", "fp32")
    made = image.read_metadata(work / "demo" / "out.png")["config"]
    assert (made["seed"], made["device"], made["precision"]) == (7, "cpu", "fp32")
    text = (work / "demo" / "index.html").read_text(encoding="utf-8")
    assert "--device cpu --precision fp32 --seed 7" in text
    assert alebrije("demo", "-o", "again", "--device", "toaster").exit_code == 1
    assert not (work / "again").exists()


@pytest.mark.parametrize("exhibit", SEEDED, ids=lambda exhibit: exhibit.title)
def test_every_command_takes_what_is_passed_on(exhibit: Exhibit) -> None:
    assert read(exhibit)["seed"] == (0 if exhibit.arguments[0] == "dataset" else 7)
