"""Why a pair will not cross well, in plain words: each warning rests on something measured.

After Oliva, Torralba, Schyns, "Hybrid images", SIGGRAPH 2006, section 4 (perceptual grouping): the far picture is hidden
from near only where the near one's outlines take its blobs over. A far picture that repeats itself groups by itself and
stays seen from near; blobs with no outline near them look like stains; and a band with no contrast shows nothing at all.
Thresholds were set on photographs (BSDS500, fruits), drawn creatures and wallpapers, not on the tests' pairs.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import to_gray
from alebrije.hybrid.alignment.masks import foreground, small
from alebrije.hybrid.blend import to_sigma

MOST = 3  # sentences that come out
FAINT_LOW, FAINT_HIGH = 0.04, 0.008  # rms contrast of luma in [0, 1]: below it a band shows next to nothing
REPEATS = 0.6  # correlation with itself one period on, and how far it falls between
PERIODS = (0.04, 0.35)  # periods looked for, in parts of the side: beyond, there is too little of a repetition
FLAT = 2.0  # cycles per width: slower changes are shading, not pattern
PLAIN, OVERLAP = 0.3, 0.3  # how plain both borders must be for masks to be compared, and how much of the smaller one is met
BUSY, STRONG = 1.4, 0.06  # fine contrast in the outer part: times that in the middle, and rms


def advise(low: Tensor, high: Tensor, cycles_low: float, cycles_high: float) -> list[str]:
    """Warnings for a pair that will not work well, the most important first, at most three; empty for a good pair.

    Pictures are [1, 3, H, W] in [0, 1] of one size, aligned as they will be crossed; cut-offs in cycles per width.
    Everything is measured on small copies, so the resolution does not matter. Deterministic.
    """
    far, near = small(low), small(high)
    blobs = gaussian_blur(to_gray(far), to_sigma(cycles_low, far.shape[-1]))
    luma = to_gray(near)
    lines = luma - gaussian_blur(luma, to_sigma(cycles_high, near.shape[-1]))
    found = [_faint_low(blobs), _faint_high(lines), _apart(far, near), _repeats(blobs, low.shape[-1]), _busy(near, lines)]
    return [sentence for sentence in found if sentence][:MOST]


def _faint_low(blobs: Tensor) -> str | None:
    contrast = float(blobs.std())
    if contrast >= FAINT_LOW:
        return None
    return (
        f"the far picture has hardly any contrast left when blurred ({100 * contrast:.1f} % of full; {100 * FAINT_LOW:.0f} % "
        "are needed): nothing will be seen from afar, choose one with large light and dark forms"
    )


def _faint_high(lines: Tensor) -> str | None:
    contrast = float(lines.std())
    if contrast >= FAINT_HIGH:
        return None
    return (
        f"the near picture has hardly any fine lines ({100 * contrast:.1f} % of full contrast; {100 * FAINT_HIGH:.1f} % are "
        "needed): the far one will show through from near, choose a sharper one"
    )


def _apart(far: Tensor, near: Tensor) -> str | None:
    overlap = shape_overlap(far, near)
    if overlap is None or overlap >= OVERLAP:
        return None
    return (
        f"the two have no common shape (overlap {overlap:.2f} of 1): the far one will lie beside the near one like a stain, "
        "align them with --align auto, or choose things of like outline and place"
    )


def shape_overlap(far: Tensor, near: Tensor) -> float | None:
    """How much of the smaller foreground lies on the other: in [0, 1]; None where a busy border hides what is in front."""
    (mask, plain), (other, other_plain) = foreground(far), foreground(near)
    if min(plain, other_plain) < PLAIN:
        return None
    return float(torch.minimum(mask, other).sum() / torch.minimum(mask.sum(), other.sum()).clamp_min(1e-6))


def _repeats(blobs: Tensor, width: int) -> str | None:
    strength, period = repetition(blobs)
    if strength < REPEATS or float(blobs.std()) < FAINT_LOW:
        return None
    pixels = max(1, round(period * width / blobs.shape[-1]))
    return (
        f"the far picture repeats itself about every {pixels} pixels: a pattern holds together by itself, so it stays visible "
        "from near too; choose one without repeated texture, or make it the near one"
    )


def repetition(blobs: Tensor) -> tuple[float, float]:
    """How strongly a picture [1, 1, h, w] repeats itself, up to about 1, and its shortest period in pixels.

    Of its autocorrelation: the peak that stands highest over the lowest point on the way to it, and that has another
    one at twice its distance. 0 if there is none.
    """
    height, width = blobs.shape[-2:]
    flat = (blobs - gaussian_blur(blobs, to_sigma(FLAT, width)))[0, 0]
    window = torch.hann_window(height, periodic=False)[:, None] * torch.hann_window(width, periodic=False)
    flat = (flat - (flat * window).sum() / window.sum()) * window
    size = 2 * height, 2 * width
    power, cover = (torch.fft.irfft2(torch.fft.rfft2(map_, s=size).abs().square(), s=size) for map_ in (flat, window))
    power, cover = (torch.roll(map_, (height, width), (0, 1)) for map_ in (power, cover))
    likeness = power / (power[height, width] + 1e-9) * cover[height, width] / cover.clamp_min(0.02 * cover.max())
    side = math.sqrt(height * width)
    down, across = torch.meshgrid(torch.arange(size[0]) - height, torch.arange(size[1]) - width, indexing="ij")
    lag = torch.hypot(down.float(), across.float())
    peaks = F.max_pool2d(likeness[None], 7, 1, 3)[0] == likeness
    peaks &= (lag >= PERIODS[0] * side) & (lag <= PERIODS[1] * side) & (likeness > 0.2) & (down >= 0)
    best, period = 0.0, 0.0
    for row, column in sorted(peaks.nonzero().tolist(), key=lambda place: float(lag[place[0], place[1]])):
        strength = _strength(likeness, row - height, column - width)
        if strength > best + 0.05:  # of like peaks the first one stays, so that a double period does not win
            best, period = strength, math.hypot(row - height, column - width)
    return best, period


def _strength(likeness: Tensor, down: int, across: int) -> float:
    """The lowest of: the peak, its height over the dip before it, and (a little more than) the likeness at twice its distance."""
    height, width = likeness.shape[-2] // 2, likeness.shape[-1] // 2
    steps = torch.linspace(0, 1, 33)
    way = likeness[(height + (steps * down).round().long()), (width + (steps * across).round().long())]
    peak, dip = float(way[-1]), float(way.min())
    row, column = height + 2 * down, width + 2 * across
    if not (2 <= row < 2 * height - 2 and 2 <= column < 2 * width - 2):
        return 0.0
    again = float(likeness[row - 2 : row + 3, column - 2 : column + 3].max())
    return min(peak, peak - dip, again + 0.1)


def _busy(near: Tensor, lines: Tensor) -> str | None:
    behind, front = busyness(near, lines)
    if behind < STRONG or behind < BUSY * front or foreground(near)[1] >= PLAIN:
        return None
    return (
        f"the background of the near picture has stronger lines than what is in front ({behind / max(front, 1e-6):.1f} times): "
        "it stays visible and hides the rest, cut it out or blur it first"
    )


def busyness(near: Tensor, lines: Tensor) -> tuple[float, float]:
    """Rms contrast of the fine band [1, 1, h, w] in the outer part of a picture, and in its middle half."""
    height, width = near.shape[-2:]
    inner = torch.zeros_like(lines, dtype=torch.bool)
    inner[..., height // 4 : height - height // 4, width // 4 : width - width // 4] = True
    return float(lines[~inner].square().mean().sqrt()), float(lines[inner].square().mean().sqrt())
