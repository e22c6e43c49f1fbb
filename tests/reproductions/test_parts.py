"""One verb within another: its events pass, its result comes back, and Ctrl-C reaches it."""

from __future__ import annotations

from pathlib import Path

import pytest

from alebrije.errors import Interrupted
from alebrije.events import Done, Events, Saved, Step
from alebrije.reproductions.parts import within


def inner(kept: list[str]) -> Events:
    try:
        for number in range(3):
            yield Step(number + 1, 3)
    except Interrupted:
        kept.append("put away")
        yield Saved(Path("half"))
        yield Done("a part", interrupted=True)
        return
    yield Done("all")


def outer(kept: list[str]) -> Events:
    try:
        result = yield from within(inner(kept))
    except Interrupted:
        yield Done("stopped", interrupted=True)
        return
    kept.append(result)
    yield Done("end")


def test_events_pass_and_the_result_comes_back() -> None:
    kept: list[str] = []
    assert list(outer(kept)) == [Step(1, 3), Step(2, 3), Step(3, 3), Done("end")]
    assert kept == ["all"]


def test_an_interruption_reaches_the_inner_verb_and_stops_the_outer_one() -> None:
    kept: list[str] = []
    running = outer(kept)
    next(running)
    assert running.throw(Interrupted()) == Saved(Path("half"))
    assert list(running) == [Done("stopped", interrupted=True)]
    assert kept == ["put away"]


def test_an_inner_verb_that_was_stopped_by_itself_stops_the_outer_one() -> None:
    def stopped() -> Events:
        yield Done("a part", interrupted=True)

    with pytest.raises(Interrupted):
        list(within(stopped()))
