"""Body plans: where torso, legs, wings, tail and head lie. Creatures look to the right; a torso is about 1 long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import numpy as np

from alebrije.data.drawing.geometry import Point, Points, Tube, tube


@dataclass(frozen=True)
class Leg:
    """A leg and the line of its sole, from heel to toe."""

    limb: Tube
    sole: tuple[Point, Point]
    bird: bool = False


@dataclass(frozen=True)
class Body:
    """The skeleton with flesh on: `torso` runs from the hips to the neck; the head sits at its end.

    `haunches` are round areas (centre, radius) of the near side, `shoulder` is the root of the near wing, `back` the
    span of the torso's `u` that carries a crest, `tail` the root of the tail and its direction in degrees.
    """

    torso: Tube
    near: tuple[Leg, ...]
    far: tuple[Leg, ...]
    haunches: tuple[tuple[Point, float], ...]
    shoulder: Point
    wing: float
    tail: tuple[Point, float]
    head: Point
    head_radius: float
    back: tuple[float, float]
    lifted: float = 0.0


def leg(top: Point, foot: Point, bend: float, thick: float, *, slim: float = 0.4, toe: float = 0.13) -> Leg:
    """A leg from `top` to `foot`, the ankle right above it; the knee lies `bend` to the right of the straight line."""
    (x0, y0), (x1, y1) = top, foot
    knots = [
        (x0, y0, thick),
        (x0 + 0.45 * (x1 - x0) + bend, y0 + 0.45 * (y1 - y0), 0.72 * thick),
        (x0 + 0.78 * (x1 - x0) - 0.35 * bend, y0 + 0.78 * (y1 - y0), (slim + 0.08) * thick),
        (x1, y1 - 0.045, slim * thick),
    ]
    return Leg(tube(knots, samples=6), ((x1 - 0.045, y1), (x1 + toe, y1)))


def quadruped(rng: Random, pose: str) -> Body:
    """Four legs: cat, deer, coyote, llama or none of them."""
    girth, height, neck = rng.uniform(0.2, 0.255), rng.uniform(0.5, 0.68), rng.uniform(0.05, 0.38)
    if pose == "sitting":
        return _sitting(rng, girth, neck)
    length, arch = rng.uniform(0.72, 0.95), rng.uniform(-0.03, 0.05)
    nose_up = 0.16 if pose == "leaping" else 0.0
    end = (length + 0.2 + 0.15 * neck, -0.3 - neck - nose_up)
    torso = tube([
        (0.0, 0.02, 0.94 * girth),
        (0.3 * length, 0.0 - arch, 0.9 * girth),
        (0.65 * length, 0.01 - arch - 0.3 * nose_up, 0.95 * girth),
        (0.95 * length, -0.03 - 0.6 * nose_up, 0.98 * girth),
        (length + 0.11, (-0.2 - 0.4 * neck) - nose_up, 0.66 * girth),
        (*end, 0.52 * girth),
    ])
    swings = {"standing": (0.0, 0.0, 0.02, 0.0), "walking": (-0.14, 0.16, 0.17, -0.13),
              "leaping": (-0.34, 0.34, -0.26, 0.26)}
    hind, front, far_hind, far_front = swings[pose]
    lift = 0.1 if pose == "leaping" else 0.0
    hip, shoulder, thick = (0.0, 0.06), (0.93 * length, 0.04 - 0.6 * nose_up), 0.66 * girth
    ground = height
    near = (
        leg(hip, (hip[0] - 0.03 + hind, ground - lift), 0.06, thick),
        leg(shoulder, (shoulder[0] + front, ground - 2.6 * lift), -0.025 + 0.1 * lift, 0.86 * thick),
    )
    far = (
        leg((hip[0] + 0.14, 0.04), (hip[0] + 0.14 + far_hind, ground - 0.04 - 1.4 * lift), 0.06, 0.9 * thick),
        leg((shoulder[0] + 0.1, shoulder[1]), (shoulder[0] + 0.13 + far_front, ground - 0.04 - 3.4 * lift), -0.02,
            0.8 * thick),
    )
    return Body(torso, near, far, ((hip, 0.72 * girth), (shoulder, 0.55 * girth)), (0.72 * length, -0.5 * girth), 0.62,
                ((-0.72 * girth, -0.4 * girth), 150.0), (end[0] + 0.03, end[1] - 0.05), rng.uniform(0.26, 0.31),
                (0.1, 0.97), 0.1 if pose == "leaping" else 0.0)


def _sitting(rng: Random, girth: float, neck: float) -> Body:
    end = (0.5, -0.42 - 0.6 * neck)
    torso = tube([
        (0.02, 0.36, 1.12 * girth),
        (0.18, 0.18, 1.08 * girth),
        (0.36, -0.04, 0.98 * girth),
        (0.46, -0.22 - 0.2 * neck, 0.72 * girth),
        (*end, 0.55 * girth),
    ])
    thigh = Leg(tube([(0.06, 0.36, 0.95 * girth), (0.2, 0.42, 0.7 * girth), (0.2, 0.54, 0.35 * girth)], samples=6),
                ((0.1, 0.6), (0.38, 0.6)))
    near = (leg((0.4, 0.04), (0.47, 0.6), 0.02, 0.55 * girth), thigh)
    far = (leg((0.5, 0.04), (0.59, 0.58), 0.02, 0.5 * girth), )
    back_foot = Leg(tube([(0.2, 0.45, 0.3 * girth), (0.28, 0.53, 0.3 * girth)], samples=4), ((0.2, 0.58), (0.46, 0.58)))
    return Body(torso, near, (*far, back_foot), (((0.06, 0.36), 0.74 * girth),), (0.22, 0.0), 0.62,
                ((-0.14, 0.5), 178.0), (end[0] + 0.03, end[1] - 0.07), rng.uniform(0.28, 0.33), (0.15, 0.97))


def biped(rng: Random, pose: str) -> Body:
    """Two legs: bird or small dinosaur, the body an egg on its side."""
    girth, height, neck = rng.uniform(0.25, 0.31), rng.uniform(0.56, 0.7), rng.uniform(0.05, 0.3)
    end = (0.66 + 0.1 * neck, -0.42 - neck)
    torso = tube([
        (-0.12, 0.06, 0.36 * girth),
        (0.08, 0.08, 0.82 * girth),
        (0.3, 0.02, 1.02 * girth),
        (0.52, -0.12, 0.92 * girth),
        (0.63, -0.28 - 0.4 * neck, 0.62 * girth),
        (*end, 0.5 * girth),
    ])
    swing = 0.18 if pose == "walking" else 0.0
    bird = rng.random() < 0.5
    thick = (0.36 if bird else 0.6) * girth
    slim = 0.3 if bird else 0.42
    near = leg((0.27, 0.14), (0.25 + swing, height), 0.07, thick, slim=slim, toe=0.2)
    far = leg((0.38, 0.12), (0.4 - swing, height - 0.04), 0.07, 0.92 * thick, slim=slim, toe=0.2)
    near, far = Leg(near.limb, near.sole, bird), Leg(far.limb, far.sole, bird)
    haunch = () if bird else (((0.27, 0.14), 0.56 * girth),)
    return Body(torso, (near,), (far,), haunch, (0.42, -0.12), 0.62, ((-0.1, 0.02), 165.0),
                (end[0] + 0.02, end[1] - 0.06),
                rng.uniform(0.27, 0.32), (0.2, 0.97))


def hexapod(rng: Random, pose: str) -> Body:
    """Six legs under a long humped body: an insect's number on an animal's feet."""
    girth, height, hump = rng.uniform(0.19, 0.23), rng.uniform(0.38, 0.48), rng.uniform(0.02, 0.1)
    end = (1.28, -0.3 - rng.uniform(0.02, 0.2))
    torso = tube([
        (0.0, 0.02, 0.8 * girth),
        (0.25, -0.04 - hump, 0.98 * girth),
        (0.52, 0.0, 0.92 * girth),
        (0.8, -0.04 - hump, 1.0 * girth),
        (1.06, -0.06, 0.86 * girth),
        (1.2, -0.2, 0.62 * girth),
        (*end, 0.54 * girth),
    ])
    swing = 0.09 if pose == "walking" else 0.0
    thick = 0.5 * girth
    roots = (0.02, 0.5, 1.0)
    near = tuple(leg((x, 0.06), (x + swing * (-1) ** k, height), 0.03, thick) for k, x in enumerate(roots))
    far = tuple(leg((x + 0.15, 0.04), (x + 0.17 - swing * (-1) ** k, height - 0.04), 0.03, 0.9 * thick) for k,
                x in enumerate(roots))
    return Body(torso, near, far,
                (((roots[0], 0.04), 0.55 * girth), ((0.5, 0.04), 0.5 * girth), ((1.0, 0.04), 0.55 * girth)),
                (0.78, -0.14), 0.6, ((-0.12, -0.06), 150.0), (end[0] + 0.02,
                                                              end[1] - 0.06), rng.uniform(0.25, 0.29), (0.05, 0.97))


def serpent(rng: Random, pose: str) -> Body:
    """No legs: waves along the ground and a raised neck, as on the feathered serpent."""
    girth, wave = rng.uniform(0.13, 0.165), rng.uniform(0.1, 0.17)
    x = np.array([-0.3, -0.05, 0.18, 0.42, 0.66, 0.9, 1.08, 1.16, 1.06, 1.08])
    y = np.array([0.12, 0.32, 0.32 - wave * 1.6, 0.3, 0.36 - wave * 2.0, 0.32, 0.2, -0.06, -0.3, -0.5 - wave])
    r = girth * np.array([0.62, 0.72, 0.84, 0.95, 1.05, 1.1, 1.05, 0.95, 0.8, 0.72])
    torso = tube(np.stack([x, y, r], axis=1))
    end = (float(x[-1]), float(y[-1]))
    return Body(torso, (), (), (), (0.98, 0.1), 0.62, ((-0.3, 0.12), 140.0), (end[0] + 0.04, end[1] - 0.05),
                rng.uniform(0.24, 0.28), (0.12, 0.98))


def fish(rng: Random, pose: str) -> Body:
    """No legs: a drop that swims, in the air if it must."""
    girth, bend = rng.uniform(0.27, 0.35), rng.uniform(-0.06, 0.06)
    torso = tube([
        (-0.14, 0.02 + bend, 0.2 * girth),
        (0.1, 0.0, 0.62 * girth),
        (0.42, -0.04, 1.0 * girth),
        (0.74, -0.06, 0.98 * girth),
        (0.98, -0.07, 0.74 * girth),
    ])
    return Body(torso, (), (), (), (0.5, -0.12), 0.5, ((-0.13, 0.02 + bend), 180.0), (1.04, -0.1),
                rng.uniform(0.28, 0.33), (0.2, 0.85), 0.12)


PLANS: dict[str, Callable[[Random, str], Body]] = {
    "quadruped": quadruped,
    "biped": biped,
    "hexapod": hexapod,
    "serpent": serpent,
    "fish": fish,
}


def foot(one: Leg) -> list[Points]:
    """The areas of a foot: a paw with a rounded toe, or a bird's three toes."""
    (heel, ground), (toe, _) = one.sole
    if one.bird:
        ankle = np.array([heel + 0.045, ground - 0.05])
        ends = ((toe, ground), (0.6 * toe + 0.4 * heel, ground + 0.03), (heel - 0.07, ground + 0.01))
        return [tube([(*ankle, 0.03), (*(0.5 * (ankle + end)), 0.026), (*end, 0.018)], samples=3).outline()
                for end in ends]
    t = np.linspace(0, np.pi, 10)
    half = (toe - heel) / 2
    dome = np.stack([(heel + half) - 1.12 * half * np.cos(t), ground - 0.105 * np.sin(t) ** 0.7], axis=1)
    return [np.concatenate([dome, [[toe + 0.005, ground + 0.015], [heel - 0.005, ground + 0.015]]])]
