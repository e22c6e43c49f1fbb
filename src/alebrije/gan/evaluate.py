"""`alebrije evaluate` for generators: what they draw beside real pictures, as figures with all that must stand beside them.

OUT/
  report.html   everything below in one file
  scores.json   all figures with their intervals
  plots/        kid-over-time.png with --over-time; real-data.png, closest-data.png: they show real pictures, mind whose they are
  samples/      made.png
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.config import build
from alebrije.core import checkpoint
from alebrije.core.evaluating import EvaluateConfig
from alebrije.core.files import atomic
from alebrije.core.precision import choose_device
from alebrije.errors import ConfigError, NumericsError, OutputError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned
from alebrije.features.judging.detectors import Detector, open_detector
from alebrije.features.judging.judged import figures, flat, kid_x_1000, words
from alebrije.features.judging.neighbours import copying, nearest
from alebrije.gan import exam, grades, show, use
from alebrije.gan.checkpoints import newest, open_checkpoint
from alebrije.gan.config import GanConfig
from alebrije.gan.exam import Exam
from alebrije.gan.referee import REDUCED
from alebrije.gan.run import KINDS
from alebrije.gan.use import Opened

AT_ONCE = 250
LOOKED_AT = 1000  # made pictures whose nearest learned ones are looked for
FEW = 200  # made pictures; fewer are judged with a warning
FEWEST, FEWEST_APART = 20, 100  # held-out pictures that KID needs, and that say what is near
OTHERS, USELESS = "other real pictures", "noise around the mean picture"


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What an evaluation ends with: its folder, and what `--json` prints (run, count, metrics, baselines, by_heart ...)."""

    folder: Path
    report: dict[str, Any]


def evaluate(run: str, settings: Mapping[str, Any], data: Path | None, folder: Path, asked: EvaluateConfig) -> Events:
    """Draw pictures with the generator of `run`, judge them, and write the report into `folder`.

    `settings` are those of the run, its ``recipe`` among them. Real pictures are those that it learned from, or those of `data`.
    A run that is not finished is judged by its newest checkpoint. Raises `ConfigError`, `DataError`, `RunError`, `WeightsError`,
    and `NumericsError` for a generator that draws no numbers.
    """
    recipe, config = _config(run, settings)
    device = choose_device(asked.device)
    look = open_detector(asked.detector, device)
    finished = not Path(run).is_dir() or (Path(run) / "model.safetensors").is_file()
    opened = use.open_generator(run, device) if finished else None
    place, notices = (None, []) if finished else newest(Path(run))
    real = yield from exam.arrange(config, _fingerprint(run, opened), data, asked.count, asked.seed)
    judged_is = "the finished run"
    if opened is None and place is not None:
        judged_is = f"its checkpoint of step {int(place.name)}"
        yield from map(Warned, [*notices, f"{run} is not finished: judged is {judged_is}"])
        opened = open_checkpoint(place, recipe, config, real.pictures, device)
    assert opened is not None
    made = yield from draw(opened, len(real.real), asked.seed, real.pictures.shape)
    if len(made) < FEW:
        yield Warned(f"judged are {len(made)} pictures, which say little, precision least of all: take {FEW} or more")
    yield Started("looking at them", 4)
    against = look(real.real)
    features = {"": look(made)}
    for number, (name, images) in enumerate({OTHERS: real.others, USELESS: exam.noise(real.real, asked.seed)}.items(), 2):
        yield Step(number, 4)
        features[name] = look(images)
    found = {name: figures(one, against, look.words, asked.seed) for name, one in features.items()}
    yield Step(4, 4)
    heart, closest = by_heart(made, features[""], features[OTHERS] if len(real.learned) else None, real, look, asked.seed)
    report: dict[str, Any] = {
        "run": run, "recipe": recipe, "judged": judged_is, "count": len(made), "real": real.told,
        "metrics": found.pop(""), "baselines": found, "by_heart": heart,
    }  # fmt: skip
    if asked.over_time:
        report["over_time"] = yield from over_time(Path(run), recipe, config, real, against, look, asked.seed)
    yield from _leave(report, folder, made, real, closest)


