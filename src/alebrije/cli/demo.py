"""`alebrije demo`: everything the program does, in a few minutes, on real photographs; ends in one page to look at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.errors import AlebrijeError, OutputError

app = new_app()


@app.command()
@verb()
def demo(
    shell: Shell,
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder to fill.")] = Path("demo"),
    own: Annotated[Path | None, typer.Option("--with", metavar="PICTURE", help="A picture of your own to join in.")] = None,
) -> None:
    """Make a gallery of everything below: demo/index.html.

    Hybrids, stylised pictures and a small network trained before your eyes, on real photographs; then one page with all of
    it, the settings, the timings and the commands.
    """
    from alebrije.cli import exhibition, gallery

    began = time.monotonic()
    exhibition.check(own)
    _make_room(output, force=shell.force)
    inputs = exhibition.gather(output / "inputs", own)
    halls = exhibition.plan(output, own=own is not None)
    total = sum(len(hall.exhibits) for hall in halls)
    seconds: dict[str, float] = {}
    failed: list[str] = []
    flags = ["--quiet"] if shell.quiet or shell.json else []
    for number, exhibit in enumerate((exhibit for hall in halls for exhibit in hall.exhibits), 1):
        shell.say(f"[{number}/{total}] {exhibit.title}: alebrije {' '.join(exhibit.arguments)}")
        started = time.monotonic()
        if not _perform([*exhibit.arguments, *flags]):
            failed.append(exhibit.title)
        seconds[exhibit.title] = time.monotonic() - started
    page = gallery.write(output / "index.html", halls, seconds, failed, inputs)
    report = {"page": str(page), "seconds": time.monotonic() - began, "exhibits": seconds, "failed": failed}
    shell.finish(report, [f"\n{total - len(failed)} exhibits in {report['seconds']:.0f} s. Open {page} in a browser."])
    if failed:
        raise AlebrijeError(f"could not make {', '.join(failed)}; the rest is in {page}")


def _perform(arguments: Sequence[str]) -> bool:
    """Run the program on `arguments` in this process, just as if they had been typed; whether it went well."""
    from alebrije.cli import program

    outcome = program()(list(arguments), prog_name="alebrije", standalone_mode=False)
    if outcome == 130:
        raise KeyboardInterrupt
    return not outcome


def _make_room(folder: Path, *, force: bool) -> None:
    import shutil

    if folder.exists() and any(folder.iterdir() if folder.is_dir() else [folder]):
        if not force:
            raise OutputError(f"{folder} is not empty: choose another folder with -o, or --force to make it anew")
        if not (folder / "inputs").is_dir():
            raise OutputError(f"{folder} was not made by the demo, so it is left alone: choose another folder with -o")
        shutil.rmtree(folder)
    try:
        (folder / "inputs").mkdir(parents=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
