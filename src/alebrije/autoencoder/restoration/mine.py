"""`alebrije train restore/mine`: a shipped network learns further on the user's own pictures, in minutes.

What is wrong with the pictures is measured (`degradation`), done again to their reductions, and learned away. Some pictures are
kept for the test, and in the end it says how much better the network has become on them, or that it has not.

A denoiser needs clean targets, and the user's pictures may be what is noisy. Then they are halved, which leaves a sixth of the
noise's variance, and the noise as it was measured is added. Where nothing is wrong with them they are the targets as they are,
and the noise is of all strengths, as the shipped denoiser's was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from alebrije.autoencoder.restoration import examples, mine_judge, store
from alebrije.autoencoder.restoration.degradation import CLEAN, Degradation, degrade, estimate, halved
from alebrije.autoencoder.restoration.mine_config import MineConfig
from alebrije.autoencoder.restoration.mine_pictures import Album, Named, open_album
from alebrije.autoencoder.restoration.train import Lesson, averaged, make_step
from alebrije.core import checkpoint, plots
from alebrije.core.fit import Shuffled, State, finished, fit, optimizer, stopped
from alebrije.core.metrics import luma
from alebrije.core.precision import choose_device
from alebrije.core.report import write_report
from alebrije.errors import ConfigError, RunError
from alebrije.events import Events, Saved, Warned
from alebrije.runs import Run

STRONGEST, OTHERS, KNOWN = 55.0, 0.25, 0.5  # what the shipped denoiser learned from: see `config.DenoiserConfig`
WORN_QUALITY = 90  # JPEG of this quality or less is worth cleaning
SOFT = 0.7  # detail below it: enlarged pictures, which cannot teach sharpness

Draw = Callable[[Tensor], tuple[tuple[Tensor, ...], Tensor]]


@dataclass(frozen=True, slots=True)
class Material:
    """Pictures to learn from and to test with, what is done to them, and the share to which the shipped network's is done."""

    learned: Sequence[Named]
    kept: Sequence[Named]
    found: Degradation
    plain_share: float


def train_mine(config: MineConfig, run: Run) -> Events:
    """Teach a shipped network further, then test it; leaves `model.safetensors`, `report.html` and evaluation/held-out.csv.

    Raises `ConfigError`, `DataError`, `RunError` and `WeightsError` before the first step, `NumericsError` if the loss is lost.
    """
    if not config.data:
        raise ConfigError("say where your pictures are: --data FOLDER")
    device = choose_device(config.device)
    upscaler = config.task == "upscale"
    name = config.start or ("fast" if upscaler else "denoise")
    shipped, network = (store.open_for(config.task, name, config.scale if upscaler else None, device) for _ in range(2))
    album = yield from open_album(config)
    fingerprint = album.fingerprint()
    _check_same(run, fingerprint, config.data)
    found = estimate([picture for _, picture in album.learned], album.qualities, config.seed)
    material = material_of(album, found, config)
    yield from map(Warned, notices(found, material, config))
    torch.manual_seed(config.seed)
    pictures = _and_smaller([picture for _, picture in material.learned], config)
    draw = (upscaler_draw if upscaler else denoiser_draw)(pictures, material, config)
    state = State(
        {"restorer": network.requires_grad_(True).train()},
        {"restorer": optimizer(config, network)},
        Shuffled(len(pictures) * math.ceil(config.batch_size / len(pictures)), config.batch_size, config.seed),
        config.ema_decay,
        {"data": fingerprint},
    )
    exam = mine_judge.exam(config.task, material.kept, material.found, config.scale, config.seed, device)

    def look() -> tuple[dict[str, float], Tensor]:
        return {"held_out_psnr": mine_judge.mark(exam, network)}, mine_judge.sheet(exam, shipped, network)

    def sample(state: State) -> Tensor:
        with averaged(state):
            told, picture = look()
        state.extra |= told
        return picture

    state.extra["held_out_psnr"] = mine_judge.mark(exam, shipped)
    learn = make_step(Lesson(network, len(pictures), draw, look, {}), config, device)

    def step(state: State, batch: Tensor) -> dict[str, float]:
        return {name: value for name, value in learn(state, batch).items() if name != "data"}

    if not (yield from fit(state, step, config, run, sample)):
        yield stopped(state, run)
        return
    network.load_state_dict(state.final_weights("restorer"))
    results = mine_judge.judge(exam, shipped, network.eval())
    metrics = results.metrics()
    facts = {
        "kind": config.task, "scale": getattr(network, "scale", None), "start": name, "degradation": found.facts(),
        "metrics": metrics, "held_out": results.rows(), "pictures": len(material.learned),
        "data": config.data, "data_fingerprint": fingerprint, "licence": "of whoever trained it",
    }  # fmt: skip
    yield from _leave(run, network, results, facts)
    yield finished(state, run, metrics)


