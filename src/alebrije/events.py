"""What a running verb tells the outside. Verbs are generators that yield these; they print and draw nothing themselves.

The same stream serves the command line (progress bars), the studio (live pictures), a notebook and a benchmark:

    for event in alebrije.steps.stylize(content, style):
        match event:
            case Step(index=index, total=total, values=values): ...
            case Preview(image=image): ...
            case Done(result=result): ...
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from alebrije.errors import Interrupted

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Started:
    """A stage of work begins. `total` is its number of steps, or None where nobody can know."""

    stage: str
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Step `index` of `total` (counted from 1) is done; `values` are named numbers such as losses."""

    index: int
    total: int | None = None
    values: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Preview:
    """The picture so far: float32 [1, 3, H, W], sRGB in [0, 1], detached, on the CPU."""

    image: Tensor
    index: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Saved:
    """A file was written and is complete."""

    path: Path


@dataclass(frozen=True, slots=True)
class Warned:
    """Something the user should know and need not act on, in one plain sentence."""

    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """The last event: the verb's result. `interrupted` says that the user stopped it before its end."""

    result: Any
    interrupted: bool = False


Event = Started | Step | Preview | Saved | Warned | Done
Events = Generator[Event, None, None]


def last(events: Iterator[Event]) -> Any:
    """Run a verb to its end and return its result; warnings go to Python's `warnings`."""
    import warnings

    result = None
    for event in events:
        if isinstance(event, Warned):
            warnings.warn(event.message, stacklevel=3)
        elif isinstance(event, Done):
            result = event.result
    return result


def drive(events: Events) -> Iterator[Event]:
    """Pass the events on; the first Ctrl-C asks the verb to stop at its next event, the second one stops it at once.

    At the first Ctrl-C `Interrupted` is thrown into the generator where it yielded. A verb that has something worth
    keeping catches it and yields its final events (`Done(..., interrupted=True)`); one that does not lets it pass.
    Outside the main thread signals cannot be caught, and the events are passed on unchanged.
    """
    if threading.current_thread() is not threading.main_thread():
        yield from events
        return
    asked = False

    def ask(signum: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, ask)
    try:
        thrown = False
        while True:
            try:
                if asked and not thrown:
                    thrown = True
                    event = events.throw(Interrupted())
                else:
                    event = next(events)
            except StopIteration:
                return
            yield event
            if isinstance(event, Done):  # there is nothing left to stop, and a result to keep
                return
    finally:
        signal.signal(signal.SIGINT, before)
        events.close()
