"""Heads that look at us, in a frame of their own: the skull has radius 1 around the origin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from alebrije.data.drawing.canvas import WHITE, Mark, Shape, mix
from alebrije.data.drawing.geometry import Point, Points, arc, oval, petal, polar, smooth
from alebrije.data.drawing.palette import NIGHT, Palette
from alebrije.data.drawing.patterns import flower


@dataclass(frozen=True)
class Head:
    """`behind` is painted before the horns, `front` after; `horns` are roots with their directions in degrees."""

    behind: tuple[Shape, ...]
    front: tuple[Shape, ...]
    horns: tuple[tuple[Point, float], ...]


def mirrored(points: Points) -> Points:
    """The other half of something drawn on the right of the axis."""
    return np.asarray(points * np.array([-1.0, 1.0]))


def eye(centre: Point, radius: float, colours: Palette, look: Point = (0.12, 0.05)) -> list[Shape]:
    """A round, wide-awake eye with a rim, an iris, a pupil and two lights."""
    at = np.asarray(centre)
    pupil = at + radius * np.asarray(look)
    lights = (oval(pupil + radius * np.array([-0.22, -0.24]), 0.21 * radius, samples=14),
              oval(pupil + radius * np.array([0.24, 0.26]), 0.11 * radius, samples=12))
    iris = oval(pupil, 0.8 * radius, samples=28)
    return [
        Shape((oval(at, radius, 1.08 * radius, samples=32),), WHITE, marks=((iris, colours.third),), ink=0.9),
        Shape((oval(pupil, 0.58 * radius),), NIGHT, ink=0, solid=True),
        Shape(lights, WHITE, ink=0),
    ]


def lashes(centre: Point, radius: float) -> tuple[Points, ...]:
    """Three lashes at the outer upper corner, for an eye on the right of the face."""
    at = np.asarray(centre)
    return tuple(np.stack([at + polar(a, radius), at + polar(a + 6, 1.34 * radius)]) for a in (30, 52, 74))


def ear(base: Point, tip: Point, width: float, outer: tuple[int, int, int], inner: tuple[int, int, int],
        belly: float = 0.5) -> Shape:
    """A leaf-shaped ear with its inside."""
    start, end = np.asarray(base), np.asarray(tip)
    inside = petal(start + 0.12 * (end - start), start + 0.84 * (end - start), 0.56 * width, belly)
    return Shape((petal(start, end, width, belly),), outer, marks=((inside, inner),))


def both(part: Shape) -> list[Shape]:
    """A part of the right half of a face, and its mirror image."""
    return [part, part.moved(mirror=True)]


def brow(colours: Palette, rng: Random, top: float) -> list[Mark]:
    """The ornament of a forehead: a flower, a tower of dots or a diamond."""
    kind = rng.randrange(3)
    if kind == 0:
        return flower((0.0, top), 0.25, 6, (colours.second, colours.belly, colours.third))
    if kind == 1:
        sizes = (0.13, 0.09, 0.065)
        return [(oval((0.0, top + 0.12 - 0.27 * k), size, samples=14),
                 (colours.second, colours.belly, colours.third)[k])
                for k, size in enumerate(sizes)]
    centre = np.array([0.0, top])
    diamond = np.array([[0, -0.3], [0.17, 0], [0, 0.3], [-0.17, 0]])
    return [(diamond + centre, colours.second), (0.55 * diamond + centre, colours.belly)]


def blush(colours: Palette, x: float, y: float, size: float = 0.17) -> list[Mark]:
    """Round cheeks on both sides."""
    tone = mix(colours.main, (255, 90, 110),
               0.6) if colours.main[0] < 200 else mix(colours.second, (255, 120, 120), 0.5)
    return [(oval((side * x, y), size, 0.8 * size), tone) for side in (-1, 1)]


def face(skull: Points, marks: Sequence[Mark], colours: Palette, lines: Sequence[Points] = ()) -> Shape:
    """The front of a head that looks at us."""
    return Shape((skull,), colours.main, marks=tuple(marks), lines=tuple(lines), shade=4.0)


def smile(y: float, width: float) -> list[Points]:
    """A mouth of two arcs under a nose, like a flat w."""
    return [arc((side * width / 2, y), width / 2, 180 + 10, 360 - 10, 10) for side in (-1, 1)]


def whiskers(x: float, y: float, length: float) -> list[Points]:
    """Three whiskers on each side."""
    right = [np.stack([np.array([x, y + 0.09 * k]), np.array([x + length, y + 0.2 * k - 0.04])]) for k in (-1, 0, 1)]
    return right + [mirrored(line) for line in right]


def cat(rng: Random, colours: Palette) -> Head:
    """A jaguar's face: round ears or pointed ones, muzzle and whiskers."""
    skull = smooth([(0, -0.92), (0.62, -0.78), (1.0, -0.12), (0.86, 0.5), (0.4, 0.86), (0, 0.92),
                    (-0.4, 0.86), (-0.86, 0.5), (-1.0, -0.12), (-0.62, -0.78)], closed=True)
    muzzle = [oval((side * 0.24, 0.5), 0.32, 0.28) for side in (-1, 1)]
    marks = [*brow(colours, rng, -0.56), *blush(colours, 0.68, 0.36), *((m, colours.belly) for m in muzzle),
             (oval((0, 0.66), 0.3, 0.24), colours.belly)]
    for side in (-1, 1):
        marks += [(petal((side * 0.62, y), (side * 1.1, y - 0.08), 0.13), colours.deep) for y in (-0.28, 0.02)]
    nose = Shape((smooth([(-0.17, 0.24), (0, 0.22), (0.17, 0.24), (0.0, 0.42)], closed=True),), NIGHT, ink=0.5,
                 solid=True)
    pointed = rng.random() < 0.5
    part = ear((0.52, -0.5), (0.9, -1.36) if pointed else (0.92, -1.14), 0.72 if pointed else 0.66, colours.main,
               colours.second,
               0.35 if pointed else 0.6)
    front = [face(skull, marks, colours, [*smile(0.5, 0.3), *whiskers(0.5, 0.52, 0.62)]), nose]
    for x in (-0.42, 0.42):
        front += eye((x, -0.1), 0.27, colours)
    return Head(tuple(both(part)), tuple(front), (((0.3, -0.86), 62.0), ((-0.3, -0.86), 118.0)))


