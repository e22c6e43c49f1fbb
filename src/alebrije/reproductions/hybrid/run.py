"""The report on hybrids, done again: its three networks, on pairs that the observer labels; then the planner that ships.

OUT/
  pictures/ held-out/       drawn creatures, where no pictures are given
  pairs/ test-29/ test-300/ labelled pairs: to learn from, and of pictures that nobody has learned from
  test-whole/               pairs of the latter that are wider than high, or higher than wide, not cut to squares
  runs/                     simple, resnet18, siamese
  tests/                    the test report of every planner on both sets
  observer/                 how the observer compares with what is known of human vision
  figures/                  every figure of the page on hybrids
  table.md  results.json
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field

from alebrije import steps
from alebrije.config import ComputeConfig
from alebrije.core.files import atomic
from alebrije.core.image import load
from alebrije.data.draw import write
from alebrije.data.folder import find_pictures
from alebrije.data.pairs import LABELS, load_pair, read_pairs
from alebrije.errors import DataError, Interrupted
from alebrije.events import Done, Event, Events, Saved, Started, Step
from alebrije.hybrid.pairs.labelling import USUAL, label_pairs
from alebrije.hybrid.pairs.pairing import make_pairs
from alebrije.hybrid.pairs.viewing import MakePairsConfig
from alebrije.hybrid.validation import validate
from alebrije.reproductions.hybrid import figures
from alebrije.reproductions.hybrid.table import table
from alebrije.reproductions.parts import Reproduced, within

NETWORKS = ("simple", "resnet18", "siamese")
WHOLE = "test-whole"
TESTS = {"test-29": 29, "test-300": 300}
DRAWN = {"pictures": (1.0, 0), "held-out": (0.4, 7)}  # where no pictures are given: share of `drawn`, and seed


class HybridReproduction(ComputeConfig):
    """Settings of `alebrije reproduce hybrid`."""

    data: str | None = Field(None, description="pictures to learn from; drawn creatures if not given")
    held_out: str | None = Field(None, description="other pictures, to test with; needed with --data")
    drawn: int = Field(300, ge=20, description="creatures to draw where no pictures are given; others, to test with, come on top")
    pairs: int = Field(145, ge=10, description="pairs to learn from, of which a fifth is held out for the learning curves")
    epochs: int = Field(30, gt=0, description="epochs of each network")
    observed: int = Field(48, ge=4, description="pairs that the observer is examined with")
    tests: dict[str, int] = Field(TESTS, description="test sets and their numbers of pairs")


CONFIG = HybridReproduction


def reproduce(config: HybridReproduction, folder: Path) -> Events:
    """Do all of it in `folder`; parts that are there already are kept. Ends with `Done(Reproduced)`.

    Raises `DataError` if pictures are given to learn from and none to test with.
    """
    began = time.monotonic()
    try:
        pictures, others = yield from _pictures(config, folder)
        yield from _paired(pictures, config.pairs, folder / "pairs", config.seed)
        for name, count in config.tests.items():
            yield from _paired(others, count, folder / name, config.seed)
        tests = [*config.tests, *(yield from _left_whole(others, folder / WHOLE))]
        for network in NETWORKS:
            yield from _trained(network, config, folder)
        results = yield from _tested(tests, folder)
        results["observer"] = yield from _observed(config, folder)
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    files = [folder / "table.md", folder / "results.json"]
    for path, text in zip(files, (table(results), json.dumps(results, indent=1)), strict=True):
        with atomic(path, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
        yield Saved(path)
    for path in figures.write(results, folder):
        files.append(path)
        yield Saved(path)
    report = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, report))


def _pictures(config: HybridReproduction, folder: Path) -> Generator[Event, None, tuple[Path, Path]]:
    """Where the pictures to learn from and those to test with are."""
    if config.data and not config.held_out:
        raise DataError("name pictures to test with as well, which nobody learns from: --held-out FOLDER")
    if config.held_out and not config.data:
        raise DataError("name pictures to learn from as well: --data FOLDER, or leave out --held-out")
    if config.data and config.held_out:
        learned, held_out = Path(config.data).resolve(), Path(config.held_out).resolve()
        if learned.is_relative_to(held_out) or held_out.is_relative_to(learned):
            raise DataError(f"{config.held_out} and {config.data} lie within each other: test with pictures nobody learns from")
        return Path(config.data), Path(config.held_out)
    for name, (share, seed) in DRAWN.items():
        if not (folder / name / "metadata.jsonl").exists():
            yield from within(write(folder / name, round(share * config.drawn), size=256, seed=seed, force=True))
    return folder / "pictures", folder / "held-out"


def _paired(pictures: Path, count: int, folder: Path, seed: int) -> Generator[Event, None, None]:
    if not (folder / LABELS).exists():
        settings = MakePairsConfig(count=count, format="jpg", seed=seed)
        yield from within(make_pairs([pictures], folder, settings, force=True))


def _left_whole(pictures: Path, folder: Path) -> Generator[Event, None, list[str]]:
    """Pairs of whole pictures, wide or high, next to each other by name; returns the set's name if there are any."""
    if not (folder / LABELS).exists():
        paths = find_pictures(pictures)
        yield Started("looking for wide and high pictures", len(paths))
        shapes: dict[str, list[Path]] = {"wide": [], "high": []}
        for count, path in enumerate(paths, 1):
            picture = load(path)
            if picture.width != picture.height:
                shapes["wide" if picture.width > picture.height else "high"].append(path)
            yield Step(count, len(paths))
        pairs = [pair for one in shapes.values() for pair in zip(one[::2], one[1::2], strict=False)]
        if not pairs:
            return []
        folder.mkdir(parents=True, exist_ok=True)
        for number, pair in enumerate(pairs, 1):
            for letter, path in zip("ab", pair, strict=True):
                shutil.copyfile(path, folder / f"{number:03d}_{letter}_{path.name}")
        yield from within(label_pairs(folder, USUAL))
    return [folder.name]


