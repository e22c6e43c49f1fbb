"""One optimisation step of style transfer: Alebrije against the usual tutorial way, and whether speed costs quality.

    python benchmarks/style.py            one step at 512x380 with VGG-19's geometry, medians of interleaved runs
    python benchmarks/style.py --full     also 300 steps in plain float32 and our fast way, both judged in float32

The tutorial way is that of PyTorch's "Neural Transfer Using PyTorch": float32, an `nn.Sequential` whose weights require
gradients, losses as modules between the layers, torch.optim.LBFGS with its history of 100. Both sides have the same random
weights (He et al. 2015), content and style layers, and pictures. Each side runs in a process of its own, because one of them
changes how the C library hands out memory.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import features
from alebrije.core.precision import choose_dtype, tune_allocator
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS, StylizeConfig
from alebrije.style.objective import layers, measure, with_gradient
from alebrije.style.optimize import LBFGS, descend
from alebrije.style.winograd import accelerate

CPU = torch.device("cpu")
CONFIG = StylizeConfig(features="vgg19")
Advance = Callable[[], object]


def pictures(height: int, width: int) -> tuple[Tensor, Tensor]:
    """A content and a style [1, 3, H, W] with structure at many sizes, the same on both sides."""
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(2):
        octaves = [torch.rand(1, 3, 2**k, 2**k, generator=generator) for k in range(1, 8)]
        made.append(torch.stack([F.interpolate(o, (height, width), mode="bicubic") for o in octaves]).mean(0))
    return made[0].clamp(0, 1), made[1].clamp(0, 1)


def network(dtype: torch.dtype) -> features.Extractor:
    """VGG-19 up to relu5_1 with random weights, the same at every call."""
    torch.manual_seed(0)
    return features.build("vgg19", None, layers(CONFIG), pooling=CONFIG.pooling, dtype=dtype)


def ours(height: int, width: int) -> Advance:
    """Our step: one evaluation of loss and gradient, one update by the short-history L-BFGS."""
    tune_allocator()
    content, style = pictures(height, width)
    extractor = network(choose_dtype("auto", CPU))
    accelerate(extractor.stages, CPU)
    evaluate = with_gradient(measure(extractor, content, [style], CONFIG), CONFIG)
    positions = descend(evaluate, content, LBFGS(), steps=10**6)
    return lambda: next(positions)


class ContentLoss(nn.Module):
    """The tutorial's module: passes its input on and remembers how far it is from the target."""

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = target.detach()

    def forward(self, x: Tensor) -> Tensor:
        self.loss = F.mse_loss(x, self.target)
        return x


class StyleLoss(nn.Module):
    """The tutorial's module for Gram matrices."""

    def __init__(self, target: Tensor) -> None:
        super().__init__()
        self.target = self.gram(target).detach()

    @staticmethod
    def gram(x: Tensor) -> Tensor:
        batch, channels, height, width = x.size()
        rows = x.view(batch * channels, height * width)
        return torch.mm(rows, rows.t()).div(batch * channels * height * width)

    def forward(self, x: Tensor) -> Tensor:
        self.loss = F.mse_loss(self.gram(x), self.target)
        return x


def tutorial(height: int, width: int) -> Advance:
    """The tutorial's step: one closure of torch.optim.LBFGS."""
    content, style = pictures(height, width)
    extractor = network(torch.float32)
    model = nn.Sequential()
    losses: list[tuple[float, ContentLoss | StyleLoss]] = []
    for name, stage in extractor.stages.items():
        model.add_module(name, nn.ReLU(inplace=False) if isinstance(stage, nn.ReLU) else stage)
        for wanted, weight, target, module in (
            ([CONTENT_LAYER], 1.0, content, ContentLoss),
            (STYLE_LAYERS, 1e6, style, StyleLoss),
        ):
            if name in wanted:
                losses.append((weight, module(model(target).contiguous())))
                model.add_module(f"{name} loss", losses[-1][1])
    model.to(memory_format=torch.contiguous_format).requires_grad_(True)  # type: ignore[call-overload]
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=1)

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        model(image)
        loss = torch.stack([weight * module.loss for weight, module in losses]).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    return lambda: optimizer.step(closure)  # type: ignore[no-untyped-call]


SIDES: dict[str, Callable[[int, int], Advance]] = {"tutorial": tutorial, "ours": ours}


def work(side: str, height: int, width: int, threads: int) -> None:
    """Be one side: for each line read, take a step and print its seconds."""
    torch.set_num_threads(threads)
    advance = SIDES[side](height, width)
    for _ in sys.stdin:
        began = time.perf_counter()
        advance()
        print(time.perf_counter() - began, flush=True)


def compare_steps(height: int, width: int, threads: int, rounds: int) -> dict[str, float]:
    """Median seconds of a step on each side; the sides take turns, and the first two rounds are not counted."""
    workers = {
        side: subprocess.Popen(
            [sys.executable, __file__, "--side", side, "--size", f"{width}x{height}", "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        for side in SIDES
    }  # fmt: skip
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    for _ in range(rounds + 2):
        for side, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("step\n")
            seconds[side].append(float(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate()
    return {side: statistics.median(times[2:]) for side, times in seconds.items()}


def compare_precision(height: int, width: int, steps: int) -> dict[str, float]:
    """The loss after `steps` from the same start in float32 and the fast way, both judged by the float32 network."""
    tune_allocator()
    content, style = pictures(height, width)
    judge = measure(network(torch.float32), content, [style], CONFIG)
    final = {}
    for way, dtype in (("float32", torch.float32), ("fast", choose_dtype("auto", CPU))):
        extractor = network(dtype)
        if way == "fast":
            accelerate(extractor.stages, CPU)
        evaluate = with_gradient(measure(extractor, content, [style], CONFIG), CONFIG)
        for position in descend(evaluate, content, LBFGS(), steps):
            image = position.image
        with torch.no_grad():
            final[way] = float(judge(image).weighted(CONFIG))
    return final


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="512x380", help="width x height of the picture")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--full", action="store_true", help="compare the losses after many steps too (long)")
    parser.add_argument("--steps", type=int, default=300, help="length of these runs")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    if options.side:
        work(options.side, height, width, options.threads)
        return
    seconds = compare_steps(height, width, options.threads, options.rounds)
    result: dict[str, object] = {
        "benchmark": "style", "size": options.size, "threads": options.threads,
        "processor": platform.processor() or platform.machine(), "capability": torch.backends.cpu.get_cpu_capability(),
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(), "amx": torch.cpu._is_amx_tile_supported(),
        "seconds": {side: round(value, 4) for side, value in seconds.items()},
        "speedup": round(seconds["tutorial"] / seconds["ours"], 2),
    }  # fmt: skip
    print(f"one step, VGG-19 to relu5_1, {options.size}, {options.threads} threads, {result['capability']}")
    for side, value in seconds.items():
        print(f"  {side:10} {1000 * value:8.0f} ms   {seconds['tutorial'] / value:5.2f}x")
    if options.full:
        losses = compare_precision(height, width, options.steps)
        difference = losses["fast"] / losses["float32"] - 1
        print(f"loss after {options.steps} steps, judged in float32")
        for name, value in losses.items():
            print(f"  {name:10} {value:.5f}")
        result |= {"losses": losses, "loss_difference": round(difference, 4)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
