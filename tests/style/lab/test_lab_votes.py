"""Votes: what is read from the files that people send back, and that the page does not tell who painted what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alebrije.core import image
from alebrije.errors import DataError
from alebrije.style.lab.painting import Painting, Pair
from alebrije.style.lab.votes import read_votes, write_vote_page

PAINTERS = ("gram", "bn", "sliced")
NAMES = ("lion--wave", "lion--night")


def painting(pair: str, painter: str, folder: Path = Path()) -> Painting:
    content, style = pair.split("--")
    code = f"{NAMES.index(pair)}{PAINTERS.index(painter)}".ljust(64, "f")
    files = [folder / name for name in (f"{content}.png", f"{style}.png", f"{pair}--{painter}.png")]
    return Painting(Pair(files[0], files[1], content, style), painter, files[2], code, 1.0, 1.0, {})


PAINTINGS = [painting(pair, painter) for pair in NAMES for painter in PAINTERS]


def codes(pair: str, *painters: str) -> list[str]:
    return [painting(pair, painter).code for painter in painters]


def votes(path: Path, *ballots: Any, voter: str = "Ana") -> Path:
    path.write_text(json.dumps({"alebrije": "votes", "voter": voter, "ballots": list(ballots)}))
    return path


def ballot(pair: str, *order: str) -> dict[str, list[str]]:
    return {"shown": codes(pair, *PAINTERS), "order": codes(pair, *order)}


def test_ballots_become_ranks_and_what_is_left_out_shares_the_rest(tmp_path: Path) -> None:
    first = votes(tmp_path / "a.json", ballot("lion--wave", "sliced", "gram", "bn"), ballot("lion--night", "bn"))
    second = votes(tmp_path / "b.json", ballot("lion--wave"), ballot("lion--night", "gram", "bn"), voter="Ben")
    found = read_votes([first, second], PAINTINGS, PAINTERS)
    np.testing.assert_array_equal(found.rows, [[2, 3, 1], [2.5, 1, 2.5], [1, 2, 3]])
    assert (found.voters, found.notices) == (2, ())


def test_who_votes_twice_counts_once(tmp_path: Path) -> None:
    orders = {"a.json": ("gram",), "b.json": ("bn", "gram")}
    files = [votes(tmp_path / name, ballot("lion--wave", *order)) for name, order in orders.items()]
    np.testing.assert_array_equal(read_votes(files, PAINTINGS, PAINTERS).rows, [[2, 1, 3]])


def test_ballots_of_fewer_pictures_are_stretched(tmp_path: Path) -> None:
    few = {"shown": codes("lion--wave", "gram", "bn"), "order": codes("lion--wave", "bn")}
    np.testing.assert_array_equal(read_votes([votes(tmp_path / "a", few)], PAINTINGS, PAINTERS).rows, [[3, 1, np.nan]])


def test_ballots_on_other_pictures_do_not_count(tmp_path: Path) -> None:
    strange = {"shown": ["x", "y"], "order": ["y"]}
    mixed = {"shown": codes("lion--wave", "gram") + codes("lion--night", "bn"), "order": codes("lion--wave", "gram")}
    found = read_votes([votes(tmp_path / "a", strange, mixed, ballot("lion--wave", "gram"))], PAINTINGS, PAINTERS)
    assert len(found.rows) == 1
    assert found.notices[0].startswith("2 ballots are about pictures that are not in this folder")
    with pytest.raises(DataError, match="no ballot is about the pictures of this folder"):
        read_votes([votes(tmp_path / "b", strange)], PAINTINGS, PAINTERS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "it is no JSON"),
        ("[]", "it holds no votes"),
        ('{"alebrije": "votes"}', "it holds no votes"),
        ('{"alebrije": "votes", "ballots": [{"shown": ["a"], "order": ["b"]}]}', "ballot 1 is no list of pictures"),
        ('{"alebrije": "votes", "ballots": [{"shown": ["a", "b"], "order": ["b", "b"]}]}', "ballot 1"),
        ('{"alebrije": "votes", "ballots": [3]}', "ballot 1"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_no_votes_is_named_with_the_remedy(text: str | None, says: str, tmp_path: Path) -> None:
    path = tmp_path / "votes.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=says) as caught:
        read_votes([path], PAINTINGS, PAINTERS)
    assert "votes.json" in str(caught.value)
    assert "vote.html" in str(caught.value)


def test_the_page_does_not_tell_who_painted_what(tmp_path: Path) -> None:
    paintings = [painting(pair, painter, tmp_path) for pair in NAMES for painter in PAINTERS]
    for one in paintings:
        for path in (one.file, one.pair.content, one.pair.style):
            image.save(torch.rand(1, 3, 8, 8), path, force=True, metadata={"painter": one.painter})
    page = write_vote_page(tmp_path, paintings[::-1], 64).read_text()
    visible = re.sub(r'"data:image/jpeg;base64,[^"]*"', "", page)
    assert not [painter for painter in PAINTERS if painter in visible.split("<main>")[1]]
    assert [code[:2] for code in re.findall(r'data-code="([^"]*)"', page)] == ["10", "11", "12", "00", "01", "02"]
    assert 'src="data:image/jpeg' in page
    assert (tmp_path / "vote.js").is_file()
    assert not re.findall(r"https?:", visible + (tmp_path / "vote.js").read_text())
