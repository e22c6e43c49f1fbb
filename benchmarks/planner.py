"""How long a pair takes: the planner that ships against the observer, from pictures in memory to the whole plan.

    python benchmarks/planner.py             pairs of creatures at 512x512 and 4000x3000, medians of 9 interleaved runs
    python benchmarks/planner.py --runs 21

Both end in the observer's score and switch distance, which is part of the time. The network is loaded once, before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

from torch import Tensor

from alebrije.core.image import resize
from alebrije.core.precision import tune_allocator
from alebrije.data.draw import creature
from alebrije.hybrid import observer
from alebrije.hybrid.observer import Plan
from alebrije.hybrid.pairs.labelling import USUAL
from alebrije.hybrid.planning.planner import shipped
from alebrije.runs import processor_name

SIZES = ((512, 512), (3000, 4000))
GOAL = 0.3  # seconds a pair


def main() -> None:
    """Measure, print a table, and last one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    tune_allocator()
    ways: dict[str, Callable[..., Plan]] = {"planner": shipped().plan, "observer": observer.plan}
    results = {}
    for height, width in SIZES:
        pair = [resize(creature(seed, 512, background="landscape").image, (height, width)) for seed in (1, 2)]
        for way in ways.values():
            way(*pair, USUAL)  # the first call builds what later ones find
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(runs):
            for name, way in ways.items():
                times[name].append(seconds(way, *pair))
        medians = {name: statistics.median(found) for name, found in times.items()}
        spread = {name: (min(found), max(found)) for name, found in times.items()}
        for name, median in medians.items():
            print(f"{width}x{height}  {name:9} {median:.3f} s  ({spread[name][0]:.3f} to {spread[name][1]:.3f})")
        results[f"{width}x{height}"] = {**medians, "faster": medians["observer"] / medians["planner"]}
    kept = all(found["planner"] < GOAL for found in results.values())
    print(json.dumps({"processor": processor_name(), "runs": runs, "seconds": results, "goal": GOAL, "goal_kept": kept}))


def seconds(way: Callable[..., Plan], first: Tensor, second: Tensor) -> float:
    """How long one plan takes."""
    began = time.perf_counter()
    way(first, second, USUAL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
