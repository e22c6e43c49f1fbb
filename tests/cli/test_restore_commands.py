"""`alebrije denoise` and `alebrije upscale`, with networks that nobody has trained in the place of those that come along."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import Result

import alebrije as package
from alebrije.autoencoder.restoration import nets, store
from alebrije.core import image
from alebrije.core.tensorfiles import write_safetensors

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

VERBS = [("denoise",), ("upscale", "--scale", "2")]
each_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped ones, small and untrained."""
    folder = tmp_path_factory.mktemp("networks")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = {f"fast-x{scale}": nets.PlainUpscaler(scale, 8, 2) for scale in nets.SCALES}
        made |= {"quality-x2": nets.AttentionUpscaler(2, 8, 2), "denoise": nets.Denoiser(8, 1, 1)}
    for name, network in made.items():
        recipe = json.dumps({"recipe": f"restore/{name.partition('-')[0]}"})
        write_safetensors(folder / f"{name}.safetensors", dict(network.state_dict()), {"recipe": recipe})
    return folder


@pytest.fixture(autouse=True)
def _installed(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", networks)


def reported(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout.splitlines()[-1]))


def refused(result: Result, *words: str) -> None:
    """It ended in one line on stderr that has all of these words, and wrote nothing."""
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert errors == result.stderr.splitlines()[-1:], result.stderr
    for word in words:
        assert word in errors[0]
    assert not list(Path().glob("out*"))


@each_verb
def test_both_report_what_they_did(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint) -> None:
    report = reported(alebrije(*verb, paint("a.png"), "-o", "out.png", "--json"))
    assert {"files", "size", "network", "tiles", "precision", "seconds"} <= set(report)
    assert report["files"] == ["out.png"]
    assert list(image.load("out.png").size) == report["size"] == ([48, 40] if verb[0] == "denoise" else [96, 80])


@pytest.mark.parametrize(
    ("words", "size"),
    [([], (96, 80)), (["--scale", "3"], (144, 120)), (["--scale", "4"], (192, 160)), (["--size", "100x90"], (100, 90)),
     (["--size", "60"], (60, 50)), (["--scale", "2", "--quality", "best"], (96, 80)), (["--wrap"], (96, 80))],
)  # fmt: skip
def test_every_way_to_say_how_large(words: list[str], size: tuple[int, int], alebrije: Alebrije, paint: Paint) -> None:
    assert reported(alebrije("upscale", paint("a.png"), "-o", "out.png", *words, "--json"))["size"] == list(size)
    assert image.load("out.png").size == size


