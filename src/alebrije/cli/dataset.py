"""`alebrije dataset`: the pictures that networks learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell

app = new_app(help="Draw or fetch pictures for networks to learn from.")


@app.callback()
def dataset() -> None:
    """Draw or fetch pictures for networks to learn from."""


@app.command()
@verb()
def draw(
    shell: Shell,
    folder: Annotated[Path, typer.Argument(help="The folder to fill with pictures.")],
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many creatures.")] = 100,
    size: Annotated[str, typer.Option("--size", metavar="PX|WxH", help="Size of each picture.")] = "256",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Which creatures: the same seed draws the same ones.")] = 0,
    sketches: Annotated[bool, typer.Option("--sketches", help="A line drawing of each, in sketches/.")] = False,
) -> None:
    """Draw an endless, licence-free set of creatures with their tags (metadata.jsonl) and sketches."""
    from alebrije.core.image import parse_size
    from alebrije.data.draw import write

    done = shell.run(write(folder, count, size=parse_size(size), seed=seed, sketches=sketches, force=shell.force))
    drawn = done.result.count
    report = {"folder": str(folder), "count": drawn, "files": [str(done.result.metadata)]}
    shell.finish(report, [f"{drawn} creatures in {folder}"], interrupted=done.interrupted)


@app.command()
@verb()
def fetch(
    shell: Shell,
    name: Annotated[str, typer.Argument(metavar="fashion-mnist|mnist|cifar10", help="Which data set.")],
    url: Annotated[str | None, typer.Option("--url", help="A mirror: the address of the folder with the same files.")] = None,
) -> None:
    """Bring a data set into the cache, checked, for `--data NAME` of recipes."""
    from alebrije.data import known

    folder = shell.run(known.fetch(name, url)).result
    report = {"name": name, "folder": str(folder), "licence": known.KNOWN[name].licence}
    shell.finish(report, [f"{name} is at hand in {folder}", f"  {known.KNOWN[name].title}; licence: {report['licence']}"])
