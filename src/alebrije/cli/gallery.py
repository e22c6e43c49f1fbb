"""The page that `alebrije demo` ends in: every picture with its settings, its time and the command that made it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import alebrije
from alebrije.cli import hybrid, style
from alebrije.cli.exhibition import Exhibit, Hall
from alebrije.core import page
from alebrije.core.image import read_metadata
from alebrije.runs import Run


def write(
    path: Path, halls: Sequence[Hall], seconds: Mapping[str, float], failed: Sequence[str], inputs: Mapping[Path, str]
) -> Path:
    """Write the gallery to `path`; `inputs` are the pictures it started from, with their captions."""
    total = sum(seconds.values())
    parts = [
        page.heading("Alebrije", 1),
        page.paragraph("New pictures out of your own pictures. Everything below was made on this machine just now, "
                       f"in {total:.0f} seconds, by the commands beside it."),
        page.paragraph(f"Alebrije {alebrije.__version__}. Under “settings” is all that a picture was made with.", soft=True),
        page.heading("What went in"),
        page.figures(inputs, 170),
    ]  # fmt: skip
    for hall in halls:
        parts += [page.heading(hall.title), page.paragraph(hall.text)]
        for exhibit in hall.exhibits:
            parts.append(page.heading(exhibit.title, 3))
            if exhibit.title in failed:
                parts.append(page.paragraph("This one could not be made; the terminal says why."))
                continue
            if exhibit.title not in seconds:
                parts.append(page.paragraph("The demo was interrupted before this one was made."))
                continue
            settings = _settings(exhibit)
            numbers = "; ".join([*_numbers(exhibit), f"{seconds[exhibit.title]:.1f} seconds"])
            parts += [
                page.figures({file: caption for file, caption in exhibit.shown.items() if file.exists()}, exhibit.width),
                page.code("alebrije " + " ".join(exhibit.arguments)),
                page.paragraph(numbers, soft=True),
                page.details("settings", page.table(settings)) if settings else "",
            ]
    return page.write_page(path, "Alebrije: the demo", parts)


def _numbers(exhibit: Exhibit) -> list[str]:
    """What the program chose and reached, in words, if the picture says so."""
    record = _record(exhibit)
    match record.get("verb"):
        case "hybrid":
            return hybrid.in_words(record["report"], *(one["name"] for one in record["inputs"]))
        case "stylize":
            return [style.in_words(record["report"])]
    return []


def _settings(exhibit: Exhibit) -> dict[str, Any]:
    """What an exhibit was made with: the recipe of its run, or the record in its picture."""
    if exhibit.run:
        recipe, settings = Run.open(exhibit.run).recipe()
        return {"recipe": recipe, **settings}
    record = _record(exhibit)
    return {"verb": record["verb"], **record["config"], "version": record["version"]} if record else {}


def _record(exhibit: Exhibit) -> dict[str, Any]:
    """The record in the first picture the exhibit's command has written; empty for a folder."""
    return read_metadata(exhibit.makes[0]) if exhibit.makes[0].is_file() else {}