def test_people_are_told_in_words(alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png")
    lines = alebrije("upscale", "a.png", "-o", "big.png", "--scale", "3").stdout.splitlines()
    assert lines[0].startswith("144x120 pixels by fast-x3; ")
    assert lines[1] == "saved big.png"
    lines = alebrije("denoise", "a.png", "-o", "clean.png").stdout.splitlines()
    assert lines[0].startswith("took out noise of ")
    assert alebrije("denoise", "a.png", "-o", "same.png", "--strength", "0").stdout.startswith("took nothing out; ")


@each_verb
def test_what_it_was_made_with_is_in_the_picture(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint) -> None:
    words = (*verb, paint("a.png"), "--seed", "4")
    report = reported(alebrije(*words, "-o", "out.png", "--json"))
    made = image.read_metadata("out.png")
    assert (made["verb"], made["seed"], made["version"]) == (verb[0], 4, package.__version__)
    assert made["report"] == {name: value for name, value in report.items() if name not in {"files", "seconds"}}
    assert [one["name"] for one in made["inputs"]] == ["a.png"]
    assert alebrije(*words, "-o", "again.png").exit_code == 0
    assert Path("again.png").read_bytes() == Path("out.png").read_bytes()
    assert alebrije(*words, "-o", "bare.png", "--no-metadata").exit_code == 0
    assert image.read_metadata("bare.png") == {}


@each_verb
def test_quiet_and_force(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png"), paint("out.png", (5, 5))
    before = Path("a.png").read_bytes()
    result = alebrije(*verb, "a.png", "-o", "out.png")
    assert result.exit_code == 1
    assert "--force" in result.stderr
    result = alebrije(*verb, "a.png", "-o", "out.png", "--force", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert image.load("out.png").size != (5, 5)
    assert "one of the originals" in alebrije(*verb, "a.png", "-o", "a.png", "--force").stderr
    assert Path("a.png").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["upscale", "--scale", "5"], "there is no network for scale 5: choose from 2, 3 and 4"),
        (["upscale", "--scale", "1"], "scale"),
        (["upscale", "--scale", "0"], "scale must be 1 or more"),
        (["upscale", "--scale", "2", "--size", "90x90"], "give a scale or a size, not both"),
        (["upscale", "--size", "big"], "cannot read the size 'big'"),
        (["upscale", "--size", "20"], "20x17 pixels are no more than the picture's own 48x40"),
        (["upscale", "--quality", "good"], "quality must be one of fast, best"),
        (["upscale", "--network", "runs/none"], "runs/none"),
        (["upscale", "--tile", "7"], "tile"),
        (["denoise", "--strength", "200"], "strength"),
        (["denoise", "--strength", "-1"], "strength"),
        (["denoise", "--strength", "strong"], "strength"),
        (["denoise", "--device", "toaster"], "device"),
        (["denoise", "--watch"], "--watch is for folders"),
    ],
)
def test_a_setting_that_is_wrong(words: list[str], message: str, alebrije: Alebrije, paint: Paint) -> None:
    refused(alebrije(words[0], paint("a.png"), "-o", "out.png", *words[1:]), message)


@pytest.mark.parametrize("words", [["upscale", "a.png"], ["upscale", "a.png", "-o", "o.png", "--scale", "two"], ["denoise"],
                                   ["denoise", "a.png", "b.png", "-o", "o.png"]])  # fmt: skip
def test_wrong_usage(words: list[str], alebrije: Alebrije) -> None:
    assert alebrije(*words).exit_code == 2


@each_verb
@pytest.mark.parametrize(
    ("content", "words"),
    [(None, ["there is no such file"]), (b"", ["it is empty"]), (b"This is a text.\n", ["not a picture"]),
     (b"\x89PNG\r\n\x1a\n" + bytes(50), ["damaged"])],
    ids=["missing", "empty", "text", "damaged"],
)  # fmt: skip
def test_a_picture_that_is_none(verb: tuple[str, ...], content: bytes | None, words: list[str], alebrije: Alebrije) -> None:
    if content is not None:
        Path("bad.png").write_bytes(content)
    refused(alebrije(*verb, "bad.png", "-o", "out.png"), "bad.png", *words)


@each_verb
@pytest.mark.parametrize(
    ("target", "words"),
    [("none/o.png", ["there is no folder none"]), ("o.docx", ["o.docx"]), ("o", ["o"]),
     ("there", ["there is a folder: give the picture a name, such as there/a.png"]),
     ("a.png/o.png", ["not a folder"])],
)  # fmt: skip
def test_an_output_that_cannot_be(
    verb: tuple[str, ...], target: str, words: list[str], alebrije: Alebrije, paint: Paint, work: Path
) -> None:
    paint("a.png")
    (work / "there").mkdir()
    refused(alebrije(*verb, "a.png", "-o", target), *words)
    assert sorted(path.name for path in work.iterdir()) == ["a.png", "there"]


def test_a_format_that_ends_before_the_result_is_told_before_the_work(alebrije: Alebrije, work: Path) -> None:
    Image.new("RGB", (4200, 4), (9, 90, 190)).save("wide.png")
    refused(alebrije("upscale", "wide.png", "-o", "out.webp", "--scale", "4"), "WebP ends at 16383 a side; use .png")


