"""Paintings of the program's own: a country under a turning sky, painted with strokes that follow a flow field.

The manner is stroke-based rendering (Litwinowicz, "Processing images and video for an impressionist effect",
1997; Hertzmann, "Painterly rendering with curved brush strokes of multiple sizes", 1998): strokes are streamlines,
coarse ones
below fine ones. Departures: the picture below is a formula rather than a photograph, so colour and direction are known
at every point, and each stroke is a bundle of bristles that also lays down height, by which the paint is lit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from alebrije.data.drawing.geometry import Points

Array = NDArray[np.float64]

# The sky high up, in the middle, low, and its lights; the sun; the land far, in the middle and near; the dark.
MOODS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "night": ((18, 28, 92), (36, 84, 172), (66, 156, 190), (188, 222, 206), (255, 206, 62), (44, 92, 150),
              (36, 128, 118), (92, 158, 72), (18, 30, 52)),
    "dawn": ((96, 52, 150), (226, 84, 132), (252, 156, 84), (255, 218, 148), (255, 238, 150), (124, 70, 152),
             (38, 122, 140), (40, 158, 122), (42, 20, 66)),
    "noon": ((20, 110, 190), (52, 170, 208), (146, 214, 206), (246, 246, 214), (255, 186, 30), (72, 124, 186),
             (226, 168, 52), (108, 166, 58), (22, 62, 70)),
    "ember": ((60, 20, 70), (176, 36, 58), (238, 106, 40), (255, 196, 92), (255, 232, 128), (120, 34, 78),
              (206, 92, 40), (222, 160, 52), (38, 14, 42)),
}


@dataclass(frozen=True)
class Country:
    """The composition: where sun, whirls, ridges and dark flames of leaves lie, all in short sides; and its colours."""

    tones: Array
    sun: Points
    whirls: Array
    phases: Array
    flames: Array


def _random(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng([abs(seed), int(seed < 0), stream])


def country(seed: int, width: float, height: float) -> Country:
    """Lay out the picture with this seed on a canvas of `width` x `height` short sides."""
    rng = _random(seed, 0)
    mood = list(MOODS)[rng.integers(len(MOODS))]
    side = rng.choice([-1.0, 1.0])
    sun = np.array([width * (0.5 + side * rng.uniform(0.2, 0.3)), height * rng.uniform(0.17, 0.26)])
    whirls = np.array([
        [width * (0.5 - side * rng.uniform(0.04, 0.14)), height * rng.uniform(0.27, 0.35), rng.uniform(0.15, 0.2),
         side],
        [width * (0.5 - side * rng.uniform(0.32, 0.42)), height * rng.uniform(0.12, 0.2), rng.uniform(0.09, 0.13),
         -side],
        [width * (0.5 + side * rng.uniform(0.3, 0.44)), height * rng.uniform(0.42, 0.5), rng.uniform(0.08, 0.11),
         -side],
        [*sun, 0.15, side],
    ])
    flames = np.stack([width * (0.5 - side * np.array([0.36, 0.27, 0.43])), height * np.array([1.04, 1.06, 1.08]),
                       height * np.array([0.74, 0.46, 0.4]) * rng.uniform(0.85, 1.05, 3),
                       np.array([0.06, 0.045, 0.04])], axis=1)
    return Country(np.array(MOODS[mood], dtype=np.float64) / 255, sun, whirls, rng.uniform(0, 7, 8), flames)


def _ridges(land: Country, x: Array, height: float) -> list[Array]:
    p = land.phases
    return [height * 0.58 - 0.07 * np.abs(np.sin(2.3 * x + p[0])) - 0.05 * np.abs(np.sin(5.7 * x + p[1])),
            height * 0.66 + 0.035 * np.sin(4.2 * x + p[2]) + 0.012 * np.sin(11 * x + p[3]),
            height * 0.78 + 0.05 * np.sin(3.1 * x + p[4])]


def _flame(land: Country, at: Points) -> tuple[Array, Array]:
    """How far inside a flame each point lies (below 0: outside), and the sideways sway there."""
    inside, sway = np.full(len(at), -1.0), np.zeros(len(at))
    for k, (x, base, tall, wide) in enumerate(land.flames):
        t = (base - at[:, 1]) / tall
        bend = 0.022 * np.sin(9 * t + land.phases[5] + k)
        shape = wide * np.clip(1.15 * (1 - t), 0, None) ** 0.7 * (1 + 0.2 * np.sin(26 * t + k))
        depth = np.where((t > 0) & (t < 1), 1 - np.abs(at[:, 0] - x - bend) / np.maximum(shape, 1e-6), -1.0)
        better = depth > inside
        inside, sway = np.where(better, depth, inside), np.where(better, np.cos(9 * t + k), sway)
    return inside, sway


def flow(land: Country, at: Points, height: float) -> Points:
    """Unit directions [N, 2] of the brush at points [N, 2]: around the whirls, along the hills, up the flames."""
    x, y = at.T
    way = np.stack([np.ones_like(x), 0.35 * np.sin(5 * x + 6 * y + land.phases[6])], axis=1)
    for cx, cy, radius, hand in land.whirls:
        away = at - (cx, cy)
        distance = np.hypot(*away.T) + 1e-9
        strength = 4.5 * np.exp(-((distance / (1.35 * radius)) ** 2))
        around = np.stack([-away[:, 1], away[:, 0]], axis=1) - 0.16 * away
        way += (hand * strength / distance)[:, None] * around
    for depth, ridge in enumerate(_ridges(land, x, height)):
        slope = (_ridges(land, x + 1e-3, height)[depth] - ridge) / 1e-3
        furrow = 0.55 * np.sin(6 * (y - ridge) / height + 3.0 * x + depth * 2) if depth else np.zeros_like(x)
        along = np.stack([np.ones_like(x), slope + furrow], axis=1)
        way = np.where((y > ridge)[:, None], along, way)
    inside, sway = _flame(land, at)
    way = np.where((inside > 0)[:, None], np.stack([0.4 * sway, -np.ones_like(x)], axis=1), way)
    return np.asarray(way / np.hypot(*way.T)[:, None])


def colour(land: Country, at: Points, height: float) -> Array:
    """The colours [N, 3] in [0, 1] of the motif at points [N, 2]."""
    high, middle, low, bright, sun, far, mid, near, dark = land.tones
    x, y = at.T
    t = np.clip(y / (0.6 * height), 0, 1)[:, None]
    tone = np.where(t < 0.5, high + (middle - high) * 2 * t, middle + (low - middle) * (2 * t - 1))
    for cx, cy, radius, _ in land.whirls[:3]:
        away = at - (cx, cy)
        distance, angle = np.hypot(*away.T) / radius, np.arctan2(away[:, 1], away[:, 0])
        arms = (0.5 + 0.5 * np.sin(9 * distance - 2 * angle)) * np.exp(-((distance / 1.25) ** 2))
        tone = tone + (bright - tone) * (0.92 * arms)[:, None]
    waves = np.clip(np.sin(16 * y + 4 * np.sin(3.2 * x + land.phases[7])), 0, 1) ** 3
    tone = tone + (bright - tone) * (0.35 * waves)[:, None]
    glow = np.hypot(*(at - land.sun).T)
    rings = np.exp(-((glow / 0.17) ** 2)) * (0.72 + 0.28 * np.cos(90 * glow))
    tone = tone + (bright - tone) * np.clip(rings, 0, 1)[:, None]
    tone = np.where((glow < 0.075)[:, None], sun, tone)
    tone = np.where((glow < 0.03)[:, None], 0.5 * sun + 0.5, tone)
    for depth, (ridge, base) in enumerate(zip(_ridges(land, x, height), (far, mid, near))):
        below = (y - ridge) / height
        band = 0.5 + 0.5 * np.sin(70 * below * (1 - 0.18 * depth) + 5 * np.sin(3 * x + depth))
        hill = base + (sun - base) * (0.4 * band * (depth > 0))[:, None] + (dark - base) * (0.3 * (1 - band))[:, None]
        hill = hill + (bright - hill) * (0.5 * np.exp(-((below / 0.012) ** 2)))[:, None]
        tone = np.where((below > 0)[:, None], hill, tone)
    inside, sway = _flame(land, at)
    leaf = dark + (near - dark) * np.clip(0.55 * inside + 0.25 * sway - 0.1, 0, 1)[:, None]
    return np.asarray(np.clip(np.where((inside > 0)[:, None], leaf, tone), 0, 1))


def streamlines(land: Country, starts: Points, length: float, steps: int, height: float) -> Points:
    """Lines [N, steps, 2] of `length` along the flow (midpoint rule), each with its start in the middle."""
    stride = length / (steps - 1)
    halves = []
    for sign in (-1.0, 1.0):
        point, path = starts, []
        for _ in range(steps // 2):
            halfway = point + 0.5 * sign * stride * flow(land, point, height)
            point = point + sign * stride * flow(land, halfway, height)
            path.append(point)
        halves.append(path)
    return np.stack([*halves[0][::-1], starts, *halves[1]], axis=1)


def _scattered(rng: np.random.Generator, spacing: float, width: float, height: float) -> Points:
    """A jittered grid over the canvas and a little beyond, in random order."""
    x, y = np.meshgrid(np.arange(-0.05, width + 0.05, spacing), np.arange(-0.05, height + 0.05, spacing))
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    return rng.permutation(points + rng.uniform(-0.6, 0.6, points.shape) * spacing)


def _across(paths: Points) -> Points:
    """Unit normals [N, steps, 2] of lines [N, steps, 2]."""
    tangent = np.gradient(paths, axis=1)
    tangent /= np.hypot(tangent[..., 0], tangent[..., 1])[..., None] + 1e-12
    return np.asarray(tangent[..., ::-1] * np.array([-1.0, 1.0]))


def swirl(seed: int, size: tuple[int, int]) -> Image.Image:
    """Thick curved strokes, coarse below fine, lit from the upper left."""
    unit = min(size)
    width, height = size[0] / unit, size[1] / unit
    land, rng = country(seed, width, height), _random(seed, 1)
    image = Image.fromarray(np.full((size[1], size[0], 3), np.round(255 * land.tones[8]), dtype=np.uint8))
    relief = Image.new("L", size, 40)
    pens = ImageDraw.Draw(image), ImageDraw.Draw(relief)
    for spacing, length, thick, bristles in ((0.03, 0.15, 0.026, 8), (0.0145, 0.085, 0.0125, 5),
                                             (0.0085, 0.045, 0.0065, 3)):
        starts = _scattered(rng, spacing, width, height)
        if thick < 0.01:
            starts = starts[_detail(land, starts, height) > rng.uniform(0, 1, len(starts))]
        paths = streamlines(land, starts, length, 9, height)
        tones = colour(land, starts, height)
        tones = tones * (1 + rng.normal(0, 0.1, (len(starts), 1))) + rng.normal(0, 0.035, (len(starts), 3))
        spread = (np.arange(bristles) - (bristles - 1) / 2) * (thick / bristles)
        lines = paths[:, None] + spread[None, :, None, None] * _across(paths)[:, None]
        grain = 1 + rng.normal(0, 0.085, (len(starts), bristles, 1))
        paint = np.clip(np.round(255 * tones[:, None] * grain), 0, 255).astype(int)
        profile = 1 - (2 * np.abs(np.arange(bristles) - (bristles - 1) / 2) / bristles) ** 2
        heights = np.clip(70 + 110 * profile + rng.normal(0, 26, (len(starts), bristles)), 0, 255).astype(int)
        _brush(pens, lines * unit, paint, heights, max(1, round(1.35 * unit * thick / bristles)))
    return _lit(image, relief, unit)


def _brush(pens: tuple[ImageDraw.ImageDraw, ImageDraw.ImageDraw], lines: Points, paint: NDArray[np.int_],
           heights: NDArray[np.int_],
           width: int) -> None:
    """Draw strokes of bristles [N, bristles, steps, 2] with their colours and heights; ends are ragged."""
    colours, levels = paint.tolist(), heights.tolist()
    for n, stroke in enumerate(lines.reshape(*lines.shape[:2], -1).tolist()):
        for k, line in enumerate(stroke):
            ragged = line[2 * ((n + 3 * k) % 3) : len(line) - 2 * ((2 * n + k) % 3)]
            pens[0].line(ragged, fill=tuple(colours[n][k]), width=width)
            pens[1].line(ragged, fill=levels[n][k], width=width)


def _detail(land: Country, at: Points, height: float) -> Array:
    """Where fine strokes are wanted: where the motif's colour changes quickly. In [0.12, 1]."""
    here = colour(land, at, height)
    change = sum(np.abs(colour(land, at + step, height) - here).sum(axis=1) for step in ((0.012, 0.0), (0.0, 0.012)))
    return np.asarray(np.clip(0.12 + 1.3 * change, 0, 1))


