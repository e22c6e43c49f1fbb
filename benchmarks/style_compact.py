"""How near `compact`, the network that the package ships, comes to a style in the eyes of vgg16: a part of `style.py`.

The judge is the distance that `alebrije stylize` minimises, with vgg16 in float32: of relative Gram matrices at the five
style layers, and of relu4_2 from the content. Less of one is easily had for more of the other, so both are always given.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.image import load, resize, scaled_size
from alebrije.style.config import StylizeConfig
from alebrije.style.objective import layers, measure
from style_tutorial import Sizes, pictures

QUALITIES = ("quick", "balanced")
# Names of the ratios of style distances: the same settings, and what else `compact` is held against.
AGAINST = {"vgg16 with the same settings": None, "vgg16 balanced": "vgg16 balanced", "the tutorial": "tutorial"}

Distances = dict[str, dict[str, float]]
Job = Callable[[Sizes, tuple[str, ...], float], dict[str, Any]]


def distances(images: Mapping[str, Tensor], size: Sizes, files: tuple[str, ...]) -> Distances:
    """The style and the content distance of each image in vgg16's eyes, and of the untouched content."""
    config = StylizeConfig(features="vgg16")
    content, style = pictures(size, files)[0], load(files[1]).pixels
    style = resize(style, scaled_size((style.shape[2], style.shape[3]), max(size)))
    judge = measure(features.load("vgg16", layers(config)), content, [style], config)
    with torch.no_grad():
        seen = {side: judge(image) for side, image in {"untouched content": content, **images}.items()}
    return {side: {"style": round(float(d.style), 5), "content": round(float(d.content), 5)} for side, d in seen.items()}


def ratios(found: Distances) -> dict[str, dict[str, float]]:
    """The style distance of `compact` over that of each other side, by quality."""
    return {
        quality: {
            name: round(found[f"compact {quality}"]["style"] / found[side or f"vgg16 {quality}"]["style"], 3)
            for name, side in AGAINST.items()
            if (side or f"vgg16 {quality}") in found
        }
        for quality in QUALITIES
        if f"compact {quality}" in found
    }


def show(found: Distances) -> None:
    """Print the distances and their ratios."""
    for side, pair in found.items():
        print(f"  {side:20} style {pair['style']:.5f}  content {pair['content']:.4f}")
    for quality, by_name in ratios(found).items():
        listed = ", ".join(f"{ratio:.2f} of {name}" for name, ratio in by_name.items())
        print(f"  compact {quality}: its style distance is {listed}", flush=True)


def compare_pairs(
    contents: Path, styles: Path, size: Sizes, jobs: Mapping[str, Job], qualities: tuple[str, ...]
) -> dict[str, Any]:
    """`compact` and vgg16 on the pictures of two folders, the first content with the first style and so on, in their order."""
    sides = [f"{network} {quality}" for quality in qualities for network in ("compact", "vgg16")]
    pairs, table = list(zip(_files(contents), itertools.cycle(_files(styles)))), {}
    for content, style in pairs:
        files = (str(content), str(style))
        found = distances({side: jobs[side](size, files, 0.0)["image"] for side in sides}, size, files)
        table[f"{content.stem}/{style.stem}"] = {"distances": found, "ratios": ratios(found)}
        print(f"{content.stem} in the style of {style.stem}")
        show(found)
    summary = {}
    asked = next(iter(table.values()))["ratios"]
    for quality, name in [(quality, name) for quality, by_name in asked.items() for name in by_name]:
        all_of_it = [row["ratios"][quality][name] for row in table.values()]
        told = {"median": round(statistics.median(all_of_it), 3), "least": min(all_of_it), "most": max(all_of_it)}
        summary[f"compact {quality} / {name}"] = told
        print(f"compact {quality} / {name}: {told['median']:.2f} ({told['least']:.2f} to {told['most']:.2f}), {len(pairs)} pairs")
    return {"pairs": table, "summary": summary}


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp", ".tif"})
