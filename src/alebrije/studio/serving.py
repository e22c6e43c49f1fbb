"""What all pages need: their files, their errors in one line, and a server on 127.0.0.1 until Ctrl-C."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from alebrije.errors import AlebrijeError, ConfigError
from alebrije.studio.guard import Guard

KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
PLAIN = {"Not Found": "there is nothing at this address", "Method Not Allowed": "this cannot be done at this address"}


def page(title: str, files: Mapping[str, str]) -> FastAPI:
    """A guarded app that answers with `files` (address -> name of a file beside this one) and tells errors in one line."""
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Guard)
    for kind in (AlebrijeError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _on_error)
    for path, name in files.items():
        app.add_api_route(f"/{path}", _static(name))
    return app


def show(app: FastAPI, *, port: int = 0, open_browser: bool = True, announce: Callable[[str], None] | None = None) -> None:
    """Show an app on 127.0.0.1 until Ctrl-C; `announce` is told its address.

    `port` 0 takes any free one. Raises `ConfigError` if the port is taken.
    """
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