def _lit(image: Image.Image, relief: Image.Image, unit: int) -> Image.Image:
    """Light the paint from the upper left by the slope of its height."""
    depth = np.asarray(relief, dtype=np.float64) / 255
    padded = np.pad(depth, 1, mode="edge")
    soft = (padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] + 4 * depth) / 8
    slope_y, slope_x = np.gradient(soft)
    shine = np.clip(-(0.6 * slope_x + 0.8 * slope_y) * 1.6, -0.42, 0.42)[..., None]
    paint = np.asarray(image, dtype=np.float64)
    lit = np.where(shine > 0, paint + shine * (255 - paint) * 0.75, paint * (1 + shine))
    return Image.fromarray(np.clip(np.round(lit), 0, 255).astype(np.uint8))


def mosaic(seed: int, size: tuple[int, int]) -> Image.Image:
    """Small stones laid in rows along the flow, in dark mortar."""
    unit = min(size)
    width, height = size[0] / unit, size[1] / unit
    land, rng = country(seed, width, height), _random(seed, 2)
    image = Image.fromarray(np.full((size[1], size[0], 3), np.round(255 * (0.75 * land.tones[8] + 0.08)),
                                    dtype=np.uint8))
    relief = Image.new("L", size, 60)
    pens = ImageDraw.Draw(image), ImageDraw.Draw(relief)
    for spacing in (0.0165, 0.0135):
        at = _scattered(rng, spacing, width, height)
        along = flow(land, at, height) * (0.0092 * rng.uniform(0.75, 1.2, (len(at), 1)))
        across = flow(land, at, height)[:, ::-1] * (-1.0, 1.0) * (0.0075 * rng.uniform(0.75, 1.15, (len(at), 1)))
        shades = colour(land, at, height) * (1 + rng.normal(0, 0.14, (len(at), 1))) + rng.normal(0, 0.03, (len(at), 3))
        paint = np.clip(np.round(255 * shades), 0, 255).astype(int)
        corners = np.stack([at - along - across, at + along - across, at + along + across, at - along + across], axis=1)
        grout = np.stack([at - 1.22 * along - 1.28 * across, at + 1.22 * along - 1.28 * across,
                          at + 1.22 * along + 1.28 * across, at - 1.22 * along + 1.28 * across], axis=1)
        mortar = tuple(int(v) for v in np.round(255 * (0.75 * land.tones[8] + 0.08)))
        stones = zip((grout * unit).reshape(len(at), -1).tolist(), (corners * unit).reshape(len(at), -1).tolist(),
                     paint.tolist())
        for rim, stone, tone in stones:
            pens[0].polygon(rim, fill=mortar)
            pens[1].polygon(rim, fill=60)
            pens[0].polygon(stone, fill=tuple(tone))
            pens[1].polygon(stone, fill=150)
    return _lit(image, relief, unit)


