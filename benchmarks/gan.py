"""How many pictures a second a DCGAN of 64x64 learns from: this program beside PyTorch's tutorial and beside Keras.

    python benchmarks/gan.py                          batch 128, three turns of both ways, each in a process of its own
    python benchmarks/gan.py --ways tutorial allocator bf16 ours      with what lies between (`gan_ways.py` says what each is)
    python benchmarks/gan.py --keras-python tf/bin/python             beside Keras too, which `gan_keras.py` says how to get
    python benchmarks/gan.py --turns 1 --steps 2 --batch-size 32 --threads 1     a small one
    python benchmarks/gan.py --quality --keras-python tf/bin/python   what each has learned after as many pictures

All train the same networks on the same bytes in memory. Turns go round the ways, so that what else the machine does meets all of
them; where others compute, compare seconds of the processor, not those of the clock.

--quality: each way learns from --data (drawn creatures without it) until it has seen --pictures, with each of --seeds seeds; then
KID of --count generated pictures against as many real ones, with its jackknife interval. --width 0.25 --size 32 is a small one.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alebrije.config import build
from alebrije.core.precision import choose_dtype, tune_allocator
from alebrije.features.judging.detectors import open_detector
from alebrije.features.judging.distances import kid
from alebrije.gan.config import GanConfig
from alebrije.runs import processor_name
from gan_keras import timed
from gan_ways import WAYS, made, opened, way

KERAS = ("keras", "keras-bf16")
GOALS = {"tutorial": 6.0, "keras": 3.5}  # times their pictures a second
LATENTS_SEED = 10**6  # generated pictures that are judged come from latents of their own


def main() -> None:
    """Measure, print a table, and last one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="measured steps a turn, after three that are not")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["tutorial", "ours"])
    parser.add_argument("--keras-python", help="a Python that has TensorFlow")
    parser.add_argument("--quality", action="store_true")
    parser.add_argument("--data", help="a folder of pictures, a DATASET or a name such as fashion-mnist")
    parser.add_argument("--pictures", type=int, default=12_800)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--images", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--made", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(one(given)))
        return
    with tempfile.TemporaryDirectory() as place:
        report = {"processor": processor_name(), "threads": given.threads, "batch_size": given.batch_size, "width": given.width}
        print(json.dumps(report | (quality if given.quality else speed)(given, Path(place))))


def one(given: Namespace) -> dict[str, Any]:
    """What one way comes to, in a process of its own: times of its steps, or pictures written to `given.made`."""
    torch.set_num_threads(given.threads)
    if given.one != "tutorial":
        tune_allocator()
    images = torch.from_numpy(np.load(given.images))
    with tempfile.TemporaryDirectory() as place:
        step, generator, discriminator = way(given.one, images, given.batch_size, Path(place), given.width, given.seed)
        weights = [sum(weight.numel() for weight in network.parameters()) for network in (generator, discriminator)]
        if not given.made:
            return {"weights": weights, "times": timed(step, given.steps)}
        began = time.perf_counter()
        for _ in range(given.steps):
            step()
        seconds = time.perf_counter() - began
    low = given.one == "bf16" or (given.one == "ours" and choose_dtype("auto", torch.device("cpu")) is torch.bfloat16)
    torch.manual_seed(LATENTS_SEED + given.seed)
    np.save(given.made, made(generator, given.count, low).numpy())
    return {"weights": weights, "seconds": seconds}


