"""Settings: frozen pydantic models, made from keyword arguments, YAML recipes and `--set key=value`.

Whatever way a setting comes in, `build` checks it, and a mistake ends in one line that names the setting, the value and
what would have been right. A recipe is a YAML file with the differences from the defaults; its first comment is
the command that runs it.
"""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alebrije.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


class Config(BaseModel):
    """Base of all settings: immutable, no unknown keys, defaults checked like everything else."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


class ComputeConfig(Config):
    """Base of the settings of every verb that computes."""

    seed: int = Field(0, ge=0, lt=2**63, description="starting point of everything random")
    device: Literal["auto", "cpu", "cuda", "mps"] = Field("auto", description="where to compute")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="number format of the network")


# What pydantic's kinds of error say, in words that follow the setting's name; {} is filled from the error's context.
REASONS = {
    "greater_than": "must be greater than {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be {le} or less",
    "multiple_of": "must be a multiple of {multiple_of}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "dict_type": "must be a table of names and values",
    "tuple_type": "must be a list",
}
LIMITS = ("gt", "ge", "lt", "le", "multiple_of")


RECIPE_SUFFIXES = {".yaml", ".yml"}
ConfigT = TypeVar("ConfigT", bound=Config)


def build(model: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """Make a `model` from `values`; raises `ConfigError` naming the first setting that is wrong."""
    for key in values:
        if key not in model.model_fields:
            raise ConfigError(f"unknown setting {key}{did_you_mean(str(key), model.model_fields)}")
    try:
        return model(**values)
    except ValidationError as error:
        raise ConfigError(_in_words(error.errors()[0])) from error


def _in_words(error: ErrorDetails) -> str:
    """One mistake as a sentence: the setting, what would have been right, and what was given."""
    name, context, given = ".".join(map(str, error["loc"])), error.get("ctx", {}), error["input"]
    if error["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        near = difflib.get_close_matches(str(given), choices, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{name} must be one of {', '.join(choices)}{hint}, got {given!r}"
    if error["type"] in REASONS:
        limits = {key: int(limit) if float(limit).is_integer() else limit for key, limit in context.items() if key in LIMITS}
        return f"{name} {REASONS[error['type']].format(**limits)}, got {given!r}"
    reason = error["msg"].removeprefix("Value error, ")
    return f"{name}: {reason}, got {given!r}" if name else reason


def choose(what: str, name: str, known: Iterable[str]) -> str:
    """Return `name` if it is one of `known`, else raise `ConfigError` with the nearest one."""
    names = list(known)
    if name not in names:
        raise ConfigError(f"unknown {what} {name}{did_you_mean(name, names)}")
    return name


def parse_override(text: str) -> tuple[str, Any]:
    """Turn ``key=value`` into a pair; the value is read as YAML, so 3, 1e-4, true and [1, 2] mean what they look like.

    A value that is no YAML is taken as text. Raises `ConfigError` if there is no key or no equals sign.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"cannot read the setting {text!r}: write it as key=value")
    return key.strip(), _scalar(value)


def _scalar(text: str) -> Any:
    with contextlib.suppress(ValueError):
        if "e" in text.lower():  # YAML takes 1e-4, which has no point, for text
            return float(text)
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def recipe_names() -> list[str]:
    """Names of all recipes that come with Alebrije, such as ``features/compact``."""
    return sorted(
        f"{family.name}/{file.name.removesuffix('.yaml')}"
        for family in _recipes().iterdir()
        if family.is_dir()
        for file in family.iterdir()
        if file.name.endswith(".yaml")
    )


def recipe_text(name: str) -> str:
    """The YAML of a recipe, by its name or by the path of the user's own file."""
    path = Path(name)
    if path.suffix in RECIPE_SUFFIXES:
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot read the recipe {name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"cannot read the recipe {name}: it is not text in UTF-8") from error
    choose("recipe", name, recipe_names())
    return _recipes().joinpath(f"{name}.yaml").read_text(encoding="utf-8")


def recipe_command(name: str) -> str:
    """The command that runs a recipe, its first comment: ``alebrije train ...`` or ``alebrije stylize ...``. Empty where
    there is no such recipe, or no such comment."""
    try:
        first = recipe_text(name).partition("\n")[0]
    except ConfigError:
        return ""
    return first.removeprefix("# ").strip() if first.startswith("# alebrije ") else ""


def read_recipe(name: str) -> dict[str, Any]:
    """A recipe as a dict; raises `ConfigError` if it is not a YAML mapping."""
    try:
        values = yaml.safe_load(recipe_text(name)) or {}
    except yaml.YAMLError as error:
        raise ConfigError(f"the recipe {name} is not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"the recipe {name} must be a list of settings, one `key: value` a line")
    return values


def _recipes() -> Traversable:
    return resources.files("alebrije") / "recipes"
