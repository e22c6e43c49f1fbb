"""What all reproductions need: doing one verb within another, and the result they end with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alebrije.cli.exhibition import PAINTINGS, PHOTOGRAPHS, gather
from alebrije.core.image import load, save
from alebrije.errors import Interrupted
from alebrije.events import Done, Event, Events


@dataclass(frozen=True, slots=True)
class Reproduced:
    """What a reproduction ends with: its folder, and what `--json` prints (folder, seconds, results, files)."""

    folder: Path
    report: dict[str, Any]


def put(paths: Sequence[Path], sources: Sequence[str]) -> None:
    """Write pictures as PNG to `paths`: those of the demo by their names, others from files.

    Raises `MissingExtraError` where demo pictures are wanted and scikit-image is absent, `PictureError`.
    """
    named = {*sources} & {*PHOTOGRAPHS, *PAINTINGS}
    with tempfile.TemporaryDirectory() as place:
        if named:
            (Path(place) / "inputs").mkdir()
            gather(Path(place))
        for source, path in zip(sources, paths, strict=True):
            if source in named:
                shutil.copyfile(Path(place) / "inputs" / f"{source}.png", path)
            else:
                save(load(source).pixels, path, force=True)


def within(events: Events) -> Generator[Event, None, Any]:
    """Do another verb as a part of this one: passes its events on, and returns its result.

    Raises `Interrupted` if the user stopped it, after it has put away what it had.
    """
    for event in events:
        if isinstance(event, Done):
            if event.interrupted:
                raise Interrupted
            return event.result
        try:
            yield event
        except Interrupted:
            yield from _stop(events)
            raise
    return None


def _stop(events: Events) -> Generator[Event, None, None]:
    """Ask the inner verb to stop, and pass on what it says until it has."""
    try:
        event = events.throw(Interrupted())
        while True:
            if not isinstance(event, Done):
                yield event
            event = next(events)
    except (StopIteration, Interrupted):
        return
