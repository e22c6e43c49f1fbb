"""The reproduction of Gatys et al.: its plan, its descents against the engine's own, and the whole of it in the small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from pydantic import ValidationError
from torch import Tensor

from alebrije import features
from alebrije.core.image import load, save
from alebrije.errors import ConfigError, Interrupted, RunError
from alebrije.events import Done, Started, Step
from alebrije.reproductions.gatys.figures import absolute_variation, differences, frequencies, labelled, variations
from alebrije.reproductions.gatys.painting import balance, begin, is_there, objective, paint, picture, reconstruction, record, sit
from alebrije.reproductions.gatys.plan import EVEN, FIGURES, Descent, needed, weights, with_settings
from alebrije.reproductions.gatys.run import ALL, GatysReproduction, reproduce
from alebrije.reproductions.gatys.runtime import runtimes, table
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS, StylizeConfig
from alebrije.style.optimize import LBFGS, descend

SMALL: dict[str, Any] = {"size": "48x40", "steps": 2, "durations": (1, 3), "timed_steps": 2, "repetitions": 3}


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path]:
    """A content and a style with some structure, of different shapes."""
    made = []
    for name, size in {"content": (70, 90), "style": (60, 50)}.items():
        coarse = torch.rand(1, 3, 6, 6)
        pixels = torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)
        made.append(save(pixels, tmp_path / f"{name}.png"))
    return made[0], made[1]


def small(pair: tuple[Path, Path], **more: Any) -> GatysReproduction:
    return GatysReproduction(**({"content": str(pair[0]), "style": str(pair[1])} | SMALL | more))


def test_the_ratio_is_that_of_the_weights_up_to_one_constant() -> None:
    for ratio in (1e-5, 1e-3, 1.0):
        content, style = weights(ratio)
        assert content / style == pytest.approx(ratio / EVEN)
    assert weights(EVEN)[0] == pytest.approx(weights(EVEN)[1])
    assert weights(1e-4)[1] == pytest.approx(StylizeConfig().style_weight)
    assert weights(None)[0] == 0


def test_the_classic_grid_has_the_papers_rows_and_columns() -> None:
    rows = FIGURES["grid"](GatysReproduction())
    assert [len(row) for row in rows] == [4] * 5
    for count, row in enumerate(rows, 1):
        assert [panel.descent.ratio for panel in row] == [1e-5, 1e-4, 1e-3, 1e-2]
        for panel in row:
            settings = with_settings(StylizeConfig(), panel.descent)
            assert tuple(settings.layer_weights) == STYLE_LAYERS[:count]


def test_descents_have_names_of_their_own_and_serve_several_figures() -> None:
    config = GatysReproduction()
    found = needed(config, ALL)
    assert len({descent.name for descent in found}) == len(found)
    shown = sum(len(row) for name in ALL if name in FIGURES for row in FIGURES[name](config))
    assert len(found) < shown
    assert found[Descent()] == (50, config.steps, 200, 1000)


def test_a_figure_alone_needs_its_own_pictures_only() -> None:
    config = GatysReproduction(durations=(5, 7))
    assert {descent.only for descent in needed(config, ["content-layers"])} == set(STYLE_LAYERS)
    assert needed(config, ["runtime"]) == {}
    assert set(needed(config, ["durations"]).values()) == {(5, 7)}


def test_the_thesis_own_settings_are_understood() -> None:
    config = GatysReproduction(features="vgg19", size="512x380", steps=1000)
    assert all(kept[-1] == 1000 for kept in needed(config, ALL).values())
    with pytest.raises(ValidationError):
        GatysReproduction(figures=("rato",))


def test_a_short_descent_is_the_beginning_of_a_long_one(pair: tuple[Path, Path], tmp_path: Path) -> None:
    sitting = sit(*pair, StylizeConfig(features="compact", size="48", precision="fp32"))
    list(paint(sitting, Descent(), (2, 5), tmp_path, 0, 5))
    kept = picture(tmp_path, Descent(), 2).read_bytes()
    picture(tmp_path, Descent(), 2).unlink()
    assert not is_there(tmp_path, Descent(), (2, 5))
    list(paint(sitting, Descent(), (2,), tmp_path, 0, 2))
    assert picture(tmp_path, Descent(), 2).read_bytes() == kept


def test_losses_fall_in_every_kind_of_descent(pair: tuple[Path, Path]) -> None:
    sitting = sit(*pair, StylizeConfig(features="compact", size="48", precision="fp32"))
    kinds = (Descent(), Descent(ratio=None, layers=1), Descent(only="relu2_1"), Descent(init="content", pooling="max"))
    for descent in kinds:
        curve = [one.values["loss"] for one in descend(objective(sitting, descent), begin(sitting, descent), LBFGS(), 8)]
        assert curve[-1] < curve[0]


def test_pictures_come_to_the_size_asked_for(pair: tuple[Path, Path]) -> None:
    sitting = sit(*pair, StylizeConfig(size="64x40"))
    assert sitting.content.shape == (1, 3, 40, 64)
    assert max(sitting.style.shape) == 64
    sitting = sit(*pair, StylizeConfig(size="45"))
    assert sitting.content.shape == (1, 3, 35, 45)


def test_noise_is_grey_faint_and_the_same_for_one_seed(pair: tuple[Path, Path]) -> None:
    first, again, other = (begin(sit(*pair, StylizeConfig(size="64x64", seed=seed)), Descent()) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert abs(float(first.mean()) - 0.5) < 0.01
    assert float(first.std()) == pytest.approx(0.05, rel=0.05)


def test_reconstruction_is_a_relative_error_with_its_gradient() -> None:
    extractor = features.build("compact", None, ["relu1_1", "relu2_1"], dtype=torch.float64)
    content, image = torch.rand(2, 1, 3, 12, 10, dtype=torch.float64).unbind()
    evaluate = reconstruction(extractor, content, "relu2_1", 0.0)
    assert evaluate(content)[0] == 0
    goal = extractor(content)["relu2_1"]
    expected = (extractor(image)["relu2_1"] - goal).square().sum() / goal.square().sum()
    loss, gradient, values = evaluate(image)
    assert loss == pytest.approx(float(expected), rel=1e-6)
    assert values["content_distance"] == loss
    way = torch.randn_like(image)
    ahead, behind = (evaluate(image + step * way)[0] for step in (1e-5, -1e-5))
    assert (ahead - behind) / 2e-5 == pytest.approx(float((gradient * way).sum()), rel=1e-2)
    flat = torch.full_like(image, 0.5)
    smooth = reconstruction(extractor, content, "relu2_1", 3.0)
    assert smooth(flat)[0] == pytest.approx(evaluate(flat)[0])  # nothing varies there
    assert smooth(image)[0] > evaluate(image)[0]


def test_the_papers_own_weights_hang_on_units_and_size(pair: tuple[Path, Path]) -> None:
    """The content's loss is a sum over positions, the style's is not; the twin is the paper's equations word by word."""
    sitting = sit(*pair, StylizeConfig(features="compact", size="64x64"))
    found = balance(sitting, "avg")
    extractor = features.load("compact", [CONTENT_LAYER, *STYLE_LAYERS], pooling="avg")
    content, style = extractor(sitting.content)[CONTENT_LAYER], extractor(sitting.style)
    losses = []
    for layer in STYLE_LAYERS:
        vectors = style[layer][0].flatten(1)
        channels, positions = vectors.shape
        losses.append((vectors @ vectors.T).square().sum() / (4 * channels**2 * positions**2) / len(STYLE_LAYERS))
    assert found["raw"] == pytest.approx(float(sum(losses) / (0.5 * content.square().sum())), rel=1e-4)
    larger = balance(sit(*pair, StylizeConfig(features="compact", size="128x128")), "avg")
    assert larger["normalised"] == pytest.approx(found["normalised"] / 4, rel=0.6)


