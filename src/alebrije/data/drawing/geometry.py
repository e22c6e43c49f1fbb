"""Curves and areas as arrays of points [N, 2]: x to the right, y downwards, in whatever unit the caller draws in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Point = tuple[float, float]

TAU = 2 * np.pi
_CATMULL_ROM = 0.5 * np.array([[0, 2, 0, 0], [-1, 0, 1, 0], [2, -5, 4, -1], [-1, 3, -3, 1]], dtype=np.float64)


def smooth(points: ArrayLike, *, closed: bool = False, samples: int = 8) -> Points:
    """A uniform Catmull-Rom spline with `samples` points a span; it passes through each of `points` [N, D]."""
    knots = np.asarray(points, dtype=np.float64)
    if closed:
        padded = np.concatenate([knots[-1:], knots, knots[:2]])
    else:
        padded = np.concatenate([2 * knots[:1] - knots[1:2], knots, 2 * knots[-1:] - knots[-2:-1]])
    corners = np.stack([padded[k : len(padded) - 3 + k] for k in range(4)], axis=1)
    curve = (_spline_weights(samples) @ corners).reshape(-1, knots.shape[1])
    return curve if closed else np.concatenate([curve, knots[-1:]])


@cache
def _spline_weights(samples: int) -> Points:
    t = np.arange(samples) / samples
    return np.asarray(np.stack([np.ones_like(t), t, t**2, t**3], axis=1) @ _CATMULL_ROM)


def polar(angle: float, length: float = 1.0) -> Points:
    """The vector of `length` at `angle` in degrees, counted from the right, positive towards the top of the picture."""
    radians = math.radians(angle)
    return np.array([length * math.cos(radians), -length * math.sin(radians)])


def turn(points: Points, angle: float) -> Points:
    """Rotate about the origin by `angle` degrees, counter-clockwise as seen."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    return np.asarray(points @ np.array([[c, -s], [s, c]]))


def oval(centre: ArrayLike, rx: float, ry: float | None = None, angle: float = 0.0, samples: int = 24) -> Points:
    """A closed ellipse with half axes `rx` and `ry` (a circle without `ry`), turned by `angle` degrees."""
    ring = _circle(samples) * ((rx, ry) if ry is not None else rx)
    return (turn(ring, angle) if angle else ring) + np.asarray(centre, dtype=np.float64)


@cache
def _circle(samples: int) -> Points:
    t = np.arange(samples) * (TAU / samples)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def petal(base: ArrayLike, tip: ArrayLike, width: float, belly: float = 0.6) -> Points:
    """A closed leaf from `base` to a rounded `tip`, widest (`width`) at the fraction `belly` of its length."""
    root = np.asarray(base, dtype=np.float64)
    x, y = (np.asarray(tip, dtype=np.float64) - root).tolist()
    half = width / 2 / (math.hypot(x, y) + 1e-12)
    return np.asarray(_leaf(belly) @ np.array([[x, y], [y * half, -x * half]]) + root)


@cache
def _leaf(belly: float) -> Points:
    """A petal from (0, 0) to (1, 0) of half width 1."""
    t = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, 20))
    half = np.sin(np.pi * t ** (math.log(0.5) / math.log(belly))) ** 0.75
    return np.concatenate([np.stack([t, half], axis=1)[:-1], np.stack([t, -half], axis=1)[:0:-1]])


def arc(centre: ArrayLike, radius: float, start: float, end: float, samples: int = 14) -> Points:
    """An open circular arc between two angles in degrees."""
    t = np.radians(np.linspace(start, end, samples))
    return np.asarray(centre, dtype=np.float64) + radius * np.stack([np.cos(t), -np.sin(t)], axis=1)


def spiral(centre: Points, radius: float, turns: float, start: float = 0.0, samples: int = 30) -> Points:
    """An Archimedean spiral from the rim at angle `start` (degrees) to the centre."""
    t = np.linspace(0, 1, samples)
    angle = np.radians(start) + TAU * turns * t
    reach = (radius * (1 - 0.92 * t))[:, None]
    return np.asarray(centre + reach * np.stack([np.cos(angle), -np.sin(angle)], axis=1))


def bounds(areas: Sequence[Points]) -> tuple[Points, Points]:
    """The smallest and the largest corner of all points."""
    everything = np.concatenate(areas)
    return everything.min(axis=0), everything.max(axis=0)


