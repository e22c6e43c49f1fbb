"""index.sqlite of a data set: which pictures there are, where they came from, and their tags.

pictures      id (position in the shards, from 0), source, sha256 of the source file, width and height before, cleaned (which bars
              were cut away), packed: sha256 of the packed samples
tags          id, name, pictures (how many), members (see `pack_members`; a filter reads only this column)
picture_tags  picture, tag
left_out      source, reason, detail

Once finished, the file is only read; so the members of each tag can stand there a second time, ready to be combined.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alebrije.data.tags import Chosen
from alebrije.errors import DataError

NAME = "index.sqlite"
SCHEMA = """
CREATE TABLE pictures (id INTEGER PRIMARY KEY, source TEXT NOT NULL, sha256 TEXT NOT NULL, width INTEGER NOT NULL,
                       height INTEGER NOT NULL, cleaned TEXT NOT NULL, packed BLOB NOT NULL);
CREATE TABLE tags (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, pictures INTEGER NOT NULL DEFAULT 0, members BLOB);
CREATE TABLE picture_tags (picture INTEGER NOT NULL, tag INTEGER NOT NULL, PRIMARY KEY (picture, tag)) WITHOUT ROWID;
CREATE TABLE left_out (id INTEGER PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, detail TEXT NOT NULL);
"""
UNFINISHED = """
CREATE TABLE state (value TEXT NOT NULL);
CREATE TABLE thumbnails (reason TEXT NOT NULL, caption TEXT NOT NULL, width INTEGER NOT NULL, samples BLOB NOT NULL);
"""
IDS = np.dtype("<u4")


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a finished index. Raises `DataError` if it is missing or damaged, also when the damage shows only while it is read."""
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise DataError(f"{path} is missing or damaged ({error}): import the data set again") from error


def begin(path: Path) -> sqlite3.Connection:
    """Open an unfinished index, or make an empty one. Raises `sqlite3.OperationalError` if another process holds it."""
    connection = sqlite3.connect(path, timeout=0.5)
    connection.executescript("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=DELETE; BEGIN IMMEDIATE; COMMIT;")
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'state'").fetchone():
        connection.executescript(f"BEGIN; {SCHEMA} {UNFINISHED} COMMIT;")
    return connection


def add_tags(connection: sqlite3.Connection, rows: Iterable[tuple[int, Iterable[str]]]) -> None:
    """Write the tags of pictures (id, names)."""
    known = dict(connection.execute("SELECT name, id FROM tags"))
    pairs = []
    for picture, names in rows:
        for name in dict.fromkeys(names):
            if name not in known:
                known[name] = connection.execute("INSERT INTO tags (name) VALUES (?)", (name,)).lastrowid
            pairs.append((picture, known[name]))
    connection.executemany("INSERT INTO picture_tags VALUES (?, ?)", pairs)


def count_tags(connection: sqlite3.Connection, count: int) -> None:
    """Count the tags of an index of `count` pictures, and put their members beside them."""
    rows = connection.execute("SELECT tag, picture FROM picture_tags")
    pairs = np.fromiter(itertools.chain.from_iterable(rows), np.int64).reshape(-1, 2)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    tags, starts = np.unique(pairs[:, 0], return_index=True)
    with connection:
        for tag, members in zip(tags.tolist(), np.split(pairs[:, 1], starts[1:]), strict=False):
            connection.execute("UPDATE tags SET pictures = ?, members = ? WHERE id = ?",
                               (len(members), pack_members(members, count), tag))  # fmt: skip
        connection.execute("CREATE INDEX pictures_of_tag ON picture_tags (tag, picture)")


def seal(connection: sqlite3.Connection) -> None:
    """Drop what only the import needed, and close the index."""
    with connection:
        connection.execute("DROP TABLE state")
        connection.execute("DROP TABLE thumbnails")
    connection.execute("VACUUM")
    connection.close()


def pack_members(ids: NDArray[np.int64], count: int) -> bytes:
    """Ascending positions of `count` pictures as bytes: one bit a picture, the highest bit of a byte first, or, where that is
    shorter, four bytes a member (unsigned, little-endian)."""
    if len(ids) * IDS.itemsize < -(-count // 8):
        return ids.astype(IDS).tobytes()
    chosen = np.zeros(count, np.bool_)
    chosen[ids] = True
    return np.packbits(chosen).tobytes()


def unpack_members(data: bytes, members: int, count: int) -> Chosen:
    """bool [count] of what `pack_members` made of so many `members`. Raises `DataError` if it is damaged."""
    if members * IDS.itemsize < -(-count // 8):
        ids = np.frombuffer(data, IDS)
        if len(ids) == members and (members == 0 or ids.max() < count):
            chosen = np.zeros(count, np.bool_)
            chosen[ids] = True
            return chosen
    elif len(data) == -(-count // 8):
        return np.unpackbits(np.frombuffer(data, np.uint8), count=count).astype(np.bool_)
    raise DataError("the index of the data set is damaged: import it again")


def members(connection: sqlite3.Connection, name: str, count: int) -> Chosen:
    """Which of `count` pictures have a tag: bool [count]; none if there is no such tag."""
    row = connection.execute("SELECT members, pictures FROM tags WHERE name = ?", (name,)).fetchone()
    return np.zeros(count, np.bool_) if row is None or row[0] is None else unpack_members(row[0], row[1], count)


def tag_counts(connection: sqlite3.Connection) -> dict[str, int]:
    """How many pictures each tag has, the most frequent first, equal ones by their names."""
    return dict(connection.execute("SELECT name, pictures FROM tags ORDER BY pictures DESC, name"))


def picture_rows(connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
    """(id, source, sha256, width, height, cleaned, packed, tags in order, with spaces between them) of each picture, by id."""
    tagged = connection.execute("SELECT picture, name FROM picture_tags JOIN tags ON tag = tags.id ORDER BY picture, name")
    picture, name = next(tagged, (-1, ""))
    for row in connection.execute("SELECT id, source, sha256, width, height, cleaned, packed FROM pictures ORDER BY id"):
        names = []
        while picture == row[0]:
            names.append(name)
            picture, name = next(tagged, (-1, ""))
        yield (*row, " ".join(names))


def digest(connection: sqlite3.Connection) -> str:
    """The sha256 of all pictures and tags, whatever the layout of the file; files count by what they hold, not by their names."""
    found = hashlib.sha256()
    for _, _, sha256, width, height, cleaned, packed, tags in picture_rows(connection):
        found.update(f"{sha256} {width} {height} {cleaned} {packed.hex()} {tags}\n".encode())
    return found.hexdigest()


def wrong_members(connection: sqlite3.Connection, count: int) -> list[str]:
    """The tags whose packed members are not those that picture_tags gives them."""
    wrong = []
    for identity, name, pictures, data in connection.execute("SELECT id, name, pictures, members FROM tags").fetchall():
        rows = connection.execute("SELECT picture FROM picture_tags WHERE tag = ? ORDER BY picture", (identity,))
        ids = np.fromiter((row[0] for row in rows), np.int64)
        if len(ids) != pictures or data != pack_members(ids, count):
            wrong.append(name)
    return wrong
