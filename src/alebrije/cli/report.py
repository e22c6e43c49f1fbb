"""`alebrije report`: a run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell

app = new_app()


@app.command()
@verb()
def report(shell: Shell, run: Annotated[Path, typer.Argument(help="A run folder.")]) -> None:
    """Write a run's report as one HTML file.

    report.html in the run folder: curves, samples, settings, environment, with nothing outside it.
    """
    from alebrije.core.report import write_report
    from alebrije.runs import Run

    path = write_report(Run.open(run))
    shell.finish({"files": [str(path)]}, [f"saved {path}"])
