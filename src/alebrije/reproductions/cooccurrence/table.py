"""What the reproduction of the co-occurrence found, as Markdown tables and as a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from alebrije.core import page
from alebrije.reproductions.cooccurrence.attempts import ATTEMPTS, WEIGHTS, Attempt
from alebrije.reproductions.cooccurrence.figures import WORDS, words
from alebrije.reproductions.cooccurrence.reasons import COMPARED
from alebrije.style.config import STYLE_LAYERS
from alebrije.style.families.cooccurrence import FORMS

Table = tuple[str, Sequence[str], list[list[str]]]  # its title, its head, its rows
CAPTIONS = {
    "attempts": "What L-BFGS made of the content, from the content.",
    "losses": "The loss: solid with style weight 1e10, dotted with 1e15; a cross is the last finite value.",
    "ghosts": "The style picture, made again from noise: what a statistic keeps of its layout.",
    "number": "Three pictures; the last two are the same to the form gram-vector.",
    "scales": "The thesis' distances of the content from the style, and their gradients, without weights.",
    "paintings": "Each form with relative distances, by alebrije stylize, and its sliced Wasserstein distance from the style.",
}


def table(results: Mapping[str, Any]) -> str:
    """All tables as Markdown."""
    parts = []
    for title, head, rows in tables(results):
        parts.append("\n".join([f"**{title}**\n", _row(head), _row(["---"] * len(head)), *map(_row, rows)]))
    return "\n\n".join(parts) + "\n"


def write_report(results: Mapping[str, Any], settings: Mapping[str, Any], folder: Path) -> Path:
    """Write ``report.html`` into the folder: all figures and tables, and the settings."""
    parts = [page.heading("Six ways to lose a style: the co-occurrence in the place of the Gram matrix", 1)]
    for path in sorted((folder / "figures").iterdir()):
        name = path.stem.removeprefix("cooccurrence-")
        parts.append(page.figures({path: CAPTIONS.get(name, name)}, 960))
    for title, head, rows in tables(results):
        parts += [page.heading(title), page.grid(head, rows)]
    parts += [page.heading("Settings"), page.table(settings)]
    return page.write_page(folder / "report.html", "Alebrije: co-occurrence", parts)


def tables(results: Mapping[str, Any]) -> list[Table]:
    """All tables: their titles, heads and rows."""
    reasons = results["reasons"]
    return [
        *(_attempts(results, loop) for loop in ("lbfgs", "descent")),
        ("To compare with: Gram, and Adam", ["statistic, weights, loop", "verdict"],
         [[f"{one.form}, {WORDS[one.weights]}, {one.loop}", words(results, one)]
          for one in ATTEMPTS if one.loop == "adam" or one.form == "gram"]),
        _positions(reasons["positions"]),
        ("Numbers kept, and the distance to oneself with shuffled channels",
         ["form", "distance", *STYLE_LAYERS],
         [[form, number(reasons["channels"][form]["distance"]),
           *(str(reasons["channels"][form]["numbers"][layer]) for layer in STYLE_LAYERS)] for form in COMPARED]),
        ("gram-matrix: the rows and columns of its map in another order", ["", "distance"],
         [[name, number(reasons["rows"][name])] for name in ("columns shuffled", "rows shuffled")]),
        ("gram-vector: the content's contrast that gives the style's number", ["", ""],
         [[name, number(value)] for name, value in reasons["one number"].items()]),
        _layers("vector: variance over the channels that is explained without any other channel", reasons["means"]),
        _layers("The gate in the content", reasons["gate"]),
        ("tensor: the share that is one map for all open channels", STYLE_LAYERS,
         [[f"{reasons['shared map'][layer]:.1%}" for layer in STYLE_LAYERS]]),
        *(_scale(reasons["scale"], key) for key in ("value", "distance", "gradient")),
        _paintings(results),
    ]  # fmt: skip


def _attempts(results: Mapping[str, Any], loop: str) -> Table:
    rows = []
    for form in FORMS:
        cells = [words(results, Attempt(form, weights, loop)) for weights in WEIGHTS]
        rows.append([form, number(results["attempts"][Attempt(form, "plain", loop).name]["distance"]), *cells])
    title = {"lbfgs": "L-BFGS", "descent": "Gradient descent"}[loop]
    return title, ["form", "distance, unweighted", *(WORDS[weights] for weights in WEIGHTS)], rows


def _positions(found: Mapping[str, Any]) -> Table:
    names = list(found[COMPARED[0]])
    rows = [[form, *(number(found[form][name]) for name in names)] for form in COMPARED]
    return "How far the style picture is from itself", ["form", *names], rows


def _layers(title: str, found: Mapping[str, Any]) -> Table:
    names = list(found[STYLE_LAYERS[0]])
    return title, ["", *STYLE_LAYERS], [[name, *(number(found[layer][name]) for layer in STYLE_LAYERS)] for name in names]


def _scale(found: Mapping[str, Any], key: str) -> Table:
    rows = [[form, *(number(layers[layer][key]) for layer in STYLE_LAYERS)] for form, layers in found.items()]
    title = {"value": "Root mean square of the statistic", "distance": "Plain distance", "gradient": "Norm of its gradient"}[key]
    return title, ["form", *STYLE_LAYERS], rows


def _paintings(results: Mapping[str, Any]) -> Table:
    rows = [
        [
            "the untouched content",
            "",
            *(number(results["start"][key]) for key in ("sliced", "gram")),
            "0",
            number(results["start"]["layout"]),
        ]
    ]
    for name, found in results["paintings"].items():
        rows.append([name, *(number(found[key]) for key in ("style_distance", "sliced", "gram", "content_distance", "layout"))])
    head = ["statistic", "its own distance", "sliced Wasserstein", "Gram", "from the content", "layout of the style"]
    return "Painted by stylize, with relative distances", head, rows


def number(value: Any) -> str:
    """A number with three digits, small and large ones in powers of ten."""
    if isinstance(value, float):
        return f"{value:.3g}" if 1e-3 <= abs(value) < 1e5 or value == 0 else f"{value:.0e}"
    return str(value)


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
