"""What each network came to: how far its pictures are from real ones, how much detail they have, and what its run wrote down.

KID needs a scale to be compared between compositions, for a detector sees more in some than in others. The scale here is the KID
of a network that has learned the mean of the real pictures and nothing else, and draws it again and again: with a share of 0
pictures are as good as real, with 1 they are no nearer than the mean. A second one stands beside it, the KID of the same real
pictures with the pixels of each in random order, its colours without any shape; it is not used, since small pictures that
are enlarged, and photographs, look less strange to a detector in this state than large and plain ones do.

The detector's features are divided by one number for each set of real pictures, so that their mean square over these is 1: the
kernel of KID has a constant 1 beside the product of two features, and would see little but their lengths if these were large.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.core.precision import choose_device
from alebrije.data.dataset import open_dataset
from alebrije.events import Event, Started, Step
from alebrije.features.judging.detectors import Detector, open_detector
from alebrije.features.judging.distances import kid
from alebrije.features.judging.measured import Measured
from alebrije.gan import use
from alebrije.gan.data import held_out
from alebrije.gan.nets import build
from alebrije.gan.run import KINDS
from alebrije.reproductions.comicgan import compositions, energy, plan
from alebrije.reproductions.comicgan.settings import NETWORKS, ComicganReproduction, resolved
from alebrije.runs import Run
from alebrije.sweeps import final_metrics

LATENTS = 1000  # added to the seed: latents that are judged are others than those of the samples
AT_ONCE = 200
SHUFFLED = 500  # pictures of the scale that is not used
TROUBLES = ("collapse", "exploding gradients", "vanishing gradients")
View = tuple[int, bool]  # pixels a side, and whether grey


@dataclass
class Real:
    """Real pictures of a composition in one size and colour: features [N, D] as the detector gives them, what they are divided
    by, their detail, and the KIDs of what needs no network: their mean again and again, and their pixels shuffled."""

    features: Tensor
    unit: float
    detail: float
    mean: Measured
    shuffled: Measured

    def distance(self, made: Tensor) -> Measured:
        """The KID of made pictures' features [M, D], as the detector gives them."""
        return distance(self.features, made, self.unit)


def distance(real: Tensor, made: Tensor, unit: float) -> Measured:
    """KID of features that are divided by `unit`."""
    return kid(real / unit, made / unit)


@dataclass
class Judge:
    """The detector, and real pictures as they were looked at: (composition, view) -> `Real`."""

    config: ComicganReproduction
    data: Mapping[str, str]
    detector: Detector
    known: dict[tuple[str, View], Real] = field(default_factory=dict)

    def real(self, composition: str, view: View) -> Real:
        """Real pictures, those that were learned from and those held out, as many as are judged at most, in random order."""
        if (composition, view) not in self.known:
            images = taken(self.data[composition], view, self.config.judged, self.config.seed)
            features = self.detector(images)
            unit = max(1e-12, float(features.square().mean().sqrt()))
            mean = self.detector(images.float().mean(0, keepdim=True).round().to(torch.uint8))
            self.known[composition, view] = Real(
                features,
                unit,
                detail(images),
                distance(features, mean.expand(len(features), -1), unit),
                distance(features, self.detector(shuffled(images[:SHUFFLED], self.config.seed)), unit),
            )
        return self.known[composition, view]


def taken(data: str, view: View, count: int, seed: int) -> Tensor:
    """At most `count` pictures of a data set in random order, uint8 [N, C, S, S]."""
    side, gray = view
    dataset = open_dataset(data, (side, side), gray=gray)
    return dataset.take(torch.randperm(len(dataset), generator=torch.Generator().manual_seed(seed))[:count])


def shuffled(images: Tensor, seed: int) -> Tensor:
    """Each picture [N, C, H, W] with its own pixels in random order: the same colours, no shape."""
    chance = torch.Generator().manual_seed(seed)
    flat = images.flatten(2)
    order = torch.rand(len(images), 1, flat.shape[2], generator=chance).argsort(2)
    return flat.gather(2, order.expand_as(flat)).view_as(images)


def detail(images: Tensor) -> float:
    """How much of pictures, uint8 [N, C, H, W], is fine: the mean distance of a pixel from the mean of the nine around it, in
    [0, 1]. Blurred pictures have less than sharp ones; noise has more."""
    total = 0.0
    for some in torch.split(images, AT_ONCE):
        pixels = some.float() / 255
        around = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
        total += float((pixels - around).abs().mean()) * len(some)
    return total / len(images)


def folder_of(folder: Path, composition: str, name: str) -> Path:
    """Where a run lies."""
    return folder / "runs" / f"{composition}-{name}"


def runs(config: ComicganReproduction) -> list[tuple[str, str]]:
    """All runs: (composition, network). Photographs are learned by one network only."""
    pairs = [(composition, name) for composition in ("simple", "varied") for name in NETWORKS]
    return pairs + ([("photographs", config.contrast)] if config.photos else [])


