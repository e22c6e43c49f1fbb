"""Ctrl-C asks a verb to stop; asked twice, it stops at once."""

from __future__ import annotations

import signal
import threading
import warnings
from collections.abc import Iterator

import pytest

from alebrije.errors import Interrupted
from alebrije.events import Done, Event, Events, Step, Warned, drive, last


class Verb:
    """Counts to ten; keeps what it has when it is interrupted; remembers how it ended."""

    def __init__(self) -> None:
        self.count = 0
        self.closed = False

    def __call__(self) -> Events:
        try:
            while self.count < 10:
                self.count += 1
                yield Step(self.count, 10)
        except Interrupted:
            yield Warned("stopped")
            yield Done(self.count, interrupted=True)
            return
        finally:
            self.closed = True
        yield Done(self.count)


@pytest.fixture(autouse=True)
def handler() -> Iterator[object]:
    before = signal.getsignal(signal.SIGINT)
    yield before
    assert signal.getsignal(signal.SIGINT) is before


def test_undisturbed_events_pass_unchanged() -> None:
    assert list(drive(Verb()())) == list(Verb()())


def test_the_first_signal_stops_the_verb_where_it_yielded(handler: object) -> None:
    heard: list[Event] = []
    verb = Verb()
    for event in drive(verb()):
        heard.append(event)
        if event == Step(3, 10):
            signal.raise_signal(signal.SIGINT)
    assert heard == [Step(1, 10), Step(2, 10), Step(3, 10), Warned("stopped"), Done(3, interrupted=True)]
    assert verb.closed


def test_a_signal_during_a_step_lets_it_end() -> None:
    def work() -> Events:
        signal.raise_signal(signal.SIGINT)
        try:
            yield Step(1)
        except Interrupted:
            yield Done("one step", interrupted=True)

    assert list(drive(work())) == [Step(1), Done("one step", interrupted=True)]


def test_the_second_signal_stops_at_once(handler: object) -> None:
    verb = Verb()
    driven = drive(verb())
    next(driven)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    driven.close()
    assert verb.closed
    assert verb.count == 1


def test_a_verb_that_keeps_nothing_lets_the_request_pass() -> None:
    def work() -> Events:
        yield Step(1)
        yield Step(2)

    driven = drive(work())
    next(driven)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(Interrupted):
        next(driven)


def test_a_signal_after_the_result_does_not_lose_it() -> None:
    heard = []
    for event in drive(Verb()()):
        heard.append(event)
        if event == Step(10, 10):
            continue
        if isinstance(event, Done):
            signal.raise_signal(signal.SIGINT)
    assert heard[-1] == Done(10)


def test_an_error_passes_and_leaves_nothing_open() -> None:
    def work() -> Events:
        yield Step(1)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(drive(work()))


def test_leaving_early_closes_the_verb(handler: object) -> None:
    verb = Verb()
    for _ in (driven := drive(verb())):
        break
    driven.close()  # type: ignore[attr-defined]
    assert verb.closed


def test_another_thread_gets_the_events_unchanged() -> None:
    heard: list[Event] = []
    thread = threading.Thread(target=lambda: heard.extend(drive(Verb()())))
    thread.start()
    thread.join()
    assert heard == list(Verb()())


def test_last_returns_the_result_and_turns_notices_into_warnings() -> None:
    def work() -> Events:
        yield Warned("too small")
        yield Done(3)

    with pytest.warns(UserWarning, match="too small"):
        assert last(work()) == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert last(iter([Done(4)])) == 4
