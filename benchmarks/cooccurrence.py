"""The co-occurrence tensor: Alebrije's exact closed form against the convolution that defines it, time and error.

    python benchmarks/cooccurrence.py            C=256 at 128x95 and C=512 at 32x24, r=4, medians of 5 interleaved runs
    python benchmarks/cooccurrence.py --runs 9

Both sides compute in float32 with all of torch's threads, on features as a network leaves them: half of them zero,
channels_last. The convolution has its C x C x 9 x 9 weights made beforehand and runs in both layouts; the faster one counts.
Backward is the gradient of a given direction. Errors are the largest differences from the convolution in float64, in units
of the largest value.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.precision import tune_allocator
from alebrije.style.families.cooccurrence import RADIUS, cooccurrence_tensor

Function = Callable[[Tensor], Tensor]
Work = Callable[[], object]

SIZES = ((256, 128, 95), (512, 32, 24))
GOALS = {(256, "forward"): 100.0, (256, "forward+backward"): 25.0, (512, "forward"): 250.0}
LARGEST_ERROR = 1e-5


class Row(NamedTuple):
    """What is found for one size and task; `size` is height x width of the features."""

    channels: int
    size: str
    task: str
    convolution_seconds: float
    seconds: float
    ratio: float
    error: float


def convolution_weights(channels: int, radius: int) -> Tensor:
    """1 / (2r+1)^2 between different channels, 0 where a channel meets itself, [C, C, 2r+1, 2r+1]."""
    size = 2 * radius + 1
    weights = (1 - torch.eye(channels)) / size**2
    return weights[:, :, None, None].expand(-1, -1, size, size).contiguous()


def convolution(features: Tensor, weights: Tensor) -> Tensor:
    """The definition: gate, convolve, gate."""
    mask = (features > features.detach().mean(dtype=torch.float32)).to(features.dtype)
    return mask * F.conv2d(mask * features, weights, padding=RADIUS) / (features.shape[1] - 1)


def value(function: Function, features: Tensor) -> Tensor:
    with torch.no_grad():
        return function(features)


def gradient(function: Function, features: Tensor, direction: Tensor) -> Tensor:
    features = features.detach().requires_grad_()
    (found,) = torch.autograd.grad(function(features), features, direction)
    return found


def seconds(work: Work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def medians(works: list[Work], runs: int) -> list[float]:
    """Median seconds of each, taken in turn after one run to warm up. What takes milliseconds is taken ten times a turn."""
    often = [10 if min(seconds(work), seconds(work)) < 0.1 else 1 for work in works]
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(runs):
        for work, times, found in zip(works, often, taken, strict=True):
            found += [seconds(work) for _ in range(times)]
    return [statistics.median(found) for found in taken]


def error(ours: Tensor, exact: Tensor) -> float:
    return float((ours - exact).abs().max() / exact.abs().max())


def measure(channels: int, height: int, width: int, runs: int) -> Iterator[Row]:
    """Times and errors of one size, forward alone and with its gradient."""
    plain, direction = (torch.randn(1, channels, height, width) for _ in range(2))
    plain = torch.relu(plain)
    last, direction_last = (x.contiguous(memory_format=torch.channels_last) for x in (plain, direction))
    weights = convolution_weights(channels, RADIUS)
    naive = functools.partial(convolution, weights=weights)
    naive_last = functools.partial(convolution, weights=weights.contiguous(memory_format=torch.channels_last))
    exact = functools.partial(convolution, weights=weights.double())

    wrong = error(value(cooccurrence_tensor, last), value(exact, plain.double()))
    works: list[Work] = [
        lambda: value(naive, plain),
        lambda: value(naive_last, last),
        lambda: value(cooccurrence_tensor, last),
    ]
    *theirs, ours = medians(works, runs)
    yield Row(channels, f"{height}x{width}", "forward", min(theirs), ours, min(theirs) / ours, wrong)

    wrong = error(gradient(cooccurrence_tensor, last, direction_last), gradient(exact, plain.double(), direction.double()))
    works = [
        lambda: gradient(naive, plain, direction),
        lambda: gradient(naive_last, last, direction_last),
        lambda: gradient(cooccurrence_tensor, last, direction_last),
    ]
    *theirs, ours = medians(works, runs)
    yield Row(channels, f"{height}x{width}", "forward+backward", min(theirs), ours, min(theirs) / ours, wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description="The co-occurrence tensor, against the convolution that defines it.")
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    torch.manual_seed(0)
    tune_allocator()
    rows, kept = [], True
    print(f"{'C':>4} {'size':>7} {'task':>17} {'convolution s':>14} {'ours s':>9} {'faster':>8} {'goal':>6}   largest error")
    for size in SIZES:
        for row in measure(*size, runs):
            goal = GOALS.get((row.channels, row.task), 0)
            kept = kept and row.ratio >= goal and row.error < LARGEST_ERROR
            rows.append(row._asdict() | {"goal": goal})
            print(
                f"{row.channels:4d} {row.size:>7} {row.task:>17} {row.convolution_seconds:14.3f} {row.seconds:9.5f} "
                f"{row.ratio:7.1f}x {f'{goal:g}x' if goal else '':>6}   {row.error:.0e}"
            )
    print(json.dumps({"benchmark": "cooccurrence", "threads": torch.get_num_threads(), "rows": rows, "goals_kept": kept}))


if __name__ == "__main__":
    main()
