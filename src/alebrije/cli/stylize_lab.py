"""`alebrije stylize-lab`: all style losses side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from alebrije.cli import new_app
from alebrije.cli.flags import repeating, verb
from alebrije.cli.shell import Shell
from alebrije.errors import AlebrijeError
from alebrije.style.lab.config import LabConfig

app = new_app()


@app.command(cls=repeating("--votes", lambda word: word.lower().endswith(".json")))
@verb(LabConfig)
def stylize_lab(
    shell: Shell,
    config: LabConfig,
    contents: Annotated[Path, typer.Argument(metavar="CONTENTS", help="The picture to repaint, or a folder of pictures.")],
    styles: Annotated[Path, typer.Argument(metavar="STYLES", help="The picture whose manner is taken, or a folder of them.")],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="The folder for pictures and pages; it is gone on with.")
    ] = Path("style-lab"),
    votes: Annotated[
        list[Path] | None, typer.Option("--votes", metavar="FILE.json...", help="Choices that people saved with vote.html.")
    ] = None,
) -> None:
    """Let all style losses paint the same pairs, and rank them.

    Each is pulled as hard as gram at the start, or with --match content ends as far from the content, and is judged by the
    statistics that it did not optimise. The same command again keeps the pictures that are there; --force paints those anew
    that were made with other settings.
    """
    from alebrije.style.lab.run import laboratory

    done = shell.run(laboratory(contents, styles, output, config, votes or (), force=shell.force))
    report = done.result.report
    shell.finish(report, _in_words(report), interrupted=done.interrupted)
    if report["failed"]:
        count = len(report["failed"])
        raise AlebrijeError(f"{count} {'picture' if count == 1 else 'pictures'} could not be used or made: "
                            f"{', '.join(report['failed'])}")  # fmt: skip


def _in_words(report: dict[str, Any]) -> list[str]:
    voted = {one["painter"]: one["rank"] for one in (report["votes"] or {"ranking": []})["ranking"]}
    lines = [f"{'painter':<26}{'mean rank':>10}  {'95 % interval':<16}{'votes' if voted else ''}".rstrip()]
    for one in report["ranking"]:
        low, high = one["interval"]
        vote = f"{voted[one['painter']]:.2f}" if one["painter"] in voted else ""
        lines.append(f"{one['painter']:<26}{one['rank']:>10.2f}  {f'{low:.2f} to {high:.2f}':<16}{vote}".rstrip())
    for one in report["against_gram"]:
        low, high = (round(100 * end) for end in one["no_worse_interval"])
        lines.append(
            f"{one['painter']} against gram at equal content: no worse in {one['no_worse']} of {one['pairs']} pairs "
            f"({low} to {high} %), better in {one['better']}; {one['ratio']:.3f} of its distance from the style"
        )
    if report["votes"] and report["votes"]["spearman"] is not None:
        lines.append(f"agreement of votes and scores (Spearman): {report['votes']['spearman']:.2f}")
    return [*lines, f"{len(report['pictures'])} pictures in {report['folder']}/index.html; to vote: vote.html beside it"]
