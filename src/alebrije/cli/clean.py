"""`alebrije clean`: says what it would free, asks, frees."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell, human_bytes

app = new_app()

CACHED = ("weights", "datasets")
"""The folders that Alebrije makes in its cache. Nothing else is deleted there: ALEBRIJE_CACHE may name any folder."""


@app.command()
@verb()
def clean(
    shell: Shell,
    cache: Annotated[bool, typer.Option("--cache", help="Downloaded and imported weights, fetched data sets.")] = False,
    runs: Annotated[bool, typer.Option("--runs", help="The run folders below ./runs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Free the disk space of the cache or the runs.

    Says how much it would free, asks, and frees it. Without an option: the cache.
    """
    from alebrije.core.files import cache_dir

    found = sorted(path.parent for path in Path("runs").glob("*/recipe.yaml")) if runs else []
    found += [folder for name in CACHED if (folder := cache_dir() / name).is_dir()] if cache or not runs else []
    sizes = {folder: _size(folder) for folder in found}
    for folder, size in sizes.items():
        shell.say(f"{folder}: {human_bytes(size)}")
    freed = 0
    if found and (yes or typer.confirm("Delete all of this?", default=False, err=True)):
        for folder, size in sizes.items():
            with _unused(folder):
                shutil.rmtree(folder, ignore_errors=True)
            freed += size - _size(folder)
    shell.finish({"freed_bytes": freed}, [f"freed {human_bytes(freed)}"])


def _unused(folder: Path) -> contextlib.AbstractContextManager[None]:
    """Hold a run folder while it is deleted; raises `RunError` if a training is at work in it."""
    from alebrije.runs import Run

    return Run(folder).locked() if (folder / "recipe.yaml").exists() else contextlib.nullcontext()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
