"""`alebrije train style/... --style` and `alebrije stylize --network`, as typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from alebrije.style.feedforward import adain

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

TINY = [f"--set={setting}" for setting in
        ("steps=1", "size=64", "style_size=64", "width=4", "blocks=1", "compare=0", "batch_size=1")]  # fmt: skip


def test_train_and_paint_one_picture_and_a_folder(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for number in range(3):
        paint(f"data/{number}.png", (80, 72), number)
    paint("style.png", (70, 66), 9), paint("a.png", (61, 50), 5)
    found = alebrije("train", "style/fast", "--style", "style.png", "--data", "data", "--run", "run", *TINY)
    assert found.exit_code == 0, found.output
    assert (work / "run" / "report.html").is_file()
    assert "style/fast" in alebrije("runs", "show", "run").stdout
    assert alebrije("report", "run", "--force").exit_code == 0
    found = alebrije("stylize", "a.png", "--network", "run", "-o", "out.png", "--json")
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout.splitlines()[-1])
    assert report["network"] == "style/fast"
    assert report["size"] == [61, 50]
    assert 0 < report["network_seconds"] <= report["seconds"]
    first = (work / "out.png").read_bytes()
    assert alebrije("stylize", "a.png", "--network", "run/model.safetensors", "-o", "out.png").exit_code == 1
    assert alebrije("stylize", "a.png", "--network", "run", "-o", "out.png", "--force").exit_code == 0
    assert (work / "out.png").read_bytes() == first
    found = alebrije("stylize", "data", "--network", "run", "-o", "made")
    assert found.exit_code == 0, found.output
    assert sorted(path.name for path in (work / "made").iterdir()) == ["0.png", "1.png", "2.png"]
    found = alebrije("stylize", "a.png", "style.png", "--network", "run", "-o", "no.png")
    assert found.exit_code == 1
    assert "the one style that it has learnt, style.png: leave STYLE out" in found.stderr


def test_any_style(alebrije: Alebrije, paint: Paint, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adain, "MOST_ROWS", 300)
    for number in range(2):
        paint(f"data/{number}.png", (80, 72), number), paint(f"styles/{number}.png", (90, 66), 7 + number)
    few = ["--set=steps=1", "--set=size=64", "--set=compare=0", "--set=batch_size=1"]
    found = alebrije("train", "style/adain", "--style", "styles", "--data", "data", "--run", "run", *few)
    assert found.exit_code == 0, found.output
    words = ("stylize", "data/0.png", "styles/0.png", "styles/1.png", "--network", "run")
    found = alebrije(*words, "--style-weights", "1,2", "--style-strength", "0.7", "-o", "out.png", "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout.splitlines()[-1])["network"] == "style/adain"
    found = alebrije("stylize", "data/0.png", "--network", "run", "-o", "no.png")
    assert found.exit_code == 1
    assert "name one or more STYLE pictures" in found.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("stylize", "a.png", "-o", "b.png"), "name one or more STYLE pictures"),
        (("stylize", "a.png", "-o", "b.png", "--network", "none"), "there is no trained network none"),
        (("stylize", "a.png", "-o", "b.png", "--network", "none", "--timelapse", "c.gif"), "--timelapse shows the optimiser"),
        (("stylize", "a.png", "a.png", "-o", "b.png", "--style-strength", "0.5"), "style_strength goes with network"),
        (("train", "autoencoder/creatures", "--style", "a.png"), "learns no style: --style is for style/fast"),
        (("train", "style/fast", "--data", "."), "style/fast learns one painting: --style painting.jpg"),
    ],
)
def test_mistakes_are_one_line(words: tuple[str, ...], message: str, alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png")
    found = alebrije(*words)
    assert found.exit_code == 1
    assert message in found.stderr
    assert "Traceback" not in found.output
