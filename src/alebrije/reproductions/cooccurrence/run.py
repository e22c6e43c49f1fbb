"""The thesis that put the co-occurrence of deep features in the place of the Gram matrix, done again: how each of its six
forms failed, why each had to, and what they do once every layer is brought to one scale.

OUT/
  settings.json     what it was made with
  pictures/         content and style, of one size
  attempts/         every form with every weight in a plain loop: the picture, and what came of it
  paintings/        every form with `alebrije stylize`, whose distances are relative; Gram and pairwise to compare with
  reasons.json      what the forms can and cannot see, measured
  figures/          every figure of the page on the co-occurrence
  table.md  report.html  results.json
"""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import BeforeValidator, Field

from alebrije import features, steps
from alebrije.cli.exhibition import gather
from alebrije.config import ComputeConfig, choose
from alebrije.core.files import atomic
from alebrije.core.image import fit, load, parse_size, save, scaled_size
from alebrije.core.precision import choose_device
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned
from alebrije.reproductions.cooccurrence import figures, reasons
from alebrije.reproductions.cooccurrence.attempts import ATTEMPTS, Attempt, Scene, judged, run
from alebrije.reproductions.cooccurrence.table import table, write_report
from alebrije.reproductions.parts import Reproduced, within
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS
from alebrije.style.families.cooccurrence import FORMS
from alebrije.style.lab.judging import held_out

DRAWN = {"content": "coffee", "style": "night"}  # of the demo's pictures, where none are given
SMALLEST_SIDE = 64
Options = Mapping[str, Any]
NOISE: Options = {"init": "noise", "content_weight": 0.0}
# What `alebrije stylize` paints: the content in the style by each form; and the style alone, from noise.
PAINTINGS: Mapping[str, Options] = {
    **{form: {"loss": "cooccurrence", "form": form} for form in (*FORMS, "pairwise")},
    "gram": {"loss": "gram"},
    **{f"{form}-noise": {"loss": "cooccurrence", "form": form, **NOISE} for form in ("tensor", "normalized")},
    "gram-noise": {"loss": "gram", **NOISE},
}


class CooccurrenceReproduction(ComputeConfig):
    """Settings of `alebrije reproduce cooccurrence`."""

    content: str | None = Field(None, description="the picture to repaint; a cup of coffee if not given")
    style: str | None = Field(None, description="the picture whose manner is wanted; a painted night if not given")
    features: str = Field("compact", description="network that looks at the pictures: compact, vgg16, vgg19")
    size: Annotated[str, BeforeValidator(str)] = Field(
        "192", description="longest side in pixels, at most the content's own; or WxH"
    )
    steps: int = Field(20, ge=1, description="steps of each attempt; the thesis took 1000")
    painted: int = Field(60, ge=1, description="steps of each picture that stylize paints")
    radius: int = Field(4, ge=0, description="reach of the window; the thesis does not state its own, the paper takes 4")
    threshold: float | None = Field(None, description="what counts as active; the picture's mean if not given, as in the paper")


CONFIG = CooccurrenceReproduction


def reproduce(config: CooccurrenceReproduction, folder: Path) -> Events:
    """Do all of it in `folder`; parts that are there already are kept. Ends with `Done(Reproduced)`.

    Raises `ConfigError` if the folder holds the same with other settings, `PictureError` for a picture that cannot be read,
    `MissingExtraError` where no pictures are given and scikit-image is not there, `WeightsError` without the network's.
    """
    began = time.monotonic()
    _check(config, folder)
    try:
        yield from _pictures(config, folder)
        scene = _scene(config, folder)
        results: dict[str, Any] = {"start": judged(scene, scene.content), "judges": list(scene.judges)}
        results["attempts"] = yield from _attempted(scene, config, folder)
        results["reasons"] = yield from _reasoned(scene, folder)
        results["paintings"] = yield from _painted(scene, config, folder)
    except Interrupted:
        yield Done(Reproduced(folder, {"folder": str(folder), "files": []}), interrupted=True)
        return
    files = [folder / "table.md", folder / "results.json"]
    for path, text in zip(files, (table(results), json.dumps(results, indent=1)), strict=True):
        _write(path, text)
    files += figures.write(results, folder)
    files.append(write_report(results, config.model_dump(), folder))
    yield from map(Saved, files)
    report = {"folder": str(folder), "seconds": time.monotonic() - began, "results": results, "files": [*map(str, files)]}
    yield Done(Reproduced(folder, report))


def _check(config: CooccurrenceReproduction, folder: Path) -> None:
    """Keep the settings, or compare with those that were kept: parts made with others would be mixed up."""
    settings, kept = config.model_dump(exclude={"device"}), folder / "settings.json"
    if kept.exists():
        before = json.loads(kept.read_text(encoding="utf-8"))
        for name, value in settings.items():
            if before.get(name) != value:
                raise ConfigError(f"{folder} was made with {name} {before.get(name)}, not {value}: choose another folder with -o")
    choose("network", config.features, features.NETWORKS)
    _write(kept, json.dumps(settings, indent=1))