@each_verb
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (17, 5)])
def test_tiny_pictures(verb: tuple[str, ...], size: tuple[int, int], alebrije: Alebrije, paint: Paint) -> None:
    reported(alebrije(*verb, paint("a.png", size), "-o", "out.png", "--json"))
    times = 1 if verb[0] == "denoise" else 2
    assert image.load("out.png").size == (size[0] * times, size[1] * times)


@each_verb
def test_what_came_with_the_picture_stays(verb: tuple[str, ...], alebrije: Alebrije, work: Path) -> None:
    generator = np.random.default_rng(0)
    grey = generator.integers(0, 255, (24, 32), dtype=np.uint8)
    Image.fromarray(grey).save("grey.png")
    Path("deep.png").write_bytes(bytes(imagecodecs.png_encode(generator.integers(0, 65535, (24, 32, 3), dtype=np.uint16))))
    alpha = np.dstack([generator.integers(0, 255, (24, 32, 3), dtype=np.uint8), np.full((24, 32), 255, np.uint8)])
    alpha[:, :8, 3] = 0
    Image.fromarray(alpha).save("clear.png")
    for name in ("grey", "deep", "clear"):
        reported(alebrije(*verb, f"{name}.png", "-o", f"{name}-out.png", "--json"))
    assert image.load("grey-out.png").gray
    assert image.load("deep-out.png").depth == 16
    found = image.load("clear-out.png").alpha
    assert found is not None
    assert float(found[..., : 4 * (1 if verb[0] == "denoise" else 2)].max()) == 0
    result = alebrije(*verb, "clear.png", "-o", "flat.jpg")
    assert "JPEG has no transparency, so the picture is laid on white" in result.stderr


@each_verb
def test_a_folder_with_all_that_folders_have(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("in/1.png"), paint("in/a/2.jpg", seed=1), paint("in/a/b/3.png", (8, 8))
    (work / "in" / "a" / "bad.png").write_text("no picture")
    words = (*verb, "in", "-o", "out", "--format", "same", "--json")
    result = alebrije(*words)
    assert result.exit_code == 1
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["files"] == ["out/1.png", "out/a/2.jpg", "out/a/b/3.png"]
    assert list(report["failed"]) == ["in/a/bad.png"]
    assert image.read_metadata("out/a/2.jpg")["verb"] == verb[0]
    (work / "in" / "a" / "bad.png").unlink()
    report = reported(alebrije(*words, "--skip-existing"))
    assert (report["files"], len(report["skipped"])) == ([], 3)


def test_a_folder_with_one_picture_that_is_large_already(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("in/1.png", (100, 80)), paint("in/2.png", (40, 30)), paint("in/3.png", (120, 90))
    result = alebrije("upscale", "in", "-o", "out", "--size", "80", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["files"] == ["out/2.png"]
    assert sorted(report["failed"]) == ["in/1.png", "in/3.png"]
    assert "no more than the picture's own 100x80" in report["failed"]["in/1.png"]


def test_a_folder_whose_setting_is_wrong_ends_at_once(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for number in range(4):
        paint(f"in/{number}.png")
    result = alebrije("upscale", "in", "-o", "out", "--scale", "5")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1].startswith("error: there is no network for scale 5")
    assert "[3/4]" not in result.stdout
    assert not (work / "out").exists()


def test_the_commands_are_the_verbs(alebrije: Alebrije, paint: Paint) -> None:
    """The file holds what Python's verb gives, to the rounding of 8 bits."""
    paint("a.png")
    for name, options in (("denoise", {"strength": 25}), ("upscale", {"scale": 3})):
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        reported(alebrije(name, "a.png", "-o", f"{name}.png", *words, "--json"))
        given = getattr(package, name)("a.png", **options).image.pixels
        assert float((image.load(f"{name}.png").pixels - given.clamp(0, 1)).abs().max()) <= 0.5 / 255 + 1e-6


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from alebrije.cli import program\n"
        "for name in ('denoise', 'upscale', 'hybrid', 'stylize'):\n"
        "    assert CliRunner().invoke(program(), [name, '--help']).exit_code == 0\n"
        "print(sorted({'torch', 'numpy', 'PIL'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
