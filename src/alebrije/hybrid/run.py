"""The verb: two or three pictures and settings in, events out, at the end the hybrid."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from alebrije.core.image import Picture
from alebrije.core.precision import choose_device
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Event, Events, Preview, Started, Step, Warned
from alebrije.hybrid import observer
from alebrije.hybrid.advice import advise
from alebrije.hybrid.alignment.align import COMMON, Alignment
from alebrije.hybrid.blend import blend, blend_three, to_cycles, to_sigma, without_color
from alebrije.hybrid.canvas import OTHER, Layers, canvas_size, fitting_notices, lay_over, name_of, to_layer
from alebrije.hybrid.config import HybridConfig
from alebrije.hybrid.observer import Plan, Viewing
from alebrije.hybrid.trio import TrioPlan, plan_three
from alebrije.hybrid.views import view, walk_away

WEAK_SCORE, WEAK_SCORE_OF_THREE = 0.2, 0.1

Choice = Plan | TrioPlan
Result = TypeVar("Result")
Working = Generator[Event, None, Result]  # a part of the verb: yields events, returns its result


@dataclass(frozen=True, slots=True)
class HybridResult:
    """The hybrid, what was chosen, and pictures beside it (float32 [1, 3, h, w], sRGB in [0, 1], on the CPU).

    `previews` holds `near` and `far` if they were asked for, and `middle` between them for three pictures; `frames` is the
    walk away and back, for an animation.
    """

    image: Picture
    report: dict[str, Any]
    previews: dict[str, Tensor] = field(default_factory=dict)
    frames: tuple[Tensor, ...] = ()


def hybridize(first: Picture, second: Picture, config: HybridConfig, middle: Picture | None = None) -> Events:
    """Cross two pictures, or three: `middle` is seen from between the distances of the other two.

    The result has the size of the larger of first and second, or of the print; what has another size is cropped and scaled
    with a notice. Yields events, last `Done(HybridResult)`. Its report has `low` (first or second), `sigma_low` and
    `sigma_high` in pixels of the result, `cycles_low` and `cycles_high` per image width, `score`, `switch_distance` in metres
    (or None), `planner`, and `alignment`: None, or a dict of scale, degrees, shift, match, before and note. With three also
    `sigma_middle` and `cycles_middle` (two numbers each), `switch_distances` (from near to middle, from middle to far; the
    latter is `switch_distance`) and `alignment_middle`.

    Raises `PictureError` for pictures under 8 pixels a side and points outside them, `ConfigError` for settings that do not
    fit the pictures and a device that is not there, `RunError` and `WeightsError` for a planner that cannot be used.
    """
    given = {"first": first, "second": second} | ({"middle": middle} if middle else {})
    _check(given, config)
    device = choose_device(config.device)
    frame = max(first, second, key=lambda picture: (picture.width * picture.height, picture.width))
    size = canvas_size(given, frame, config)
    yield Started("hybrid", 3)
    yield from map(Warned, fitting_notices(given, frame, size, config))
    layers = {name: to_layer(picture, size) for name, picture in given.items()}
    choice, layers, alignments = yield from _choose(given, layers, config)
    yield Step(1, 3, {"score": choice.score})

    report = _report(choice, alignments, config, size[1])
    hybrid = _blended({name: layer.pixels.to(device) for name, layer in layers.items()}, report, config).cpu()
    result = HybridResult(_picture(hybrid, given, layers, frame, config), report)
    try:
        yield Step(2, 3)
        yield Preview(hybrid, 2, "hybrid")
        if config.previews:
            result = replace(result, previews=_previews(hybrid, config, three=middle is not None))
        if config.frames:
            walk = walk_away(hybrid, config.far / config.near, config.frames, config.frame_side)
            result = replace(result, frames=walk)
        yield Step(3, 3)
    except Interrupted:
        yield Done(result, interrupted=True)
        return
    yield Done(result)


def _check(given: Mapping[str, Picture], config: HybridConfig) -> None:
    """Raise for settings that go with three pictures only, or with two."""
    if "middle" in given and config.planner != "observer":
        raise ConfigError(f"only the observer plans three pictures: leave out planner {config.planner}")
    if "middle" not in given and config.between is not None:
        raise ConfigError("between is the distance of a middle picture: give that picture too, or leave it out")
    if "middle" not in given and config.points and len(config.points[0]) == 6:
        raise ConfigError("the third point of each place is one of a middle picture: give that picture, or two points a place")


def _choose(
    given: Mapping[str, Picture], layers: Layers, config: HybridConfig
) -> Working[tuple[Choice, Layers, dict[str, Alignment]]]:
    """Plan. If the far picture is to be laid over the near one, do so as soon as the roles are known, and plan again."""
    plan = _planner(config)
    alignments: dict[str, Alignment] = {}
    low: str = config.low
    if config.align == "auto" or config.points:
        low = plan(layers, low).low if low == "auto" else low
        layers, alignments = lay_over(given, layers, low, config.points)
        for name, alignment in alignments.items():
            if alignment.match < COMMON and not config.points:  # who clicks points has seen the pictures
                yield Warned(f"{name_of(given[name])} over {name_of(given[OTHER[low]])}: {alignment.note}")
    choice = plan(layers, low)
    pixels = layers[choice.low].pixels, layers[OTHER[choice.low]].pixels
    yield from map(Warned, advise(*pixels, choice.cycles_low, choice.cycles_high))
    if isinstance(choice, TrioPlan) and choice.score < WEAK_SCORE_OF_THREE:
        yield Warned(f"score {choice.score:.2f}: these three hardly hide each other; like shapes and a larger far distance help")
    elif isinstance(choice, Plan) and choice.score < WEAK_SCORE:
        yield Warned(f"score {choice.score:.2f}: these two hardly hide each other; pictures of like shapes cross better")
    return choice, layers, alignments


def _planner(config: HybridConfig) -> Callable[[Layers, str], Choice]:
    """Layers and who is low (auto, first, second) -> the choice; scores are the observer's whoever plans."""
    viewing = Viewing(config.width, config.near, config.far)
    plan = observer.plan
    if config.planner != "observer":
        from alebrije.hybrid.planning.use import load_planner

        plan = load_planner(config.planner)

    def choose(layers: Layers, low: str) -> Choice:
        first, second = layers["first"].pixels, layers["second"].pixels
        sigmas = {"cycles_low": config.sigma_low, "cycles_high": config.sigma_high}
        fixed = {name: sigma and to_cycles(sigma, first.shape[-1]) for name, sigma in sigmas.items()}
        if "middle" in layers:
            return plan_three(first, layers["middle"].pixels, second, viewing, config.middle_distance, low=low, **fixed)
        return plan(first, second, viewing, low=low, **fixed)

    return choose


