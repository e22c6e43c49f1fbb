"""The referee: looks at both networks now and then, says in plain words what it sees, and does what can be done about it.

It draws from the same latents each time and uses no random number of the training, so that looking changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

LOOKED_AT = 64  # pictures of each kind
REDUCED = 16  # pixels: what pictures are compared at, so that grain is no difference
COLLAPSED = 0.35  # of the differences between real pictures
KNOWN_BY_HEART = 0.6  # of the way from pictures that were learnt to generated ones
LEAKING = 0.5  # of the way from real pictures to spoiled ones
TOO_EASY = 0.995  # share of right answers over an epoch
LOWERED = 0.75  # the most that may be augmented, times this where it leaks
AGAIN_AFTER = 10  # looks until the same is said again
COLLAPSE_REMEDY = "begin again with a lower learning_rate, a larger max_share, or loss=relativistic"
HEART_REMEDY = "stop here, give it more pictures, or begin again with augment=ada"
EASY_REMEDY = "begin again with more generator_steps, max_share or dropout"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look came to. `diversity`: differences among generated pictures over those among real ones. `by_heart`: 0 where the
    discriminator treats pictures it never saw like those it learnt, 1 where it takes them for generated; None where none were
    kept apart. `leaks`: statistic -> how far generated pictures have gone from real towards spoiled ones."""

    diversity: float
    by_heart: float | None
    leaks: Mapping[str, float]


def small(images: Tensor) -> Tensor:
    """Pictures [B, C, H, W] reduced to at most `REDUCED` pixels a side."""
    size = (min(REDUCED, images.shape[-2]), min(REDUCED, images.shape[-1]))
    return F.adaptive_avg_pool2d(images.float(), size)


def differences(images: Tensor) -> float:
    """The mean distance between two pictures, root mean square of pixels."""
    flat = small(images).flatten(1)
    count = len(flat)
    return float(torch.cdist(flat, flat).sum() / max(1, count * (count - 1)) / flat.shape[1] ** 0.5)


def by_heart(learnt: Tensor, unseen: Tensor, generated: Tensor) -> float:
    """r_v of Karras et al. 2020 ("Training GANs with limited data", equation 1) from logits of the three: 0 is well, 1 is bad."""
    way = float(learnt.mean() - generated.mean())
    return min(1.0, max(0.0, float(learnt.mean() - unseen.mean()) / way)) if way > 1e-6 else 0.0


STATISTICS: dict[str, Callable[[Tensor], Tensor]] = {
    "brightness": lambda images: images.mean((1, 2, 3)),
    "contrast": lambda images: images.std((1, 2, 3)),
    "colours": lambda images: images.std(1, unbiased=False).mean((1, 2)),
    "grey patches": lambda images: (images.abs() < 0.02).float().mean((1, 2, 3)),
}


def leaks(real: Tensor, spoiled: Tensor, generated: Tensor) -> dict[str, float]:
    """For each of `STATISTICS` how far the generated pictures [B, C, H, W] have gone from real towards spoiled ones: 0 not at
    all, 1 wholly. Compared are spread (grey patches: mean) over the pictures; what augmentation hardly changes is left out."""
    found = {}
    for name, statistic in STATISTICS.items():
        values = [statistic(images) for images in (real, spoiled, generated)]
        a, b, c = (float(value.mean() if name == "grey patches" else value.std()) for value in values)
        if b > 1.3 * a + 0.01:
            found[name] = min(1.0, max(0.0, (c - a) / (b - a)))
    return found


def judge(findings: Findings, right: float, probability: float, most: float = 1.0) -> list[tuple[str, str]]:
    """What there is to say: (name, sentence). `right` is the discriminator's share of right answers, `most` the largest diversity
    so far: one that has never been there cannot collapse, a generator at its beginning draws nearly the same anyway."""
    said = []
    if findings.diversity < COLLAPSED < most:
        seen = f"the generated pictures differ by only {findings.diversity:.0%} of what real ones do"
        said.append(("collapse", f"{seen}: the generator draws nearly the same again and again; {COLLAPSE_REMEDY}"))
    if findings.by_heart is not None and findings.by_heart > KNOWN_BY_HEART:
        seen = f"the discriminator takes real pictures it never saw for generated ({findings.by_heart:.0%} of the way)"
        said.append(("overfitting", f"{seen}: it knows the others by heart; {HEART_REMEDY}"))
    for name, share in findings.leaks.items():
        if share > LEAKING and probability > 0:
            seen = f"the {name} of generated pictures are as those of spoiled ones, not as those of real ones"
            said.append(("leaking", f"{seen}: augmentation leaks, at most {LOWERED * probability:.0%} are spoiled from now on"))
            break
    if right > TOO_EASY:
        seen = f"the discriminator was right about {right:.1%} of the pictures"
        said.append(("too easy", f"{seen}: the generator learns little from it; {EASY_REMEDY}"))
    return said


def heard(extra: dict[str, Any], step: int, every: int, said: list[tuple[str, str]]) -> list[str]:
    """The sentences that were not said lately, each with its step; written down in `extra` so that a resumed run knows them."""
    new = []
    for name, sentence in said:
        last = extra["said"].get(name)
        if last is None or step - last >= AGAIN_AFTER * every:
            extra["said"][name] = step
            extra["remarks"].append([step, f"{name}: {sentence}"])
            new.append(f"step {step}, {name}: {sentence}")
    return new
