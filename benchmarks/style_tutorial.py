"""Style transfer the usual way, to be measured against: PyTorch's "Neural Transfer Using PyTorch", and what both sides share.

    python benchmarks/style_tutorial.py [CONTENT STYLE] [--curve FILE]     300 closures at 512x380: about 14 minutes on 2 cores

The way of the tutorial: float32, plain layout, an `nn.Sequential` cut after the last loss, whose weights require gradients,
losses as modules between the layers, torch.optim.LBFGS as it comes (history 100, 20 closures a step), from the content, at
full size. Layers and weights are Gatys' and the tutorial's: content relu4_2, weight 1; style relu1_1 .. relu5_1, weight 1e6.
Departure: what the tutorial prints every 50 closures is kept for every closure.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import features
from alebrije.core import weights
from alebrije.core.image import load
from alebrije.core.pictures.geometry import fit, parse_size
from alebrije.features.pruning import equalize
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS

LAYERS = (CONTENT_LAYER, *STYLE_LAYERS)
CLOSURES, STYLE_WEIGHT, CONTENT_WEIGHT = 300, 1e6, 1.0
Sizes = tuple[int, int]


def pictures(size: Sizes, files: tuple[str, ...] = ()) -> tuple[Tensor, Tensor]:
    """Content and style [1, 3, H, W], both of `size` as in the tutorial: from two files, or noise with structure at many
    sizes, the same at every call."""
    if files:
        content, style = (fit(load(file).pixels, size) for file in files)
        return content, style
    generator = torch.Generator().manual_seed(0)
    made = []
    for _ in range(2):
        octaves = [torch.rand(1, 3, 2**k, 2**k, generator=generator) for k in range(1, 8)]
        made.append(torch.stack([F.interpolate(o, size, mode="bicubic") for o in octaves]).mean(0))
    return made[0].clamp(0, 1), made[1].clamp(0, 1)


def vgg19(content: Tensor, style: Tensor) -> tuple[features.Extractor, str]:
    """VGG-19 up to relu5_1 in float32, the same at every call, and a word on where its weights come from.

    vgg16's where these are at hand: the convolutions that VGG-19 has more, conv3_4 and conv4_4, pass on what they see (it is
    not negative, so their ReLU changes nothing); random ones (He et al. 2015) elsewhere. All are scaled to a mean activation
    of 1 over the two pictures, as Gatys et al. normalise theirs.
    """
    torch.manual_seed(0)
    extractor = features.build("vgg19", None, LAYERS)
    origin = "random (He et al. 2015)"
    if weights.at_hand("vgg16"):
        origin = "vgg16's, conv3_4 and conv4_4 the identity"
        kept = weights.load("vgg16")
        state = {name: kept[name.removeprefix("stages.")].float() if name.removeprefix("stages.") in kept else value
                 for name, value in extractor.state_dict().items()}  # fmt: skip
        # From BGR in 0..255 minus the mean to RGB in standard deviations; the means differ by less than 1/50 of a level.
        state["stages.conv1_1.weight"] = state["stages.conv1_1.weight"].flip(1) * 255 * extractor.std
        for name in ("conv3_4", "conv4_4"):
            nn.init.dirac_(state[f"stages.{name}.weight"])
            nn.init.zeros_(state[f"stages.{name}.bias"])
        extractor.load_state_dict(state)
    equalize(extractor, torch.cat([content, style]))
    return extractor, origin


class Normalization(nn.Module):
    """The tutorial's first module."""

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, image: Tensor) -> Tensor:
        return (image - self.mean) / self.std


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


class Model(NamedTuple):
    """The tutorial's network with its losses: `loss(image)` runs it and adds them up."""

    network: nn.Sequential
    losses: list[tuple[float, ContentLoss | StyleLoss]]

    def loss(self, image: Tensor) -> Tensor:
        self.network(image)
        return torch.stack([weight * module.loss for weight, module in self.losses]).sum()


