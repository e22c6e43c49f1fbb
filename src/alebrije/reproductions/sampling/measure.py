"""What the samplers of a trained autoencoder draw, judged by test pictures, and by how near it lies to those learned from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from alebrije.autoencoder.learning import Task, codes, untouched
from alebrije.autoencoder.nets.variational import VariationalAutoencoder
from alebrije.autoencoder.sampling import kept
from alebrije.autoencoder.sampling.samplers import SAMPLERS, Tensors
from alebrije.data.known import Labelled
from alebrije.features.judging.detectors import Detector
from alebrije.features.judging.distances import fid, kid
from alebrije.features.judging.manifolds import compare
from alebrije.features.judging.neighbours import copying, nearest

if TYPE_CHECKING:
    from alebrije.reproductions.sampling.run import SamplingReproduction

SHOWN = 40
AT_ONCE = 250
REAL, REBUILT = "(training pictures)", "(test pictures, encoded and decoded)"


@dataclass(frozen=True, slots=True)
class Subject:
    """A trained autoencoder: its beta (0: the plain twin), the settings of its run, and its file's tensors and header."""

    beta: float
    settings: dict[str, Any]
    network: nn.Module
    tensors: Tensors
    header: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Judged:
    """Numbers by row, and the first pictures [N, C, H, W] that each row has drawn."""

    numbers: dict[str, Any]
    pictures: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def joined(cls, plain: Sequence[Judged], variational: Sequence[Judged], words: str) -> Judged:
        """The runs of one data set in one: distances of all trainings in a row, everything else of the first training."""
        rows: dict[str, Any] = {}
        pictures: dict[str, Tensor] = {}
        for prefix, runs in (("plain: ", plain), ("variational: ", variational)):
            for name in runs[0].numbers["rows"]:
                full = name if name == REAL else prefix + name
                row = dict(runs[0].numbers["rows"][name])
                for key in ("kid", "fid"):
                    row[key] = [value for run in runs for value in run.numbers["rows"][name][key]]
                rows[full] = row
                pictures[full] = runs[0].pictures[name]
        first, second = plain[0].numbers, variational[0].numbers
        how = {key: first[key] for key in ("count", "near", "few", "seed")} | {"detector": words, "beta": second["beta"]}
        networks = {"plain": first["metrics"], "variational": second["metrics"]}
        samplers = {"plain": first["samplers"], "variational": second["samplers"]}
        return cls({"rows": rows, "networks": networks, "samplers": samplers, **how}, pictures)


@dataclass(frozen=True, slots=True)
class References:
    """Real pictures as training with one seed has dealt them, uint8; what the detector sees in them; `apart`: how far held-out
    ones are from those learned, by features and by pixels."""

    learned: Tensor
    held_out: Tensor
    test: Tensor
    learned_features: Tensor
    held_out_features: Tensor
    test_features: Tensor
    apart: Tensor
    apart_pixels: Tensor


def judge(subject: Subject, look: References, detector: Detector, config: SamplingReproduction) -> Judged:
    """Draw from all samplers of one network, and from some that are fitted to few codes, and judge."""
    seed, network = int(subject.settings["seed"]), subject.network
    assert isinstance(network, VariationalAutoencoder)
    samplers = kept.samplers_of(subject.tensors)
    notes = dict(subject.header["samplers"])
    few, few_notes = _few(subject, look, config)
    rows: dict[str, Any] = {}
    pictures: dict[str, Tensor] = {}
    for name, tensors in {**samplers, **few}.items():
        kind = name.partition(",")[0]
        made = []
        for draw in range(config.draws):
            generator = torch.Generator().manual_seed(1000 * seed + draw)
            made.append(_decoded(network, SAMPLERS[kind].draw(tensors, config.count, generator, 1.0)))
        rows[name] = score(made, look, detector, config, near=name in samplers)
        rows[name]["held_out_nats"] = (notes | few_notes)[name]["held_out_nats"]
        pictures[name] = made[0][:SHOWN]
    rebuilt = _decoded(network, torch.cat([network.encode(one.float() / 255) for one in torch.split(look.test, AT_ONCE)]))
    real = look.learned[-config.count :].float() / 255
    for name, images in ((REBUILT, rebuilt), (REAL, real)):
        rows[name] = score([images], look, detector, config, near=False)
        pictures[name] = images[:SHOWN]
    header = {"metrics": subject.header["metrics"], "samplers": notes | few_notes, "beta": subject.beta}
    return Judged({"rows": rows, **header, **config.model_dump(include={"count", "near", "few", "seed"})}, pictures)


