"""Pairs from prompts: the file of prompts, settings, going on after a stop. A painter of plain colours stands for the model."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alebrije.config import build
from alebrije.core.image import read_metadata
from alebrije.data import prompts as module
from alebrije.data.diffusion import Painter
from alebrije.data.pairs import read_pairs
from alebrije.data.prompts import Generated, PromptsConfig, generate_pairs, read_prompts
from alebrije.errors import ConfigError, DataError, Interrupted, MissingExtraError, OutputError
from alebrije.events import Done, Event, Preview, Saved, Step, Warned, last

TEXT = """# lions and men
a lion | an old man | text, frame

  an apple|a face
"""
SMALL = PromptsConfig(model="tiny", size=16, steps=4, device="cpu", precision="fp32")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.txt"
    path.write_text(TEXT)
    return path


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """A painter in place of the model, whose pictures tell their seeds; what it was asked for, in order."""
    asked: list[tuple[str, int]] = []

    def paint(record: dict[str, Any]) -> Any:
        asked.append((record["first"], record["seed"]))
        return None if "naked" in record["first"] else Image.new("RGB", (16, 16), (record["seed"], 0, 0))

    def paint_over(record: dict[str, Any], first: Any) -> Any:
        asked.append((record["second"], record["seed"]))
        return None if "naked" in record["second"] else Image.new("RGB", (16, 16), (*first.getpixel((0, 0))[:2], 255))

    monkeypatch.setattr(module, "load_painter", lambda config: Painter(paint, paint_over))
    return asked


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "prompts.jsonl").read_text().splitlines()]


# ---- the file of prompts


def test_lines_are_two_or_three_parts(file: Path) -> None:
    lion, apple = read_prompts(file)
    assert (lion.first, lion.second, lion.negative, lion.line) == ("a lion", "an old man", "text, frame", 2)
    assert (apple.first, apple.second, apple.negative, apple.line) == ("an apple", "a face", "", 4)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("alone", "1 parts"),
        ("a | b | c | d", "4 parts"),
        (" | b", "first prompt is empty"),
        ("a | | c", "second prompt is empty"),
    ],
)
def test_a_bad_line_is_named_by_its_number(file: Path, line: str, reason: str) -> None:
    file.write_text(TEXT + line + "\n")
    with pytest.raises(DataError, match=f"prompts.txt, line 5: .*{reason}.*write `first"):
        read_prompts(file)


@pytest.mark.parametrize("content", [b"", b"# only this\n\n", b"\xff\xfe\x00"])
def test_a_file_without_prompts_is_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(DataError, match="prompts"):
        read_prompts(file)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_prompts(tmp_path / "nowhere.txt")


# ---- the settings


@pytest.mark.parametrize("wrong", [{"size": 500}, {"strength": 0}, {"strength": 1.2}, {"steps": 0}, {"count": 0},
                                   {"steps": 10, "strength": 0.05}])  # fmt: skip
def test_settings_that_make_no_picture_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        build(PromptsConfig, wrong)


# ---- the folder of pairs


def test_it_makes_a_folder_of_pairs(file: Path, tmp_path: Path, painted: list[tuple[str, int]]) -> None:
    config = SMALL.model_copy(update={"count": 2, "seed": 40, "negative": "blur"})
    events = list(generate_pairs(file, tmp_path / "pairs", config))
    found = read_pairs(tmp_path / "pairs")
    assert [pair.number for pair in found.pairs] == [1, 2, 3, 4]
    assert [(pair.first.name, pair.second.name) for pair in found.pairs][1] == ("0002_a.png", "0002_b.png")
    assert painted == [("a lion", 41), ("an old man", 41), ("a lion", 42), ("an old man", 42),
                       ("an apple", 43), ("a face", 43), ("an apple", 44), ("a face", 44)]  # fmt: skip
    assert [record["negative"] for record in records(tmp_path / "pairs")] == ["blur, text, frame"] * 2 + ["blur"] * 2
    assert events[-1] == Done(Generated(tmp_path / "pairs", 4, 0, ()))
    assert sum(isinstance(event, Preview) for event in events) == sum(isinstance(event, Saved) for event in events) == 8
    assert [event.index for event in events if isinstance(event, Step)] == list(range(1, 9))
    metadata = read_metadata(tmp_path / "pairs" / "0003_b.png")
    assert (metadata["verb"], metadata["second"], metadata["seed"]) == ("pairs generate", "a face", 43)


def test_what_is_there_is_kept_and_needs_no_model(file: Path, tmp_path: Path, painted: list[tuple[str, int]]) -> None:
    folder = tmp_path / "pairs"
    last(generate_pairs(file, folder, SMALL))
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.png")}
    painted.clear()
    assert last(generate_pairs(file, folder, SMALL)) == Generated(folder, 0, 2, ())
    assert painted == []
    assert {path: path.stat().st_mtime_ns for path in folder.glob("*.png")} == before
    file.write_text(TEXT + "a moon | a clock\n")
    assert last(generate_pairs(file, folder, SMALL)) == Generated(folder, 1, 2, ())
    assert painted == [("a moon", 3), ("a clock", 3)]


@pytest.mark.parametrize("stop_after", range(1, 9))
def test_stopped_anywhere_it_goes_on_to_the_same_pictures(
    file: Path, tmp_path: Path, painted: list[tuple[str, int]], stop_after: int
) -> None:
    last(generate_pairs(file, tmp_path / "whole", SMALL))
    events = generate_pairs(file, tmp_path / "parts", SMALL)
    for _ in range(stop_after):
        next(events)
    stopped = events.throw(Interrupted())
    assert isinstance(stopped, Done)
    assert stopped.interrupted
    last(generate_pairs(file, tmp_path / "parts", SMALL))
    whole, parts = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("whole", "parts"))
    assert whole == parts
    assert len(whole) == 5


@pytest.mark.parametrize("other", [{"seed": 1}, {"steps": 5}, {"strength": 0.9}, {"negative": "text"}, {"model": "else"}])
def test_pairs_of_other_settings_are_not_mixed(
    file: Path, tmp_path: Path, painted: list[tuple[str, int]], other: dict[str, Any]
) -> None:
    last(generate_pairs(file, tmp_path / "pairs", SMALL))
    with pytest.raises(DataError, match=f"0001_a.png was made with {next(iter(other))}"):
        last(generate_pairs(file, tmp_path / "pairs", SMALL.model_copy(update=other)))


def test_pictures_of_somebody_else_are_not_touched(file: Path, tmp_path: Path, painted: list[tuple[str, int]]) -> None:
    (tmp_path / "0002_b.png").write_bytes(b"mine")
    with pytest.raises(DataError, match="another folder"):
        last(generate_pairs(file, tmp_path, SMALL))
    assert (tmp_path / "0002_b.png").read_bytes() == b"mine"
    assert painted == []


@pytest.mark.parametrize("line", ["naked truth | a lion", "a lion | naked truth"])
def test_what_the_safety_checker_withholds_is_left_out(
    file: Path, tmp_path: Path, painted: list[tuple[str, int]], line: str
) -> None:
    file.write_text(line + "\nan apple | a face\n")
    events: list[Event] = list(generate_pairs(file, tmp_path / "pairs", SMALL))
    assert events[-1] == Done(Generated(tmp_path / "pairs", 1, 0, (1,)))
    assert next(event.message for event in events if isinstance(event, Warned)).startswith("pair 1 is left out")
    assert [pair.number for pair in read_pairs(tmp_path / "pairs").pairs] == [2]
    assert [record["number"] for record in records(tmp_path / "pairs")] == [2]


def test_bad_folders_are_told_before_the_model_is_loaded(file: Path, tmp_path: Path, painted: list[tuple[str, int]]) -> None:
    with pytest.raises(OutputError, match="mkdir"):
        last(generate_pairs(file, tmp_path / "no" / "where", SMALL))
    (tmp_path / "prompts.jsonl").write_text("nonsense\n")
    with pytest.raises(DataError, match=r"prompts\.jsonl"):
        last(generate_pairs(file, tmp_path, SMALL))
    assert painted == []


def test_without_diffusers_the_extra_is_named(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(MissingExtraError, match="pip install diffusers"):
        last(generate_pairs(file, tmp_path / "pairs", SMALL))
    assert not (tmp_path / "pairs").exists()
