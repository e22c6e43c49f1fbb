"""The second source, done again: its notebooks on autoencoders, on a DCGAN, and on neural style transfer.

OUT/
  inputs/            content.png and style.png: demo pictures, unless others are given
  runs/NAME/         a run folder for each network that is learned
  pictures/          the stylised picture, and what it took
  figures/           notebooks-NAME.png
  report.html  results.json

The notebooks are TensorFlow's tutorials *Intro to Autoencoders* (its first two networks), *Deep Convolutional Generative
Adversarial Network* and *Neural style transfer*, which the source follows.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field

from alebrije import steps
from alebrije.config import ComputeConfig, recipe_names
from alebrije.core.files import atomic
from alebrije.data import known
from alebrije.errors import ConfigError, DataError, Interrupted, RunError
from alebrije.events import Done, Event, Events, Saved, Started
from alebrije.reproductions.notebooks import baselines, report, stylisation
from alebrije.reproductions.parts import Reproduced, within
from alebrije.runs import Run
from alebrije.sweeps import final_metrics

Part = Literal["dense", "denoise", "dcgan", "style"]
ALL: tuple[Part, ...] = ("dense", "denoise", "dcgan", "style")


def _several(names: Any) -> Any:
    """Names with commas between them may be given as one text, and a number alone."""
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else [names] if isinstance(names, int) else names


class NotebooksReproduction(ComputeConfig):
    """Settings of `alebrije reproduce notebooks`. The style tutorial's own network: features=vgg19."""

    data: str = Field("fashion-mnist", description="what the autoencoders learn: a data set's name, or a folder with its files")
    mnist: str = Field("mnist", description="what the DCGAN learns, likewise")
    parts: Annotated[tuple[Part, ...], BeforeValidator(_several)] = Field(
        ALL, min_length=1, description="what to do, with commas between: dense, denoise, dcgan, style"
    )
    epochs: int = Field(10, gt=0, description="epochs of each autoencoder")
    latent_dim: int = Field(64, gt=0, description="numbers that the dense autoencoder squeezes a picture into")
    noise: float = Field(0.2, ge=0, le=1, description="standard deviation of the noise that the other one takes away")
    validation: int = Field(5000, gt=0, description="pictures kept for validation")
    dcgan_epochs: Annotated[tuple[Annotated[int, Field(gt=0)], ...], BeforeValidator(_several)] = Field(
        (1, 10, 30, 50), min_length=1, description="epochs after which the DCGAN's pictures are shown; the last one ends it"
    )
    dcgan_batch: int = Field(256, gt=1, description="pictures in a batch of the DCGAN")
    content: str = Field("astronaut", description="content: a file, or the name of a demo photograph")
    style: str = Field("ember", description="style: a file, or the name of a demo painting")
    features: str = Field("auto", description="network: vgg19, vgg16, compact; auto: the first of these that is at hand")
    size: Annotated[str, BeforeValidator(str)] = Field("512", description="longest side of the stylised picture, or WxH")
    style_steps: int | None = Field(None, ge=1, description="steps of the stylisation; those of --quality balanced if not given")


CONFIG = NotebooksReproduction


class Learned(NamedTuple):
    """One network to learn: its recipe, its settings, and the setting that names its data."""

    recipe: str
    settings: Mapping[str, Any]
    data: str


