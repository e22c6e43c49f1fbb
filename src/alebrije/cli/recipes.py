"""`alebrije recipes`: the experiments that come with the program."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import Listing, new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.config import recipe_command, recipe_names, recipe_text

app = new_app(help="List, show and copy the recipes.", cls=Listing)

Name = Annotated[str, typer.Argument(help="A name from `alebrije recipes list`.")]


@app.command("list")
@verb()
def list_(shell: Shell) -> None:
    """List all recipes, one a line, with the command that runs each."""
    names = recipe_names()
    shell.finish({"recipes": names}, [f"{name:<24}{recipe_command(name)}" for name in names])


@app.command()
@verb()
def show(shell: Shell, name: Name) -> None:
    """Print a recipe."""
    shell.finish({"name": name, "text": recipe_text(name)}, [recipe_text(name).rstrip()])


@app.command()
@verb()
def copy(
    shell: Shell,
    name: Name,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The file to write; its own name here if not given.")
    ] = None,
) -> None:
    """Copy a recipe out, to be edited and run: alebrije train MINE.yaml, or alebrije stylize ... --recipe MINE.yaml."""
    from alebrije.core.files import atomic

    target = output or Path(f"{name.rpartition('/')[2]}.yaml")
    with atomic(target, force=shell.force) as path:
        path.write_text(_own(name, target), encoding="utf-8")
    shell.finish({"files": [str(target)]}, [f"saved {target}"])


def _own(name: str, target: Path) -> str:
    """The text of a recipe as the user's own file `target`. One to train says which recipe it varies; one of another verb
    is settings of that verb and nothing else, and its command names the file."""
    text = recipe_text(name)
    if not recipe_command(name).startswith("alebrije train "):
        return text.replace(f"--recipe {name}", f"--recipe {target}", 1)
    return text if "\nrecipe:" in text else f"{text.rstrip()}\nrecipe: {name}\n"
