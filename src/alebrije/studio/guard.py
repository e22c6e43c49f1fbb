"""What keeps a page on 127.0.0.1 private: other web sites in the same browser can reach its port too.

DNS rebinding (a foreign name that points to 127.0.0.1) is told by the Host header, requests that another site makes the
browser send by Origin and Sec-Fetch-Site; the headers of every answer forbid foreign scripts, frames and embedding.
"""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: answers only this machine's own pages, and puts `HEADERS` on every answer.

    421 for a Host that is not this machine, 403 for a request that another site made; the reason is {"error": ...}.
    A server that mounts guarded apps may be guarded as well: the headers are set, not added.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = refuse(scope.get("method", "GET"), Headers(scope=scope))
        if refusal is None and scope["type"] == "http":
            await self.app(scope, receive, send_guarded)
        elif scope["type"] == "http":
            await _answer(send_guarded, *(refusal or (404, "")))
        else:  # nothing here speaks through WebSockets
            await send({"type": "websocket.close", "code": 1008})


def refuse(method: str, headers: Headers) -> tuple[int, str] | None:
    """Why a request is not answered, as (status, reason); None if it is this machine's own."""
    host = headers.get("host", "")
    if _name(host) not in LOCAL_NAMES:
        return 421, "this page answers under 127.0.0.1 and localhost only: open the address that was printed in the terminal"
    from_elsewhere = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    if from_elsewhere and not (method == "GET" and headers.get("sec-fetch-mode") == "navigate"):
        return 403, "another web site asked for this: open the page itself"
    origin = headers.get("origin")
    if method not in SAFE_METHODS and origin not in (None, f"http://{host}", f"https://{host}"):
        return 403, "another web site asked for this change: open the page itself"
    return None


def _name(host: str) -> str:
    """The name in a Host header, without port and brackets; empty if it cannot be read."""
    try:
        parts = urlsplit(f"//{host}")
        return parts.hostname or "" if parts.netloc == host and "@" not in host else ""
    except ValueError:
        return ""


async def _answer(send: Send, status: int, reason: str) -> None:
    body = json.dumps({"error": reason}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
