"""Self-contained HTML pages: pictures inside, no script, nothing from anywhere else."""

from __future__ import annotations

import base64
import html
import mimetypes
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from alebrije.core.files import atomic

STYLE = """
:root { color-scheme: light dark; --ink: #222; --soft: #667; --paper: #fffdf8; --card: #fff; --accent: #d81e5b; --line: #e6e0d4; }
@media (prefers-color-scheme: dark) { :root { --ink: #eee; --soft: #aab; --paper: #17151a; --card: #211e25; --accent: #ff5c8d; --line: #38333f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1120px; padding: 2rem 1.2rem 4rem; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
h1 { font-size: 2.2rem; margin: .2rem 0; } h2 { margin: 2.6rem 0 .4rem; border-bottom: 3px solid var(--accent); display: inline-block; }
p { max-width: 46rem; } .soft { color: var(--soft); }
.row { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; margin: .8rem 0; }
figure { margin: 0; background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; max-width: 100%; }
figure img { display: block; max-width: 100%; height: auto; }
figcaption { padding: .45rem .7rem; font-size: .9rem; color: var(--soft); }
pre { background: var(--card); border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 6px; padding: .6rem .8rem; overflow-x: auto; font-size: .88rem; }
table { border-collapse: collapse; font-size: .9rem; } td, th { text-align: left; padding: .2rem .9rem .2rem 0; border-bottom: 1px solid var(--line); }
details { margin: .4rem 0; } summary { cursor: pointer; color: var(--soft); }
"""


def write_page(path: Path, title: str, parts: Iterable[str]) -> Path:
    """Write a page of `parts` (HTML made by the functions below) to `path`, replacing what was there; returns `path`."""
    head = f'<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    text = f"{head}<title>{html.escape(title)}</title><style>{STYLE}</style><body>{''.join(parts)}</body></html>\n"
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


def details(summary: str, content: str) -> str:
    """HTML that stays folded until it is clicked."""
    return f"<details><summary>{html.escape(summary)}</summary>{content}</details>"


def _figure(path: Path, caption: str, width: int) -> str:
    kind = mimetypes.guess_type(path.name)[0] or "image/png"
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    alt = html.escape(caption, quote=True)
    return f'<figure style="width:{width}px"><img src="data:{kind};base64,{data}" alt="{alt}"><figcaption>{alt}</figcaption></figure>'


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_shown(one) for one in value)
    return str(value)
