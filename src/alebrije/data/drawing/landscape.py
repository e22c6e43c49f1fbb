"""Soft landscapes behind a creature: a sky, three ridges, a painted ground, and what stands on it.

Everything lies in canvas coordinates (the short side is 1, the middle square is [0, 1] x [0, 1]) and is found
again cell by cell from the seed, so that a wider canvas shows more of the same country.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image

from alebrije.data.drawing.canvas import Colour, Layer, Mark, Shape, limb, mix
from alebrije.data.drawing.geometry import Points, oval, petal, polar, ribbon, spiral, tube
from alebrije.data.drawing.palette import CREAM, HUES
from alebrije.data.drawing.patterns import dot, flower

SKIES: dict[str, tuple[Colour, Colour, Colour]] = {
    "day": ((104, 196, 226), (176, 228, 232), (255, 240, 206)),
    "sunset": ((116, 84, 168), (246, 138, 126), (255, 214, 132)),
    "night": ((24, 26, 78), (58, 48, 124), (126, 84, 156)),
}
LANDS: dict[str, tuple[Colour, Colour, Colour, Colour]] = {
    "desert": ((236, 180, 140), (226, 150, 106), (214, 126, 88), (240, 192, 122)),
    "mountains": ((150, 176, 206), (112, 158, 176), (104, 172, 140), (140, 196, 116)),
    "meadow": ((170, 214, 168), (136, 202, 138), (110, 188, 120), (158, 212, 104)),
}
LIGHT: dict[str, tuple[Colour, float]] = {
    "day": (CREAM, 0.08),
    "sunset": ((255, 140, 120), 0.26),
    "night": ((44, 34, 110), 0.58),
}
HORIZONS = (0.5, 0.6, 0.7, 0.8)


def gradient(sky: str) -> Image.Image:
    """The sky as one column of colour, from the top to the horizon and below."""
    top, middle, low = (np.array(colour, dtype=np.float64) for colour in SKIES[sky])
    t = np.clip(np.linspace(0, 1.5, 192), 0, 1)[:, None]
    column = np.where(t < 0.5, top + (middle - top) * 2 * t, middle + (low - middle) * (2 * t - 1))
    return Image.fromarray(np.round(column)[:, None].astype(np.uint8))


def landscape(seed: int, scenery: str, sky: str, facing: str, width: float, height: float) -> Layer:
    """What lies behind a creature on a canvas of `width` x `height` short sides; the sun keeps clear of the head."""
    rng = Random(f"alebrije landscape {seed}")
    left, right = 0.5 - width / 2, 0.5 + width / 2
    top, bottom = 0.5 - height / 2, 0.5 + height / 2
    light, amount = LIGHT[sky]
    lands = [mix(colour, light, amount) for colour in LANDS[scenery]]
    phases = [rng.uniform(0, 100) for _ in HORIZONS]
    shapes = _heavens(rng, sky, facing)
    cells = range(math.floor(left), math.ceil(right))
    for cell in cells:
        shapes += _in_the_air(Random(f"alebrije air {seed} {cell}"), sky, cell)
    for depth, (horizon, land, phase) in enumerate(zip(HORIZONS, lands, phases)):
        form = scenery if depth < 2 else "meadow"
        line = ridge(form, horizon, phase, left, right, flat=depth == 3)
        marks = _furrows(line, land, depth) if depth >= 2 else _snow(form, line, land)
        area = np.concatenate([line, [[right + 0.1, bottom + 0.1], [left - 0.1, bottom + 0.1]]])
        shapes.append(Shape((area,), land, marks=tuple(marks), ink=0.5))
        if depth >= 2:
            for cell in cells:
                place = Random(f"alebrije plants {seed} {cell} {depth}")
                plants = _plants(place, scenery, cell, line, depth)
                shapes += [plant.tinted(light, amount * 0.8) for plant in plants]
    if rng.random() < 0.45:
        shapes += _paper_flags(rng, left, right, top)
    return Layer(tuple(shapes), ink=mix(lands[1], (44, 24, 84), 0.62))


def ridge(form: str, base: float, phase: float, left: float, right: float, *, flat: bool = False) -> Points:
    """The upper edge of a range of hills from `left` to `right`: [N, 2]."""
    x = np.arange(math.floor((left - 0.1) * 48), math.ceil((right + 0.1) * 48) + 1) / 48
    if form == "mountains":
        saw = np.abs(((x * 1.9 + phase) % 1.0) - 0.5) * 2
        other = np.abs(((x * 3.1 + 2.3 * phase) % 1.0) - 0.5) * 2
        rise = 0.2 * saw + 0.06 * other
    elif form == "desert":
        wave = np.sin(5.2 * x + phase) + 0.5 * np.sin(11 * x + 2 * phase)
        rise = 0.16 / (1 + np.exp(-14 * (wave - 0.35))) + 0.01 * np.sin(23 * x + phase)
    else:
        rise = 0.05 * np.sin(4.1 * x + phase) + 0.03 * np.sin(9.3 * x + 1.7 * phase) + 0.04
    return np.stack([x, base - (0.25 if flat else 1.0) * rise], axis=1)


def _heavens(rng: Random, sky: str, facing: str) -> list[Shape]:
    """The sun with its rays, or the moon."""
    centre = np.array([rng.uniform(0.13, 0.27) if facing == "facing_right" else rng.uniform(0.73, 0.87),
                       rng.uniform(0.2, 0.26)])
    if sky == "night":
        moon = oval(centre, 0.085, samples=40)
        craters = [(oval(centre + polar(a, 0.045), r), (236, 214, 160)) for a,
                   r in ((30, 0.018), (160, 0.024), (280, 0.014))]
        return [Shape((oval(centre, 0.115, samples=40),), (82, 70, 146), ink=0),
                Shape((moon,), (255, 240, 200), marks=tuple(craters), ink=0.5)]
    gold = (255, 208, 72) if sky == "day" else (255, 232, 150)
    rays = [np.stack([centre + polar(a - 9, 0.1), centre + polar(a, 0.155 if a % 45 else 0.18),
                      centre + polar(a + 9, 0.1)])
            for a in np.arange(0, 360, 22.5)]
    heart: list[Mark] = [(oval(centre, 0.07, samples=30), (255, 226, 120)),
                         *((oval(centre + polar(a, 0.079), 0.007, samples=8), (240, 120, 60))
                         for a in range(0, 360, 20))]
    return [Shape(tuple(rays), (250, 160, 62), ink=0.5),
            Shape((oval(centre, 0.09, samples=36),), gold, marks=tuple(heart), ink=0.5)]


def _in_the_air(rng: Random, sky: str, cell: int) -> list[Shape]:
    """Stars or clouds over the cell [cell, cell + 1]."""
    if sky == "night":
        stars = []
        for _ in range(16):
            at, size = np.array([cell + rng.random(), rng.uniform(-0.4, 0.46)]), rng.choice([0.006, 0.008, 0.022])
            corners = [at + polar(45 * k, size if k % 2 == 0 else 0.35 * size) for k in range(8)]
            stars.append(Shape((np.stack(corners),), (255, 244, 206), ink=0))
        return stars
    clouds = []
    tone = (255, 252, 244) if sky == "day" else (255, 206, 182)
    for k in range(2):
        at, size = np.array([cell + 0.5 * k + rng.uniform(0.1, 0.4), rng.uniform(0.06, 0.38)]), rng.uniform(0.04, 0.06)
        puffs = [oval(at + np.array([dx, dy]) * size, r * size) for dx, dy,
                 r in ((-1.5, 0.3, 0.7), (-0.5, -0.1, 1.0), (0.7, -0.3, 1.1), (1.7, 0.25, 0.75))]
        base = oval(at + np.array([0, 0.55]) * size, 2.1 * size, 0.5 * size)
        curl = spiral(at + np.array([0.75, -0.2]) * size, 0.62 * size, 1.4, 200, 18)
        clouds.append(Shape((*puffs, base), tone, marks=((ribbon(curl, 0.011, 0.5), mix(tone, (120, 110, 190), 0.45)),),
                            ink=0.5))
    return clouds


def _snow(form: str, line: Points, land: Colour) -> list[Mark]:
    """White caps with a ragged edge on mountains; bands of rock in the desert."""
    if form == "mountains":
        top = line[:, 1].min()
        cut = top + 0.065 + 0.016 * np.where(np.arange(len(line)) % 2, 1.0, -1.0)
        cap = np.concatenate([line, np.stack([line[:, 0], np.maximum(cut, line[:, 1])], axis=1)[::-1]])
        return [(cap, mix(land, (255, 255, 255), 0.75))]
    if form == "desert":
        return [(_band(line, low, 0.014), mix(land, CREAM, 0.3)) for low in (0.035, 0.075)]
    return []


def _band(line: Points, low: float, thick: float) -> Points:
    """A strip that follows `line`, `low` below it."""
    return np.concatenate([line + np.array([0, low]), (line + np.array([0, low + thick]))[::-1]])


def _furrows(line: Points, land: Colour, depth: int) -> list[Mark]:
    """Rows of dots and lines that follow the hill, as on woven cloth."""
    marks: list[Mark] = []
    for k, step in enumerate((0.022, 0.05, 0.078, 0.106)):
        low = 0.8 * step if depth == 2 else step
        tone = mix(land, CREAM, 0.4) if k % 2 == 0 else mix(land, (70, 60, 110), 0.2)
        if k % 2 == 0:
            marks += [(oval(p, 0.0048, samples=8), tone) for p in (line + np.array([0, low]))[k // 2 :: 2]]
        else:
            marks.append((_band(line, low, 0.006), tone))
    return marks


def _plants(rng: Random, scenery: str, cell: int, line: Points, depth: int) -> list[Shape]:
    """What grows in this cell on the ridge `line`: large things to the sides, so that the creature is not crowded."""
    size = 0.5 if depth == 2 else 0.85
    shapes: list[Shape] = []
    for place in (rng.uniform(0.03, 0.16), rng.uniform(0.84, 0.97), rng.uniform(0.25, 0.75)):
        if (0.2 < place < 0.8 and depth == 3) or rng.random() < 0.25:
            continue
        x = cell + place
        ground = float(np.interp(x, line[:, 0], line[:, 1])) + 0.02
        plant = rng.choice(PLANTS[scenery])
        shapes += [s.moved(size * rng.uniform(0.85, 1.1), (x, ground)) for s in plant(rng)]
    if depth == 3:
        for _ in range(9):
            x, y = cell + rng.random(), rng.uniform(0.9, 0.985)
            shapes += [s.moved(rng.uniform(0.7, 1.1), (x, y))
                       for s in (grass(rng) if rng.random() < 0.5 else blossom(rng))]
    return shapes


def saguaro(rng: Random) -> list[Shape]:
    """A cactus with two arms, ribs and a flower."""
    trunk = tube([(0, 0.02, 0.045), (0, -0.15, 0.048), (0, -0.32, 0.042)], samples=5)
    arms = [tube([(0, low, 0.026), (side * 0.09, low + 0.01, 0.028), (side * 0.12, low - 0.05, 0.028),
                  (side * 0.12, low - 0.13, 0.024)], samples=4)
            for side, low in ((-1, rng.uniform(-0.16, -0.1)), (1, rng.uniform(-0.2, -0.12)))]
    ribs = [(trunk.at(u, v), (178, 226, 150)) for v in (-0.5, 0.0, 0.5) for u in np.linspace(0.05, 0.95, 9)]
    marks = [(oval(p, 0.006, samples=8), tone) for p, tone in ribs]
    bloom = flower((0.0, -0.365), 0.035, 5, (HUES["pink"], CREAM, HUES["yellow"]))
    return [limb([trunk, *arms], (70, 156, 98), marks, 3.0, ink=0.5),
            *(Shape((points,), tone, ink=0) for points, tone in bloom)]


def nopal(rng: Random) -> list[Shape]:
    """A prickly pear: pads upon pads with red fruit."""
    pads = [((0, -0.07), 0.06, 90), ((-0.065, -0.16), 0.05, 120), ((0.07, -0.165), 0.052, 62), ((0.0, -0.2), 0.045, 92)]
    shapes = []
    for (x, y), r, angle in pads:
        prickles = [(oval((x + dx * r, y + dy * r), 0.005, samples=8), (214, 240, 170)) for dx,
                    dy in ((-0.4, -0.4), (0.35, -0.1), (-0.2, 0.4), (0.1, -0.8), (0.3, 0.7))]
        fruit = np.array([x, y]) + polar(angle, 1.25 * r)
        shapes.append(Shape((oval(fruit, 0.017, 0.022),), HUES["red"], ink=0.45))
        shapes.append(Shape((oval((x, y), 1.25 * r, 0.85 * r, angle),), (96, 176, 104), marks=tuple(prickles),
                            shade=2.0, ink=0.5))
    return shapes


def tree(rng: Random) -> list[Shape]:
    """A round tree with painted fruit."""
    crown = HUES[rng.choice(["green", "turquoise", "orange", "pink"])]
    tone = mix(crown, (120, 190, 110), 0.4)
    fruit = [m for a, r in ((90, 0.0), *((a, 0.062) for a in range(0, 360, 60)))
             for m in dot(np.array([0, -0.22]) + polar(a, r), 0.015, CREAM, HUES["red"])]
    trunk = tube([(0, 0.02, 0.022), (0.0, -0.08, 0.016), (0, -0.16, 0.014)], samples=4)
    return [limb([trunk], (134, 88, 66), ink=0.5),
            Shape((oval((0, -0.22), 0.105, 0.115, samples=28),), tone, marks=tuple(fruit), shade=3.0, ink=0.5)]


def pine(rng: Random) -> list[Shape]:
    """A fir of three tiers with dotted hems."""
    tiers = [np.array([[-w, y], [0.0, y - h], [w, y]]) for w, y,
             h in ((0.1, -0.05, 0.15), (0.08, -0.13, 0.13), (0.058, -0.21, 0.12))]
    hems = [(oval((x, y - 0.012), 0.007, samples=8), CREAM) for w,
            y in ((0.1, -0.05), (0.08, -0.13), (0.058, -0.21)) for x in np.linspace(-0.75 * w, 0.75 * w, 5)]
    trunk = tube([(0, 0.02, 0.018), (0, -0.06, 0.016)], samples=3)
    return [limb([trunk], (134, 88, 66), ink=0.5),
            *(Shape((t,), (58, 140, 110), marks=tuple(hems), ink=0.5) for t in tiers)]


def agave(rng: Random) -> list[Shape]:
    """A star of pointed leaves."""
    return [Shape((petal((0, 0), polar(a, 0.16), 0.04, 0.4),), (88, 168, 140),
                  marks=((petal((0, 0), polar(a, 0.14), 0.012, 0.4), (168, 216, 176)),), ink=0.5)
            for a in (160, 20, 140, 40, 118, 62, 90)]


def grass(rng: Random) -> list[Shape]:
    """Three blades."""
    return [Shape((petal((0, 0), polar(a, 0.045), 0.012, 0.4),), (74, 158, 90), ink=0.3) for a in (120, 60, 92)]


def blossom(rng: Random) -> list[Shape]:
    """A small flower in the grass."""
    tones = rng.choice([("pink", "yellow"), ("yellow", "orange"), ("purple", "yellow"), ("red", "yellow")])
    petals = flower((0.0, -0.03), 0.026, 5, (HUES[tones[0]], mix(HUES[tones[0]], CREAM, 0.4), HUES[tones[1]]),
                    rng.uniform(0, 72))
    stem = np.array([[0.0, 0.02], [0.0, -0.03]])
    return [Shape((ribbon(stem, 0.008),), (74, 158, 90), ink=0.3),
            Shape(tuple(m[0] for m in petals[:5]), petals[0][1], marks=tuple(petals[5:]), ink=0.3)]


PLANTS: dict[str, tuple[Callable[[Random], list[Shape]], ...]] = {
    "desert": (saguaro, nopal, agave),
    "mountains": (pine, pine, tree),
    "meadow": (tree, nopal, agave),
}


def _paper_flags(rng: Random, left: float, right: float, top: float) -> list[Shape]:
    """Papel picado: a string of cut paper along the upper edge."""
    names = ["pink", "turquoise", "yellow", "purple", "orange", "green"]
    shift = rng.randrange(6)
    shapes: list[Shape] = []
    step = 0.125
    for k in range(math.floor(left / step), math.ceil(right / step)):
        x, y = (k + 0.5) * step, top + 0.012 + 0.012 * math.sin(1.3 * k)
        w, h, teeth = 0.056, 0.075, np.linspace(1, -1, 9)
        hem = np.stack([x + w * teeth, y + h + 0.012 * (np.arange(9) % 2)], axis=1)
        tone = mix(HUES[names[(k + shift) % 6]], CREAM, 0.15)
        cuts = flower((x, y + 0.038), 0.022, 6, (CREAM, tone, CREAM))
        cuts += [(oval((x + dx * w, y + dy * h), 0.005, samples=8), CREAM) for dx in (-0.7, 0.7)
                 for dy in (0.25, 0.55, 0.85)]
        shapes.append(Shape((np.concatenate([[[x - w, y], [x + w, y]], hem]),), tone, marks=tuple(cuts), ink=0.4))
    cord = np.stack([np.linspace(left - 0.1, right + 0.1, 40), np.full(40, top + 0.012)], axis=1)
    return [*shapes, Shape((ribbon(cord, 0.006),), CREAM, ink=0.3)]

