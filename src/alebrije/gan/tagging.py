"""Tags to be learned: which ones tell most, what a rare one weighs, and how well they are found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

SAME = 0.9  # correlation beyond which two tags say the same, or the opposite of each other
RARE = 0.25  # share of the pictures below which an answer is rare
MOST_WEIGHT = 10.0

Members = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Score:
    """How well a tag is found in pictures that were not learned from.

    `counts[had it or not][found or not]`, those with the tag first. Shares are 0 to 1 and nan where nothing can be said.
    `baseline` is the accuracy of whoever always gives the answer that was more frequent among the pictures learned from.
    """

    counts: list[list[int]]
    precision: float
    recall: float
    average_precision: float
    accuracy: float
    balanced_accuracy: float
    baseline: float

    def row(self) -> dict[str, float]:
        """The numbers that there are, by name."""
        names = ("accuracy", "baseline", "balanced_accuracy", "precision", "recall", "average_precision")
        values = {name: float(getattr(self, name)) for name in names}
        return {name: value for name, value in values.items() if math.isfinite(value)}


def telling(members: Mapping[str, Members], count: int) -> list[str]:
    """At most `count` tags, those nearest to half of the pictures first: they tell most about a picture.

    Left out are tags that all or none of the pictures have, and those that say nearly the same as one already chosen, or its
    opposite (correlation beyond `SAME`). `members`: which pictures have each tag, bool [N]; of equal ones the first in the
    mapping comes first.
    """
    shares = {name: float(column.mean()) for name, column in members.items() if len(column)}
    chosen: list[str] = []
    for name in sorted((name for name in shares if 0 < shares[name] < 1), key=lambda name: abs(shares[name] - 0.5)):
        if len(chosen) == count:
            break
        if all(abs(correlation(members[name], members[other])) <= SAME for other in chosen):
            chosen.append(name)
    return chosen


def correlation(one: Members, other: Members) -> float:
    """Pearson's correlation of two tags, bool [N] each (for two such columns it is called phi); 0 if one of them is constant."""
    a, b = float(one.mean()), float(other.mean())
    spread = a * (1 - a) * b * (1 - b)
    return (float((one & other).mean()) - a * b) / math.sqrt(spread) if spread > 0 else 0.0


def weights(tags: Tensor) -> tuple[Tensor, Tensor]:
    """What yes and what no weigh for each tag, [T] each, for tags bool [N, T].

    1 and 1 where both are usual. Below `RARE` of the pictures the rarer answer weighs as many times more as it is rarer than the
    other, at most `MOST_WEIGHT` times.
    """
    share = tags.float().mean(0)

    def weight(own: Tensor) -> Tensor:
        return torch.where(own < RARE, ((1 - own) / own.clamp_min(1e-6)).clamp(max=MOST_WEIGHT), 1.0)

    return weight(share), weight(1 - share)


def loss(logits: Tensor, tags: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Binary cross-entropy of logits [B, T] and tags [B, T], weighted by `weights`; its mean, a scalar."""
    wanted = tags.to(logits.dtype)
    return F.binary_cross_entropy_with_logits(logits, wanted, weight=torch.where(tags.bool(), yes, no))


def average_precision(scores: Tensor, wanted: Tensor) -> float:
    """The area under the steps of precision over recall: the mean, over the pictures that have the tag, of the precision among
    all that score at least as high. `scores` [N], `wanted` bool [N]; nan if no picture has it. Of N pictures in any order it is
    about the share that has the tag."""
    found = int(wanted.sum())
    if not found:
        return math.nan
    order = scores.double().argsort(descending=True)
    ranked, hits = scores.double()[order], wanted[order].double().cumsum(0)
    last = torch.ones(len(ranked), dtype=torch.bool)
    last[:-1] = ranked[1:] != ranked[:-1]  # equal scores are one step
    precision = hits / torch.arange(1, len(ranked) + 1, dtype=torch.float64)
    gained = torch.diff(hits[last], prepend=hits.new_zeros(1))
    return float((precision[last] * gained).sum() / found)


def score(logits: Tensor, tags: Tensor, usual: Tensor) -> list[Score]:
    """How well each tag is found: logits [N, T], tags bool [N, T], `usual` bool [T] the more frequent answer."""
    return [_score(logits[:, place].double(), tags[:, place].bool(), bool(usual[place])) for place in range(tags.shape[1])]


def _score(logits: Tensor, wanted: Tensor, usual: bool) -> Score:
    said = logits > 0
    right, missed, wrong = int((said & wanted).sum()), int((~said & wanted).sum()), int((said & ~wanted).sum())
    left = len(wanted) - right - missed - wrong
    recall, spared = _share(right, right + missed), _share(left, left + wrong)
    return Score(
        counts=[[right, missed], [wrong, left]],
        precision=_share(right, right + wrong),
        recall=recall,
        average_precision=average_precision(logits, wanted),
        accuracy=_share(right + left, len(wanted)),
        balanced_accuracy=(recall + spared) / 2,
        baseline=float((wanted == usual).double().mean()) if len(wanted) else math.nan,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def means(scores: Sequence[Score]) -> dict[str, float]:
    """The means over the tags of what can be said of each."""
    rows = [score.row() for score in scores]
    found = {}
    for name in ("accuracy", "baseline", "balanced_accuracy", "average_precision"):
        values = [row[name] for row in rows if name in row]
        if values:
            found[name] = sum(values) / len(values)
    return found
