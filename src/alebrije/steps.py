"""The public verbs as generators: each yields events while it works and ends with `Done(result)`.

Pictures may be given as paths, Pillow images, NumPy arrays (HxW, HxWx3 or HxWx4), tensors ([1, 3, H, W] in [0, 1]) or
`core.image.Picture`; options are the settings of the verb, named as on the command line with underscores. Pictures of
more than `max_megapixels` are refused, and the GPS position in a photograph is dropped unless `keep_location` is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from alebrije.config import build, choose, read_recipe, recipe_command
from alebrije.core.image import Picture, load
from alebrije.core.precision import tune_allocator
from alebrije.errors import ConfigError, RunError
from alebrije.events import Events, Warned
from alebrije.runs import Run

TRAINERS = {
    "features": "alebrije.features.distill",
    "autoencoder": "alebrije.autoencoder.run",
    "hybrid": "alebrije.hybrid.planning.train",
    "style": "alebrije.style.feedforward.train",
    "gan": "alebrije.gan.run",
    "restore": "alebrije.autoencoder.restoration.run",
}
# Families whose trained networks can be tested on data: modules with `evaluate(run, settings, data, folder) -> Events`; of those
# that draw pictures it takes a `core.evaluating.EvaluateConfig`, too.
EVALUATORS = {"hybrid": "alebrije.hybrid.planning.report", "gan": "alebrije.gan.evaluate"}
# Families whose trained networks draw pictures: modules with `open_source(run, config) -> core.latents.Source`.
GENERATORS = {"autoencoder": "alebrije.autoencoder.generate", "gan": "alebrije.gan.generate"}
# Families whose latents can be mixed, moved and found: modules with `generate(run, config, picture) -> Events`.
LATENT_TOOLS = {"gan": "alebrije.gan.latents"}
SHIPPED = {"planner": "hybrid"}  # trained networks that come with the program, by name: their families
# What may be changed when a run goes on; anything else would make it another run.
RESUMABLE = ("steps", "data", "device", "precision", "log_every", "sample_every", "checkpoint_every", "keep_checkpoints",
             "changed_data")  # fmt: skip


def hybridize(
    first: Any,
    second: Any,
    middle: Any = None,
    *,
    max_megapixels: float = 100.0,
    keep_location: bool = False,
    **options: Any,
) -> Events:
    """Cross two pictures, or three with `middle`, which is seen from between the distances of the other two.

    `options` are the fields of `hybrid.config.HybridConfig`. Raises `PictureError` for a picture that cannot be read,
    `ConfigError` for a setting that is wrong, `RunError` and `WeightsError` for a planner that cannot be used.
    """
    from alebrije.hybrid.config import HybridConfig
    from alebrije.hybrid.run import hybridize as verb

    tune_allocator()
    config = build(HybridConfig, options)
    sources = (first, second) if middle is None else (first, second, middle)
    pictures = [load(source, max_megapixels=max_megapixels, keep_location=keep_location) for source in sources]
    yield from _notices(pictures)
    yield from verb(pictures[0], pictures[1], config, *pictures[2:])


def stylize(
    content: Any, *styles: Any, max_megapixels: float = 100.0, keep_location: bool = False, **options: Any
) -> Events:
    """Repaint `content` in the manner of one or more `styles`. `options` are the fields of `style.config.StylizeConfig`.

    With `network` a trained network paints in one pass; one of style/fast takes no style. Raises `PictureError`,
    `ConfigError`, `RunError` for a network that cannot be used, and `WeightsError` if weights are not at hand.
    """
    from alebrije.style.config import StylizeConfig

    tune_allocator()
    config = build(StylizeConfig, options)
    if not styles and not config.network:
        raise ConfigError("name at least one style picture, or a network that has learnt one")
    pictures = [load(source, max_megapixels=max_megapixels, keep_location=keep_location) for source in (content, *styles)]
    yield from _notices(pictures)
    if config.network:
        from alebrije.style.feedforward.apply import stylize as paint

        yield from paint(pictures[0], pictures[1:], config)
        return
    from alebrije.style.run import stylize as verb

    yield from verb(pictures[0], pictures[1:], config)


def upscale(picture: Any, *, max_megapixels: float = 100.0, keep_location: bool = False, **options: Any) -> Events:
    """Enlarge a picture. `options` are the fields of `autoencoder.restoration.use_config.UpscaleConfig`.

    Raises `PictureError`, `ConfigError` for a setting that is wrong or a scale that there is not, and `RunError` or
    `WeightsError` for a network that cannot be used.
    """
    from alebrije.autoencoder.restoration.use_config import UpscaleConfig

    tune_allocator()
    config = build(UpscaleConfig, options)
    source = load(picture, max_megapixels=max_megapixels, keep_location=keep_location)
    yield from _notices([source])
    from alebrije.autoencoder.restoration.apply import upscale as verb

    yield from verb(source, config)


def denoise(picture: Any, *, max_megapixels: float = 100.0, keep_location: bool = False, **options: Any) -> Events:
    """Take the noise out of a picture. `options` are the fields of `autoencoder.restoration.use_config.CleanConfig`.

    Raises `PictureError`, `ConfigError` for a setting that is wrong, and `RunError` or `WeightsError` for a network that
    cannot be used.
    """
    from alebrije.autoencoder.restoration.use_config import CleanConfig

    tune_allocator()
    config = build(CleanConfig, options)
    source = load(picture, max_megapixels=max_megapixels, keep_location=keep_location)
    yield from _notices([source])
    from alebrije.autoencoder.restoration.apply import denoise as verb

    yield from verb(source, config)


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
    if "style" in settings and "style" not in model.model_fields:
        raise ConfigError(f"{recipe} learns no style: --style is for style/fast (a painting) and style/adain (a folder of them)")
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
    command = recipe_command(recipe)
    if command and not command.startswith("alebrije train "):
        raise ConfigError(f"{recipe} is not a recipe to train from, it is run by: {command}")
    family, _, kind = recipe.partition("/")
    choose("family of recipes", family, TRAINERS)
    module: ModuleType = importlib.import_module(TRAINERS[family])
    recipes: Mapping[str, tuple[Any, Any]] = module.RECIPES
    if kind not in recipes:
        raise ConfigError(f"the recipe must say which it varies, with a line such as `recipe: {family}/{next(iter(recipes))}`")
    return recipes[kind]


def generate(
    run: Path | str, *, project: Any = None, max_megapixels: float = 100.0, keep_location: bool = False, **options: Any
) -> Events:
    """Draw new pictures with a trained network; `options` are the fields of `core.generating.GenerateConfig`.

    `run` is a run folder or a model.safetensors. Ends with `Done(core.latents.Generated)`; with `mix`, `directions`, or a
    picture to `project`, of a GAN only, with `Done(gan.latents.saved.Made)`. Raises `RunError`, `WeightsError` for a file that is
    damaged, `PictureError`, and `ConfigError` for a setting that is wrong or a network that draws nothing.
    """
    from alebrije.core.generating import OF_GANS, GenerateConfig

    tune_allocator()
    config = build(GenerateConfig, options)
    recipe, _ = made_by(run)
    family = SHIPPED.get(str(run), recipe.partition("/")[0])
    if family not in GENERATORS:
        raise ConfigError(f"{run} is a run of {recipe or family}: new pictures come from runs of {', '.join(GENERATORS)}/...")
    asked = [name for name in OF_GANS if getattr(config, name) is not None] + ["project"] * (project is not None)
    if asked and family not in LATENT_TOOLS:
        flag = "from" if asked[0] == "start" else asked[0].replace("_", "-")
        raise ConfigError(f"--{flag} is for runs of {', '.join(LATENT_TOOLS)}/..., and {run} is one of {recipe}: leave it out")
    if config.mix or config.directions or project is not None:
        picture = None
        if project is not None:
            picture = load(project, max_megapixels=max_megapixels, keep_location=keep_location)
            yield from _notices([picture])
        yield from importlib.import_module(LATENT_TOOLS[family]).generate(str(run), config, picture)
        return
    from alebrije.core.latents import generate as verb

    yield from verb(importlib.import_module(GENERATORS[family]).open_source(str(run), config), config)


def evaluate(run: Path | str, *, data: Path | str | None = None, output: Path | str | None = None, **options: Any) -> Events:
    """Test a trained network on data it did not learn from, or its pictures beside real ones, and write the report into `output`.

    `run` is a run folder, a model.safetensors, or the name of a network that ships (`SHIPPED`). Without `data` it is tested by
    what it held out, pictures beside those it learned from; without `output` the report goes to ``evaluation`` in the run folder
    (beside the model, ``planner-evaluation`` for the one that ships). `options` are the fields of
    `core.evaluating.EvaluateConfig`, for networks that draw. Raises `RunError`, `ConfigError`, `DataError`, `WeightsError`.
    """
    from alebrije.core.evaluating import EvaluateConfig

    tune_allocator()
    config = build(EvaluateConfig, options)
    recipe, settings = made_by(run)
    family = SHIPPED.get(str(run), recipe.partition("/")[0])
    if family not in EVALUATORS:
        known = ", ".join(f"{name}/..." for name in EVALUATORS)
        raise ConfigError(f"{run} is a run of {recipe}: what can be evaluated so far are runs of {known}")
    draws = family in GENERATORS
    if options and not draws:
        names = ", ".join(options)
        raise ConfigError(f"{names}: for networks that draw pictures, and {run} draws none; leave out what is not --data or -o")
    module = importlib.import_module(EVALUATORS[family])
    known_as = settings | ({"recipe": recipe} if recipe else {})
    place = Path(output or evaluation_folder(run))
    yield from module.evaluate(str(run), known_as, Path(data) if data else None, place, *([config] if draws else []))


def evaluation_folder(run: Path | str) -> Path:
    """Where the report of `evaluate` goes if nothing else is said."""
    if str(run) in SHIPPED:
        return Path(f"{run}-evaluation")
    return (Path(run) if Path(run).is_dir() else Path(run).parent) / "evaluation"


def made_by(run: Path | str) -> tuple[str, dict[str, Any]]:
    """Recipe and settings of a run folder or a model.safetensors; empty for a network that ships. Raises `RunError`."""
    if str(run) in SHIPPED:
        return "", {}
    path = Path(run)
    if path.is_dir():
        return Run.open(path).recipe()
    if not path.is_file():
        raise RunError(f"there is no run {run}: see `alebrije runs list`, or name a model.safetensors or {', '.join(SHIPPED)}")
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "pt") as model:
            values = yaml.safe_load((model.metadata() or {}).get("recipe", ""))  # JSON, which is YAML too, or a recipe as it is
        return str(values.pop("recipe")), values
    except (OSError, SafetensorError) as error:
        raise RunError(f"cannot read the model {run}: {error}") from error
    except (yaml.YAMLError, KeyError, AttributeError, TypeError) as error:
        raise RunError(f"{run} does not say which recipe made it: name a run folder or its model.safetensors") from error


def sweep(
    recipe: str, grid: Mapping[str, Sequence[Any]], *, run: Path | str | None = None, by: str = "", **settings: Any
) -> Events:
    """Train `recipe` with all combinations of the values in `grid`, each in its own folder below `run`; see `alebrije.sweeps`.

    `settings` are common to all. The table is sorted by the metric `by`, the first one if empty. Raises `ConfigError` for
    a setting that is unknown or wrong, before anything is trained.
    """
    from alebrije.sweeps import sweep as verb

    place = Path(run) if run else Run.default_folder(recipe)
    yield from verb(recipe, grid, place if run else place.with_name(f"{place.name}-sweep"), settings, by)
