"""An import from beginning to end: what is packed, what is left out, and what a stop in the middle leaves behind."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from alebrije.core.image import fit, load, to_gray, to_uint8
from alebrije.data.dataset import read_about
from alebrije.data.draw import write
from alebrije.data.importing import report, unfinished
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.run import Imported, import_pictures
from alebrije.errors import ConfigError, DataError, Interrupted, OutputError
from alebrije.events import Done, Event, Step, Warned

Samples = NDArray[np.uint8]
COUNT = 12


@pytest.fixture(autouse=True)
def _no_report(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests do without the page: drawing its plots takes longer than the import."""
    if "with_report" not in request.fixturenames:
        monkeypatch.setattr(report, "write", lambda work, *rest: (work.folder / report.NAME).write_text(""))


@pytest.fixture
def with_report() -> None:
    """This test wants the page."""


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn") / "creatures"
    list(write(folder, COUNT, size=40))
    return folder


@pytest.fixture
def creatures(originals: Path, tmp_path: Path) -> Path:
    """A folder of drawn creatures of this test's own."""
    return Path(shutil.copytree(originals, tmp_path / "creatures"))


def run(source: Path, target: Path, *, force: bool = False, **settings: Any) -> tuple[Imported, list[str]]:
    """What was imported, and what was said."""
    events = list(import_pictures(source, target, ImportConfig(**settings), force=force))
    done = events[-1]
    assert isinstance(done, Done)
    return done.result, [event.message for event in events if isinstance(event, Warned)]


def packed(folder: Path) -> Samples:
    return np.concatenate([np.load(path) for path in sorted(folder.glob("pictures-*.npy"))])


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(folder / "index.sqlite") as connection:
        return connection.execute(query).fetchall()


def add_line(folder: Path, **record: Any) -> None:
    with (folder / "metadata.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")


def repaint(path: Path, change: Callable[[Image.Image], Image.Image]) -> None:
    with Image.open(path) as picture:
        changed = change(picture)
    changed.save(path)


@pytest.mark.parametrize("fit_", ["crop", "stretch", "pad"])
@pytest.mark.parametrize("gray", [False, True])
def test_pictures_are_those_of_the_files(creatures: Path, tmp_path: Path, fit_: Any, gray: bool) -> None:
    made, said = run(creatures, tmp_path / "set", size="20x16", fit=fit_, gray=gray, fill="white")
    assert said == []
    assert (made.pictures, made.left_out, made.faults) == (COUNT, {}, 0)
    samples = packed(made.folder)
    assert samples.shape == (COUNT, 16, 20, 1 if gray else 3)
    for number in range(COUNT):
        pixels = fit(load(creatures / f"{number:06d}.png").on_white, (16, 20), fit_)
        assert np.array_equal(samples[number], to_uint8(to_gray(pixels) if gray else pixels))


def test_the_index_names_sources_and_tags(creatures: Path, tmp_path: Path) -> None:
    made, _ = run(creatures, tmp_path / "set")
    lines = [json.loads(line) for line in (creatures / "metadata.jsonl").read_text().splitlines()]
    found = rows(made.folder, "SELECT source, width, height, name FROM pictures JOIN picture_tags ON picture = pictures.id "
                              "JOIN tags ON tag = tags.id ORDER BY pictures.id, tags.id")  # fmt: skip
    assert {row[:3] for row in found} == {(line["file"], 40, 40) for line in lines}
    for line in lines:
        assert {row[3] for row in found if row[0] == line["file"]} == set(line["tags"])
    assert made.about == read_about(made.folder)
    assert {path.name for path in made.folder.iterdir()} == {"dataset.json", "index.sqlite", "pictures-00000.npy", "report.html"}


