"""What the planner learns from: pairs, described, with the answers of the observer or of people."""

from __future__ import annotations

import math
import zlib
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.tensorfiles import read_safetensors, write_safetensors
from alebrije.data.draw import creature
from alebrije.data.folder import find_pictures, read_squares
from alebrije.data.matching import distinct, shape, similar_pairs
from alebrije.data.pairs import LABELS, REFERENCE, Pair, load_pair, read_pairs, split_pairs
from alebrije.errors import DataError, PictureError
from alebrije.events import Event, Started, Step, Warned
from alebrije.hybrid.blend import to_sigma
from alebrije.hybrid.observer import Viewing, both_orders, search
from alebrije.hybrid.pairs.labelling import USUAL, from_label
from alebrije.hybrid.planning.planner import describe_orders

if TYPE_CHECKING:
    from alebrije.hybrid.planning.distil import PlannerConfig

SIDE = 256  # pixels: the observer's own resolution
TESTED = 300
FEWEST = 8
KEPT = "lessons.safetensors"


class Lessons(NamedTuple):
    """Pairs and answers, float32. `described` [N, 2, D]: both orders of a pair. `targets` [N, 2, 3]: log2 of the low and the
    high cut-off in cycles per image width, and the score, NaN where not known. `role` [N]: 1 where the second picture is
    the low one. `sigmas` [N, 2]: the blurs of first and second picture, in pixels at width 224."""

    described: Tensor
    targets: Tensor
    role: Tensor
    sigmas: Tensor


Taught = Generator[Event, None, tuple[Lessons, Lessons, dict[str, Any]]]


def lessons(config: PlannerConfig, folder: Path) -> Taught:
    """Lessons to learn from, others to be tested with, and what to say about the data.

    A run that goes on finds them in `folder`, where they are kept once they are made.
    """
    if config.data and (Path(config.data) / LABELS).is_file():
        return (yield from _from_people(Path(config.data), config.seed))
    kept = folder / KEPT
    if not kept.exists():
        learnt, tested, about = yield from _from_observer(config)
        parts = {"known": learnt, "test": tested}
        table = {f"{part}.{name}": one for part, some in parts.items() for name, one in some._asdict().items()}
        write_safetensors(kept, table, about)
    tensors, header = read_safetensors(kept)
    known, test = (Lessons(*(tensors[f"{part}.{name}"] for name in Lessons._fields)) for part in ("known", "test"))
    return known, test, {"data": header["data"], "pairs": len(known.role), "teacher": "the observer"}


def _from_people(folder: Path, seed: int) -> Taught:
    """The labelled pairs of a folder; of five, one is kept for the test."""
    found = read_pairs(folder)
    labelled = [pair for pair in found.pairs if pair.label is not None]
    if len(labelled) < FEWEST:
        remedy = f"at least {FEWEST} are needed: alebrije pairs label {folder}"
        raise DataError(f"{folder} holds {len(labelled)} labelled pairs, {remedy}")
    yield Started("reading pairs", len(labelled))
    numbers, rows = [], []
    for count, pair in enumerate(labelled, 1):
        try:
            rows.append(_from_label(pair, found.reference))
            numbers.append(pair.number)
        except PictureError as error:
            yield Warned(f"pair {pair.number} is left out: {error}")
        yield Step(count, len(labelled))
    parts = split_pairs(len(rows), seed=seed)
    known, test = (_stack([rows[index] for index in part]) for part in parts)
    about = {"data": f"{len(rows)} labelled pairs of {folder.name}", "pairs": len(known.role), "teacher": LABELS}
    learned, held_out = ([numbers[index] for index in part] for part in parts)
    return known, test, about | {"training_pairs": learned, "test_pairs": held_out}


def _from_label(pair: Pair, reference: int) -> Lessons:
    """One lesson, its fields without their first dimension: what people say of a pair. The pictures stay whole: cut to a square,
    they would have fewer cycles per width than the label says."""
    assert pair.label is not None
    first, second = load_pair(pair)
    low, *cycles = from_label(pair.label, reference)
    targets = torch.full((2, 3), math.nan)
    targets[int(low == "second"), :2] = torch.tensor(cycles).log2()
    label = pair.label.at(reference)
    sigma = torch.tensor([label.sigma_first, label.sigma_second])
    return Lessons(describe_orders(first, second, USUAL), targets, torch.tensor(float(label.low)), sigma)


