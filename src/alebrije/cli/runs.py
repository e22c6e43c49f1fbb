"""`alebrije runs`: what was trained here, and what made a picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import Listing, new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.errors import RunError

app = new_app(help="List, show and compare runs; show what made a picture.", cls=Listing)

RunPath = Annotated[Path, typer.Argument(help="A run folder.")]


@app.command("list")
@verb()
def list_(shell: Shell, folder: Annotated[Path, typer.Argument(help="Where to look.")] = Path("runs")) -> None:
    """List the runs below a folder with their last numbers."""
    found = {str(path.parent): _last_row(path.parent) for path in sorted(folder.glob("*/recipe.yaml"))}
    lines = [f"{name:<32}{_words(row)}" for name, row in found.items()] or [f"no runs in {folder}: alebrije train RECIPE"]
    shell.finish({"runs": found}, lines)


@app.command()
@verb()
def show(shell: Shell, run: Annotated[Path, typer.Argument(help="A run folder, a model.safetensors, or a picture.")]) -> None:
    """Show a run's recipe and last numbers, a model's header, or the settings that made a picture."""
    report = _describe(run)
    shell.finish(report, [json.dumps(report, indent=2, ensure_ascii=False)])


@app.command()
@verb()
def compare(shell: Shell, first: RunPath, second: RunPath) -> None:
    """Show the settings in which two runs differ, and the last numbers of both."""
    from alebrije.comparison import differences
    from alebrije.runs import Run

    settings = [dict([("recipe", name), *values.items()]) for name, values in (Run.open(p).recipe() for p in (first, second))]
    differ = dict(sorted(differences(settings).items()))
    rows = [_last_row(first), _last_row(second)]
    lines = [f"{key:<24}{a!s:<24}{b}" for key, (a, b) in differ.items()] or ["the settings are the same"]
    lines += [
        f"{key:<24}{rows[0].get(key, float('nan')):<24.6g}{rows[1].get(key, float('nan')):.6g}" for key in {**rows[0], **rows[1]}
    ]
    shell.finish({"settings": differ, "metrics": rows}, lines)


def _describe(path: Path) -> dict[str, Any]:
    from alebrije.core.image import read_metadata
    from alebrije.runs import Run

    if path.is_dir():
        name, settings = Run.open(path).recipe()
        return {"run": str(path), "recipe": name, "settings": settings, "metrics": _last_row(path)}
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, "pt") as model:
                header = model.metadata() or {}
        except (OSError, SafetensorError) as error:
            raise RunError(f"cannot read the model {path}: {error}") from error
        return {"model": str(path), "header": {name: _decoded(text) for name, text in header.items()}}
    return {"picture": str(path), **read_metadata(path)}


def _decoded(text: str) -> Any:
    """A value of a safetensors header, which holds texts only: what it is the JSON of, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _last_row(folder: Path) -> dict[str, float]:
    from alebrije.runs import Run

    return {name: values[-1] for name, values in Run(folder).metrics().items()}


def _words(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in row.items()) or "nothing logged yet"
