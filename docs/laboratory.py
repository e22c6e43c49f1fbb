"""The sheets of the page on the laboratory, out of folders that `alebrije stylize-lab` has made.

    python docs/laboratory.py lab docs/pictures                  # one sheet for each content: rows are styles, columns are losses
    python docs/laboratory.py matched docs/pictures --matched    # Gram above, pairwise below, columns are styles

Losses stand in the order in which the folder's lab.json ranks them. The styles themselves are not shown.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

WIDTH = 132  # pixels of a picture
GAP = 4
HEAD, SIDE = 20, 120  # pixels for the names above and at the left
SHOWN = {"cooccurrence-pairwise": "pairwise"}
Cells = dict[tuple[str, str], Path]  # (row, column) -> picture


def sheet(cells: Cells, rows: Sequence[str], columns: Sequence[str]) -> Image.Image:
    """Pictures of one content in rows and columns, with their names."""
    first = Image.open(next(iter(cells.values())))
    height = round(first.height * WIDTH / first.width)
    page = Image.new("RGB", (SIDE + len(columns) * (WIDTH + GAP), HEAD + len(rows) * (height + GAP)), "white")
    pen, font = ImageDraw.Draw(page), ImageFont.load_default(size=13)
    for j, column in enumerate(columns):
        left = SIDE + j * (WIDTH + GAP)
        pen.text((left + WIDTH // 2, HEAD // 2), in_words(column), "black", font, "mm")
        for i, row in enumerate(rows):
            with Image.open(cells[row, column]) as picture:
                small = picture.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
            page.paste(small, (left, HEAD + i * (height + GAP)))
    for i, row in enumerate(rows):
        pen.text((SIDE - 8, HEAD + i * (height + GAP) + height // 2), in_words(row), "black", font, "rm")
    return page


def in_words(name: str) -> str:
    return SHOWN.get(name, name.replace("_", " "))


def below(pages: Sequence[Image.Image]) -> Image.Image:
    """Pages of one width below each other."""
    whole = Image.new("RGB", (pages[0].width, sum(page.height for page in pages)), "white")
    top = 0
    for page in pages:
        whole.paste(page, (0, top))
        top += page.height
    return whole


def main(lab: Path, target: Path, matched: bool) -> None:
    found = json.loads((lab / "lab.json").read_text(encoding="utf-8"))
    painters = ["gram", "cooccurrence-pairwise"] if matched else [one["painter"] for one in found["ranking"]]
    styles = sorted({Path(one["style"]).stem for one in found["pictures"]})
    pages = {}
    for content in sorted({Path(one["content"]).stem for one in found["pictures"]}):
        pictures = [one for one in found["pictures"] if Path(one["content"]).stem == content]
        cells = {(Path(one["style"]).stem, one["painter"]): lab / "pictures" / Path(one["file"]).name for one in pictures}
        if matched:
            pages[content] = sheet({(painter, style): path for (style, painter), path in cells.items()}, painters, styles)
        else:
            sheet(cells, styles, painters).save(target / f"lab-{content}.jpg", quality=82, optimize=True)
    if matched:
        below([*pages.values()]).save(target / "lab-matched.jpg", quality=82, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), "--matched" in sys.argv)
