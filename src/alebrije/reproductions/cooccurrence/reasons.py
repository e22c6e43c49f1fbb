"""Why the six forms of the co-occurrence cannot carry a style: what each can and cannot see, measured on one pair of pictures.

Each of `REASONS` takes the `Scene` and returns numbers that can be written as JSON.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from alebrije.reproductions.cooccurrence.attempts import Scene, judged, plain_distance, statistic
from alebrije.style.config import STYLE_LAYERS
from alebrije.style.families.cooccurrence import FORMS, cooccurrence_tensor, form_distance, form_statistic
from alebrije.style.families.pairwise import RADII, pairwise_distance, pairwise_reference
from alebrije.style.families.pairwise import pairwise as pairwise_form
from alebrije.style.families.parts import relative_squared_error
from alebrije.style.statistics import gram

COMPARED = (*FORMS, "gram", "pairwise")  # the six, the statistic they were to replace, and the form that works
Features = Mapping[str, Tensor]

FACTORS = tuple(2.0**power for power in range(-6, 5))  # of contrast, among which the same number is looked for
HALVINGS = 25


@torch.no_grad()
def seen(scene: Scene, picture: Tensor) -> Features:
    """The features of a picture [1, 3, H, W] in the layers that see the style."""
    taps = scene.look(picture)
    return {layer: taps[layer] for layer in STYLE_LAYERS}


def apart(form: str, picture: Features, style: Features, scene: Scene) -> float:
    """Relative distance of two pictures' features in one form, the mean over the layers: 0 for equal, 1 for as far as nothing."""
    return sum(float(_relative(form, picture[layer], style[layer], scene)) for layer in style) / len(style)


def _relative(form: str, features: Tensor, style: Tensor, scene: Scene) -> Tensor:
    if form == "gram":
        return relative_squared_error(gram(features), gram(style))
    if form == "pairwise":
        reference = pairwise_reference(style)
        return pairwise_distance(pairwise_form(features, reference), pairwise_form(style, reference))
    mine, target = (form_statistic(each, form, scene.radius, scene.threshold) for each in (features, style))
    return form_distance(mine, target, form)


