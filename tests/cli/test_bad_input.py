"""Whatever is wrong: one clear line, the right exit code, nothing half-written, nothing of the user's lost."""

from __future__ import annotations

import json
import os
import shutil
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import Result

from alebrije.core import download, image, tensorfiles, weights
from alebrije.features import layouts

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

posix = pytest.mark.skipif(os.name != "posix", reason="permissions and limits of POSIX systems")
FEW = ("--steps", "2", "--size", "32", "--quality", "quick")
VERBS = [("hybrid",), ("stylize", *FEW)]
each_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])


def refused(result: Result, *words: str, code: int = 1) -> None:
    """It ended in one line on stderr that has all of these words, and said nothing else."""
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:], result.stderr
    assert all(line.startswith("warning: ") for line in lines[:-1])
    for word in words:
        assert word in lines[-1]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def bomb() -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


@each_verb
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["there is no such file"]),
        (b"", ["it is empty"]),
        (b"This is a text, whatever its name.\n", ["not a picture"]),
        (bomb(), ["60000x60000", "--max-megapixels"]),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), ["damaged"]),
    ],
    ids=["missing", "empty", "text", "bomb", "damaged"],
)
@pytest.mark.parametrize("place", ["first", "second"])
def test_a_picture_that_is_none(
    verb: tuple[str, ...], content: bytes | None, words: list[str], place: str, alebrije: Alebrije, paint: Paint, work: Path
) -> None:
    paint("good.png")
    if content is not None:
        (work / "bad.png").write_bytes(content)
    before = names(work)
    pair = ("bad.png", "good.png") if place == "first" else ("good.png", "bad.png")
    refused(alebrije(*verb, *pair, "-o", "out.png"), "bad.png", *words)
    assert names(work) == before


@each_verb
def test_a_bomb_that_is_wanted_needs_more_than_a_wish(
    verb: tuple[str, ...], alebrije: Alebrije, paint: Paint, work: Path
) -> None:
    paint("big.png", (200, 100))
    refused(alebrije(*verb, "big.png", "big.png", "-o", "out.png", "--max-megapixels", "0.01"), "200x100", "--max-megapixels")
    assert names(work) == ["big.png"]


def test_one_pixel_is_too_little_for_a_hybrid(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("dot.png", (1, 1)), paint("good.png")
    refused(alebrije("hybrid", "dot.png", "good.png", "-o", "out.png"), "dot.png (1x1)", "at least 8x8")
    assert names(work) == ["dot.png", "good.png"]


@pytest.mark.parametrize("pair", [("dot.png", "good.png"), ("good.png", "dot.png"), ("dot.png", "dot.png")])
def test_one_pixel_can_be_stylised(pair: tuple[str, str], alebrije: Alebrije, paint: Paint) -> None:
    paint("dot.png", (1, 1)), paint("good.png")
    result = alebrije("stylize", *pair, "-o", "out.png", "--steps", "2")
    assert result.exit_code == 0, result.stderr
    assert ("little to see" in result.stderr) is (pair[0] == "dot.png")
    assert image.load("out.png").size == image.load(pair[0]).size


def test_very_different_sizes_are_fitted_with_a_notice(alebrije: Alebrije, paint: Paint) -> None:
    paint("wide.png", (300, 20)), paint("tall.png", (16, 90))
    result = alebrije("hybrid", "wide.png", "tall.png", "-o", "out.png")
    assert result.exit_code == 0, result.stderr
    assert "warning: tall.png (16x90) is cropped and scaled to the size of wide.png (300x20)" in result.stderr
    assert image.load("out.png").size == (300, 20)
    assert alebrije("stylize", "wide.png", "tall.png", "-o", "style.png", *FEW).exit_code == 0


@each_verb
@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("none/out.png", ["there is no folder none", "mkdir"]),
        ("out.docx", ["out.docx", ".png"]),
        ("out.gif", ["out.gif", ".png"]),
        ("out", ["out"]),
        ("taken.png", ["taken.png", "--force"]),
        ("first.png/out.png", ["not a folder"]),
    ],
)
def test_an_output_that_cannot_be(
    verb: tuple[str, ...], target: str, words: list[str], alebrije: Alebrije, paint: Paint, work: Path
) -> None:
    for name in ("first.png", "second.png", "taken.png"):
        paint(name)
    before = (work / "taken.png").read_bytes()
    refused(alebrije(*verb, "first.png", "second.png", "-o", target), *words)
    assert names(work) == ["first.png", "second.png", "taken.png"]
    assert (work / "taken.png").read_bytes() == before


