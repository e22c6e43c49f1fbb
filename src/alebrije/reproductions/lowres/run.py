"""The report on low to high resolution, done again: its nine autoencoders, its table and claims, its new pictures.

OUT/
  pictures/                 drawn creatures, where no pictures are given
  runs/lowres-6-seed-0/     a run folder for each experiment and seed; their checkpoints are removed when they are finished
  figures/                  losses, curves, reconstructions, new pictures
  table.md  results.json

The seed decides which pictures are taken, how they are dealt to training, validation and test, and how the networks begin; with
one seed all nine see the same, so claims are compared seed by seed.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from safetensors.torch import load_file

from alebrije import steps
from alebrije.autoencoder.collection import Collection, collect
from alebrije.autoencoder.config import LowresConfig
from alebrije.autoencoder.experiments import build_lowres, lowres_task
from alebrije.autoencoder.learning import SPLITS, Task
from alebrije.autoencoder.nets.lowres import EXPERIMENTS
from alebrije.autoencoder.sampling import kept
from alebrije.config import ComputeConfig, build
from alebrije.core.files import atomic
from alebrije.data.draw import write
from alebrije.errors import Interrupted, RunError
from alebrije.events import Done, Event, Events, Saved, Started
from alebrije.reproductions.lowres import figures
from alebrije.reproductions.lowres.sampling import invent
from alebrije.reproductions.lowres.table import judge, rank_correlation, table
from alebrije.reproductions.parts import Reproduced, within
from alebrije.runs import Run
from alebrije.sweeps import final_metrics


class LowresReproduction(ComputeConfig):
    """Settings of `alebrije reproduce lowres`."""

    data: str | None = Field(None, description="pictures to learn from; drawn creatures if not given")
    seeds: int = Field(3, ge=1, description="how often each experiment is done, with the seeds seed, seed + 1 ...")
    pictures: int = Field(955, ge=20, description="pictures of each, with their validation and test")
    epochs: int = Field(40, gt=0, description="epochs of each network")
    size: int = Field(128, ge=64, description="side of the pictures in pixels; 64 takes about a quarter of the time")
    factor: int = Field(4, ge=2, description="how many times fewer pixels a side the input has")
    reduction: str = Field("area", description="how it is made: area or bicubic")
    width: int = Field(32, gt=0, description="channels of the first layer")
    unpool: str = Field("corner", description="what the decoders undo pools with: corner or nearest")
    output: str = Field("relu", description="activation of the last layer: relu, sigmoid or none")
    draws: int = Field(200, ge=10, description="new pictures drawn from each Gaussian, of which the ten best are shown")


CONFIG = LowresReproduction
SHARED = ("pictures", "epochs", "size", "factor", "reduction", "width", "unpool", "output", "device", "precision")


def reproduce(config: LowresReproduction, folder: Path) -> Events:
    """Do all of it in `folder`; runs that are finished are kept. Ends with `Done(Reproduced)`.

    Raises `ConfigError` and `DataError` before anything is learned, `RunError` for a folder begun with other settings.
    """
    began = time.monotonic()
    for number in EXPERIMENTS:
        build_lowres(settings(config, "", config.seed), number)
        for seed in _seeds(config):
            _check(run_folder(folder, number, seed), settings(config, "", seed))
    try:
        data = config.data or str((yield from _drawn(config, folder)))
        for seed in _seeds(config):
            for number in EXPERIMENTS:
                yield from _trained(config, data, folder, number, seed)
        results = measured(config, folder)
        results["best"] = best = min(EXPERIMENTS, key=lambda number: sum(results["experiments"][str(number)]["validation"]))
        collection = yield from collect(settings(config, data, config.seed))
        tasks = {number: load_task(run_folder(folder, number, config.seed), collection, number) for number in EXPERIMENTS}
        yield Started("drawing new pictures")
        invented = invent(tasks[best], collection, config.draws, config.seed)
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    results |= {"baselines": baselines(tasks[best]), "sampling": invented.numbers}
    files = [folder / "table.md", folder / "results.json"]
    for path, text in zip(files, (table(results, _how(config, data)), json.dumps(results, indent=1)), strict=True):
        with atomic(path, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
        yield Saved(path)
    logs = {number: Run(run_folder(folder, number, config.seed)).metrics() for number in EXPERIMENTS}
    for path in figures.write(results, logs, tasks, invented, folder / "figures"):
        files.append(path)
        yield Saved(path)
    report = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, report))


def settings(config: LowresReproduction, data: str, seed: int) -> LowresConfig:
    """The settings of one run."""
    return build(LowresConfig, {**config.model_dump(include=set(SHARED)), "data": data, "seed": seed})


def run_folder(folder: Path, number: int, seed: int) -> Path:
    """Where a run lies."""
    return folder / "runs" / f"lowres-{number}-seed-{seed}"


def _seeds(config: LowresReproduction) -> range:
    return range(config.seed, config.seed + config.seeds)


def _check(run: Path, wanted: LowresConfig) -> None:
    """Raise `RunError` if a run was begun with other settings: what stands side by side would not belong together."""
    if not Run(run).begun():
        return
    _, before = Run.open(run).recipe()
    for key in sorted({*SHARED, "seed"} - {*steps.RESUMABLE}):
        if before.get(key) != getattr(wanted, key):
            raise RunError(f"{run} was begun with {key} {before.get(key)}: for {getattr(wanted, key)} choose another -o")


def _drawn(config: LowresReproduction, folder: Path) -> Generator[Event, None, Path]:
    place = folder / "pictures"
    if not (place / "metadata.jsonl").exists():
        drawing = write(place, config.pictures, size=config.size, seed=config.seed, background="white", force=True)
        yield from within(drawing)
    return place


def _trained(config: LowresReproduction, data: str, folder: Path, number: int, seed: int) -> Generator[Event, None, None]:
    run = run_folder(folder, number, seed)
    values = settings(config, data, seed).model_dump(include={*SHARED, "data", "seed"})
    begun = Run(run).begun()
    if not (run / "model.safetensors").exists():
        yield from within(steps.train(f"autoencoder/lowres-{number}", run=run, resume=begun, **values))
    shutil.rmtree(run / "checkpoints", ignore_errors=True)  # 27 runs would fill gigabytes with them


def measured(config: LowresReproduction, folder: Path) -> dict[str, Any]:
    """experiment -> split -> losses by seed, what it took, and what that says of the report's claims."""
    experiments: dict[str, Any] = {}
    for number in EXPERIMENTS:
        runs = [final_metrics(run_folder(folder, number, seed)) for seed in _seeds(config)]
        experiments[str(number)] = {split: [run[f"{split}_mse"] for run in runs] for split in SPLITS}
        experiments[str(number)]["seconds"] = [run["seconds"] for run in runs]
    return {"experiments": experiments, "claims": judge(experiments), "rank_correlation": rank_correlation(experiments)}


