"""`alebrije reproduce`: do a source work again, from pictures to the table that stands beside its own."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.pictures import made_folder
from alebrije.cli.shell import Shell
from alebrije.config import build, choose, parse_override
from alebrije.reproductions import REPRODUCTIONS

app = new_app()


@app.command()
@verb()
def reproduce(
    shell: Shell,
    name: Annotated[str, typer.Argument(metavar="|".join(REPRODUCTIONS), help="Which work.")],
    data: Annotated[Path | None, typer.Option("--data", help="Pictures to learn from; drawn ones if not given.")] = None,
    held_out: Annotated[Path | None, typer.Option("--held-out", help="Other pictures, to test with.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where all goes; reproduction/NAME if not given.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Starting point of everything random.")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", metavar="auto|fp32|bf16", help="Number format.")] = None,
) -> None:
    """Do a source work again and compare: one command, all figures.

    What is there already is kept: the same command goes on with what was stopped. To begin anew, remove the folder.
    """
    module = importlib.import_module(REPRODUCTIONS[choose("reproduction", name, REPRODUCTIONS)])
    values = dict(parse_override(text) for text in settings or [])
    places = {key: str(place) for key, place in {"data": data, "held_out": held_out}.items() if place}
    flags = {key: value for key, value in {"seed": seed, "device": device, "precision": precision}.items() if value is not None}
    config = build(module.CONFIG, values | places | flags)
    folder = output or Path("reproduction") / name
    with made_folder(folder):
        done = shell.run(module.reproduce(config, folder))
    report = done.result.report
    line = f"stopped; the same command goes on in {folder}" if done.interrupted else f"in {folder}: {len(report['files'])} files"
    shell.finish(report, [line], interrupted=done.interrupted)
