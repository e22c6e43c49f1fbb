"""What each command does when all is well: results on stdout, files where they belong, keys that scripts rely on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import Result

import alebrije as package
from alebrije import config, steps
from alebrije.core import image
from alebrije.core.fit import TrainConfig
from alebrije.core.weights import SOURCES
from alebrije.runs import Run

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]

FEW = ("--steps", "4", "--quality", "quick")
TINY = {"steps": 4, "size": 16, "latent_dim": 4, "width": 4, "pictures": 16, "batch_size": 4, "sample_every": 2, "log_every": 2}
SETTINGS = [word for key, value in TINY.items() for word in ("--set", f"{key}={value}")]


def reported(result: Result) -> dict[str, Any]:
    """What a program reads: the last line of stdout."""
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    assert isinstance(found, dict)
    return found


def test_hybrid_reports_what_it_chose(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    words = ("hybrid", paint("a.png"), paint("b.png", seed=1), "-o", "out.png", "--sigma-low", "3.5", "--low", "second")
    report = reported(alebrije(*words, "--previews", "--zoom", "walk.gif", "--json"))
    assert {"low", "sigma_low", "sigma_high", "score", "files"} <= set(report)
    assert (report["low"], report["sigma_low"]) == ("second", 3.5)
    assert report["files"] == ["out.png", "out-near.png", "out-far.png", "walk.gif"]
    assert all((work / name).is_file() for name in report["files"])
    with Image.open(work / "walk.gif") as film:
        assert film.n_frames > 10


def test_hybrid_tells_people_in_words(alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png"), paint("b.png", seed=1)
    found = alebrije("hybrid", "a.png", "b.png", "-o", "out.png", "--low", "first").stdout
    for words in ("from afar a.png: blurred by", "from near b.png", "cycles per image", "score", "saved out.png"):
        assert words in found


def test_stylize_reports_what_it_did(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("a.png"), paint("b.png", seed=1), paint("c.png", seed=2)
    shares = ("--style-weights", "2,1", "--layer-weights", "relu1_1=1,relu2_1=2")
    words = ("stylize", "a.png", "b.png", "c.png", "-o", "out.png", *shares, *FEW)
    report = reported(alebrije(*words, "--timelapse", "film.gif", "--json"))
    assert {"files", "steps", "seconds", "content_distance", "style_distance"} <= set(report)
    assert report["steps"] == 4
    assert report["files"] == ["out.png", "film.gif"]
    made = image.read_metadata("out.png")
    assert made["config"]["style_weights"] == [2, 1]
    assert made["config"]["layer_weights"] == {"relu1_1": 1, "relu2_1": 2}
    assert made["config"]["frames"] == 0


def test_a_timelapse_is_small_and_the_picture_is_not(alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png", (420, 210)), paint("b.png", seed=1)
    assert alebrije("stylize", "a.png", "b.png", "-o", "out.png", "--timelapse", "film.gif", *FEW).exit_code == 0
    assert image.load("out.png").size == (420, 210)
    with Image.open("film.gif") as film:
        assert film.size == (360, 180)


def test_stylize_tells_people_in_words(alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png"), paint("b.png", seed=1)
    found = alebrije("stylize", "a.png", "b.png", "-o", "out.png", *FEW).stdout
    for words in ("4 steps with compact", "distance from the style", "from the content", "saved out.png"):
        assert words in found


def test_flags_go_before_the_recipe_and_the_recipe_before_the_defaults(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    (work / "mine.yaml").write_text("recipe: style/mine\nsteps: 3\ntv_weight: 5\n")
    paint("a.png")
    words = ("stylize", "a.png", "a.png", "-o", "out.png", "--recipe", "mine.yaml", "--steps", "2")
    assert reported(alebrije(*words, "--json"))["steps"] == 2
    assert image.read_metadata("out.png")["config"]["tv_weight"] == 5


@pytest.mark.parametrize("verb", [("hybrid",), ("stylize", *FEW)], ids=lambda verb: verb[0])
@pytest.mark.parametrize("kind", ["png", "jpg", "webp", "tiff"])
def test_a_picture_tells_how_it_was_made(verb: tuple[str, ...], kind: str, alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("a.png"), paint("b.png", seed=1)
    assert alebrije(*verb, "a.png", "b.png", "-o", f"out.{kind}", "--seed", "5").exit_code == 0
    found = reported(alebrije("runs", "show", f"out.{kind}", "--json"))
    again = reported(alebrije(*verb, "a.png", "b.png", "-o", "again.png", "--seed", "5", "--json"))
    assert found["report"] == {name: value for name, value in again.items() if name not in {"files", "seconds"}}
    assert (found["verb"], found["seed"], found["version"]) == (verb[0], 5, package.__version__)
    sums = [hashlib.sha256((work / name).read_bytes()).hexdigest() for name in ("a.png", "b.png")]
    assert found["inputs"] == [{"name": "a.png", "sha256": sums[0]}, {"name": "b.png", "sha256": sums[1]}]
    assert found["config"] == image.read_metadata(again["files"][0])["config"]


def test_the_record_can_be_left_out(alebrije: Alebrije, paint: Paint) -> None:
    paint("a.png"), paint("b.png", seed=1)
    assert alebrije("hybrid", "a.png", "b.png", "-o", "out.png", "--no-metadata").exit_code == 0
    assert image.read_metadata("out.png") == {}
    assert reported(alebrije("runs", "show", "out.png", "--json")) == {"picture": "out.png"}


@pytest.mark.parametrize("verb", [("hybrid",), ("stylize", *FEW)], ids=lambda verb: verb[0])
def test_quiet_is_silent(verb: tuple[str, ...], alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("a.png"), paint("b.png", (20, 20))
    result = alebrije(*verb, "a.png", "b.png", "-o", "out.png", "--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert (work / "out.png").is_file()


def test_the_same_seed_makes_the_same_file(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    paint("a.png"), paint("b.png", seed=1)
    for name in ("one.png", "two.png"):
        assert alebrije("stylize", "a.png", "b.png", "-o", name, *FEW, "--init", "noise", "--seed", "3").exit_code == 0
    assert (work / "one.png").read_bytes() == (work / "two.png").read_bytes()


def test_train_show_compare_report(alebrije: Alebrije, work: Path) -> None:
    for name, noise in (("one", "0.1"), ("two", "0.2")):
        words = ("train", "autoencoder/creatures", "--run", f"runs/{name}", *SETTINGS, "--set", f"noise={noise}", "--json")
        report = reported(alebrije(*words))
        assert set(report) == {"run", "steps", "seconds", "metrics"}
        assert report["run"] == f"runs/{name}"

    runs = reported(alebrije("runs", "--json"))["runs"]
    assert list(runs) == ["runs/one", "runs/two"]
    assert runs["runs/one"]["step"] == 4
    assert "runs/two" in alebrije("runs", "list").stdout

    shown = reported(alebrije("runs", "show", "runs/one", "--json"))
    assert (shown["recipe"], shown["settings"]["noise"]) == ("autoencoder/creatures", 0.1)
    model = reported(alebrije("runs", "show", "runs/one/model.safetensors", "--json"))
    assert model["header"]["recipe"]["noise"] == 0.1

    differ = reported(alebrije("runs", "compare", "runs/one", "runs/two", "--json"))
    assert differ["settings"] == {"noise": [0.1, 0.2]}
    assert len(differ["metrics"]) == 2
    assert "noise" in alebrije("runs", "compare", "runs/one", "runs/two").stdout
    assert "the settings are the same" in alebrije("runs", "compare", "runs/one", "runs/one").stdout

    page = reported(alebrije("report", "runs/one", "--json"))["files"][0]
    assert "data:image/png;base64," in (work / page).read_text(encoding="utf-8")

    again = alebrije("train", "autoencoder/creatures", "--run", "runs/one", *SETTINGS)
    assert again.exit_code == 1
    assert again.stderr.startswith("error: runs/one holds a run already: go on with --resume --run runs/one")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "name a recipe (see `alebrije recipes`)"),
        (["train", "autoencoder/creature"], "did you mean autoencoder/creatures?"),
        (["train", "none.yaml"], "cannot read the recipe none.yaml"),
        (["train", "autoencoder/creatures", "--set", "stepz=3"], "unknown setting stepz (did you mean steps?)"),
        (["train", "autoencoder/creatures", "--set", "steps"], "key=value"),
        (["train", "autoencoder/creatures", "--device", "toaster"], "'toaster'"),
        (["train", "autoencoder/creatures", "--data", "nowhere"], "nowhere"),
        (["train", "--resume", "--run", "none"], "none is not a run folder"),
        (["runs", "show", "none"], "none"),
        (["runs", "show", "none.safetensors"], "none.safetensors"),
        (["runs", "compare", "none", "none"], "none is not a run folder"),
        (["report", "none"], "none is not a run folder"),
        (["recipes", "show", "autoencoder/creature"], "did you mean autoencoder/creatures?"),
        (["recipes", "copy", "autoencoder/creatures", "-o", "none/mine.yaml"], "mkdir"),
        (["dataset", "draw", "none/set"], "mkdir -p none"),
        (["dataset", "draw", "set", "--size", "big"], "cannot read the size 'big'"),
        (["weights", "fetch", "vgg20"], "did you mean vgg19?"),
        (["demo", "--with", "none.png"], "cannot read none.png"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(words: list[str], message: str, alebrije: Alebrije) -> None:
    result = alebrije(*words)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert message in result.stderr


def test_no_runs_yet(alebrije: Alebrije) -> None:
    assert alebrije("runs").stdout == "no runs in runs: alebrije train RECIPE\n"


def test_a_run_that_was_killed_is_listed_all_the_same(alebrije: Alebrije, work: Path) -> None:
    run = Run.create(Path("runs/one"))
    run.write_recipe("autoencoder/creatures", TrainConfig())
    run.log(1, 0.5, 1.0, {"mse": 0.25})
    with (run.folder / "metrics.csv").open("a") as file:
        file.write("2,0.")
    assert reported(alebrije("runs", "list", "--json"))["runs"]["runs/one"]["mse"] == 0.25


def test_recipes(alebrije: Alebrije, work: Path) -> None:
    assert reported(alebrije("recipes", "--json"))["recipes"] == config.recipe_names()
    name = "autoencoder/creatures"
    assert f"alebrije train {name}" in alebrije("recipes", "list").stdout
    assert alebrije("recipes", "show", name).stdout.strip() == config.recipe_text(name).strip()
    assert reported(alebrije("recipes", "copy", name, "--json"))["files"] == ["creatures.yaml"]
    assert config.read_recipe("creatures.yaml") == config.read_recipe(name)
    again = alebrije("recipes", "copy", name)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    assert alebrije("recipes", "copy", name, "--force").exit_code == 0
    begun = steps.train("creatures.yaml", run="run", **TINY)
    next(begun)
    begun.close()
    assert Run.open(Path("run")).recipe()[0] == name


def test_dataset_draw(alebrije: Alebrije, work: Path) -> None:
    report = reported(alebrije("dataset", "draw", "set", "-n", "3", "--size", "24x32", "--sketches", "--seed", "4", "--json"))
    assert report == {"folder": "set", "count": 3, "files": ["set/metadata.jsonl"]}
    assert [image.load(path).size for path in sorted((work / "set").glob("*.png"))] == [(24, 32)] * 3
    assert len(list((work / "set" / "sketches").iterdir())) == 3
    again = alebrije("dataset", "draw", "set", "-n", "3", "--size", "24x32")
    assert again.exit_code == 1
    assert "--force" in again.stderr


def test_doctor(alebrije: Alebrije, cache: Path) -> None:
    report = reported(alebrije("doctor", "--json"))
    assert report["packages"]["torch"] == torch.__version__
    assert report["cache"] == str(cache)
    assert set(SOURCES) <= set(report["networks"])
    assert report["processor"] == report["devices"]["cpu"]["name"] != ""
    assert report["networks"]["compact"] is True
    assert report["networks"]["vgg19"] is False
    assert {"alebrije", "python", "platform", "devices", "default_device", "threads", "extras", "data_sets"} <= set(report)
    words = alebrije("doctor").stdout
    assert "not here: alebrije weights fetch vgg19" in words
    assert str(cache) in words
    names = {line.split()[1] for line in words.splitlines() if line.startswith("network")}
    assert names == set(report["networks"])


def test_doctor_knows_what_cannot_be_fetched(alebrije: Alebrije, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alebrije.core.weights.at_hand", lambda name: False)
    words = alebrije("doctor").stdout
    assert "weights fetch compact" not in words
    assert "install Alebrije again" in words
    assert "alebrije[" not in words


@pytest.fixture
def full(cache: Path, work: Path) -> tuple[Path, Path, Path]:
    """Weights in the cache, a run in ./runs, and beside both something that is nobody's business."""
    for path in (cache / "weights" / "vgg16.safetensors", cache / "diary.txt", work / "runs" / "notes" / "mine.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(2000))
    run = Run.create(work / "runs" / "one")
    run.write_recipe("autoencoder/creatures", TrainConfig())
    return cache / "weights", run.folder, work


def exist(*paths: Path) -> list[bool]:
    return [path.exists() for path in paths]


@pytest.mark.parametrize("answer", ["n\n", "\n"])
def test_clean_asks_and_takes_no_for_an_answer(answer: str, alebrije: Alebrije, full: tuple[Path, Path, Path]) -> None:
    result = alebrije("clean", "--cache", "--runs", stdin=answer)
    assert result.exit_code == 0
    assert "2.0 kB" in result.stdout
    assert "Delete all of this?" in result.stderr
    assert exist(*full) == [True, True, True]
    assert "freed 0 bytes" in result.stdout


def test_clean_without_an_answer_deletes_nothing(alebrije: Alebrije, full: tuple[Path, Path, Path]) -> None:
    assert alebrije("clean", stdin="").exit_code == 1
    assert exist(*full) == [True, True, True]


@pytest.mark.parametrize(
    ("words", "left"),
    [([], (False, True)), (["--cache"], (False, True)), (["--runs"], (True, False)), (["--cache", "--runs"], (False, False))],
)
def test_clean_frees_what_is_asked_for_and_nothing_else(
    words: list[str], left: tuple[bool, bool], alebrije: Alebrije, full: tuple[Path, Path, Path], cache: Path
) -> None:
    weights, run, work = full
    assert reported(alebrije("clean", *words, "--yes", "--json"))["freed_bytes"] >= 500
    assert exist(weights, run) == list(left)
    assert exist(cache / "diary.txt", work / "runs" / "notes" / "mine.txt") == [True, True]


def test_clean_leaves_a_run_alone_that_is_being_trained(alebrije: Alebrije, full: tuple[Path, Path, Path]) -> None:
    with Run.open(full[1]).locked():
        result = alebrije("clean", "--runs", "--yes")
    assert result.exit_code == 1
    assert "in use by another process" in result.stderr
    assert full[1].exists()


def test_clean_where_there_is_nothing(alebrije: Alebrije) -> None:
    result = alebrije("clean", "--runs", "--cache")
    assert (result.exit_code, result.stdout) == (0, "freed 0 bytes\n")


@pytest.mark.parametrize("words", [[], ["--force"]])
def test_the_demo_takes_no_folder_that_is_not_its_own(words: list[str], alebrije: Alebrije, work: Path) -> None:
    pytest.importorskip("skimage")
    (work / "demo").mkdir()
    (work / "demo" / "thesis.txt").write_text("years of work")
    result = alebrije("demo", *words)
    assert result.exit_code == 1
    assert "left alone" in result.stderr
    assert (work / "demo" / "thesis.txt").read_text() == "years of work"


def test_a_demo_that_cannot_begin_removes_nothing(alebrije: Alebrije, work: Path) -> None:
    pytest.importorskip("skimage")
    (work / "demo" / "inputs").mkdir(parents=True)
    assert alebrije("demo", "--force", "--with", "none.png").exit_code == 1
    assert (work / "demo" / "inputs").is_dir()