def _from_observer(config: PlannerConfig) -> Generator[Event, None, tuple[Lessons, Lessons, dict[str, str]]]:
    """Pairs sampled from pictures and labelled by the observer; those of the test are of pictures kept apart."""
    paths = find_pictures(config.data) if config.data else []
    squares = yield from read_squares(paths, SIDE)
    pictures = [(path.name, square) for path, square in squares.items()]  # in several folders names may come again
    for number in range(config.creatures):
        pictures.append((f"creature {number}", (creature(number, SIDE).image * 255).round().to(torch.uint8)))
    used: list[Tensor] = []
    kept_apart: list[Tensor] = []
    for name, pixels in pictures:
        (used if zlib.crc32(name.encode()) % config.hold_out else kept_apart).append(pixels)
    known = yield from _observed(used, config.pairs, config, varied=True)
    test = yield from _observed(kept_apart, TESTED, config, varied=False)
    told = f"{len(squares)} pictures of {Path(config.data).name}, " if config.data else ""
    return known, test, {"data": f"{told}{config.creatures} drawn creatures"}


def _observed(pictures: Sequence[Tensor], count: int, config: PlannerConfig, *, varied: bool) -> Generator[Event, None, Lessons]:
    if len(pictures) < FEWEST:
        needed = FEWEST * config.hold_out
        raise DataError(f"{len(pictures)} pictures are too few to learn from and to test with: give a folder of {needed} or more")
    shapes = torch.stack([shape(one.float() / 255) for one in pictures])
    different = min(count, len(distinct(shapes)) * config.neighbours // 2)
    pairs = similar_pairs(shapes, different, config.seed, neighbours=config.neighbours)
    yield Started("asking the observer", count)
    chance = torch.Generator().manual_seed(config.seed + varied)
    rows = []
    for number in range(count):
        first, second = (pictures[index].float() / 255 for index in pairs[number % len(pairs)])
        viewing = USUAL
        if varied:
            first, second = vary(first, second, chance)
            viewing = wander(chance) if number % 2 else USUAL
        rows.append(observed(first, second, viewing))
        yield Step(number + 1, count)
    return _stack(rows)


def observed(first: Tensor, second: Tensor, viewing: Viewing) -> Lessons:
    """One lesson, its fields without their first dimension: what the observer says of either order of two pictures."""
    targets = torch.tensor([search(spectra, viewing, None, None) for spectra in both_orders(first, second).values()])
    targets[:, :2] = targets[:, :2].log2()
    role = targets[1, 2] > targets[0, 2]
    octaves = targets[1, [1, 0]] if role else targets[0, :2]
    return Lessons(describe_orders(first, second, viewing), targets, role.float(), to_sigma(1.0, REFERENCE) / torch.exp2(octaves))


def wander(chance: torch.Generator) -> Viewing:
    """A picture 20 cm wide, seen from 0.25 to 1 m and from 5 to 25 times as far; only the proportions matter."""
    near = 0.5 * 2 ** _uniform(-1, 1, chance)
    return Viewing(0.2, near, near * _uniform(5, 25, chance))


def vary(first: Tensor, second: Tensor, chance: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mirror and crop both pictures alike; change contrast, sharpness and noise of each by itself, all at random.

    A crop shows 0.6 to 1 of the longer side, and is up to twice as wide as high, or as high as wide: pictures have all
    proportions.
    """
    if _uniform(0, 1, chance) < 0.5:
        first, second = first.flip(-1), second.flip(-1)
    if _uniform(0, 1, chance) < 0.7:
        longer, shape = SIDE * _uniform(0.6, 1, chance), 2 ** _uniform(-1, 1, chance)
        height, width = (int(longer * min(1, ratio)) for ratio in (1 / shape, shape))
        top, left = (int(_uniform(0, SIDE - side + 1, chance)) for side in (height, width))
        window = (..., slice(top, top + height), slice(left, left + width))
        first, second = first[window], second[window]
    return _spoil(first, chance), _spoil(second, chance)


def _spoil(picture: Tensor, chance: torch.Generator) -> Tensor:
    if _uniform(0, 1, chance) < 0.5:
        picture = picture.mean() + (picture - picture.mean()) * _uniform(0.4, 1, chance)
    if _uniform(0, 1, chance) < 0.25:
        picture = gaussian_blur(picture, _uniform(0.4, 2.5, chance))
    if _uniform(0, 1, chance) < 0.15:
        picture = picture + torch.randn(picture.shape, generator=chance) * _uniform(0.01, 0.06, chance)
    return picture.clamp(0, 1)


def _uniform(low: float, high: float, chance: torch.Generator) -> float:
    return low + (high - low) * float(torch.rand((), generator=chance))


def _stack(rows: Sequence[Lessons]) -> Lessons:
    return Lessons(*(torch.stack(parts) for parts in zip(*rows, strict=True)))
