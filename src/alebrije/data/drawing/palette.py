"""The colours of the painters of Oaxaca: eight saturated hues, each with the ones that sing beside it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from alebrije.data.drawing.canvas import Colour, mix

HUES: dict[str, Colour] = {
    "red": (221, 44, 52),
    "orange": (245, 122, 32),
    "yellow": (255, 199, 30),
    "green": (62, 166, 75),
    "turquoise": (18, 178, 176),
    "blue": (38, 98, 196),
    "purple": (124, 62, 165),
    "pink": (238, 62, 138),
}
BESIDE: dict[str, tuple[str, ...]] = {
    "red": ("turquoise", "yellow", "blue", "green"),
    "orange": ("turquoise", "purple", "blue", "pink"),
    "yellow": ("pink", "purple", "turquoise", "red"),
    "green": ("orange", "pink", "yellow", "red"),
    "turquoise": ("pink", "orange", "yellow", "red"),
    "blue": ("orange", "yellow", "pink", "turquoise"),
    "purple": ("orange", "turquoise", "yellow", "green"),
    "pink": ("turquoise", "yellow", "blue", "green"),
}
CREAM: Colour = (255, 246, 222)
NIGHT: Colour = (38, 20, 58)


@dataclass(frozen=True)
class Palette:
    """The colours of one creature: the body's, two that answer it, a dark and a light tone of the body's, and ink."""

    main: Colour
    second: Colour
    third: Colour
    deep: Colour
    light: Colour
    belly: Colour
    ink: Colour


def palette(main: str, accent: str, rng: Random) -> Palette:
    """A palette from the names of the body's colour and of its first answer, one of `BESIDE[main]`."""
    third = rng.choice([name for name in BESIDE[main] if name != accent])
    body, second = HUES[main], HUES[accent]
    belly = mix(CREAM, second, rng.choice([0.0, 0.1, 0.35]))
    return Palette(body, second, HUES[third], mix(body, NIGHT, 0.45), mix(body, CREAM, 0.55), belly,
                   mix(NIGHT, body, 0.08))
