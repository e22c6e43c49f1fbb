"""The program as a user meets it: typed words in, exit code, stdout, stderr and files out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from alebrije.cli import program
from alebrije.core import image

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]


@pytest.fixture
def work(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def alebrije(work: Path) -> Alebrije:
    """Run the program in this process; `stdin` is what the user types while it runs."""

    def run(*words: str | Path, stdin: str | None = None) -> Result:
        return CliRunner().invoke(program(), [str(word) for word in words], input=stdin, prog_name="alebrije")

    return run


@pytest.fixture
def paint(work: Path) -> Paint:
    """Make a picture file: smooth random colours, of the given width and height."""

    def make(name: str, size: tuple[int, int] = (48, 40), seed: int = 0) -> Path:
        colours = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
        (work / name).parent.mkdir(exist_ok=True, parents=True)
        image.save(image.resize(colours, (size[1], size[0])), work / name)
        return Path(name)

    return make


def _hear_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def start(work: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start the real program as a process of its own that shows every step on stderr. It hears Ctrl-C whatever started us: what
    a shell puts into the background ignores it, and so would its children."""
    code = "from alebrije.cli import shell, main; shell.SECONDS_BETWEEN_LINES = 0; main()"

    def run(*words: str | Path) -> subprocess.Popen[str]:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", code, *map(str, words)]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=work, env=environment,
            preexec_fn=_hear_ctrl_c if os.name == "posix" else None,
        )  # fmt: skip

    return run