def normals(line: Points) -> Points:
    """Unit normals [N, 2] of an open line: for a line drawn to the right they point downwards."""
    tangent = np.empty_like(line)
    tangent[1:-1], tangent[0], tangent[-1] = line[2:] - line[:-2], line[1] - line[0], line[-1] - line[-2]
    length = np.maximum(np.hypot(tangent[:, 0], tangent[:, 1]), 1e-9)
    return np.asarray(tangent[:, ::-1] * (-1.0, 1.0) / length[:, None])


@dataclass(frozen=True)
class Tube:
    """A limb: a centre line [N, 2] with unit normals [N, 2] and a radius [N] along it, both ends rounded.

    Its surface has coordinates: `u` runs from 0 to 1 along the arc length and `v` from -1 to 1 across it (for a
    line drawn to the right, -1 is the upper side), so that patterns follow the limb however it bends.
    """

    centre: Points
    normal: Points
    radius: Points
    along: Points
    length: float

    def at(self, u: ArrayLike, v: ArrayLike) -> Points:
        """The points [..., 2] at the surface coordinates `u`, `v` (broadcast together)."""
        place = np.clip(np.asarray(u, dtype=np.float64), 0.0, 1.0)
        index = np.minimum(np.searchsorted(self.along, place, side="right"), len(self.along) - 1)
        before, after = self.along[index - 1], self.along[index]
        t = ((place - before) / np.maximum(after - before, 1e-12))[..., None]
        row = self.table[index - 1] * (1 - t) + self.table[index] * t
        reach = np.asarray(v, dtype=np.float64)[..., None] * row[..., 4:]
        return np.asarray(row[..., :2] + reach * row[..., 2:4])

    @cached_property
    def table(self) -> Points:
        """Centre, normal and radius side by side: [N, 5]."""
        return np.concatenate([self.centre, self.normal, self.radius[:, None]], axis=1)

    def width(self, u: ArrayLike) -> Points:
        """The radius at `u`."""
        return np.interp(np.asarray(u, dtype=np.float64), self.along, self.radius)

    def outline(self) -> Points:
        """The closed contour: one side, the far cap, the other side, the near cap."""
        offset = self.radius[:, None] * self.normal
        return np.concatenate([self.centre - offset, self._cap(-1), (self.centre + offset)[::-1], self._cap(0)])

    def pieces(self) -> list[Points]:
        """Areas whose union is the tube. One polygon would not do: where the limb bends, its side crosses itself."""
        offset = self.radius[:, None] * self.normal
        left, right = self.centre - offset, self.centre + offset
        cuts = range(0, len(left) - 1, 4)
        strips = [np.concatenate([left[k : k + 5], right[k : k + 5][::-1]]) for k in cuts]
        caps = [oval(self.centre[k], self.radius[k]) for k in (0, -1) if self.radius[k] > 0]
        return strips + caps

    def _cap(self, end: int) -> Points:
        normal, radius = self.normal[end], self.radius[end]
        forward = np.array([normal[1], -normal[0]])
        t = np.linspace(0, np.pi, 10)[1:-1, None]
        outward = 1.0 if end == -1 else -1.0
        return np.asarray(self.centre[end] + outward * radius * (np.sin(t) * forward - np.cos(t) * normal))


def tube(knots: ArrayLike, samples: int = 8) -> Tube:
    """A tube along the spline through `knots` [N, 3] of x, y, radius."""
    curve = smooth(knots, samples=samples)
    centre, radius = curve[:, :2], np.maximum(curve[:, 2], 0.0)
    normal = normals(centre)
    steps = np.hypot(*np.diff(centre, axis=0).T)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    return Tube(centre, normal, radius, along / along[-1], float(along[-1]))


def ribbon(points: ArrayLike, width: float, taper: float = 1.0) -> Points:
    """The contour of a brush line along `points` [N, 2], `width` wide at its start and `taper * width` at its end."""
    line = np.asarray(points, dtype=np.float64)
    half = width / 2 if taper == 1 else np.linspace(width / 2, width * taper / 2, len(line))[:, None]
    offset = half * normals(line)
    return np.concatenate([line - offset, (line + offset)[::-1]])
