"""Whole folders in place of pictures: the tree is kept, what is there can be left alone, new pictures can be waited for, a
picture that fails is named, and when the disk is full or somebody presses Ctrl-C, what is done stays and the rest is listed."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alebrije.cli.jobs import FORMATS, KEPT, Found, Job, pair
from alebrije.cli.outcome import Tally, finish, is_disk_full, is_of_picture, reason
from alebrije.cli.pictures import VIDEO_SUFFIXES, made_folder
from alebrije.cli.shell import Shell
from alebrije.config import choose
from alebrije.errors import AlebrijeError, ConfigError, DataError, Interrupted, OutputError

POLL_SECONDS = 1.0
RESTING, AT_MOST = 4, 15.0  # times as long as a look into the folder took, so that a large tree does not keep the processor busy

Make = Callable[[tuple[Path, ...], Path], tuple[dict[str, Any], bool]]
Stamp = tuple[int, int]  # size in bytes, time of the last change in nanoseconds


@dataclass(frozen=True, slots=True)
class Folders:
    """How this command works through folders. `format` is a suffix without its point, `same` for that of each picture."""

    shell: Shell
    skip_existing: bool = False
    watch: bool = False
    format: str | None = None

    def given(self, sources: Sequence[Path]) -> bool:
        """Whether there is a folder among `sources`."""
        return any(source.is_dir() for source in sources)

    @property
    def keeping(self) -> bool:
        """Whether results that are there are left alone."""
        return self.skip_existing or self.watch

    def check_single(self, source: Path) -> None:
        """Raise `ConfigError` for flags that mean nothing where `source` is no folder."""
        if self.watch:
            raise ConfigError(f"--watch is for folders, and {source} is none: leave it out, or name a folder")
        if self.format:
            raise ConfigError("--format is for folders: that of a single result is told by its name after -o")

    def work(
        self,
        sources: Sequence[Path],
        output: Path,
        make: Make,
        words: Callable[[Mapping[str, Any]], Sequence[str]],
        *,
        resume: bool = False,
        unfinished: Callable[[Path], bool] = lambda target: False,
    ) -> None:
        """Make the picture `output` out of the pictures `sources`; or, if there are folders among them, all pictures of a
        folder. Then tell the user, for one picture by `words(report)`.

        `make(inputs, output)` returns its report, with the `files` written, and whether the user interrupted it. With `resume`
        it knows itself what to do with a result that is there; `unfinished` says of one that it is only begun. Leaves as
        `Shell.finish` does; raises `ConfigError` for what does not fit, and `AlebrijeError` in the end if something failed.
        """
        if not self.given(sources):
            self._one(tuple(sources), output, make, words, unfinished)
            return
        self._check(sources, output)
        tally = Tally()
        if self.watch:
            self._watch(sources, output, make, unfinished, tally)
        else:
            self._all(self._jobs(sources, output, tally), make, unfinished, tally, resume=resume)
        finish(self.shell, tally)

    def _one(
        self,
        inputs: tuple[Path, ...],
        output: Path,
        make: Make,
        words: Callable[[Mapping[str, Any]], Sequence[str]],
        unfinished: Callable[[Path], bool],
    ) -> None:
        self.check_single(inputs[0])
        if output.is_dir():
            raise OutputError(f"{output} is a folder: give the picture a name, such as {output / inputs[0].stem}.png")
        if self._is_done(Job(inputs, output, inputs[0]), unfinished):
            self.shell.finish({"files": [], "skipped": [str(output)]}, [f"{output} is there already"])
            return
        report, interrupted = make(inputs, output)
        self.shell.finish(report, [*words(report), *(f"saved {path}" for path in report["files"])], interrupted=interrupted)

    def _check(self, sources: Sequence[Path], output: Path) -> None:
        """Raise now what would keep every result from being written."""
        from alebrije.core.image import check_output

        choose("format", self._format, FORMATS)
        folders = [source for source in sources if source.is_dir()]
        if self.watch and len(folders) > 1:
            raise ConfigError("--watch watches one folder: the others must be pictures")
        if output.suffix.lower() in (*KEPT, *VIDEO_SUFFIXES, ".gif") and not output.is_dir():
            raise ConfigError(f"the results of whole folders go into a folder: give -o a name without {output.suffix}")
        if output.exists() and not output.is_dir():
            raise ConfigError(f"{output} is a file, and the results of whole folders go into a folder: give -o another name")
        for folder in folders:
            if output.exists() and output.samefile(folder):
                raise ConfigError(f"the results of {folder} need a folder of their own: give -o another name")
        with made_folder(output):
            check_output(output / "result.png", force=True)

    @property
    def _format(self) -> str:
        return self.format or FORMATS[0]

    def _jobs(self, sources: Sequence[Path], output: Path, tally: Tally) -> list[Job]:
        jobs, found = pair(sources, output, self._format)
        if not jobs:
            folder = next(source for source in sources if source.is_dir())
            why = next(iter(found.unreadable.values()), f"there is no picture in {folder}, nor in the folders below it")
            raise DataError(why)
        self._notice(found, tally)
        return jobs

    def _notice(self, found: Found, tally: Tally) -> None:
        """Name the folders that cannot be read, and those that were not looked into."""
        for name, why in found.unreadable.items():
            if name not in tally.failed:
                self.shell.warn(f"skipped: {why}")
        tally.failed |= found.unreadable
        for link in found.links:
            self.shell.warn(f"{link} leads to another folder and is not followed: give it to a command of its own")

    def _is_done(self, job: Job, unfinished: Callable[[Path], bool]) -> bool:
        """Whether a result is there and to be left alone. With --force that holds only if it is not older than its pictures."""
        if not self.keeping or not _size(job.target) or unfinished(job.target):
            return False
        if self.shell.force:
            made = job.target.stat().st_mtime_ns
            return self.skip_existing and all(one.exists() and one.stat().st_mtime_ns <= made for one in job.inputs)
        return True

    def _all(
        self, jobs: Sequence[Job], make: Make, unfinished: Callable[[Path], bool], tally: Tally, *, resume: bool
    ) -> None:
        """Do all jobs."""
        there = [job.target for job in jobs if job.target.exists()]
        if there and not (self.keeping or self.shell.force or resume):
            raise OutputError(
                f"{len(there)} of {len(jobs)} results exist already, {there[0]} for one: --skip-existing leaves them alone, "
                "--force replaces them"
            )
        done = {job.target for job in jobs if self._is_done(job, unfinished)}
        tally.skipped += [str(job.target) for job in jobs if job.target in done]
        todo = [job for job in jobs if job.target not in done]
        tally.alone = len(todo) == 1
        began = time.monotonic()
        for number, job in enumerate(todo, 1):
            left = (time.monotonic() - began) / max(1, number - 1) * (len(todo) - number + 1)
            self._do(job, f"[{number}/{len(todo)}]", f", {left / 60:.0f} min left" if left > 90 else "", make, tally)
            if tally.interrupted or tally.full:
                tally.remaining = [str(one.picture) for one in todo[number - 1 :]]
                break

    def _watch(
        self, sources: Sequence[Path], output: Path, make: Make, unfinished: Callable[[Path], bool], tally: Tally
    ) -> None:
        """Do what is not done yet, then whatever comes into the folder, until Ctrl-C.

        A picture is taken when neither its size nor its date has changed from one look to the next. One that changes later is
        taken again if it had failed, or with --force.
        """
        folder = next(source for source in sources if source.is_dir())
        self.shell.say(f"watching {folder}: Ctrl-C ends it")
        handled: dict[Path, Stamp | None] = {}
        before: dict[Path, Stamp | None] = {}
        told: list[Path] = []
        count = 0
        waiting: list[Job] = []
        try:
            while True:
                began = time.monotonic()
                jobs, found = pair(sources, output, self._format)
                self._notice(Found([], found.unreadable, [link for link in found.links if link not in told]), tally)
                told = found.links
                stamps = {job.picture: _stamp(job.picture) for job in jobs}
                look = time.monotonic() - began
                waiting = [job for job in jobs if handled.get(job.picture) != stamps[job.picture]]
                rested = [job for job in waiting if stamps[job.picture] and before.get(job.picture) == stamps[job.picture]]
                for job in rested:
                    if _stamp(job.picture) != stamps[job.picture]:  # while the ones before it were made
                        continue
                    again, handled[job.picture] = job.picture in handled, stamps[job.picture]
                    if self._is_done(job, unfinished):
                        if again:
                            self.shell.say(f"{job.picture} has changed: {job.target} is left alone; --force makes it anew")
                        else:
                            tally.skipped.append(str(job.target))
                        continue
                    count += 1
                    self._do(job, f"[{count}]", "", make, tally)
                    if tally.interrupted or tally.full:
                        left = [one for one in waiting if one is job or one.picture not in handled]
                        tally.remaining = [str(one.picture) for one in left]
                        return
                before = stamps
                time.sleep(max(POLL_SECONDS, min(RESTING * look, AT_MOST)))
        except KeyboardInterrupt:
            tally.remaining = [str(one.picture) for one in waiting if one.picture not in handled]

    def _do(self, job: Job, place: str, left: str, make: Make, tally: Tally) -> None:
        """Do one job. What is wrong with its pictures is named. What may be wrong with the settings is raised when the next
        picture meets it too, or there is none; unless some have been made, for then it is something about this picture."""
        try:
            self.shell.say(f"{place} {' + '.join(path.name for path in job.inputs)} -> {job.target}{left}")
            with made_folder(job.target.parent):
                report, tally.interrupted = make(job.inputs, job.target)
            tally.results.append(report)
            tally.failed.pop(str(job.picture), None)
        except (KeyboardInterrupt, Interrupted):
            tally.interrupted = True
        except BrokenPipeError:
            raise
        except Exception as error:
            if is_disk_full(error):
                tally.full = str(error) if isinstance(error, AlebrijeError) else f"cannot write {job.target}: the disk is full"
                return
            if not (is_of_picture(error) or tally.results):
                if tally.alone or str(error) == tally.suspect:
                    raise
                tally.suspect = str(error)
            tally.failed[str(job.picture)] = reason(error, job)
            self.shell.warn(f"skipped: {tally.failed[str(job.picture)]}")
            if self.shell.debug:
                traceback.print_exc()


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _stamp(path: Path) -> Stamp | None:
    """Size and date of a file, None if it cannot be told."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_size, found.st_mtime_ns
