"""What is wrong with a picture, measured on the picture alone: noise, blur, missing detail, and the quality of its JPEG.

Liu, Tanaka, Okutomi, "Single-image noise level estimation for blind denoising", IEEE TIP 2013: noise from weakly textured
patches. Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE TIP 2008: its
variance is a straight line over brightness. Field, "Relations between the statistics of natural images and the response
properties of cortical cells", JOSA A 1987: the power spectrum of what one sees falls as a power of the frequency; what falls
faster was blurred.

All work on float [1, C, H, W] in [0, 1] and are exact enough to train by, not to certify a camera: noise that is correlated from
pixel to pixel (enlarged, or cleaned in the camera) is told too low, and what JPEG leaves of noise is told, not what it was.
"""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.metrics import luma

PATCH = 7  # pixels a side: Liu et al.'s
BLOCK, MOST_BLOCKS, ALL_BLOCKS = 32, 36, 180  # patches are from so many squares of this side at random, of a picture and of all
FEWEST_PATCHES, FEWEST_IN_BIN = 300, 2000
WEAK = 4.75  # standard deviations: patches of pure noise have more texture with probability 1e-6
ROUNDS = 8
QUARTER = 12  # of the 49 eigenvalues so many are smaller than the one taken: those are what JPEG has taken away
MOST_TEXTURE = 1.5  # times as much as noise alone has on average: 1.0 to 1.25 in noisy photographs, 1.6 and more elsewhere
LEAST = 1 / 255  # less noise than that need not be told exactly
MARGIN, WIDEST_MARGIN = 2.5, 0.3  # standard deviations from black and white where clipping is not felt; at most so much of [0, 1]
BINS = 8  # of brightness
RINGS = 32  # of frequency, up to half a cycle per pixel
LOWEST, HIGHEST = 0.06, 0.45  # cycles per pixel between which blur is told: whole shapes below, the reading of the sensor above
ABOVE_NOISE, ABOVE_JPEG = 3.0, 1.2
ROUNDING = 1 / 12 / 255**2  # variance that rounding to 8 bits adds
EMPTY = math.log(10)  # ten times less power than the power law says: there is nothing any more
EMPTY_RINGS, FEWEST_RINGS = 3, 6
STANDARD = 50  # JPEG quality at which the tables are those of the standard themselves

Point = tuple[float, float]


def noise_level(images: Tensor) -> float:
    """Standard deviation of the noise, in units of [0, 1]; NaN where a picture has hardly a place that could show it: too small,
    all black and white, drawn in flat colours, or texture everywhere.

    Of patches of 7x7 pixels those are taken that have no more texture than noise alone would; an eigenvalue of their covariance
    is its variance; the two are found in turn (Liu et al., algorithm 1). Departures: not the least eigenvalue but the upper end
    of the lowest quarter, which is still the noise's where JPEG took the finest of it away; the limit of texture is Wilson and
    Hilferty's for a sum of squares with the same mean and variance; all patches have one limit; patches so dark or bright that
    clipping bends their noise, and patches of one value only (drawn, not seen), are left out; not every patch is looked at.
    """
    return _weakest(*_patches(images, MOST_BLOCKS))


def noise_by_brightness(pictures: Sequence[Tensor]) -> list[Point]:
    """(mean brightness, variance of the noise) in each of `BINS` ranges of brightness that has enough patches, over all pictures
    together: what they have in common is the camera."""
    blocks = max(1, ALL_BLOCKS // max(1, len(pictures)))
    parts = [_patches(images, min(blocks, MOST_BLOCKS)) for images in pictures]
    patches, texture = (torch.cat(each) for each in zip(*parts, strict=True))
    means, found = patches.mean(1), []
    margin = min(MARGIN * _weakest(patches, texture), WIDEST_MARGIN)
    edges = torch.linspace(margin, 1 - margin, BINS + 1).tolist() if math.isfinite(margin) else []
    for low, high in itertools.pairwise(edges):
        inside = (means >= low) & (means < high)
        level = _weakest(patches[inside], texture[inside])
        if math.isfinite(level) and int(inside.sum()) >= FEWEST_IN_BIN:
            found.append((float(means[inside].mean()), level**2))
    return found


def noise_line(points: Sequence[Point]) -> Point:
    """(constant, slope) of the variance over brightness, neither below 0; (NaN, 0) without points, no slope of fewer than three.

    The slope is the median of those between all pairs of points, which a few points that are far off do not move: Sen, "Estimates
    of the regression coefficient based on Kendall's tau", JASA 63, 1968.
    """
    if len(points) < 3:
        return (median(y for _, y in points) if points else math.nan), 0.0
    slope = max(0.0, median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(points, 2)))
    constant = median(y - slope * x for x, y in points)
    if constant >= 0:
        return constant, slope
    return 0.0, median(y / x for x, y in points)


