"""Whether a data set is still what was imported: every shard, the index and the fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alebrije.core import files
from alebrije.data import index
from alebrije.data.dataset import Samples, open_shards, read_about
from alebrije.data.importing.run import fingerprint
from alebrije.errors import DataError
from alebrije.events import Done, Event, Events, Started, Step

NAMED = 5  # pictures that a sentence names before it counts


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found; `problems` are sentences, none for a sound data set."""

    folder: Path
    about: dict[str, Any]
    problems: tuple[str, ...]


def check(folder: Path) -> Events:
    """Read all of a data set again and compare it with what was noted when it was made. The result is `Checked`.

    Raises `DataError` if dataset.json itself is missing or damaged.
    """
    about = read_about(folder)
    problems = []
    yield Started("checking shards", len(about["shards"]))
    for number in range(len(about["shards"])):
        problems += _check_shard(folder, about, number)
        yield Step(number + 1, len(about["shards"]))
    problems += yield from _check_index(folder, about)
    shape = [about["height"], about["width"], about["channels"]]
    if fingerprint(shape, about["index"]) != about["fingerprint"]:
        problems.append(f"{folder / 'dataset.json'} was changed: its fingerprint does not fit what it says")
    yield Done(Checked(folder, about, tuple(problems)))


def _check_shard(folder: Path, about: dict[str, Any], number: int) -> list[str]:
    shard = about["shards"][number]
    path = folder / shard["file"]
    try:
        if files.sha256(path) == shard["sha256"]:
            return []
        samples = open_shards(folder, about | {"shards": [shard]})[0]
    except OSError as error:
        return [f"{path} cannot be read: {error.strerror}"]
    except DataError as error:
        return [str(error)]
    start = sum(before["pictures"] for before in about["shards"][:number])
    try:
        with index.reading(folder / index.NAME) as connection:
            rows = connection.execute("SELECT id, source, packed FROM pictures WHERE id >= ? AND id < ? ORDER BY id",
                                      (start, start + len(samples))).fetchall()  # fmt: skip
    except DataError:
        return [f"{path} is damaged"]
    broken = [f"{row[0]} ({row[1]})" for row in rows if _digest(samples[row[0] - start]) != row[2]]
    more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
    listed = f"picture {', '.join(broken[:NAMED])}{more}" if broken else "not its pictures, but its head"
    return [f"{path} is damaged: {listed}"]


def _digest(samples: Samples) -> bytes:
    return hashlib.sha256(samples.tobytes()).digest()


def _check_index(folder: Path, about: dict[str, Any]) -> Generator[Event, None, list[str]]:
    yield Started("checking the index")
    path = folder / index.NAME
    try:
        with index.reading(path) as connection:
            count = connection.execute("SELECT count(*) FROM pictures").fetchone()[0]
            if count != about["pictures"]:
                return [f"{path} lists {count} pictures, where {about['pictures']} were imported"]
            if connection.execute("PRAGMA quick_check").fetchone()[0] != "ok" or index.digest(connection) != about["index"]:
                return [f"{path} is damaged: it does not say what was imported"]
            return [f"{path} is damaged: what it keeps of the tag {name} does not fit its pictures"
                    for name in index.wrong_members(connection, count)]  # fmt: skip
    except (DataError, UnicodeDecodeError, TypeError) as error:
        return [f"{path} is damaged ({error})"]
