"""Every figure of the page on the co-occurrence, from what its reproduction has left in the folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alebrije.core import plots
from alebrije.core.image import load
from alebrije.reproductions.cooccurrence.attempts import WEIGHTS, Attempt, verdict
from alebrije.style.config import STYLE_LAYERS
from alebrije.style.families.cooccurrence import FORMS

WORDS = {
    "plain": "style weight 1000",
    "1e10": "style weight 1e10",
    "1e15": "style weight 1e15",
    "tiny": "content 5e-9, style 1e-7",
}
COLORS = dict(zip((*FORMS, "gram"), (*plots.COLORS, "#888888"), strict=True))
Titled = tuple[str, Path]


def write(results: Mapping[str, Any], folder: Path) -> list[Path]:
    """Write all figures into ``folder/figures``; returns their paths."""
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    return [
        attempts(results, folder, target / "cooccurrence-attempts.jpg"),
        losses(results, target / "cooccurrence-losses.png"),
        ghosts(results, folder, target / "cooccurrence-ghosts.jpg"),
        same_number(results, folder, target / "cooccurrence-number.jpg"),
        scales(results, target / "cooccurrence-scales.png"),
        paintings(results, folder, target / "cooccurrence-paintings.jpg"),
    ]


def words(results: Mapping[str, Any], attempt: Attempt) -> str:
    """The verdict on one attempt of the results."""
    return verdict(results["attempts"][attempt.name], results["start"]["sliced"])


def attempts(results: Mapping[str, Any], folder: Path, path: Path) -> Path:
    """A row for each form, a column for each pair of weights: what L-BFGS made of the content."""
    table = []
    for form in FORMS:
        row = []
        for weights in WEIGHTS:
            one = Attempt(form, weights, "lbfgs")
            row.append((words(results, one).replace(", ", "\n"), folder / "attempts" / f"{one.name}.png"))
        table.append(row)
    return _gallery(table, path, rows=list(FORMS), columns=[WORDS[name] for name in WEIGHTS], wide=1.6)


def losses(results: Mapping[str, Any], path: Path) -> Path:
    """The loss in each loop, one colour a form: solid with style weight 1e10, dotted with 1e15; a cross: the last finite one."""
    figure = plots.new_figure(11.0, 4.2)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (loop, title) in zip(panels, {"lbfgs": "L-BFGS", "descent": "gradient descent"}.items(), strict=True):
        for form in FORMS:
            for weights, dash in (("1e10", "solid"), ("1e15", "dotted")):
                report = results["attempts"][Attempt(form, weights, loop).name]
                values = [value for value in report["losses"] if value is not None]
                label = form if weights == "1e10" else None
                axes.plot(range(1, len(values) + 1), values, color=COLORS[form], linestyle=dash, label=label)
                if report["ended"] == "nan":
                    axes.plot(len(values), values[-1], "x", color=COLORS[form], markersize=9)
        _logarithmic(axes, title)
        axes.locator_params(axis="x", integer=True)
        axes.set_xlabel("step")
    panels[0].set_ylabel("loss")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, frameon=False)
    return plots.save(figure, path)


def ghosts(results: Mapping[str, Any], folder: Path, path: Path) -> Path:
    """The style picture, and what three statistics make of it from noise."""
    row = [("the style", folder / "pictures" / "style.png")]
    for name in ("tensor", "normalized", "gram"):
        found = results["paintings"][f"{name}-noise"]
        row.append((f"{name}: {found['layout']:.2f}", folder / "paintings" / f"{name}-noise.png"))
    return _gallery([row], path)


def same_number(results: Mapping[str, Any], folder: Path, path: Path) -> Path:
    """Three pictures: the content, the content with the style's number, the style."""
    found = results["reasons"]["one number"]
    place = folder / "pictures"
    layer = found["layer"] or "no layer"
    row = [
        (f"the content: {found.get('content', 0):.4g}", place / "content.png"),
        (f"{found.get('factor', 1):.2f} of its contrast: {found.get('changed', 0):.4g}", place / "same-number.png"),
        (f"the style: {found.get('style', 0):.4g}", place / "style.png"),
    ]
    return _gallery([row], path, columns=[f"gram-vector, {layer}", "", ""])


def scales(results: Mapping[str, Any], path: Path) -> Path:
    """The thesis' plain distances and their gradients by layer, without weights."""
    found = results["reasons"]["scale"]
    figure = plots.new_figure(11.0, 4.2)
    panels = figure.subplots(1, 2)
    for axes, (key, title) in zip(panels, {"distance": "distance", "gradient": "size of its gradient"}.items(), strict=True):
        for form, color in COLORS.items():
            values = [found[form][layer][key] for layer in STYLE_LAYERS]
            dash = "dashed" if form == "gram" else "solid"
            axes.plot(STYLE_LAYERS, values, color=color, linestyle=dash, marker="o", markersize=4, label=form)
        _logarithmic(axes, title)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=7, frameon=False)
    return plots.save(figure, path)


def paintings(results: Mapping[str, Any], folder: Path, path: Path) -> Path:
    """Content, style, and what `alebrije stylize` makes of them with each statistic, with the judge's distance."""
    found, place = results["paintings"], folder / "paintings"
    painted = [(f"{name}: {found[name]['sliced']:.3f}", place / f"{name}.png") for name in ("gram", "pairwise", *FORMS)]
    given = [(f"content: {results['start']['sliced']:.3f}", folder / "pictures" / "content.png"),
             ("style: 0", folder / "pictures" / "style.png")]  # fmt: skip
    every = [*given, *painted]
    return _gallery([every[:5], every[5:]], path)


def _gallery(
    table: Sequence[Sequence[Titled]], path: Path, rows: Sequence[str] = (), columns: Sequence[str] = (), wide: float = 2.2
) -> Path:
    """Pictures in a grid, each with its words below, the names of rows at the left and of columns on top."""
    first = load(table[0][0][1]).pixels
    high = 0.95 * wide * first.shape[2] / first.shape[3] + 0.42  # inches, as `wide`: of a picture and its words
    figure = plots.new_figure(wide * len(table[0]) + 0.3 * bool(rows), high * len(table) + 0.3 * bool(columns))
    grid = figure.subplots(len(table), len(table[0]), squeeze=False)
    for index, (line, places) in enumerate(zip(table, grid, strict=True)):
        for number, ((text, picture), axes) in enumerate(zip(line, places, strict=True)):
            axes.imshow(load(picture).pixels[0].permute(1, 2, 0).numpy())
            axes.set_xticks([])
            axes.set_yticks([])
            axes.spines[:].set_visible(False)
            axes.set_xlabel(text, fontsize=8)
            if columns and index == 0:
                axes.set_title(columns[number], fontsize=9)
            if rows and number == 0:
                axes.set_ylabel(rows[index], fontsize=10)
    return plots.save(figure, path)


def _logarithmic(axes: Any, title: str) -> None:
    axes.set_yscale("log")
    axes.set_title(title, fontsize=10)
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
