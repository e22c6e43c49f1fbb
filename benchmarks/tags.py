"""Choosing among 300,000 pictures by their tags: the members kept beside each tag against SQL over picture_tags.

    python benchmarks/tags.py                       300,000 pictures, 5,000 tags, about 12 tags a picture
    python benchmarks/tags.py --pictures 30000

The tags fall off as those of a large collection do: the n-th is on 60 % / n^0.85 of the pictures. Each choice opens the index
anew, as the first `Dataset.select` does, and ends with the positions in memory; medians of 7. SQL gets the same expression once,
as conditions `id IN (SELECT picture FROM picture_tags WHERE tag = ...)`, with an index on (tag, picture).
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from alebrije.data import index
from alebrije.data.tags import And, Expression, Not, Tag, evaluate, parse

GOAL = 0.050  # seconds
RUNS = 7
EXPRESSIONS = (
    "tag1",
    "-tag1",
    "tag1 tag2 tag3 tag4 -tag5",
    "tag900 tag1",
    "(tag1 or tag2) -(tag3 or tag4) (tag20 or tag30 or tag40)",
    "tag4000 or tag4500",
)


def build(path: Path, pictures: int, tags: int) -> int:
    """Make an index with random tags; the number of its rows."""
    chance = np.random.default_rng(0)
    shares = 0.6 / np.arange(1, tags + 1) ** 0.85
    members = [np.flatnonzero(chance.random(pictures, np.float32) < share) for share in shares[:200]]
    members += [np.unique(chance.integers(pictures, size=max(1, round(share * pictures)))) for share in shares[200:]]
    pairs = np.stack([np.concatenate(members), np.repeat(np.arange(1, tags + 1), list(map(len, members)))], axis=1)
    pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
    connection = index.begin(path)
    with connection:
        numbers = ((number,) for number in range(pictures))
        connection.executemany("INSERT INTO pictures VALUES (?, '', '', 1, 1, '', x'')", numbers)
        connection.executemany("INSERT INTO tags (id, name) VALUES (?, ?)", ((tag, f"tag{tag}") for tag in range(1, tags + 1)))
        connection.executemany("INSERT INTO picture_tags VALUES (?, ?)", map(tuple, pairs.tolist()))
    index.count_tags(connection, pictures)
    connection.close()
    return len(pairs)


def choose(path: Path, expression: str, pictures: int) -> np.ndarray:
    """The positions that an expression chooses."""
    with index.reading(path) as connection:
        return np.flatnonzero(evaluate(parse(expression), lambda name: index.members(connection, name, pictures)))


def condition(expression: Expression) -> str:
    """An expression in SQL."""
    if isinstance(expression, Tag):
        return f"id IN (SELECT picture FROM picture_tags WHERE tag = {int(expression.name[3:])})"
    if isinstance(expression, Not):
        return f"NOT ({condition(expression.part)})"
    word = " AND " if isinstance(expression, And) else " OR "
    return word.join(f"({condition(part)})" for part in expression.parts)


def by_sql(path: Path, expression: str) -> np.ndarray:
    """The same by SQL."""
    connection = sqlite3.connect(path)
    rows = connection.execute(f"SELECT id FROM pictures WHERE {condition(parse(expression))} ORDER BY id").fetchall()
    connection.close()
    return np.array([row[0] for row in rows], np.int64)


def main() -> None:
    parser = argparse.ArgumentParser(description="Choosing among many pictures by their tags.")
    parser.add_argument("--pictures", type=int, default=300_000)
    parser.add_argument("--tags", type=int, default=5_000)
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / index.NAME
        began = time.perf_counter()
        pairs = build(path, options.pictures, options.tags)
        print(f"{options.pictures:,} pictures, {pairs:,} rows of tags, built in {time.perf_counter() - began:.0f} s, "
              f"{path.stat().st_size / 1e6:.0f} MB")  # fmt: skip
        print(f"{'expression':<58}{'chosen':>9}{'ms':>8}{'SQL ms':>9}")
        for expression in EXPRESSIONS:
            times = []
            for _ in range(RUNS):
                began = time.perf_counter()
                found = choose(path, expression, options.pictures)
                times.append(time.perf_counter() - began)
            began = time.perf_counter()
            same = bool(np.array_equal(by_sql(path, expression), found))
            sql, median = time.perf_counter() - began, statistics.median(times)
            rows.append({"expression": expression, "chosen": len(found), "seconds": median, "slowest": max(times),
                         "sql_seconds": sql, "same": same})  # fmt: skip
            print(f"{expression:<58}{len(found):>9,}{1000 * median:>8.2f}{1000 * sql:>9.0f}{'' if same else '  DIFFERS'}")
    kept = all(row["seconds"] < GOAL and row["same"] for row in rows)
    report = {"benchmark": "tags", "pictures": options.pictures, "rows_of_tags": pairs, "rows": rows, "goals_kept": kept}
    print(json.dumps(report))


if __name__ == "__main__":
    main()