def model(extractor: features.Extractor, content: Tensor, style: Tensor) -> Model:
    """The tutorial's `get_style_model_and_losses`."""
    network = nn.Sequential(Normalization(extractor.mean, extractor.std))
    losses: list[tuple[float, ContentLoss | StyleLoss]] = []
    for name, stage in extractor.stages.items():
        network.add_module(name, nn.ReLU(inplace=False) if isinstance(stage, nn.ReLU) else stage)
        if name == CONTENT_LAYER:
            losses.append((CONTENT_WEIGHT, ContentLoss(network(content))))
            network.add_module(f"{name} content", losses[-1][1])
        if name in STYLE_LAYERS:
            losses.append((STYLE_WEIGHT, StyleLoss(network(style).contiguous())))
            network.add_module(f"{name} style", losses[-1][1])
    network.to(memory_format=torch.contiguous_format).requires_grad_(True)  # type: ignore[call-overload]
    return Model(network, losses)


Advance = Callable[[], object]


def stepping(size: Sizes, files: tuple[str, ...] = ()) -> Advance:
    """A function that does the work of one closure of the tutorial, the optimiser's included."""
    content, style = pictures(size, files)
    made = model(vgg19(content, style)[0], content, style)
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image], max_iter=1)
    return lambda: optimizer.step(closure_of(made, image, optimizer))  # type: ignore[no-untyped-call]


def closure_of(made: Model, image: Tensor, optimizer: torch.optim.Optimizer) -> Callable[[], Tensor]:
    """The tutorial's closure."""

    def closure() -> Tensor:
        with torch.no_grad():
            image.clamp_(0, 1)
        optimizer.zero_grad()
        loss = made.loss(image)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    return closure


def run(made: Model, content: Tensor, closures: int, record: Callable[[float, float], object]) -> Tensor:
    """The tutorial's loop: at least so many closures, then the picture. `record` gets the loss and the seconds since the start
    at the end of every closure."""
    image = content.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([image])
    closure, done, began = closure_of(made, image, optimizer), 0, time.perf_counter()

    class Enough(Exception):  # noqa: N818 - not an error: the only way out of an optimiser's step
        pass

    def counted() -> Tensor:
        nonlocal done
        if done == closures:
            raise Enough
        loss = closure()
        done += 1
        record(loss.item(), time.perf_counter() - began)
        return loss

    try:
        while True:
            optimizer.step(counted)  # type: ignore[no-untyped-call]
    except Enough:
        return image.detach().clamp(0, 1)


def whole_run(size: Sizes, files: tuple[str, ...], closures: int, curve: str | None = None) -> dict[str, Any]:
    """The tutorial from start to end; the losses and times of its closures also go to the file `curve`, a line each."""
    content, style = pictures(size, files)
    extractor, origin = vgg19(content, style)
    began = time.perf_counter()
    made = model(extractor, content, style)
    prepared = time.perf_counter() - began
    lines: list[tuple[float, float]] = []

    def record(loss: float, seconds: float) -> None:
        lines.append((loss, seconds))
        if curve:
            with Path(curve).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"closure": len(lines), "loss": loss, "seconds": round(seconds, 3)}) + "\n")

    image = run(made, content, closures, record)
    with torch.no_grad():
        final = float(made.loss(image))
    each = [after[1] - before[1] for before, after in itertools.pairwise(lines)] or [lines[0][1]]
    fifths = [statistics.median(each[k * len(each) // 5 : (k + 1) * len(each) // 5] or each) for k in range(5)]
    return {
        "seconds": prepared + lines[-1][1], "loss": final, "least_loss": min(loss for loss, _ in lines), "closures": len(lines),
        "seconds_per_closure": statistics.median(each), "its_fifths": fifths, "weights": origin, "image": image,
        "losses": [loss for loss, _ in lines],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="content and style picture")
    parser.add_argument("--size", default="512x380", help="width x height of the picture")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--closures", type=int, default=CLOSURES)
    parser.add_argument("--curve", help="file for the loss and the time of every closure")
    parser.add_argument("--image", help="file for the picture, as a tensor")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    size = parse_size(options.size)
    assert isinstance(size, tuple)
    result = whole_run(size, tuple(options.files), options.closures, options.curve)
    image = result.pop("image")
    if options.image:
        save_file({"image": image.contiguous()}, options.image)
    print(json.dumps({"benchmark": "style_tutorial", "size": options.size, **result}))


if __name__ == "__main__":
    main()