@each_verb
def test_force_replaces_but_never_an_original(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for name in ("first.png", "second.png", "taken.png"):
        paint(name)
    before = (work / "second.png").read_bytes()
    assert alebrije(*verb, "first.png", "second.png", "-o", "taken.png", "--force").exit_code == 0
    assert image.read_metadata("taken.png")["verb"] == verb[0]
    result = alebrije(*verb, "first.png", "second.png", "-o", work / "second.png", "--force")
    refused(result, "second.png is one of the originals")
    assert (work / "second.png").read_bytes() == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["hybrid", "--zoom", "walk.avi"], "--zoom writes an animated GIF or a video (.mp4, .webm, .mkv): name the file walk"),
        (["stylize", "--timelapse", "work.png"], "name the file work.gif"),
        (["hybrid", "--sigma-low", "0"], "sigma_low"),
        (["hybrid", "--sigma-high", "-3"], "sigma_high"),
        (["hybrid", "--sigma-low", "nan"], "sigma_low"),
        (["hybrid", "--near", "7"], "far (6 m) must be more than near (7 m)"),
        (["hybrid", "--low", "third"], "low"),
        (["hybrid", "--device", "toaster"], "device"),
        (["stylize", "--loss", "grum"], "unknown loss grum (did you mean gram?)"),
        (["stylize", "--features", "vgg20"], "vgg20 (did you mean vgg"),
        (["stylize", "--features", "vgg19"], "alebrije weights fetch vgg19"),
        (["stylize", "--steps", "0"], "steps"),
        (["stylize", "--size", "big"], "size"),
        (["stylize", "--style-weights", "1,2"], "style_weights has 2 numbers for 1"),
        (["stylize", "--style-weights", "much"], "style_weights.0"),
        (["stylize", "--layer-weights", "relu9_1=1"], "relu9_1"),
        (["stylize", "--layer-weights", "relu1_1"], "layer_weights"),
        (["stylize", "--content-weight", "0", "--style-weight", "0"], "cannot both be 0"),
        (["stylize", "--recipe", "style/none"], "unknown recipe style/none"),
        (["stylize", "--recipe", "autoencoder/creatures"], "unknown setting batch_size"),
    ],
)
def test_a_setting_that_is_wrong(words: list[str], message: str, alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("a.png"), paint("b.png")
    refused(alebrije(words[0], "a.png", "b.png", "-o", "out.png", *words[1:]), message)
    assert names(work) == ["a.png", "b.png"]


@pytest.fixture
def ordinary_user(alebrije: Alebrije, paint: Paint, work: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of somebody whom permissions bind, with two pictures and one that nobody may read; the administrator
    becomes nobody for a while."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    for name in ("a.png", "b.png", "secret.png"):
        shutil.copy(paint(name), folder)
    (folder / "secret.png").chmod(0)
    monkeypatch.chdir(folder)
    assert alebrije("hybrid", "a.png", "b.png", "-o", "warm.png").exit_code == 0  # while Python may read its modules
    (folder / "warm.png").unlink()
    administrator = os.geteuid() == 0
    if administrator:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if administrator:
            os.seteuid(0)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777)
        shutil.rmtree(folder)


@posix
def test_a_read_only_folder_is_told_before_the_work(ordinary_user: Path, alebrije: Alebrije) -> None:
    (ordinary_user / "locked").mkdir(mode=0o555)
    refused(alebrije("hybrid", "a.png", "b.png", "-o", "locked/out.png"), "locked/out.png", "permission")
    assert names(ordinary_user / "locked") == []


@posix
def test_a_picture_that_may_not_be_read(ordinary_user: Path, alebrije: Alebrije) -> None:
    refused(alebrije("hybrid", "secret.png", "b.png", "-o", "out.png"), "secret.png", "permission")
    assert names(ordinary_user) == ["a.png", "b.png", "secret.png"]


@posix
@each_verb
def test_a_full_disk(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint, work: Path) -> None:
    import resource

    paint("a.png", (160, 120)), paint("b.png", (160, 120), seed=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        result = alebrije(*verb, "a.png", "b.png", "-o", "out.png")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    refused(result, "out.png", "full")
    assert names(work) == ["a.png", "b.png"]


def test_damaged_weights_are_told_by_their_checksum(alebrije: Alebrije, paint: Paint, cache: Path) -> None:
    (cache / "weights").mkdir()
    path = cache / "weights" / "vgg16.safetensors"
    tensors = {name: torch.zeros(shape, dtype=torch.float16) for name, shape in layouts.shapes("vgg16").items()}
    tensorfiles.write_safetensors(path, tensors, {"network": "vgg16"})
    assert weights.load("vgg16")
    with path.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"?")
    paint("a.png")
    result = alebrije("stylize", "a.png", "a.png", "-o", "out.png", "--features", "vgg16", *FEW)
    refused(result, "sha256", "alebrije weights fetch vgg16")


def test_no_network(alebrije: Alebrije, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    result = alebrije("weights", "fetch", "vgg19", "--url", "http://127.0.0.1:9/vgg19.pth")
    refused(result, "cannot download http://127.0.0.1:9/vgg19.pth")
    assert [path for path in cache.rglob("*") if path.is_file()] == []


@each_verb
def test_a_folder_with_one_bad_file(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for number in (1, 2, 10):
        paint(f"many/{number}.jpg")
    (work / "many" / "2.jpg").write_text("no picture")
    (work / "many" / "notes.txt").write_text("left alone")
    paint("other.png")
    result = alebrije(*verb, "many", "other.png", "-o", "out/deep", "--json")
    assert result.exit_code == 1
    assert names(work / "out" / "deep") == ["1.png", "10.png"]
    assert "skipped: cannot read many/2.jpg: " in result.stderr
    assert result.stderr.splitlines()[-1] == "error: 1 of 3 could not be made: many/2.jpg"
    report = json.loads(result.stdout.splitlines()[-1])
    assert report["files"] == ["out/deep/1.png", "out/deep/10.png"]
    assert list(report["failed"]) == ["many/2.jpg"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--loss", "gran"], "unknown loss gran (did you mean gram?)"),
        (["--features", "vgg19"], "alebrije weights fetch vgg19"),
        (["--style-weights", "1,2"], "style_weights has 2 numbers for 1"),
    ],
)
def test_a_wrong_setting_ends_a_folder_at_once(
    words: list[str], message: str, alebrije: Alebrije, paint: Paint, work: Path
) -> None:
    for name in ("many/1.png", "many/2.png", "other.png", "there/mine.png"):
        paint(name)
    for target in ("out/deep", "there"):
        result = alebrije("stylize", "many", "other.png", "-o", target, "--quiet", *words)
        refused(result, message)
        assert "skipped" not in result.stderr
    assert names(work) == ["many", "other.png", "there"]
    assert names(work / "there") == ["mine.png"]


def test_folders_side_by_side(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for name in ("a/1.png", "a/2.png", "b/x.png", "b/y.png", "c/z.png"):
        paint(name)
    assert alebrije("hybrid", "a", "b", "-o", "out").exit_code == 0
    inputs = [one["name"] for one in image.read_metadata("out/2.png")["inputs"]]
    assert inputs == ["2.png", "y.png"]
    refused(alebrije("hybrid", "a", "c", "-o", "none"), "different numbers of pictures (1, 2)")
    refused(alebrije("hybrid", "a", "b", "-o", "none.png"), "without .png")
    refused(alebrije("hybrid", "a", "b", "-o", "none", "--zoom", "walk.gif"), "--zoom is for one pair")
    assert names(work) == ["a", "b", "c", "out"]


def test_pictures_of_one_name_and_two_kinds_do_not_overwrite_each_other(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    for name in ("a/1.png", "a/1.jpg", "a/2.png", "b.png"):
        paint(name)
    assert alebrije("hybrid", "a", "b.png", "-o", "out").exit_code == 0
    assert names(work / "out") == ["1.jpg.png", "1.png.png", "2.png"]


def test_an_empty_folder(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    (work / "empty").mkdir()
    paint("b.png")
    refused(alebrije("hybrid", "empty", "b.png", "-o", "out"), "no picture in empty")
    assert names(work) == ["b.png", "empty"]


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["hybrid", "none.png", "none.png", "-o", "out.png"], 1, "error: cannot read none.png: there is no such file"),
        (["hybrd"], 2, "Error: no such command: hybrd (did you mean hybrid?)"),
    ],
)
def test_the_real_program_ends_the_same_way(words: list[str], code: int, message: str, start: Any) -> None:
    with start(*words) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (code, "")
    assert err.splitlines()[-1] == message
    assert "Traceback" not in err
