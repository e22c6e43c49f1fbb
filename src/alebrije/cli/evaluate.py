"""`alebrije evaluate`: a trained network's test report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.errors import OutputError

app = new_app()


@app.command()
@verb()
def evaluate(
    shell: Shell,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a model.safetensors, or planner: the one that ships.")],
    data: Annotated[
        Path | None, typer.Option("--data", metavar="PAIRS", help="What to test by; the run's own held-out data if not given.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where the report goes; RUN/evaluation if not given.")
    ] = None,
) -> None:
    """Test a trained network on data it never saw.

    Writes report.html (numbers with their intervals beside constant baselines, figures, samples) and scores.json. So far for
    the networks of hybrid/...
    """
    from alebrije import steps

    if run in steps.SHIPPED:  # the report of a run stays in its folder, and is made anew like the run's others
        output = output or steps.evaluation_folder(run)
    if output and not shell.force and (output / "report.html").exists():
        raise OutputError(f"cannot write into {output}: it holds a report already; name another folder, or --force to replace it")
    done = shell.run(steps.evaluate(run, data=data, output=output))
    shell.finish(done.result.report, _in_words(done.result.report), interrupted=done.interrupted)


def _in_words(report: dict[str, Any]) -> list[str]:
    """The numbers, a line each: with their intervals, and those of the baselines behind them."""
    columns = {"": report["metrics"], **report["baselines"]}
    names = [name for name in report["metrics"] if f"{name}_interval" in report["metrics"]]
    lines = [f"{report['run']}, {report['count']} pairs"]
    for name in names:
        low, high = report["metrics"][f"{name}_interval"]
        others = "   ".join(f"{other} {numbers[name]:.3g}" for other, numbers in columns.items() if other)
        interval = f"[{low:.3g}, {high:.3g}]"
        lines.append(f"  {name:<16}{report['metrics'][name]:<8.3g}{interval:<18}{others}")
    return lines