def started(name: str, given: Namespace, images: Path, *more: str) -> dict[str, Any]:
    """`one` of the way `name`, or Keras' twin of it, in a process of its own."""
    words = [given.keras_python, str(Path(__file__).with_name("gan_keras.py"))] if name in KERAS else [sys.executable, __file__]
    words += (["--bf16"] if name == "keras-bf16" else []) if name in KERAS else ["--one", name]
    words += ["--images", str(images), "--batch-size", str(given.batch_size), "--threads", str(given.threads)]
    done = subprocess.run([*words, "--width", str(given.width), *more], capture_output=True, text=True)
    last = (done.stdout.splitlines() or [""])[-1]
    if done.returncode or not last.startswith("{"):
        sys.exit(f"{name} did not run: {last or done.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(last)
    return found


def speed(given: Namespace, place: Path) -> dict[str, Any]:
    """Pictures a second of each way, and how many times those of the others ours are."""
    images = place / "noise.npy"
    shape = (4 * given.batch_size, 3, given.size, given.size)
    np.save(images, np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    ways = [*given.ways, *(KERAS if given.keras_python else ())]
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in ways}
    for _ in range(given.turns):
        for name in ways:
            found[name].append(started(name, given, images, "--steps", str(given.steps)))
    if len({tuple(each[0]["weights"]) for each in found.values()}) > 1:
        sys.exit(f"the networks are not the same: {({name: each[0]['weights'] for name, each in found.items()})}")
    table: dict[str, dict[str, Any]] = {}
    for name, turns in found.items():
        clocks, works = zip(*(each["times"] for each in turns), strict=True)
        rates = [given.batch_size / clock for clock in clocks]
        table[name] = {"pictures_per_second": statistics.median(rates), "least_and_most": [min(rates), max(rates)],
                       "processor_seconds_per_step": statistics.median(works)}  # fmt: skip
        print(f"{name:10} {statistics.median(rates):8.1f} pictures/s ({min(rates):.1f} to {max(rates):.1f}), processor "
              f"{statistics.median(works):.2f} s a step")  # fmt: skip
    report: dict[str, Any] = {"turns": given.turns, "steps": given.steps, "ways": table, "goals": GOALS, "times_as_fast": {}}
    for name in table if "ours" in table else ():
        clock, work = (table["ours"][key] / table[name][key] for key in ("pictures_per_second", "processor_seconds_per_step"))
        report["times_as_fast"][name] = {"by_the_clock": clock, "by_the_processor": 1 / work}
    return report


def quality(given: Namespace, place: Path) -> dict[str, Any]:
    """KID of each way and seed after the same number of pictures."""
    pictures = opened(build(GanConfig, {"data": given.data, "size": str(given.size), "hold_out": 0.0}))
    images = place / "pictures.npy"
    np.save(images, pictures.images.numpy())
    steps, detector = given.pictures // given.batch_size, open_detector("compact")
    chosen = torch.randperm(len(pictures.images), generator=torch.Generator().manual_seed(0))[: given.count]
    real = detector(pictures.images[chosen])
    print(f"{pictures.name}, {steps} steps of {given.batch_size}; KID x 1000 of {given.count} pictures against {len(real)} real "
          f"ones; {detector.words}")  # fmt: skip
    table: dict[str, list[dict[str, Any]]] = {}
    for seed in range(given.seeds):
        for name in [*given.ways, *(KERAS if given.keras_python else ())]:
            into = place / f"{name}-{seed}.npy"
            words = ["--seed", str(seed), "--steps", str(steps), "--made", str(into), "--count", str(given.count)]
            seconds = started(name, given, images, *words)["seconds"]
            found = kid(real, detector(torch.from_numpy(np.load(into))))
            print(f"{name:10} seed {seed}  {1000 * found.value:7.1f} [{1000 * found.low:.1f}, {1000 * found.high:.1f}]  "
                  f"{seconds:.0f} s", flush=True)  # fmt: skip
            table.setdefault(name, []).append({"seed": seed, "kid": found.value, "low": found.low, "high": found.high,
                                               "seconds": seconds})  # fmt: skip
    for name, rows in table.items():
        print(f"{name:10} mean of the seeds {1000 * statistics.fmean(row['kid'] for row in rows):7.1f}")
    return {"data": pictures.name, "pictures_seen": steps * given.batch_size, "detector": detector.words, "ways": table}


if __name__ == "__main__":
    main()
