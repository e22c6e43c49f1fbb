"""What is put on a body: wings, horns, tails and crests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import numpy as np

from alebrije.data.drawing.canvas import Mark, Shape, limb, mix
from alebrije.data.drawing.geometry import Point, Points, Tube, oval, petal, polar, ribbon, smooth, tube, turn
from alebrije.data.drawing.palette import CREAM, Palette
from alebrije.data.drawing.patterns import cuffs, dot, flower, row_of_dots

# Wings: the root at the origin, a span of about 1, raised up and back (to the left).


def feather_wing(rng: Random, colours: Palette) -> list[Shape]:
    """Three rows of feathers, each with a painted quill, and a shoulder."""
    shapes: list[Shape] = []
    start, end = rng.uniform(88, 98), rng.uniform(176, 196)
    rows = ((8, 1.0, 0.24, colours.second, colours.belly), (7, 0.66, 0.21, colours.third, colours.belly),
            (5, 0.4, 0.2, colours.light, colours.second))
    for count, reach, width, tone, heart in rows:
        for k in range(count):
            t = k / (count - 1)
            angle = end + (start - end) * t
            length = reach * (0.68 + 0.32 * np.sin(np.pi * (0.2 + 0.55 * t)))
            tip, root = polar(angle, length), polar(angle, 0.08)
            marks = [(petal(0.35 * tip, 0.93 * tip, 0.42 * width), heart), *dot(0.88 * tip, 0.035, tone)]
            marks.append((ribbon(np.stack([root, 0.5 * (root + tip), 0.9 * tip]), 0.022, 0.3),
                          mix(tone, colours.ink, 0.5)))
            shapes.append(Shape((petal(root, tip, width, 0.66),), tone, marks=tuple(marks), ink=0.75))
    return [*shapes, _shoulder(colours)]


def bat_wing(rng: Random, colours: Palette) -> list[Shape]:
    """A scalloped membrane between fingers."""
    wrist = polar(rng.uniform(84, 94), 0.6)
    tips = [polar(a, length) for a, length in ((rng.uniform(108, 114), 1.16), (137, 1.12), (163, 0.98), (189, 0.7))]
    hem = [smooth([a, 0.86 * (a + b) / 2, b], samples=6)[:-1] for a, b in pairwise(tips)]
    edge = [np.array([0.08, 0.06]), 0.55 * wrist + (0.05, 0), wrist, 0.5 * (wrist + tips[0]) + polar(60, 0.05), tips[0]]
    front = smooth(np.stack(edge), samples=6)
    membrane = np.concatenate([front, *hem, tips[-1:], np.array([[-0.16, 0.16]])])
    marks: list[Mark] = []
    for a, b in pairwise(tips):
        heart = 0.68 * (a + b) / 2 + 0.1 * wrist
        marks += dot(heart, 0.1, colours.third, colours.belly, colours.main)
        marks += [(oval(p, 0.028, samples=8), colours.belly)
                  for p in (0.88 * smooth([a, 0.86 * (a + b) / 2, b], samples=4))[1:-1]]
    bones = [tube([(*wrist, 0.05), (*(0.5 * (wrist + tip) + polar(120, 0.04)), 0.034), (*tip, 0.012)], samples=5)
             for tip in tips[1:]]
    lead = tube([(*wrist, 0.05), (*(0.5 * (wrist + tips[0]) + polar(60, 0.045)), 0.034), (*tips[0], 0.012)], samples=5)
    arm = tube([(0.02, 0.06, 0.09), (*(0.5 * wrist + (0.04, 0.02)), 0.07), (*wrist, 0.06)], samples=5)
    claw = Shape((petal(wrist, wrist + polar(70, 0.17), 0.09, 0.4),), CREAM, ink=0.7)
    rings = cuffs(arm, (0.2, 0.4, 0.6, 0.8), (colours.second, colours.belly))
    skin = Shape((membrane,), colours.second, marks=tuple(marks), shade=3.0)
    return [claw, skin, limb([*bones, lead, arm], colours.main, rings, ink=0.75), _shoulder(colours)]


def butterfly_wing(rng: Random, colours: Palette) -> list[Shape]:
    """Two lobes with a dark hem of light dots and an eye on each."""
    upper = smooth([(0.02, 0.02), (0.1, -0.5), (-0.05, -1.0), (-0.5, -1.12), (-0.86, -0.86), (-0.74, -0.4),
                    (-0.34, -0.06)], closed=True)
    lower = smooth([(-0.04, 0.0), (-0.42, -0.26), (-0.84, -0.22), (-0.96, 0.1), (-0.66, 0.36), (-0.26, 0.24)],
                   closed=True)
    lobes = []
    for area, centre, tones in ((lower, (-0.58, 0.04), (colours.third, colours.second)),
                                (upper, (-0.38, -0.66), (colours.second, colours.third))):
        middle = np.asarray(centre)
        hem = middle + 0.86 * (area - middle)
        inner = middle + 0.72 * (area - middle)
        marks: list[Mark] = [(inner, tones[0]), *((oval(p, 0.032, samples=10), CREAM) for p in hem[::4])]
        marks += [(petal(0.3 * middle, 0.2 * middle + 0.8 * p, 0.1), mix(tones[0], CREAM, 0.45)) for p in inner[6::9]]
        marks += flower(middle, 0.2 if area is lower else 0.27, 8, (tones[1], CREAM, colours.main), 10.0)
        lobes.append(Shape((area,), colours.deep, marks=tuple(marks), ink=0.9))
    return lobes


def _shoulder(colours: Palette) -> Shape:
    centre = np.array([-0.03, -0.02])
    wreath = [(oval(centre + polar(a, 0.125), 0.024, samples=8), colours.belly) for a in range(0, 360, 45)]
    return Shape((oval(centre, 0.17, samples=22),), colours.main,
                 marks=(*wreath, *flower(centre, 0.09, 6, (colours.second, colours.third, colours.belly))))


WINGS: dict[str, Callable[[Random, Palette], list[Shape]]] = {
    "feather_wings": feather_wing,
    "bat_wings": bat_wing,
    "butterfly_wings": butterfly_wing,
}


# Horns: the root at the origin, growing upwards and bending to the right, about 1 long.


def antler(rng: Random, colours: Palette) -> Shape:
    """A branching beam with rounded ends and painted rings."""
    beam = tube([(0, 0.1, 0.1), (0.16, -0.45, 0.085), (0.2, -0.85, 0.07), (0.5, -1.35, 0.045)])
    tines = [tube([(0.17, -0.5, 0.07), (0.42, -0.68, 0.055), (0.52, -0.95, 0.04)], samples=5),
             tube([(0.2, -0.85, 0.06), (0.06, -1.15, 0.05), (0.1, -1.42, 0.035)], samples=5)]
    return limb([beam, *tines], mix(colours.third, CREAM, 0.35),
                cuffs(beam, (0.15, 0.3, 0.45, 0.6, 0.75), (colours.second,)), ink=0.8)


def ram_horn(rng: Random, colours: Palette) -> Shape:
    """A curl with ridges."""
    t = np.linspace(0, 1, 14)
    angle = np.radians(170 - 400 * t)
    reach = 0.46 * (1 - 0.62 * t)
    knots = np.stack([0.42 + reach * np.cos(angle), -0.12 - reach * np.sin(angle), 0.19 * (1 - t) ** 0.8 + 0.03],
                     axis=1)
    horn = tube(knots, samples=4)
    return limb([horn], mix(colours.third, CREAM, 0.4),
                cuffs(horn, np.linspace(0.06, 0.9, 11).tolist(), (colours.second,)), ink=0.8)


def bull_horn(rng: Random, colours: Palette) -> Shape:
    """A crescent, pale with a dark tip."""
    horn = tube([(0, 0.1, 0.17), (0.3, -0.2, 0.15), (0.52, -0.55, 0.1), (0.46, -0.95, 0.02)])
    tip = horn.at([0.72, 0.72, 1.0], [-1.3, 1.3, 0.0])
    marks = [(np.concatenate([tip[:2], horn.at([1.1, 1.1], [3.0, -3.0])]), colours.second),
             *cuffs(horn, (0.2, 0.34), (colours.second, colours.third))]
    return limb([horn], CREAM, marks, ink=0.8)


def unicorn_horn(rng: Random, colours: Palette) -> Shape:
    """A straight cone with a winding band."""
    horn = tube([(0, 0.12, 0.15), (0, -0.6, 0.085), (0, -1.3, 0.012)])
    marks = [(ribbon(horn.at([u, u + 0.08], [-1.2, 1.2]), 0.075), colours.second) for u in np.linspace(0.05, 0.85, 7)]
    return limb([horn], CREAM, marks, ink=0.8)


def antenna(rng: Random, colours: Palette) -> Shape:
    """A thin stalk with a bead."""
    stalk = tube([(0, 0.1, 0.035), (0.1, -0.5, 0.032), (0.42, -0.98, 0.03)])
    bead = oval((0.46, -1.08), 0.15)
    return limb([stalk], colours.third, dot(np.array([0.46, -1.08]), 0.09, colours.belly, colours.second), ink=0.7,
                more=(bead,))


HORNS: dict[str, Callable[[Random, Palette], Shape]] = {
    "antlers": antler,
    "ram_horns": ram_horn,
    "bull_horns": bull_horn,
    "unicorn_horn": unicorn_horn,
    "antennae": antenna,
}


# Tails: from `root` towards `angle` (degrees); shapes behind the torso.


def _placed(root: Point, angle: float, knots: Sequence[tuple[float, float, float]]) -> Tube:
    """A tube given in a frame whose x axis points along `angle` and whose y axis points downwards on a tail."""
    array = np.asarray(knots, dtype=np.float64)
    line = turn(array[:, :2] * np.array([1.0, -1.0]), angle) + np.asarray(root)
    return tube(np.concatenate([line, array[:, 2:]], axis=1))


def long_tail(rng: Random, colours: Palette, root: Point, angle: float) -> list[Shape]:
    """A swinging tail with a tassel."""
    tail = _placed(root, angle,
                   [(-0.1, 0, 0.1), (0.2, 0.08, 0.075), (0.42, -0.06, 0.06), (0.56, -0.3, 0.05), (0.74, -0.38, 0.045)])
    end = tail.centre[-1]
    heading = tail.centre[-1] - tail.centre[-4]
    way = float(np.degrees(np.arctan2(-heading[1], heading[0])))
    tassel = [Shape((petal(end - polar(way, 0.04), end + polar(way + spread, 0.26), 0.13),), tone, ink=0.8)
              for spread, tone in ((38, colours.third), (-38, colours.third), (0, colours.second))]
    return [*tassel, limb([tail], colours.main,
                          cuffs(tail, np.linspace(0.3, 0.95, 7).tolist(), (colours.second, colours.third)), 3.0)]


def curled_tail(rng: Random, colours: Palette, root: Point, angle: float) -> list[Shape]:
    """A spiral of two turns, like a chameleon's."""
    t = np.linspace(0, 1, 12)
    turns = np.radians(-80 + 560 * t)
    reach = 0.27 * (1 - 0.72 * t)
    curl = np.stack([0.46 + reach * np.cos(turns), -0.02 - reach * np.sin(turns), 0.085 * (1 - 0.55 * t)], axis=1)
    tail = _placed(root, angle, [(-0.12, 0.0, 0.12), (0.16, 0.16, 0.1), *map(tuple, curl.tolist())])
    return [limb([tail], colours.main,
                 [*cuffs(tail, np.linspace(0.12, 0.96, 15).tolist(), (colours.second, colours.third)),
                                        *row_of_dots(tail, 0.0, 0.016, colours.belly, gap=4.0)], 2.0)]


