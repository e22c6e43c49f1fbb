"""Which pictures an import takes: metadata as boorus and data sets write it, or folders as tags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alebrije.data.importing.sources import Entry, find
from alebrije.errors import DataError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"never opened")


def describe(folder: Path, *records: Any, name: str = "metadata.jsonl") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    lines = (one if isinstance(one, str) else json.dumps(one) for one in records)
    (folder / name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("record", "file"),
    [
        ({"file": "a.png"}, "a.png"),
        ({"file_name": "below/a.png"}, "below/a.png"),
        ({"filename": "a.png"}, "images/a.png"),
        ({"id": 1234567, "file_ext": "png"}, "1234567.png"),
        ({"id": "1234567", "file_ext": "png"}, "original/0567/1234567.png"),
        ({"id": "1234567", "file_ext": "png"}, "512px/0567/1234567.jpg"),
        ({"md5": "abcdef01", "ext": ".webp"}, "abcdef01.webp"),
        ({"md5": "abcdef01"}, "original/ab/cd/abcdef01.jpg"),
    ],
)
def test_the_picture_is_found_where_such_sets_have_it(record: dict[str, Any], file: str, tmp_path: Path) -> None:
    touch(tmp_path, file)
    describe(tmp_path, record)
    assert [entry.path for entry in find(tmp_path).entries] == [tmp_path / file]


@pytest.mark.parametrize(
    ("record", "tags"),
    [
        ({"tags": ["1girl", "Full body", "1girl"]}, ("1girl", "full_body")),
        ({"tags": "1girl  solo"}, ("1girl", "solo")),
        ({"tag_string": "1girl solo"}, ("1girl", "solo")),
        ({"tags": [{"id": "1", "name": "1girl"}, {"name": "solo"}], "rating": "s"}, ("1girl", "solo", "rating:s")),
        ({}, ()),
        ({"tags": None}, ()),
    ],
)
def test_tags_come_in_three_ways(record: dict[str, Any], tags: tuple[str, ...], tmp_path: Path) -> None:
    touch(tmp_path, "a.png")
    describe(tmp_path, {"file": "a.png"} | record)
    assert find(tmp_path).entries == [Entry(tmp_path / "a.png", "a.png", tags)]


def test_all_files_of_a_folder_of_metadata_are_read_and_a_list_is_as_good_as_lines(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    describe(tmp_path, {"file": "a.png"}, name="metadata/2018-1.json")
    (tmp_path / "metadata" / "2018-2.json").write_text(json.dumps([{"file": "b.png"}, {"file": "c.png"}], indent=1))
    assert [entry.name for entry in find(tmp_path).entries] == ["a.png", "b.png", "c.png"]
    touch(tmp_path / "metadata", "d.png")
    describe(tmp_path, {"file": "d.png"}, name="metadata/own.jsonl")
    assert [entry.name for entry in find(tmp_path / "metadata" / "own.jsonl").entries] == ["d.png"]


def test_whatever_is_wrong_is_named_and_the_rest_is_taken(tmp_path: Path) -> None:
    touch(tmp_path, "good.png", "spare.png")
    touch(tmp_path.parent, "secret.png")
    records = [{"file": "good.png"}, {"file": "gone.png", "tags": "x"}, "{broken", "[1]", {"tags": "nameless"},
               {"file": "good.png", "tags": 7}, {"file": "../secret.png"}, {"file": str(tmp_path / "good.png")}]  # fmt: skip
    describe(tmp_path, *records)
    found = find(tmp_path)
    assert [entry.name for entry in found.entries] == ["good.png"]
    assert [(problem.name, problem.reason) for problem in found.problems] == [
        ("gone.png", "missing"), *((f"metadata.jsonl, line {line}", "metadata") for line in (3, 4, 5, 6)),
        ("../secret.png", "metadata"), (str(tmp_path / "good.png"), "metadata"),
    ]  # fmt: skip
    assert found.problems[0].detail == "metadata.jsonl, line 2"
    assert found.notices == [f"pictures in {tmp_path} that the metadata does not name, and that are not imported: 1"]


def test_folders_are_tags(tmp_path: Path) -> None:
    touch(tmp_path, "Cats/Big Ones/10.png", "Cats/Big Ones/9.jpg", "dogs/1.png", "plain.png", ".hidden/x.png")
    assert [(entry.name, entry.tags) for entry in find(tmp_path).entries] == [
        ("plain.png", ()), ("Cats/Big Ones/9.jpg", ("cats", "big_ones")), ("Cats/Big Ones/10.png", ("cats", "big_ones")),
        ("dogs/1.png", ("dogs",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "words"),
    [("none", "there is no folder"), ("empty", "there is no picture in"), ("text.txt", "name a folder of pictures"),
     ("nothing", "names no picture that is there"), ("list", "is no JSON"), ("latin", "no text in UTF-8"),
     ("packed", "is a data set already")],
)  # fmt: skip
def test_places_without_pictures(name: str, words: str, tmp_path: Path) -> None:
    for folder in ("empty", "nothing", "list", "latin", "packed"):
        (tmp_path / folder).mkdir()
    touch(tmp_path, "text.txt", "packed/dataset.json")
    describe(tmp_path / "nothing", {"file": "gone.png"})
    (tmp_path / "list" / "metadata.json").write_text("[{]")
    (tmp_path / "latin" / "metadata.jsonl").write_bytes('{"file": "ä.png"}'.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        find(tmp_path / name)
    assert words in str(caught.value)


def test_a_known_set_needs_no_import() -> None:
    with pytest.raises(DataError, match="mnist needs no import"):
        find(Path("mnist"))
