"""`alebrije sweep`: one recipe, many settings, one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import repeating, verb
from alebrije.cli.shell import Shell
from alebrije.config import parse_override
from alebrije.errors import AlebrijeError

app = new_app()


@app.command(cls=repeating("--grid", lambda word: "=" in word))
@verb()
def sweep(
    shell: Shell,
    recipe: Annotated[str, typer.Argument(help="A name from `alebrije recipes`, or a YAML file of your own.")],
    grid: Annotated[
        list[str], typer.Option("--grid", metavar="KEY=V1,V2 [KEY=V1,V2]...", help="The settings to vary, and their values.")
    ],
    data: Annotated[Path | None, typer.Option("--data", help="What to learn from.")] = None,
    run: Annotated[Path | None, typer.Option("--run", help="Where the runs live; runs/RECIPE-sweep if not given.")] = None,
    by: Annotated[str, typer.Option("--by", metavar="METRIC", help="What to sort by; the first metric if not given.")] = "",
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A setting for all runs.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Starting point of everything random.")] = None,
    device: Annotated[str | None, typer.Option("--device", metavar="auto|cpu|cuda|mps", help="Where to compute.")] = None,
    precision: Annotated[str | None, typer.Option("--precision", metavar="auto|fp32|bf16", help="Number format.")] = None,
) -> None:
    """Train a recipe with all combinations of some settings.

    Each has a run folder of its own. The same command again keeps what is finished and goes on with what is not.
    sweep.csv, sweep.json and report.html compare them, the best first.
    """
    from alebrije import steps
    from alebrije.sweeps import parse_grid

    common = dict(parse_override(text) for text in settings or [])
    flags = {"data": str(data) if data else None, "seed": seed, "device": device, "precision": precision}
    common |= {name: value for name, value in flags.items() if value is not None}
    done = shell.run(steps.sweep(recipe, parse_grid(grid), run=run, by=by, **common))
    report = done.result.report
    shell.finish(report, _in_words(report), interrupted=done.interrupted)
    if report["failed"]:
        raise AlebrijeError(f"{len(report['failed'])} of {len(report['runs'])} runs failed: {', '.join(report['failed'])}")


def _in_words(report: dict[str, Any]) -> list[str]:
    """The table for a terminal: one line a run, the best one first."""
    width = max(len(Path(one["run"]).name) for one in report["runs"]) + 2
    lines = []
    for one in report["runs"]:
        name = Path(one["run"]).name
        numbers = "  ".join(f"{key} {value:.4g}" for key, value in one["metrics"].items() if value is not None)
        mark = "*" if name == report["best"] else " "
        lines.append(f"{mark} {name:<{width}}{numbers if one['state'] == 'finished' else one['state']}".rstrip())
    return [*lines, f"* the best by {report['by']}"] if report["best"] else lines