def rabbit(rng: Random, colours: Palette) -> Head:
    """Long ears, big teeth."""
    skull = smooth([(0, -0.95), (0.6, -0.74), (0.86, -0.1), (0.9, 0.42), (0.5, 0.86), (0, 0.94),
                    (-0.5, 0.86), (-0.9, 0.42), (-0.86, -0.1), (-0.6, -0.74)], closed=True)
    marks = [*brow(colours, rng, -0.56), *blush(colours, 0.66, 0.4), (oval((0, 0.58), 0.46, 0.36), colours.belly)]
    teeth = Shape((np.array([[-0.14, 0.6], [0.14, 0.6], [0.12, 0.84], [-0.12, 0.84]]),), WHITE, ink=0.6,
                  lines=(np.array([[0.0, 0.6], [0.0, 0.84]]),))
    nose = Shape((oval((0, 0.38), 0.14, 0.1),), colours.second, ink=0.7)
    tilt = rng.uniform(0.3, 0.62)
    left = ear((-0.34, -0.7), (-tilt, -2.25), 0.58, colours.main, colours.second, 0.6)
    right = ear((0.34, -0.7), (tilt, -2.25), 0.58, colours.main, colours.second, 0.6)
    front = [face(skull, marks, colours, whiskers(0.5, 0.5, 0.5)), teeth,
             Shape((), colours.main, lines=tuple(smile(0.54, 0.34)), ink=0), nose]
    for x in (-0.4, 0.4):
        front += eye((x, -0.06), 0.27, colours)
    return Head((left, right), tuple(front), (((0.08, -0.92), 70.0), ((-0.08, -0.92), 110.0)))


