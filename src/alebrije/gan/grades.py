"""The page of an evaluation: figures with all that must stand beside them, pictures, and in words what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.core import image, page, plots
from alebrije.features.judging.judged import FIGURES
from alebrije.features.judging.manifolds import K_DENSITY, K_PRECISION
from alebrije.features.judging.neighbours import NEAR
from alebrije.gan import show
from alebrije.gan.data import shown
from alebrije.gan.exam import Exam

SHOWN, COLUMNS = 64, 8
WHOLE = 100  # figures from here on have nothing behind the point
HEART = {
    "kid_x_1000_learned": "KID x 1000 from learned pictures",
    "kid_x_1000_held_out": "KID x 1000 from held-out ones, which the discriminator never saw",
    "near": f"share that lies nearer to a learned picture than the nearest {NEAR:.0%} of the held-out ones do",
}
HOW = (
    "In brackets: 95 % intervals; of KID and FID by the jackknife over ten blocks of pictures, of density by bootstrap, of "
    "shares Wilson's. They say how far chance in the drawing of pictures reaches, not how another training would turn out. "
    f"Precision and recall with k = {K_PRECISION}, density and coverage with k = {K_DENSITY}. FID and the four last depend on "
    "the counts, which are the same in all columns; figures of other detectors, sizes or counts cannot be compared with these."
)
LIES = (
    "Plain and blurred pictures lie near to many others, copied or not: look at the pairs below, the nearest first, before you "
    "call it copying."
)


def write(report: Mapping[str, Any], folder: Path, made: Tensor, real: Exam, closest: tuple[Tensor, Tensor] | None) -> Path:
    """Write ``report.html`` and its pictures into `folder`; returns the page.

    `report` is what `evaluate` prints, `made` are pictures uint8 [N, C, H, W], `closest` the places of those that lie nearest to
    learned ones, and of these in ``real.learned``.
    """
    name = Path(report["run"]).resolve().name
    metrics, rivals = report["metrics"], report["baselines"]
    parts = [page.heading(f"{name}: pictures beside real ones", 1), *map(page.paragraph, verdict(report))]
    facts = {"recipe": report["recipe"], "judged": report["judged"], "real": report["real"], "made with": metrics["words"]}
    parts += [page.table(facts), page.heading("Figures"), _figures(metrics, rivals), page.paragraph(HOW, soft=True)]
    parts += [page.heading("By heart?"), *_by_heart(report["by_heart"])]
    if report.get("over_time"):
        floor = next(iter(rivals.values()))["kid_x_1000"]
        path = over_time(report["over_time"], floor, folder / "plots" / "kid-over-time.png")
        parts += [page.heading("Over time"), page.figures({path: metrics["words"]}, 720), _steps(report["over_time"])]
    sheet = image.save(show.grid(shown(made[:SHOWN]), COLUMNS), folder / "samples" / "made.png", force=True)
    beside = image.save(show.grid(shown(real.real[:SHOWN]), COLUMNS), folder / "plots" / "real-data.png", force=True)
    parts += [page.heading("Pictures"), page.figures({sheet: "made, not chosen", beside: report["real"]}, 500)]
    if closest is not None:
        first, second = (places[:COLUMNS] for places in closest)
        pairs = shown(torch.cat([made[first], real.learned[second]]))
        path = image.save(show.grid(pairs, COLUMNS), folder / "plots" / "closest-data.png", force=True)
        parts.append(page.figures({path: "above: the made pictures nearest to learned ones; below: those, nearest first"}, 1020))
    return page.write_page(folder / "report.html", f"Alebrije: {name}: pictures beside real ones", parts)


def verdict(report: Mapping[str, Any]) -> list[str]:
    """The figures in sentences."""
    metrics, rivals = report["metrics"], report["baselines"]
    others = ", ".join(f"{name} {short(one['kid_x_1000'])}" for name, one in rivals.items())
    low, high = metrics["kid_x_1000_interval"]
    said = [
        f"KID x 1000 is {short(metrics['kid_x_1000'])} (interval {short(low)} to {short(high)}); for comparison: {others}. To "
        f"this detector {metrics['precision']:.0%} of the pictures look real, and the like of {metrics['recall']:.0%} of the "
        "real pictures is made."
    ]
    heart = report["by_heart"]
    if "kid_x_1000_learned" in heart:
        if heart["kid_x_1000_held_out_interval"][0] > heart["kid_x_1000_learned_interval"][1]:
            said.append("By KID they are clearly nearer to learned pictures than to held-out ones: some may be known by heart.")
        else:
            said.append("By KID they are about as far from held-out pictures as from learned ones.")
    if "near" in heart and heart["near_interval"][0] > NEAR:
        said.append(f"{heart['near']:.1%} lie very near to a learned picture, where new pictures would be {NEAR:.0%}. {LIES}")
    return said


def _figures(metrics: Mapping[str, Any], rivals: Mapping[str, Mapping[str, Any]]) -> str:
    everybody = {"this generator": metrics, **rivals}
    rows = [[meaning, *(number(one, name) for one in everybody.values()), metrics["words"]] for name, meaning in FIGURES.items()]
    return page.grid(["", *everybody, "made with"], rows)


def _by_heart(heart: Mapping[str, Any]) -> list[str]:
    rows = [
        [meaning, number(heart, name), heart["near_words" if name == "near" else "words"]]
        for name, meaning in HEART.items() if name in heart
    ]  # fmt: skip
    parts = [page.grid(["", "this generator", "made with"], rows)] if rows else []
    return parts + ([page.paragraph(f"Not told here: {heart['note']}.")] if "note" in heart else [])


def number(figures: Mapping[str, Any], name: str) -> str:
    """A figure with its interval: ``12.3 [11.0, 13.6]``."""
    low, high = figures[f"{name}_interval"]
    return f"{short(figures[name])} [{short(low)}, {short(high)}]"


def short(value: float) -> str:
    """Three digits that count, or whole numbers: ``0.412``, ``12.3``, ``78200``."""
    return f"{value:.0f}" if abs(value) >= WHOLE else f"{value:.3g}"


def _steps(found: Sequence[Mapping[str, Any]]) -> str:
    rows = [[one["step"], number(one, "kid_x_1000"), one["words"]] for one in found]
    return page.grid(["step", "KID x 1000", "made with"], rows)


def over_time(found: Sequence[Mapping[str, Any]], floor: float, path: Path) -> Path:
    """Plot KID x 1000 with its intervals by step, and what other real pictures reach; returns `path`."""
    figure = plots.new_figure(7.0, 4.0)
    axes = figure.subplots()
    steps, values = [one["step"] for one in found], [one["kid_x_1000"] for one in found]
    ends = [one["kid_x_1000_interval"] for one in found]
    reach = [[value - end[0] for value, end in zip(values, ends, strict=True)],
             [end[1] - value for value, end in zip(values, ends, strict=True)]]  # fmt: skip
    axes.errorbar(steps, values, yerr=reach, color=plots.COLORS[0], marker="o", capsize=3, label="this generator")
    axes.axhline(floor, color=plots.COLORS[1], linestyle="dashed", label="other real pictures")
    axes.set_xlabel("step")
    axes.set_ylabel("KID x 1000")
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return plots.save(figure, path)
