"""`alebrije stylize`: repaint a picture in the manner of others, by gradient descent on its pixels.

Gatys, Ecker & Bethge, "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016: the picture is sought whose
features are near the content's in one layer and whose feature statistics are near the style's in several (eq. 7).
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.config import choose
from alebrije.core import weights
from alebrije.core.image import Picture, fit, parse_size, resize, scaled_size, to_gray
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Events, Preview, Started, Step, Warned
from alebrije.style.config import CONTENT_LAYER, StylizeConfig, scales
from alebrije.style.losses import LOSSES
from alebrije.style.objective import layers, measure, with_gradient
from alebrije.style.optimize import OPTIMIZERS, descend
from alebrije.style.winograd import accelerate

Size = tuple[int, int]  # height, width
SMALLEST_SIDE = 32  # every network here still sees four positions of its deepest layer


@dataclass(frozen=True, slots=True)
class StylizeResult:
    """`image` is ready to be saved and carries the content's alpha, depth, ICC profile and EXIF; `frames` are pictures
    [1, 3, H, W] of the work in order, all of the final size; `report` can be written as JSON."""

    image: Picture
    report: dict[str, Any]
    frames: tuple[Tensor, ...] = ()


@dataclass(slots=True)
class _Progress:
    """What the work has come to so far: the picture, and the content at the same size."""

    image: Tensor
    scene: Tensor
    steps: int = 0
    stages: list[dict[str, Any]] = field(default_factory=list)
    frames: list[Tensor] = field(default_factory=list)


def stylize(content: Picture, styles: Sequence[Picture], config: StylizeConfig) -> Events:
    """Repaint `content` in the manner of `styles`; the last event is `Done(StylizeResult)`.

    The picture is found at a small size first, then enlarged and refined, once for each of `scales(config)`. When
    `Interrupted` is thrown in, the result is the picture so far. Raises `ConfigError` for settings that do not fit each
    other, `WeightsError` where the network is not at hand, `NumericsError` if the loss cannot be kept finite.
    """
    began = time.perf_counter()
    choose("loss", config.loss, LOSSES)
    if config.style_weights and len(config.style_weights) != len(styles):
        raise ConfigError(f"style_weights has {len(config.style_weights)} numbers for {len(styles)} style pictures")
    device = choose_device(config.device)
    network = _network(config)
    load = functools.partial(features.load, network, layers(config), pooling=config.pooling, device=device)
    size, notices = _result_size(content, config)
    whole = _padded(fit(content.pixels, size)).to(device)
    paintings = [style.pixels.to(device) for style in styles]
    scene = whole
    if config.keep_colors:
        scene, paintings = to_gray(whole).expand_as(whole), [_as_light_as(whole, style) for style in paintings]
    targets = functools.partial(_targets, scene, paintings, config)

    progress = _Progress(_start(scene, config), scene)
    interrupted = False
    try:
        for notice in notices:
            yield Warned(notice)
        extractor = load(dtype=choose_dtype(config.precision, device))
        accelerate(extractor.stages, device)
        yield from _refine(progress, extractor, targets, config)
    except Interrupted:
        interrupted = True

    found = _carried(progress, scene, config)
    with torch.no_grad():
        parts = measure(load(dtype=torch.float32), *targets(1.0), config)(found)
    if config.keep_colors:
        found = whole + to_gray(found) - to_gray(whole)
    image = _finished(content, found.clamp(0, 1).cpu(), size)
    report = {
        "steps": progress.steps,
        "seconds": time.perf_counter() - began,
        "content_distance": float(parts.content),
        "style_distance": float(parts.style),
        "loss": float(parts.weighted(config)),
        "network": network,
        "size": list(reversed(size)),
        "scales": progress.stages,
    }
    frames = tuple(resize(frame, size) for frame in progress.frames)
    yield Done(StylizeResult(image, report, frames), interrupted=interrupted)


def _refine(progress: _Progress, extractor: features.Extractor, targets: Callable[[float], Any], config: StylizeConfig) -> Events:
    """Descend at each scale in turn, keeping `progress` up to date."""
    plan = scales(config)
    total = sum(stage.steps for stage in plan)
    frame_steps = {round(total * (k + 1) / config.frames) for k in range(config.frames)}
    yield Started("stylize", total)
    for stage in plan:
        content, styles = targets(stage.fraction)
        evaluate = with_gradient(measure(extractor, content, styles, config), config)
        start = _carried(progress, content, config)
        summary: dict[str, Any] = {"size": [start.shape[-1], start.shape[-2]], "steps": 0}
        progress.stages.append(summary)
        for position in descend(evaluate, start, OPTIMIZERS[config.optimizer](stage.steps), stage.steps):
            progress.image, progress.scene, progress.steps = position.image, content, progress.steps + 1
            summary.update(position.values, steps=summary["steps"] + 1)
            if progress.steps in frame_steps:
                progress.frames.append(position.image.cpu())
            if position.mended:
                yield Warned(f"step {progress.steps} ran to NaN or infinity: taken back, going on with half the step")
            yield Step(progress.steps, total, position.values)
            if config.preview_every and progress.steps % config.preview_every == 0:
                yield Preview(position.image.cpu(), progress.steps)


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


def _result_size(content: Picture, config: StylizeConfig) -> tuple[Size, list[str]]:
    """The height and width of the result, and what the user should know about it."""
    own = (content.height, content.width)
    wanted = parse_size(config.size)
    notices = []
    if isinstance(wanted, int):
        if wanted > max(own) and "size" in config.model_fields_set:
            notices.append(f"the result has the content's {own[1]}x{own[0]} pixels and no more: give WxH to enlarge it")
        wanted = min(wanted, max(own))
    size = scaled_size(own, wanted)
    named = f"{size[1]}x{size[0]}"
    if size[0] > own[0] or size[1] > own[1]:
        notices.append(f"the content is enlarged from {own[1]}x{own[0]} to {named} pixels")
    if isinstance(wanted, tuple) and abs(size[1] * own[0] / (size[0] * own[1]) - 1) > 0.02:
        notices.append(f"the content is cropped from {own[1]}x{own[0]} to the shape of {named}")
    if min(size) < SMALLEST_SIDE:
        notices.append(f"{named} pixels leave the network little to see: expect the style's colours, not its strokes")
    return size, notices


def _targets(content: Tensor, styles: Sequence[Tensor], config: StylizeConfig, fraction: float) -> tuple[Tensor, list[Tensor]]:
    """Content and styles at a fraction of the final size. A style's longest side is the result's times `style_scale`."""
    longest = max(1, round(max(_size(content)) * config.style_scale * fraction))
    height, width = (max(SMALLEST_SIDE, round(side * fraction)) for side in _size(content))
    return resize(content, (height, width)), [_padded(resize(style, scaled_size(_size(style), longest))) for style in styles]


def _start(scene: Tensor, config: StylizeConfig) -> Tensor:
    if config.init == "content":
        return scene
    noise = torch.randn(scene.shape, generator=torch.Generator().manual_seed(config.seed))
    return (0.5 + 0.15 * noise).clamp(0, 1).to(scene)


def _carried(progress: _Progress, scene: Tensor, config: StylizeConfig) -> Tensor:
    """The picture so far at the size of `scene`, the content. Where the work began with the content, only what has changed
    is resized and laid on it, so that the next stage starts with the content's detail."""
    if config.init == "noise":
        return resize(progress.image, _size(scene))
    change = resize((progress.image - progress.scene) / 2 + 0.5, _size(scene)) * 2 - 1
    return (scene + change).clamp(0, 1)