def reproduce(config: NotebooksReproduction, folder: Path) -> Events:
    """Do all of it in `folder`; what is finished is kept. Ends with `Done(Reproduced)`.

    A recipe that this version does not have is named in the report. Raises `DataError` and `ConfigError` before anything is
    learned, `RunError` for a folder begun with other settings, and what `alebrije stylize` raises for bad input.
    """
    began = time.monotonic()
    wanted = {part: plan(config) for part, plan in LEARNED.items() if part in config.parts}
    missing = [one.recipe for one in wanted.values() if one.recipe not in recipe_names()]
    wanted = {part: one for part, one in wanted.items() if one.recipe not in missing}
    for part, one in wanted.items():
        if not known.is_known(one.data):
            raise DataError(f"{one.data} is no data set and no folder with the files of one: see `alebrije dataset fetch`")
        if one.data in known.KNOWN:
            known.find(one.data)
        _check(run_folder(folder, part), one)
    if "style" in config.parts:
        stylisation.check(config, folder)
    results: dict[str, Any] = {"settings": config.model_dump(), "not_built_yet": missing}
    try:
        for part, one in wanted.items():
            yield from _trained(one, run_folder(folder, part))
            results[part] = final_metrics(run_folder(folder, part))
        if measured := [part for part in ("dense", "denoise") if part in wanted]:
            yield Started("measuring what needs no network")
            results["baselines"] = baselines.measure(config, measured)
        if "style" in config.parts:
            results["style"] = yield from stylisation.painted(config, folder)
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    yield from _written(config, folder, results, began)


def _written(config: NotebooksReproduction, folder: Path, results: dict[str, Any], began: float) -> Events:
    files = [folder / "results.json"]
    with atomic(files[0], force=True) as temporary:
        temporary.write_text(json.dumps(results, indent=1), encoding="utf-8")
    files += report.write(config, folder, results)
    yield from map(Saved, files)
    told = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, told))


def run_folder(folder: Path, part: str) -> Path:
    """Where the run of a part lies."""
    return folder / "runs" / part


def _autoencoder(config: NotebooksReproduction, kind: str, **own: Any) -> Learned:
    chosen = {"data": config.data, "epochs": config.epochs, "validation": config.validation, **own, **_computing(config)}
    return Learned(f"autoencoder/{kind}", chosen, config.data)


def _dense(config: NotebooksReproduction) -> Learned:
    return _autoencoder(config, "dense", latent_dim=config.latent_dim)


def _denoise(config: NotebooksReproduction) -> Learned:
    return _autoencoder(config, "denoise", noise=config.noise)


def _dcgan(config: NotebooksReproduction) -> Learned:
    """All pictures are learned from, as in the notebook, and a sample is kept of every epoch."""
    if list(config.dcgan_epochs) != sorted(set(config.dcgan_epochs)):
        raise ConfigError(f"dcgan_epochs must rise, got {', '.join(map(str, config.dcgan_epochs))}")
    epoch = epoch_of(config)
    own = {"data": config.mnist, "epochs": config.dcgan_epochs[-1], "batch_size": config.dcgan_batch, "hold_out": 0.0}
    return Learned(
        "gan/dcgan-mnist", {**own, "sample_every": epoch, "checkpoint_every": epoch, **_computing(config)}, config.mnist
    )  # fmt: skip


def epoch_of(config: NotebooksReproduction) -> int:
    """Batches of the DCGAN that all pictures come to; 0 if they are not at hand, which is said elsewhere."""
    if not known.is_known(config.mnist) or (config.mnist in known.KNOWN and not known.at_hand(config.mnist)):
        return 1
    count = len(known.load(config.mnist).images)
    return max(1, count // min(count, config.dcgan_batch))


LEARNED: Mapping[str, Callable[[NotebooksReproduction], Learned]] = {"dense": _dense, "denoise": _denoise, "dcgan": _dcgan}


def _computing(config: NotebooksReproduction) -> dict[str, Any]:
    return {name: getattr(config, name) for name in ComputeConfig.model_fields}


def _check(run: Path, wanted: Learned) -> None:
    """Raise `RunError` if a run was begun with other settings."""
    if not Run(run).begun():
        return
    _, before = Run.open(run).recipe()
    for key, value in wanted.settings.items():
        if key not in steps.RESUMABLE and before.get(key) != value:
            raise RunError(f"{run} was begun with {key} {before.get(key)}: for {value} choose another -o")


def _trained(one: Learned, run: Path) -> Generator[Event, None, None]:
    if not (run / "model.safetensors").exists():
        yield from within(steps.train(one.recipe, run=run, resume=Run(run).begun(), **one.settings))