def test_differences_and_their_sum_are_the_second_sources() -> None:
    pixels = torch.rand(1, 3, 7, 5)
    right, down = differences(pixels)
    values = pixels[0].numpy()
    np.testing.assert_allclose(right[0, :, :, :-1].numpy(), np.diff(values, axis=2), atol=1e-7)
    np.testing.assert_allclose(down[0, :, :-1].numpy(), np.diff(values, axis=1), atol=1e-7)
    assert not right[..., -1].any()
    assert not down[..., -1, :].any()
    expected = (np.abs(np.diff(values, axis=2)).sum() + np.abs(np.diff(values, axis=1)).sum()) / values.size
    assert absolute_variation(pixels) == pytest.approx(float(expected), rel=1e-5)


def test_a_figure_has_all_its_panels(tmp_path: Path) -> None:
    rows: list[list[tuple[str, Tensor]]] = [[("one", torch.rand(1, 3, 20, 30))] * 3] * 2
    with Image.open(labelled(rows, tmp_path / "figure.jpg")) as made:
        assert made.width > 1.2 * made.height


def test_runtimes_are_of_every_ratio_and_pooling(pair: tuple[Path, Path]) -> None:
    config = small(pair, ratios=(1e-2, 1e-4))
    events = list(runtimes(sit(*pair, StylizeConfig(features="compact", size="32")), config))
    assert sum(isinstance(event, Step) for event in events) == 12
    done = events[-1]
    assert isinstance(done, Done)
    cases = done.result["cases"]
    assert [(case["ratio"], case["pooling"]) for case in cases] == [(r, p) for r in config.ratios for p in ("max", "avg")]
    spreads = [case[clock] for case in cases for clock in ("wall", "processor")]
    assert all(0 < one["least"] <= one["median"] <= one["largest"] for one in spreads)
    rows = table(done.result).splitlines()
    assert [row.split(" | ")[0] for row in rows[2:6]] == ["| 0.01", "| 0.01", "| 0.0001", "| 0.0001"]
    assert "32x25" in rows[-1]


