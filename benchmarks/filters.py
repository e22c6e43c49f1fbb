"""Gaussian blur of 12 megapixels: Alebrije against scipy, time and error.

    python benchmarks/filters.py             4000x3000 RGB float32, sigma 8, 25 and 60, medians of 3 interleaved runs
    python benchmarks/filters.py --runs 5

Both sides blur the same float32 array on the same processor; torch may use all cores, scipy has one thread by design.
Errors are the largest differences from scipy in float64, in units of the full range, on pictures of 1500x1000: one like
a photograph (noise on all scales, an edge, a disc), uniform noise, black-and-white noise, and full-contrast stripes of
the period that our coarse grid reproduces worst.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.filters import gaussian_blur
from alebrije.core.precision import tune_allocator

GOALS = {8.0: 5.0, 25.0: 15.0, 60.0: 100.0}  # sigma in pixels: times scipy's speed
LARGEST_ERROR = 1e-3


def photograph(height: int, width: int) -> Tensor:
    """[1, 3, H, W] with about equal contrast in all octaves, a straight edge and a disc."""
    image = torch.zeros(1, 3, height, width)
    for octave in range(1, 9):
        noise = torch.rand(1, 3, 2**octave + 1, 2**octave + 1)
        image += F.interpolate(noise, (height, width), mode="bilinear", align_corners=True) / 8
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, height), torch.linspace(-1, 1, width), indexing="ij")
    image[..., columns > 0.5 + 0.2 * rows] += 0.4
    image[..., torch.hypot(rows, columns + 0.4) < 0.3] -= 0.5
    return image.clamp(0, 1)


def errors(sigma: float) -> dict[str, float]:
    """The largest error on each kind of picture."""
    height, width = 1000, 1500
    phases = math.pi * math.sqrt(2) / sigma * (torch.arange(width) + 0.5)
    noise = torch.rand(1, 3, height, width)
    pictures = {
        "photograph": photograph(height, width),
        "noise": noise,
        "binary": (noise > 0.5).float(),
        "stripes": (0.5 + 0.5 * torch.cos(phases)).expand(1, 3, height, width),
    }
    found = {}
    for name, picture in pictures.items():
        reference = gaussian_filter(picture.double().numpy(), sigma, mode="reflect", axes=(2, 3))
        found[name] = float(np.abs(gaussian_blur(picture, sigma).double().numpy() - reference).max())
    return found


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(image: Tensor, sigma: float, runs: int) -> tuple[float, float]:
    """Median seconds of scipy and of ours, taken in turn."""
    array = image.numpy()
    gaussian_blur(image, sigma)
    pairs = [
        (
            seconds(lambda: gaussian_filter(array, sigma, mode="reflect", axes=(2, 3))),
            seconds(lambda: gaussian_blur(image, sigma)),
        )
        for _ in range(runs)
    ]
    theirs, ours = zip(*pairs, strict=True)
    return statistics.median(theirs), statistics.median(ours)


def main() -> None:
    parser = argparse.ArgumentParser(description="Gaussian blur of 12 megapixels, against scipy.")
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    torch.manual_seed(0)
    tune_allocator()
    image = photograph(3000, 4000)
    rows, kept = [], True
    print(f"{'sigma':>6} {'scipy s':>9} {'ours s':>8} {'faster':>8} {'goal':>6}   largest error")
    for sigma, goal in GOALS.items():
        theirs, ours = measure(image, sigma, runs)
        found = errors(sigma)
        ratio = theirs / ours
        kept = kept and ratio >= goal and max(found.values()) < LARGEST_ERROR
        rows.append({"sigma": sigma, "scipy_seconds": theirs, "seconds": ours, "ratio": ratio, "errors": found})
        listed = ", ".join(f"{name} {error:.0e}" for name, error in found.items())
        print(f"{sigma:6g} {theirs:9.2f} {ours:8.3f} {ratio:7.1f}x {goal:5g}x   {listed}")
    print(json.dumps({"benchmark": "filters", "threads": torch.get_num_threads(), "rows": rows, "goals_kept": kept}))


if __name__ == "__main__":
    main()
