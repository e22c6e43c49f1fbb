"""The page where people rank the pictures without knowing who painted them, and the files in which their choices come back.

A votes file is {"alebrije": "votes", "voter": NAME, "ballots": [{"shown": [CODE, ...], "order": [CODE, ...]}, ...]}; a ballot is
about one pair, `order` begins with the best. Codes are those of `Painting.code`, which a picture painted anew changes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from alebrije.core import page
from alebrije.core.files import atomic
from alebrije.errors import DataError
from alebrije.style.lab.painting import Painting, Pair
from alebrije.style.lab.ranking import Table
from alebrije.style.lab.thumbnails import image_tag, thumbnail

REMEDY = "give the file that the button of vote.html saves"


@dataclass(frozen=True, slots=True)
class Votes:
    """Ranks [ballots, painters] with NaN for painters that were not shown, how many people voted, and notices."""

    rows: Table
    voters: int
    notices: tuple[str, ...]


def write_vote_page(folder: Path, paintings: Sequence[Painting], side: int) -> Path:
    """Write vote.html and vote.js into `folder`: for each pair its pictures in an order that says nothing (the script shuffles
    them anew for each visitor), without names. Pairs with fewer than two paintings are left out."""
    pairs: dict[Pair, list[Painting]] = {}
    for painting in paintings:
        pairs.setdefault(painting.pair, []).append(painting)
    parts = [
        _shipped("vote.html"),
        *(_ballot(pair, found, side) for pair, found in pairs.items() if len(found) > 1),
        "</main><script src=vote.js></script>",
    ]
    path = page.write_page(folder / "vote.html", "Alebrije: which is painted best?", parts)
    with atomic(folder / "vote.js", force=True) as temporary:
        temporary.write_text(_shipped("vote.js"), encoding="utf-8")
    return path


def _shipped(name: str) -> str:
    return resources.files("alebrije.style.lab").joinpath(name).read_text(encoding="utf-8")


def _ballot(pair: Pair, paintings: Sequence[Painting], side: int) -> str:
    given = "".join(
        f"<figure style=width:180px>{image_tag(thumbnail(path, side), words)}<figcaption>{words}</figcaption></figure>"
        for path, words in ((pair.content, "what is painted"), (pair.style, "in whose manner"))
    )
    choices = "".join(
        f'<button type=button class=choice data-code="{one.code}">{image_tag(thumbnail(one.file, side), "a painting")}'
        "<span class=place></span></button>"
        for one in sorted(paintings, key=lambda one: one.code)
    )
    return f"<section class=pair><div class=row>{given}</div><div class=choices>{choices}</div></section>"


def check_votes(files: Sequence[Path]) -> None:
    """Raise the `DataError` that `read_votes` would end in, as far as it can be known before anything is painted."""
    for file in files:
        _read(file)


def read_votes(files: Sequence[Path], paintings: Sequence[Painting], painters: Sequence[str]) -> Votes:
    """The ballots in `files` as ranks. Who votes twice on a pair is counted once, with the later file.

    Pictures that a ballot shows but does not place share the mean of the ranks left over; ranks are stretched to 1 ... number of
    `painters`, as `ranking.ranks` does. Raises `DataError` for a file that is no votes, or if no ballot is about `paintings`.
    """
    known = {one.code: one for one in paintings}
    ballots: dict[tuple[str, str], dict[str, float]] = {}
    strange = 0
    for file in files:
        voter, found = _read(file)
        for shown, order in found:
            pairs = {known[code].pair.name for code in shown if code in known}
            if len(pairs) != 1 or not all(code in known for code in shown):
                strange += 1
                continue
            ranked = _ranks(shown, order, len(painters))
            ballots[voter, pairs.pop()] = {known[code].painter: rank for code, rank in ranked.items()}
    if not ballots:
        raise DataError(f"{', '.join(map(str, files))}: no ballot is about the pictures of this folder; {REMEDY} of this folder")
    rows = np.array([[ballot.get(painter, np.nan) for painter in painters] for ballot in ballots.values()], dtype=np.float64)
    notice = f"{strange} ballots are about pictures that are not in this folder (any more) and do not count"
    return Votes(rows, len({voter for voter, _ in ballots}), (notice,) if strange else ())


def _ranks(shown: Sequence[str], order: Sequence[str], total: int) -> dict[str, float]:
    rest = (len(order) + 1 + len(shown)) / 2
    plain = {code: float(rest) for code in shown} | {code: float(rank) for rank, code in enumerate(order, 1)}
    return {code: 1 + (rank - 1) * (total - 1) / max(1, len(shown) - 1) for code, rank in plain.items()}


def _read(file: Path) -> tuple[str, list[tuple[list[str], list[str]]]]:
    """The voter and the ballots (shown, order) of a file; raises `DataError`."""
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}; {REMEDY}") from error
    except ValueError as error:
        raise DataError(f"cannot read {file}: it is no JSON; {REMEDY}") from error
    if not isinstance(values, dict) or values.get("alebrije") != "votes" or not isinstance(values.get("ballots"), list):
        raise DataError(f"cannot read {file}: it holds no votes; {REMEDY}")
    found = [_checked(ballot) for ballot in values["ballots"]]
    if None in found:
        raise DataError(f"{file} is damaged: ballot {found.index(None) + 1} is no list of pictures; {REMEDY}")
    return str(values.get("voter") or file.name), [one for one in found if one is not None and one[1]]


def _checked(ballot: Any) -> tuple[list[str], list[str]] | None:
    if not isinstance(ballot, Mapping):
        return None
    shown, order = _codes(ballot.get("shown")), _codes(ballot.get("order"))
    return (shown, order) if shown is not None and order is not None and set(order) <= set(shown) else None


def _codes(value: Any) -> list[str] | None:
    """A list of different texts, None if it is something else."""
    right = isinstance(value, list) and all(isinstance(code, str) for code in value) and len(set(value)) == len(value)
    return value if right else None