def test_settings_may_change_until_there_are_pictures(pair: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    with pytest.raises(ConfigError, match="size"):
        list(reproduce(small(pair, size="big"), folder))
    swapped = small((pair[1], pair[0]), figures="content-layers, pooling")
    running = reproduce(swapped, folder)
    assert isinstance(next(running), Started)
    assert torch.equal(load(folder / "inputs" / "content.png").pixels, load(pair[1]).pixels)
    running.close()


@pytest.mark.slow
def test_one_command_makes_figures_stops_and_goes_on(pair: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    config = small(pair, figures=("ratio", "frequencies", "durations", "runtime"))
    running = reproduce(config, folder)
    for event in running:
        if isinstance(event, Step) and event.index == 3:
            break
    stopped = list(_stopped(running))
    assert isinstance(stopped[-1], Done)
    assert stopped[-1].interrupted
    done = list(reproduce(config, folder))[-1]
    assert isinstance(done, Done)
    names = {path.name for path in (folder / "figures").iterdir()}
    kinds = ("ratio.jpg", "frequencies.jpg", "durations.jpg", "losses.png", "runtime.png")
    assert names == {f"gatys-{kind}" for kind in kinds}
    assert all(Path(file).exists() for file in done.result.report["files"])
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    assert results["pictures"][Descent().name]["after"].keys() == {"1", "2", "3"}
    assert results["variation"]["the content"]["absolute"] > 0
    assert len(frequencies(config, folder)) == len(variations(config, folder)) == 4
    assert len(record(folder / "pictures", Descent())["curves"]["loss"]) == 3
    again = [event.stage for event in reproduce(config, folder) if isinstance(event, Started)]
    assert again == []
    with pytest.raises(RunError, match="size"):
        next(reproduce(small(pair, size="50x40"), folder))


def _stopped(running: Any) -> Any:
    yield running.throw(Interrupted())
    yield from running


@pytest.mark.slow
def test_demo_pictures_go_by_their_names(tmp_path: Path) -> None:
    pytest.importorskip("skimage")
    config = GatysReproduction(**(SMALL | {"figures": ("pooling",), "steps": 1, "size": "32"}))
    done = list(reproduce(config, tmp_path))[-1]
    assert isinstance(done, Done)
    assert load(tmp_path / "inputs" / "content.png").pixels.shape[-1] == 512
    assert (tmp_path / "figures" / "gatys-pooling.jpg").stat().st_size > 1000
