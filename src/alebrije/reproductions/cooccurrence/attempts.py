"""The attempts of the thesis on co-occurrence: its distances, its weights, and a plain loop that rescues nothing.

`alebrije stylize` could not show what went wrong there: its distances are relative, and its optimiser takes back a step that
makes the loss jump. Here everything is as in a first program of one's own: mean squared differences of raw statistics, the
weights multiplied on, an optimiser of torch with its defaults, pixels that may leave [0, 1], and no look at what comes out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.events import Step
from alebrije.features import Extractor
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS
from alebrije.style.families.cooccurrence import FORMS, form_distance, form_statistic
from alebrije.style.families.parts import relative_squared_error
from alebrije.style.families.transport import sliced
from alebrije.style.statistics import gram

# Content and style weight. The thesis names the last three; of the first it says that the ratio was 1e-2 to 1e-4.
WEIGHTS: Mapping[str, tuple[float, float]] = {
    "plain": (1.0, 1e3),
    "1e10": (1.0, 1e10),
    "1e15": (1.0, 1e15),
    "tiny": (5e-9, 1e-7),
}
LOOPS: Mapping[str, Callable[[Tensor], torch.optim.Optimizer]] = {
    "lbfgs": lambda image: torch.optim.LBFGS([image], lr=1, max_iter=1),  # one evaluation a step, its memory kept
    "descent": lambda image: torch.optim.SGD([image], lr=1),
    "adam": lambda image: torch.optim.Adam([image], lr=0.02),
}
JUDGES: Mapping[str, Callable[[Tensor], Tensor]] = {"sliced": sliced, "gram": gram}
UNCHANGED = 0.5  # mean change of a value in [0, 255] below which a picture counts as unchanged
NEARER = 0.1  # share of the way to the style below which a picture counts as no nearer
LARGE = 1e20
STILL = 1e-7  # a step that changes no value in [0, 1] by as much is the last one


class Attempt(NamedTuple):
    """One way to use the co-occurrence: a form (or `gram`, to compare with), the name of its weights, the loop."""

    form: str
    weights: str
    loop: str

    @property
    def name(self) -> str:
        """What its files are called."""
        return "_".join(self)


# Adam divides by the gradient's size, so weights change nothing for it; shown is where its own arithmetic ends.
ATTEMPTS = (
    Attempt("gram", "plain", "lbfgs"),
    *(Attempt(form, weights, loop) for loop in ("lbfgs", "descent") for form in FORMS for weights in WEIGHTS),
    *(Attempt(form, weights, "adam") for form, weights in (("normalized", "tiny"), ("vector", "tiny"), ("gram-vector", "1e15"))),
)


class Scene(NamedTuple):
    """What is worked on: a network that sees all layers needed, content and style [1, 3, H, W] of one size in [0, 1], the
    layers that judge, radius and threshold of the co-occurrence."""

    look: Extractor
    content: Tensor
    style: Tensor
    judges: Sequence[str]
    radius: int
    threshold: float | None


def statistic(form: str, features: Tensor, scene: Scene) -> Tensor:
    """The thesis' own statistic: sums where it has sums. `gram` is the Gram matrix (mean over positions)."""
    return gram(features) if form == "gram" else form_statistic(features, form, scene.radius, scene.threshold, sums=True)


def plain_distance(form: str, value: Tensor, target: Tensor) -> Tensor:
    """The thesis' own distance: the mean squared difference, in the square of the statistic's unit."""
    return F.mse_loss(value, target) if form == "gram" else form_distance(value, target, form, relative=False)


@torch.no_grad()
def judged(scene: Scene, picture: Tensor) -> dict[str, float]:
    """How far a picture [1, 3, H, W] is from the style, by the relative distances of `JUDGES`, which no form of the
    co-occurrence optimises: means over layers that nobody looks at while painting.

    `layout` says how far the picture has taken over the places of the style picture: the correlation over the positions of
    its features with the style's, the mean over channels and layers, less that with the style's mirror image.
    """
    seen, style, mirror = (scene.look(one) for one in (picture.clamp(0, 1), scene.style, scene.style.flip(3)))
    count = len(scene.judges)
    found = {
        name: sum(float(relative_squared_error(kept(seen[layer]), kept(style[layer]))) for layer in scene.judges) / count
        for name, kept in JUDGES.items()
    }
    found["layout"] = sum(_alike(seen[one], style[one]) - _alike(seen[one], mirror[one]) for one in scene.judges) / count
    return found


