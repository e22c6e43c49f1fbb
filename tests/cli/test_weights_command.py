"""`alebrije weights`, as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner, Result

from alebrije.cli import program
from alebrije.core import weights
from alebrije.features import layouts


def alebrije(*words: str) -> Result:
    return CliRunner().invoke(program(), list(words), prog_name="alebrije")


def test_list_tells_what_is_at_hand_and_what_each_is_for(cache: Path) -> None:
    found = alebrije("weights", "list")
    assert found.exit_code == 0
    for name, source in weights.SOURCES.items():
        assert name in found.stdout
        assert source.purpose in found.stdout
    rows = json.loads(alebrije("weights", "list", "--json").stdout.splitlines()[-1])["weights"]
    assert [row["name"] for row in rows] == list(weights.SOURCES)
    assert not next(row for row in rows if row["name"] == "vgg19")["at_hand"]


def test_import_list_and_verify_go_together(cache: Path, tmp_path: Path) -> None:
    shapes = layouts.shapes("squeezenet1_1")
    torch.save({name: torch.randn(shape) for name, shape in shapes.items()}, tmp_path / "mine.pth")
    assert alebrije("weights", "import", str(tmp_path / "mine.pth"), "--name", "squeezenet1_1").exit_code == 0
    rows = json.loads(alebrije("weights", "list", "--json").stdout.splitlines()[-1])["weights"]
    row = next(row for row in rows if row["name"] == "squeezenet1_1")
    assert row["at_hand"]
    assert row["source"] == "imported from mine.pth"
    assert alebrije("weights", "verify").exit_code == 0
    kept = cache / "weights" / "squeezenet1_1.safetensors"
    kept.write_bytes(kept.read_bytes()[:-4] + b"????")
    broken = alebrije("weights", "verify")
    assert broken.exit_code == 1
    assert broken.stderr == "error: damaged: squeezenet1_1; the lines above say what to do\n"
    assert "alebrije weights fetch squeezenet1_1" in broken.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["fetch", "vgg20"], "did you mean vgg19?"),
        (["fetch", "vgg19", "--url", "file:///etc/hostname"], "it must start with https://"),
        (["import", "nothing.pth"], "check the name of the file"),
        (["import", __file__], "weights come in files that end in .pth"),
        (["import", __file__, "--name", "vgg-16"], "did you mean vgg16?"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(cache: Path, words: list[str], message: str) -> None:
    result = alebrije("weights", *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
