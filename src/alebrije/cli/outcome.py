"""What has become of the pictures of a folder: made, left alone, failed, not come to; and how that is told."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from alebrije.cli.jobs import Job
from alebrije.cli.shell import Shell
from alebrije.errors import AlebrijeError, NumericsError, OutputError, PictureError

NAMES_IN_A_LINE = 10


@dataclass(slots=True)
class Tally:
    """What has become of the jobs so far: reports of those made, results left alone, pictures that failed with the reason,
    pictures not made yet; and whether the work was cut short, by the user or by a full disk."""

    results: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    remaining: list[str] = field(default_factory=list)
    interrupted: bool = False
    full: str = ""
    alone: bool = False  # there is one job and no more
    suspect: str = ""  # what may be wrong with the settings, for nothing has been made yet


def finish(shell: Shell, tally: Tally) -> None:
    """Tell the user what has become of the jobs. Leaves as `Shell.finish` does; raises `OutputError` if the disk was full,
    `AlebrijeError` if something failed."""
    files = [file for report in tally.results for file in report["files"]]
    lines = [f"{len(tally.results)} made"]
    lines[0] += f", {len(tally.skipped)} there already" if tally.skipped else ""
    if tally.remaining:
        lines += [f"not finished, {len(tally.remaining)} (the same command with --skip-existing goes on):"]
        lines += [f"  {name}" for name in tally.remaining]
    report = {"files": files, "results": tally.results, "failed": tally.failed, "skipped": tally.skipped,
              "remaining": tally.remaining}  # fmt: skip
    shell.finish(report, lines, interrupted=tally.interrupted)
    if tally.full:
        raise OutputError(
            f"{tally.full}; {len(tally.results)} made, {len(tally.remaining)} not: {_listed(tally.remaining)}; the same "
            "command with --skip-existing goes on"
        )
    if tally.failed:
        count = len(tally.results) + len(tally.failed)
        raise AlebrijeError(f"{len(tally.failed)} of {count} could not be made: {_listed(list(tally.failed))}")


def is_disk_full(error: BaseException | None) -> bool:
    """Whether `error`, or one that it came from, says that a disk is full or a quota used up, whoever raised it."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
            return True
        if re.search(r"\(os error (28|122)\)|No space left on device|Disk quota exceeded", str(error)):  # safetensors
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error) or "not enough memory" in str(error)


def is_of_picture(error: Exception) -> bool:
    """Whether `error` is about one picture or its result, and says nothing about the others."""
    return isinstance(error, PictureError | OutputError | NumericsError) or _is_memory(error)


def reason(error: Exception, job: Job) -> str:
    """Why a job failed, in one line."""
    if isinstance(error, AlebrijeError):
        return str(error)
    if _is_memory(error):
        return f"{job.picture}: there is not enough memory for it"
    return f"{job.picture}: {type(error).__name__}: {error}; this is a fault of Alebrije's: report it, with what --debug shows"


def _listed(names: Sequence[str]) -> str:
    more = len(names) - NAMES_IN_A_LINE
    return ", ".join(names[:NAMES_IN_A_LINE]) + (f" and {more} more" if more > 0 else "")
