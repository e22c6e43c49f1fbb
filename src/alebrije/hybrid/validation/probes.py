"""What the observer does to one pair when the pair, the screen or the file is changed in ways that ought not to matter."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import resize
from alebrije.hybrid.observer import Plan, Viewing, appraise, both_orders, plan

SIZES = (192, 256, 384, 512, 1024)  # pixels: copies of these sizes (roots of their areas)
USUAL_SIZE = 512  # what the others are compared with
WIDTHS = (0.5, 1.0, 1.7, 3.0)  # times the width of the screen
NOISE_LEVEL, JPEG_QUALITY, SHIFT = 0.02, 75, 0.01  # of full scale; of 100; of the picture's width


@dataclass(frozen=True, slots=True)
class Probe:
    """All that was found out about one pair. Plans are the observer's, under names that say what was changed."""

    plan: Plan
    opposite: Plan  # the best one with the roles swapped
    swapped_alike: bool
    scaled: dict[float, Plan]  # screen and both distances times so much
    widened: dict[float, Plan]  # the screen alone times so much, cut-offs kept
    rechosen: dict[float, Plan]  # the screen alone times so much, cut-offs chosen again
    sizes: dict[int, Plan]
    disturbed: dict[str, Plan]


def probe(first: Tensor, second: Tensor, viewing: Viewing) -> Probe:
    """Ask the observer about two pictures [1, 3, H, W] of one size in every way. Deterministic."""
    chosen = plan(first, second, viewing)
    other = "second" if chosen.low == "first" else "first"
    spectra = both_orders(first, second)[chosen.low]
    swapped = plan(second, first, viewing)
    wider = {times: viewing._replace(width=times * viewing.width) for times in WIDTHS}
    kept = (chosen.low, chosen.cycles_low, chosen.cycles_high)
    return Probe(
        plan=chosen,
        opposite=plan(first, second, viewing, low=other),
        swapped_alike=swapped.low == other and replace(swapped, low=chosen.low) == chosen,
        scaled={times: plan(first, second, Viewing(*(times * length for length in viewing))) for times in WIDTHS},
        widened={times: appraise(spectra, screen, *kept) for times, screen in wider.items()},
        rechosen={times: plan(first, second, screen) for times, screen in wider.items()},
        sizes={side: plan(_copy(first, side), _copy(second, side), viewing) for side in SIZES},
        disturbed={name: plan(*change(first, second), viewing) for name, change in DISTURBANCES.items()},
    )


def octaves(one: Plan, other: Plan) -> tuple[float, float] | None:
    """How far the low and the high cut-offs of two plans lie apart, in octaves; None if their roles differ."""
    if one.low != other.low:
        return None
    return abs(math.log2(one.cycles_low / other.cycles_low)), abs(math.log2(one.cycles_high / other.cycles_high))


def _copy(image: Tensor, side: int) -> Tensor:
    scale = side / math.sqrt(image.shape[-2] * image.shape[-1])
    return resize(image, (max(1, round(image.shape[-2] * scale)), max(1, round(image.shape[-1] * scale))))


def _shifted(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The first picture moved to the right and down over the second, its border reflected."""
    by = max(1, round(SHIFT * first.shape[-1]))
    return F.pad(first, (by, 0, by, 0), mode="reflect")[..., : first.shape[-2], : first.shape[-1]], second


def _noisy(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    one, other = (
        (image + NOISE_LEVEL * torch.randn(image.shape, generator=generator)).clamp(0, 1) for image in (first, second)
    )
    return one, other


def _compressed(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return _jpeg(first), _jpeg(second)


def _jpeg(image: Tensor) -> Tensor:
    buffer = io.BytesIO()
    array = (image[0].permute(1, 2, 0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    Image.fromarray(array).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return torch.from_numpy(np.array(Image.open(buffer))).permute(2, 0, 1)[None].float() / 255


def _dimmed(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    return 0.8 * first, 0.8 * second


DISTURBANCES: Mapping[str, Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]] = {
    f"one moved by {SHIFT:.0%} of the width": _shifted,
    f"noise of {NOISE_LEVEL:.0%}": _noisy,
    f"JPEG of quality {JPEG_QUALITY}": _compressed,
    "20% darker": _dimmed,
}
