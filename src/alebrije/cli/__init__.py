"""The command line: argv -> settings -> verb -> print and save. One small file per group of commands.

Only the file of the command that was typed is imported, and torch only when a verb runs: `--help` answers at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

import alebrije
from alebrije.errors import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

# command -> (file of this folder, its line in the list). A test holds the lines against the commands' own docstrings.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "Make a gallery of everything below: demo/index.html."),
    "hybrid": ("hybrid", "Cross two pictures: one seen from near, one from afar."),
    "stylize": ("style", "Repaint a picture in the manner of others."),
    "stylize-lab": ("stylize_lab", "Let all style losses paint the same pairs, and rank them."),
    "denoise": ("denoise", "Take the noise out of a photograph or a drawing."),
    "upscale": ("upscale", "Enlarge a picture 2, 3 or 4 times, or to a size."),
    "train": ("train", "Train a network from a recipe, or go on with a run."),
    "generate": ("generate", "Draw new pictures with a trained network."),
    "sweep": ("sweep", "Train a recipe with all combinations of some settings."),
    "evaluate": ("evaluate", "Test a trained network, and write a report about it."),
    "reproduce": ("reproduce", "Do a source work again and compare: one command, all figures."),
    "recipes": ("recipes", "List, show and copy the recipes."),
    "runs": ("runs", "List, show and compare runs; show what made a picture."),
    "report": ("report", "Write a run's report as one HTML file."),
    "export": ("export", "Write a trained network as an ONNX file."),
    "dataset": ("dataset", "Pack, show, check, draw or fetch pictures to learn from."),
    "pairs": ("pairs", "Make, check, show and label folders of picture pairs."),
    "weights": ("weights", "List, fetch, import and verify trained networks."),
    "doctor": ("doctor", "Tell what this machine has and what is at hand."),
    "clean": ("clean", "Free the disk space of the cache or the runs."),
}


class Program(TyperGroup):
    """The commands, each loaded when it is needed; the list of them needs only `COMMANDS`."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All commands, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A stand-in that knows its name and its line."""
        return TyperCommand(cmd_name, help=COMMANDS[cmd_name][1]) if cmd_name in COMMANDS else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[Any, Any, list[str]]:
        """The command itself; a name that is not known gets the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no such command: {args[0]}{did_you_mean(args[0], COMMANDS)}")
        name, stand_in, rest = super().resolve_command(ctx, args)
        return (name, load_command(name), rest) if name else (name, stand_in, rest)


class Listing(TyperGroup):
    """A group whose command `list` may be left out."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put `list` before nothing at all, or nothing but options."""
        if not {"-h", "--help"}.intersection(args) and all(word.startswith("-") for word in args):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def load_command(name: str) -> Any:
    """Import the file of a command and build the command from it."""
    module = importlib.import_module(f"alebrije.cli.{COMMANDS[name][0]}")
    command = typer.main.get_command(module.app)
    command.name = name
    return command


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"alebrije {alebrije.__version__}")
        raise typer.Exit


def _top(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """New pictures out of your own pictures: hybrids, style transfer, and networks trained on your machine."""


def new_app(**options: Any) -> typer.Typer:
    """A group of commands with the settings that all of them share."""
    return typer.Typer(
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
        **options,
    )


def program() -> typer.Typer:
    """The whole program."""
    app = new_app(cls=Program, no_args_is_help=True)
    app.callback()(_top)
    return app


def main() -> None:
    """Entry point of the `alebrije` program."""
    program()(prog_name="alebrije")
