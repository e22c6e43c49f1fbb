"""What a planner answers to pairs of pictures, and how well: errors with their intervals, beside constant baselines.

Roles are numbers as in labels: 0 where the first picture is the one seen from afar (low-passed), 1 where the second is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alebrije.core.statistics import Interval, bootstrap, wilson
from alebrije.data.pairs import REFERENCE, Label
from alebrije.errors import DataError, NumericsError
from alebrije.hybrid.blend import to_sigma

SMALLEST = to_sigma(REFERENCE / 2, REFERENCE)
"""0.375 px: the Gaussian whose cut-off is the finest stripe that 224 pixels hold. Anything smaller, zero and less
included, makes the same picture (it blurs nothing that is there), and of what is not positive there is no logarithm: errors take
it for this, in pixels and in octaves."""



class Answers(NamedTuple):
    """A planner's answers to N pairs. `second_low`: float64 [N], the logit that the SECOND picture is seen from afar, so
    more than 0 means role 1. `sigmas`: float64 [N, 2], blurs of the first and the second picture in px at width 224."""

    second_low: Tensor
    sigmas: Tensor


@dataclass(frozen=True, slots=True)
class Scores:
    """How good answers are. Errors of sigmas are in px at width 224.

    `accuracy` is the share of right roles; `mae_first`, `mae_second` are mean absolute errors of the sigma of the first
    and of the second picture, `mae` of both; `median_octave` is the median of |log2(answered / true)| over the sigmas of
    both, which is the same for cut-offs in cycles. `confusion[true][answered]` counts roles. `intervals` has the 95 %
    interval of each of these five numbers: Wilson's of the accuracy, percentile bootstrap over pairs of the others.
    """

    count: int
    accuracy: float
    mae_first: float
    mae_second: float
    mae: float
    median_octave: float
    confusion: tuple[tuple[int, int], tuple[int, int]]
    intervals: Mapping[str, Interval]

    def metrics(self) -> dict[str, Any]:
        """The same as JSON: numbers by name, each followed by its interval as ``NAME_interval``, then the confusion."""
        found: dict[str, Any] = {"count": self.count}
        for name, (low, high) in self.intervals.items():
            found |= {name: getattr(self, name), f"{name}_interval": [low, high]}
        return found | {"confusion": [list(row) for row in self.confusion]}


def judge(answers: Answers, labels: Sequence[Label], seed: int = 0) -> Scores:
    """Hold answers against the labels of the same pairs (sigmas at width 224). `seed` is the bootstrap's.

    Raises `DataError` if there are no labels, `NumericsError` if an answer is no finite number, `ValueError` if there
    are more answers than labels or fewer.
    """
    if not labels:
        raise DataError("there is no labelled pair to judge by: label some with `alebrije pairs label`")
    if len(answers.second_low) != len(labels):
        raise ValueError(f"{len(answers.second_low)} answers to {len(labels)} labelled pairs")
    if not (answers.second_low.isfinite().all() and answers.sigmas.isfinite().all()):
        raise NumericsError("the network answers with numbers that are not finite: train it anew with a lower learning_rate")
    roles, told = np.array([label.low for label in labels]), answered_roles(answers).numpy()
    right = roles == told
    pixels, octaves = errors(answers, labels)
    statistics: dict[str, tuple[NDArray[Any], Callable[..., Any]]] = {
        "mae_first": (pixels[:, :1], np.mean),
        "mae_second": (pixels[:, 1:], np.mean),
        "mae": (pixels, np.mean),
        "median_octave": (octaves, np.median),
    }
    points = {name: float(statistic(values)) for name, (values, statistic) in statistics.items()}
    intervals = {"accuracy": wilson(int(right.sum()), len(labels))}
    intervals |= {name: bootstrap(values, statistic, seed) for name, (values, statistic) in statistics.items()}
    zero, one = ((int((told[roles == role] == 0).sum()), int((told[roles == role] == 1).sum())) for role in (0, 1))
    return Scores(len(labels), float(right.mean()), **points, confusion=(zero, one), intervals=intervals)


def answered_roles(answers: Answers) -> Tensor:
    """The role of each answer, int64 [N]: 1 where the logit is above 0."""
    return (answers.second_low.detach().cpu() > 0).long()


def errors(answers: Answers, labels: Sequence[Label]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Absolute errors of the sigmas, of first and second: in px and in octaves, two float64 [N, 2].

    Answers and labels below `SMALLEST` are taken for it: a network may answer with a sigma of zero or less.
    """
    true = np.array([(label.sigma_first, label.sigma_second) for label in labels], dtype=np.float64)
    told = answers.sigmas.detach().cpu().double().numpy()
    true, told = np.maximum(true, SMALLEST), np.maximum(told, SMALLEST)
    return np.abs(told - true), np.abs(np.log2(told / true))


def constant_answers(training_labels: Sequence[Label], count: int, *, both_orders: bool = True) -> Answers:
    """The baseline that has seen labels and no pictures: `count` times the median sigmas and the commonest role.

    With `both_orders` every label also counts mirrored, as networks learn them. Both sigmas are then one and the same, and
    both roles equally common; role 0 is answered. Without it, the labels count as they lie in the folder: that
    is the stronger baseline where somebody always puts the picture for afar in the same place.
    Raises `DataError` without labels.
    """
    if not training_labels:
        raise DataError("a baseline needs labelled pairs to take its constants from")
    labels = [*training_labels, *(label.mirrored() for label in training_labels)] if both_orders else list(training_labels)
    sigmas = np.median([(label.sigma_first, label.sigma_second) for label in labels], axis=0)
    role = 1 if 2 * sum(label.low for label in labels) > len(labels) else 0
    return Answers(
        torch.full((count,), 1.0 if role else -1.0, dtype=torch.float64),
        torch.from_numpy(np.tile(sigmas, (count, 1))).double(),
    )


def compare_roles(first: Answers, second: Answers, labels: Sequence[Label]) -> tuple[int, int, float]:
    """Whether one planner gets more roles right than another, on the same pairs.

    Returns how many only the first gets right, how many only the second, and the exact two-sided probability of a
    difference as large or larger if both were equally good. McNemar, "Note on the sampling error of the difference
    between correlated proportions", Psychometrika 12, 1947, with the binomial in place of its normal limit.
    """
    roles = torch.tensor([label.low for label in labels])
    one, other = (answered_roles(answers) == roles for answers in (first, second))
    only_one, only_other = int((one & ~other).sum()), int((other & ~one).sum())
    total = only_one + only_other
    tail = sum(math.comb(total, few) for few in range(min(only_one, only_other) + 1))
    return only_one, only_other, min(1.0, 2 * tail / 2**total)