def measured(config: ComicganReproduction, folder: Path, data: Mapping[str, str]) -> Generator[Event, None, dict[str, Any]]:
    """All numbers of all runs: see `_one`. Beside them those of real pictures, and what judged and what metered."""
    device = choose_device(config.device)
    judge = Judge(config, data, open_detector(config.detector, device))
    found: dict[str, Any] = {}
    pairs = runs(config)
    yield Started(f"judging {config.judged} pictures of each network", len(pairs))
    for place, (composition, name) in enumerate(pairs, 1):
        found.setdefault(composition, {})[name] = _one(judge, folder, composition, name)
        yield Step(place, len(pairs))
    scales: dict[str, dict[str, Any]] = {composition: {} for composition in found}
    for (composition, (side, gray)), real in judge.known.items():
        numbers = {"mean": list(real.mean), "shuffled": list(real.shuffled), "detail": real.detail, "unit": real.unit}
        scales[composition][f"{side}x{side}{' grey' if gray else ''}"] = numbers
    return {
        "titles": {composition: compositions.title(config, composition) for composition in found},
        "pictures": {composition: compositions.count(Path(data[composition])) for composition in found},
        "runs": found,
        "scales": scales,
        "detector": f"{judge.detector.words}, features with mean square 1 over the real pictures",
        "judged": config.judged,
        "device": str(device),
        "timing": plan.load(folder).get("timing", {}),
    }


def _one(judge: Judge, folder: Path, composition: str, name: str) -> dict[str, Any]:
    """A run's numbers. `kid`, `share`: from real pictures as the network saw them; `common_kid`, `common_share`: from those
    in colour and as large as they are packed, the same for all networks. Each is [value, low, high]."""
    config, run = judge.config, folder_of(folder, composition, name)
    opened = use.open_generator(run, judge.detector.device)
    features, fine = _drawn(opened, judge)
    view: View = (opened.shape[1], opened.shape[0] == 1)
    own, common = (judge.real(composition, each) for each in (view, (config.side, False)))
    ours, theirs = own.distance(features), common.distance(features)
    return {
        "kid": list(ours),
        "share": shares(ours, own.mean.value),
        "common_kid": list(theirs),
        "common_share": shares(theirs, common.mean.value),
        "detail": fine / max(own.detail, 1e-9),
        "side": view[0],
        "gray": view[1],
        **written(folder, run),
        "parameters": parameters(config, name),
    }


@torch.no_grad()
def _drawn(opened: use.Opened, judge: Judge) -> tuple[Tensor, float]:
    """Features of what a generator draws, and its detail."""
    codes = use.latents(opened, judge.config.judged, judge.config.seed + LATENTS)
    features, fine = [], 0.0
    for some in torch.split(codes, AT_ONCE):
        images = (use.generate(opened, some) * 255).round().to(torch.uint8)
        features.append(judge.detector(images))
        fine += detail(images) * len(images)
    return torch.cat(features), fine / len(codes)


def shares(value: Measured, unit: float) -> list[float]:
    """A KID and its interval as shares of the scale's, which is taken as given."""
    return [each / max(unit, 1e-12) for each in value]


def written(folder: Path, run: Path) -> dict[str, Any]:
    """What a run wrote down about itself: length, pace, what its referee found and said, energy."""
    metrics, columns = final_metrics(run), Run(run).metrics()
    recipe = Run.open(run).recipe()[1]
    about = json.loads((run / "referee.json").read_text(encoding="utf-8"))
    remarks = about.get("remarks", [])
    said = [text for _, text in remarks]
    steps, seconds = int(metrics["steps"]), float(metrics["seconds"])
    count = json.loads((run / "data.json").read_text(encoding="utf-8"))["pictures"]
    learned = count - held_out(recipe["hold_out"], count)
    batch = min(int(recipe["batch_size"]), learned)
    found: dict[str, Any] = {
        "steps": steps,
        "epochs": columns["epoch"][-1],
        "seconds": seconds,
        "batch_size": batch,
        "seconds_per_1000": 1000 * seconds / (steps * batch),
        "accuracy": metrics.get("accuracy"),
        "diversity": metrics.get("diversity"),
        "by_heart": metrics.get("by_heart"),
        "troubles": {trouble: sum(text.startswith(trouble) for text in said) for trouble in TROUBLES},
        "rollbacks": int(about.get("rollbacks", 0)),
        "remarks": remarks,
        "stages": stages(columns),
    }
    if entry := energy.load(folder).get(run.name):
        found |= {"watt_hours": energy.watt_hours(entry, seconds), "power_of": entry["of"]}
    return found


def stages(columns: Mapping[str, Sequence[float]]) -> list[dict[str, float]]:
    """Steps and seconds of each stage of a network that grew; empty for others."""
    found: list[dict[str, float]] = []
    before = 0.0
    for stage in sorted({int(value) for value in columns.get("stage", ())}):
        places = [place for place, value in enumerate(columns["stage"]) if int(value) == stage]
        end = columns["seconds"][places[-1]]
        found.append({"steps": len(places), "seconds": end - before})
        before = end
    return found


def parameters(config: ComicganReproduction, name: str) -> dict[str, int]:
    """The numbers that each of both networks consists of."""
    chosen = resolved(config, name)
    shape = (1 if chosen.gray else 3, *chosen.height_width)
    with torch.device("meta"):
        both: tuple[nn.Module, nn.Module] = build(KINDS[NETWORKS[name].kind][0], chosen, shape)
    return dict(zip(("generator", "discriminator"), (sum(weight.numel() for weight in each.parameters()) for each in both)))