def woodcut(seed: int, size: tuple[int, int]) -> Image.Image:
    """Few flat inks and black lines along the flow, the broader the darker the motif."""
    unit = min(size)
    width, height = size[0] / unit, size[1] / unit
    land, rng = country(seed, width, height), _random(seed, 3)
    y, x = np.mgrid[0 : size[1], 0 : size[0]]
    at = (np.stack([x.ravel(), y.ravel()], axis=1) + 0.5) / unit
    inks = np.concatenate([land.tones[1:8], [[1.0, 0.96, 0.86]]])
    tones = np.concatenate([colour(land, rows, height) for rows in np.array_split(at, max(1, len(at) // 2**17))])
    nearest = np.concatenate([((rows[:, None] - inks) ** 2).sum(axis=2).argmin(axis=1)
                              for rows in np.array_split(tones, max(1, len(at) // 2**15))])
    image = Image.fromarray(np.round(255 * inks[nearest]).astype(np.uint8).reshape(size[1], size[0], 3))
    pen = ImageDraw.Draw(image)
    starts = _scattered(rng, 0.0135, width, height)
    paths = streamlines(land, starts, 0.075, 9, height)
    light = colour(land, paths.reshape(-1, 2), height) @ np.array([0.3, 0.59, 0.11])
    half = 0.0046 * np.clip(1.0 - 1.35 * light.reshape(paths.shape[:2]), 0, 1) * np.sin(np.linspace(0, np.pi, 9)) ** 0.6
    side = _across(paths) * half[..., None]
    black = tuple(int(v) for v in np.round(255 * land.tones[8] * 0.6))
    for line in (np.concatenate([paths - side, (paths + side)[:, ::-1]],
                                axis=1) * unit).reshape(len(paths), -1).tolist():
        pen.polygon(line, fill=black)
    return image


PAINTINGS: dict[str, Callable[[int, tuple[int, int]], Image.Image]] = {
    "swirl": swirl,
    "mosaic": mosaic,
    "woodcut": woodcut,
}
