"""What is learned from: a simple composition, a varied one, and photographs; each is packed once, with as many pictures.

OUT/data/simple/        faces: those that are given, or drawn ones
OUT/data/varied/        drawn creatures, the whole body
OUT/data/photographs/   random crops, if photographs are given
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator
from pathlib import Path
from random import Random

import numpy as np
import torch
from torch import Tensor

from alebrije.config import build
from alebrije.core.image import load, save
from alebrije.core.pictures.geometry import resize
from alebrije.data.dataset import is_dataset, opening
from alebrije.data.draw import SEEDS_PER_SET, creature
from alebrije.data.drawing.canvas import render
from alebrije.data.drawing.creature import place
from alebrije.data.drawing.faces import FACES
from alebrije.data.drawing.palette import BESIDE, HUES, palette
from alebrije.data.folder import find_pictures
from alebrije.data.importing.config import ImportConfig
from alebrije.data.importing.run import import_pictures
from alebrije.errors import PictureError
from alebrije.events import Event, Started, Step, Warned
from alebrije.reproductions.comicgan.settings import ComicganReproduction
from alebrije.reproductions.parts import within

TITLES = {"simple": "simple composition", "varied": "varied composition", "photographs": "photographs"}
SMALLEST_CROP = 0.5  # of the shorter side of a photograph
TILT = 15.0  # degrees that a drawn face leans to either side, at most


def face(seed: int, size: int) -> Tensor:
    """The face of a drawn creature that looks at us, on white: float32 [1, 3, size, size] in [0, 1]. Five kinds in eight colours,
    leaning a little; no horns, no body: a composition as simple as drawings can have."""
    chance = Random(f"alebrije face {seed}")
    colour = chance.choice(list(HUES))
    colours = palette(colour, chance.choice(BESIDE[colour]), chance)
    head = FACES[chance.choice(list(FACES))](chance, colours)
    tilt = chance.uniform(-TILT, TILT)
    layer = place([shape.moved(1.0, (0, 0), tilt) for shape in (*head.behind, *head.front)], colours.ink, 0.0, on_ground=False)
    pixels = np.asarray(render((layer,), size, size))
    return torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255))


def names(config: ComicganReproduction) -> list[str]:
    """The compositions that are learned from."""
    return ["simple", "varied", *(["photographs"] if config.photos else [])]


def title(config: ComicganReproduction, name: str) -> str:
    """What a composition shows, in words."""
    if name == "varied":
        return "drawn creatures, the whole body"
    given = config.data if name == "simple" else config.photos
    return Path(given).name if given else "drawn faces"


def gathered(config: ComicganReproduction, folder: Path) -> Generator[Event, None, dict[str, str]]:
    """Pack all compositions; returns their data sets. What is packed already is kept. Raises `DataError`, `ConfigError`."""
    (folder / "data").mkdir(exist_ok=True)
    found = {"simple": str((yield from _packed(config, folder, "simple", config.pictures)))}
    as_many = count(folder / "data" / "simple")
    for name in names(config)[1:]:
        found[name] = str((yield from _packed(config, folder, name, as_many)))
    return found


def count(place: Path) -> int:
    """How many pictures a packed data set has."""
    return int(json.loads((place / "dataset.json").read_text(encoding="utf-8"))["pictures"])


def _packed(config: ComicganReproduction, folder: Path, name: str, wanted: int) -> Generator[Event, None, Path]:
    target = folder / "data" / name
    if is_dataset(target):
        return target
    loose = folder / "data" / f"{name}-pictures"
    shutil.rmtree(loose, ignore_errors=True)  # of a command that was stopped while it wrote them
    loose.mkdir()
    if name == "simple" and config.data:
        yield from _chosen(config, loose, wanted)
    elif name == "photographs":
        yield from _crops(config, loose, wanted)
    else:
        yield from _drawn(config, loose, name, wanted)
    size = f"{config.side}x{config.side}"
    yield from within(import_pictures(loose, target, build(ImportConfig, {"size": size})))
    shutil.rmtree(loose, ignore_errors=True)
    return target


def _drawn(config: ComicganReproduction, target: Path, name: str, wanted: int) -> Generator[Event, None, None]:
    first = config.seed * SEEDS_PER_SET
    draw: Callable[[int], Tensor] = (
        (lambda seed: face(seed, config.side))
        if name == "simple"
        else (lambda seed: creature(seed, config.side, background="white").image)
    )
    yield Started(f"drawing {'faces' if name == 'simple' else 'creatures'}", wanted)
    for index in range(wanted):
        save(draw(first + index), target / f"{index:06d}.png")
        yield Step(index + 1, wanted)


def _chosen(config: ComicganReproduction, target: Path, wanted: int) -> Generator[Event, None, None]:
    """At most `wanted` of the pictures that are given, by the seed."""
    dataset = yield from opening(str(config.data), (config.side, config.side))
    order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(config.seed))[:wanted]
    yield Started(f"taking {len(order)} pictures of {dataset.name}", len(order))
    for index, position in enumerate(order.tolist()):
        save(dataset.take([position]).float() / 255, target / f"{index:06d}.png")
        yield Step(index + 1, len(order))


def _crops(config: ComicganReproduction, target: Path, wanted: int) -> Generator[Event, None, None]:
    """Random squares of the photographs, each as wide as half the shorter side or wider, as many of every photograph."""
    paths = find_pictures(str(config.photos))
    chance = Random(f"alebrije crops {config.seed}")
    yield Started("cutting pieces of photographs", wanted)
    made, turn = 0, 0
    while made < wanted and paths:
        path = paths[turn % len(paths)]
        try:
            pixels = load(path).on_white
        except PictureError as error:
            yield Warned(f"left out: {error}")
            paths.remove(path)
            continue
        for _ in range(-(-wanted // len(paths))):
            if made < wanted:
                save(_crop(pixels, chance, config.side), target / f"{made:06d}.png")
                made += 1
                yield Step(made, wanted)
        turn += 1


def _crop(pixels: Tensor, chance: Random, side: int) -> Tensor:
    height, width = pixels.shape[-2:]
    across = max(1, round(min(height, width) * chance.uniform(SMALLEST_CROP, 1)))
    top, left = chance.randint(0, height - across), chance.randint(0, width - across)
    return resize(pixels[..., top : top + across, left : left + across], (side, side))