def _leave(report: dict[str, Any], folder: Path, made: Tensor, real: Exam, closest: tuple[Tensor, Tensor] | None) -> Events:
    """The page, the figures as JSON, and the end."""
    try:
        for name in ("samples", "plots"):
            (folder / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    files = [folder / "report.html", folder / "scores.json"]
    grades.write(report, folder, made, real, closest)
    with atomic(files[1], force=True) as temporary:
        temporary.write_text(json.dumps(report, indent=1), encoding="utf-8")
    yield from map(Saved, files)
    yield Done(EvaluationResult(folder, report | {"files": [*map(str, files)]}))


@torch.no_grad()
def draw(opened: Opened, count: int, seed: int, shape: tuple[int, int, int]) -> Generator[Event, None, Tensor]:
    """`count` pictures uint8 [N, C, H, W] of the given shape, with tags of pictures that it learned from. Those of a generator
    that has not grown up are enlarged without smoothing. Raises `NumericsError` if they are no numbers."""
    yield Started("drawing pictures", count)
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randn(count, opened.latent_dim, generator=generator)
    tags = use.usual_tags(opened, count, generator)
    made = torch.empty(count, *shape, dtype=torch.uint8)
    for start in range(0, count, AT_ONCE):
        part = slice(start, start + AT_ONCE)
        images = use.generate(opened, codes[part], None if tags is None else tags[part])
        if not torch.isfinite(images).all():
            raise NumericsError("the generator draws no numbers any more: go back to an earlier checkpoint, or train anew")
        made[part] = (torch.nn.functional.interpolate(images, shape[1:]) * 255).round().to(torch.uint8)
        yield Step(min(start + AT_ONCE, count), count)
    return made


def by_heart(
    made: Tensor, ours: Tensor, learned: Tensor | None, real: Exam, look: Detector, seed: int
) -> tuple[dict[str, Any], tuple[Tensor, Tensor] | None]:
    """Whether the generator has learned its pictures by heart, and the made pictures that lie nearest to learned ones, in order,
    with the places of those in ``real.learned``; None where that is not known.

    `ours` and `learned` are the features of the made pictures and of ``real.others``, which are learned ones. KID from learned
    and from held-out pictures: learned by heart, it is lower from learned ones. Near: the share that lies nearer to a learned
    picture, in root mean square of pixels at 16 a side or less, than the nearest hundredth of the held-out pictures do.
    """
    if learned is None:
        return {"note": "these are not the pictures that it learned from"}, None
    apart, some = len(real.held_out), made[:LOOKED_AT]
    pixels = show.reduced(real.learned)
    places, distances = nearest(show.reduced(some), pixels)
    order = distances.argsort()
    found: dict[str, Any] = {}
    if apart < FEWEST:
        found["note"] = f"only {apart} pictures were kept from it: too few to tell"
    else:
        theirs = look(real.held_out)
        both = {"learned": learned, "held_out": theirs}
        kids = {f"kid_x_1000_{name}": kid_x_1000(ours, points, seed) for name, points in both.items()}
        how = f"{look.words}; {len(made)} made, {len(learned)} learned, {apart} held-out ones, seed {seed}"
        found = flat(kids) | {"words": how}
    if apart >= FEWEST_APART:
        copied = copying(distances, nearest(show.reduced(real.held_out), pixels)[1])
        found |= flat({"near": copied.share}) | {"near_ratio": copied.ratio}
        mirrored = " (each also mirrored)" if len(real.learned) > len(real.pictures.images) else ""
        found["near_words"] = (
            f"pixels, pictures averaged to {REDUCED} a side or less; {len(some)} made, {len(real.pictures.images)} learned"
            f"{mirrored}, {apart} held-out ones, seed {seed}"
        )
    return found, (order, places[order])


def over_time(
    run: Path, recipe: str, config: GanConfig, real: Exam, against: Tensor, look: Detector, seed: int
) -> Generator[Event, None, list[dict[str, Any]]]:
    """KID at each checkpoint that is still there and intact, the oldest first."""
    kept = [place for place in checkpoint.numbered(run / "checkpoints") if checkpoint.damage(place) is None]
    if len(kept) < 2:
        yield Warned(f"{run} has kept {len(kept)} checkpoints: to see it over time train with --set keep_checkpoints=20")
    found = []
    for place in kept:
        opened = open_checkpoint(place, recipe, config, real.pictures, look.device)
        made = yield from draw(opened, len(against), seed, real.pictures.shape)
        values = flat({"kid_x_1000": kid_x_1000(look(made), against, seed)})
        found.append({"step": int(place.name), **values, "words": words(look.words, len(made), len(against), seed)})
    return found


def _config(run: str, settings: Mapping[str, Any]) -> tuple[str, GanConfig]:
    """Recipe and settings of a generator's run. Raises `ConfigError` for a run of this family that draws nothing."""
    values = dict(settings)
    recipe = str(values.pop("recipe", ""))
    kind = recipe.partition("/")[2]
    if kind not in KINDS:
        raise ConfigError(f"{run} is a run of {recipe}, which draws no pictures: name one of gan/{', gan/'.join(KINDS)}")
    return recipe, build(KINDS[kind][1], values)


def _fingerprint(run: str, opened: Opened | None) -> str:
    """That of the pictures that the run learned from, empty if it is not known."""
    if opened is not None:
        return str(opened.header.get("data_fingerprint", ""))
    try:
        about = json.loads((Path(run) / "data.json").read_text(encoding="utf-8"))
        return str(about["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
