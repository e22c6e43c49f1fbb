"""A number that was estimated from a sample, with its 95 % interval."""

from __future__ import annotations

from typing import NamedTuple


class Measured(NamedTuple):
    """A value and the ends of its 95 % interval. It says how far chance in the drawing of pictures reaches, nothing else."""

    value: float
    low: float
    high: float
