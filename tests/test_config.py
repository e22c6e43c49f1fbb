"""Settings say clearly what is wrong with them, and recipes come back as they went out."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field

from alebrije import config, steps
from alebrije.config import Config, build, choose, parse_override
from alebrije.errors import ConfigError

TRAINED = [name for name in config.recipe_names() if config.recipe_command(name).startswith("alebrije train")]


class Example(Config):
    """Settings of all kinds."""

    sigma_low: float = Field(8.0, gt=0)
    steps: int = 100
    low: Literal["first", "second"] = "first"
    sizes: tuple[int, ...] = (64,)
    weights: dict[str, float] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sigma_lwo": 3}, r"^unknown setting sigma_lwo \(did you mean sigma_low\?\)$"),
        ({"qqq": 3}, r"^unknown setting qqq \(choose from sigma_low, steps, low, sizes, weights\)$"),
        ({1: 3}, r"^unknown setting 1 "),
        ({"sigma_low": -1}, r"^sigma_low must be greater than 0, got -1$"),
        ({"sigma_low": "wide"}, r"^sigma_low must be a number, got 'wide'$"),
        ({"sigma_low": math.nan}, r"^sigma_low must be a finite number, got nan$"),
        ({"steps": 1.5}, r"^steps must be a whole number, got 1\.5$"),
        ({"steps": "some"}, r"^steps must be a whole number, got 'some'$"),
        ({"low": "frist"}, r"^low must be one of first, second \(did you mean first\?\), got 'frist'$"),
        ({"low": 3}, r"^low must be one of first, second, got 3$"),
        ({"sizes": [1, "two"]}, r"^sizes\.1 must be a whole number, got 'two'$"),
        ({"sizes": 3}, r"^sizes must be a list, got 3$"),
        ({"weights": {"relu1_1": ""}}, r"^weights\.relu1_1 must be a number, got ''$"),
    ],
)
def test_a_mistake_is_named_in_one_line(values: dict[Any, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        build(Example, values)
    assert "\n" not in str(caught.value)


def test_settings_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        build(Example, {}).steps = 3  # type: ignore[misc]


def test_a_rule_between_settings_is_told_in_its_own_words() -> None:
    from alebrije.hybrid.config import HybridConfig

    with pytest.raises(ConfigError, match=r"^far \(1 m\) must be more than near \(2 m\)$"):
        build(HybridConfig, {"near": 2, "far": 1})


def test_choose() -> None:
    assert choose("loss", "gram", {"gram": 1}) == "gram"
    with pytest.raises(ConfigError, match=r"^unknown loss grum \(did you mean gram\?\)$"):
        choose("loss", "grum", {"gram": 1})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("1e-4", 1e-4),
        ("2.5E3", 2500.0),
        ("-0.5", -0.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("", None),
        ("[1, 2]", [1, 2]),
        ("{relu1_1: 2}", {"relu1_1": 2}),
        ("cosine", "cosine"),
        ("a=b", "a=b"),
        ("photos/été", "photos/été"),
        ("[1", "[1"),
        ("@home", "@home"),
        ("a: b: c", "a: b: c"),
    ],
)
def test_overrides_mean_what_they_look_like(text: str, value: object) -> None:
    assert parse_override(f" key ={text}") == ("key", value)


@pytest.mark.parametrize("text", ["steps", "=3", " =3", ""])
def test_an_override_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="key=value"):
        parse_override(text)


@settings(deadline=None)
@given(st.text())
def test_no_override_ends_in_anything_but_a_pair_or_a_clear_error(text: str) -> None:
    try:
        key, _ = parse_override(text)
    except ConfigError:
        return
    assert key == text.partition("=")[0].strip()


@settings(deadline=None)
@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans()))
def test_overrides_read_what_python_prints(value: float) -> None:
    assert parse_override(f"key={value}") == ("key", value)


@pytest.mark.parametrize("name", TRAINED)
def test_every_recipe_that_is_shipped_can_be_built(name: str) -> None:
    values = config.read_recipe(name)
    kind = values.pop("recipe")
    assert kind == name
    _, model = steps.trainer(kind)
    built = build(model, values)
    written = built.model_dump(mode="json")  # lists, as a recipe has them
    assert {key: written[key] for key in values} == values


@pytest.mark.parametrize("name", config.recipe_names())
def test_the_first_line_of_a_recipe_is_the_command_that_runs_it(name: str) -> None:
    line = config.recipe_text(name).splitlines()[0]
    assert line == f"# {config.recipe_command(name)}"
    assert line.startswith((f"# alebrije train {name}", "# alebrije stylize CONTENT STYLE -o OUT"))
    assert name in line


def test_a_recipe_without_a_command(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# my own\nsteps: 3\n")
    assert config.recipe_command(str(tmp_path / "mine.yaml")) == ""
    assert config.recipe_command("cooking/soup") == ""


@pytest.mark.parametrize("name", TRAINED)
def test_resolved_settings_written_as_yaml_come_back_the_same(name: str, tmp_path: Path) -> None:
    values = config.read_recipe(name)
    _, model = steps.trainer(values.pop("recipe"))
    built = build(model, values)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(built.model_dump(mode="json")), encoding="utf-8")
    assert build(model, config.read_recipe(str(tmp_path / "mine.yaml"))) == built


def test_an_empty_recipe_is_all_defaults(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("# nothing\n")
    assert config.read_recipe(str(tmp_path / "mine.yaml")) == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"steps: [1", "not valid YAML"),
        (b"- steps\n", "one `key: value` a line"),
        (b"just words", "one `key: value` a line"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"!!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_a_recipe_that_is_none(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        config.read_recipe(str(tmp_path / "mine.yaml"))
    assert "mine.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        config.read_recipe(str(tmp_path / "none.yaml"))
    with pytest.raises(ConfigError, match="did you mean autoencoder/creatures"):
        config.read_recipe("autoencoder/creature")
    with pytest.raises(ConfigError, match="family of recipes"):
        steps.trainer("cooking/soup")
    with pytest.raises(ConfigError, match="recipe: autoencoder/creatures"):
        steps.trainer("autoencoder/soup")
