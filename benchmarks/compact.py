"""compact against VGG-16: do they find the same pictures alike, in style and in content, and at what price?

    python benchmarks/compact.py                    photographs of scikit-image and drawn creatures, none of them trained on
    python benchmarks/compact.py --data PICTURES    the folder that compact was trained with: its held-out pictures

Needs `alebrije weights fetch vgg16`. Distances are those of `alebrije.features.ranking`; 32 crops of 192 pixels per
group, 200 pairs drawn at random out of all pairs, from all groups together and from each group alone. Transfer: 100
Adam steps on the Gram loss at 128 pixels from each of four contents towards another picture's style, with either
network; what VGG-16 then finds left of the style distance (1: nothing was transferred). Speed: features of all layers
and the gradient of the picture at 512x380, interleaved, medians.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.precision import choose_device, choose_dtype, tune_allocator
from alebrije.features.crops import Crops, find_groups, read, visit
from alebrije.features.extractor import Extractor
from alebrije.features.ranking import CONTENT_LAYER, STYLE_LAYERS, agreement, gram

LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
CROPS, SIZE, SMALL = 32, 192, 128
GOAL = 0.9


def pictures_at_hand() -> dict[str, list[Tensor]]:
    """uint8 pictures that come with scikit-image or are drawn here."""
    import skimage.data

    from alebrije.data.draw import creature

    names = ("astronaut", "chelsea", "coffee", "rocket", "hubble_deep_field", "colorwheel", "immunohistochemistry")
    photographs = [torch.from_numpy(getattr(skimage.data, name)()[..., :3].copy()) for name in names]
    creatures = [(creature(seed, 256).image * 255).round().to(torch.uint8) for seed in range(16)]
    return {"photographs": [photo.permute(2, 0, 1)[None] for photo in photographs], "creatures": creatures}


def held_out(folder: Path) -> dict[str, list[Tensor]]:
    """The pictures of each group of `folder` that training leaves out, at most as many as there are crops."""
    groups = find_groups(folder, 10, held_out=True)
    return {name: [read(path) for path in paths[:CROPS]] for name, paths in groups.items()}


def agreements(groups: dict[str, list[Tensor]], pooling: str) -> dict[str, dict[str, float]]:
    """Spearman's correlations over pairs from all groups together, and over pairs from each group alone."""
    torch.manual_seed(0)
    crops = {name: [Crops([group], SIZE).crop(group[i % len(group)]) for i in range(CROPS)] for name, group in groups.items()}
    ours, theirs = (features.load(name, LAYERS, pooling=pooling) for name in ("compact", "vgg16"))
    sets = {"all": [crop for group in crops.values() for crop in group]} | crops
    return {name: agreement(ours, theirs, torch.cat(chosen), seed=0) for name, chosen in sets.items()}


def transfers(groups: dict[str, list[Tensor]], steps: int = 100) -> dict[str, float]:
    """The share of VGG-16's style distance that is left after style transfer with each network."""
    torch.manual_seed(0)
    pictures = [group[index] for index in (0, -1) for group in groups.values()][:4]
    contents = torch.cat([Crops([pictures], SMALL).crop(picture) for picture in pictures])
    styles = contents.roll(1, 0)
    judge = features.load("vgg16", STYLE_LAYERS, pooling="avg")
    before = style_distances(judge, contents, styles)
    left = {}
    for name in ("compact", "vgg16"):
        look = features.load(name, STYLE_LAYERS, pooling="avg")
        torch.manual_seed(1)
        made = visit(look, contents, styles, steps)[-len(contents) :]
        left[name] = float((style_distances(judge, made, styles) / before).mean())
    return left


@torch.no_grad()
def style_distances(look: Extractor, first: Tensor, second: Tensor) -> Tensor:
    """For each pair the squared difference of Gram matrices relative to those of `second`, meant over layers."""
    ours, theirs = ({layer: gram(tap) for layer, tap in look(pictures).items()} for pictures in (first, second))
    by_layer = [(ours[k] - theirs[k]).square().sum((1, 2)) / theirs[k].square().sum((1, 2)) for k in STYLE_LAYERS]
    return torch.stack(by_layer).mean(0)


def seconds(runs: int) -> dict[str, float]:
    """Median seconds for features and the gradient of the picture at 512x380, networks taking turns."""
    device = choose_device()
    dtype = choose_dtype("auto", device)
    networks = {name: features.load(name, LAYERS, device=device, dtype=dtype) for name in ("compact", "vgg16")}
    picture = torch.rand(1, 3, 380, 512, device=device, requires_grad=True)
    taken: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(runs + 1):
        for name, look in networks.items():
            began = time.perf_counter()
            loss = torch.stack([tap.float().square().mean() for tap in look(picture).values()]).sum()
            float(torch.autograd.grad(loss, picture)[0].sum())
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(times[1:]) for name, times in taken.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder that holds folders of pictures")
    parser.add_argument("--pooling", choices=features.POOLINGS, default="avg")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    tune_allocator()
    groups = held_out(options.data) if options.data else pictures_at_hand()
    found = agreements(groups, options.pooling)
    for name, figures in found.items():
        print(f"{name:16s}" + "  ".join(f"{what.removeprefix('style '):>7s} {value:.3f}" for what, value in figures.items()))
    left, times = transfers(groups), seconds(options.runs)
    print(f"style distance left, as vgg16 sees it: compact {left['compact']:.4f}, vgg16 itself {left['vgg16']:.4f}")
    print(f"512x380 with gradient: compact {times['compact']:.3f} s, vgg16 {times['vgg16']:.3f} s")
    report = {
        "benchmark": "compact",
        "pooling": options.pooling,
        "spearman": {name: {what: round(value, 4) for what, value in figures.items()} for name, figures in found.items()},
        "style_left": {name: round(value, 4) for name, value in left.items()},
        "times_vgg16s_speed": round(times["vgg16"] / times["compact"], 2),
        "reached": min(found["all"]["style"], found["all"]["content"]) >= GOAL,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