def _trained(network: str, config: HybridReproduction, folder: Path) -> Generator[Event, None, None]:
    run = folder / "runs" / network
    if (run / "model.safetensors").exists():
        return
    if (run / "recipe.yaml").exists():
        yield from within(steps.train("", run=run, resume=True))
        return
    common = config.model_dump(include={*ComputeConfig.model_fields})
    data = str(folder / "pairs")
    yield from within(steps.train(f"hybrid/{network}", run=run, data=data, epochs=config.epochs, **common))


def _tested(tests: Sequence[str], folder: Path) -> Generator[Event, None, dict[str, Any]]:
    """test set -> planner -> scores with their intervals; the baselines are those of the networks' training pairs."""
    results: dict[str, Any] = {}
    for name in tests:
        results[name] = {}
        for planner, run in {**{one: str(folder / "runs" / one) for one in NETWORKS}, "planner": "planner"}.items():
            place = folder / "tests" / f"{planner}-{name}"
            if planner not in NETWORKS or not (place / "scores.json").exists():  # a new version may ship another planner
                yield from within(steps.evaluate(run, data=folder / name, output=place))
            scores = json.loads((place / "scores.json").read_text(encoding="utf-8"))
            if planner in NETWORKS:
                results[name] |= scores["baselines"]
            results[name][planner] = scores["metrics"]
    return results


def _observed(config: HybridReproduction, folder: Path) -> Generator[Event, None, dict[str, Any]]:
    """What `validate` finds out about the observer, with pairs of pictures that nobody has learned from."""
    kept = folder / "observer" / "observer.json"
    if not kept.exists():
        found = read_pairs(folder / max(config.tests, key=lambda name: config.tests[name])).pairs[: config.observed]
        yield Started("reading pairs", len(found))
        pairs = []
        for count, pair in enumerate(found, 1):
            pairs.append(load_pair(pair))
            yield Step(count, len(found))
        torch.manual_seed(config.seed)
        yield from within(validate(pairs, folder / "observer"))
    results: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return results
