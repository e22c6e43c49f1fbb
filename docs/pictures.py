"""Rebuild the pictures of README.md and docs/: `python docs/pictures.py`, or only some: `python docs/pictures.py creatures`.

They are made of scikit-image's photographs (the extra `demo`) and of what the program draws and trains itself, with the
default settings and the default network. docs/pictures/README.md has the command for each picture by itself. The figures of
the pages on hybrids are not made here but by `alebrije reproduce hybrid`.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

import alebrije
from alebrije.cli.exhibition import PAINTINGS, gather
from alebrije.config import choose
from alebrije.core.image import load, save
from alebrije.core.pictures.panels import GAP, below, beside, high, square
from alebrije.data.draw import creature

TARGET = Path(__file__).parent / "pictures"


class Workshop:
    """The inputs in a folder, and every stylised picture made once, although two pictures show it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "inputs").mkdir()
        gather(folder)
        self.stylize = functools.cache(self._stylize)

    def path(self, name: str) -> Path:
        return self.folder / "inputs" / f"{name}.png"

    def pixels(self, name: str) -> Tensor:
        return load(self.path(name)).pixels

    def hybrid(self, first: str, second: str) -> tuple[Tensor, Tensor]:
        """The hybrid as it is, seen from near, and what is left of it from afar."""
        result: Any = alebrije.hybridize(self.path(first), self.path(second), previews=True)
        return result.image.pixels, result.previews["far"]

    def _stylize(self, content: str, style: str) -> Tensor:
        pixels: Tensor = alebrije.stylize(self.path(content), self.path(style)).image.pixels
        return pixels


def style_coffee_mosaic(workshop: Workshop) -> Tensor:
    panels = [workshop.pixels("coffee"), workshop.pixels("mosaic"), workshop.stylize("coffee", "mosaic")]
    return beside([high(panel, 300) for panel in panels])


def style_grid(workshop: Workshop) -> Tensor:
    side, contents = 200, ("chelsea", "coffee", "rocket")
    head = [torch.ones(1, 3, side, side), *(square(workshop.pixels(style), side) for style in PAINTINGS)]
    rows = [beside(head)]
    for content in contents:
        made = [square(workshop.stylize(content, style), side) for style in PAINTINGS]
        rows.append(beside([square(workshop.pixels(content), side), *made]))
    return below(rows)


def creatures(workshop: Workshop) -> Tensor:
    side, columns = 160, 7
    drawings = [creature(number, side) for number in range(3 * columns)]
    sketches = beside([drawing.sketch.expand(-1, 3, -1, -1) for drawing in drawings[:columns]])
    colours = [beside([one.image for one in drawings[start : start + columns]]) for start in range(0, len(drawings), columns)]
    return below([colours[0], sketches, *colours[1:]])


def paintings(workshop: Workshop) -> Tensor:
    return beside([square(workshop.pixels(name), 260) for name in PAINTINGS])


def training(workshop: Workshop) -> Tensor:
    run = alebrije.train("autoencoder/creatures", run=workshop.folder / "run").run
    last = load(max((run / "samples").glob("*.png"))).pixels
    return F.interpolate(last, scale_factor=2, mode="nearest")


def hero(workshop: Workshop) -> Tensor:
    side = 300
    near, far = (square(view, side) for view in workshop.hybrid("cat", "face"))
    zoo = [creature(number, side // 2 - GAP // 2).image for number in (2, 4, 7, 12)]
    four = below([beside(zoo[:2]), beside(zoo[2:])])
    return beside([near, far, square(workshop.stylize("chelsea", "ember"), side), four])


PICTURES: dict[str, Callable[[Workshop], Tensor]] = {
    "hero.jpg": hero,
    "style-coffee-mosaic.jpg": style_coffee_mosaic,
    "style-grid.jpg": style_grid,
    "creatures.png": creatures,
    "paintings.jpg": paintings,
    "training.png": training,
}


def main(names: Sequence[str]) -> None:
    """Make the named pictures (without suffix), or all of them."""
    files = {Path(file).stem: file for file in PICTURES}
    wanted = [files[choose("picture", name, files)] for name in names or files]
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for file in wanted:
            save(PICTURES[file](workshop), TARGET / file, force=True, quality=88)


if __name__ == "__main__":
    main(sys.argv[1:])
