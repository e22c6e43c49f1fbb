"""The thesis on comic characters, done again: from a dense GAN over convolutions to one that grows, with one report.

OUT/
  data/simple/  varied/  photographs/     what is learned from, packed: see `compositions`
  plan.json                               how long each network learns
  runs/simple-dense/ ...                  a run folder for each; their checkpoints are removed when they are finished
  energy.json                             power while they learned
  figures/                                sheets, stages, losses, KID
  report.html  table.md  results.json
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator, Mapping
from pathlib import Path

from alebrije import steps
from alebrije.core.files import atomic
from alebrije.core.precision import choose_device
from alebrije.data.folder import find_pictures
from alebrije.errors import DataError, Interrupted
from alebrije.events import Done, Event, Events, Saved
from alebrije.features.judging.detectors import open_detector
from alebrije.reproductions.comicgan import claims, compositions, energy, figures, plan, story
from alebrije.reproductions.comicgan.measure import folder_of, measured, runs
from alebrije.reproductions.comicgan.settings import ComicganReproduction, recipe, settings
from alebrije.reproductions.comicgan.table import table
from alebrije.reproductions.parts import Reproduced, within
from alebrije.runs import Run

CONFIG = ComicganReproduction
FEWEST = 24  # pictures that can be judged: two in each block of the interval, and some held out


def reproduce(config: ComicganReproduction, folder: Path) -> Events:
    """Do all of it in `folder`; what is finished is kept. Ends with `Done(Reproduced)`.

    Raises `ConfigError`, `DataError` and `WeightsError` before anything is learned, `RunError` for a folder begun with other
    settings.
    """
    began = time.monotonic()
    plan.checked(config, folder)
    open_detector(config.detector)
    if config.photos:
        find_pictures(config.photos)
    plan.begun(config, folder)
    try:
        data = yield from compositions.gathered(config, folder)
        _enough(config, data)
        planned = yield from plan.made(config, folder, data["simple"])
        for composition, name in runs(config):
            yield from _trained(config, folder, planned, data, (composition, name))
        results = yield from measured(config, folder, data)
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    results["claims"] = claims.judge(results["runs"])
    files = [folder / "table.md", folder / "results.json"]
    for path, text in zip(files, (table(results), json.dumps(results, indent=1)), strict=True):
        with atomic(path, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
        yield Saved(path)
    for path in figures.write(config, folder, results, data):
        files.append(path)
        yield Saved(path)
    files.append(story.write(config, folder, results))
    yield Saved(files[-1])
    report = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, report))


def _enough(config: ComicganReproduction, data: Mapping[str, str]) -> None:
    for name, place in data.items():
        count = compositions.count(Path(place))
        if count < FEWEST:
            told = "1 picture is" if count == 1 else f"{count} pictures are"
            raise DataError(f"{compositions.title(config, name)}: {told} too few, give it {FEWEST} or more")


def _trained(
    config: ComicganReproduction, folder: Path, planned: plan.Plan, data: Mapping[str, str], which: tuple[str, str]
) -> Generator[Event, None, None]:
    """Train one network on one composition, or go on with it. Its checkpoints go when it is finished: all runs have gigabytes."""
    composition, name = which
    run = folder_of(folder, composition, name)
    if not (run / "model.safetensors").exists():
        run.parent.mkdir(exist_ok=True)
        values = settings(config, name, data[composition]) | plan.train_settings(planned, name)
        training = steps.train(recipe(config, name), run=run, resume=Run(run).begun(), **values)
        meter = energy.open_meter(config.watts, choose_device(config.device).type)
        yield from energy.watched(within(training), meter, folder, run.name)
    shutil.rmtree(run / "checkpoints", ignore_errors=True)