def _alike(features: Tensor, others: Tensor) -> float:
    """Correlation over the positions of [1, C, H, W], the mean over those channels that vary in both."""
    one, other = (each[0].flatten(1) - each[0].flatten(1).mean(1, keepdim=True) for each in (features, others))
    sizes = one.norm(dim=1) * other.norm(dim=1)
    return float(((one * other).sum(1)[sizes > 0] / sizes[sizes > 0]).mean())


def run(attempt: Attempt, scene: Scene, steps: int) -> Generator[Step, None, tuple[dict[str, Any], Tensor]]:
    """Do one attempt from the content; yields its steps and returns what came of it and the picture [1, 3, H, W].

    It ends early where loss or picture is not finite (`nan`: at which step), and where the optimiser leaves the picture as it
    is (`stuck`). The picture is then the last finite one.
    """
    content_weight, style_weight = WEIGHTS[attempt.weights]
    with torch.no_grad():
        seen, style = scene.look(scene.content), scene.look(scene.style)
        content_target = seen[CONTENT_LAYER]
        targets = {layer: statistic(attempt.form, style[layer], scene) for layer in STYLE_LAYERS}
    image = scene.content.clone().requires_grad_()
    optimizer = LOOPS[attempt.loop](image)
    losses: list[float] = []
    apart: list[float] = []

    def closure() -> float:
        optimizer.zero_grad()
        seen = scene.look(image)
        content = F.mse_loss(seen[CONTENT_LAYER], content_target)
        parts = [plain_distance(attempt.form, statistic(attempt.form, seen[layer], scene), targets[layer]) for layer in targets]
        distance = torch.stack(parts).sum()
        loss: Tensor = content_weight * content + style_weight * distance
        loss.backward()  # type: ignore[no-untyped-call]
        losses.append(loss.item())
        apart.append(distance.item())
        return losses[-1]

    ended, before = "", image.detach().clone()
    for index in range(1, steps + 1):
        optimizer.step(closure)
        if not (math.isfinite(losses[-1]) and bool(torch.isfinite(image).all())):
            ended = "nan"
        elif float((image.detach() - before).abs().max()) < STILL:
            ended = "stuck"
        else:
            before = image.detach().clone()
        yield Step(index, steps, {"loss": losses[-1]})
        if ended:
            break
    picture = before.clamp(0, 1)
    finite = [loss for loss in losses if math.isfinite(loss)]
    report = {
        "form": attempt.form,
        "weights": attempt.weights,
        "loop": attempt.loop,
        "steps": len(losses),
        "ended": ended,
        "distance": apart[0],  # the style's, before its weight
        "losses": [loss if math.isfinite(loss) else None for loss in losses],
        "largest": max(finite, default=None),
        "largest_pixel": float(before.abs().max()),
        "change": 255 * float((picture - scene.content).abs().mean()),
        **judged(scene, picture),
    }
    return report, picture


def verdict(report: Mapping[str, Any], start: float) -> str:
    """What came of an attempt, in words. `start` is the sliced Wasserstein distance of the content from the style."""
    words = []
    if report["ended"] == "nan":
        words.append(f"NaN at step {report['steps']}")
    if report["largest"] is not None and report["largest"] >= LARGE:
        words.append(f"values up to {report['largest']:.0e}")
    if report["ended"] == "nan":
        return ", ".join(words)
    if report["change"] < UNCHANGED:
        return ", ".join([*words, "content unchanged"])
    nearer = 1 - report["sliced"] / start
    if nearer >= NEARER:
        return ", ".join([*words, f"{nearer:.0%} nearer to the style"])
    return ", ".join([*words, "changed, no nearer to the style" if nearer > -NEARER else "changed, farther from the style"])