def score(
    made: Sequence[Tensor], look: References, detector: Detector, config: SamplingReproduction, *, near: bool
) -> dict[str, Any]:
    """KID and FID of each set of made pictures [N, C, H, W]; all else, with `near` also the nearest neighbours, of the first."""
    features = [detector(images) for images in made]
    distances, frechets = ([measure(look.test_features, one) for one in features] for measure in (kid, fid))
    row: dict[str, Any] = {
        "kid": [one.value for one in distances],
        "kid_interval": [distances[0].low, distances[0].high],
        "fid": [one.value for one in frechets],
        "validation_kid": kid(look.held_out_features, features[0]).value,
        **{name: list(value) for name, value in compare(look.test_features, features[0], config.seed)._asdict().items()},
    }
    if near:
        ours = nearest(features[0][: config.near], look.learned_features)[1]
        pixels = nearest(made[0][: config.near].flatten(1), look.learned.flatten(1).float() / 255)[1]
        for name, found, theirs in (("near", ours, look.apart), ("near_pixels", pixels, look.apart_pixels)):
            copied = copying(found, theirs)
            row[name] = {"share": list(copied.share), "ratio": copied.ratio}
    return row


def references(found: Labelled, seed: int, detector: Detector, config: SamplingReproduction) -> References:
    """Deal a data set as training with `seed` does, take `count` test pictures at random, and look at all of them."""
    order = torch.randperm(len(found.images), generator=torch.Generator().manual_seed(seed))
    some = torch.randperm(len(found.test_images), generator=torch.Generator().manual_seed(seed))[: config.count]
    held_out, learned = found.images[order[: config.validation]], found.images[order[config.validation :]]
    test = found.test_images[some]
    features, others = detector(learned), held_out[-config.near :]
    pixels = [images.flatten(1).float() / 255 for images in (others, learned)]
    return References(
        learned, held_out, test, features, detector(held_out[: config.count]), detector(test),
        apart=nearest(detector(others), features)[1], apart_pixels=nearest(*pixels)[1],
    )  # fmt: skip


def _few(
    subject: Subject, look: References, config: SamplingReproduction
) -> tuple[dict[str, Tensors], dict[str, dict[str, Any]]]:
    """The samplers of a plain network, fitted to the codes of a few of its pictures; nothing for a variational one."""
    if subject.beta:
        return {}, {}
    network = subject.network
    assert isinstance(network, VariationalAutoencoder)

    def encode(given: Tensor, generator: torch.Generator) -> Tensor:
        return network.encode(given)

    task = Task(network, {}, untouched, encode=encode)
    ours, theirs = codes(task, look.learned[: config.few], 0), codes(task, look.held_out[: config.few * 4], 0)
    found = {name: SAMPLERS[name].fit(ours, theirs, config.seed) for name in ("gaussian", "ledoit-wolf", "pca-mixture")}
    tensors = {f"{name}, {config.few} codes": fitted for name, (fitted, _) in found.items()}
    return tensors, {f"{name}, {config.few} codes": notes for name, (_, notes) in found.items()}


@torch.no_grad()
def _decoded(network: VariationalAutoencoder, latents: Tensor) -> Tensor:
    return torch.cat([network.decode(some).clamp(0, 1) for some in torch.split(latents, AT_ONCE)])