@pytest.mark.usefixtures("with_report")
def test_all_kinds_of_pictures_become_one_kind_and_what_cannot_be_used_is_named(creatures: Path, tmp_path: Path) -> None:
    repaint(creatures / "000001.png", lambda picture: picture.convert("L"))
    repaint(creatures / "000002.png", lambda picture: Image.new("RGBA", picture.size, (9, 9, 9, 0)))
    repaint(creatures / "000003.png", lambda picture: picture.resize((12, 50)))
    (creatures / "000004.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    shutil.copy(creatures / "000005.png", creatures / "again.png")
    add_line(creatures, file="again.png", tags=["copy"])
    add_line(creatures, file="gone.png", tags=["lost"])
    made, said = run(creatures, tmp_path / "set", size="32")
    assert (made.pictures, made.left_out, made.faults) == (COUNT - 1, {"duplicate": 1, "missing": 1, "unreadable": 1}, 2)
    assert [made.about[name] for name in ("were_gray", "had_alpha", "enlarged")] == [1, 1, 1]
    assert (packed(made.folder)[2] == 255).all()
    assert any("000004.png" in sentence for sentence in said)
    assert any("1 of 11 pictures are smaller than the size asked for" in sentence for sentence in said)
    assert ("again.png", "duplicate", "of 000005.png") in rows(made.folder, "SELECT source, reason, detail FROM left_out")
    page = (made.folder / "report.html").read_text(encoding="utf-8")
    assert all(words in page for words in ("the same file as another picture: 1", "gone.png", "Which tags go together"))
    fewer, _ = run(creatures, tmp_path / "fewer", size="32", smaller="drop")
    assert (fewer.pictures, fewer.left_out["small"]) == (COUNT - 2, 1)


@pytest.mark.parametrize(("bars", "kept"), [("keep", COUNT), ("drop", COUNT - 3), ("crop", COUNT)])
def test_bars(creatures: Path, tmp_path: Path, bars: Any, kept: int) -> None:
    for number, (x, y) in enumerate([(0, 8), (9, 0), (8, 8)]):
        repaint(creatures / f"{number:06d}.png", lambda picture, x=x, y=y: _framed(picture, x, y))
    made, _ = run(creatures, tmp_path / "set", size="40", bars=bars)
    assert made.pictures == kept
    if bars == "crop":
        assert made.about["bars"] == {"horizontal": 1, "vertical": 1, "frame": 1}
        assert float(np.median(packed(made.folder)[2][0])) > 20
        cleaned = rows(made.folder, "SELECT cleaned FROM pictures WHERE id = 1")[0][0]
        assert cleaned.startswith("vertical: 0 px above, 0 below, 9 left")
        only, _ = run(creatures, tmp_path / "only", size="40", bars=bars, bar_kinds=("vertical",))
        assert only.about["bars"] == {"vertical": 1}


def _framed(picture: Image.Image, x: int, y: int) -> Image.Image:
    whole = Image.new("RGB", (picture.width + 2 * x, picture.height + 2 * y))
    whole.paste(picture, (x, y))
    return whole


def test_padding_continues_an_even_edge_and_is_white_beside_another(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGB", (40, 20), (200, 30, 60)).save(tmp_path / "in" / "even.png")
    noise = np.random.default_rng(0).integers(0, 256, (20, 40, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "in" / "noisy.png")
    run(tmp_path / "in", tmp_path / "set", size="40", fit="pad")
    even, noisy = packed(tmp_path / "set")
    assert (even == (200, 30, 60)).all()
    assert (noisy[:10] == 255).all()
    assert (noisy[30:] == 255).all()
    assert np.array_equal(noisy[10:30], noise)
    run(tmp_path / "in", tmp_path / "black", size="40", fit="pad", fill="black")
    assert (packed(tmp_path / "black")[:, :10] == 0).all()


def test_tags_choose(creatures: Path, tmp_path: Path) -> None:
    add_line(creatures, file="gone.png", tags=["landscape"])
    lines = [json.loads(line) for line in (creatures / "metadata.jsonl").read_text().splitlines()]
    wanted = [line["file"] for line in lines if "white" in line["tags"] and "cat_head" not in line["tags"]]
    made, said = run(creatures, tmp_path / "set", size="16", tags="white -cat_head -cta_head")
    assert [row[0] for row in rows(made.folder, "SELECT source FROM pictures ORDER BY id")] == wanted
    assert said == ["no picture has the tag cta_head (did you mean cat_head?)"]
    assert made.left_out == {"tags": COUNT - len(wanted)}
    with pytest.raises(ConfigError, match="none of the 12 pictures: landscape leaves none of the pictures that are white"):
        run(creatures, tmp_path / "none", tags="white landscape")
    with pytest.raises(ConfigError, match="did you mean cat_head"):
        run(creatures, tmp_path / "none", tags="cat_haed")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["creatures", "set"]


def stopped(source: Path, target: Path, after: int, *, kill: bool = False) -> list[Event]:
    """Import until so many pictures are done, then press Ctrl-C, or kill."""
    events = import_pictures(source, target, ImportConfig(size="16"))
    heard: list[Event] = []
    for event in events:
        heard.append(event)
        if isinstance(event, Step) and event.index == after:
            break
    if kill:
        events.close()
        return heard
    heard.append(events.throw(Interrupted()))
    return heard + list(events)


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("after", [1, 5, 8])
def test_a_stopped_import_goes_on_and_ends_as_if_it_had_not_been(
    creatures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, kill: bool
) -> None:
    monkeypatch.setattr(unfinished, "SHARD_PICTURES", 4)
    monkeypatch.setattr(unfinished, "SECONDS_BETWEEN_COMMITS", 0.0 if after == 5 else 1000.0)
    (creatures / "000001.png").write_bytes(b"broken")
    shutil.copy(creatures / "000000.png", creatures / "000007.png")
    whole, _ = run(creatures, tmp_path / "whole", size="16")
    heard = stopped(creatures, tmp_path / "set", after, kill=kill)
    assert not (tmp_path / "set").exists()
    if not kill:
        assert isinstance(heard[-1], Done)
        assert heard[-1].interrupted
        assert f"stopped after {after} of 12 pictures" in str(heard[-2])
    (tmp_path / "set.part" / ".alebrije-rest.npy").write_bytes(b"of a killed process")
    made, said = run(creatures, tmp_path / "set", size="16")
    assert kill or f"going on behind picture {after}, where the import was stopped" in said
    assert np.array_equal(packed(made.folder), packed(whole.folder))
    assert len(list(made.folder.glob("*.npy"))) == 3
    assert made.about == whole.about
    for query in ("SELECT * FROM pictures", "SELECT * FROM left_out", "SELECT name, pictures, members FROM tags ORDER BY name"):
        assert rows(made.folder, query) == rows(whole.folder, query)
    assert sorted(path.name for path in made.folder.iterdir()) == sorted(path.name for path in whole.folder.iterdir())
    assert not (tmp_path / "set.part").exists()


def test_what_changed_meanwhile_is_not_mixed_in(creatures: Path, tmp_path: Path) -> None:
    stopped(creatures, tmp_path / "set", 6)
    repaint(creatures / "000002.png", lambda picture: picture.rotate(90))
    made, said = run(creatures, tmp_path / "set", size="16")
    assert said == ["the pictures or the settings changed since the import was stopped: it begins again"]
    turned = to_uint8(fit(load(creatures / "000002.png").on_white, (16, 16)))
    assert np.array_equal(packed(made.folder)[2], turned)


def test_two_imports_into_one_place_do_not_mix(creatures: Path, tmp_path: Path) -> None:
    first = import_pictures(creatures, tmp_path / "set", ImportConfig(size="16"))
    assert any(isinstance(event, Step) for event in (next(first) for _ in range(5)))
    with pytest.raises(OutputError, match="another import is at work there"):
        run(creatures, tmp_path / "set", size="16")
    assert isinstance(list(first)[-1], Done)


def test_what_was_there_is_kept_unless_it_may_be_replaced(creatures: Path, tmp_path: Path) -> None:
    made, _ = run(creatures, tmp_path / "set", size="16")
    with pytest.raises(OutputError, match="--force"):
        run(creatures, tmp_path / "set", size="8")
    assert read_about(made.folder)["width"] == 16
    run(creatures, tmp_path / "set", size="8", force=True)
    assert read_about(made.folder)["width"] == 8
    with pytest.raises(OutputError, match="it is no data set, so it is not replaced"):
        run(creatures, creatures, force=True)
    with pytest.raises(OutputError, match="mkdir -p"):
        run(creatures, tmp_path / "none" / "set")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["creatures", "set"]


def test_nothing_left_is_an_error_and_one_picture_is_not(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"no picture of .*in is left: 1 cannot be read; the first: cannot read .*a\.png"):
        run(tmp_path / "in", tmp_path / "set")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
    Image.new("L", (5, 1)).save(tmp_path / "in" / "b.png")
    made, said = run(tmp_path / "in", tmp_path / "set", size="4")
    assert made.pictures == 1
    assert any("there is one picture" in sentence for sentence in said)


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"size": "big"}, "write 64 for squares"), ({"size": "0"}, "write 64"), ({"size": "9999"}, "up to 4096"),
     ({"bar_kinds": ()}, "bar_kinds"), ({"fit": "squash"}, "fit")],
)  # fmt: skip
def test_settings_that_make_no_sense(settings: dict[str, Any], words: str) -> None:
    from alebrije.config import build

    with pytest.raises(ConfigError) as caught:
        build(ImportConfig, settings)
    assert words in str(caught.value)
    assert ImportConfig(size="96X128").shape == (128, 96)
    assert torch.Size(ImportConfig(size="48").shape) == torch.Size((48, 48))
