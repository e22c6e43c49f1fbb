"""Data sets as networks see them: packed ones, plain folders and known names, opened the same way; and whether they are whole."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
import torch

from alebrije.core.image import fit, load, to_gray
from alebrije.data import known
from alebrije.data.checking import check
from alebrije.data.dataset import Dataset, open_dataset, opening
from alebrije.data.draw import write
from alebrije.data.importing import report, unfinished
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.run import import_pictures
from alebrije.errors import ConfigError, DataError
from alebrije.events import Started, last

COUNT = 10


@pytest.fixture(autouse=True)
def _no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "write", lambda work, *rest: (work.folder / report.NAME).write_text(""))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn creatures and a data set of them in three shards, 32x24."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(unfinished, "SHARD_PICTURES", 4)
        list(write(folder / "creatures", COUNT, size=32))
        last(import_pictures(folder / "creatures", folder / "packed", ImportConfig(size="32x24")))
    return folder


@pytest.fixture
def creatures(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "creatures", tmp_path / "creatures"))


@pytest.fixture
def packed(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "packed", tmp_path / "packed"))


def tiny_digits(folder: Path) -> Path:
    """Three pictures of 4x4 to learn from, with the classes 3, 1 and 2, and as many to test with, in MNIST's format."""
    folder.mkdir()
    for images, labels in known.IDX_FILES.values():
        (folder / images).write_bytes(bytes([0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 4, *range(48)]))
        (folder / labels).write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3, 3, 1, 2]))
    return folder


def lines(creatures: Path) -> list[set[str]]:
    return [set(json.loads(line)["tags"]) for line in (creatures / "metadata.jsonl").read_text().splitlines()]


def original(creatures: Path, number: int, size: tuple[int, int]) -> torch.Tensor:
    return fit(load(creatures / f"{number:06d}.png").on_white, size)[0]


def test_a_packed_set_is_what_was_imported(creatures: Path, packed: Path) -> None:
    dataset = open_dataset(packed)
    assert (len(dataset), dataset.shape) == (COUNT, (COUNT, 3, 24, 32))
    assert dataset.pictures.dtype == torch.uint8
    for number in range(COUNT):
        wanted = (original(creatures, number, (24, 32)) * 255).round().to(torch.uint8)
        assert torch.equal(dataset.pictures[number], wanted)
    assert torch.equal(dataset.take([9, 0, 5, 5]), dataset.pictures[[9, 0, 5, 5]])
    assert torch.equal(dataset.take(torch.tensor([3])), dataset.pictures[3:4])


def test_tags_are_a_table_and_a_choice(creatures: Path, packed: Path) -> None:
    dataset, rows = open_dataset(packed), lines(creatures)
    assert set(dataset.tag_names) == set().union(*rows)
    assert dataset.tags.shape == (COUNT, len(dataset.tag_names))
    for number, row in enumerate(rows):
        assert {name for name, has in zip(dataset.tag_names, dataset.tags[number].tolist(), strict=True) if has} == row
    counts = list(dataset.counts.values())
    assert counts == sorted(counts, reverse=True)
    assert dataset.tags.sum(0).tolist() == counts
    chosen = dataset.select("white -facing_left")
    assert chosen.dtype == torch.int64
    assert chosen.tolist() == [number for number, row in enumerate(rows) if "white" in row and "facing_left" not in row]
    with pytest.raises(ConfigError, match="landscape leaves none of the pictures that are white"):
        dataset.select("white landscape")
    with pytest.raises(ConfigError, match=r"no picture of .* has the tag whit \(did you mean white\?\)"):
        dataset.tags_of(["whit"])


def test_another_size_and_colour_is_made_while_reading(creatures: Path, packed: Path) -> None:
    gray = open_dataset(packed, size=(12, 16), gray=True)
    assert gray.shape == (COUNT, 1, 12, 16)
    stored = open_dataset(packed).pictures.float() / 255
    wanted = fit(to_gray(stored), (12, 16))
    assert (gray.pictures.float() / 255 - wanted).abs().max() <= 0.51 / 255
    assert gray.notices == ()
    larger = open_dataset(packed, size=(48, 64))
    assert larger.shape == (COUNT, 3, 48, 64)
    assert larger.notices == (f"the pictures of {packed} are 32x24 and are enlarged to 64x48",)
    prints = {open_dataset(packed).fingerprint, gray.fingerprint, larger.fingerprint}
    assert len(prints) == 3
    assert open_dataset(packed, size=(12, 16), gray=True).fingerprint == gray.fingerprint


