"""Between a verb and the terminal: what goes to which stream, and how each end is told."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from alebrije.cli import shell as shells
from alebrije.cli.shell import Shell, human_bytes
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Events, Saved, Started, Step, Warned

Capture = pytest.CaptureFixture[str]


def work() -> Events:
    yield Started("working", 2)
    yield Step(1, 2, {"loss": 0.5})
    yield Warned("mind the gap")
    yield Saved(Path("a.png"))
    yield Step(2, 2, {"loss": 0.25})
    yield Done("result")


@pytest.fixture(autouse=True)
def _every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "SECONDS_BETWEEN_LINES", -1)


def test_progress_and_notices_go_to_stderr(capsys: Capture) -> None:
    assert Shell().run(work()) == Done("result")
    found = capsys.readouterr()
    assert found.out == "saved a.png\n"
    first, notice, second = found.err.splitlines()
    assert (first, second) == ("working: 1/2 loss 0.5", "working: 2/2, 0 s left loss 0.25")
    assert notice == "warning: mind the gap"


def test_with_json_stdout_holds_nothing_but_the_result(capsys: Capture) -> None:
    shell = Shell(json=True)
    shell.run(work())
    shell.finish({"files": [Path("é.png")], "score": 0.5}, ["words"])
    found = capsys.readouterr()
    assert found.out.count("\n") == 1
    assert json.loads(found.out) == {"files": ["é.png"], "score": 0.5}
    assert "saved a.png" in found.err


def test_quiet_says_nothing_but_errors_and_the_json_that_was_asked_for(capsys: Capture) -> None:
    shell = Shell(quiet=True)
    shell.run(work())
    shell.say("words")
    shell.finish({}, ["words"])
    with pytest.raises(typer.Exit), shell.errors():
        raise ConfigError("wrong")
    assert capsys.readouterr() == ("", "error: wrong\n")
    Shell(quiet=True, json=True).finish({"a": 1}, ["words"])
    assert capsys.readouterr() == ('{"a": 1}\n', "")


def test_progress_without_a_total_or_a_start(capsys: Capture) -> None:
    def endless() -> Events:
        yield Step(3)
        yield Started("downloading")
        yield Step(1000, None, {"bytes": 3.0})

    Shell().run(endless())
    assert capsys.readouterr().err.splitlines() == ["working: 3", "downloading: 1000 bytes 3"]


def test_the_time_left_is_reckoned_from_where_a_stage_began(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 0.0, 5.0, 7.0, 9.0, 10.0, 11.0, 14.0])
    monkeypatch.setattr("alebrije.cli.shell.time.monotonic", lambda: next(clock))
    show = shells._lines()
    for event in (Started("resumed", 1000), Step(901, 1000), Step(902, 1000), Step(903, 1000)):
        show(event)
    for event in (Started("another", 5), Step(1, 5), Step(2, 5)):
        show(event)
    assert capsys.readouterr().err.splitlines() == [
        "resumed: 901/1000",
        "resumed: 902/1000, 196 s left",
        "resumed: 903/1000, 194 s left",
        "another: 1/5",
        "another: 2/5, 9 s left",
    ]


def test_a_terminal_gets_a_bar_on_stderr(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    with shells._bar() as show:
        for event in work():
            show(event)
    found = capsys.readouterr()
    assert found.out == ""
    assert "2/2" in found.err
    assert "ETA" in found.err


@pytest.mark.parametrize(
    ("failure", "code", "message"),
    [
        (ConfigError("two\nlines"), 1, "error: two lines"),
        (MemoryError(), 1, "error: out of memory: use a smaller --size, or close other programs"),
        (RuntimeError("CUDA out of memory."), 1, "error: out of memory: use a smaller --size or batch_size, or --device cpu"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted(), 130, "interrupted"),
        (ZeroDivisionError("by zero"), 1, "error: ZeroDivisionError: by zero; this is a fault of Alebrije's: "
         "report it, with what --debug shows"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("debug", [False, True])
def test_every_end_is_one_line_and_a_code(failure: BaseException, code: int, message: str, debug: bool, capsys: Capture) -> None:
    with pytest.raises(typer.Exit) as caught, Shell(debug=debug).errors():
        raise failure
    found = capsys.readouterr()
    assert caught.value.exit_code == code
    assert found.err.splitlines()[-1] == message
    assert ("Traceback" in found.err) is debug
    assert debug or found.err.count("\n") == 1


@pytest.mark.parametrize("passing", [typer.Exit(3), typer.Abort(), BrokenPipeError()])
def test_what_is_no_failure_passes(passing: Exception, capsys: Capture) -> None:
    with pytest.raises(type(passing)), Shell().errors():
        raise passing
    assert capsys.readouterr() == ("", "")


def interrupted_while(action: Callable[[], None]) -> Events:
    yield Step(1)
    action()
    try:
        yield Step(2)
    except Interrupted:
        yield Done("so far", interrupted=True)


def test_one_interruption_keeps_what_is_done(capsys: Capture) -> None:
    shell = Shell()
    done = shell.run(interrupted_while(lambda: signal.raise_signal(signal.SIGINT)))
    assert done == Done("so far", interrupted=True)
    with pytest.raises(typer.Exit) as caught:
        shell.finish({}, ["saved it"], interrupted=True)
    assert caught.value.exit_code == 130
    found = capsys.readouterr()
    assert found.out == "saved it\n"
    assert found.err.endswith("warning: interrupted; what was done so far is kept\n")


def test_a_second_interruption_ends_at_once(capsys: Capture) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    shell = Shell()
    with pytest.raises(typer.Exit) as caught, shell.errors():
        shell.run(interrupted_while(twice))
    assert caught.value.exit_code == 130
    assert capsys.readouterr().err.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (29_400_000, "29.4 MB"), (3.2e9, "3.2 GB"), (5e12, "5000.0 GB")],
)
def test_bytes_for_people(count: float, text: str) -> None:
    assert human_bytes(count) == text
