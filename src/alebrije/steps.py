"""The public verbs as generators: each yields events while it works and ends with `Done(result)`.

Pictures may be given as paths, Pillow images, NumPy arrays (HxW, HxWx3 or HxWx4), tensors ([1, 3, H, W] in [0, 1]) or
`core.image.Picture`; options are the settings of the verb, named as on the command line with underscores. Pictures of
more than `max_megapixels` are refused, and the GPS position in a photograph is dropped unless `keep_location` is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from alebrije.config import build, choose, read_recipe
from alebrije.core.image import Picture, load
from alebrije.core.precision import tune_allocator
from alebrije.errors import ConfigError, RunError
from alebrije.events import Events, Warned
from alebrije.runs import Run

TRAINERS = {"features": "alebrije.features.distill", "autoencoder": "alebrije.autoencoder.run"}
# What may be changed when a run goes on; anything else would make it another run.
RESUMABLE = ("steps", "data", "device", "precision", "log_every", "sample_every", "checkpoint_every", "keep_checkpoints")


def hybridize(
    first: Any, second: Any, *, max_megapixels: float = 100.0, keep_location: bool = False, **options: Any
) -> Events:
    """Cross two pictures. `options` are the fields of `hybrid.config.HybridConfig`.

    Raises `PictureError` for a picture that cannot be read and `ConfigError` for a setting that is wrong.
    """
    from alebrije.hybrid.config import HybridConfig
    from alebrije.hybrid.run import hybridize as verb

    tune_allocator()
    config = build(HybridConfig, options)
    pictures = [load(source, max_megapixels=max_megapixels, keep_location=keep_location) for source in (first, second)]
    yield from _notices(pictures)
    yield from verb(pictures[0], pictures[1], config)


def stylize(
    content: Any, *styles: Any, max_megapixels: float = 100.0, keep_location: bool = False, **options: Any
) -> Events:
    """Repaint `content` in the manner of one or more `styles`. `options` are the fields of `style.config.StylizeConfig`.

    Raises `PictureError`, `ConfigError`, and `WeightsError` if the chosen network is not at hand.
    """
    from alebrije.style.config import StylizeConfig
    from alebrije.style.run import stylize as verb

    tune_allocator()
    config = build(StylizeConfig, options)
    pictures = [load(source, max_megapixels=max_megapixels, keep_location=keep_location) for source in (content, *styles)]
    yield from _notices(pictures)
    yield from verb(pictures[0], pictures[1:], config)


def _notices(pictures: list[Picture]) -> Iterator[Warned]:
    """What was noticed while the pictures were read."""
    return (Warned(notice) for picture in pictures for notice in picture.notices)


def train(recipe: str, *, run: Path | str | None = None, resume: bool = False, **settings: Any) -> Events:
    """Train `recipe` (a name or the path of a YAML file) in the folder `run`, by default ``runs/<recipe>``.

    A run folder that is made here and fails before its first step is removed again.

    `settings` override the recipe's. With `resume` the run goes on where it stopped, with the settings it began with but
    for those in `RESUMABLE`; `recipe` may be empty then. Raises `ConfigError` and `RunError`.
    """
    tune_allocator()
    place = Path(run) if run else Run.default_folder(recipe)
    values = read_recipe(recipe) if recipe else {}
    recipe = str(values.pop("recipe", recipe))
    if resume:
        values = _resumed(Run.open(place), recipe, settings)
        recipe = str(values.pop("recipe"))
    verb, model = trainer(recipe)
    config = build(model, values | settings)
    new = not place.exists()
    folder = Run.open(place) if resume else Run.create(place)
    try:
        with folder.locked():
            folder.write_recipe(recipe, config)
            yield from verb(config, folder)
    except Exception:
        if new:
            folder.discard()
        raise


def _resumed(folder: Run, recipe: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Recipe and settings that a run goes on with; raises if it is another recipe's, or a setting must stay as it is."""
    began_as, values = folder.recipe()
    if recipe not in ("", began_as):
        raise RunError(f"{folder.folder} is a run of {began_as}, not of {recipe}: choose another --run")
    for name, value in settings.items():
        if name in values and name not in RESUMABLE and value != values[name]:
            raise ConfigError(f"{name} of a run that goes on stays {values[name]}: for {value} begin another --run")
    return {"recipe": began_as, **values}


def trainer(recipe: str) -> tuple[Any, Any]:
    """The training verb `(config, run) -> Events` and the settings model of a recipe such as ``features/compact``."""
    family, _, kind = recipe.partition("/")
    choose("family of recipes", family, TRAINERS)
    module: ModuleType = importlib.import_module(TRAINERS[family])
    recipes: Mapping[str, tuple[Any, Any]] = module.RECIPES
    if kind not in recipes:
        raise ConfigError(f"the recipe must say which it varies, with a line such as `recipe: {family}/{next(iter(recipes))}`")
    return recipes[kind]
