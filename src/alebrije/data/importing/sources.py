"""Which pictures an import is made of, and their tags: from a metadata file, or from folders whose names are the tags.

A metadata file has one JSON object a line (or is one JSON list of them). Of each, these keys are read, as data sets and
boorus have them:

    file, file_name, filename, path      the picture, beside the metadata file or below its folder
    md5 or id, with ext or file_ext      where there is no file name: MD5.EXT or ID.EXT, also in folders as Danbooru has them
                                         (0123/ID.EXT for the last three digits of the id, ab/cd/MD5.EXT)
    tags, tag_string                     a list, a string with spaces, or a list of {"name": ...}
    rating                               becomes the tag rating:...
"""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alebrije.data.folder import find_pictures
from alebrije.data.known import KNOWN
from alebrije.data.tags import normal
from alebrije.errors import DataError

METADATA = ("metadata.jsonl", "metadata.json")
NAME_KEYS = ("file", "file_name", "filename", "path")
PLACES = ("", "images", "original", "512px")
SUFFIXES = ("jpg", "png", "jpeg", "webp", "gif")


@dataclass(frozen=True, slots=True)
class Entry:
    """A picture to import: where it is, its name in the reports, and its tags, each once."""

    path: Path
    name: str
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """What of the metadata cannot be imported: `reason` is a key of `reasons.REASONS`."""

    name: str
    reason: str
    detail: str
    tags: tuple[str, ...] = ()


@dataclass(slots=True)
class Found:
    """All pictures in their order, what is wrong, and sentences for the user. `metadata` is empty for folders."""

    folder: Path
    metadata: tuple[Path, ...] = ()
    entries: list[Entry] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def find(source: Path) -> Found:
    """The pictures of a folder or of a metadata file; no picture is opened.

    In a folder, ``metadata.jsonl``, ``metadata.json`` or the files of a folder ``metadata`` are read if there are any; else every
    picture in it and below it is taken, and the folders on the way to it are its tags. Raises `DataError` if there is
    no such place, or nothing in it.
    """
    files = _metadata_files(source)
    if not files:
        pictures = find_pictures(source)
        entries = [Entry(path, path.relative_to(source).as_posix(), _folders(path.relative_to(source))) for path in pictures]
        return Found(source, (), entries)
    folder = source if source.is_dir() else source.parent
    found = Found(folder, tuple(files))
    for file in files:
        _read(file, found)
    if not found.entries:
        first = f": {found.problems[0].name}: {found.problems[0].detail}" if found.problems else ""
        raise DataError(f"{source} names no picture that is there ({len(found.problems)} lines could not be used{first})")
    named = {entry.path for entry in found.entries}
    spare = sum(path not in named for path in _pictures_below(folder))
    if spare:
        found.notices.append(f"pictures in {folder} that the metadata does not name, and that are not imported: {spare}")
    return found


def _metadata_files(source: Path) -> list[Path]:
    if source.is_file():
        if source.suffix.lower() in {".jsonl", ".json", ".ndjson"}:
            return [source]
        raise DataError(f"{source} is a file: name a folder of pictures, or a metadata file (.jsonl)")
    if str(source) in KNOWN:
        raise DataError(f"{source} needs no import: give its name wherever a data set is asked for")
    if not source.is_dir():
        raise DataError(f"there is no folder {source}: check the name")
    if (source / "dataset.json").is_file():
        raise DataError(f"{source} is a data set already: import the folder that it was made from")
    for name in METADATA:
        if (source / name).is_file():
            return [source / name]
    return sorted(file for file in (source / "metadata").glob("*.json*") if file.is_file())


def _pictures_below(folder: Path) -> Iterable[Path]:
    try:
        return find_pictures(folder)
    except DataError:
        return ()


def _folders(relative: Path) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sys.intern(normal(part)) for part in relative.parts[:-1]))


def _read(file: Path, found: Found) -> None:
    try:
        for place, record in _records(file):
            _take(record, place, found)
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is no text in UTF-8: save it as that") from error
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}") from error


def _records(file: Path) -> Iterator[tuple[str, Any]]:
    """Each object of a metadata file with its place in words; what is no JSON comes as a string that says so."""
    with file.open(encoding="utf-8-sig") as lines:
        first = next((line for line in lines if line.strip()), "")
        if first.lstrip().startswith("["):
            try:
                listed = json.loads(first + lines.read())
            except ValueError as error:
                raise DataError(f"{file} is no JSON ({error}): write one object a line, or one list of objects") from error
            yield from ((f"{file.name}, entry {number}", record) for number, record in enumerate(listed, 1))
            return
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    record: Any = json.loads(line)
                except ValueError:
                    record = "it is no JSON"
                yield f"{file.name}, line {number}", record


def _take(record: Any, place: str, found: Found) -> None:
    """Add one object of the metadata to what was found."""
    if not isinstance(record, dict):
        found.problems.append(Problem(place, "metadata", record if isinstance(record, str) else "it is no JSON object"))
        return
    try:
        tags = _tags(record)
    except (TypeError, KeyError, AttributeError):
        found.problems.append(Problem(place, "metadata", "its tags are no list and no text"))
        return
    candidates = list(_candidates(record))
    if not candidates:
        found.problems.append(Problem(place, "metadata", f"it names no picture (by {', '.join(NAME_KEYS)}, md5 or id)"))
        return
    for name in candidates:
        if Path(name).is_absolute() or os.path.normpath(name).startswith(".."):
            found.problems.append(Problem(name, "metadata", f"it lies outside of {found.folder} ({place})"))
            return
        path = found.folder / name
        if path.is_file():
            found.entries.append(Entry(path, name, tags))
            return
    found.problems.append(Problem(candidates[0], "missing", place, tags))


def _candidates(record: dict[str, Any]) -> Iterator[str]:
    """Where the picture of an object may lie, below the folder, the likeliest first."""
    named = next((str(record[key]) for key in NAME_KEYS if isinstance(record.get(key), str) and record[key]), "")
    if named:
        yield named
        yield from (f"{place}/{named}" for place in PLACES[1:])
        return
    suffix = next((str(record[key]).lstrip(".") for key in ("ext", "file_ext") if record.get(key)), "")
    stems = []
    if record.get("md5"):
        md5 = str(record["md5"])
        stems += [md5, f"{md5[:2]}/{md5[2:4]}/{md5}"]
    if record.get("id") is not None and str(record["id"]):
        identity = str(record["id"])
        bucket = f"{int(identity) % 1000:04d}/" if identity.isdecimal() else ""
        stems += [identity, f"{bucket}{identity}"]
    for suffix_, stem, place in itertools.product(dict.fromkeys(filter(None, (suffix, *SUFFIXES))), dict.fromkeys(stems), PLACES):
        yield f"{place}/{stem}.{suffix_}".lstrip("/")


def _tags(record: dict[str, Any]) -> tuple[str, ...]:
    """The tags of an object of the metadata. Raises `TypeError`, `KeyError` or `AttributeError` for what is none."""
    given = record.get("tags", record.get("tag_string")) or ()
    if isinstance(given, str):
        given = given.split()
    if not isinstance(given, list | tuple):
        raise TypeError
    listed = [normal(one["name"] if isinstance(one, dict) else one) for one in given]
    if record.get("rating"):
        listed.append(normal(f"rating:{record['rating']}"))
    return tuple(dict.fromkeys(sys.intern(name) for name in listed if name))
