"""Folk-art patterns, painted in the surface coordinates of a tube so that they follow the limb."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from alebrije.data.drawing.canvas import Colour, Mark
from alebrije.data.drawing.geometry import Point, Points, Tube, oval, petal, polar, ribbon, spiral

GRAIN = 0.085


def flower(centre: Points | Point, radius: float, petals: int, colours: Sequence[Colour],
           angle: float = 0.0) -> list[Mark]:
    """A flower of `petals` round petals with a heart."""
    centre = np.asarray(centre)
    ring = [angle + 360 * k / petals for k in range(petals)]
    width = min(1.0, 3.6 / petals) * radius
    marks = [(petal(centre, centre + polar(a, radius), width), colours[0]) for a in ring]
    marks += [(petal(centre, centre + polar(a, 0.62 * radius), 0.5 * width), colours[1]) for a in ring]
    return [*marks, (oval(centre, 0.3 * radius, samples=12), colours[2])]


def dot(centre: Points, radius: float, *colours: Colour) -> list[Mark]:
    """A dot, or rings of dots in dots when there is more than one colour."""
    return [(oval(centre, radius * (1 - 0.45 * k), samples=14), colour) for k, colour in enumerate(colours)]


def dots(limb: Tube, rng: Random, colours: Sequence[Colour]) -> list[Mark]:
    """Rows of dots, every second row shifted, large ones with a heart."""
    columns = max(2, round(limb.length / (1.35 * GRAIN)))
    marks: list[Mark] = []
    for k in range(columns):
        u = (k + 0.5) / columns
        width = float(limb.width(u))
        rows = max(1, round(1.7 * width / (1.35 * GRAIN)))
        shift = 0.5 if k % 2 else 0.0
        for row in range(rows + k % 2):
            v = -0.85 + 1.7 * (row + 0.5 - shift) / rows
            size = GRAIN * (0.36 if (k + row) % 3 else 0.5) * min(1.0, 0.4 + width / 0.12)
            pair = (colours[0], colours[2]) if (k + row) % 3 == 0 else (colours[1],)
            marks += dot(limb.at(u, v), size, *pair)
    return marks


def stripes(limb: Tube, rng: Random, colours: Sequence[Colour]) -> list[Mark]:
    """Pointed bands across the limb, each with a thin companion."""
    count = max(2, round(limb.length / (2.1 * GRAIN)))
    v = np.linspace(-1.1, 1.1, 9)
    marks: list[Mark] = []
    for k in range(count):
        bend = 0.5 * GRAIN / limb.length * (1 - v**2)
        start, half = (k + 0.3) / count, 0.42 * GRAIN / limb.length
        belly = half * (1.05 - np.abs(v) ** 1.5 * 0.75)
        marks.append((np.concatenate([limb.at(start + bend - belly, v), limb.at(start + bend + belly, v)[::-1]]),
                      colours[k % 2]))
        line = limb.at(start + bend + 1.05 * GRAIN / limb.length, v)
        marks.append((ribbon(line, 0.16 * GRAIN), colours[2]))
    return marks


def zigzag(limb: Tube, rng: Random, colours: Sequence[Colour]) -> list[Mark]:
    """Zigzag lines along the limb with dots in their teeth."""
    teeth = max(2, round(limb.length / (1.5 * GRAIN)))
    u = np.linspace(0, 1, 2 * teeth + 1)
    marks: list[Mark] = []
    rows = max(1, round(float(limb.radius.max()) / (1.1 * GRAIN)))
    for row in range(rows):
        level = -0.8 + 1.6 * (row + 0.5) / rows
        swing = 0.8 / rows * np.where(np.arange(len(u)) % 2, 1.0, -1.0) * 0.55
        upper, lower = limb.at(u, level + swing - 0.2 / rows), limb.at(u, level + swing + 0.2 / rows)
        marks.append((np.concatenate([upper, lower[::-1]]), colours[row % 2]))
        for k in range(len(u)):
            toward = -1.0 if k % 2 else 1.0
            size = 0.2 * GRAIN * min(1.0, 0.3 + float(limb.width(u[k])) / 0.12)
            marks += dot(limb.at(u[k], level + toward * 0.42 / rows), size, colours[2])
    return marks


def scales(limb: Tube, rng: Random, colours: Sequence[Colour]) -> list[Mark]:
    """Overlapping round scales, laid like roof tiles from the front to the back."""
    step = 0.82 * GRAIN
    columns = max(3, round(limb.length / step))
    rows = max(2, round(2.0 * float(limb.radius.max()) / (1.15 * GRAIN)))
    v = np.linspace(-1, 1, 9)
    cap = np.sqrt(np.maximum(0, 1 - v**2))
    marks: list[Mark] = []
    for k in range(columns, -1, -1):
        for row in range(rows + 1):
            level = -1 + 2 * (row + 0.5 * (k % 2)) / rows
            start = k / columns
            tone = colours[(k + row) % 2]
            for size, colour in ((1.0, colours[2]), (0.8, tone), (0.34, colours[2])):
                u = np.concatenate([start - size * 1.2 * step / limb.length * cap, [start + 0.1 * step]])
                across = np.concatenate([level + size * v / rows, [level]])
                marks.append((limb.at(u, across), colour))
    return marks


def flowers(limb: Tube, rng: Random, colours: Sequence[Colour]) -> list[Mark]:
    """A garland: flowers on a winding stem with leaves, and small dots between."""
    marks: list[Mark] = []
    u = np.linspace(0, 1, 40)
    waves = max(1.0, limb.length / (5.0 * GRAIN))
    marks.append((ribbon(limb.at(u, 0.42 * np.sin(2 * np.pi * waves * u)), 0.16 * GRAIN), colours[3]))
    count = max(2, round(2 * waves))
    for k in range(count):
        at = (k + 0.5) / count
        side = float(np.sign(np.sin(2 * np.pi * waves * at)) or 1.0)
        width = float(limb.width(at))
        size = min(1.05 * GRAIN, 0.55 * width)
        centre = limb.at(at, 0.3 * side)
        for tilt in (35, 145, -35, -145):
            marks.append((petal(centre, centre + polar(tilt, 1.5 * size), 0.5 * size), colours[3]))
        marks += flower(centre, size, 6, (colours[k % 2], colours[2], colours[1 - k % 2]), rng.uniform(0, 60))
        for step, level in ((0.0, -0.72 * side), (0.3, 0.78), (0.3, -0.78), (-0.3, -0.5 * side)):
            marks += dot(limb.at(at + step / count, level), 0.2 * GRAIN, colours[2])
    return marks


def swirls(limb: Tube, rng: Random, colours: Sequence[Colour]) -> list[Mark]:
    """Spirals of alternating hand with rows of dots around them."""
    count = max(1, round(limb.length / (2.6 * GRAIN)))
    marks: list[Mark] = []
    for k in range(count):
        at = (k + 0.5) / count
        size = min(1.5 * GRAIN, 0.72 * float(limb.width(at)))
        centre = limb.at(at, 0.12 if k % 2 else -0.12)
        line = spiral(centre, size, 1.9 if k % 2 else -1.9, rng.uniform(0, 360))
        marks.append((ribbon(line, 0.3 * GRAIN, 0.4), colours[k % 2]))
        for angle in range(0, 360, 40):
            marks += dot(centre + polar(angle, 1.3 * size), 0.13 * GRAIN, colours[2])
    return marks


PATTERNS: dict[str, Callable[[Tube, Random, Sequence[Colour]], list[Mark]]] = {
    "dots": dots,
    "stripes": stripes,
    "zigzag": zigzag,
    "scales": scales,
    "flowers": flowers,
    "swirls": swirls,
}


def row_of_dots(limb: Tube, level: float, size: float, colour: Colour, *, gap: float = 2.6,
                span: tuple[float, float] = (0.0, 1.0)) -> list[Mark]:
    """A string of dots along the limb at the height `level` (-1 to 1)."""
    count = max(2, round((span[1] - span[0]) * limb.length / (gap * size)))
    places = limb.at(np.linspace(*span, count), level)
    return [(oval(place, size, samples=12), colour) for place in places]


def belly(limb: Tube, colour: Colour, edge: Colour, *, level: float = 0.45,
          span: tuple[float, float] = (0.0, 1.0)) -> list[Mark]:
    """A light belly with a scalloped edge on the lower side of the limb."""
    count = max(3, round((span[1] - span[0]) * limb.length / (0.9 * GRAIN)))
    u = np.linspace(*span, 6 * count + 1)
    wave = level - 0.16 * np.abs(np.sin(np.pi * np.arange(len(u)) / 6))
    shape = np.concatenate([limb.at(u, wave), limb.at(u, 1.2)[::-1]])
    rim = np.concatenate([limb.at(u, wave - 0.09), limb.at(u, 1.2)[::-1]])
    hearts = limb.at((np.arange(count) + 0.5) / count * (span[1] - span[0]) + span[0], level + 0.08)
    return [(rim, edge), (shape, colour), *((oval(place, 0.16 * GRAIN, samples=10), edge) for place in hearts)]


def cuffs(limb: Tube, places: Sequence[float], colours: Sequence[Colour]) -> list[Mark]:
    """Painted rings around a leg or a neck."""
    v = np.linspace(-1.15, 1.15, 7)
    marks: list[Mark] = []
    for k, place in enumerate(places):
        bend = 0.2 * GRAIN / limb.length * (1 - v**2)
        marks.append((ribbon(limb.at(place + bend, v), 0.34 * GRAIN), colours[k % len(colours)]))
    return marks


def rosette(centre: Points, radius: float, colours: Sequence[Colour]) -> list[Mark]:
    """The large ornament of a haunch: rings, a flower and a wreath of dots."""
    marks: list[Mark] = [(oval(centre, radius, samples=24), colours[0]),
                         (oval(centre, 0.84 * radius, samples=24), colours[1])]
    for angle in range(0, 360, 30):
        marks += dot(centre + polar(angle, 0.7 * radius), 0.075 * radius, colours[2])
    return marks + flower(centre, 0.56 * radius, 8, (colours[2], colours[0], colours[1]))