@torch.no_grad()
def baselines(task: Task) -> dict[str, float]:
    """The mean square error on test pictures of what needs no network: what is above the last of them has learned little."""
    test, train = (task.pictures[name].float() / 255 for name in ("test", "train"))
    made = {
        "black": torch.zeros_like(test),
        "the mean of the pictures learned from": train.mean(0, keepdim=True),
        "the low-resolution input itself": task.spoil(test, None),
    }
    return {name: float((images - test).square().mean()) for name, images in made.items()}


def load_task(run: Path, collection: Collection, number: int) -> Task:
    """The trained network of a run with its pictures, on the CPU."""
    _, values = Run.open(run).recipe()
    config = build(LowresConfig, values)
    network = build_lowres(config, number)
    network.load_state_dict(kept.weights_of(load_file(run / "model.safetensors")))
    return lowres_task(network.eval(), collection, config, number)


def _how(config: LowresReproduction, data: str) -> str:
    """What ours are, in words below the table."""
    pictures = f"pictures of {Path(data).name}" if config.data else "drawn creatures"
    over = f"mean ± standard deviation over {config.seeds} seeds" if config.seeds > 1 else "one seed"
    return (
        f"Ours: mean square error of pixels in [0, 1] at {config.size}x{config.size}, from inputs with {config.factor} times "
        f"fewer pixels a side ({config.reduction}); at most {config.pictures} {pictures}, {config.epochs} epochs; {over}. "
        "The report states neither its loss nor size nor factor: compare orders, not values."
    )
