"""Heads seen from the side, in a frame of their own: the skull has radius 1 and looks to the right."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from alebrije.data.drawing.canvas import WHITE, Mark, Shape, mix
from alebrije.data.drawing.faces import Head, ear, eye, lashes
from alebrije.data.drawing.geometry import arc, oval, petal, polar, smooth
from alebrije.data.drawing.palette import NIGHT, Palette
from alebrije.data.drawing.patterns import dot, flower


def deer(rng: Random, colours: Palette) -> Head:
    """A long mild snout and leaf-shaped ears."""
    skull = smooth([(-0.7, -0.5), (-0.1, -0.92), (0.5, -0.7), (0.95, -0.16), (1.42, 0.16), (1.5, 0.52), (1.16, 0.74),
                    (0.6, 0.66), (0.1, 0.86), (-0.6, 0.62), (-0.92, 0.05)], closed=True)
    snout = smooth([(0.98, -0.2), (1.6, 0.0), (1.7, 0.9), (0.7, 0.9), (1.06, 0.4)], closed=True)
    marks: list[Mark] = [(snout, colours.belly)]
    marks += [(oval((0.66 - 0.2 * k, -0.5 - 0.08 * (k == 1)), 0.07, samples=10), colours.second) for k in range(3)]
    marks += [(oval((0.42, 0.44), 0.2, 0.15), mix(colours.second, (255, 130, 130), 0.4))]
    marks += dot(np.array([-0.4, 0.34]), 0.15, colours.second, colours.belly)
    nose = Shape((oval((1.4, 0.28), 0.16, 0.13, -25),), NIGHT, ink=0.5, solid=True)
    mouth = arc((0.98, 0.28), 0.36, -100, -30, 10)
    front = [Shape((skull,), colours.main, marks=tuple(marks), lines=(mouth,), shade=4.0), nose,
             *eye((0.28, -0.16), 0.3, colours),
             Shape((), colours.main, lines=lashes((0.28, -0.16), 0.34), ink=0),
             ear((-0.42, -0.48), (-1.36, -1.0), 0.56, colours.main, colours.second)]
    behind = ear((-0.2, -0.6), (-0.82, -1.42), 0.5, colours.deep, colours.second)
    return Head((behind,), tuple(front), (((0.2, -0.78), 74.0), ((-0.12, -0.84), 92.0)))


def dragon(rng: Random, colours: Palette) -> Head:
    """A broad snout with a nostril, small teeth and a frill behind the jaw."""
    skull = smooth([(-0.75, -0.5), (-0.1, -0.95), (0.5, -0.78), (0.88, -0.36), (1.3, -0.38), (1.68, -0.14), (1.7, 0.3),
                    (1.3, 0.56), (0.6, 0.66), (-0.1, 0.84), (-0.8, 0.5), (-0.95, 0.0)], closed=True)
    jaw = smooth([(0.1, 0.5), (0.8, 0.36), (1.8, 0.2), (1.8, 0.9), (0.3, 1.0)], closed=True)
    marks: list[Mark] = [(jaw, colours.belly), (oval((1.42, -0.16), 0.1, 0.07, 30), NIGHT)]
    marks += [(oval((0.62 + 0.22 * k, -0.62 + 0.16 * k), 0.075, samples=10), colours.second) for k in range(3)]
    marks += flower((-0.34, 0.22), 0.27, 6, (colours.second, colours.belly, colours.third), 15.0)
    mouth = smooth([(0.3, 0.42), (0.7, 0.36), (1.2, 0.26), (1.66, 0.14)])
    teeth = [Shape((np.array([[x, y], [x + 0.18, y - 0.03], [x + 0.1, y + 0.2]]),), WHITE, ink=0.5)
             for x, y in ((0.72, 0.35), (1.02, 0.3), (1.32, 0.23))]
    frill = [Shape((petal(polar(a, 0.5), polar(a, length), 0.5),), (colours.second, colours.third)[k % 2],
                   marks=((petal(polar(a, 0.6), polar(a, 0.86 * length), 0.16), colours.belly),))
             for k, (a, length) in enumerate(((140, 1.4), (166, 1.55), (192, 1.5), (218, 1.35)))]
    tongue = Shape((smooth([(1.4, 0.3), (1.8, 0.42), (2.1, 0.3), (1.86, 0.54), (1.4, 0.44)], closed=True),),
                   (232, 52, 84))
    front = [tongue, Shape((skull,), colours.main, marks=tuple(marks), lines=(mouth,), shade=4.0), *teeth,
             *eye((0.3, -0.3), 0.32, colours)]
    return Head(tuple(frill), tuple(front), (((0.14, -0.84), 84.0), ((-0.24, -0.84), 104.0)))


def bird(rng: Random, colours: Palette) -> Head:
    """A round head with a bent beak and a mask of colour around the eye."""
    skull = smooth([(-0.88, -0.2), (-0.5, -0.78), (0.1, -0.96), (0.66, -0.68), (0.92, -0.1), (0.8, 0.5), (0.2, 0.86),
                    (-0.5, 0.74)],
                   closed=True)
    long = rng.uniform(1.5, 2.0)
    upper = smooth([(0.66, -0.5), (1.15, -0.42), (long - 0.08, 0.0), (long - 0.12, 0.46), (1.22, 0.22), (0.74, 0.24)],
                   closed=True)
    lower = smooth([(0.7, 0.16), (1.24, 0.22), (1.42, 0.36), (1.1, 0.56), (0.7, 0.46)], closed=True)
    gold = (255, 176, 32)
    bands = [(oval((0.74, -0.1), 0.36 + 0.16 * k, 0.8, samples=20), tone)
             for k, tone in ((1, colours.second), (0, gold))]
    mask = smooth([(0.0, -0.62), (0.55, -0.5), (0.8, -0.1), (0.6, 0.34), (0.0, 0.4), (-0.3, -0.1)], closed=True)
    marks: list[Mark] = [(mask, colours.belly),
                         (oval((0.36, 0.5), 0.18, 0.13), mix(colours.second, (255, 130, 130), 0.4))]
    marks += [(oval(polar(a, 0.72), 0.075, samples=10), colours.second) for a in range(100, 290, 24)]
    front = [Shape((lower,), (226, 130, 24)), Shape((skull,), colours.main, marks=tuple(marks), shade=4.0),
             Shape((upper,), gold, marks=tuple(bands), shade=2.5), *eye((0.26, -0.14), 0.32, colours)]
    tuft = [Shape((petal(polar(a, 0.7), polar(a, length), 0.3),), (colours.second, colours.third)[k % 2])
            for k, (a, length) in enumerate(((134, 1.5), (116, 1.66), (98, 1.5)))]
    return Head(tuple(tuft), tuple(front), (((0.16, -0.86), 80.0), ((-0.2, -0.84), 100.0)))


PROFILES: dict[str, Callable[[Random, Palette], Head]] = {
    "deer_head": deer,
    "dragon_head": dragon,
    "bird_head": bird,
}
