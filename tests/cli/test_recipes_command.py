"""Recipes as a user meets them: those of `stylize` beside those that are trained; each of the former paints a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from alebrije import config
from alebrije.core.image import load
from alebrije.style.config import StylizeConfig
from alebrije.style.losses import COOCCURRENCE_FORMS

Alebrije = Callable[..., Result]
Paint = Callable[..., Path]
PAINTING = [name for name in config.recipe_names() if config.recipe_command(name).startswith("alebrije stylize")]


def test_there_is_a_recipe_for_every_form_of_the_co_occurrence() -> None:
    assert {f"style/cooc-{form}" for form in COOCCURRENCE_FORMS} <= set(PAINTING)
    for form in COOCCURRENCE_FORMS:
        settings = config.build(StylizeConfig, config.read_recipe(f"style/cooc-{form}"))
        assert (settings.loss, settings.form) == ("cooccurrence", form)


@pytest.mark.parametrize("name", PAINTING)
def test_each_recipe_of_stylize_paints(name: str, alebrije: Alebrije, paint: Paint) -> None:
    words = ("--features", "compact", "--quality", "quick", "--steps", "8", "--json")
    done = alebrije("stylize", paint("a.png"), paint("b.png", seed=1), "-o", "c.png", "--recipe", name, *words)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["steps"] == 8
    assert not load("c.png").pixels.equal(load("a.png").pixels)


def test_each_is_listed_with_its_own_command(alebrije: Alebrije) -> None:
    lines = alebrije("recipes", "list").stdout.splitlines()
    assert len(lines) == len(config.recipe_names())
    for line in lines:
        name, command = line.split(maxsplit=1)
        assert command == config.recipe_command(name)
    assert any(line.endswith("alebrije stylize CONTENT STYLE -o OUT --recipe style/cooc-tensor") for line in lines)


def test_a_copy_is_ones_own_recipe_of_stylize(alebrije: Alebrije, paint: Paint, work: Path) -> None:
    assert alebrije("recipes", "copy", "style/cooc-vector", "-o", "mine.yaml").exit_code == 0
    assert config.read_recipe("mine.yaml") == config.read_recipe("style/cooc-vector")
    assert config.recipe_command("mine.yaml") == "alebrije stylize CONTENT STYLE -o OUT --recipe mine.yaml"
    words = ("--recipe", "mine.yaml", "--features", "compact", "--steps", "2")
    assert alebrije("stylize", paint("a.png"), paint("b.png", seed=1), "-o", "c.png", *words).exit_code == 0


@pytest.mark.parametrize("own", [False, True])
def test_what_is_not_trained_says_what_runs_it(own: bool, alebrije: Alebrije, work: Path) -> None:
    recipe = "style/cooc-tensor"
    if own:
        alebrije("recipes", "copy", recipe, "-o", "mine.yaml")
        recipe = "mine.yaml"
    done = alebrije("train", recipe)
    assert done.exit_code == 1
    assert done.stderr == (
        f"error: {recipe} is not a recipe to train from, it is run by: alebrije stylize CONTENT STYLE -o OUT --recipe {recipe}\n"
    )
    assert not (work / "runs").exists()
    swept = alebrije("sweep", recipe, "--grid", "steps=1,2")
    assert swept.exit_code == 1
    assert "alebrije stylize" in swept.stderr
