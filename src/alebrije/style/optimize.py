"""Gradient descent on a picture: two update rules and the loop around them.

An update rule turns the gradient at a picture into a change of the picture. The loop keeps the picture in [0, 1] and
takes a step back when a loss is not finite or has shot up.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from alebrije.errors import NumericsError

HISTORY = 10  # pairs of pictures that L-BFGS keeps in mind
HISTORY_BYTES = 0.9e9  # and of large pictures, how much of them; two pairs always

# A picture [1, 3, H, W] -> its loss, its gradient and named numbers for the user to see.
Evaluate = Callable[[Tensor], tuple[float, Tensor, dict[str, float]]]


class Rule(Protocol):
    """What turns the gradient at a picture into a change of it, a tensor of its own that the caller may write into.

    `forget` drops all memory of earlier gradients. `memory` is all that it goes by, as a tree of tensors and numbers that can
    be put into a file; `recall` takes such a tree back, and then it goes on as if it had never stopped.
    """

    def __call__(self, image: Tensor, gradient: Tensor) -> Tensor: ...

    def forget(self) -> None: ...

    def memory(self) -> dict[str, Any]: ...

    def recall(self, memory: Mapping[str, Any]) -> None: ...


class Adam:
    """Adam (Kingma & Ba 2015, algorithm 1). Every pixel moves by about `rate` a step,
    whatever the gradient's scale; the rate falls to a twentieth along a half cosine over `steps`."""

    def __init__(self, steps: int, rate: float = 0.03, betas: tuple[float, float] = (0.9, 0.99)) -> None:
        self.steps, self.rate, self.betas, self.done = steps, rate, betas, 0
        self.forget()

    def forget(self) -> None:
        self.count, self.mean, self.square = 0, torch.zeros(()), torch.zeros(())

    def memory(self) -> dict[str, Any]:
        return {"done": self.done, "count": self.count, "mean": self.mean, "square": self.square}

    def recall(self, memory: Mapping[str, Any]) -> None:
        self.done, self.count, self.mean, self.square = (memory[name] for name in ("done", "count", "mean", "square"))

    def __call__(self, image: Tensor, gradient: Tensor) -> Tensor:
        first, second = self.betas
        self.count += 1
        self.done += 1
        self.mean = first * self.mean + (1 - first) * gradient
        self.square = second * self.square + (1 - second) * gradient.square()
        mean = self.mean / (1 - first**self.count)
        rate = self.rate * (0.05 + 0.95 * math.cos(math.pi / 2 * min(self.done / self.steps, 1)) ** 2)
        return -rate * mean / (self.square / (1 - second**self.count)).sqrt().add(1e-12)


class LBFGS:
    """Limited-memory BFGS without a line search: the two-loop recursion (Nocedal & Wright, algorithm 7.4).

    The first step, before any curvature is known, moves pixels by `first_step` on average. A history of 10 costs a tenth
    of torch.optim.LBFGS's 100 and finds the same pictures; of pictures above 3.7 megapixels, which take few steps, it is
    shorter: see `history_of`.
    """

    def __init__(self, history: int = HISTORY, first_step: float = 0.01) -> None:
        self.history, self.first_step = history, first_step
        self.forget()

    def forget(self) -> None:
        self.pairs: deque[tuple[Tensor, Tensor, float]] = deque(maxlen=self.history)
        self.before: tuple[Tensor, Tensor] | None = None

    def memory(self) -> dict[str, Any]:
        return {"pairs": list(self.pairs), "before": self.before}

    def recall(self, memory: Mapping[str, Any]) -> None:
        self.pairs, self.before = deque(memory["pairs"], maxlen=self.history), memory["before"]
        self._limit()

    def _limit(self) -> None:
        """Make the history as short as the size of the picture asks for."""
        if self.before is not None:
            length = history_of(self.before[0].numel(), self.history)
            self.pairs = self.pairs if self.pairs.maxlen == length else deque(self.pairs, maxlen=length)

    def __call__(self, image: Tensor, gradient: Tensor) -> Tensor:
        if self.before is not None:
            moved, turned = image - self.before[0], gradient - self.before[1]
            curvature = _dot(moved, turned)
            if curvature > 1e-10 * _dot(turned, turned):
                self.pairs.append((moved, turned, curvature))
        self.before = (image, gradient)
        self._limit()
        if not self.pairs:
            return -self.first_step * gradient / gradient.abs().mean().clamp_min(1e-30)
        direction, shares, product = -gradient, [], torch.empty_like(gradient)
        for moved, turned, curvature in reversed(self.pairs):
            shares.append(_dot(moved, direction) / curvature)
            direction -= torch.mul(turned, shares[-1], out=product)
        _, turned, curvature = self.pairs[-1]
        direction *= curvature / _dot(turned, turned)
        for (moved, turned, curvature), share in zip(self.pairs, reversed(shares), strict=False):
            direction += torch.mul(moved, share - _dot(turned, direction) / curvature, out=product)
        return direction


