"""`alebrije train`: run a recipe in its run folder, or go on with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.config import parse_override
from alebrije.errors import ConfigError

app = new_app()


@app.command()
@verb()
def train(
    shell: Shell,
    recipe: Annotated[str | None, typer.Argument(help="A name from `alebrije recipes`, or a YAML file of your own.")] = None,
    data: Annotated[Path | None, typer.Option("--data", help="A folder of pictures to learn from.")] = None,
    style: Annotated[
        Path | None, typer.Option("--style", help="What a style recipe learns: a painting, or a folder of paintings.")
    ] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Where the run lives; runs/RECIPE if not given.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override a setting.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run where it stopped.")] = False,
    seed: Annotated[int | None, typer.Option("--seed", help="Starting point of everything random.")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", metavar="auto|fp32|bf16", help="Number format.")] = None,
) -> None:
    """Train a network from a recipe, or go on with a run."""
    overrides = dict(parse_override(text) for text in settings or [])
    overrides |= {"data": str(data)} if data else {}
    overrides |= {"style": str(style)} if style else {}
    flags = {"seed": seed, "device": device, "precision": precision}
    overrides |= {name: value for name, value in flags.items() if value is not None}
    if recipe is None and not (resume and run):
        raise ConfigError("name a recipe (see `alebrije recipes`), or go on with a run: alebrije train --resume --run DIR")

    from alebrije import steps

    done = shell.run(steps.train(recipe or "", run=run, resume=resume, **overrides))
    report = done.result.report
    lines = [f"{report['run']}: {report['steps']} steps in {report['seconds']:.0f} s"]
    lines += [f"  {name} {value:.4g}" for name, value in report["metrics"].items()]
    shell.finish(report, lines, interrupted=done.interrupted)