def fox(rng: Random, colours: Palette) -> Head:
    """A coyote's triangle with white cheeks."""
    skull = smooth([(0, -0.82), (0.55, -0.74), (0.92, -0.3), (1.12, 0.26), (0.62, 0.56), (0.22, 0.96), (0, 1.02),
                    (-0.22, 0.96), (-0.62, 0.56), (-1.12, 0.26), (-0.92, -0.3), (-0.55, -0.74)], closed=True)
    cheek = smooth([(0.12, 0.3), (0.5, 0.16), (1.2, 0.2), (0.66, 0.7), (0.2, 1.1), (0.0, 1.1), (0.0, 0.5)], closed=True)
    marks = [(cheek, colours.belly), (mirrored(cheek), colours.belly), *brow(colours, rng, -0.48)]
    marks += [(oval((side * (0.5 + 0.16 * k), 0.46 - 0.03 * k), 0.045, samples=10), colours.second) for side in (-1, 1)
              for k in range(3)]
    nose = Shape((smooth([(-0.18, 0.74), (0, 0.68), (0.18, 0.74), (0.0, 0.98)], closed=True),), NIGHT, ink=0.5,
                 solid=True)
    part = ear((0.54, -0.46), (0.86, -1.56), 0.74, colours.main, colours.second, 0.38)
    front = [face(skull, marks, colours), nose]
    for x in (-0.42, 0.42):
        front += eye((x, -0.06), 0.25, colours)
    return Head(tuple(both(part)), tuple(front), (((0.2, -0.8), 68.0), ((-0.2, -0.8), 112.0)))


def owl(rng: Random, colours: Palette) -> Head:
    """Two wheels of feathers around the eyes, and a small beak."""
    skull = smooth([(0, -0.8), (0.5, -0.82), (0.98, -1.06), (0.98, -0.4), (1.0, 0.2), (0.66, 0.78), (0, 0.98),
                    (-0.66, 0.78), (-1.0, 0.2), (-0.98, -0.4), (-0.98, -1.06), (-0.5, -0.82)], closed=True)
    marks: list[Mark] = []
    for side in (-1, 1):
        centre = np.array([side * 0.45, -0.06])
        marks += [(petal(centre, centre + polar(a, 0.66), 0.24), colours.second if a % 60 else colours.belly)
                  for a in range(0, 360, 30)]
        marks.append((oval(centre, 0.44), colours.belly))
    marks += [(oval((0.28 * k, 0.76 - 0.1 * abs(k)), 0.06, samples=10), colours.second) for k in (-1, 0, 1)]
    beak = Shape((smooth([(-0.15, 0.2), (0, 0.12), (0.15, 0.2), (0.0, 0.58)], closed=True),), (255, 176, 32))
    front = [face(skull, marks, colours), beak]
    for x in (-0.43, 0.43):
        front += eye((x, -0.06), 0.31, colours)
    return Head((), tuple(front), (((0.34, -0.8), 66.0), ((-0.34, -0.8), 114.0)))


def axolotl(rng: Random, colours: Palette) -> Head:
    """A wide smile between three pairs of feathery gills."""
    skull = smooth([(0, -0.72), (0.66, -0.62), (1.1, -0.1), (1.0, 0.42), (0.5, 0.74), (0, 0.8),
                    (-0.5, 0.74), (-1.0, 0.42), (-1.1, -0.1), (-0.66, -0.62)], closed=True)
    gills: list[Shape] = []
    for angle, length in ((-6, 1.86), (22, 1.95), (50, 1.75)):
        root, tip = polar(angle, 0.75), polar(angle + 8, length)
        spread = [petal(root + t * (tip - root), root + t * (tip - root) + polar(angle + turn_by, 0.34), 0.14)
                  for t in (0.42, 0.62, 0.8) for turn_by in (62, -62)]
        gills += both(Shape((petal(root, tip, 0.3), *spread), colours.second, ink=0.8,
                            marks=((petal(root, root + 0.85 * (tip - root), 0.12), colours.belly),)))
    marks = [*brow(colours, rng, -0.42), *blush(colours, 0.74, 0.34), (oval((0, 0.98), 0.8, 0.5), colours.belly)]
    front = [face(skull, marks, colours, [arc((0, 0.0), 0.48, 208, 332)])]
    for x in (-0.58, 0.58):
        front += eye((x, -0.08), 0.24, colours)
    return Head(tuple(gills), tuple(front), (((0.26, -0.7), 66.0), ((-0.26, -0.7), 114.0)))


FACES: dict[str, Callable[[Random, Palette], Head]] = {
    "cat_head": cat,
    "rabbit_head": rabbit,
    "fox_head": fox,
    "owl_head": owl,
    "axolotl_head": axolotl,
}
