"""The plan of the work and the settings that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alebrije.config import ComputeConfig, build, read_recipe
from alebrije.errors import ConfigError
from alebrije.hybrid.config import HybridConfig
from alebrije.style.config import QUALITIES, StylizeConfig, scales


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("steps", [1, 2, 3, 7, 100, 1000])
def test_steps_are_shared_out_completely_and_end_at_full_size(quality: str, steps: int) -> None:
    plan = scales(build(StylizeConfig, {"quality": quality, "steps": steps}))
    assert sum(stage.steps for stage in plan) == steps
    assert all(stage.steps > 0 for stage in plan)
    assert [stage.fraction for stage in plan] == sorted(stage.fraction for stage in plan)
    assert plan[-1].fraction == 1


@pytest.mark.parametrize("quality", QUALITIES)
def test_without_steps_the_quality_decides(quality: str) -> None:
    assert scales(build(StylizeConfig, {"quality": quality})) == QUALITIES[quality]


def test_weights_can_be_given_as_the_words_of_a_command_line() -> None:
    config = build(StylizeConfig, {"layer_weights": {"relu1_1": "2", "relu3_1": "0.5"}, "style_weights": ["1", "3"]})
    assert config.layer_weights == {"relu1_1": 2.0, "relu3_1": 0.5}
    assert config.style_weights == (1.0, 3.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "steps"),
        ({"style_weight": -1}, "style_weight"),
        ({"content_weight": 0, "style_weight": 0}, "cannot both be 0"),
        ({"content_weight": float("nan")}, "content_weight"),
        ({"layer_weights": {}}, "at least one layer"),
        ({"layer_weights": {"relu1_1": -1}}, "layer_weights"),
        ({"style_weights": [0, 0]}, "style_weights"),
        ({"pooling": "median"}, "pooling"),
        ({"form": "pairwize"}, "did you mean pairwise"),
        ({"radii": [4, 2]}, "radii must rise"),
        ({"radii": []}, "radii"),
        ({"radii": [-1]}, "radii"),
        ({"radius": -1}, "radius"),
        ({"quality": "superb"}, "quality"),
        ({"stile_weight": 3}, "did you mean style_weight"),
    ],
)
def test_settings_that_cannot_be_name_themselves(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(StylizeConfig, settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("size", "meant"), [(96, "96"), ("96", "96"), ("96x64", "96x64")])
def test_a_size_is_a_number_or_words(size: int | str, meant: str) -> None:
    assert build(StylizeConfig, {"size": size}).size == meant


@pytest.mark.parametrize("size", [True, 9.5, None, [96, 64]])
def test_what_is_no_size_is_refused(size: object) -> None:
    with pytest.raises(ConfigError, match=r"^size must be text"):
        build(StylizeConfig, {"size": size})


def test_a_recipe_may_give_the_size_as_a_number(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("size: 96\n")
    assert build(StylizeConfig, read_recipe(str(tmp_path / "mine.yaml"))).size == "96"


def test_masks_are_paths_one_or_several() -> None:
    for given in ("a.png", Path("a.png"), ["a.png"], (Path("a.png"),)):
        assert build(StylizeConfig, {"mask": given}).mask == ("a.png",)
    with pytest.raises(ConfigError, match=r"^mask"):
        build(StylizeConfig, {"mask": 3})


def test_a_way_with_colours_goes_before_the_flag_that_keeps_them() -> None:
    ways = [({}, None), ({"keep_colors": True}, "luminance"), ({"color": "histogram"}, "histogram")]
    for settings, way in [*ways, ({"keep_colors": True, "color": "mean-covariance"}, "mean-covariance")]:
        assert build(StylizeConfig, settings).colors == way


@pytest.mark.parametrize("model", [HybridConfig, StylizeConfig])
@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_is_a_number_that_torch_takes(model: type[ComputeConfig], seed: int) -> None:
    with pytest.raises(ConfigError, match=r"^seed must be"):
        build(model, {"seed": seed})
