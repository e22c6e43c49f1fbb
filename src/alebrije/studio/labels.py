"""The page on which people label pairs: who is seen from afar, and both cut-offs, with the hybrid live beside them.

Every save goes to labels.txt at once. The file is read again before it is written and only one line of it changes, so
that a label made elsewhere in the meantime (by hand, or on a second page) stays. All addresses are relative: the app
can be mounted under any prefix.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException
from torch import Tensor

from alebrije.config import Config
from alebrije.data.pairs import Label, Pair, PairSet, read_pairs, write_labels
from alebrije.hybrid.observer import Plan, Viewing
from alebrije.hybrid.pairs.labelling import from_label, observe, to_label
from alebrije.studio.crossing import Source, cross, jpeg, pictures, source
from alebrije.studio.serving import page, show

FILES = {"": "labels.html", **{name: name for name in ("page.css", "labels.css", "labels.js", "labels_words.js")}}

Role = Literal["first", "second"]


class Seen(Config):
    """A label as the page has seen it, to find out whether somebody else has changed it since."""

    low: int = Field(ge=0, le=1)
    sigma_first: float = Field(gt=0)
    sigma_second: float = Field(gt=0)


class Choice(Config):
    """What was chosen for a pair: `low` is seen from afar; cut-offs in cycles per image width."""

    low: Role
    cycles_low: float = Field(gt=0.1, lt=1000)
    cycles_high: float = Field(gt=0.1, lt=1000)


class Saving(Config):
    """A label to be written (None: the pair becomes unlabelled), and the one it replaces."""

    choice: Choice | None
    seen: Seen | None


def serve(
    folder: Path,
    *,
    port: int = 0,
    viewing: Viewing,
    open_browser: bool = True,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Show the page for the pairs in `folder` on 127.0.0.1 until Ctrl-C; `announce` is told its address.

    `port` 0 takes any free one. Raises `DataError` if `folder` holds no pairs, and `ConfigError` if the port is taken.
    """
    show(create_app(folder, viewing), port=port, open_browser=open_browser, announce=announce)


def create_app(folder: Path, viewing: Viewing) -> FastAPI:
    """The page and what it asks for, for the pairs in `folder`. Raises `DataError` if there are none."""
    read_pairs(folder)
    app = page("Alebrije: label pairs", FILES)
    app.include_router(_routes(folder, viewing))
    return app


def _routes(folder: Path, viewing: Viewing) -> APIRouter:
    router = APIRouter()
    writing = threading.Lock()
    known: dict[int, Pair] = {}  # so that a moving slider does not read the whole folder again

    def read() -> PairSet:
        found = read_pairs(folder)
        known.update((pair.number, pair) for pair in found.pairs)
        return found

    def files(number: int) -> Source:
        pair = known.get(number) or _pair(read(), number)
        return source(pair.first, pair.second)

    @router.get("/pairs")
    def overview() -> dict[str, Any]:
        return _overview(read(), folder, viewing)

    @router.get("/pairs/{number}")
    def details(number: int) -> dict[str, Any]:
        found = read()
        return _details(found, _pair(found, number), viewing)

    @router.get("/pairs/{number}/hybrid.jpg")
    def hybrid(number: int, choice: Annotated[Choice, Query()]) -> Response:
        return _picture(cross(files(number), choice.low, choice.cycles_low, choice.cycles_high))

    @router.get("/pairs/{number}/{role}.jpg")
    def original(number: int, role: Role) -> Response:
        return _picture(pictures(files(number))[role])

    @router.put("/pairs/{number}/label")
    def save(number: int, saving: Saving) -> JSONResponse:
        with writing:
            return _save(folder, number, saving)

    return router


def _overview(found: PairSet, folder: Path, viewing: Viewing) -> dict[str, Any]:
    rows = [{"number": pair.number, "labelled": pair.label is not None} for pair in found.pairs]
    shown = {"folder": Path(folder).resolve().name, "near": viewing.near, "far": viewing.far}
    return {**shown, "notices": found.notices, "pairs": rows}


def _details(found: PairSet, pair: Pair, viewing: Viewing) -> dict[str, Any]:
    """All about a pair that the page shows. Raises `PictureError` for a picture that cannot be read."""
    files = source(pair.first, pair.second)
    height, width = pictures(files)["first"].shape[-2:]
    names = {"number": pair.number, "first": pair.first.name, "second": pair.second.name}
    label = None if pair.label is None else _label(pair.label, found.reference)
    return {**names, "width": width, "height": height, "label": label, "observer": _ask(files, viewing)}


def _label(label: Label, reference: int) -> dict[str, Any]:
    low, cycles_low, cycles_high = from_label(label, reference)
    return {"seen": asdict(label), "low": low, "cycles_low": cycles_low, "cycles_high": cycles_high}


@lru_cache(maxsize=64)
def _ask(files: Source, viewing: Viewing) -> dict[str, Any]:
    both = pictures(files)
    low, cycles_low, cycles_high = from_label(observe(both["first"], both["second"], viewing))
    return {"low": low, "cycles_low": cycles_low, "cycles_high": cycles_high}


def _save(folder: Path, number: int, saving: Saving) -> JSONResponse:
    """Write one line of labels.txt, with every other line as it is on the disk now; 409 if it is not as it was seen."""
    found = read_pairs(folder)
    pair = _pair(found, number)
    if not _is_seen(pair.label, saving.seen):
        reason = f"the label of pair {number} was changed elsewhere meanwhile: look at it, then save again"
        return JSONResponse({"error": reason}, 409)
    choice, label = saving.choice, None
    if choice is not None:
        label = to_label(Plan(choice.low, choice.cycles_low, choice.cycles_high, 0.0, None), found.reference)
    labels = [label if other is pair else other.label for other in found.pairs]
    write_labels(folder, labels, found.reference)
    written = _pair(read_pairs(folder), number).label  # with the digits that the file holds
    return JSONResponse({"label": None if written is None else _label(written, found.reference)})


def _is_seen(label: Label | None, seen: Seen | None) -> bool:
    if label is None or seen is None:
        return label is None and seen is None
    near = math.isclose(label.sigma_first, seen.sigma_first) and math.isclose(label.sigma_second, seen.sigma_second)
    return near and label.low == seen.low


def _pair(found: PairSet, number: int) -> Pair:
    for pair in found.pairs:
        if pair.number == number:
            return pair
    raise HTTPException(404, f"there is no pair {number} in {found.folder}: load the page again")


def _picture(image: Tensor) -> Response:
    return Response(jpeg(image), media_type="image/jpeg")
