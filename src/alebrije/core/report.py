"""The report of a run: one HTML file with its curves, samples, settings and environment."""

from __future__ import annotations

import json
from pathlib import Path

from alebrije.core import page, plots
from alebrije.runs import Run

SAMPLES_SHOWN = 12
REMARKS = "referee.json"
CAPTIONS = {  # of plots whose names say little to those who have not read the documentation
    "beside-data": "generated pictures on the left, real ones on the right",
    "nearest-data": "above: generated pictures; below: the nearest ones that were learned from",
    "confusion": "what it was, and what the network said: counts and per cent",
    "gradients-discriminator": "discriminator: how hard each layer is pushed (length of its gradient)",
    "gradients-generator": "generator: how hard each layer is pushed (length of its gradient)",
    "loss-by-batch": "losses, batch by batch",
    "loss-by-epoch": "losses, mean of each pass through the pictures",
    "training": "the samples as a film",
}


def write_report(run: Run) -> Path:
    """Write `report.html` into the run folder and return its path. Raises `RunError` if recipe.yaml is damaged."""
    recipe, settings = run.recipe()
    metrics = run.metrics()
    parts = [page.heading(f"{run.folder.name}: {recipe}", 1)]
    if metrics:
        last = {name: values[-1] for name, values in metrics.items()}
        curve = plots.curves(metrics, run.folder / "plots" / "metrics.png")
        parts += [page.heading("Numbers"), page.table(last), page.figures({curve: "all logged numbers by step"}, 720)]
    plotted = sorted(path for path in (run.folder / "plots").glob("*") if path.suffix in {".png", ".gif"})
    kept = [path for path in plotted if path.name != "metrics.png"]
    if kept:
        parts += [page.heading("Plots"), page.figures({path: CAPTIONS.get(path.stem, path.stem) for path in kept}, 480)]
    samples = _spread(sorted((run.folder / "samples").glob("*.png")), SAMPLES_SHOWN)
    if samples:
        parts += [page.heading("Samples"), page.figures({path: f"step {path.stem.lstrip('0')}" for path in samples}, 480)]
    if (run.folder / REMARKS).is_file():
        remarks = json.loads((run.folder / REMARKS).read_text(encoding="utf-8")).get("remarks", [])
        said = {f"{number}. step {step}": text for number, (step, text) in enumerate(remarks, 1)}
        parts += [page.heading("What the referee said"), page.table(said)] if said else []
    parts += [page.heading("Settings"), page.table(settings)]
    for number, environment in enumerate(run.environments()):
        parts += [page.heading(f"Environment, resumed ({number})" if number else "Environment"), page.table(environment)]
    return page.write_page(run.folder / "report.html", f"Alebrije: {run.folder.name}", parts)


def _spread(paths: list[Path], count: int) -> list[Path]:
    """At most `count` of the paths, evenly spread, the first and the last among them."""
    if len(paths) <= count:
        return paths
    return [paths[round(index * (len(paths) - 1) / (count - 1))] for index in range(count)]
