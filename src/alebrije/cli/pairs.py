"""`alebrije pairs`: folders of picture pairs and their labels, which networks learn from how to cross."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import verb
from alebrije.cli.shell import Shell
from alebrije.data.prompts import PromptsConfig
from alebrije.errors import AlebrijeError, DataError
from alebrije.hybrid.pairs.viewing import MakePairsConfig, ViewingConfig

if TYPE_CHECKING:
    from alebrije.data.pairs import Checked, Pair

app = new_app(help="Make, check, show and label folders of picture pairs.")

Pairs = Annotated[Path, typer.Argument(metavar="PAIRS", help="A folder: names that begin with the same number are a pair.")]
Output = Annotated[Path, typer.Option("-o", "--output", metavar="PAIRS", help="The folder to make.")]


@app.command()
@verb()
def check(shell: Shell, pairs: Pairs) -> None:
    """Check names, labels and pictures of a folder of pairs.

    All that is wrong is listed, and then the exit code is 1.
    """
    from alebrije.data.pairs import check as verb_

    done = shell.run(verb_(pairs))
    report = _report(done.result)
    for notice in report["notices"]:
        shell.warn(notice)
    shell.finish(report, _in_words(report))
    count = len(report["problems"])
    if count:
        raise DataError(f"{pairs}: {count} {'problem' if count == 1 else 'problems'}, listed above")


@app.command()
@verb(ViewingConfig)
def show(
    shell: Shell,
    config: ViewingConfig,
    pairs: Pairs,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="OUT.png|OUT.html", help="Pictures, hybrids and labels to look at.")
    ] = None,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="How many pairs are shown in OUT at most.")] = 40,
) -> None:
    """Show pairs and labels, and with -o their hybrids."""
    from alebrije.data.pairs import read_pairs

    found = read_pairs(pairs)
    for notice in found.notices:
        shell.warn(notice)
    report: dict[str, Any] = {"folder": str(pairs), "reference": found.reference}
    report |= {"pairs": [_row(pair, found.reference) for pair in found.pairs], "files": []}
    lines, interrupted = _table(report["pairs"]), False
    if output:
        from alebrije.hybrid.pairs import labelling, sheet

        done = shell.run(sheet.show(found, output, labelling.seen(config), limit=count, force=shell.force))
        report["files"], interrupted = [str(done.result.path)], done.interrupted
    shell.finish(report, lines, interrupted=interrupted)


@app.command()
@verb(MakePairsConfig)
def make(
    shell: Shell,
    config: MakePairsConfig,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURES...", help="Folders, searched with theirs, or pictures.")],
    output: Output,
    count: Annotated[int, typer.Option("-n", "--count", min=1, max=1_000_000, help="How many pairs.")] = 100,
) -> None:
    """Make pairs of like shapes out of any pictures.

    They are cut to squares and labelled by the observer. pairs.json in the folder tells where each picture came from.
    """
    from alebrije.hybrid.pairs.pairing import make_pairs

    done = shell.run(make_pairs(pictures, output, config.model_copy(update={"count": count}), force=shell.force))
    made = done.result
    files = [str(output / name) for entry in made.entries for name in entry["files"]]
    report = {
        "folder": str(output), "count": len(made.entries), "labelled": sum(label is not None for label in made.labels),
        "pictures": made.pictures, "similarity": made.similarity, "failed": made.failed, "files": files,
    }  # fmt: skip
    likeness = f", their shapes alike by {made.similarity:.2f} (median)" if made.entries else ""
    lines = [f"{report['count']} pairs of {made.pictures} pictures in {output}, {report['labelled']} with a label{likeness}"]
    shell.finish(report, lines, interrupted=done.interrupted)
    if made.failed:
        raise AlebrijeError(f"{len(made.failed)} pictures could not be used: {', '.join(made.failed)}")


@app.command()
@verb(ViewingConfig)
def label(
    shell: Shell,
    config: ViewingConfig,
    pairs: Pairs,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page; 0 takes a free one.")] = 0,
    observer: Annotated[bool, typer.Option("--observer", help="Let the observer label what has no label.")] = False,
) -> None:
    """Label pairs by hand in the browser, or by the observer.

    The observer leaves labels that are there as they are; with --force it labels all pairs anew.
    """
    from alebrije.data.pairs import read_pairs
    from alebrije.hybrid.pairs import labelling

    viewing = labelling.seen(config)
    if observer:
        done = shell.run(labelling.label_pairs(pairs, viewing, force=shell.force))
        found = done.result
        report = {"folder": str(pairs), "labelled": found.now, "before": found.before, "failed": found.failed,
                  "files": [str(found.path)]}  # fmt: skip
        shell.finish(report, [f"{found.now} pairs labelled, {found.before} had a label"], interrupted=done.interrupted)
        if found.failed:
            raise AlebrijeError(f"{len(found.failed)} pairs could not be labelled: {', '.join(map(str, found.failed))}")
        return
    from alebrije.studio import labels

    announce = lambda address: shell.say(f"label pairs at {address} (Ctrl-C ends it; every save is in labels.txt at once)")  # noqa: E731
    labels.serve(pairs, port=port, viewing=viewing, open_browser=True, announce=announce)
    counted = sum(pair.label is not None for pair in read_pairs(pairs).pairs)
    shell.finish({"folder": str(pairs), "labelled": counted}, [f"{counted} pairs with a label in {pairs}"])


@app.command()
@verb(PromptsConfig)
def generate(
    shell: Shell,
    config: PromptsConfig,
    prompts: Annotated[Path, typer.Option("--prompts", metavar="FILE", help="A pair a line: first | second | keep out.")],
    output: Output,
) -> None:
    """Generate pairs from prompts (extra: diffusers).

    Stable Diffusion paints the first picture of a pair and paints it over into the second. A line of FILE is
    `first prompt | second prompt | what to keep out (optional)`. Stopped and started again, it goes on where it was.
    """
    from alebrije.data.prompts import generate_pairs

    done = shell.run(generate_pairs(prompts, output, config))
    made = done.result
    report = {"folder": str(output), "made": made.made, "kept": made.kept, "withheld": list(made.withheld)}
    lines = [f"{made.made} pairs made in {output}, {made.kept} were there"]
    lines.append(f"to label them: alebrije pairs label {output} --observer")
    shell.finish(report, lines, interrupted=done.interrupted)
    if made.withheld:
        raise AlebrijeError(f"{len(made.withheld)} pairs were withheld by the model: {', '.join(map(str, made.withheld))}")


def _report(checked: Checked) -> dict[str, Any]:
    found = checked.found
    labels = [pair.label for pair in found.pairs if pair.label is not None]
    roles = Counter("first" if one.low == 0 else "second" for one in labels)
    return {
        "folder": str(found.folder), "pairs": len(found.pairs), "labelled": len(labels), "reference": found.reference,
        "first_low": roles["first"], "second_low": roles["second"], "sizes": checked.sizes,
        "notices": list(found.notices), "problems": list(checked.problems),
    }  # fmt: skip


def _in_words(report: dict[str, Any]) -> list[str]:
    sizes = [f"{count} of {size}" for size, count in report["sizes"].items()]
    more = f", and {len(sizes) - 5} sizes more" if len(sizes) > 5 else ""
    lines = [
        f"{report['pairs']} pairs in {report['folder']}",
        f"labels: {report['labelled']} of {report['pairs']} pairs, sigmas in pixels of a picture {report['reference']} wide; "
        f"from afar the first in {report['first_low']}, the second in {report['second_low']}",
        f"pictures: {', '.join(sizes[:5]) or 'none'}{more}",
    ]
    return [*lines, *(f"problem: {problem}" for problem in report["problems"])] + ["no problems"] * (not report["problems"])


def _row(pair: Pair, reference: int) -> dict[str, Any]:
    """A pair as --json has it."""
    from alebrije.hybrid.pairs.labelling import from_label

    row: dict[str, Any] = {"number": pair.number, "first": pair.first.name, "second": pair.second.name, "low": None}
    if pair.label is not None:
        low, cycles_low, cycles_high = from_label(pair.label, reference)
        row |= {"low": low, "sigma_first": pair.label.sigma_first, "sigma_second": pair.label.sigma_second,
                "cycles_low": cycles_low, "cycles_high": cycles_high}  # fmt: skip
    return row


def _table(rows: list[dict[str, Any]]) -> list[str]:
    """The pairs for people: one a line, below a line of headings."""
    widths = [max(len(row[name]) for row in rows) + 2 for name in ("first", "second")]
    names = f"{'':>6}  {'first':<{widths[0]}}{'second':<{widths[1]}}"
    lines = [f"{names}{'low':<8}{'sigma 1':>8}{'sigma 2':>9}{'cycles low':>12}{'high':>7}"]
    for row in rows:
        line = f"{row['number']:>6}  {row['first']:<{widths[0]}}{row['second']:<{widths[1]}}"
        if row["low"]:
            line += f"{row['low']:<8}{row['sigma_first']:>8.2f}{row['sigma_second']:>9.2f}"
            line += f"{row['cycles_low']:>12.1f}{row['cycles_high']:>7.1f}"
        lines.append(line if row["low"] else f"{line}no label")
    return lines
