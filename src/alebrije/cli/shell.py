"""Between a verb and the terminal: progress on stderr, results on stdout, errors in one line, exit codes.

0 done; 1 ``error: ...``; 2 wrong usage; 130 interrupted, with the work so far saved.
"""

from __future__ import annotations

import contextlib
import json as jsonlib
import sys
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import typer

from alebrije.errors import AlebrijeError, Interrupted
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned, drive

SECONDS_BETWEEN_LINES = 15.0


@dataclass(frozen=True, slots=True)
class Shell:
    """How one command speaks to the user. `quiet` leaves errors, and the JSON if that was asked for."""

    json: bool = False
    force: bool = False
    quiet: bool = False
    debug: bool = False

    def run(self, events: Events) -> Done:
        """Drive a verb to its end, showing its progress, and return its last event."""
        from alebrije.core.precision import tune_allocator

        tune_allocator()
        done = Done(None)
        with self._progress() as show:
            for event in drive(events):
                match event:
                    case Warned(message=message):
                        self.warn(message)
                    case Done():
                        done = event
                    case Saved(path=path):
                        self.say(f"saved {path}")
                show(event)
        return done

    def say(self, text: str) -> None:
        """Print a line for people; with --json it goes to stderr, so that stdout stays for the machine."""
        if not self.quiet:
            typer.echo(text, err=self.json)

    def warn(self, text: str) -> None:
        """Print a notice on stderr."""
        if not self.quiet:
            typer.echo(f"warning: {text}", err=True)

    def finish(self, report: Mapping[str, Any], lines: Sequence[str] = (), *, interrupted: bool = False) -> None:
        """Print the result, in words or with --json as one line of JSON, and leave with 130 if it was cut short."""
        if self.json:
            typer.echo(jsonlib.dumps(report, default=str, ensure_ascii=False))
        for line in lines if not (self.json or self.quiet) else ():
            typer.echo(line)
        if interrupted:
            self.warn("interrupted; what was done so far is kept")
            raise typer.Exit(130)

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Turn every failure into one line on stderr and an exit code; --debug shows the traceback as well."""
        try:
            yield
        except AlebrijeError as error:
            self._fail(str(error), 1)
        except (KeyboardInterrupt, Interrupted):
            self._fail("interrupted", 130)
        except MemoryError:
            self._fail("out of memory: use a smaller --size, or close other programs", 1)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if "out of memory" in str(error) or "not enough memory" in str(error):
                self._fail("out of memory: use a smaller --size or batch_size, or --device cpu", 1)
            self._fail(f"{type(error).__name__}: {error}; this is a fault of Alebrije's: report it, with what --debug shows", 1)

    def _fail(self, message: str, code: int) -> NoReturn:
        if self.debug:
            traceback.print_exc()
        typer.echo(f"error: {' '.join(message.split())}" if code == 1 else message, err=True)
        raise typer.Exit(code)

    @contextlib.contextmanager
    def _progress(self) -> Iterator[Any]:
        """A bar with ETA on a terminal, a line every few seconds elsewhere, nothing with --quiet."""
        if self.quiet:
            yield lambda event: None
        elif sys.stderr.isatty():
            with _bar() as show:
                yield show
        else:
            yield _lines()


@contextlib.contextmanager
def _bar() -> Iterator[Any]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[values]}"),
    ]
    with Progress(*columns, console=Console(stderr=True), transient=False) as progress:
        task = None

        def show(event: Event) -> None:
            nonlocal task
            if isinstance(event, Started):
                task = progress.add_task(event.stage, total=event.total, values="")
            elif isinstance(event, Step):
                if task is None:
                    task = progress.add_task("working", total=event.total, values="")
                progress.update(task, completed=event.index, total=event.total, values=_numbers(event.values))

        yield show


def _lines() -> Any:
    stage, spoken = "working", time.monotonic()
    first: tuple[float, int] | None = None  # when the stage came to which step: a resumed one does not begin at 1

    def show(event: Event) -> None:
        nonlocal stage, spoken, first
        now = time.monotonic()
        if isinstance(event, Started):
            stage, first = event.stage, None
        if not isinstance(event, Step):
            return
        first = first or (now, event.index)
        began, index = first
        if now - spoken > SECONDS_BETWEEN_LINES:
            spoken = now
            seconds = (now - began) / max(1, event.index - index)
            left = f", {seconds * (event.total - event.index):.0f} s left" if event.total and event.index > index else ""
            total = f"/{event.total}" if event.total else ""
            typer.echo(f"{stage}: {event.index}{total}{left} {_numbers(event.values)}".rstrip(), err=True)

    return show


def _numbers(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


def human_bytes(count: float) -> str:
    """Write a number of bytes for people: 29.4 MB."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
