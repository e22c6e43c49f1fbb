"""`alebrije stylize`: repaint a picture in the manner of others, by gradient descent on its pixels.

Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016: the picture is sought whose
features are near the content's in one layer and whose feature statistics are near the style's in several (eq. 7).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alebrije import features
from alebrije.config import choose
from alebrije.core import weights
from alebrije.core.image import Picture, load, resize, scaled_size
from alebrije.core.memory import bytes_free
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Events, Preview, Started, Step, Warned
from alebrije.style import colors, estimate, torus
from alebrije.style.config import CONTENT_LAYER, REFINING, StylizeConfig, scales
from alebrije.style.losses import LOSSES
from alebrije.style.objective import Extra, layers, measure, with_gradient
from alebrije.style.optimize import OPTIMIZERS, descend
from alebrije.style.regions import Regions, check_masks, read_masks
from alebrije.style.saved import Saved, identity
from alebrije.style.sizes import SMALLEST_SIDE, finished, padded, placed, resized, result_size, scene_of, size_of
from alebrije.style.tiled.measure import additive_of
from alebrije.style.winograd import accelerate


@dataclass(frozen=True, slots=True)
class StylizeResult:
    """`image` is ready to be saved and carries the content's alpha, depth, ICC profile and EXIF; `frames` are pictures
    [1, 3, H, W] of the work in order, all of the final size; `report` can be written as JSON."""

    image: Picture
    report: dict[str, Any]
    frames: tuple[Tensor, ...] = ()


@dataclass(slots=True)
class _Progress:
    """What the work has come to so far: the picture, the content at the same size, and all that is needed to go on."""

    image: Tensor
    scene: Tensor
    aim: Tensor | None = None  # what a stage that refines takes for its content
    steps: int = 0
    stage: int = 0
    descent: Mapping[str, Any] | None = None
    stages: list[dict[str, Any]] = field(default_factory=list)
    tiles: list[int | None] = field(default_factory=list)
    frames: list[Tensor] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """What a state file holds; the pictures of the stage are made again from the inputs."""
        return {name: getattr(self, name) for name in ("steps", "stage", "descent", "aim", "stages", "tiles", "frames")}


class _Task(NamedTuple):
    """What a picture of one size is compared with."""

    content: Tensor
    styles: list[Tensor]
    regions: Regions | None


def stylize(
    content: Picture,
    styles: Sequence[Picture],
    config: StylizeConfig,
    saved: Saved | None = None,
    *,
    start: Tensor | None = None,
    extra: Extra | None = None,
) -> Events:
    """Repaint `content` in the manner of `styles`; the last event is `Done(StylizeResult)`.

    The picture is found at a small size first, then enlarged and refined, once for each of `scales(config)`; at a size that
    would take too much memory, in tiles. When `Interrupted` is thrown in, the result is the picture so far. With `saved` its
    state is written there every so often and when it is stopped, and, where `saved.resume` says so, the work goes on from what
    is there; who called this removes it. `start` is a picture [1, 3, H, W] of the final size to begin with, in the place of
    `config.init`. `extra`, a function from the picture [1, 3, h, w] at whatever size the work is to a scalar, is added to the
    loss; both are unknown to the state file.
    Raises `ConfigError` for settings that do not fit each other, `WeightsError` where the network is not at hand,
    `PictureError` for a mask that cannot be read, `RunError` for a state that does not fit, `NumericsError` if the loss cannot
    be kept finite.
    """
    began = time.perf_counter()
    choose("loss", config.loss, LOSSES)
    if config.style_weights and len(config.style_weights) != len(styles):
        raise ConfigError(f"style_weights has {len(config.style_weights)} numbers for {len(styles)} style pictures")
    check_masks(len(config.mask), len(styles), config.loss)
    if config.tile not in ("auto", "none"):
        additive_of(config)
    device = choose_device(config.device)
    network = _network(config)
    look = functools.partial(features.load, network, layers(config), pooling=config.pooling, device=device)
    size, notices = result_size(content, config)
    place = functools.partial(placed, size=size, config=config)
    masks = [load(path) for path in config.mask]
    places = [padded(mask).to(device) for mask in read_masks(masks, len(styles), content, place)]
    whole, more = scene_of(content, size, config)
    whole = whole.to(device)
    scene, paintings = colors.prepared(whole, [style.pixels.to(device) for style in styles], config.colors)
    targets = functools.partial(_targets, scene, paintings, places, config)
    keeper = _Keeper(saved, identity(content, styles, masks, config, network)) if saved else None

    progress = _Progress(_start(scene, config) if start is None else start.to(scene), scene)
    interrupted = False
    try:
        yield from map(Warned, [*notices, *more])
        extractor = look(dtype=choose_dtype(config.precision, device))
        accelerate(extractor.stages, device)
        yield from _refine(progress, extractor, targets, config, keeper, extra)
    except Interrupted:
        interrupted = True
        if keeper:
            keeper.write(progress)

    found, report = _judged(progress, scene, targets, look, config)
    found = colors.restored(found, whole, config.colors)
    report |= {"seconds": time.perf_counter() - began, "network": network, "size": list(reversed(size))}
    if masks:
        report["masks"] = [mask.sha256 for mask in masks]
    frames = tuple(resized(frame.cpu(), size, config) for frame in progress.frames)
    yield Done(StylizeResult(finished(content, found.clamp(0, 1).cpu(), size, place), report, frames), interrupted=interrupted)


def _judged(
    progress: _Progress,
    scene: Tensor,
    targets: Callable[[float], _Task],
    look: Callable[..., features.Extractor],
    config: StylizeConfig,
) -> tuple[Tensor, dict[str, Any]]:
    """The picture that the work has come to, at its final size, and what the report says about it, measured in float32."""
    progress.descent = None  # which holds many pictures
    found = _carried(progress, scene, config)
    task, judge = targets(1.0), look(dtype=torch.float32)
    tile = progress.tiles[-1] if progress.tiles else _tile_side(judge, scene, config, 1.0)
    with torch.no_grad():
        parts = measure(judge, *task[:2], config, task.regions, tile=tile)(found)
    report = {
        "steps": progress.steps,
        "content_distance": float(parts.content),
        "style_distance": float(parts.style),
        "loss": float(parts.weighted(config)),
        "scales": progress.stages,
    }
    return _shown(found, task), report


class _Keeper(NamedTuple):
    """The state file and whose state it is."""

    saved: Saved
    identity: Any

    def read(self, progress: _Progress) -> None:
        """Put `progress` where the stopped work was, if it is to go on."""
        for name, value in (self.saved.read(self.identity, progress.scene.device) or {}).items():
            setattr(progress, name, value)

    def write(self, progress: _Progress) -> None:
        """Keep what there is so far, once there is something."""
        if progress.descent is not None:
            self.saved.write(self.identity, progress.state())


def _refine(
    progress: _Progress,
    extractor: features.Extractor,
    targets: Callable[[float], _Task],
    config: StylizeConfig,
    keeper: _Keeper | None,
    extra: Extra | None,
) -> Events:
    """Descend at each scale in turn, keeping `progress` up to date."""
    plan = scales(config, max(size_of(progress.scene)))
    total = sum(stage.steps for stage in plan)
    frame_steps = {round(total * (k + 1) / config.frames) for k in range(config.frames)}
    named = f"{progress.scene.shape[-1]}x{progress.scene.shape[-2]}"
    if keeper:
        keeper.read(progress)
    progress.tiles = progress.tiles or [_tile_side(extractor, progress.scene, config, stage.fraction) for stage in plan]
    needed = estimate.bytes_needed(extractor, progress.scene[0, 0].numel(), config.optimizer, progress.tiles[-1])
    free = bytes_free(progress.scene.device)
    notices = (estimate.tile_notice(progress.tiles[-1], needed, named), estimate.memory_notice(needed, free, named, config))
    yield from (Warned(notice) for notice in notices if notice)
    yield Started("stylize", total)
    first = progress.stage
    for number in range(first, len(plan)):
        task = targets(plan[number].fraction)
        memory = _entered(progress, number, task, config)
        summary, clock = progress.stages[-1], time.perf_counter()
        settings = config
        if plan[number].refines:
            progress.aim = progress.image if memory is None else progress.aim
            settings = config.model_copy(update={"style_weight": REFINING * config.style_weight})
        aim = task.content if progress.aim is None else progress.aim
        distances = measure(extractor, aim, task.styles, config, task.regions, tile=progress.tiles[number])
        task = task._replace(styles=[])
        evaluate = with_gradient(distances, settings, extra)
        rule = OPTIMIZERS[config.optimizer](plan[number].steps)
        for position in descend(evaluate, progress.image, rule, plan[number].steps, memory):
            progress.image, progress.descent = position.image, position.memory
            progress.steps += 1
            summary.update(position.values, steps=summary["steps"] + 1)
            if progress.steps in frame_steps:
                progress.frames.append(_shown(position.image, task).cpu())
            if keeper and keeper.saved.due(progress.steps):
                keeper.write(progress)
            if position.mended:
                yield Warned(f"step {progress.steps} ran to NaN or infinity: taken back, going on with half the step")
            yield Step(progress.steps, total, position.values)
            if number == first and summary["steps"] == 3 and not memory:  # the first two steps also warm up
                left = estimate.seconds_left(time.perf_counter() - clock, number, 3, plan, progress.tiles)
                if notice := estimate.time_notice(left, needed, named):
                    yield Warned(notice)
            clock = time.perf_counter()
            if config.preview_every and progress.steps % config.preview_every == 0:
                yield Preview(_shown(position.image, task).cpu(), progress.steps)
            progress.descent = None  # so that the next step need not hold the memory of this one beside its own
            del position


def _tile_side(extractor: features.Extractor, scene: Tensor, config: StylizeConfig, fraction: float) -> int | None:
    """The tiles in which the picture is looked at, at this fraction of the final size, or None."""
    pixels = round(scene[0, 0].numel() * fraction**2)
    return estimate.tile_side(extractor, config, pixels, bytes_free(scene.device))


def _entered(progress: _Progress, number: int, task: _Task, config: StylizeConfig) -> Mapping[str, Any] | None:
    """Bring `progress` to the stage of this number; returns where the descent of a resumed stage was, None for a new one."""
    if progress.stage == number and progress.descent is not None:
        progress.image, progress.scene = progress.descent["image"], task.content
        return progress.descent
    start = _carried(progress, task.content, config).contiguous()
    progress.image, progress.scene, progress.stage, progress.descent = start, task.content, number, None
    progress.stages.append({"size": [start.shape[-1], start.shape[-2]], "steps": 0})
    return None


def _network(config: StylizeConfig) -> str:
    """The network to use. Raises `ConfigError` if it, or one of the layers that are looked at, does not exist."""
    if config.features == "auto":
        better = ("vgg19", "vgg16") if config.quality == "best" else ()
        name = next((name for name in better if weights.at_hand(name)), "compact")
    else:
        suited = [name for name, network in features.NETWORKS.items() if CONTENT_LAYER in network.layers]
        name = choose("network for stylize", config.features, suited)
    for layer in layers(config):
        choose(f"layer of {name}", layer, features.NETWORKS[name].layers)
    return name


def _targets(content: Tensor, styles: Sequence[Tensor], masks: Sequence[Tensor], config: StylizeConfig, fraction: float) -> _Task:
    """The task at a fraction of the final size. A style's longest side is the result's times `style_scale`."""
    longest = max(1, round(max(size_of(content)) * config.style_scale * fraction))
    height, width = (max(SMALLEST_SIDE, round(side * fraction)) for side in size_of(content))
    size = torus.multiple((height, width)) if config.wrap else (height, width)
    paintings = [padded(resize(style, scaled_size(size_of(style), longest))) for style in styles]
    regions = Regions([resize(mask, size) for mask in masks], config.loss) if masks else None
    return _Task(resized(content, size, config), paintings, regions)


def _shown(image: Tensor, task: _Task) -> Tensor:
    return task.regions.laid(image, task.content) if task.regions else image


def _start(scene: Tensor, config: StylizeConfig) -> Tensor:
    if config.init == "content":
        return scene
    noise = torch.randn(scene.shape, generator=torch.Generator().manual_seed(config.seed))
    return (0.5 + 0.15 * noise).clamp(0, 1).to(scene)


def _carried(progress: _Progress, scene: Tensor, config: StylizeConfig) -> Tensor:
    """The picture so far at the size of `scene`, the content. Where the work began with the content, only what has changed
    is resized and laid on it, so that the next stage starts with the content's detail."""
    if config.init == "noise":
        return resized(progress.image, size_of(scene), config)
    change = resized((progress.image - progress.scene) / 2 + 0.5, size_of(scene), config) * 2 - 1
    return (scene + change).clamp(0, 1)