def _report(choice: Choice, alignments: Mapping[str, Alignment], config: HybridConfig, width: int) -> dict[str, Any]:
    """What was chosen, for people and programs; `width` in pixels of the result."""
    report: dict[str, Any] = {
        "low": choice.low,
        "sigma_low": config.sigma_low or to_sigma(choice.cycles_low, width),
        "sigma_high": config.sigma_high or to_sigma(choice.cycles_high, width),
        "cycles_low": choice.cycles_low,
        "cycles_high": choice.cycles_high,
        "score": choice.score,
        "switch_distance": choice.switch_distances[1] if isinstance(choice, TrioPlan) else choice.switch_distance,
        "planner": config.planner,
        "alignment": _in_report(alignments.get(choice.low)),
    }
    if isinstance(choice, TrioPlan):
        report["sigma_middle"] = [to_sigma(cycles, width) for cycles in choice.cycles_middle]
        report["cycles_middle"] = list(choice.cycles_middle)
        report["switch_distances"] = list(choice.switch_distances)
        report["alignment_middle"] = _in_report(alignments.get("middle"))
    return report


def _in_report(alignment: Alignment | None) -> dict[str, Any] | None:
    if alignment is None:
        return None
    numbers = {name: getattr(alignment, name) for name in ("scale", "degrees", "match", "before", "note")}
    return numbers | {"shift": list(alignment.shift)}


def _blended(pixels: Mapping[str, Tensor], report: Mapping[str, Any], config: HybridConfig) -> Tensor:
    """The hybrid [1, 3, H, W] of the pictures, with the roles and blurs of the report."""
    low, high = pixels[report["low"]], pixels[OTHER[report["low"]]]
    middle = pixels.get("middle")
    if config.gray_high:
        high, middle = without_color(high), None if middle is None else without_color(middle)
    if middle is None:
        return blend(low, high, report["sigma_low"], report["sigma_high"])
    coarse, fine = report["sigma_middle"]
    return blend_three(low, middle, high, report["sigma_low"], (coarse, fine), report["sigma_high"])


def _previews(hybrid: Tensor, config: HybridConfig, *, three: bool) -> dict[str, Tensor]:
    middle = {"middle": config.middle_distance} if three else {}
    distances = {"near": config.near} | middle | {"far": config.far}
    return {name: view(hybrid, config.width, distance, config.near) for name, distance in distances.items()}


def _picture(hybrid: Tensor, given: Mapping[str, Picture], layers: Layers, frame: Picture, config: HybridConfig) -> Picture:
    """The result as a file wants it: of the frame's profile and EXIF; transparent where all pictures are."""
    alpha = None
    masks = [layer.alpha for layer in layers.values() if layer.alpha is not None]
    if len(masks) == len(layers):
        alpha = torch.stack(masks).amax(0)
    depth = max(picture.depth for picture in given.values())
    gray = all(picture.gray for picture in given.values())
    return Picture(hybrid, alpha, depth, frame.icc, frame.exif, gray=gray, dpi=config.print_dpi)
