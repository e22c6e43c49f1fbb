"""Black bars at the edges of a picture: found, and told from pictures that are only dark there.

``horizontal`` bars lie above and below (letterbox), ``vertical`` ones left and right (pillarbox), a ``frame`` is both. Only black
is looked for, as in the thesis: white margins are what most illustrations have anyway.

A bar is a run of rows from the edge that are black and even, and that ends in a straight step: right behind it most of the width
is brighter. Bars come in pairs of about the same thickness. A night sky, a vignette and a creature on black have no
such step on both sides, so they stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

KINDS = ("horizontal", "vertical", "frame")
BLACKS = (40, 12)  # of 255: black of video (16) with what JPEG adds to it; then black beside a dark picture
BRIGHT_SHARE = 0.02  # of a row's pixels may be brighter: ringing, a logo
UNEVEN = 8.0  # the largest standard deviation of a bar's pixels
STEP = 16  # levels by which the picture is brighter than the bar, over at least ...
STEP_SHARE = 0.5  # ... this share of the bar's length; or of one bar's, and ...
FAINT_SHARE = 0.1  # ... this share of the other's, if both are equally thick
SOFT, SOFT_SHARE = 4, 0.01  # rows over which the step may be blurred: at most, and of the side (but one at least)
THINNEST, THINNEST_SHARE = 2, 0.01  # pixels, and share of the side
LEFT_OVER = 0.2  # of each side at least is picture
UNLIKE = 0.34  # two bars of a pair differ by no more than this share of the thicker one
SLACK = 3  # pixels by which they may always differ, and equally thick ones do


@dataclass(frozen=True, slots=True)
class Bars:
    """What was found: thicknesses in pixels; `kind` is one of `KINDS`, or empty if there are none."""

    top: int = 0
    bottom: int = 0
    left: int = 0
    right: int = 0

    @property
    def kind(self) -> str:
        """The name of what was found."""
        if self.top and self.left:
            return "frame"
        return "horizontal" if self.top else "vertical" if self.left else ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.top} px above, {self.bottom} below, {self.left} left, {self.right} right"


def find_bars(samples: NDArray[Any]) -> Bars:
    """The black bars of a picture uint8 [H, W, C]; what is no bar has thickness 0."""
    light = _light(samples)
    height, width = light.shape
    top = bottom = left = right = 0
    for black in BLACKS:
        raw = Bars(_run(light, black), _run(light[::-1], black), _run(light.T, black), _run(light.T[::-1], black))
        if raw.top >= height or raw.left >= width:  # black all over
            continue
        # The step is looked for between the other two bars, which are black along the whole side.
        columns = slice(raw.left, width - raw.right) if raw.left + raw.right < width else slice(None)
        rows = slice(raw.top, height - raw.bottom) if raw.top + raw.bottom < height else slice(None)
        if not top:
            top, bottom = _pair(light[:, columns], raw.top, raw.bottom)
        if not left:
            left, right = _pair(light[rows].T, raw.left, raw.right)
    return Bars(top, bottom, left, right)


def crop(images: Tensor, bars: Bars) -> Tensor:
    """The picture [..., H, W] between the bars."""
    height, width = images.shape[-2:]
    return images[..., bars.top : height - bars.bottom, bars.left : width - bars.right]


def _light(samples: NDArray[Any]) -> NDArray[np.uint8]:
    """How bright each pixel is, uint8 [H, W]: its luma, or half of its strongest channel if that is more.

    JPEG keeps colours at half the resolution, so those of the picture reach into the bars, but not their luma.
    """
    if samples.shape[2] == 1:
        return samples[..., 0]
    wide = samples.astype(np.uint16)
    luma = (54 * wide[..., 0] + 183 * wide[..., 1] + 19 * wide[..., 2]) >> 8
    light: NDArray[np.uint8] = np.maximum(luma, samples.max(axis=2) >> 1).astype(np.uint8)
    return light


def _run(light: NDArray[np.uint8], black: int) -> int:
    """How many rows from the first one on are no brighter than `black`."""
    brighter = (light > black).mean(axis=1) > BRIGHT_SHARE
    return int(brighter.argmax()) if brighter.any() else len(light)


def _pair(light: NDArray[np.uint8], first_run: int, last_run: int) -> tuple[int, int]:
    """The thicknesses of the bars at the first and the last rows, where so many rows are black; none if they are no pair."""
    first, first_share = _edge(light, first_run)
    last, last_share = _edge(light[::-1], last_run)
    thin, thick = sorted((first, last))
    if thin == 0 or thick - thin > max(SLACK, UNLIKE * thick) or len(light) - first - last < LEFT_OVER * len(light):
        return 0, 0
    # Where the picture itself is dark along one bar, the other one tells how thick it is.
    needed = FAINT_SHARE if thick - thin <= SLACK else STEP_SHARE
    sure = max(first_share, last_share) >= STEP_SHARE and min(first_share, last_share) >= needed
    return (first, last) if sure else (0, 0)


def _edge(light: NDArray[np.uint8], run: int) -> tuple[int, float]:
    """The thickness of the bar that begins with a `run` of black rows, 0 if it is too thin or uneven, and the share of its length
    at which a step ends it."""
    if run < max(THINNEST, THINNEST_SHARE * len(light)) or run >= len(light):
        return 0, 0.0
    # The last black row may already be half picture.
    bar = light[: max(1, run - 1)].astype(np.float32)
    if bar.size == 0 or bar.std() > UNEVEN:
        return 0, 0.0
    reach = max(1, min(SOFT, round(SOFT_SHARE * len(light))))
    behind = light[run : run + reach + 1].astype(np.float32) - bar.mean()
    rises = behind.max(axis=0)
    steep = rises >= STEP
    if not steep.any():
        return 0, 0.0
    # Rows that are still half bar belong to it.
    soft = 0
    while soft < len(behind) - 1 and np.median(behind[soft][steep] / rises[steep]) < 0.7:
        soft += 1
    return run + soft, float(steep.mean())
