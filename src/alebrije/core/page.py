"""Self-contained HTML pages: pictures inside, no script, nothing from anywhere else."""

from __future__ import annotations

import base64
import html
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from alebrije.core.files import atomic


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Write a page of `parts` (HTML made by the functions below) to `path`, replacing what was there; returns `path`."""
    head = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    style = resources.files("alebrije.core").joinpath("page.css").read_text(encoding="utf-8")
    text = f"{head}<title>{html.escape(title)}</title><style>{style}</style><body>{''.join(parts)}</body></html>\n"
    with atomic(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{html.escape(text)}</h{level}>"


def paragraph(text: str, *, soft: bool = False) -> str:
    """A paragraph of plain text."""
    return f"<p{' class=soft' if soft else ''}>{html.escape(text)}</p>"


def code(text: str) -> str:
    """A command or a recipe, as it is typed."""
    return f"<pre>{html.escape(text)}</pre>"


def figures(pictures: Mapping[Path, str], width: int = 320) -> str:
    """Picture files side by side, each `width` CSS pixels wide, with its caption; the files are put into the page."""
    return f"<div class=row>{''.join(_figure(path, caption, width) for path, caption in pictures.items())}</div>"


def table(rows: Mapping[str, Any]) -> str:
    """Names and values."""
    cells = (f"<tr><th>{html.escape(str(name))}</th><td>{html.escape(_shown(value))}</td></tr>" for name, value in rows.items())
    return f"<table>{''.join(cells)}</table>"


def grid(columns: Sequence[str], rows: Iterable[Sequence[Any]], best: int | None = None) -> str:
    """A table with a line of headings; the row number `best` is marked. None is an empty cell."""
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in columns)
    body = "".join(_row(row, best=number == best) for number, row in enumerate(rows))
    return f"<div class=wide><table class=grid><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def details(summary: str, content: str) -> str:
    """HTML that stays folded until it is clicked."""
    return f"<details><summary>{html.escape(summary)}</summary>{content}</details>"


def _figure(path: Path, caption: str, width: int) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    alt = html.escape(caption, quote=True)
    image = f'<img src="data:{kind};base64,{data}" alt="{alt}">'
    return f'<figure style="width:{width}px">{image}<figcaption>{alt}</figcaption></figure>'


def _row(row: Sequence[Any], *, best: bool) -> str:
    cells = "".join(f"<td>{'' if value is None else html.escape(_shown(value))}</td>" for value in row)
    return f"<tr{' class=best' if best else ''}>{cells}</tr>"


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    return str(value)
