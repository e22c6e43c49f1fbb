"""The verb: two pictures and settings in, events out, at the end the hybrid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from alebrije.core.image import Picture, fit
from alebrije.core.precision import choose_device
from alebrije.errors import Interrupted, PictureError
from alebrije.events import Done, Events, Preview, Started, Step, Warned
from alebrije.hybrid.blend import blend, to_cycles, to_sigma
from alebrije.hybrid.config import HybridConfig
from alebrije.hybrid.observer import Plan, Viewing, plan
from alebrije.hybrid.views import view, walk_away

MIN_SIDE = 8  # pixels: below it there are no two bands to share out
WEAK_SCORE = 0.2


@dataclass(frozen=True, slots=True)
class HybridResult:
    """The hybrid, what was chosen, and pictures beside it (float32 [1, 3, h, w], sRGB in [0, 1], on the CPU).

    `previews` holds `near` and `far` if they were asked for; `frames` is the walk away and back, for a GIF.
    """

    image: Picture
    report: dict[str, Any]
    previews: dict[str, Tensor] = field(default_factory=dict)
    frames: tuple[Tensor, ...] = ()


def hybridize(first: Picture, second: Picture, config: HybridConfig) -> Events:
    """Cross two pictures. The result has the size of the larger one; the other is cropped and scaled to it with a notice.

    Yields events, last `Done(HybridResult)`. Its report has `low` (first or second), `sigma_low` and `sigma_high` in
    pixels of the result, `cycles_low` and `cycles_high` per image width, `score`, and `switch_distance` in metres (or
    None). Raises `PictureError` for pictures under 8 pixels a side, `ConfigError` for a device that is not there.
    """
    device = choose_device(config.device)
    for picture in (first, second):
        if min(picture.size) < MIN_SIDE:
            needed = f"a hybrid needs at least {MIN_SIDE}x{MIN_SIDE} pixels"
            raise PictureError(f"{_name(picture)}: {needed}, use a larger picture")
    yield Started("hybrid", 3)
    frame = max(first, second, key=lambda picture: (picture.width * picture.height, picture.width))
    if first.size != second.size:
        other = second if frame is first else first
        yield Warned(f"{_name(other)} is cropped and scaled to the size of {_name(frame)}")
    pictures = {"first": _pixels(first, frame).to(device), "second": _pixels(second, frame).to(device)}
    viewing = Viewing(config.screen_width / 100, config.near, config.far)
    choice = _plan(pictures["first"], pictures["second"], viewing, config)
    yield Step(1, 3, {"score": choice.score})
    if choice.score < WEAK_SCORE:
        yield Warned(f"score {choice.score:.2f}: these two hardly hide each other; pictures of like shapes cross better")

    low, high = pictures[choice.low], pictures["second" if choice.low == "first" else "first"]
    sigma_low = config.sigma_low or to_sigma(choice.cycles_low, frame.width)
    sigma_high = config.sigma_high or to_sigma(choice.cycles_high, frame.width)
    hybrid = blend(low, high, sigma_low, sigma_high).cpu()
    result = HybridResult(_picture(hybrid, first, second, frame), _report(choice, sigma_low, sigma_high))
    try:
        yield Step(2, 3)
        yield Preview(hybrid, 2, "hybrid")
        distances = {"near": config.near, "far": config.far} if config.previews else {}
        previews = {name: view(hybrid, viewing.width, distance, config.near) for name, distance in distances.items()}
        result = replace(result, previews=previews)
        frames = walk_away(hybrid, config.far / config.near, config.frames) if config.frames else ()
        result = replace(result, frames=frames)
        yield Step(3, 3)
    except Interrupted:
        yield Done(result, interrupted=True)
        return
    yield Done(result)


def _plan(first: Tensor, second: Tensor, viewing: Viewing, config: HybridConfig) -> Plan:
    width = first.shape[-1]
    given = {"cycles_low": config.sigma_low, "cycles_high": config.sigma_high}
    cutoffs = {name: None if sigma is None else to_cycles(sigma, width) for name, sigma in given.items()}
    return plan(first, second, viewing, low=config.low, **cutoffs)


def _pixels(picture: Picture, frame: Picture) -> Tensor:
    """The picture's colours, transparent places white, in the size of `frame`."""
    pixels = picture.pixels
    if picture.alpha is not None:
        pixels = 1 + (pixels - 1) * picture.alpha
    return fit(pixels, (frame.height, frame.width))


def _picture(hybrid: Tensor, first: Picture, second: Picture, frame: Picture) -> Picture:
    """The result as a file wants it: of the frame's profile and EXIF; transparent where both pictures are."""
    alpha = None
    if first.alpha is not None and second.alpha is not None:
        size = frame.height, frame.width
        alpha = torch.maximum(fit(first.alpha, size), fit(second.alpha, size))
    depth = max(first.depth, second.depth)
    return Picture(hybrid, alpha, depth, frame.icc, frame.exif, gray=first.gray and second.gray)


def _report(choice: Plan, sigma_low: float, sigma_high: float) -> dict[str, Any]:
    return {
        "low": choice.low,
        "sigma_low": sigma_low,
        "sigma_high": sigma_high,
        "cycles_low": choice.cycles_low,
        "cycles_high": choice.cycles_high,
        "score": choice.score,
        "switch_distance": choice.switch_distance,
    }


def _name(picture: Picture) -> str:
    """How messages call a picture."""
    size = f"{picture.width}x{picture.height}"
    return f"{picture.path.name} ({size})" if picture.path else f"picture of {size} pixels"