def history_of(numbers: int, most: int = HISTORY) -> int:
    """How many pairs L-BFGS keeps of pictures of so many numbers: `most` of small ones; of ten, 3 are left at 12 megapixels."""
    return max(2, min(most, int(HISTORY_BYTES / (2 * 4 * numbers))))


OPTIMIZERS: dict[str, Callable[[int], Rule]] = {"adam": Adam, "lbfgs": lambda steps: LBFGS()}  # of the steps to come


class Position(NamedTuple):
    """The best-known picture after a step, the numbers that belong to it, whether NaN or infinity was met, and all that
    `descend` needs to go on from here."""

    image: Tensor
    values: dict[str, float]
    mended: bool = False
    memory: Mapping[str, Any] = MappingProxyType({})


def descend(
    evaluate: Evaluate, image: Tensor, rule: Rule, steps: int, memory: Mapping[str, Any] | None = None
) -> Iterator[Position]:
    """Evaluate `steps` pictures, the first being `image`, and yield where the descent is after each.

    With the `memory` of an earlier `Position` it goes on from there, and `image` does not count: `steps` includes those that
    were done before, and the pictures to come are the same as if it had not stopped.

    A picture whose loss or gradient is not finite, or whose loss has shot up by half, is dropped: the rule forgets what it
    remembers and starts again from the picture before with half the step, which grows back while things go well. Raises
    `NumericsError` when the first picture is not finite or ten in a row are not.
    """
    if memory is None:
        loss, gradient, values = evaluate(image)
        if not _finite(loss, gradient):
            raise NumericsError("the loss of the starting picture is not finite: lower the weights, or use --precision fp32")
        done, shrink, failures = 1, 1.0, 0
    else:
        image, loss, gradient, values = (memory[name] for name in ("image", "loss", "gradient", "values"))
        done, shrink, failures = (memory[name] for name in ("done", "shrink", "failures"))
        rule.recall(memory["rule"])

    def position(*, mended: bool = False) -> Position:
        kept = {"image": image, "loss": loss, "gradient": gradient, "values": values}
        kept |= {"done": done, "shrink": shrink, "failures": failures, "rule": rule.memory()}
        return Position(image, values, mended, kept)

    if memory is None:
        yield position()
    while done < steps:
        candidate = rule(image, gradient).mul_(shrink).add_(image).clamp_(0, 1)
        tried = evaluate(candidate)
        finite = _finite(*tried[:2])
        if finite and tried[0] <= 1.5 * loss:
            image, (loss, gradient, values) = candidate, tried
            shrink, failures = min(1.0, 1.5 * shrink), 0
        else:
            rule.forget()
            shrink, failures = shrink / 2, 0 if finite else failures + 1
        if failures == 10:
            raise NumericsError("the loss stays infinite however small the step: lower the weights, or use --precision fp32")
        done += 1
        yield position(mended=not finite)


def _finite(loss: float, gradient: Tensor) -> bool:
    return math.isfinite(loss) and bool(torch.isfinite(gradient.sum()))


def _dot(a: Tensor, b: Tensor) -> float:
    return float(torch.dot(a.flatten(), b.flatten()))
