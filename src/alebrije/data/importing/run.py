"""The import itself: from picture files to a data set.

All is written into DATASET.part beside the target, which gets its name when everything is in it: half an import is never taken
for a whole one.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alebrije
from alebrije.core import files
from alebrije.data import index, tags
from alebrije.data.importing import report
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.prepare import Prepared, prepare
from alebrije.data.importing.reasons import REASONS
from alebrije.data.importing.sources import Entry, Found, find
from alebrije.data.importing.unfinished import Unfinished, all_shards, commit, keep, leave_out, open_unfinished, shard_name
from alebrije.errors import ConfigError, DataError, Interrupted, OutputError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned

FORMAT = 1
ABOUT = "dataset.json"
WORKERS = 2
AHEAD = 16  # pictures that are read before their turn


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import made: `about` is the content of dataset.json, empty if it was interrupted; `faults` counts what could not be
    imported though it should have been."""

    folder: Path
    pictures: int
    left_out: dict[str, int]
    faults: int
    about: dict[str, Any]


def import_pictures(source: Path, target: Path, config: ImportConfig | None = None, *, force: bool = False) -> Events:
    """Make the data set `target` of the pictures of `source`, see `sources.find`. The result is `Imported`.

    Pictures that cannot be used are named and left out. After `Interrupted`, the same call goes on where this one stopped.
    Raises `DataError` if nothing is left, `ConfigError` for tags that cannot be read or that no picture has, and `OutputError` if
    `target` exists and `force` is not given, or is no data set that may be replaced.
    """
    config = config or ImportConfig()
    _check(target, force=force)
    yield Started("looking for pictures")
    found = find(source)
    chosen, others = yield from _choose(found, config)
    for notice in found.notices:
        yield Warned(notice)
    shape = (*config.shape, 1 if config.gray else 3)
    identity = _identity(found, chosen, config)
    work, thrown_away = open_unfinished(target.with_name(f"{target.name}.part"), identity, shape)
    try:
        if thrown_away:
            yield Warned("the pictures or the settings changed since the import was stopped: it begins again")
        elif work.counts["next"]:
            yield Warned(f"going on behind picture {work.counts['next']}, where the import was stopped")
        finished = yield from _pack(work, found, chosen, config)
        left_out = {name: work.counts[f"left out: {name}"] for name in REASONS if work.counts[f"left out: {name}"]}
        left_out |= {"tags": len(others)} if others else {}
        faults = sum(count for name, count in left_out.items() if REASONS[name].fault)
        if not finished:
            yield Done(Imported(work.folder, work.counts["pictures"], left_out, faults, {}), interrupted=True)
            return
        yield from _explain(work, left_out, source)
        about = _finish(work, config, source, left_out)
        report.write(work, about, others, config)
        index.seal(work.connection)
    finally:
        work.connection.close()
    with files.atomic(work.folder / ABOUT, force=True) as temporary:
        temporary.write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _publish(work.folder, target)
    yield Saved(target)
    yield Done(Imported(target, about["pictures"], left_out, faults, about))


def _check(target: Path, *, force: bool) -> None:
    """Raise the `OutputError` that the import would end in."""
    if target.exists() and not force:
        raise OutputError(f"cannot write {target}: it exists already; take another name, or --force to replace it")
    if target.exists() and not (target / ABOUT).is_file():
        raise OutputError(f"cannot write {target}: it is no data set, so it is not replaced; take another name")
    if not target.absolute().parent.is_dir():
        raise OutputError(f"cannot write {target}: make its parent first with mkdir -p {target.parent}")


def _choose(found: Found, config: ImportConfig) -> Generator[Event, None, tuple[list[Entry], list[Entry]]]:
    """The entries that --tags chooses, and the others."""
    if not config.tags or not config.tags.strip():
        return found.entries, []
    expression = tags.parse(config.tags)
    counts: dict[str, int] = {}
    for entry in found.entries:
        for name in entry.tags:
            counts[name] = counts.get(name, 0) + 1
    members = tags.look_up((entry.tags for entry in found.entries), tags.names(expression))
    taken = tags.evaluate(expression, members)
    if not taken.any():
        reason = tags.why_empty(expression, members, counts)
        raise ConfigError(f"--tags leaves none of the {len(found.entries)} pictures: {reason}")
    for sentence in tags.unknown(expression, counts):
        yield Warned(sentence)
    missing = tags.evaluate(expression, tags.look_up((problem.tags for problem in found.problems), tags.names(expression)))
    found.problems = [problem for problem, wanted in zip(found.problems, missing.tolist(), strict=True)
                      if wanted or problem.reason != "missing"]  # fmt: skip
    pairs = list(zip(found.entries, taken.tolist(), strict=True))
    return [entry for entry, yes in pairs if yes], [entry for entry, yes in pairs if not yes]


def _identity(found: Found, chosen: Sequence[Entry], config: ImportConfig) -> str:
    """A digest of the settings and of what is to be imported: names, sizes and times of the files, and tags."""
    digest = hashlib.sha256(f"{FORMAT} {config.model_dump_json()} {found.problems!r}".encode())
    for entry in chosen:
        try:
            facts = entry.path.stat()
            state = [facts.st_size, facts.st_mtime_ns]
        except OSError:
            state = []
        digest.update(json.dumps([entry.name, *state, *entry.tags]).encode())
    return digest.hexdigest()


