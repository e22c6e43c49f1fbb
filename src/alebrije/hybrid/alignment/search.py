"""Where one shape lies best on another: all similarities within bounds.

A place is [4]: log scale, angle in radians, shift (x, y) in longer sides of the picture; it maps the output, whose
origin is its middle, to the low picture: q = scale R(angle) p + shift. All places are tried on a coarse grid (shifts by
Fourier transform), and the best ones are refined by gradient ascent on the correlation, as ECC does for brightness
(Evangelidis, Psarakis, "Parametric image alignment using enhanced correlation coefficient maximization", PAMI 30(10),
2008).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.filters import gaussian_blur
from alebrije.hybrid.alignment.masks import Shape


class Level(NamedTuple):
    """Refining at one size: pixels of a side, blur in them, steps, and the first step in units of a place."""

    side: int
    blur: float
    steps: int
    length: float


LEVELS = Level(96, 3.0, 30, 0.04), Level(192, 1.5, 20, 0.012)
COARSE = 48, 1.0  # pixels of a side of the grid's copies, blur in them
SCALE, ANGLE, SHIFT = 2.0, 30.0, 1 / 3  # bounds: scale within 1/SCALE..SCALE, degrees, share of the longer side
SCALES, ANGLES = 9, 9  # the coarse grid
KEPT = 6  # of its best places, which are refined
PRIOR = 0.08  # of correlation: what a change as large as the bounds must win to be worth it
FAINT = 1e-4  # mean square of a map: below it there is nothing but rounding, which must not correlate
MASK_LOST, LINES_LOST = 1.0, 0.125  # powers of the share of the low picture's mask and outlines that stays in sight


class Layers(NamedTuple):
    """Low and high [4, h, w] at one level: mask (0 outside) and outlines; `weight` of the mask in the correlation."""

    low: Tensor
    high: Tensor
    weight: float


def prepare(low: Shape, high: Shape, side: int, blur: float) -> Layers:
    height, width = low.mask.shape[-2:]
    factor = min(side / math.sqrt(height * width), 2 * side / max(height, width))  # a narrow strip would need much memory
    size = max(3, round(height * factor)), max(3, round(width * factor))
    maps = []
    for one in (low, high):
        maps.append(gaussian_blur(F.interpolate(torch.cat([one.mask, one.outlines], 1), size, mode="area"), blur)[0])
    return Layers(maps[0], maps[1], 0.5 * math.sqrt(low.plain * high.plain))


def _grid(places: Tensor, height: int, width: int) -> Tensor:
    """Sampling grid [N, h, w, 2] of places [N, 4]: log scale, angle in radians, shift in longer sides."""
    y, x = torch.meshgrid(torch.arange(height) + 0.5 - height / 2, torch.arange(width) + 0.5 - width / 2, indexing="ij")
    scale, angle = places[:, 0].exp()[:, None, None], places[:, 1][:, None, None]
    shift = places[:, 2:] * max(height, width)
    across = scale * (angle.cos() * x - angle.sin() * y) + shift[:, 0, None, None]
    down = scale * (angle.sin() * x + angle.cos() * y) + shift[:, 1, None, None]
    return torch.stack([2 * across / width, 2 * down / height], dim=-1)


def _seen(layers: Layers, places: Tensor) -> tuple[Tensor, Tensor]:
    """Low layers [N, 4, h, w] through each place, angles turned along, and where they come from inside [N, 1, h, w]."""
    grid = _grid(places, *layers.high.shape[-2:])
    maps = torch.cat([layers.low, torch.ones_like(layers.low[:1])])
    maps = F.grid_sample(maps.expand(len(places), -1, -1, -1), grid, padding_mode="zeros", align_corners=False)
    cosine, sine = (2 * places[:, 1]).cos()[:, None, None], (2 * places[:, 1]).sin()[:, None, None]
    turned = [maps[:, 2] * cosine + maps[:, 3] * sine, maps[:, 3] * cosine - maps[:, 2] * sine]
    return torch.stack([maps[:, 0], maps[:, 1], *turned], dim=1), maps[:, 4:]


def correlation(layers: Layers, places: Tensor) -> Tensor:
    """Correlation of low through each place with high, in [-1, 1]: [N].

    Beyond its border, low has an empty mask and no outlines that count; those of high there stay unexplained and
    cost correlation. So does what of low is not in sight.
    """
    seen, inside = _seen(layers, places)
    high, area = layers.high[None], (2 * places[:, 0]).exp()
    masks = _pearson(seen[:, :1], high[:, :1], torch.ones_like(inside))
    masks = masks * _kept(area * seen[:, 0].sum((1, 2)), layers.low[0].sum(), MASK_LOST)
    lines = _pearson(seen[:, 1:], high[:, 1:], inside)
    lines = lines * _kept(area * seen[:, 1:].square().sum((1, 2, 3)), layers.low[1:].square().sum(), LINES_LOST)
    return layers.weight * masks + (1 - layers.weight) * lines


def _kept(seen: Tensor, whole: Tensor, power: float) -> Tensor:
    """What a correlation is multiplied by if only `seen` of the `whole` is in sight."""
    return (seen / (whole + 1e-6)).clamp(1e-4, 1) ** power


def _pearson(seen: Tensor, high: Tensor, inside: Tensor) -> Tensor:
    """Correlation of [N, C, h, w] with [1, C, h, w] over all channels; of the first, the mean is taken away."""
    area = inside.sum((2, 3), keepdim=True).clamp_min(1)

    def centred(maps: Tensor, weights: Tensor, total: Tensor) -> Tensor:
        mean = (maps[:, :1] * weights).sum((2, 3), keepdim=True) / total
        return torch.cat([maps[:, :1] - mean, maps[:, 1:]], dim=1)

    whole = centred(high, torch.ones_like(high[:, :1]), high.new_tensor(high.shape[-2] * high.shape[-1]))
    ours, theirs = centred(seen, inside, area), centred(high.expand(len(seen), -1, -1, -1), inside, area)
    cross = (ours * theirs * inside).sum((1, 2, 3))
    floor = FAINT * high[0, 0].numel()
    return cross / (((ours.square() * inside).sum((1, 2, 3)) + floor) * (whole.square().sum() + floor)).sqrt()


def cost(places: Tensor) -> Tensor:
    """What changes [..., 4] must win in correlation to be worth it: [...]."""
    return PRIOR * (places / _limits()).square().sum(-1)


def coarse(low: Shape, high: Shape) -> Tensor:
    """Places [N, 4] worth refining: the identity, and the best ones of a grid over scale and angle with the best shifts.

    Of all shifts at once: the correlation sum_p high(p) low(p + u) is a product of Fourier transforms, and so are the
    energies of what comes into sight.
    """
    layers = prepare(low, high, *COARSE)
    longer = max(layers.high.shape[-2:])
    scales = torch.linspace(-math.log(SCALE), math.log(SCALE), SCALES)
    angles = torch.linspace(-math.radians(ANGLE), math.radians(ANGLE), ANGLES)
    turns = torch.cartesian_prod(scales, angles)
    turned, reach = _turned(layers.low, turns, longer)
    values = _shift_values(layers, turned, (2 * turns[:, 0]).exp(), reach)

    steps = torch.arange(-reach, reach + 1)
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    factor = turns[:, 0].exp()[:, None, None] / longer
    cosine, sine = turns[:, 1].cos()[:, None, None], turns[:, 1].sin()[:, None, None]
    shift = torch.stack([factor * (cosine * across - sine * down), factor * (sine * across + cosine * down)], dim=-1)
    places = torch.cat([turns[:, None, None].expand(*shift.shape), shift], dim=-1)
    allowed = ((places / _limits()).abs() <= 1.001).all(-1)
    values = torch.where(allowed, values - cost(places), -math.inf)
    best, where = values.flatten(1).max(1)
    candidates = places.flatten(1, 2)[torch.arange(len(where)), where]
    return torch.cat([torch.zeros(1, 4), candidates[_apart(best, candidates / _limits())]])


def _turned(low: Tensor, turns: Tensor, longer: int) -> tuple[Tensor, int]:
    """Low layers [4, h, w] at every scale and angle, unshifted, in square frames [N, 4, s, s] with room for the shifts.

    Also the largest shift of the output, in pixels: a shift t of the low picture is one of t / scale there.
    """
    reach = math.ceil(longer * SHIFT * SCALE)
    side = longer + 2 * reach
    rows, columns = (side - low.shape[-2]) // 2, (side - low.shape[-1]) // 2
    pad = (columns, side - low.shape[-1] - columns, rows, side - low.shape[-2] - rows)
    mean = low.mean((1, 2), keepdim=True) * torch.tensor([0.0, 1, 0, 0]).view(4, 1, 1)
    padded = F.pad(low - mean, pad)
    starts = torch.cat([turns, torch.zeros_like(turns)], dim=1)
    return _seen(Layers(padded, padded, 0.0), starts)[0], reach


def _shift_values(layers: Layers, turned: Tensor, area: Tensor, reach: int) -> Tensor:
    """Correlation of high with `turned` [N, 4, s, s] shifted by -reach..reach pixels down and across: [N, 2r + 1, 2r + 1]."""
    height, width = layers.high.shape[-2:]
    high = layers.high - layers.high.mean((1, 2), keepdim=True) * torch.tensor([1.0, 1, 0, 0]).view(4, 1, 1)
    side = turned.shape[-1]
    top, left = (side - height) // 2 - reach, (side - width) // 2 - reach  # where the shift -reach puts the frame
    template = torch.cat([high, torch.ones_like(high[:1])])
    waves = torch.fft.rfft2(template, s=(side, side)).conj()

    def slide(maps: Tensor, wave: Tensor) -> Tensor:
        sums = torch.fft.irfft2(torch.fft.rfft2(maps) * wave, s=(side, side))
        part: Tensor = sums[..., top : top + 2 * reach + 1, left : left + 2 * reach + 1]
        return part

    box = waves[4]
    mask, lines = turned[:, 0], turned[:, 1:]
    # A constant added to the mask changes nothing, since that of high has no mean.
    mass, power, area = slide(mask, box), slide(lines.square().sum(1), box).clamp_min(0), area[:, None, None]
    energy = slide(mask.square(), box) - mass.square() / (height * width)
    floor = FAINT * height * width
    masks = slide(mask, waves[0]) / ((energy.clamp_min(0) + floor) * (high[0].square().sum() + floor)).sqrt()
    masks = masks * _kept(area * mass, layers.low[0].sum(), MASK_LOST)
    outlines = slide(lines, waves[1:4]).sum(1) / ((power + floor) * (high[1:].square().sum() + floor)).sqrt()
    outlines = outlines * _kept(area * power, layers.low[1:].square().sum(), LINES_LOST)
    return layers.weight * masks + (1 - layers.weight) * outlines


def _apart(values: Tensor, relative: Tensor) -> Tensor:
    """Indices of the KEPT largest values whose places [N, 4], in parts of the bounds, are not neighbours."""
    kept: list[int] = []
    for index in values.argsort(descending=True, stable=True).tolist():
        if all(float((relative[index] - relative[other]).abs().max()) > 0.3 for other in kept):
            kept.append(index)
        if len(kept) == KEPT:
            break
    return torch.tensor(kept)


def _limits() -> Tensor:
    return torch.tensor([math.log(SCALE), math.radians(ANGLE), SHIFT, SHIFT])


def refine(layers: Layers, places: Tensor, level: Level) -> Tensor:
    """Places [N, 4] moved uphill, each by itself, within the bounds; the best first.

    Adam (Kingma, Ba, 2015, algorithm 1; betas 0.8, 0.95), with steps that shrink along half a cosine. It is written
    out, since torch.optim takes a second to import.
    """
    limits = _limits()
    mean, square = torch.zeros_like(places), torch.zeros_like(places)
    for step in range(level.steps):
        leaf = places.clone().requires_grad_(True)
        with torch.enable_grad():
            (gradient,) = torch.autograd.grad((correlation(layers, leaf) - cost(leaf)).sum(), leaf)
        mean, square = mean.lerp(gradient, 0.2), square.lerp(gradient.square(), 0.05)
        rate = level.length * (0.02 + 0.98 * (0.5 + 0.5 * math.cos(math.pi * step / level.steps)))
        rate *= math.sqrt(1 - 0.95 ** (step + 1)) / (1 - 0.8 ** (step + 1))
        places = torch.minimum(torch.maximum(places + rate * mean / (square.sqrt() + 1e-8), -limits), limits)
    with torch.no_grad():
        return places[(correlation(layers, places) - cost(places)).argsort(descending=True, stable=True)]
