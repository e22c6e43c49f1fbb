"""Every figure of the page on Gatys et al."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.core import plots
from alebrije.core.filters import sobel
from alebrije.core.image import fit, load
from alebrije.reproductions.gatys.painting import picture, record
from alebrije.reproductions.gatys.plan import FIGURES, Rows, durations, smoothness
from alebrije.reproductions.gatys.runtime import POOLINGS
from alebrije.style.losses import total_variation

PANEL = 2.1  # inches: width of a picture in a figure
SHOWN = 2.0  # how much stronger a difference of neighbours is shown than it is
ORIGINALS = ("ratio", "pooling")  # figures that begin with content and style
Labelled = list[list[tuple[str, Tensor]]]


def write(config: Any, inputs: tuple[Path, Path], times: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Write the figures of `config.figures` into ``folder/figures``; yields their paths."""
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    for name in config.figures:
        path = target / f"gatys-{name}.jpg"
        if name == "runtime":
            yield bars(times, path.with_suffix(".png"))
        elif name == "frequencies":
            yield labelled(frequencies(config, folder), path, width=1.5)
        else:
            rows = read(FIGURES[name](config), folder / "pictures")
            if name in ORIGINALS:
                rows = [_originals(inputs, rows) + rows[0]]
            yield labelled(rows, path, width=1.5 if name == "grid" else PANEL)
            if name == "durations":
                yield losses(config, folder / "pictures", target / "gatys-losses.png")


def read(rows: Rows, pictures: Path) -> Labelled:
    """The panels' pictures with their labels."""
    return [[(panel.label, load(picture(pictures, panel.descent, panel.steps)).pixels) for panel in row] for row in rows]


def labelled(rows: Labelled, path: Path, width: float = PANEL) -> Path:
    """Rows of pictures, each with a line of text above; `width` of a panel in inches. The text is left out where it is empty."""
    first = rows[0][0][1]
    height = width * first.shape[-2] / first.shape[-1] + 0.3
    figure = plots.new_figure(width * len(rows[0]), height * len(rows))
    for axes, (label, pixels) in zip(
        figure.subplots(len(rows), len(rows[0]), squeeze=False).flat, [one for row in rows for one in row], strict=True
    ):
        axes.imshow(pixels[0].permute(1, 2, 0).clamp(0, 1).numpy(), interpolation="lanczos")
        axes.set_title(label, fontsize=8)
        axes.set_axis_off()
    return plots.save(figure, path)


def losses(config: Any, pictures: Path, path: Path) -> Path:
    """The curves of the longest descents, from noise and from the content."""
    lines = {}
    for row in durations(config):
        curve = record(pictures, row[-1].descent)["curves"]["loss"]
        lines[row[-1].label.partition(",")[0]] = (list(range(1, len(curve) + 1)), curve)
    figure = plots.new_figure(7.0, 3.4)
    axes = figure.subplots()
    for (label, (steps, values)), color in zip(lines.items(), plots.COLORS, strict=False):
        axes.plot(steps, values, color=color, label=label)
    for steps in config.durations:
        axes.axvline(steps, color="#bbbbbb", linewidth=0.8, linestyle="dotted")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(visible=True, alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return plots.save(figure, path)


def bars(times: Mapping[str, Any], path: Path) -> Path:
    """Milliseconds a step, by ratio and pooling, with the least and the largest: on a CPU of the processor, which are the same
    on a busy machine, elsewhere by the clock."""
    clock, words = ("processor", "processor time a step, ms") if times["machine"]["device"] == "cpu" else ("wall", "ms a step")
    figure = plots.new_figure(6.0, 3.2)
    axes = figure.subplots()
    cases = times["cases"]
    ratios = list(dict.fromkeys(case["ratio"] for case in cases))
    for offset, (kind, color) in enumerate(zip(POOLINGS, plots.COLORS, strict=False)):
        own = [case[clock] for case in cases if case["pooling"] == kind]
        medians = [1000 * case["median"] for case in own]
        reach = [[1000 * (case["median"] - case["least"]) for case in own],
                 [1000 * (case["largest"] - case["median"]) for case in own]]  # fmt: skip
        places = [index + 0.4 * (offset - 0.5) for index in range(len(own))]
        axes.bar(places, medians, 0.38, yerr=reach, capsize=3, color=color, label=f"{POOLINGS[kind]} pooling")
    axes.set_xticks(range(len(ratios)), [f"{ratio:g}" for ratio in ratios])
    axes.set_xlabel("alpha/beta")
    axes.set_ylabel(words)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=len(POOLINGS), frameon=False)
    return plots.save(figure, path)


def frequencies(config: Any, folder: Path) -> Labelled:
    """One row for the content and each result: the picture, its differences along both axes, and Sobel's beside them."""
    heads = ("differences to the right", "differences downwards", "Sobel, to the right", "Sobel, downwards")
    rows = []
    for label, pixels in _looked_at(config, folder).items():
        views = [*differences(pixels), *(slope / 8 for slope in sobel(pixels))]
        variation = f"{label}\ntotal variation {absolute_variation(pixels):.4f}"
        rows.append([(variation, pixels), *((head, 0.5 + SHOWN * view) for head, view in zip(heads, views, strict=True))])
    return rows


def variations(config: Any, folder: Path) -> dict[str, dict[str, float]]:
    """Of the content and each result: the mean absolute difference of neighbours, and the mean square that we minimise."""
    return {
        label: {"absolute": absolute_variation(pixels), "squared": float(total_variation(pixels))}
        for label, pixels in _looked_at(config, folder).items()
    }


def differences(pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Each value's difference from its neighbour to the right, and from that below; 0 in the last column and row."""
    right, down = torch.zeros_like(pixels), torch.zeros_like(pixels)
    right[..., :-1] = pixels[..., 1:] - pixels[..., :-1]
    down[..., :-1, :] = pixels[..., 1:, :] - pixels[..., :-1, :]
    return right, down


def absolute_variation(pixels: Tensor) -> float:
    """The second source's total variation, a sum of absolute differences, for each value of the picture."""
    return sum(float(one.abs().sum()) for one in differences(pixels)) / pixels.numel()


def _looked_at(config: Any, folder: Path) -> dict[str, Tensor]:
    made = read(smoothness(config), folder / "pictures")[0]
    size = made[0][1].shape[-2:]
    content = load(folder / "inputs" / "content.png").pixels
    return {"the content": fit(content, (size[0], size[1])), **dict(made)}


def _originals(inputs: Sequence[Path], rows: Labelled) -> list[tuple[str, Tensor]]:
    """Content and style, at the size of the results' height."""
    size = rows[0][0][1].shape[-2:]
    scenes = [fit(load(path).pixels, (size[0], size[1])) for path in inputs]
    return list(zip(("content", "style"), scenes, strict=True))