def _as_light_as(scene: Tensor, style: Tensor) -> Tensor:
    """The grey version of `style` with the mean and spread of `scene`'s luminance: "luminance-only transfer", sec. 4.2 of
    Gatys et al., "Controlling Perceptual Factors in Neural Style Transfer", CVPR 2017."""
    light, grey = to_gray(scene), to_gray(style)
    spread = light.std(correction=0) / grey.std(correction=0).clamp_min(1e-3)
    return ((grey - grey.mean()) * spread + light.mean()).clamp(0, 1).expand(-1, 3, -1, -1)


def _finished(content: Picture, pixels: Tensor, size: Size) -> Picture:
    """The result as a picture that keeps what came with the content, without the border that was added to a tiny one."""
    alpha = None if content.alpha is None else fit(content.alpha, size)
    pixels = pixels[:, :, : size[0], : size[1]]
    return replace(content, pixels=pixels, alpha=alpha, gray=False, path=None, sha256=None, notices=())


def _size(image: Tensor) -> Size:
    return image.shape[-2], image.shape[-1]


def _padded(image: Tensor) -> Tensor:
    """The picture, its last row and column repeated until the network can work on it."""
    height, width = _size(image)
    missing = (0, max(SMALLEST_SIDE - width, 0), 0, max(SMALLEST_SIDE - height, 0))
    return F.pad(image, missing, mode="replicate") if any(missing) else image
