"""`alebrije dataset`: the pictures that networks learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell, human_bytes
from alebrije.data.importing.config import ImportConfig
from alebrije.errors import DataError

app = new_app(help="Pack, show, check, draw or fetch pictures to learn from.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="A data set, a folder of pictures, or a known name such as mnist.")]


@app.callback()
def dataset() -> None:
    """Pack, show, check, draw or fetch pictures to learn from."""


@app.command("import")
@verb(ImportConfig)
def import_(
    shell: Shell,
    config: ImportConfig,
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A folder of pictures, or a metadata file (.jsonl).")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DATASET", help="The folder to make.")],
) -> None:
    """Pack pictures and their tags into a data set.

    Tags come from metadata.jsonl in SRC (one JSON object a line: file, tags), or else from the names of the folders. In --tags a
    space means and; or, -tag and parentheses work as well. Stopped and started again, it goes on where it was.
    """
    from alebrije.data.importing.reasons import REASONS
    from alebrije.data.importing.run import import_pictures

    done = shell.run(import_pictures(source, output, config, force=shell.force))
    made = done.result
    report = {"folder": str(made.folder), "pictures": made.pictures, "left_out": made.left_out}
    report |= {name: made.about.get(name) for name in ("bars", "tags", "fingerprint")}
    report["files"] = [] if done.interrupted else [str(made.folder / "report.html")]
    lines = [f"{made.pictures} pictures in {made.folder}, {report['tags']} tags; look at {made.folder / 'report.html'}"]
    lines += [f"  left out: {count} {REASONS[name].words}" for name, count in made.left_out.items()]
    lines += [f"  {kind} bars cut away: {count}" for kind, count in (report["bars"] or {}).items()]
    shell.finish(report, [] if done.interrupted else lines, interrupted=done.interrupted)
    if made.faults:
        raise DataError(f"{made.faults} pictures of {source} could not be imported; {made.folder / 'report.html'} names them")


@app.command()
@verb()
def show(
    shell: Shell,
    name: Name,
    tags: Annotated[str, typer.Option("--tags", metavar="EXPRESSION", help='Count only these: "cat_head -landscape".')] = "",
    output: Annotated[Path | None, typer.Option("-o", "--output", metavar="OUT.png", help="A contact sheet of them.")] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1000, help="Pictures on the sheet, rows in the table.")] = 40,
) -> None:
    """Show what is in a data set: pictures, sizes, tags.

    NAME is a data set made by import, a folder of pictures (packed into the cache first) or one that is fetched by its name.
    """
    from alebrije.core.image import check_output
    from alebrije.data import showing

    if output:
        check_output(output, force=shell.force)
    done = shell.run(showing.show(name, tags, output, count, force=shell.force))
    shell.finish(done.result, _table(done.result, count), interrupted=done.interrupted)


@app.command()
@verb()
def check(shell: Shell, name: Annotated[Path, typer.Argument(metavar="DATASET", help="A data set made by import.")]) -> None:
    """Read a data set again and compare it with its checksums.

    All that is wrong is listed, and then the exit code is 1.
    """
    from alebrije.data.checking import check as verb_

    found = shell.run(verb_(name)).result
    report = {"folder": str(name), "pictures": found.about["pictures"], "fingerprint": found.about["fingerprint"],
              "problems": list(found.problems)}  # fmt: skip
    lines = [*(f"problem: {problem}" for problem in found.problems)] or [f"{name}: {report['pictures']} pictures, no problems"]
    shell.finish(report, lines)
    if found.problems:
        problems = f"{len(found.problems)} problem{'s' * (len(found.problems) > 1)}"
        raise DataError(f"{name}: {problems}, listed above: import the data set again")


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


def _table(report: dict[str, Any], count: int) -> list[str]:
    """A data set for people."""
    from alebrije.data.importing.reasons import REASONS

    colour = "grey" if report["channels"] == 1 else "coloured"
    lines = [f"{report['name']}: {report['pictures']} pictures, {report['width']}x{report['height']}, {colour}, "
             f"{human_bytes(report['bytes'])}"]  # fmt: skip
    lines += [f"  licence: {report['licence']}"] if report["licence"] else []
    lines += [f"  left out: {number} {REASONS[name].words}" for name, number in report["left_out"].items()]
    lines += [f"  {kind} bars cut away: {number}" for kind, number in report["bars"].items()]
    if report["expression"]:
        lines.append(f"  {report['expression']}: {report['chosen']} pictures")
    if report["tags"]:
        wide = max(map(len, report["tags"]))
        lines.append(f"{'tag':<{wide}}{'pictures':>10}{'share':>8}")
        shown = list(report["tags"].items())[:count]
        lines += [f"{tag:<{wide}}{number:>10}{number / report['chosen']:>8.1%}" for tag, number in shown]
    hidden = len(report["tags"]) - count
    return [*lines, *([f"and {hidden} tags more: -n {len(report['tags'])} shows all"] if hidden > 0 else [])]
