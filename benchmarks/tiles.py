"""A 12-megapixel stylisation in tiles: peak memory and seconds a step of the real command, and what tiles cost in exactness.

    python benchmarks/tiles.py                 4000x3000 with --quality quick (long: some ten minutes on two cores)
    python benchmarks/tiles.py --size 2000     smaller, to see that it works
    python benchmarks/tiles.py --error-only    only the difference between tiles and the whole, at one megapixel, in float32

The command runs in a process of its own, with a stopwatch around each step. Memory is the most that the process ever held
(`ru_maxrss`), reading and writing of the files included. Seconds of the processor are given beside those of the clock, for
machines that do other work too. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.core.image import save
from alebrije.style import run
from alebrije.style.config import StylizeConfig
from alebrije.style.objective import layers, measure, with_gradient
from alebrije.style.optimize import Position, descend


def picture(height: int, width: int, seed: int) -> Tensor:
    """A picture [1, 3, H, W] with structure at many sizes."""
    generator = torch.Generator().manual_seed(seed)
    total = torch.zeros(1, 3, height, width)
    for k in range(1, 10):
        total += F.interpolate(torch.rand(1, 3, 2**k, 2**k, generator=generator), (height, width), mode="bilinear")
    return (total / 9).clamp(0, 1)


def differences(loss: str, tile: int) -> dict[str, float]:
    """How far distance and gradient in tiles are from those of the whole at 1152x864, relative, compact in float32."""
    config = StylizeConfig(loss=loss)
    extractor = features.load("compact", layers(config), pooling="max", device=torch.device("cpu"), dtype=torch.float32)
    content, style = picture(864, 1152, 0), picture(600, 800, 1)
    image = (content + 0.05 * torch.randn(content.shape, generator=torch.Generator().manual_seed(2))).clamp(0, 1)
    ways = [measure(extractor, content, [style], config, tile=side) for side in (None, tile)]
    whole, tiles = (with_gradient(way, config)(image) for way in ways)
    return {
        "gradient": float((tiles[1] - whole[1]).norm() / whole[1].norm()),
        "style_distance": abs(tiles[2]["style_distance"] / whole[2]["style_distance"] - 1),
    }


def work(arguments: list[str]) -> None:
    """Be the command, with a stopwatch; then print the steps and the memory."""
    steps: list[dict[str, float]] = []

    def timed(*given: Any) -> Iterator[Position]:
        clock, processor = time.perf_counter(), time.process_time()
        for position in descend(*given):
            pixels = position.image[0, 0].numel()
            steps.append({"pixels": pixels, "wall": time.perf_counter() - clock, "cpu": time.process_time() - processor})
            yield position
            clock, processor = time.perf_counter(), time.process_time()

    from alebrije.cli import main as command

    setattr(run, "descend", timed)  # noqa: B010
    sys.argv = ["alebrije", *arguments]
    began = time.perf_counter()
    try:
        command()
    except SystemExit as end:
        if end.code:
            raise
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    whole = {"wall": time.perf_counter() - began, "cpu": time.process_time()}
    print("\n" + json.dumps({"steps": steps, "peak_bytes": peak, "whole": whole}))


def measured(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """What the command takes on a picture of that size."""
    save(picture(options.size * 3 // 4, options.size, 0), folder / "big.png")
    save(picture(768, 1024, 1), folder / "style.jpg")
    command = ["stylize", str(folder / "big.png"), str(folder / "style.jpg"), "-o", str(folder / "out.png"), "--size",
               str(options.size), "--quality", options.quality, "--features", "compact", "--loss", options.loss,
               "--tile", options.tile]  # fmt: skip
    done = subprocess.run([sys.executable, __file__, "--work", *command], stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    largest = max(step["pixels"] for step in found["steps"])
    last = [step for step in found["steps"] if step["pixels"] == largest]
    return {
        "peak_GB": round(found["peak_bytes"] / 1e9, 2),
        "steps": len(found["steps"]),
        "full_size_steps": len(last),
        "full_size_step_wall": round(statistics.median(step["wall"] for step in last), 1),
        "full_size_step_cpu": round(statistics.median(step["cpu"] for step in last), 1),
        "whole_wall": round(found["whole"]["wall"]),
        "whole_cpu": round(found["whole"]["cpu"]),
    }


def main() -> None:
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=4000, help="longer side of the picture; the other is 3/4 of it")
    parser.add_argument("--quality", default="quick")
    parser.add_argument("--loss", default="gram")
    parser.add_argument("--tile", default="auto")
    parser.add_argument("--losses", nargs="*", default=["gram"], help="losses whose exactness is measured")
    parser.add_argument("--error-only", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {
        "benchmark": "tiles", "size": f"{options.size}x{options.size * 3 // 4}", "threads": torch.get_num_threads(),
        "processor": platform.processor() or platform.machine(), "loss": options.loss, "quality": options.quality,
    }  # fmt: skip
    result["difference"] = {loss: differences(loss, 384) for loss in options.losses}
    for loss, found in result["difference"].items():
        print(
            f"{loss}: tiles of 384 change the gradient by {found['gradient']:.1e}, the distance by {found['style_distance']:.1e}"
        )
    if not options.error_only:
        with tempfile.TemporaryDirectory() as folder:
            result |= measured(options, Path(folder))
        print(f"{result['size']}: {result['peak_GB']} GB at most, {result['full_size_step_wall']} s a step at full size "
              f"({result['full_size_step_cpu']} s of the processor), {result['whole_wall']} s in all")  # fmt: skip
    print(json.dumps(result))


if __name__ == "__main__":
    main()
