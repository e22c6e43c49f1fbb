"""The figures: sheets of each composition, ProGAN stage by stage, losses, KID. Those with pictures that were learned from have
names that end in ``-data``: mind whose they are before you pass one on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from alebrije.core import checkpoint, plots
from alebrije.core.image import save
from alebrije.core.pictures.geometry import resize
from alebrije.core.pictures.panels import below, beside
from alebrije.gan import show, use
from alebrije.gan.learning import stage_folder
from alebrije.gan.nets.progan import Growing
from alebrije.reproductions.comicgan.compositions import TITLES
from alebrije.reproductions.comicgan.measure import folder_of, taken
from alebrije.reproductions.comicgan.plan import stage_heights
from alebrije.reproductions.comicgan.settings import NETWORKS, ComicganReproduction, resolved
from alebrije.runs import Run

SHOWN = 8
SIDE = 96  # pixels at which each picture is shown, at least
LABEL = 110  # pixels for the name of a row
NEIGHBOURS = 4000  # pictures that a near one is looked for in
LOSSES = {"generator_loss": "generator", "discriminator_loss": "discriminator"}


def write(config: ComicganReproduction, folder: Path, results: Mapping[str, Any], data: Mapping[str, str]) -> Iterator[Path]:
    """Write all figures into ``figures``; yields their paths."""
    target = folder / "figures"
    target.mkdir(exist_ok=True)
    for composition in results["runs"]:
        rows = {name: drawn(folder, composition, name, config.seed) for name in results["runs"][composition]}
        yield save(sheet(rows), target / f"comicgan-{composition}.png", force=True)
        near: dict[str, Tensor] = {}
        for name, images in rows.items():
            side, gray = images.shape[-1], resolved(config, name).gray
            learned = taken(data[composition], (side, gray), NEIGHBOURS, config.seed)
            places = show.nearest(images * 2 - 1, learned)
            near |= {name: images, f"{name}: nearest": learned[places].float() / 255}
        yield save(sheet(near), target / f"comicgan-{composition}-nearest-data.png", force=True)
        if "progan" in rows:
            yield save(sheet(stages(config, folder, composition)), target / f"comicgan-{composition}-stages.png", force=True)
    yield losses(results, folder, target / "comicgan-losses.png")
    yield shares(results, target / "comicgan-kid.png")


def drawn(folder: Path, composition: str, name: str, seed: int) -> Tensor:
    """The same few latents' pictures: float32 [8, C, S, S] in [0, 1]."""
    opened = use.open_generator(folder_of(folder, composition, name))
    return use.generate(opened, use.latents(opened, SHOWN, seed))


def stages(config: ComicganReproduction, folder: Path, composition: str) -> dict[str, Tensor]:
    """What ProGAN drew of the same latents at the end of each stage that it came to."""
    run = folder_of(folder, composition, "progan")
    opened = use.open_generator(run)
    assert isinstance(opened.network, Growing)
    found = {}
    for stage, height in enumerate(stage_heights(config)):
        place = stage_folder(run, height)
        if checkpoint.numbered(place):
            _, tree, _ = checkpoint.load_latest(place)
            opened.network.load_state_dict(tree["networks"]["generator"])
            opened.network.at(stage, float(tree.get("alpha", 1.0)))
            found[f"{height}x{height}"] = use.generate(opened, use.latents(opened, SHOWN, config.seed))
    return found


def sheet(rows: Mapping[str, Tensor]) -> Tensor:
    """Rows of pictures [N, C, S, S] in [0, 1] with their names in front; smaller ones enlarged, their pixels seen."""
    side = max(SIDE, *(images.shape[-1] for images in rows.values()))
    strips = []
    for name, images in rows.items():
        factor = math.ceil(side / images.shape[-1])
        pixels = images.clamp(0, 1).expand(-1, 3, -1, -1).repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        pixels = resize(pixels, (side, side))
        strips.append(beside([label(name, side), *torch.split(pixels, 1)]))
    return below(strips)


def label(text: str, height: int) -> Tensor:
    """A name, one line for each part after a colon: [1, 3, height, LABEL]."""
    canvas = Image.new("RGB", (LABEL, height), "white")
    lines = text.replace(": ", ":\n")
    ImageDraw.Draw(canvas).multiline_text((4, height / 2), lines, "black", ImageFont.load_default(15), anchor="lm")
    return torch.from_numpy(np.asarray(canvas).transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))


def losses(results: Mapping[str, Any], folder: Path, path: Path) -> Path:
    """Both losses of every run, a panel each, smoothed over their pale originals."""
    found = [(composition, name) for composition, networks in results["runs"].items() for name in networks]
    columns = min(len(found), len(NETWORKS))
    rows = math.ceil(len(found) / columns)
    figure = plots.new_figure(2.6 * columns, 2.3 * rows)
    panels = figure.subplots(rows, columns, squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    for axes, (composition, name) in zip(panels.flat, found, strict=False):
        axes.set_visible(True)
        logged = Run(folder_of(folder, composition, name)).metrics()
        for (column, words), color in zip(LOSSES.items(), plots.COLORS, strict=False):
            axes.plot(logged["step"], logged[column], color=color, linewidth=0.5, alpha=0.2)
            axes.plot(logged["step"], plots.smooth(logged[column]), color=color, linewidth=1.3, label=words)
        for step in _boundaries(logged.get("stage", [])):
            axes.axvline(step, color="#bbbbbb", linewidth=0.8, linestyle="dotted")
        axes.set_title(f"{name}, {composition}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = panels.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return plots.save(figure, path)


def _boundaries(stage: Sequence[float]) -> list[int]:
    return [step for step in range(1, len(stage)) if stage[step] != stage[step - 1]]


def shares(results: Mapping[str, Any], path: Path) -> Path:
    """KID as a share of that of the mean picture: by network, a colour for each composition, with intervals. On the left from
    real pictures as the network saw them, on the right from the same ones in colour for all."""
    figure = plots.new_figure(10.0, 3.8)
    names = list(NETWORKS)
    panels = figure.subplots(1, 2, sharey=True)
    titles = {"share": "as the network saw them", "common_share": "in colour, the same for all"}
    for axes, (key, words) in zip(panels, titles.items(), strict=True):
        for place, (composition, networks) in enumerate(results["runs"].items()):
            chosen = [(names.index(name), numbers[key]) for name, numbers in networks.items()]
            xs = [index + 0.14 * (place - 1) for index, _ in chosen]
            ys = [value for _, (value, _, _) in chosen]
            reach = [[value - low for _, (value, low, _) in chosen], [high - value for _, (value, _, high) in chosen]]
            axes.errorbar(xs, ys, reach, fmt="o", color=plots.COLORS[place], capsize=3, label=TITLES[composition])
        axes.set_xticks(range(len(names)), names)
        axes.set_title(f"from real pictures {words}", fontsize=9)
        axes.grid(visible=True, alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("KID over that of the mean picture")
    values = [numbers[key][0] for networks in results["runs"].values() for numbers in networks.values() for key in titles]
    if min(values) > 0 and max(values) > plots.DECADE * min(values):
        panels[0].set_yscale("log")
    else:
        panels[0].set_ylim(bottom=min(0.0, panels[0].get_ylim()[0]))
    panels[0].legend(frameon=False, fontsize=8)
    return plots.save(figure, path)