def _patches(images: Tensor, blocks: int) -> tuple[Tensor, Tensor]:
    """Patches float64 [N, 49] of all channels, and the texture of each: the sum of its squared slopes to the right and down."""
    side = min(BLOCK, *images.shape[-2:])
    if side < PATCH:
        return images.new_zeros(0, PATCH**2).double(), images.new_zeros(0).double()
    planes = images[0].unfold(1, side, side).unfold(2, side, side).flatten(0, 2)  # [C rows columns, side, side]
    chosen = torch.randperm(len(planes), generator=torch.Generator().manual_seed(0))[: blocks * images.shape[1]]
    patches = F.unfold(planes[chosen][:, None].double(), PATCH).movedim(1, 2).flatten(0, 1)
    squares = patches.view(-1, PATCH, PATCH)
    texture = squares.diff(dim=1).square().sum((1, 2)) + squares.diff(dim=2).square().sum((1, 2))
    drawn = texture == 0
    return patches[~drawn], texture[~drawn]


@cache
def _limit() -> float:
    """How much texture a patch of noise of variance 1 has at most, in all but 1e-6 of the cases.

    Texture is n'An with A the sum of both squared difference operators: mean tr A, variance 2 tr A². A chi² with
    k = (tr A)² / tr A² degrees of freedom has both when scaled; Wilson and Hilferty, "The distribution of chi-square", PNAS 1931.
    """
    step = torch.eye(PATCH, dtype=torch.float64).diff(dim=0)
    one, line = torch.eye(PATCH, dtype=torch.float64), step.T @ step
    both = torch.kron(line, one) + torch.kron(one, line)
    trace, square = float(both.trace()), float(both.square().sum())
    freedom = trace**2 / square
    return trace * (1 - 2 / (9 * freedom) + WEAK * math.sqrt(2 / (9 * freedom))) ** 3


def _weakest(patches: Tensor, texture: Tensor) -> float:
    """The noise of patches: the deviation of those that have no more texture than noise of that deviation has. NaN if most of
    them have clearly more than noise usually has: then it is fine texture, or what is drawn, that was found."""
    means = patches.mean(1)
    level = _low(patches[~((patches <= 0) | (patches >= 1)).any(1)])
    usual = math.inf
    for _ in range(ROUNDS):
        margin = min(MARGIN * level, WIDEST_MARGIN)
        inside = (means > margin) & (means < 1 - margin)
        weak = inside & (texture <= _limit() * level**2)
        found = _low(patches[weak])
        if not math.isfinite(found):
            break
        usual = float(texture[weak].median())
        settled = abs(found - level) < 1e-3 * level
        level = found
        if settled:
            break
    return level if level < LEAST or usual < MOST_TEXTURE * 4 * PATCH * (PATCH - 1) * level**2 else math.nan


def _low(patches: Tensor) -> float:
    """The standard deviation of patches in a direction in which it is low, see `QUARTER`; NaN for too few."""
    if len(patches) < FEWEST_PATCHES:
        return math.nan
    centred = patches - patches.mean(0)
    return math.sqrt(max(0.0, float(torch.linalg.eigvalsh(centred.T @ centred / len(patches))[QUARTER])))


def spectrum(images: Tensor) -> Tensor:
    """Power of the luma over frequency: float64 [RINGS], ring i around (i + 1/2) / (2 RINGS) cycles per pixel.

    Noise of variance v has v everywhere. Seen through a Hann window, without which the picture's edges would be read as detail.
    """
    plane = luma(images)[0, 0].double() if images.shape[1] == 3 else images[0, 0].double()
    height, width = plane.shape
    window = torch.outer(*(torch.hann_window(side + 2, periodic=False, dtype=torch.float64)[1:-1] for side in (height, width)))
    centred = (plane - (plane * window).sum() / window.sum()) * window
    power = torch.fft.rfft2(centred).abs().square() / window.square().sum()
    across = torch.fft.rfftfreq(width, dtype=torch.float64)
    ring = (torch.hypot(torch.fft.fftfreq(height, dtype=torch.float64)[:, None], across) * 2 * RINGS).long()
    inside = ring < RINGS
    counts = torch.bincount(ring[inside], minlength=RINGS).clamp_min(1)
    return torch.bincount(ring[inside], power[inside], RINGS) / counts


def readable(power: Tensor, noise: float = 0.0, quality: int | None = None) -> Tensor:
    """Which rings of a spectrum [RINGS] tell of the picture: those well above noise of the variance `noise`, and above what the
    rounding of a JPEG of that quality adds (`jpeg_floor`). Bool [RINGS]."""
    where = _frequencies()
    clear = (power > ABOVE_NOISE * (noise + ROUNDING)) & (power > ABOVE_JPEG * jpeg_floor(quality))
    return (where > LOWEST) & (where < HIGHEST) & clear


