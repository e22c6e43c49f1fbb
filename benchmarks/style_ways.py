"""Our sides of `style.py`: the tutorial's own loss minimised with the parts of the package, one step or the whole job."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.image import load
from alebrije.core.precision import choose_dtype, tune_allocator
from alebrije.events import last
from alebrije.features import Extractor
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS, StylizeConfig
from alebrije.style.families.parts import relative_squared_error
from alebrije.style.optimize import LBFGS, Evaluate, descend
from alebrije.style.run import stylize
from alebrije.style.statistics import gram
from alebrije.style.winograd import accelerate
from style_tutorial import CONTENT_WEIGHT, LAYERS, STYLE_WEIGHT, Advance, Sizes, closure_of, model, pictures, vgg19

CPU = torch.device("cpu")


class Stage(NamedTuple):
    """A stretch of the job: with which network, for how many steps at most, and how many pairs L-BFGS keeps in mind."""

    network: str
    steps: int
    history: int


# Fixed on pairs of pictures that the figures do not come from; see LOG.md. The last stage ends where the goal is reached.
STAGES = (Stage("compact", 150, 10), Stage("vgg19", 300, 40))
SURELY = 0.99  # of the goal: our own network's number format may err by half a per cent
KEPT = 20  # pictures to be judged
FULL = 100  # pairs that the tutorial's L-BFGS keeps in mind


class Way(NamedTuple):
    """Which ingredients a side has; the tutorial has none of them."""

    frozen: bool = False
    channels_last: bool = False
    bf16: bool = False
    winograd: bool = False
    short_history: bool = False
    allocator: bool = False


LADDER = {
    "tutorial": Way(),
    "+ frozen weights": Way(frozen=True),
    "+ channels_last": Way(frozen=True, channels_last=True),
    "+ bf16": Way(frozen=True, channels_last=True, bf16=True),
    "+ Winograd": Way(frozen=True, channels_last=True, bf16=True, winograd=True),
    "+ short history": Way(frozen=True, channels_last=True, bf16=True, winograd=True, short_history=True),
    "+ allocator": Way(True, True, True, True, True, True),
}
OURS = LADDER["+ allocator"]


def tutorial_weights(extractor: Extractor, content: Tensor, style: Tensor) -> dict[str, float]:
    """The weights, by layer, with which relative distances add up to the tutorial's loss.

    The tutorial takes mean squared errors of features, |F - P|^2 / (C H W), and of Gram matrices over C H W, which is
    |G - A|^2 / C^4 with ours, over H W; a relative distance is the squared error over |P|^2 or |A|^2.
    """
    with torch.no_grad():
        seen = extractor(content)[CONTENT_LAYER]
        targets = {layer: gram(tap) for layer, tap in extractor(style).items() if layer in STYLE_LAYERS}
    found = {layer: STYLE_WEIGHT * target.square().sum().item() / target.shape[1] ** 4 for layer, target in targets.items()}
    return {CONTENT_LAYER: CONTENT_WEIGHT * seen.float().square().mean().item()} | found


def objective(extractor: Extractor, content: Tensor, style: Tensor, weights: dict[str, float]) -> Evaluate:
    """Relative distances of the content's features and the style's Gram matrices, each with its weight."""
    with torch.no_grad():
        seen = extractor(content)[CONTENT_LAYER]
        targets = {layer: gram(tap) for layer, tap in extractor(style).items() if layer in STYLE_LAYERS}

    def evaluate(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        image = image.detach().requires_grad_()
        taps = extractor(image)
        loss = weights[CONTENT_LAYER] * relative_squared_error(taps[CONTENT_LAYER], seen)
        for layer, target in targets.items():
            loss = loss + weights[layer] * relative_squared_error(gram(taps[layer]), target)
        (gradient,) = torch.autograd.grad(loss, image)
        return loss.item(), gradient.contiguous(), {"loss": loss.item()}

    return evaluate


def prepared(extractor: Extractor, way: Way) -> Extractor:
    """The network in the number format and with the convolutions of `way`."""
    extractor.stages.to(choose_dtype("auto", CPU) if way.bf16 else torch.float32)
    if way.winograd:
        accelerate(extractor.stages, CPU)
    return extractor


def step_of(way: Way, size: Sizes, files: tuple[str, ...]) -> Advance:
    """A function that takes one step this way. The optimisers' histories are full, as in two thirds of the tutorial's run."""
    if way.allocator:
        tune_allocator()
    content, style = pictures(size, files)
    extractor, _ = vgg19(content, style)
    if not way.channels_last:
        return _tutorial_step(extractor, content, style, way)
    prepared(extractor, way)
    evaluate = objective(extractor, content, style, tutorial_weights(extractor, content, style))
    rule = LBFGS() if way.short_history else LBFGS(history=FULL)
    positions = descend(evaluate, content, rule, steps=10**6)
    for _ in range(2):
        next(positions)
    pairs = [(moved, moved, float(moved.square().sum())) for moved in _movements(content, rule.history)]

    def advance() -> object:
        rule.pairs.extend(pairs)  # each time, since a step that went wrong makes the rule forget them
        return next(positions)

    return advance


def _tutorial_step(extractor: Extractor, content: Tensor, style: Tensor, way: Way) -> Advance:
    made = model(extractor, content, style)
    made.network.requires_grad_(not way.frozen)
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=1)
    closure = closure_of(made, image, optimizer)
    for _ in range(2):
        optimizer.step(closure)  # type: ignore[no-untyped-call]
    state = optimizer.state[image]
    moved = [each.flatten() for each in _movements(content, FULL)]
    state["old_dirs"], state["old_stps"] = moved, list(moved)
    state["ro"] = [1 / each.dot(each) for each in moved]
    return lambda: optimizer.step(closure)  # type: ignore[no-untyped-call]


def _movements(image: Tensor, count: int) -> list[Tensor]:
    """Moves of a picture that tell an optimiser nothing: with the gradient moving alike, the curvature is 1 everywhere."""
    generator = torch.Generator().manual_seed(0)
    return [1e-3 * torch.randn(image.shape, generator=generator) for _ in range(count)]


def job(size: Sizes, files: tuple[str, ...], goal: float, stages: tuple[Stage, ...] = STAGES) -> dict[str, Any]:
    """Our whole job, until the loss is below `goal` or the steps of the last stage are used up.

    `compact` sees a picture much as vgg16 does, for a fifth of the work: the picture goes to the last stage, and so do the
    optimiser's pairs, as a first guess of the curvature there. It is of no use with random weights.
    Gives its seconds, those of a step of each stage, the seconds and losses of the last stage's steps as our own network sees
    them, and its last pictures with the second of each.
    """
    tune_allocator()
    content, style = pictures(size, files)
    networks: dict[str, Extractor] = {}
    networks["vgg19"], origin = vgg19(content, style)
    began = time.perf_counter()
    prepared(networks["vgg19"], OURS)
    weights = tutorial_weights(networks["vgg19"], content, style)
    image, rule = content, LBFGS()
    kept: deque[tuple[float, Tensor]] = deque(maxlen=KEPT)
    steps: dict[str, tuple[int, float]] = {}
    for stage in stages if origin.startswith("vgg16") else stages[-1:]:
        if stage.network not in networks:
            networks[stage.network] = features.load(stage.network, list(LAYERS), dtype=choose_dtype("auto", CPU))
        evaluate = objective(networks[stage.network], content, style, weights)
        pairs, rule = rule.pairs, LBFGS(history=stage.history)
        rule.pairs.extend(pairs)
        entered, curve = time.perf_counter(), []
        for position in descend(evaluate, image, rule, stage.steps):
            image, now = position.image, time.perf_counter()
            curve.append((now - began, position.values["loss"]))
            if stage is stages[-1]:
                kept.append((now - began, image))
                if position.values["loss"] <= SURELY * goal:
                    break
        steps[stage.network] = (len(curve), (time.perf_counter() - entered) / len(curve))
    return {"seconds": kept[-1][0], "steps": steps, "curve": curve, "kept": list(kept), "image": image}


def stylized(network: str, quality: str, size: Sizes, files: tuple[str, ...]) -> dict[str, Any]:
    """What `alebrije stylize` does with these settings, from the pictures in memory to the picture in memory."""
    tune_allocator()
    content, style = load(pictures(size, files)[0]), load(files[1])
    options: Any = {"features": network, "quality": quality, "size": f"{size[1]}x{size[0]}"}
    began = time.perf_counter()
    result = last(stylize(content, [style], StylizeConfig(preview_every=0, **options)))
    return {"seconds": time.perf_counter() - began, "image": result.image.pixels, "steps": result.report["steps"]}


# The size, the files and the loss to be reached -> what is to be kept of the run.
SIDES: dict[str, Callable[[Sizes, tuple[str, ...], float], dict[str, Any]]] = {
    "ours": job,
    "compact quick": lambda size, files, _: stylized("compact", "quick", size, files),
    "compact balanced": lambda size, files, _: stylized("compact", "balanced", size, files),
    "vgg16 quick": lambda size, files, _: stylized("vgg16", "quick", size, files),
    "vgg16 balanced": lambda size, files, _: stylized("vgg16", "balanced", size, files),
}
