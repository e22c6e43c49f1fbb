"""The thesis on co-occurrence done again: its loop, its verdicts, what each form cannot see, and the whole of it in the small."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije import features
from alebrije.core.image import resize, save
from alebrije.errors import ConfigError
from alebrije.events import Done, Started
from alebrije.reproductions.cooccurrence import reasons
from alebrije.reproductions.cooccurrence.attempts import ATTEMPTS, WEIGHTS, Attempt, Scene, judged, run, verdict
from alebrije.reproductions.cooccurrence.figures import words
from alebrije.reproductions.cooccurrence.run import PAINTINGS, CooccurrenceReproduction, reproduce
from alebrije.reproductions.cooccurrence.table import number, tables
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS
from alebrije.style.families.cooccurrence import FORMS

JUDGES = ["relu1_2", "relu2_2"]


def picture(seed: int, size: tuple[int, int] = (64, 80)) -> torch.Tensor:
    return resize(torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(seed)), size)


@pytest.fixture(scope="module")
def scene() -> Scene:
    look = features.load("compact", [*STYLE_LAYERS, CONTENT_LAYER, *JUDGES])
    return Scene(look, picture(0), picture(1), JUDGES, 4, None)


def outcome(events: Generator[Any, None, tuple[dict[str, Any], torch.Tensor]]) -> tuple[dict[str, Any], torch.Tensor]:
    while True:
        try:
            next(events)
        except StopIteration as end:
            result: tuple[dict[str, Any], torch.Tensor] = end.value
            return result


def report(**changes: Any) -> dict[str, Any]:
    return {"ended": "", "steps": 30, "largest": 5.0, "change": 20.0, "sliced": 0.4} | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"change": 0.4}, "content unchanged"),
        ({"change": 0.4, "largest": 5e24}, "values up to 5e+24, content unchanged"),
        ({"sliced": 0.39}, "changed, no nearer to the style"),
        ({"sliced": 0.6}, "changed, farther from the style"),
        ({"sliced": 0.2}, "50% nearer to the style"),
        ({"ended": "nan", "steps": 3, "largest": 4e26}, "NaN at step 3, values up to 4e+26"),
        ({"ended": "nan", "steps": 1, "largest": None}, "NaN at step 1"),
    ],
)
def test_verdicts_are_what_the_numbers_say(changes: dict[str, Any], said: str) -> None:
    assert verdict(report(**changes), start=0.4) == said


def test_every_form_is_tried_with_every_weight() -> None:
    names = {attempt.name for attempt in ATTEMPTS}
    assert len(names) == len(ATTEMPTS)
    assert {Attempt(form, weights, "lbfgs").name for form in FORMS for weights in WEIGHTS} <= names


@pytest.mark.parametrize("loop", ["lbfgs", "descent"])
def test_tiny_weights_leave_the_content_as_it_is(loop: str, scene: Scene) -> None:
    found, image = outcome(run(Attempt("normalized", "tiny", loop), scene, 4))
    assert found["change"] < 1e-4
    assert (image - scene.content).abs().max() < 1e-6
    if loop == "lbfgs":  # whose tolerances the gradient does not reach
        assert (found["ended"], found["steps"]) == ("stuck", 1)
    assert found["distance"] < 1e-6
    assert found["losses"][0] < 1e-12


def test_gradient_descent_with_the_thesis_weight_ends_in_nan(scene: Scene) -> None:
    found, image = outcome(run(Attempt("tensor", "1e10", "descent"), scene, 9))
    assert found["ended"] == "nan"
    assert found["largest"] > 1e20
    assert math.isfinite(found["sliced"])
    assert image.isfinite().all()
    assert None in found["losses"]
    assert "NaN" not in json.dumps(found)


def test_the_plain_loop_does_work_for_gram(scene: Scene) -> None:
    found, _ = outcome(run(Attempt("gram", "plain", "lbfgs"), scene, 12))
    assert found["ended"] == ""
    assert found["losses"][-1] < 0.5 * found["losses"][0]
    assert found["sliced"] < 0.8 * judged(scene, scene.content)["sliced"]


def test_the_style_itself_is_at_no_distance_and_has_its_own_layout(scene: Scene) -> None:
    found = judged(scene, scene.style)
    assert found["sliced"] == found["gram"] == 0
    assert found["layout"] > 0.2
    mirrored = judged(scene, scene.style.flip(3))
    assert mirrored["layout"] < -0.2
    assert mirrored["sliced"] < 0.05


def test_which_forms_know_channels(scene: Scene) -> None:
    found = reasons.channels(scene)
    blind = {form for form, one in found.items() if one["distance"] < 1e-6}
    assert blind == {"matrix", "gram-matrix", "gram-vector"}
    channels = scene.look(scene.style)["relu2_1"].shape[1]
    assert found["gram"]["numbers"]["relu2_1"] == channels * (channels + 1) // 2
    assert found["tensor"]["numbers"]["relu2_1"] == scene.look(scene.style)["relu2_1"].numel()


def test_which_forms_are_tied_to_places(scene: Scene) -> None:
    found = reasons.positions(scene)
    for form in ("tensor", "normalized"):
        assert found[form]["halves exchanged, left and right"] > 10 * found["gram"]["halves exchanged, left and right"]
    rows = reasons.rows(scene)
    assert rows["columns shuffled"] < 1e-6 < 1e-3 < rows["rows shuffled"]
    assert rows["height"]["relu1_1"] == scene.style.shape[2]


def test_contrast_finds_the_one_number(scene: Scene) -> None:
    found = reasons.one_number(scene)
    assert found["changed"] == pytest.approx(found["style"], rel=1e-4)
    assert found["changed"] != pytest.approx(found["content"], rel=1e-3)
    assert judged(scene, reasons.same_number(scene, found))["sliced"] == found["sliced after"]


def test_explained_variance_of_lines_and_noise() -> None:
    x = torch.rand(200, 1)
    assert reasons._explained(3 * x[:, 0] - 1, x) == pytest.approx(1)
    assert abs(reasons._explained(torch.rand(200), x)) < 0.1


def test_gate_and_shared_map(scene: Scene) -> None:
    for shares in reasons.gate(scene).values():
        assert shares["zero"] + shares["stopped"] + shares["above"] == pytest.approx(1)
        assert shares["no gradient, tensor"] >= shares["zero"] + shares["stopped"] - 1e-6
        assert shares["no gradient, gram"] <= shares["no gradient, tensor"]
    for layer, share in reasons.map_share(scene).items():
        explained = reasons.means(scene)[layer]
        assert 0.9 < share <= 1
        assert max(explained["activation"], explained["active"]) - 1e-9 <= explained["both"] <= 1


def test_scales_of_the_thesis(scene: Scene) -> None:
    found = reasons.scale(scene)
    distances = {form: max(one["distance"] for one in layers.values()) for form, layers in found.items()}
    assert distances["normalized"] < 1e-5
    assert distances["gram-vector"] > 1e5


def test_numbers_are_short() -> None:
    assert [number(one) for one in (0.0, 0.1234, 12.0, 3e-12, 4.2e26, 7, None)] == [
        "0", "0.123", "12", "3e-12", "4e+26", "7", "None"]  # fmt: skip


def test_pictures_too_small_and_networks_unknown(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save(picture(0, (32, 80)), tmp_path / f"{name}.png")
    given = {"content": str(tmp_path / "a.png"), "style": str(tmp_path / "b.png")}
    with pytest.raises(ConfigError, match="too few"):
        list(reproduce(CooccurrenceReproduction(**given), tmp_path))
    with pytest.raises(ConfigError, match="unknown network"):
        list(reproduce(CooccurrenceReproduction(features="vgg20", **given), tmp_path / "none"))


@pytest.mark.slow
def test_one_command_makes_all_and_goes_on_where_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    save(picture(0), tmp_path / "a.png")
    save(picture(1), tmp_path / "b.png")
    config = CooccurrenceReproduction(
        content=str(tmp_path / "a.png"), style=str(tmp_path / "b.png"), size="80", steps=1, painted=3
    )
    begun = reproduce(config, folder)
    for event in itertools.islice(begun, 40):
        assert not isinstance(event, Done)
    begun.close()
    kept = {path.name: path.stat().st_mtime_ns for path in (folder / "attempts").iterdir()}
    assert kept
    done = list(reproduce(config, folder))[-1]
    assert isinstance(done, Done)
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "attempts").iterdir()}
    assert {name: after[name] for name in kept} == kept
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert set(results["paintings"]) == set(PAINTINGS)
    assert all(words(results, attempt) for attempt in ATTEMPTS)
    for _, head, rows in tables(results):
        assert {len(row) for row in rows} == {len(head)}
    assert len(list((folder / "figures").iterdir())) == 6
    assert all(Path(file).exists() for file in done.result.report["files"])
    assert not [event for event in reproduce(config, folder) if isinstance(event, Started)]
    with pytest.raises(ConfigError, match="steps 1, not 3"):
        list(reproduce(config.model_copy(update={"steps": 3}), folder))