def test_a_folder_is_packed_once_and_again_when_it_changes(creatures: Path, cache: Path) -> None:
    def stages() -> tuple[Dataset, list[str]]:
        events, found = opening(creatures, (16, 16)), []
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                return stop.value, found
            found += [event.stage] if isinstance(event, Started) else []

    first, heard = stages()
    assert "importing pictures" in heard
    assert first.shape == (COUNT, 3, 16, 16)
    assert first.folder is not None
    assert first.folder.is_relative_to(cache / "datasets")
    again, heard = stages()
    assert heard == []
    assert again.fingerprint == first.fingerprint
    (creatures / "000003.png").write_bytes((creatures / "000004.png").read_bytes() + b"\0")
    changed, heard = stages()
    assert "importing pictures" in heard
    assert changed.fingerprint != first.fingerprint
    assert len(open_dataset(creatures, size=(16, 16), gray=True)) == COUNT


def test_pictures_that_cannot_be_used_are_told_of(creatures: Path, cache: Path) -> None:
    (creatures / "000002.png").write_bytes(b"no picture")
    dataset = open_dataset(creatures, size=(16, 16))
    assert len(dataset) == COUNT - 1
    assert any("1 pictures of" in notice and "report.html names them" in notice for notice in dataset.notices)


def test_known_sets_have_their_classes_as_tags(tmp_path: Path) -> None:
    folder = tiny_digits(tmp_path / "digits")
    dataset = open_dataset(folder, gray=True)
    images = known.load(str(folder)).images
    assert torch.equal(dataset.pictures, images)
    assert dataset.tag_names == ["0", "1", "2", "3"]
    assert [dataset.select(name).tolist() for name in "123"] == [[1], [2], [0]]
    colour = open_dataset(folder, size=(8, 8))
    assert colour.pictures.shape == (3, 3, 8, 8)
    assert torch.equal(colour.pictures[:, 0], colour.pictures[:, 2])
    assert colour.fingerprint != dataset.fingerprint
    assert open_dataset(folder, gray=None).shape == (3, 1, 4, 4)


@pytest.mark.parametrize(
    ("name", "words"),
    [("fashion-mnst", "did you mean fashion-mnist?"), ("none/at/all", "no folder none/at/all"), ("empty", "no picture")],
)
@pytest.mark.usefixtures("cache")
def test_what_is_no_data_set_is_refused(name: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError) as caught:
        open_dataset(name)
    assert words in str(caught.value)


def problems(folder: Path) -> list[str]:
    return list(last(check(folder)).problems)


def test_a_sound_set_has_no_problems_and_its_fingerprint_is_that_of_its_content(packed: Path, creatures: Path) -> None:
    assert problems(packed) == []
    last(import_pictures(creatures, packed.parent / "again", ImportConfig(size="32x24")))
    assert open_dataset(packed.parent / "again").fingerprint == open_dataset(packed).fingerprint
    last(import_pictures(creatures, packed.parent / "stretched", ImportConfig(size="32x24", fit="stretch")))
    assert open_dataset(packed.parent / "stretched").fingerprint != open_dataset(packed).fingerprint


def test_a_flipped_bit_is_found_and_the_picture_is_named(packed: Path) -> None:
    path = packed / "pictures-00001.npy"
    data = bytearray(path.read_bytes())
    data[-5] ^= 4
    path.write_bytes(data)
    assert problems(packed) == [f"{path} is damaged: picture 7 (000007.png)"]


def test_missing_cut_and_foreign_files_are_named(packed: Path) -> None:
    (packed / "pictures-00000.npy").unlink()
    np.save(packed / "pictures-00001.npy", np.zeros((4, 3, 3, 3), np.uint8))
    path = packed / "pictures-00002.npy"
    path.write_bytes(path.read_bytes()[:-100])
    found = problems(packed)
    assert [str(packed / f"pictures-0000{number}.npy") in found[number] for number in range(3)] == [True] * 3
    with pytest.raises(DataError, match=r"pictures-00000\.npy is missing or damaged"):
        open_dataset(packed)


@pytest.mark.parametrize(
    "change",
    ["UPDATE pictures SET width = 33 WHERE id = 3", "DELETE FROM pictures WHERE id = 3",
     "UPDATE tags SET pictures = pictures + 1", "UPDATE tags SET members = x'00'", "DELETE FROM picture_tags WHERE picture = 2"],
)  # fmt: skip
def test_an_index_that_was_changed_is_found(packed: Path, change: str) -> None:
    with sqlite3.connect(packed / "index.sqlite") as connection:
        connection.execute(change)
    assert any("index.sqlite" in problem for problem in problems(packed))


def test_a_damaged_index_or_description_is_found(packed: Path) -> None:
    (packed / "index.sqlite").write_bytes(b"no database at all" * 400)
    assert any("index.sqlite" in problem for problem in problems(packed))
    with pytest.raises(DataError, match="import the data set again"):
        open_dataset(packed)
    about = json.loads((packed / "dataset.json").read_text())
    (packed / "dataset.json").write_text(json.dumps(about | {"fingerprint": "0" * 64}))
    assert any("its fingerprint does not fit" in problem for problem in problems(packed))
    for text in ("{", "[]", json.dumps(about | {"format": 99}), json.dumps({"format": 1})):
        (packed / "dataset.json").write_text(text)
        with pytest.raises(DataError):
            open_dataset(packed)
