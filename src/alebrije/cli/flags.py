"""Command-line flags made from the settings: one typed field, one flag, one help line.

A verb's settings are a `Config`; its fields become options (`sigma_low` -> `--sigma-low`), their descriptions the help,
their defaults what the help shows. A flag that is not given is left to the recipe or the default.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo
from typer.core import TyperCommand

from alebrije.cli.folders import Folders
from alebrije.cli.jobs import FORMATS
from alebrije.cli.pictures import PictureFiles
from alebrije.cli.shell import Shell
from alebrije.config import ComputeConfig, Config, build, read_recipe

Command = Callable[..., None]

SHELL_OPTIONS: dict[str, tuple[Any, Any]] = {
    "json": (Annotated[bool, typer.Option("--json", help="End stdout with one line of JSON: results and files.")], False),
    "force": (Annotated[bool, typer.Option("--force", help="Overwrite existing files.")], False),
    "quiet": (Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")], False),
    "debug": (Annotated[bool, typer.Option("--debug", help="Show the full traceback of an error.")], False),
}
PICTURE_OPTIONS: dict[str, tuple[Any, Any]] = {
    "metadata": (Annotated[bool, typer.Option("--metadata/--no-metadata", help="Write into the picture how it was made.")], True),
    "max_megapixels": (Annotated[float, typer.Option("--max-megapixels", help="Refuse larger pictures.")], 100.0),
    "keep_location": (Annotated[bool, typer.Option("--keep-location", help="Keep the GPS position of photographs.")], False),
}
FOLDER_OPTIONS: dict[str, tuple[Any, Any]] = {
    "skip_existing": (
        Annotated[bool, typer.Option("--skip-existing", help="Leave results that are there alone; go on where it was stopped.")],
        False,
    ),
    "watch": (Annotated[bool, typer.Option("--watch", help="Wait for new pictures in the folder, until Ctrl-C.")], False),
    "format": (
        Annotated[
            str | None,
            typer.Option("--format", metavar="|".join(FORMATS), help="Of a folder's results; same: each picture's own. "
                         f"[default: {FORMATS[0]}]", show_default=False),
        ],
        None,
    ),
}


def verb(
    model: type[Config] | None = None, *, pictures: bool = False, folders: bool = False
) -> Callable[[Command], Command]:
    """Give a command the flags of `model` and those that every command has.

    The command itself is called with what it declares, plus `shell`, with a model `config`, with `pictures` also `files`, and
    with `folders` also that. If it declares a parameter `recipe`, that recipe's settings lie under the flags given.
    """

    def decorate(command: Command) -> Command:
        own = [
            p
            for name, p in inspect.signature(command, eval_str=True).parameters.items()
            if name not in {"shell", "config", "files", "folders"}
        ]
        taken = {p.name for p in own}
        derived = [p for p in (_parameters(model) if model else []) if p.name not in taken]
        file_options = (PICTURE_OPTIONS if pictures else {}) | (FOLDER_OPTIONS if folders else {})
        common = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
            for name, (annotation, default) in {**file_options, **SHELL_OPTIONS}.items()
        ]

        @functools.wraps(command)
        def called(**values: Any) -> None:
            shell = Shell(**{name: values.pop(name) for name in SHELL_OPTIONS})
            with shell.errors():
                given = {p.name: values.pop(p.name) for p in derived}
                if pictures:
                    values["files"] = PictureFiles(shell, **{name: values.pop(name) for name in PICTURE_OPTIONS})
                if folders:
                    values["folders"] = Folders(shell, **{name: values.pop(name) for name in FOLDER_OPTIONS})
                if model is not None:
                    settings = read_recipe(values["recipe"]) if values.get("recipe") else {}
                    settings.pop("recipe", None)
                    values["config"] = build(model, settings | _given(model, given))
                command(shell=shell, **values)

        called.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + derived + common
        )
        called.__annotations__ = {p.name: p.annotation for p in [*own, *derived, *common]}
        return called

    return decorate


def repeating(flag: str, belongs: Callable[[str], bool]) -> type[TyperCommand]:
    """A class of commands whose `flag` takes all words that follow it and of which `belongs` is true.

    The parser gives an option one value each time, so the flag is put before each of these words.
    """

    class Repeating(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            words: list[str] = []
            listing = False
            for word in args:
                following = listing and not word.startswith("--") and belongs(word)
                words += [flag, word] if following and words[-1] != flag else [word]
                listing = following or word.partition("=")[0] == flag
            return super().parse_args(ctx, words)

    return Repeating


def _parameters(model: type[Config]) -> list[inspect.Parameter]:
    """The flags of a model in the order of its fields; those that every verb has come after its own."""
    fields = sorted(model.model_fields.items(), key=lambda field: field[0] in ComputeConfig.model_fields)
    return [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=_option(name, info))
        for name, info in fields
        if _extra(info).get("cli", True)
    ]


def _option(name: str, info: FieldInfo) -> Any:
    kind = _plain(info.annotation)
    flag = "--" + name.replace("_", "-")
    text = _sentence(info.description or "") + _shown(info.default)
    if kind is bool:
        flag = f"{flag}/--no-{flag[2:]}" if info.default else flag
        return Annotated[bool | None, typer.Option(flag, help=text, show_default=False)]
    parsed = kind if kind in (int, float) else str
    metavar = _extra(info).get("metavar") or _choices(info.annotation) or {int: "N", float: "X"}.get(parsed, "NAME")
    return Annotated[parsed | None, typer.Option(flag, help=text, metavar=metavar, show_default=False)]


def _given(model: type[Config], flags: Mapping[str, Any]) -> dict[str, Any]:
    """The flags that were given, with comma lists taken apart: ``1,2`` for tuples, ``a=1,b=2`` for dicts."""
    values = {}
    for name, value in flags.items():
        if value is None:
            continue
        origin = typing.get_origin(_plain(model.model_fields[name].annotation))
        if origin is tuple or origin is list:
            value = [part for part in value.split(",") if part]
        elif origin is dict:
            value = dict(part.partition("=")[::2] for part in value.split(",") if part)
        values[name] = value
    return values


def _plain(annotation: Any) -> Any:
    """The type without `| None`."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        kinds = [kind for kind in typing.get_args(annotation) if kind is not type(None)]
        return kinds[0] if len(kinds) == 1 else str
    return annotation


def _choices(annotation: Any) -> str | None:
    plain = _plain(annotation)
    return "|".join(map(str, typing.get_args(plain))) if typing.get_origin(plain) is typing.Literal else None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _shown(default: Any) -> str:
    """The default as it would be typed; nothing for flags and for what has none."""
    if isinstance(default, dict):
        default = ",".join(f"{key}={value:g}" for key, value in default.items())
    return f" [default: {default}]" if isinstance(default, str | int | float) and not isinstance(default, bool) else ""


def _extra(info: FieldInfo) -> dict[str, Any]:
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