def _pictures(config: CooccurrenceReproduction, folder: Path) -> Generator[Event, None, None]:
    """Write content and style at the size of the work, the style cut to the content's shape: the thesis' maps compare
    position with position."""
    place = folder / "pictures"
    if (place / "style.png").exists():
        return
    (place / "inputs").mkdir(parents=True, exist_ok=True)
    given = {"content": config.content, "style": config.style}
    if None in given.values():
        yield Started("drawing pictures")
        if not (place / "inputs" / "woodcut.png").exists():  # the last that is written
            for stale in (place / "inputs").iterdir():
                stale.unlink()
            gather(place)
    read = {name: load(given[name] or place / "inputs" / f"{DRAWN[name]}.png") for name in DRAWN}
    for picture in read.values():
        yield from map(Warned, picture.notices)
    content = read["content"]
    wanted, own = parse_size(config.size), (content.height, content.width)
    size = scaled_size(own, min(wanted, max(own)) if isinstance(wanted, int) else wanted)
    if min(size) < SMALLEST_SIDE:
        raise ConfigError(f"{size[1]}x{size[0]} pixels are too few: take a --set size= with {SMALLEST_SIDE} a side or more")
    for name, picture in read.items():
        save(fit(picture.pixels, size), place / f"{name}.png", force=True)


def _scene(config: CooccurrenceReproduction, folder: Path) -> Scene:
    device = choose_device(config.device)
    judges = held_out(config.features)
    look = features.load(config.features, [*STYLE_LAYERS, CONTENT_LAYER, *judges], device=device)
    content, style = (load(folder / "pictures" / f"{name}.png").pixels.to(device) for name in DRAWN)
    return Scene(look, content, style, judges, config.radius, config.threshold)


def _attempted(scene: Scene, config: CooccurrenceReproduction, folder: Path) -> Generator[Event, None, dict[str, Any]]:
    place = folder / "attempts"
    place.mkdir(exist_ok=True)
    results = {}
    for number, attempt in enumerate(ATTEMPTS, 1):
        kept = place / f"{attempt.name}.json"
        if not kept.exists():
            yield Started(f"[{number}/{len(ATTEMPTS)}] {attempt.form}, weights {attempt.weights}, {attempt.loop}", config.steps)
            yield from _attempt(attempt, scene, config.steps, kept)
        results[attempt.name] = json.loads(kept.read_text(encoding="utf-8"))
    return results


def _attempt(attempt: Attempt, scene: Scene, count: int, kept: Path) -> Generator[Event, None, None]:
    report, picture = yield from run(attempt, scene, count)
    save(picture.cpu(), kept.with_suffix(".png"), force=True)
    _write(kept, json.dumps(report))


def _reasoned(scene: Scene, folder: Path) -> Generator[Event, None, dict[str, Any]]:
    kept = folder / "reasons.json"
    if not kept.exists():
        torch.manual_seed(0)
        found: dict[str, Any] = {}
        yield Started("measuring what each form sees", len(reasons.REASONS))
        for number, (name, reason) in enumerate(reasons.REASONS.items(), 1):
            found[name] = reason(scene)
            yield Step(number, len(reasons.REASONS))
        picture = reasons.same_number(scene, found["one number"])
        save(picture.cpu(), folder / "pictures" / "same-number.png", force=True)
        _write(kept, json.dumps(found, indent=1))
    results: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
    return results


def _painted(scene: Scene, config: CooccurrenceReproduction, folder: Path) -> Generator[Event, None, dict[str, Any]]:
    """name -> what `alebrije stylize` says of its painting, and the judges."""
    place = folder / "paintings"
    place.mkdir(exist_ok=True)
    pictures = [folder / "pictures" / f"{name}.png" for name in DRAWN]
    common = config.model_dump(include={*ComputeConfig.model_fields, "features", "radius", "threshold"})
    size = f"{scene.content.shape[3]}x{scene.content.shape[2]}"
    results = {}
    for number, (name, options) in enumerate(PAINTINGS.items(), 1):
        kept = place / f"{name}.json"
        if not kept.exists():
            yield Started(f"[{number}/{len(PAINTINGS)}] stylize, {name}")
            settings = {**common, **options, "size": size, "steps": config.painted, "preview_every": 0}
            made = yield from within(steps.stylize(*pictures, **settings))
            picture = made.image.pixels
            save(picture, kept.with_suffix(".png"), force=True)
            report = {key: made.report[key] for key in ("steps", "content_distance", "style_distance", "network")}
            report |= judged(scene, picture.to(scene.content))
            report["change"] = 255 * float((picture - scene.content.cpu()).abs().mean())
            _write(kept, json.dumps(report))
        results[name] = json.loads(kept.read_text(encoding="utf-8"))
    return results


def _write(path: Path, text: str) -> None:
    with atomic(path, force=True) as temporary:
        temporary.write_text(text, encoding="utf-8")
