"""`alebrije evaluate`: a trained network's test report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.core.evaluating import PICTURES, EvaluateConfig
from alebrije.errors import OutputError

app = new_app()

WHOLE = 100  # numbers from here on have nothing behind the point


@app.command()
@verb(EvaluateConfig)
def evaluate(
    shell: Shell,
    config: EvaluateConfig,
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run folder, a model.safetensors, or planner: the one that ships.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", metavar="DATASET", help="Pairs, or real pictures, to test by; the run's own if not given."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FOLDER", help="Where the report goes; RUN/evaluation if not given.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option("-n", "--count", metavar="N", help=f"Pictures in each set; {PICTURES}, or what there are, if not given."),
    ] = None,
) -> None:
    """Test a trained network, and write a report about it.

    By data it never saw, or its pictures beside real ones. Writes report.html (numbers with their intervals beside baselines,
    figures, samples) and scores.json. So far for the networks of hybrid/... and gan/...: of a generator KID, FID, precision,
    recall, density and coverage, and whether it has learned by heart. -n and what is listed after it are for generators.
    """
    from alebrije import steps

    if run in steps.SHIPPED:  # the report of a run stays in its folder, and is made anew like the run's others
        output = output or steps.evaluation_folder(run)
    if output and not shell.force and (output / "report.html").exists():
        raise OutputError(f"cannot write into {output}: it holds a report already; name another folder, or --force to replace it")
    options = config.model_dump(exclude_unset=True) | ({} if count is None else {"count": count})
    done = shell.run(steps.evaluate(run, data=data, output=output, **options))
    shell.finish(done.result.report, _in_words(done.result.report), interrupted=done.interrupted)


def _in_words(report: dict[str, Any]) -> list[str]:
    """The numbers, a line each: with their intervals, and those of the baselines behind them, and with what they were made."""
    columns = {"": report["metrics"], **report["baselines"]}
    lines = [f"{report['run']}, {report['count']} {'pictures' if 'words' in report['metrics'] else 'pairs'}"]
    lines += _table(columns)
    heart = report.get("by_heart", {})
    lines += _table({"": heart}) if heart else []
    return lines + ([f"  by heart: not told, {heart['note']}"] if "note" in heart else [])


def _table(columns: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A line for each number of the first column that has an interval, and below it what must stand beside it, if anything."""
    own, lines = columns[""], []
    names = [name for name in own if f"{name}_interval" in own]
    width = max(map(len, names), default=0) + 2
    for name in names:
        low, high = map(_short, own[f"{name}_interval"])
        others = "   ".join(f"{other} {_short(numbers[name])}" for other, numbers in columns.items() if other)
        interval = f"[{low}, {high}]"
        lines.append(f"  {name:<{width}}{_short(own[name]):<8}{interval:<18} {others}".rstrip())
        beside = own.get(f"{name}_words", own.get("words"))
        lines += [f"      {beside}"] if beside else []
    return lines


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= WHOLE else f"{value:.3g}"
