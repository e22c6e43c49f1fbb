"""Image style transfer as Gatys, Ecker and Bethge did it (CVPR 2016), with the experiments of the source thesis: the ratio of
content to style, pooling, layer by layer, noise against content, short against long, runtime, and the high frequencies.

OUT/
  inputs/          content.png and style.png: demo pictures, unless others are given
  pictures/        every picture, after every number of steps that is shown, and its record: settings, curve of losses, seconds
  runtime.json     seconds a step, by ratio and pooling
  figures/         gatys-NAME.jpg
  table.md  results.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from alebrije.config import ComputeConfig, build
from alebrije.core.files import atomic
from alebrije.errors import Interrupted, RunError
from alebrije.events import Done, Event, Events, Saved, Started
from alebrije.reproductions.gatys import figures
from alebrije.reproductions.gatys.painting import balance, is_there, paint, record, sit
from alebrije.reproductions.gatys.plan import EVEN, needed
from alebrije.reproductions.gatys.runtime import runtimes, table
from alebrije.reproductions.parts import Reproduced, put, within
from alebrije.style.config import StylizeConfig

Figure = Literal[
    "ratio", "pooling", "content-layers", "style-layers", "grid", "durations", "smoothness", "frequencies", "runtime"
]  # fmt: skip
ALL: tuple[Figure, ...] = (
    "ratio", "pooling", "content-layers", "style-layers", "grid", "durations", "smoothness", "frequencies", "runtime",
)  # fmt: skip


def _several(names: Any) -> Any:
    """Names with commas between them may be given as one text."""
    return [name.strip() for name in names.split(",")] if isinstance(names, str) else names


class GatysReproduction(ComputeConfig):
    """Settings of `alebrije reproduce gatys`. The source thesis' own: features=vgg19 size=512x380 steps=1000."""

    content: str = Field("astronaut", description="content: a file, or the name of a demo photograph")
    style: str = Field("ember", description="style: a file, or the name of a demo painting")
    features: str = Field("compact", description="network: compact, vgg16, vgg19")
    size: Annotated[str, BeforeValidator(str)] = Field("160", description="longest side of the results in pixels, or WxH")
    steps: int = Field(150, ge=1, description="steps of L-BFGS for each picture")
    durations: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (50, 200, 1000), min_length=1, description="steps to compare with each other"
    )
    ratios: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        (1e-2, 1e-3, 1e-4), min_length=1, description="content over style, alpha/beta, to compare with each other"
    )
    pooling: Literal["avg", "max"] = Field("avg", description="pooling, where it is not what is compared")
    init: Literal["noise", "content"] = Field("noise", description="what ratios, poolings and smoothness start from")
    figures: Annotated[tuple[Figure, ...], BeforeValidator(_several)] = Field(
        ALL, min_length=1, description="figures to make, with commas between them; all if not given"
    )
    timed_steps: int = Field(10, ge=2, description="steps of each measurement of the runtime")
    repetitions: int = Field(5, ge=3, description="measurements of the runtime, interleaved")


CONFIG = GatysReproduction
DECIDING = ("content", "style", "features", "size", "seed", "precision")  # what must not change in a folder


def reproduce(config: GatysReproduction, folder: Path) -> Events:
    """Do all of it in `folder`; pictures that are there already are kept. Ends with `Done(Reproduced)`.

    Raises `RunError` if the folder holds pictures made with other settings, `MissingExtraError` where demo pictures are wanted
    and scikit-image is absent, and what `alebrije stylize` raises for bad input.
    """
    began = time.monotonic()
    _claim(config, folder)
    try:
        inputs = _inputs(config, folder)
        base = build(StylizeConfig, config.model_dump(include={*ComputeConfig.model_fields, "features", "size"}))
        sitting = sit(*inputs, base)
        yield from within(_painted(config, folder, sitting))
        even = balance(sitting, config.pooling)
        times: dict[str, Any] = {}
        if "runtime" in config.figures:
            times = yield from _timed(config, folder, sitting)
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    results = _results(config, folder, times)
    results["equal_weight_at"] = {"ours": EVEN, **{f"paper, {kind}": value for kind, value in even.items()}}
    files = [folder / "results.json"]
    _write(files[0], json.dumps(results, indent=1))
    if times:
        files.append(folder / "table.md")
        _write(files[1], table(times))
    yield from map(Saved, files)
    for path in figures.write(config, inputs, times, folder):
        files.append(path)
        yield Saved(path)
    report = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, report))


def _claim(config: GatysReproduction, folder: Path) -> None:
    """Write down what the pictures of this folder are made with; raises `RunError` if there are some made with something else."""
    own = {name: getattr(config, name) for name in DECIDING}
    kept = folder / "settings.json"
    before = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else own
    if changed := [name for name in DECIDING if before.get(name) != own[name]]:
        if any((folder / "pictures").glob("*.png")):
            names = ", ".join(changed)
            raise RunError(f"{folder} has pictures made with other settings ({names}): take another folder, or remove this one")
        for path in _input_paths(folder):
            path.unlink(missing_ok=True)
    _write(kept, json.dumps(own, indent=1))


def _input_paths(folder: Path) -> tuple[Path, Path]:
    return folder / "inputs" / "content.png", folder / "inputs" / "style.png"


def _inputs(config: GatysReproduction, folder: Path) -> tuple[Path, Path]:
    """Content and style as PNG below `folder`: copies of the files given, or demo pictures."""
    paths = _input_paths(folder)
    if all(path.exists() for path in paths):
        return paths
    paths[0].parent.mkdir(exist_ok=True)
    put(paths, (config.content, config.style))
    return paths


def _painted(config: GatysReproduction, folder: Path, sitting: Any) -> Events:
    """All pictures that the figures show."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    missing = {one: kept for one, kept in needed(config, config.figures).items() if not is_there(pictures, one, kept)}
    total = sum(kept[-1] for kept in missing.values())
    done = 0
    if missing:
        yield Started(f"painting {len(missing)} pictures", total)
    for descent, kept in missing.items():
        yield from paint(sitting, descent, kept, pictures, done, total)
        done += kept[-1]
    yield Done(None)


def _timed(config: GatysReproduction, folder: Path, sitting: Any) -> Generator[Event, None, dict[str, Any]]:
    kept = folder / "runtime.json"
    if not kept.exists():
        measured = yield from within(runtimes(sitting, config))
        _write(kept, json.dumps(measured, indent=1))
    found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _results(config: GatysReproduction, folder: Path, times: Mapping[str, Any]) -> dict[str, Any]:
    """All numbers: where each descent ended, the total variations, the runtimes."""
    pictures: dict[str, Any] = {}
    for descent, kept in needed(config, config.figures).items():
        found = record(folder / "pictures", descent)
        after = {steps: {name: curve[steps - 1] for name, curve in found["curves"].items()} for steps in kept}
        pictures[descent.name] = {"steps": found["steps"], "seconds": found["seconds"], "after": after}
    results = {"settings": config.model_dump(), "pictures": pictures, "runtime": dict(times)}
    if "frequencies" in config.figures:
        results["variation"] = figures.variations(config, folder)
    return results


def _write(path: Path, text: str) -> None:
    with atomic(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
