"""How long one picture takes: networks that paint in one pass, against the optimiser at its quickest, on two cores.

    python benchmarks/feedforward.py                     512x380, medians of 9 interleaved runs; the optimiser once
    python benchmarks/feedforward.py --runs 21 --slow 3  the optimiser three times
    python benchmarks/feedforward.py --threads 1         where other work keeps the cores busy, threads wait for each other
    python benchmarks/feedforward.py --network RUN       a network of yours in the place of untrained ones

Times do not depend on what a network has learnt, so untrained ones of the recipes' sizes do. Measured is the painting, from
pictures in memory to the picture (`network_seconds` of `alebrije stylize --network RUN --json`), beside its processor time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije import features, steps
from alebrije.core.image import resize
from alebrije.core.precision import tune_allocator
from alebrije.core.tensorfiles import write_safetensors
from alebrije.data.draw import creature, painting
from alebrije.events import Done
from alebrije.runs import processor_name
from alebrije.style.feedforward.adain import channels
from alebrije.style.feedforward.config import AdainConfig, FastConfig
from alebrije.style.feedforward.nets import Decoder, Stylizer

HEIGHT, WIDTH = 380, 512
GOAL = 1.0  # seconds


def main() -> None:
    """Measure, print a table, and last one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--slow", type=int, default=1, help="runs of the optimiser; 0: none")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--network", help="a run of style/fast or style/adain")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tune_allocator()
    content = resize(creature(1, 512, background="landscape").image, (HEIGHT, WIDTH))
    style = painting(1, 512)
    with tempfile.TemporaryDirectory() as place:
        ways = {given.network: given.network} if given.network else untrained(Path(place))
        times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for turn in range(given.runs + 1):
            for name, network in ways.items():
                styles = [style] if takes_styles(network) else []
                found = seconds(content, *styles, network=network)
                if turn:  # the first one builds what later ones find
                    times[name].append(found)
    table = {name: summary(found) for name, found in times.items()}
    if given.slow:
        slow = [seconds(content, style, quality="quick") for _ in range(given.slow)]
        table["optimizer, quick"] = summary(slow)
    for name, row in table.items():
        print(f"{name:18} {row['median']:7.3f} s  ({row['least']:.3f} to {row['most']:.3f}), processor {row['processor']:.3f} s")
    kept = all(row["median"] < GOAL for name, row in table.items() if name in times)
    print(json.dumps({"processor": processor_name(), "size": f"{WIDTH}x{HEIGHT}", "threads": given.threads, "runs": given.runs,
                      "seconds": table, "goal": GOAL, "goal_kept": kept}))  # fmt: skip


def untrained(place: Path) -> dict[str, str]:
    """Model files of networks with the sizes of the recipes."""
    fast, adain = FastConfig(), AdainConfig()
    encoder = features.load(adain.features, [adain.code])
    networks = {"style/fast": (Stylizer(fast.width, fast.blocks), fast), "style/adain": (Decoder(channels(encoder)), adain)}
    found = {}
    for recipe, (network, config) in networks.items():
        path = place / f"{recipe.replace('/', '-')}.safetensors"
        header = {"recipe": json.dumps({"recipe": recipe, **config.model_dump(mode="json")}), "style": json.dumps("none")}
        write_safetensors(path, {name: tensor.half() for name, tensor in network.state_dict().items()}, header)
        found[recipe] = str(path)
    return found


def takes_styles(network: str) -> bool:
    """Whether a network is one of style/adain."""
    return steps.made_by(network)[0] == "style/adain"


def seconds(content: Tensor, *styles: Tensor, **options: Any) -> tuple[float, float]:
    """Time and processor time of one picture, the loading of the network left out where there is one."""
    began = time.process_time()
    (last,) = [event for event in steps.stylize(content, *styles, size="512", **options) if isinstance(event, Done)]
    report = last.result.report
    return report.get("network_seconds", report["seconds"]), time.process_time() - began


def summary(found: list[tuple[float, float]]) -> dict[str, float]:
    """Median, least and most of the times, and the median processor time (with reading the network's file)."""
    clock, work = zip(*found, strict=True)
    return {"median": statistics.median(clock), "least": min(clock), "most": max(clock), "processor": statistics.median(work)}


if __name__ == "__main__":
    main()
