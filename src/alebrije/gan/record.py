"""What a training leaves to look at: who was right, how long gradients are in every layer, and plots of all of it."""

from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alebrije.core import plots
from alebrije.core.files import atomic

NAMES = ("real", "generated")
REMEMBERED = 50  # lengths of gradients that a new one is compared with
EXPLODED, VANISHED = 50.0, 1e-7
LEAST = 1e-6  # of a usual length: all are many times as long as none
SHALLOW = 1e-4  # gradient of the layer farthest from the loss over the largest one, per weight
GRADIENTS = "gradients.csv"
ADVICE = {
    "exploding gradients": "if the samples spoil, begin again with a lower learning_rate",
    "vanishing gradients": "if the samples stand still, begin again with another loss",
}


def border(real: Tensor, fake: Tensor, absolute: bool) -> float:
    """Above this logit pictures are taken for real: 0, or midway between the means of both where a 0 means nothing (`absolute`
    false; see `losses.Loss`)."""
    return 0.0 if absolute else float(real.detach().mean() + fake.detach().mean()) / 2


def confusion(real: Tensor, fake: Tensor, border: float = 0.0) -> list[list[int]]:
    """counts[what it was][what the discriminator said], in the order of `NAMES`, for logits of both; see `border`."""
    return [[int((logits > border).sum()), int((logits <= border).sum())] for logits in (real, fake)]


def accuracy(counts: Sequence[Sequence[int]]) -> float:
    """The share of right answers."""
    return (counts[0][0] + counts[1][1]) / max(1, sum(map(sum, counts)))


def added(counts: Sequence[Sequence[int]], more: Sequence[Sequence[int]]) -> list[list[int]]:
    """Two tables of counts in one."""
    return [[a + b for a, b in zip(row, other, strict=True)] for row, other in zip(counts, more, strict=True)]


def latest(extra: Mapping[str, Any]) -> list[list[int]]:
    """The counts of the last whole epoch, of this one if none has ended yet, out of what the checkpoint keeps."""
    whole: list[list[int]] = extra["last_confusion"]
    return whole if sum(map(sum, whole)) else extra["confusion"]


def layer_norms(network: nn.Module) -> dict[str, float]:
    """The length of the gradient in each layer (weights and biases together), in the order of the layers."""
    norms: dict[str, list[Tensor]] = {}
    for name, weight in network.named_parameters():
        if weight.grad is not None:
            norms.setdefault(name.rpartition(".")[0] or name, []).append(torch.linalg.vector_norm(weight.grad))
    if not norms:
        return {}
    whole = torch.stack([torch.linalg.vector_norm(torch.stack(parts)) for parts in norms.values()]).tolist()
    return dict(zip(norms, whole, strict=True))


def signs(norms: Mapping[str, float], before: Sequence[float], weights: Mapping[str, int]) -> list[tuple[str, str]]:
    """Tell-tale signs in a network's gradients: (name of the sign, what is seen).

    `norms` by layer (`layer_norms`), `before` the whole lengths of earlier steps, `weights` the number of weights by layer.
    Layers are compared with each other only after some steps: blocks whose last weights begin at 0 let hardly anything through at
    first.
    """
    if not norms:
        return []
    whole = math.sqrt(sum(norm**2 for norm in norms.values()))
    if not math.isfinite(whole):
        bad = next(name for name, norm in norms.items() if not math.isfinite(norm))
        return [("exploding gradients", f"the gradient of {bad} is no finite number any more")]
    found, begun = [], len(before) >= REMEMBERED // 2
    usual = max(statistics.median(before), LEAST) if begun else math.inf
    if whole > EXPLODED * usual:
        worst = max(norms, key=lambda name: norms[name])
        found.append(("exploding gradients", f"gradients are {whole / usual:.0f} times as long as before, most in {worst}"))
    if whole < VANISHED:
        found.append(("vanishing gradients", f"gradients have all but vanished (length {whole:.1e})"))
    elif begun:
        steep = {name: norm / math.sqrt(max(1, weights.get(name, 1))) for name, norm in norms.items()}
        least, most = min(steep, key=lambda name: steep[name]), max(steep, key=lambda name: steep[name])
        if len(steep) > 2 and 0 < steep[least] < SHALLOW * steep[most]:
            share = steep[least] / steep[most]
            found.append(("vanishing gradients", f"hardly any gradient reaches {least}: {share:.0e} of {most}'s"))
    return found


def sizes(network: nn.Module) -> dict[str, int]:
    """The number of weights in each layer, by the names of `layer_norms`."""
    counts: dict[str, int] = {}
    for name, weight in network.named_parameters():
        layer = name.rpartition(".")[0] or name
        counts[layer] = counts.get(layer, 0) + weight.numel()
    return counts


def append(path: Path, step: int, network: str, norms: Mapping[str, float]) -> None:
    """Add one step's lengths to a file of rows ``step,network,layer,norm``."""
    fresh = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        if fresh:
            file.write("step,network,layer,norm\n")
        file.writelines(f"{step},{network},{layer},{norm:.6g}\n" for layer, norm in norms.items())


def forget_after(path: Path, step: int) -> None:
    """Drop the rows of `append` that lie after `step`, and one that was cut off: a resumed run writes them again."""
    if not path.exists():
        return
    kept = ["step,network,layer,norm"]
    for row in path.read_text(encoding="utf-8").splitlines()[1:]:
        place, _, rest = row.partition(",")
        if place.isdigit() and int(place) <= step and rest.count(",") == 2:
            kept.append(row)
    with atomic(path, force=True) as temporary:
        temporary.write_text("".join(f"{row}\n" for row in kept), encoding="utf-8")


def by_layer(path: Path, network: str) -> dict[str, tuple[list[float], list[float]]]:
    """What `append` wrote of a network: layer -> (steps, lengths)."""
    lines: dict[str, tuple[list[float], list[float]]] = {}
    if path.exists():
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["network"] == network:
                    steps, norms = lines.setdefault(row["layer"], ([], []))
                    steps.append(float(row["step"]))
                    norms.append(float(row["norm"]))
    return lines


def per_epoch(columns: Mapping[str, Sequence[float]], names: Sequence[str]) -> dict[str, list[float]]:
    """The means of the columns `names` over each epoch, with a column ``epoch`` counted from 1."""
    groups: dict[int, list[int]] = {}
    for place, epoch in enumerate(columns["epoch"]):
        groups.setdefault(max(1, math.ceil(epoch - 1e-9)), []).append(place)
    means = {name: [statistics.fmean(columns[name][place] for place in places) for places in groups.values()] for name in names}
    return {"epoch": [float(epoch) for epoch in groups], **means}


def draw(folder: Path, metrics: Mapping[str, Sequence[float]], counts: Sequence[Sequence[int]]) -> list[Path]:
    """All plots of a run, into ``plots``; returns their paths. `folder` is the run's."""
    place, names = folder / "plots", ("discriminator_loss", "generator_loss")
    made = []
    if metrics:
        made.append(plots.curves(metrics, place / "loss-by-batch.png", names=names, log=False))
        epochs = per_epoch(metrics, names)
        if len(epochs["epoch"]) > 1:
            made.append(plots.curves(epochs, place / "loss-by-epoch.png", x="epoch", names=names, log=False))
    if sum(map(sum, counts)):
        made.append(plots.confusion(counts, NAMES, place / "confusion.png", rows="was", columns="the discriminator said"))
    for network in ("generator", "discriminator"):
        if lines := by_layer(folder / GRADIENTS, network):
            path = place / f"gradients-{network}.png"
            made.append(plots.overlay(lines, path, x="step", y="length of the gradient"))
    return made