def plume_tail(rng: Random, colours: Palette, root: Point, angle: float) -> list[Shape]:
    """A fan of long feathers with eyes, like a peacock's."""
    shapes = []
    base = np.asarray(root)
    for k, spread in enumerate((-46, 46, -27, 27, -9, 9)):
        tip = base + polar(angle + spread + 6, 0.8 - 0.0028 * abs(spread))
        heart = base + 0.84 * (tip - base)
        tone = (colours.second, colours.third, colours.light)[(k // 2) % 3]
        marks = [(ribbon(np.stack([base, 0.5 * (base + heart), heart]), 0.025), colours.deep),
                 *dot(heart, 0.075, colours.main, colours.belly, colours.deep)]
        shapes.append(Shape((petal(base, tip, 0.24, 0.74),), tone, marks=tuple(marks), ink=0.8))
    return shapes


def arrow_tail(rng: Random, colours: Palette, root: Point, angle: float) -> list[Shape]:
    """A slim tail that ends in an arrowhead."""
    tail = _placed(root, angle,
                   [(-0.12, 0, 0.12), (0.18, 0.14, 0.085), (0.4, 0.02, 0.06), (0.54, -0.24, 0.045), (0.62, -0.4, 0.03)])
    end = tail.centre[-1]
    heading = end - tail.centre[-4]
    way = float(np.degrees(np.arctan2(-heading[1], heading[0])))
    head = turn(np.array([[-0.06, 0], [-0.1, -0.13], [0.2, 0], [-0.1, 0.13]]), way) + end
    heart = turn(np.array([[0.0, 0], [-0.03, -0.06], [0.1, 0], [-0.03, 0.06]]), way) + end
    return [limb([tail], colours.main, [*row_of_dots(tail, -0.1, 0.026, colours.second, span=(0.15, 0.95)),
                                        *row_of_dots(tail, -0.1, 0.012, colours.belly, gap=5.6, span=(0.15, 0.95))],
                                        3.0),
            Shape((head,), colours.second, marks=((heart, colours.belly),))]


def fish_tail(rng: Random, colours: Palette, root: Point, angle: float) -> list[Shape]:
    """A stalk and a fin of two lobes with rays."""
    tail = _placed(root, angle, [(-0.14, 0, 0.13), (0.12, 0.03, 0.09), (0.28, 0.0, 0.06)])
    base, ray = tail.centre[-1], angle
    fin = [petal(base - polar(ray, 0.06), base + polar(ray + side * 36, 0.46), 0.26, 0.7) for side in (-1, 1)]
    marks = [(ribbon(np.stack([base, base + polar(ray + a, 0.25), base + polar(ray + a, 0.42)]), 0.02), colours.belly)
             for a in (-50, -40, -30, -20, 20, 30, 40, 50)]
    marks += [m for side in (-1, 1)
              for m in dot(base + polar(ray + side * 36, 0.3), 0.06, colours.third, colours.belly)]
    return [Shape(tuple(fin), colours.second, marks=tuple(marks)),
            limb([tail], colours.main, row_of_dots(tail, 0.0, 0.022, colours.belly), 3.0)]


TAILS: dict[str, Callable[[Random, Palette, Point, float], list[Shape]]] = {
    "long_tail": long_tail,
    "curled_tail": curled_tail,
    "plume_tail": plume_tail,
    "arrow_tail": arrow_tail,
    "fish_tail": fish_tail,
}


# Where it begins on the back (0: the hips), and each tuft's width, length and lean backwards in degrees.
CRESTS = {"mane": (0.62, 0.13, 0.2, 24.0), "spikes": (0.0, 0.15, 0.15, 12.0), "plumes": (0.45, 0.12, 0.3, 34.0)}


def crest(kind: str, torso: Tube, span: tuple[float, float], colours: Palette) -> list[Shape]:
    """A mane, spikes or plumes along the upper side of the torso, behind it; nothing for ``no_crest``."""
    if kind not in CRESTS:
        return []
    start, width, length, lean = CRESTS[kind]
    low = span[0] + start * (span[1] - span[0])
    count = max(4, round((span[1] - low) * torso.length / (0.62 * width)))
    shapes = []
    for k, u in enumerate(np.linspace(low, span[1], count)):
        root, edge = torso.at(u, -0.7), torso.at(u, -1.0)
        away = (edge - root) / max(float(np.hypot(*(edge - root))), 1e-9)
        grow = 0.72 + 0.28 * np.sin(np.pi * (k + 0.5) / count)
        tip = edge + turn(away[None], lean)[0] * length * grow
        tone = (colours.second, colours.third)[k % 2]
        shapes.append(_tuft(kind, root, edge, tip, width, tone, colours))
    return shapes


def _tuft(kind: str, root: Points, edge: Points, tip: Points, width: float, tone: tuple[int, int, int],
          colours: Palette) -> Shape:
    if kind == "spikes":
        axis = tip - root
        side = np.array([axis[1], -axis[0]]) / np.hypot(*axis) * width / 2
        return Shape((np.stack([root + side, tip, root - side]),), tone, marks=tuple(dot(edge, 0.028, colours.belly)),
                     ink=0.8)
    marks = dot(root + 0.84 * (tip - root), 0.034, colours.belly, colours.main) if kind == "plumes" else []
    return Shape((petal(root, tip, width, 0.6),), tone, marks=tuple(marks), ink=0.8)
