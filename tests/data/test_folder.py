"""Pictures of a folder and those below it, and their squares in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from alebrije.core.image import save
from alebrije.data.folder import find_pictures, read_squares
from alebrije.errors import DataError
from alebrije.events import Step, Warned


def test_pictures_are_found_at_any_depth_but_hidden_ones_are_not(tmp_path: Path) -> None:
    wanted = ["10.png", "9.png", "deep/er/1.jpg", "deep/2.png"]
    for name in [*wanted, ".hidden/3.png", "deep/.4.png"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        save(torch.rand(1, 3, 6, 8), tmp_path / name)
    (tmp_path / "deep" / "notes.txt").write_text("no picture")
    found = [str(path.relative_to(tmp_path)) for path in find_pictures(tmp_path)]
    assert found == ["9.png", "10.png", "deep/2.png", "deep/er/1.jpg"]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture"):
        find_pictures(tmp_path)
    with pytest.raises(DataError, match="there is no folder"):
        find_pictures(tmp_path / "missing")


def test_squares_are_the_middle_and_bad_files_are_named(tmp_path: Path) -> None:
    wide = torch.zeros(1, 3, 8, 16)
    wide[..., 4:12] = 1
    save(wide, tmp_path / "wide.png")
    (tmp_path / "bad.png").write_text("no picture")
    reading = read_squares([tmp_path / "wide.png", tmp_path / "bad.png"], 8)
    events = []
    while True:
        try:
            events.append(next(reading))
        except StopIteration as end:
            squares = end.value
            break
    assert [type(event) for event in events[1:]] == [Step, Warned, Step]
    assert "bad.png" in events[2].message
    assert list(squares) == [tmp_path / "wide.png"]
    assert (squares[tmp_path / "wide.png"] == 255).all()