def _pack(work: Unfinished, found: Found, chosen: list[Entry], config: ImportConfig) -> Generator[Event, None, bool]:
    """Bring all entries into the shards and the index; False if the user stopped it."""
    try:
        yield Started("importing pictures", len(chosen))
        if work.counts["next"] == 0:
            for problem in found.problems:
                leave_out(work, problem.name, problem.reason, problem.detail)
        for entry, prepared in _read_ahead(chosen[work.counts["next"] :], config):
            _take(work, entry, prepared)
            work.counts["next"] += 1
            commit(work, often=True)
            if prepared.reason == "unreadable":
                yield Warned(f"left out: {prepared.detail}")
            yield Step(work.counts["next"], len(chosen))
    except Interrupted:
        commit(work)
        yield Warned(f"stopped after {work.counts['next']} of {len(chosen)} pictures: the same command goes on there")
        return False
    commit(work)
    return True


def _take(work: Unfinished, entry: Entry, prepared: Prepared) -> None:
    if prepared.notices:
        work.notice = work.notice or prepared.notices[0]
        work.counts["notices"] += 1
    if prepared.samples is None:
        leave_out(work, entry.name, prepared.reason, prepared.detail, prepared.thumbnail)
    elif prepared.sha256 in work.seen:
        leave_out(work, entry.name, "duplicate", f"of {work.seen[prepared.sha256]}", report.thumbnail(prepared.samples))
    else:
        keep(work, entry, prepared)


def _read_ahead(entries: Sequence[Entry], config: ImportConfig) -> Iterator[tuple[Entry, Prepared]]:
    """The entries in their order, with what became of them; threads read some of them ahead."""
    waiting: deque[tuple[Entry, Future[Prepared]]] = deque()
    with ThreadPoolExecutor(WORKERS, thread_name_prefix="importing") as pool:
        try:
            for entry in entries:
                waiting.append((entry, pool.submit(prepare, entry, config)))
                if len(waiting) >= AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()


def _explain(work: Unfinished, left_out: dict[str, int], source: Path) -> Iterator[Event]:
    """Say in one sentence each what the user should know. Raises `DataError` if no picture is left."""
    counts, pictures = work.counts, work.counts["pictures"]
    listed = ", ".join(f"{count} {REASONS[name].words}" for name, count in left_out.items())
    if pictures == 0:
        example = work.connection.execute("SELECT source, reason, detail FROM left_out LIMIT 1").fetchone()
        work.connection.close()
        shutil.rmtree(work.folder)
        first = f"; the first: {example[2] if example[1] == 'unreadable' else ': '.join(example[::2])}" if example else ""
        raise DataError(f"no picture of {source} is left: {listed}{first}")
    if pictures == 1:
        yield Warned("there is one picture in the data set: a network will learn nothing but this one")
    if counts["small"]:
        yield Warned(f"{counts['small']} of {pictures} pictures are smaller than the size asked for and were enlarged: "
                     "take a smaller size, or leave them out (`dataset import --smaller drop`)")  # fmt: skip
    if counts["notices"]:
        more = f" (and {counts['notices'] - 1} more with such notices)" if counts["notices"] > 1 else ""
        yield Warned(f"{work.notice}{more}")


def _finish(work: Unfinished, config: ImportConfig, source: Path, left_out: dict[str, int]) -> dict[str, Any]:
    """Complete the index; the content of dataset.json."""
    count = work.counts["pictures"]
    index.count_tags(work.connection, count)
    height, width, channels = work.buffer.shape[1:]
    shards = [
        {"file": shard_name(number), "pictures": min(len(work.buffer), count - number * len(work.buffer)), "sha256": sha256}
        for number, sha256 in enumerate(all_shards(work))
    ]
    content = index.digest(work.connection)
    return {
        "format": FORMAT, "pictures": count, "height": height, "width": width, "channels": channels,
        "tags": work.connection.execute("SELECT count(*) FROM tags").fetchone()[0],
        "fingerprint": fingerprint([height, width, channels], content),
        "index": content, "shards": shards, "source": source.name, "settings": config.model_dump(mode="json"),
        "left_out": left_out, "bars": {name[6:]: number for name, number in work.counts.items() if name.startswith("bars: ")},
        "enlarged": work.counts["small"], "were_gray": work.counts["gray"], "had_alpha": work.counts["alpha"],
        "made_by": f"alebrije {alebrije.__version__}",
    }  # fmt: skip


def fingerprint(shape: Sequence[int], content: str) -> str:
    """What tells one data set from another: a sha256 of its shape and its index, which has that of every packed picture."""
    return hashlib.sha256(json.dumps([list(shape), content]).encode()).hexdigest()


def _publish(part: Path, target: Path) -> None:
    """Give the finished folder its name; a data set that had it goes only then."""
    try:
        if target.exists():
            old = target.with_name(f".{target.name}-{secrets.token_hex(4)}")
            target.rename(old)
            part.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        else:
            part.rename(target)
    except OSError as error:
        raise OutputError(f"cannot name {part} {target} ({error.strerror}): the data set is whole, rename it by hand") from error
