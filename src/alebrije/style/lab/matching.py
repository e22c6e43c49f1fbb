"""Equal content: the style weight with which a painter's finished picture is as far from the content as gram's.

Losses that pull equally hard at the start do not pull equally hard to the end, and who leaves more of the content standing
is farther from the style for that reason alone. So the weight is sought: content distance over weight is close to a power
law, and a secant on logarithms meets it in three or four paintings. It takes more than a smooth curve would need, because a
short optimisation ends where chance leads it: weights 5 % apart move the distance up or down by 3 to 4 %, more than the
tolerance, so that near the goal a try is a throw with about even odds. What helps then is another throw, not a cleverer rule.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from statistics import median
from typing import NamedTuple

from alebrije.core.image import Picture
from alebrije.events import Event
from alebrije.style.lab.balance import Pull
from alebrije.style.lab.config import LabConfig
from alebrije.style.lab.painting import Canvas, Pair, paint

TOLERANCE = 0.03  # relative: content distances that differ by less count as equal
MOST_TRIES = 10  # paintings of one picture: 6 left out one pair in four, with even odds 10 leave out one in a hundred
USUAL_SLOPE = 0.4  # of log content distance over log weight, as long as only one point is known
LARGEST_STEP = 30.0  # factor from one weight to the next


class Try(NamedTuple):
    """A style weight, and the content distance that came of it."""

    weight: float
    distance: float


def deviation(distance: float, wanted: float) -> float:
    """How far a content distance is from the wanted one, as |log ratio|: 0 for equal ones, infinite if only one is 0."""
    if distance == wanted:
        return 0.0
    return abs(math.log(distance / wanted)) if distance > 0 and wanted > 0 else math.inf


def is_matched(distance: float, wanted: float) -> bool:
    """Whether two content distances count as equal: within 3 %."""
    return deviation(distance, wanted) <= math.log(1 + TOLERANCE)


def next_weight(tries: Sequence[Try], wanted: float) -> float:
    """The weight to try after `tries` (at least one), all distances and `wanted` > 0.

    Between two tries on either side of `wanted`: the secant of the nearest two, kept off the ends by a tenth of the gap, so
    that it closes in even where the curve is bent. Otherwise the nearest try is followed along the slope of the nearest two.
    """
    points = sorted((math.log(one.weight), math.log(one.distance)) for one in tries)
    goal = math.log(wanted)
    below = [point for point in points if point[1] <= goal]
    above = [point for point in points if point[1] > goal]
    if below and above:
        (x0, y0), (x1, y1) = max(below, key=lambda point: point[1]), min(above, key=lambda point: point[1])
        share = min(max((goal - y0) / (y1 - y0), 0.1), 0.9)
        return math.exp(x0 + share * (x1 - x0))
    nearest, *others = sorted(points, key=lambda point: abs(point[1] - goal))
    slope = USUAL_SLOPE
    if others and others[0][0] != nearest[0]:
        slope = min(max((others[0][1] - nearest[1]) / (others[0][0] - nearest[0]), USUAL_SLOPE / 8), 4 * USUAL_SLOPE)
    step = (goal - nearest[1]) / slope
    return math.exp(nearest[0] + min(max(step, -math.log(LARGEST_STEP)), math.log(LARGEST_STEP)))


def first_weight(pull: Pull, earlier: Sequence[float]) -> float:
    """The weight to begin with: the median of those that this painter had on `earlier` pairs; on the first, equal pull."""
    return median(earlier) if earlier else pull.weight


def paint_matched(
    pair: Pair,
    pictures: tuple[Picture, Picture],
    painter: str,
    pull: Pull,
    wanted: float,
    config: LabConfig,
    done: int,
    total: int,
) -> Generator[Event, None, Canvas | str]:
    """Paint one picture again and again, first with the weight of `pull`, until its content distance is `wanted` to 3 %; at
    most ten times, then the nearest is taken. A sentence on why it could not be painted if none could.

    Steps count from `done` of `total`, and every try is counted, so the caller plans for `MOST_TRIES`.
    """
    tries: list[Try] = []
    best: Canvas | None = None
    weight = pull.weight
    while len(tries) < MOST_TRIES:
        found = yield from paint(pair, pictures, painter, Pull(weight, pull.gradient), config, done, total)
        if isinstance(found, str):
            return best or found
        done += found.steps
        distance = float(found.report["content_distance"])
        tries.append(Try(weight, distance))
        if best is None or deviation(distance, wanted) < deviation(best.report["content_distance"], wanted):
            best = found
        if is_matched(distance, wanted) or min(distance, wanted) <= 0:
            break
        weight = next_weight(tries, wanted)
    return best or "no picture"