def positions(scene: Scene) -> dict[str, Any]:
    """form -> how far the style picture is from itself mirrored, turned, with its halves exchanged; and from the content."""
    style, (height, width) = scene.style, scene.style.shape[2:]
    pictures = {
        "mirrored": style.flip(3),
        "turned by 180 degrees": style.flip((2, 3)),
        "halves exchanged, left and right": style.roll(width // 2, 3),
        "halves exchanged, up and down": style.roll(height // 2, 2),
        "another picture (the content)": scene.content,
    }
    goal = seen(scene, style)
    features = {name: seen(scene, picture) for name, picture in pictures.items()}
    return {form: {name: apart(form, one, goal, scene) for name, one in features.items()} for form in COMPARED}


def channels(scene: Scene) -> dict[str, Any]:
    """form -> how far the style's features are from themselves with the channels in another order, and how many numbers the
    form keeps of each layer."""
    style = seen(scene, scene.style)
    generator = torch.Generator().manual_seed(0)
    shuffled = {layer: tap[:, torch.randperm(tap.shape[1], generator=generator).to(tap.device)] for layer, tap in style.items()}
    numbers = {form: {layer: _numbers(form, tap) for layer, tap in style.items()} for form in COMPARED}
    return {form: {"distance": apart(form, shuffled, style, scene), "numbers": numbers[form]} for form in COMPARED}


def _numbers(form: str, tap: Tensor) -> int:
    """How many numbers a form keeps of features [1, C, H, W]; of a symmetric matrix, one triangle."""
    channels, height, width = tap.shape[1:]
    pairs = channels * (channels + 1) // 2
    kept = {"matrix": height * width, "vector": channels, "gram-matrix": height * (height + 1) // 2, "gram-vector": 1}
    return {**kept, "gram": pairs, "pairwise": len(RADII) * pairs}.get(form, tap.numel())


def rows(scene: Scene) -> dict[str, Any]:
    """The form gram-matrix: relative change, mean over the layers, when the columns or the rows of its map (the form matrix)
    change their order; and its size, which is the map's height."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, list[float]] = {"columns shuffled": [], "rows shuffled": []}
    sizes = {}
    for layer, tap in seen(scene, scene.style).items():
        chart = form_statistic(tap, "matrix", scene.radius, scene.threshold)
        sizes[layer] = chart.shape[1]
        for name, dim in (("columns shuffled", 2), ("rows shuffled", 1)):
            order = torch.randperm(chart.shape[dim], generator=generator).to(chart.device)
            moved = chart.index_select(dim, order)
            found[name].append(float(relative_squared_error(moved @ moved.mT, chart @ chart.mT)))
    return {**{name: sum(values) / len(values) for name, values in found.items()}, "height": sizes}


def one_number(scene: Scene) -> dict[str, Any]:
    """The form gram-vector: the contrast of the content at which its number in one layer is the style's, and how far the picture
    is from the style then, by the judges. The deepest layer for which there is such a contrast."""
    goals = {layer: _number(tap, scene) for layer, tap in seen(scene, scene.style).items()}
    tried = []
    for factor in FACTORS:
        taps = seen(scene, contrast(scene.content, factor))
        tried.append({layer: _number(tap, scene) for layer, tap in taps.items()})
    for layer in reversed(STYLE_LAYERS):
        for index, (before, after) in enumerate(pairwise(one[layer] - goals[layer] for one in tried)):
            if before * after <= 0:
                factor = _halved(scene, layer, goals[layer], FACTORS[index], FACTORS[index + 1], rising=after > before)
                return _described(scene, layer, factor, goals[layer])
    return {"layer": None}


def _halved(scene: Scene, layer: str, goal: float, low: float, high: float, *, rising: bool) -> float:
    """The contrast between `low` and `high` at which the number is `goal`, by halving."""
    for _ in range(HALVINGS):
        middle = math.sqrt(low * high)
        below = (_value(scene, layer, middle) < goal) == rising
        low, high = (middle, high) if below else (low, middle)
    return math.sqrt(low * high)


def _number(tap: Tensor, scene: Scene) -> float:
    return float(form_statistic(tap, "gram-vector", scene.radius, scene.threshold))


def _value(scene: Scene, layer: str, factor: float) -> float:
    return _number(seen(scene, contrast(scene.content, factor))[layer], scene)


def _described(scene: Scene, layer: str, factor: float, goal: float) -> dict[str, Any]:
    picture = contrast(scene.content, factor)
    before, after = seen(scene, scene.content), seen(scene, picture)
    return {
        "layer": layer,
        "factor": factor,
        "style": goal,
        "content": _number(before[layer], scene),
        "changed": _number(after[layer], scene),
        "sliced before": judged(scene, scene.content)["sliced"],
        "sliced after": judged(scene, picture)["sliced"],
        "gram before": judged(scene, scene.content)["gram"],
        "gram after": judged(scene, picture)["gram"],
    }


def same_number(scene: Scene, found: Mapping[str, Any]) -> Tensor:
    """The picture that `one_number` found: the content with the style's number."""
    return contrast(scene.content, found["factor"]) if found["layer"] else scene.content


def contrast(picture: Tensor, factor: float) -> Tensor:
    """The picture with `factor` times its contrast about its mean colour, in [0, 1]."""
    level = picture.mean((2, 3), keepdim=True)
    return (level + factor * (picture - level)).clamp(0, 1)


def means(scene: Scene) -> dict[str, Any]:
    """layer -> the form vector's share of variance over the channels that is explained by two numbers a channel: its mean
    activation, and the share of positions where it is above the threshold. Both know nothing of any other channel."""
    found = {}
    for layer, tap in seen(scene, scene.style).items():
        vector = form_statistic(tap, "vector", scene.radius, scene.threshold)[0]
        activation, active = tap[0].mean((1, 2)), (tap > _level(tap, scene))[0].float().mean((1, 2))
        both = torch.stack([activation, active], 1)
        found[layer] = {"activation": _explained(vector, activation[:, None]), "active": _explained(vector, active[:, None]),
                        "both": _explained(vector, both)}  # fmt: skip
    return found


def _explained(values: Tensor, by: Tensor) -> float:
    """R^2 of the straight line (or plane) through `values` [N] over `by` [N, K]."""
    values, by = values.double().cpu(), by.double().cpu()
    design = torch.cat([by, torch.ones_like(by[:, :1])], 1)
    rest = values - design @ torch.linalg.lstsq(design, values[:, None]).solution[:, 0]
    return 1 - float(rest.square().sum() / (values - values.mean()).square().sum())


def gate(scene: Scene) -> dict[str, Any]:
    """layer -> shares of the content's activations that are 0 (where no loss has a gradient, for the network has none), above
    0 and not above the threshold (where the gate alone stops it), above it; the share of exact zeros in the gradient of the
    form tensor and of Gram with respect to the activations; channels that are nowhere above the threshold in the content and
    are in the style."""
    found = {}
    style = seen(scene, scene.style)
    for layer, tap in seen(scene, scene.content).items():
        level = _level(tap, scene)
        above = tap > level
        positive = (tap > 0) & ~above
        features = tap.detach().requires_grad_()
        zeros = {}
        for form in ("tensor", "gram"):
            (slope,) = torch.autograd.grad(_relative(form, features, style[layer], scene), features)
            zeros[form] = float((slope == 0).float().mean())
        asleep = ~above.flatten(2).any(2) & (style[layer] > _level(style[layer], scene)).flatten(2).any(2)
        found[layer] = {
            "zero": float((tap == 0).float().mean()),
            "stopped": float(positive.float().mean()),
            "above": float(above.float().mean()),
            "no gradient, tensor": zeros["tensor"],
            "no gradient, gram": zeros["gram"],
            "asleep": int(asleep.sum()),
            "channels": tap.shape[1],
        }
    return found


def _level(tap: Tensor, scene: Scene) -> Tensor | float:
    return tap.mean() if scene.threshold is None else scene.threshold


def scale(scene: Scene) -> dict[str, Any]:
    """form -> layer -> the thesis' own numbers, without any weight: root mean square of the style's statistic, distance of the
    content from the style, norm of its gradient with respect to the picture."""
    goal = seen(scene, scene.style)
    image = scene.content.clone().requires_grad_()
    taps = scene.look(image)
    found: dict[str, Any] = {}
    for form in (*FORMS, "gram"):
        found[form] = {}
        for layer in STYLE_LAYERS:
            target = statistic(form, goal[layer], scene)
            distance = plain_distance(form, statistic(form, taps[layer], scene), target)
            (slope,) = torch.autograd.grad(distance, image, retain_graph=True)
            size = float(target.double().square().mean().sqrt())
            found[form][layer] = {"value": size, "distance": float(distance.detach()), "gradient": float(slope.double().norm())}
    return found


def map_share(scene: Scene) -> dict[str, Any]:
    """layer -> how much of the form tensor is one map that all channels share: the share of its sum of squares that its best
    approximation by gate times one map holds. m_k is gate_k times the window's sum over the other channels, of which each
    channel is but one."""
    found = {}
    for layer, tap in seen(scene, scene.style).items():
        tensor = cooccurrence_tensor(tap, scene.radius, scene.threshold)[0].double()
        open_, count = tensor != 0, (tensor != 0).sum(0).clamp_min(1)
        shared = tensor.sum(0) / count
        found[layer] = 1 - float(((tensor - shared) * open_).square().sum() / tensor.square().sum())
    return found


REASONS: Mapping[str, Callable[[Scene], dict[str, Any]]] = {
    "positions": positions,
    "channels": channels,
    "rows": rows,
    "one number": one_number,
    "means": means,
    "gate": gate,
    "scale": scale,
    "shared map": map_share,
}
