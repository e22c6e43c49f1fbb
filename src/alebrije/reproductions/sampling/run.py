"""Which way of drawing codes works? Samplers of one plain autoencoder and of its variational twin, compared on data sets.

OUT/
  runs/mnist-judge/           a classifier of each data set, whose features judge (`detector: own`)
  runs/mnist-twin-seed-0/     a plain autoencoder for each data set and seed
  runs/mnist-vae-1-seed-0/    the same network, variational, for each beta
  figures/                    drawn pictures side by side, the figure of KIDs, interpolations and walks as GIFs
  table.md  results.json

All networks and samplers learn from training pictures; beta and what samplers choose is chosen by those kept for validation; test
pictures give the figures, once.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

from pydantic import Field

from alebrije import steps
from alebrije.autoencoder.generate import NETWORKS, read_model
from alebrije.autoencoder.sampling import kept
from alebrije.config import ComputeConfig
from alebrije.core.files import atomic
from alebrije.core.precision import choose_device
from alebrije.data import known
from alebrije.errors import ConfigError, Interrupted, RunError
from alebrije.events import Done, Event, Events, Saved, Started, Step
from alebrije.features.judging.detectors import Detector, open_detector
from alebrije.reproductions.parts import Reproduced, within
from alebrije.reproductions.sampling import figures
from alebrije.reproductions.sampling.measure import Judged, Subject, judge, references
from alebrije.reproductions.sampling.table import choose_beta, table
from alebrije.runs import Run

SETS = ("mnist", "fashion-mnist")
JUDGE_STEPS = 500


class SamplingReproduction(ComputeConfig):
    """Settings of `alebrije reproduce sampling`."""

    data: str | None = Field(None, description="one data set; MNIST and Fashion-MNIST if not given")
    seeds: int = Field(1, ge=1, description="how often each network is trained, with the seeds seed, seed + 1 ...")
    draws: int = Field(3, ge=1, description="how often pictures are drawn from each sampler")
    betas: tuple[float, ...] = Field((1.0,), min_length=1, description="weights of the variational ones, of which one is chosen")
    steps: int = Field(900, gt=0, description="steps of training of each autoencoder")
    width: int = Field(16, gt=0, description="channels of their first layer")
    latent_dim: int = Field(16, gt=0, description="numbers that a picture is squeezed into")
    likelihood: str = Field("bernoulli", description="what their pixels are: bernoulli or gaussian")
    validation: int = Field(5000, ge=200, description="pictures that are kept for validation")
    count: int = Field(2000, ge=100, description="pictures of each set that is compared")
    near: int = Field(1000, ge=100, description="of them, whose nearest training pictures are looked for")
    few: int = Field(40, ge=20, description="codes that samplers are fitted to once more, to see what they do with few")
    detector: str = Field("own", description="what judges: own (a classifier of the data), compact, efficientnet-lite0, a run")


CONFIG = SamplingReproduction
SHARED = ("steps", "width", "latent_dim", "likelihood", "validation", "device", "precision")


def reproduce(config: SamplingReproduction, folder: Path) -> Events:
    """Train what is missing, draw, judge, and write table and figures. Ends with `Done(Reproduced)`.

    Raises `ConfigError` and `DataError` before anything is learned, `RunError` for a folder begun with other settings.
    """
    began = time.monotonic()
    sets = (config.data,) if config.data else SETS
    if any(beta <= 0 for beta in config.betas):
        raise ConfigError("each of betas must be greater than 0: the plain autoencoder, beta 0, is trained anyway")
    for data in sets:
        known.load(data)
        for run, beta, seed in _runs(config, folder, data):
            _check(run, _settings(config, data, beta, seed))
    results: dict[str, Any] = {}
    shown: dict[str, Judged] = {}
    try:
        for data in sets:
            yield from _trained(config, folder, data)
        for data in sets:
            shown[_short(data)] = judged = yield from _judged(config, folder, data)
            results[_short(data)] = judged.numbers
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    files = [folder / "table.md", folder / "results.json"]
    for path, text in zip(files, (table(results, config.draws, config.seeds), json.dumps(results, indent=1)), strict=True):
        with atomic(path, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
        yield Saved(path)
    films = {
        _short(data): tuple(str(run_folder(folder, data, beta, config.seed)) for beta in (0.0, results[_short(data)]["beta"]))
        for data in sets
    }
    for path in figures.write(results, shown, folder, films):
        files.append(path)
        yield Saved(path)
    report = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, report))


def run_folder(folder: Path, data: str, beta: float, seed: int) -> Path:
    """Where a run lies: of the plain twin for beta 0."""
    return folder / "runs" / f"{_short(data)}-{f'vae-{beta:g}' if beta else 'twin'}-seed-{seed}"


def _short(data: str) -> str:
    return Path(data).name


def _settings(config: SamplingReproduction, data: str, beta: float, seed: int) -> dict[str, Any]:
    return {**config.model_dump(include=set(SHARED)), "data": data, "beta": beta, "seed": seed}


def _runs(config: SamplingReproduction, folder: Path, data: str) -> list[tuple[Path, float, int]]:
    seeds = range(config.seed, config.seed + config.seeds)
    return [(run_folder(folder, data, beta, seed), beta, seed) for beta in (0.0, *config.betas) for seed in seeds]


def _check(run: Path, wanted: dict[str, Any]) -> None:
    """Raise `RunError` if a run was begun with other settings: what stands side by side would not belong together."""
    if not Run(run).begun():
        return
    _, before = Run.open(run).recipe()
    for key in sorted(wanted.keys() - {"device", "precision", "data"}):
        if before.get(key) != wanted[key]:
            raise RunError(f"{run} was begun with {key} {before.get(key)}: for {wanted[key]} choose another -o")


def _trained(config: SamplingReproduction, folder: Path, data: str) -> Generator[Event, None, None]:
    for run, beta, seed in _runs(config, folder, data):
        yield from _once("autoencoder/vae", run, log_every=max(1, config.steps // 2), **_settings(config, data, beta, seed))
    if config.detector == "own":
        own = {"steps": JUDGE_STEPS, "validation": config.validation, "seed": config.seed, "device": config.device}
        yield from _once("features/judge", folder / "runs" / f"{_short(data)}-judge", data=data, **own)


def _once(recipe: str, run: Path, **settings: Any) -> Generator[Event, None, None]:
    if not (run / "model.safetensors").exists():
        yield from within(steps.train(recipe, run=run, resume=Run(run).begun(), **settings))
    shutil.rmtree(run / "checkpoints", ignore_errors=True)


def _detector(config: SamplingReproduction, folder: Path, data: str) -> Detector:
    name = str(folder / "runs" / f"{_short(data)}-judge") if config.detector == "own" else config.detector
    return open_detector(name, choose_device(config.device))


def _judged(config: SamplingReproduction, folder: Path, data: str) -> Generator[Event, None, Judged]:
    """Judge the plain twins and, of the variational ones, those of the beta that validation chooses."""
    yield Started(f"judging {_short(data)}")
    detector, found = _detector(config, folder, data), known.load(data)
    by_beta: dict[float, list[Judged]] = {}
    runs = _runs(config, folder, data)
    look = {seed: references(found, seed, detector, config) for seed in range(config.seed, config.seed + config.seeds)}
    for place, (run, beta, seed) in enumerate(runs, 1):
        judged = judge(_subject(run, beta), look[seed], detector, config)
        by_beta.setdefault(beta, []).append(judged)
        yield Step(place, len(runs))
    chosen = choose_beta({beta: [one.numbers for one in found] for beta, found in by_beta.items() if beta})
    return Judged.joined(by_beta[0.0], by_beta[chosen], detector.words)


def _subject(run: Path, beta: float) -> Subject:
    kind, settings, tensors, header = read_model(str(run))
    network = NETWORKS[kind](settings, header)
    network.load_state_dict(kept.weights_of(tensors))
    return Subject(beta, settings, network.requires_grad_(False).eval(), tensors, header)