def blur_variance(power: Tensor, used: Tensor, noise: float = 0.0) -> float:
    """The variance, in square pixels, of the Gaussian that makes a power law of a spectrum [RINGS]; below 0: sharper than it.

    log P(f) = c - a log f - 4 pi² variance f², by least squares for c, a and the variance over the rings `used` (`readable`),
    less noise of the variance `noise`. The exponent a is the pictures' own. NaN if too few rings are used.
    """
    if int(used.sum()) < FEWEST_RINGS:
        return math.nan
    where, height = _frequencies()[used], (power[used] - noise - ROUNDING).log()
    weights = where.sqrt()[:, None]  # a ring holds as many waves as its radius is long
    terms = torch.stack([torch.ones_like(where), where.log(), where.square()], 1) * weights
    return float(-torch.linalg.lstsq(terms, height[:, None] * weights).solution[2, 0]) / (4 * math.pi**2)


def jpeg_floor(quality: int | None) -> Tensor:
    """The variance [RINGS] that JPEG's rounding adds to luma at each frequency at most, step² / 12; 0 for None.

    Wave number u of a block of 8 is u / 16 cycles per pixel. What is rounded to 0 is lost rather than made noisy, so that this
    must not be taken off a spectrum: below it there is just nothing to be told.
    """
    if quality is None:
        return torch.zeros(RINGS, dtype=torch.float64)
    steps = torch.tensor(table(quality), dtype=torch.float64)
    waves = torch.arange(8, dtype=torch.float64) / 16
    apart = torch.hypot(waves[:, None], waves).flatten() - _frequencies()[:, None]
    near = (-(16 * apart).square()).exp()
    return (near * steps.square()).sum(1) / near.sum(1) / 12 / 255**2 * (219 / 255) ** 2


def detail(power: Tensor, noise: float = 0.0) -> float:
    """Up to which share of its resolution a picture of this spectrum [RINGS] holds detail: 1 for all.

    P(f) is compared with P(f / 2): a power law makes their ratio the same everywhere. Detail ends where the ratio is more than
    ten times lower than at low frequencies, over three rings at least.
    """
    where = _frequencies()
    log = (power - noise - ROUNDING).clamp_min(ROUNDING / 10).log()
    half = torch.from_numpy(np.interp((where / 2).numpy(), where.numpy(), log.numpy()))
    drop = log - half
    usual = float(drop[(where > 2 * LOWEST) & (where < 0.2)].max())
    empty = (drop < usual - EMPTY) & (where > LOWEST)
    for ring in range(RINGS - EMPTY_RINGS + 1):
        if bool(empty[ring : ring + EMPTY_RINGS].all()):
            return float(2 * where[ring])
    return 1.0


def _frequencies() -> Tensor:
    return (torch.arange(RINGS, dtype=torch.float64) + 0.5) / (2 * RINGS)


@cache
def standard_tables() -> tuple[tuple[int, ...], ...]:
    """The quantisation tables, of luma and of colour, in the JPEG standard's annex K, in rows of 8 (ISO/IEC 10918-1)."""
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=STANDARD)
    with Image.open(file) as opened:
        return tuple(tuple(table) for _, table in sorted(opened.quantization.items()))  # type: ignore[attr-defined]


def table(quality: int, channel: int = 0) -> tuple[int, ...]:
    """The table that libjpeg, and with it Pillow, scales the standard's to at a quality of 1 to 100 (IJG, `jcparam.c`)."""
    percent = 5000 // quality if quality < STANDARD else 200 - 2 * quality
    return tuple(min(255, max(1, (entry * percent + 50) // 100)) for entry in standard_tables()[channel])


def table_quality(luma_table: Sequence[int]) -> int:
    """The quality, 1 to 100, whose luma table is the given one, or nearest to it by the ratio of entries.

    Exact for libjpeg, whose 100 tables all differ; cameras and other programs have tables of their own.
    """
    given = torch.tensor(luma_table, dtype=torch.float64).clamp_min(1).log()
    known = torch.tensor([table(quality) for quality in range(1, 101)], dtype=torch.float64).log()
    return int((known - given).abs().sum(1).argmin()) + 1


def jpeg_quality(path: Path) -> int | None:
    """The quality of a JPEG file as libjpeg counts it, from its quantisation table; None for files of other formats."""
    try:
        with Image.open(path) as opened:
            tables = getattr(opened, "quantization", None)
    except (OSError, SyntaxError, ValueError):
        return None
    return table_quality(tables[min(tables)]) if tables else None