def _leave(run: Run, network: nn.Module, results: mine_judge.Results, facts: Mapping[str, Any]) -> Events:
    """What stays of a training that came to its end, and what the user should do with it."""
    for path in mine_judge.keep_results(results, run.folder):
        yield Saved(path)
    yield Saved(plots.curves(run.metrics(), run.folder / "plots" / "loss.png", names=["loss"]))
    yield Saved(run.write_model(network.state_dict(), facts))
    yield Saved(write_report(run))
    yield Warned(results.verdict())


def _check_same(run: Run, fingerprint: str, data: str) -> None:
    """Raise `RunError` if the run that goes on learned from other pictures."""
    folder = run.folder / "checkpoints"
    if checkpoint.numbered(folder) and checkpoint.load_latest(folder)[1]["extra"].get("data") != fingerprint:
        raise RunError(
            f"the pictures in {data} are not those that the run began with: give it the same with --data, or begin another --run"
        )


def material_of(album: Album, found: Degradation, config: MineConfig) -> Material:
    """What to learn from and what to do to it, given what was `found`."""
    used = found if config.strength == "auto" else replace(found, noise=float(config.strength) / 255, poisson=0.0)
    if config.task == "upscale":
        return Material(album.learned, album.kept, used, config.plain_share)
    learned, kept = album.learned, album.kept
    if faulty(found):
        learned, kept = ([(name, _half(picture, found)) for name, picture in each] for each in (learned, kept))
    used = replace(used, extra_blur=0.0)  # the halved pictures have it
    if faulty(used):
        return Material(learned, kept, used, config.plain_share)
    return Material(learned, kept, replace(used, noise=mine_judge.PLAIN_NOISE), 1.0)


def faulty(found: Degradation) -> bool:
    """Whether there is something that a denoiser could take out."""
    return found.level > 0 or (found.jpeg_quality or 100) <= WORN_QUALITY


def _half(picture: Tensor, found: Degradation) -> Tensor:
    return (halved(picture[None].float() / 255, found)[0] * 255).round().to(torch.uint8)


def notices(found: Degradation, material: Material, config: MineConfig) -> list[str]:
    """What the user should know of the pictures, before it learns."""
    said = [found.describe()]
    if found.detail < SOFT:
        said.append("a network that learns from soft pictures makes soft ones: give them at the size where they are sharp")
    if config.task == "denoise" and faulty(found):
        said.append("the targets are your pictures at half their size, which takes most of the noise away")
    if config.task == "denoise" and material.plain_share == 1 != config.plain_share:
        strongest = f"{STRONGEST:g} levels"
        said.append(f"there is nothing to clean: it learns noise of all strengths up to {strongest}; --set strength=X says which")
    return said


def _and_smaller(pictures: Sequence[Tensor], config: MineConfig) -> list[Tensor]:
    side = config.patch * (config.scale if config.task == "upscale" else 1)
    return [*pictures, *(examples.reduced(pictures, config.smaller, side) if config.smaller < 1 else [])]


def upscaler_draw(pictures: Sequence[Tensor], material: Material, config: MineConfig) -> Draw:
    """Patches of luma, reduced and made as the user's pictures are, beside what they were."""

    def draw(indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        clean = examples.patches(pictures, indices % len(pictures), config.patch * config.scale)
        plain = torch.rand(len(clean)) < material.plain_share
        given = degrade(clean, CLEAN, config.scale)
        if not bool(plain.all()):
            given[~plain] = degrade(clean[~plain], material.found, config.scale)
        return (luma(given),), luma(clean)

    return draw


def denoiser_draw(pictures: Sequence[Tensor], material: Material, config: MineConfig) -> Draw:
    """Patches with noise as in the user's pictures, and its level for half of them, beside the clean ones."""

    def draw(indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        clean = examples.patches(pictures, indices % len(pictures), config.patch)
        plain = torch.rand(len(clean)) < material.plain_share
        gray = (clean == clean[:, :1]).flatten(1).all(1)
        given = examples.noisy(clean, STRONGEST, OTHERS, gray)
        if not bool(plain.all()):
            given[~plain] = degrade(clean[~plain], material.found)
        level = (given - clean).square().mean((1, 2, 3), keepdim=True).sqrt()
        return (given, level * (torch.rand(len(level), 1, 1, 1) < KNOWN)), clean

    return draw
