"""The page on which people label pairs: who is seen from afar, and both cut-offs, with the hybrid live beside them.

Every save goes to labels.txt at once. The file is read again before it is written and only one line of it changes, so
that a label made elsewhere in the meantime (by hand, or on a second page) stays. All addresses are relative: the app
can be mounted under any prefix.
"""

from __future__ import annotations

import math
import socket
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import asdict
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import uvicorn
from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import Field
from starlette.exceptions import HTTPException
from torch import Tensor

from alebrije.config import Config
from alebrije.data.pairs import Label, Pair, PairSet, read_pairs, write_labels
from alebrije.errors import AlebrijeError, ConfigError
from alebrije.hybrid.observer import Plan, Viewing
from alebrije.hybrid.pairs.labelling import from_label, observe, to_label
from alebrije.studio.crossing import Source, cross, jpeg, pictures, source
from alebrije.studio.guard import Guard

FILES = {"": "labels.html", **{name: name for name in ("labels.css", "labels.js", "labels_words.js")}}
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
PLAIN = {"Not Found": "there is nothing at this address", "Method Not Allowed": "this cannot be done at this address"}

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
    app = create_app(folder, viewing)
    with _listen(port) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        if announce is not None:
            announce(address)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=2)
        try:
            uvicorn.Server(config).run(sockets=[listener])
        except KeyboardInterrupt:  # uvicorn has shut down, and passes the signal on
            return


def _listen(port: int) -> socket.socket:
    try:
        listener = socket.create_server(("127.0.0.1", port))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else every answer waits 40 ms for an ACK
        return listener
    except (OSError, OverflowError) as error:
        raise ConfigError(f"cannot use the port {port}: choose another one with --port, or 0 for any that is free") from error


def create_app(folder: Path, viewing: Viewing) -> FastAPI:
    """The page and what it asks for, for the pairs in `folder`. Raises `DataError` if there are none."""
    read_pairs(folder)
    app = FastAPI(title="Alebrije: label pairs", docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard)
    for kind in (AlebrijeError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _on_error)
    for path, name in FILES.items():
        app.add_api_route(f"/{path}", _static(name))
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


def _static(name: str) -> Callable[[], Response]:
    content = (resources.files("alebrije.studio") / name).read_bytes()
    kind = KINDS[Path(name).suffix]

    def answer() -> Response:
        return Response(content, media_type=kind)  # Starlette adds the character set, UTF-8

    return answer


def _on_error(request: Request, error: Exception) -> JSONResponse:
    """Whatever goes wrong as {"error": one line}: 4xx for what the user can mend, 500 for a fault of ours."""
    if isinstance(error, HTTPException):
        reason = PLAIN.get(error.detail, error.detail)
        return JSONResponse({"error": reason}, error.status_code)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        return JSONResponse({"error": f"{'.'.join(map(str, first['loc'][1:]))}: {first['msg']}"}, 422)
    if isinstance(error, AlebrijeError):
        return JSONResponse({"error": " ".join(str(error).split())}, 400)
    return JSONResponse({"error": f"{type(error).__name__}: {error}; this is a fault of Alebrije's: report it"}, 500)
