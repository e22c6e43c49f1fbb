"""Put a creature together from its traits: body plan, head, wings, horns, tail, crest and pattern."""

from __future__ import annotations

from random import Random

import numpy as np

from alebrije.data.drawing.anatomy import PLANS, Body, Leg, foot
from alebrije.data.drawing.canvas import Colour, Layer, Mark, Shape, extent, limb, mix
from alebrije.data.drawing.faces import FACES
from alebrije.data.drawing.geometry import oval, petal, polar
from alebrije.data.drawing.palette import Palette, palette
from alebrije.data.drawing.parts import HORNS, TAILS, WINGS, crest
from alebrije.data.drawing.patterns import PATTERNS, belly, cuffs, rosette, row_of_dots
from alebrije.data.drawing.profiles import PROFILES
from alebrije.data.drawing.traits import Traits

HEADS = FACES | PROFILES
MARGIN = 0.06
GROUND = 0.9


def assemble(seed: int, traits: Traits) -> tuple[list[Shape], Colour, float]:
    """All shapes of the creature from the farthest to the nearest, its ink, and how high its feet hang in the air."""
    rng = Random(f"alebrije body {seed}")
    colours = palette(traits.colour, traits.accent.removesuffix("_details"), rng)
    body = PLANS[traits.plan](rng, traits.pose)
    feathers = WINGS[traits.wings](rng, colours) if traits.wings in WINGS else []
    wing = [s.moved(body.wing, body.shoulder) for s in feathers]
    behind = (body.shoulder[0] + 0.16, body.shoulder[1] - 0.06)
    far_wing = [s.moved(0.92 * body.wing, behind, -12).tinted(colours.ink, 0.28) for s in feathers]
    shapes = [
        *far_wing,
        *TAILS[traits.tail](rng, colours, *body.tail),
        *(_far_leg(one, colours) for one in body.far),
        *(_fins(colours) if traits.plan == "fish" else []),
        *crest(traits.crest, body.torso, body.back, colours),
        _torso(body, traits.pattern, rng, colours),
        *wing,
        *_head(body, traits, rng, colours),
    ]
    if traits.facing == "facing_left":
        shapes = [shape.moved(mirror=True) for shape in shapes]
    return shapes, colours.ink, body.lifted


def _torso(body: Body, pattern: str, rng: Random, colours: Palette) -> Shape:
    """Torso and near legs as one area with one contour, the pattern on it, and an ornament on each haunch."""
    torso = body.torso
    tones = (colours.second, colours.third, colours.belly, mix(colours.deep, (20, 120, 60), 0.35))
    marks: list[Mark] = PATTERNS[pattern](torso, rng, tones)
    if body.near or body.torso.radius.max() > 0.2:
        marks += belly(torso, colours.belly, colours.second, level=0.58)
    marks += row_of_dots(torso, -0.8, 0.017, colours.belly)
    more = [area for one in body.near for area in foot(one)]
    for (x, y), radius in body.haunches:
        centre = np.array([x, y])
        marks.append((oval(centre, 1.45 * radius, 1.6 * radius), colours.main))
    for one in body.near:
        marks += _leg_marks(one, colours)
    for (x, y), radius in body.haunches:
        marks += rosette(np.array([x, y]), 0.92 * radius, (colours.second, colours.main, colours.belly))
    return limb([torso, *(one.limb for one in body.near)], colours.main, marks, 5.0, more=more)


def _leg_marks(one: Leg, colours: Palette) -> list[Mark]:
    skin: list[Mark] = [(piece, colours.main) for piece in one.limb.pieces()[3:-2]]
    sock: list[Mark] = [(area, colours.second) for area in foot(one)]
    rings = cuffs(one.limb, (0.86, 0.76, 0.66), (colours.third, colours.second, colours.belly))
    return [*skin, *sock, *rings]


def _far_leg(one: Leg, colours: Palette) -> Shape:
    return limb([one.limb], colours.main, _leg_marks(one, colours), more=foot(one)).tinted(colours.ink, 0.3)


def _fins(colours: Palette) -> list[Shape]:
    """Fins above and below a fish."""
    fins = []
    for root, angle, length in (((0.5, -0.3), 128, 0.34), ((0.32, -0.2), 140, 0.3), ((0.46, 0.2), -125, 0.34),
                                ((0.62, 0.22), -110, 0.26)):
        base = np.asarray(root)
        tip = base + polar(angle, length)
        fins.append(Shape((petal(base, tip, 0.2, 0.6),), colours.second,
                          marks=((petal(base, base + 0.9 * (tip - base), 0.07), colours.belly),)))
    return fins


def _head(body: Body, traits: Traits, rng: Random, colours: Palette) -> list[Shape]:
    head = HEADS[traits.head](rng, colours)
    horns: list[Shape] = []
    if traits.horns in HORNS:
        horn = HORNS[traits.horns](rng, colours)
        roots = head.horns[:1] if traits.horns == "unicorn_horn" else head.horns
        profile = traits.head in PROFILES
        for k, ((x, y), angle) in enumerate(roots):
            if traits.horns == "unicorn_horn":
                horns.append(horn.moved(0.85, (x if profile else 0.0, y), -12 if profile else 0))
            else:
                mirror = profile or x < 0
                far = profile and k == 0
                part = horn.moved(0.8, (x, y), 0.5 * (angle - 90), mirror)
                horns.append(part.tinted(colours.ink, 0.25) if far else part)
    shapes = [*head.behind, *horns, *head.front]
    return [shape.moved(body.head_radius, body.head) for shape in shapes]


def place(shapes: list[Shape], ink: Colour, lifted: float, *, on_ground: bool) -> Layer:
    """Fit the shapes into the unit square, standing on the ground of a landscape or in the middle of the page."""
    low, high = extent(shapes)
    room = 1 - 2 * MARGIN
    top = MARGIN if not on_ground else 2 * MARGIN
    bottom = (GROUND - 1.5 * lifted) if on_ground else 1 - MARGIN
    scale = float(min(room / (high[0] - low[0]), (bottom - top) / (high[1] - low[1])))
    x = 0.5 - scale * float(low[0] + high[0]) / 2
    y = bottom - scale * float(high[1]) if on_ground else 0.5 - scale * float(low[1] + high[1]) / 2
    return Layer(tuple(shapes), (scale, scale), (x, y), ink)

