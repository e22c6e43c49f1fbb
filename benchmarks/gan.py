"""How many pictures a second a DCGAN of 64x64 learns from: this program's step against the way of PyTorch's tutorial.

    python benchmarks/gan.py                          batch 128, three turns of both ways, each in a process of its own
    python benchmarks/gan.py --turns 1 --steps 2 --batch-size 32 --threads 1     a small one

Both train the same networks (`gan/dcgan64`: 5x5 convolutions, batch norm, dropout 0.5) on the same bytes in memory.
The way of the tutorial ("DCGAN Tutorial", pytorch.org): float32, plain layout, torch's dropout and Adam, a sigmoid and BCELoss,
generated pictures judged twice, the discriminator moved by two backward passes. Ours: what `alebrije train gan/dcgan64` does.
Ladder between them: `allocator` is the tutorial with the C library tuned, `bf16` that in bfloat16 and channels_last.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from alebrije.config import build, read_recipe
from alebrije.core.precision import tune_allocator
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures
from alebrije.gan.learning import make_step
from alebrije.gan.nets.dcgan import ConvDiscriminator, ConvGenerator
from alebrije.gan.nets.parts import Dropout
from alebrije.gan.run import begin, prepare
from alebrije.runs import Run, processor_name

WAYS = ("tutorial", "allocator", "bf16", "ours")
GOAL = 6.0  # times the tutorial's pictures a second


def main() -> None:
    """Measure, print a table, and last one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=4, help="measured steps a turn, after one that is not")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["tutorial", "ours"])
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        torch.set_num_threads(given.threads)
        print(json.dumps(measured(given.one, given.batch_size, given.steps)))
        return
    found: dict[str, list[list[float]]] = {way: [] for way in given.ways}
    for _ in range(given.turns):
        for way in given.ways:
            words = [sys.executable, __file__, "--one", way, "--batch-size", str(given.batch_size),
                     "--steps", str(given.steps), "--threads", str(given.threads)]  # fmt: skip
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            found[way].append(json.loads(done.stdout.splitlines()[-1]))
    table = {}
    for way, pairs in found.items():
        clock, work = (statistics.median(each) for each in zip(*pairs, strict=True))
        table[way] = {"pictures_per_second": given.batch_size / clock, "processor_seconds_per_step": work}
        print(f"{way:10} {given.batch_size / clock:8.1f} pictures/s, processor {work:.2f} s a step")
    report = {"processor": processor_name(), "threads": given.threads, "batch_size": given.batch_size, "turns": given.turns,
              "steps": given.steps, "ways": table, "goal": GOAL}  # fmt: skip
    if {"tutorial", "ours"} <= set(table):
        for name in ("pictures_per_second", "processor_seconds_per_step"):
            times = table["ours"][name] / table["tutorial"][name]
            report[f"ratio_of_{name}"] = times if name == "pictures_per_second" else 1 / times
    print(json.dumps(report))


def measured(way: str, batch_size: int, steps: int) -> list[float]:
    """Median seconds of a step by the clock, and its mean seconds of the processor (the clock lies where others compute)."""
    if way != "tutorial":
        tune_allocator()
    torch.manual_seed(0)
    images = torch.randint(0, 256, (4 * batch_size, 3, 64, 64), dtype=torch.uint8)
    with tempfile.TemporaryDirectory() as place:
        step = ours(images, batch_size, Path(place)) if way == "ours" else tutorial(images, batch_size, way == "bf16")
        step()
        times, work = [], time.process_time()
        for _ in range(steps):
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
        return [statistics.median(times), (time.process_time() - work) / steps]


def ours(images: Tensor, batch_size: int, place: Path) -> Callable[[], object]:
    """The step of a training, as `alebrije train` repeats it, with all that it records."""
    values = {name: value for name, value in read_recipe("gan/dcgan64").items() if name != "recipe"}
    config = build(GanConfig, values | {"batch_size": batch_size, "max_share": 0.0, "device": "cpu"})
    empty = torch.zeros(len(images), 0, dtype=torch.bool)
    game = prepare(config, Run.create(place / "run"), "dcgan", Pictures(images, empty, images[:0], empty[:0], (), "noise", ""))
    state = begin(game)
    step = make_step(game, lambda state: None)

    def once() -> None:
        step(state, next(state.batches))
        state.step += 1

    return once


def tutorial(images: Tensor, batch_size: int, bf16: bool) -> Callable[[], object]:
    """The tutorial's loop; with `bf16` in that number format and channels_last."""
    shape = (3, 64, 64)
    generator = ConvGenerator(shape, 100)
    discriminator = nn.Sequential(plain(ConvDiscriminator(shape)), nn.Sigmoid())
    if bf16:
        for network in (generator, discriminator):
            network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    criterion = nn.BCELoss()
    of_discriminator = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    of_generator = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))

    def judge(pictures: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            judged: Tensor = discriminator(pictures)
        return judged.float()

    def once() -> tuple[float, float]:
        chosen = torch.randint(len(images), (batch_size,))
        real = images[chosen].float() / 127.5 - 1
        discriminator.zero_grad()
        of_real = criterion(judge(real), torch.ones(batch_size))
        of_real.backward()
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            fake = generator(torch.randn(batch_size, 100))
        fake = fake.float()
        of_fake = criterion(judge(fake.detach()), torch.zeros(batch_size))
        of_fake.backward()
        of_discriminator.step()
        generator.zero_grad()
        wanted = criterion(judge(fake), torch.ones(batch_size))
        wanted.backward()
        of_generator.step()
        return float(of_real + of_fake), float(wanted)

    return once


def plain(network: nn.Module) -> nn.Module:
    """The network with torch's own dropout."""
    for name, child in network.named_children():
        if isinstance(child, Dropout):
            setattr(network, name, nn.Dropout(child.p))
        else:
            plain(child)
    return network


if __name__ == "__main__":
    main()
