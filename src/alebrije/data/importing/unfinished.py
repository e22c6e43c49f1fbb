"""An import under way: the folder DATASET.part with its shards, its index and how far it came.

Pictures, rows and the place in the list are committed together, the shard's file before the rows, so that an import that was
stopped, or killed, goes on where the last commit left it.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from alebrije.core import files
from alebrije.data import index
from alebrije.data.importing.prepare import Prepared, Samples
from alebrije.data.importing.sources import Entry
from alebrije.errors import OutputError

SHARD_PICTURES = 4096
SHARD_BYTES = 64 * 2**20
SECONDS_BETWEEN_COMMITS = 20.0
THUMBNAILS = 24  # a reason
CLEANED = "cleaned"  # the thumbnails of pictures that were kept, without their bars


@dataclass
class Unfinished:
    """The pictures of the shard that is being filled (`buffer` uint8 [n, H, W, C]), and what is not yet committed.

    `counts` has ``next`` (place in the list of entries), ``pictures``, ``small``, ``gray``, ``alpha``, ``bars: KIND``,
    ``left out: REASON`` and ``notices``; `notice` is the first of the latter; `shards` the sha256 of each full shard.
    """

    folder: Path
    connection: sqlite3.Connection
    identity: str
    buffer: Samples
    counts: Counter[str] = field(default_factory=Counter)
    shards: list[str] = field(default_factory=list)
    notice: str = ""
    seen: dict[str, str] = field(default_factory=dict)  # sha256 -> source
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    tags: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    left_out: list[tuple[str, str, str]] = field(default_factory=list)
    thumbnails: list[tuple[str, str, int, bytes]] = field(default_factory=list)
    committed: float = field(default_factory=time.monotonic)


def shard_name(number: int) -> str:
    """The file of a shard."""
    return f"pictures-{number:05d}.npy"


def open_unfinished(folder: Path, identity: str, shape: tuple[int, int, int]) -> tuple[Unfinished, bool]:
    """Go on in `folder` with pictures of `shape` (H, W, C), or begin; and whether what was begun there was of another `identity`
    (or is damaged) and is thrown away. Raises `OutputError` if the folder cannot be written, or another process is at work in it.
    """
    buffer = np.empty((max(1, min(SHARD_PICTURES, SHARD_BYTES // int(np.prod(shape)))), *shape), np.uint8)
    try:
        begun = (folder / index.NAME).exists()
        folder.mkdir(exist_ok=True)
        for rest in folder.glob(".alebrije-*"):  # of a file that was being written when the import was killed
            rest.unlink()
        connection = index.begin(folder / index.NAME)
        work = Unfinished(folder, connection, identity, buffer)
        if not begun or _restore(work):
            return work, False
        connection.close()
        shutil.rmtree(folder)
        folder.mkdir()
        return Unfinished(folder, index.begin(folder / index.NAME), identity, buffer), True
    except sqlite3.OperationalError as error:
        reason = f"cannot write into {folder} ({error})"
        raise OutputError(f"{reason}: if another import is at work there, wait for its end") from error
    except sqlite3.DatabaseError as error:
        raise OutputError(f"{folder / index.NAME} is damaged ({error}): delete the folder {folder}") from error
    except OSError as error:
        raise OutputError(f"cannot write into {folder} ({error.strerror}): choose another place") from error


def _restore(work: Unfinished) -> bool:
    """Take up what was committed; False if it is of another identity, or its shards are not whole."""
    row = work.connection.execute("SELECT value FROM state").fetchone()
    if row is None:
        return True  # stopped before the first commit
    state = json.loads(row[0])
    work.counts, work.shards, work.notice = Counter(state["counts"]), state["shards"], state["notice"]
    full, filled = divmod(work.counts["pictures"], len(work.buffer))
    if state["identity"] != work.identity or len(work.shards) != full:
        return False
    if any(not (work.folder / shard_name(number)).is_file() for number in range(full)):
        return False
    if filled:
        try:
            stored = np.load(work.folder / shard_name(full))
        except (OSError, ValueError):
            return False
        if len(stored) < filled or stored.shape[1:] != work.buffer.shape[1:] or stored.dtype != np.uint8:
            return False
        work.buffer[:filled] = stored[:filled]
    work.seen = dict(work.connection.execute("SELECT sha256, source FROM pictures"))
    return True


def keep(work: Unfinished, entry: Entry, prepared: Prepared) -> None:
    """Add a picture; writes the shard if it is full."""
    assert prepared.samples is not None
    position = work.counts["pictures"]
    work.buffer[position % len(work.buffer)] = prepared.samples
    packed = hashlib.sha256(prepared.samples.tobytes()).digest()
    work.rows.append((position, entry.name, prepared.sha256, prepared.width, prepared.height, prepared.cleaned, packed))
    work.tags.append((position, entry.tags))
    work.seen[prepared.sha256] = entry.name
    work.counts["pictures"] += 1
    work.counts.update({name: 1 for name in ("small", "gray", "alpha") if getattr(prepared, name)})
    if prepared.cleaned:
        work.counts[f"bars: {prepared.cleaned.partition(':')[0]}"] += 1
        _show(work, CLEANED, work.counts["cleaned"], entry.name, prepared.thumbnail)
        work.counts["cleaned"] += 1
    if (position + 1) % len(work.buffer) == 0:
        work.shards.append(_write_shard(work, position // len(work.buffer), len(work.buffer)))


def leave_out(work: Unfinished, name: str, reason: str, detail: str, thumbnail: Samples | None = None) -> None:
    """Note that a picture is left out, and why."""
    work.left_out.append((name, reason, detail))
    _show(work, reason, work.counts[f"left out: {reason}"], f"{name}: {detail}" if detail else name, thumbnail)
    work.counts[f"left out: {reason}"] += 1


def _show(work: Unfinished, reason: str, before: int, caption: str, thumbnail: Samples | None) -> None:
    if thumbnail is not None and before < THUMBNAILS:
        work.thumbnails.append((reason, caption, thumbnail.shape[1], thumbnail.tobytes()))


def commit(work: Unfinished, *, often: bool = False) -> None:
    """Write everything down; with `often`, only if a shard is full or the last time is long ago."""
    filled = work.counts["pictures"] % len(work.buffer)
    if often and not (filled == 0 and work.rows) and time.monotonic() - work.committed < SECONDS_BETWEEN_COMMITS:
        return
    if filled:
        _write_shard(work, work.counts["pictures"] // len(work.buffer), filled)
    state = {"identity": work.identity, "counts": work.counts, "shards": work.shards, "notice": work.notice}
    with work.connection as connection:
        connection.executemany("INSERT INTO pictures VALUES (?, ?, ?, ?, ?, ?, ?)", work.rows)
        index.add_tags(connection, work.tags)
        connection.executemany("INSERT INTO left_out (source, reason, detail) VALUES (?, ?, ?)", work.left_out)
        connection.executemany("INSERT INTO thumbnails VALUES (?, ?, ?, ?)", work.thumbnails)
        connection.execute("DELETE FROM state")
        connection.execute("INSERT INTO state VALUES (?)", (json.dumps(state),))
    for written in (work.rows, work.tags, work.left_out, work.thumbnails):
        written.clear()
    work.committed = time.monotonic()


def all_shards(work: Unfinished) -> list[str]:
    """The sha256 of every shard's file, the last one too. `commit` comes first."""
    full, filled = divmod(work.counts["pictures"], len(work.buffer))
    return [*work.shards, *([files.sha256(work.folder / shard_name(full))] if filled else [])]


def _write_shard(work: Unfinished, number: int, filled: int) -> str:
    """Write the first pictures of the buffer; returns the sha256 of the file."""
    path = work.folder / shard_name(number)
    with files.atomic(path, force=True) as temporary, temporary.open("wb") as file:
        np.save(file, work.buffer[:filled])
    return files.sha256(path)
