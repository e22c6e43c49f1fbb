"""The graphs of the hybrid planners: the one that ships, from pictures to cut-offs, and the report's three."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from alebrije.config import choose
from alebrije.core.image import to_gray
from alebrije.data.pairs import REFERENCE
from alebrije.export.graphs import Graph, Port, Sizes, Tensors
from alebrije.export.model import Model
from alebrije.export.pictures import batch
from alebrije.hybrid.observer import BIN, SIDE, Viewing, degrees, sensitivity
from alebrije.hybrid.pairs.labelling import USUAL
from alebrije.hybrid.planning.bands import COUNT, EDGES, FLOOR
from alebrije.hybrid.planning.networks import NETWORKS, SiamesePair, build, load_weights
from alebrije.hybrid.planning.planner import OCTAVES, Planner, describe_orders, from_tensors

BINS = 4096  # of `BIN` cycles each: enough for pictures eight times as wide as high


class Crossing(nn.Module):
    """Two pictures [1, 3, H, W] and how they are looked at -> `cycles` [2, 2] and `score` [2], for both orders.

    What `Planner.plan` takes, in one graph: `observer.measure` and `bands.describe` written for axes that vary, in float64 as
    they are. Sums over frequencies that no picture of this shape has are empty; the observer leaves such frequencies out.
    """

    edges: Tensor

    def __init__(self, planner: Planner) -> None:
        super().__init__()
        self.planner = planner
        self.register_buffer("edges", EDGES.clone())

    def forward(self, first: Tensor, second: Tensor, angles: Tensor) -> Tensors:
        cycles, one, other, cross = self.spectra(first, second)
        orders = [self.described(cycles, low, high, cross, angles.double()) for low, high in ((one, other), (other, one))]
        low, high, score = self.planner(torch.stack(orders))
        low, high = (octave.clamp(*OCTAVES) for octave in (low, high))
        return torch.exp2(torch.stack([low, torch.maximum(low, high)], -1)), score

    def spectra(self, first: Tensor, second: Tensor) -> Tensors:
        """`observer.measure`: mean frequency, both powers and the cross power of each bin, float64 [BINS]."""
        rows, columns = first.shape[-2:]
        copies = [to_gray(picture)[0, 0].double() for picture in (first, second)]
        waves, other = (_cosines(rows) @ copy @ _cosines(columns).mT for copy in copies)
        down = torch.arange(rows, dtype=torch.float64)[:, None] * columns / rows
        across = torch.arange(columns, dtype=torch.float64)[None, :]
        cycles = ((down.square() + across.square()).sqrt() / 2).flatten()
        index = (cycles / BIN).floor().long()

        def binned(values: Tensor) -> Tensor:
            sums = torch.zeros(BINS, dtype=torch.float64).scatter_add(0, index, values.flatten())
            return torch.cat([torch.zeros(1, dtype=torch.float64), sums[1:]])  # the mean grey is no contrast

        count = binned(torch.ones_like(cycles)).clamp_min(1)
        powers = (binned(power) / (rows * columns) for power in (waves * waves, other * other, waves * other))
        return (binned(cycles) / count, *powers)

    def described(self, cycles: Tensor, low: Tensor, high: Tensor, cross: Tensor, angles: Tensor) -> Tensor:
        """`bands.describe`, for the near and the far angle in degrees that the picture is seen under: float32 [SIZE]."""
        place = (cycles[:, None] > self.edges).sum(1)
        members = (place[:, None] == torch.arange(COUNT)).double()
        parts = [(cross @ members) / ((low @ members) * (high @ members)).sqrt().clamp_min(1e-12)]
        for angle in angles.unbind(0):
            seen = sensitivity(cycles / angle).square()
            powers = [(seen * power) @ members for power in (low, high)]
            totals = [power.sum() + FLOOR for power in powers]
            parts += [(power + FLOOR).log() for power in powers]
            parts += [power / total for power, total in zip(powers, totals, strict=True)]
            parts.append(((seen * cross) @ members) / (totals[0] * totals[1]).sqrt())
        return torch.cat(parts).float()


def _cosines(size: int) -> Tensor:
    """`observer._cosines` by sines, which more programs have in float64."""
    index = torch.arange(size, dtype=torch.float64)
    waves = torch.sin(math.pi / size * index[:, None] * (index + 0.5) + math.pi / 2) * (2 / size) ** 0.5
    return torch.where(index[:, None] == 0, waves / 2**0.5, waves)


def planner(model: Model, part: str) -> Graph:
    """The planner: which picture to blur, and where to cut both."""
    choose(f"part of {model.recipe}", part, ("whole",))
    network = from_tensors(model.tensors)
    pictures = [Port(name, (1, 3, "height", "width"), "sRGB, 0 to 1, red green blue") for name in ("first", "second")]
    angles = Port("angles", (2,), "degrees that its width is seen under from near and from far: 2 atan(width / 2 distance)")
    cycles = Port(
        "cycles", (2, 2), "cut-offs of the low-pass and of the high-pass in cycles per picture width: row 0 with the first "
        "picture as the one seen from afar, row 1 with the second"
    )  # fmt: skip
    score = Port("score", (2,), "how good the hybrid of each row would be, about -2 to 2: take the row with the larger one")
    trials = ({"height": 256, "width": 256}, {"height": 209, "width": 314}, {"height": 362, "width": 181})

    def feed(sizes: Sizes) -> Tensors:
        one, other = (batch(1, 3, sizes["height"], sizes["width"], first) for first in (0, 2))
        return one, other, torch.stack([degrees(torch.tensor(away / USUAL.width)) for away in (USUAL.near, USUAL.far)])

    def program(first: Tensor, second: Tensor, angles: Tensor) -> Tensors:
        ratios = (0.5 / torch.tan(torch.deg2rad(angles.double()) / 2)).tolist()
        low, high, score = network(describe_orders(first, second, Viewing(1.0, *ratios)))
        low, high = (octave.clamp(*OCTAVES) for octave in (low, high))
        return torch.exp2(torch.stack([low, torch.maximum(low, high)], -1)), score

    return Graph(
        Crossing(network), (*pictures, angles), (cycles, score), trials, feed,
        f"bring both pictures to one size with about {SIDE}x{SIDE} pixels in all, scaled without aliasing, their shape kept",
        "blur the low picture with the Gaussian whose gain at its cut-off is 1/2; add the other one less its own such blur",
        {"height": 32, "width": 32}, program,
    )  # fmt: skip


def by_pixels(model: Model, part: str) -> Graph:
    """One of the report's networks, which see both pictures at 224x224."""
    choose(f"part of {model.recipe}", part, ("whole",))
    network = build(choose("network", model.recipe.partition("/")[2], NETWORKS))
    load_weights(network, model.floats())
    network.requires_grad_(False).eval()
    single = isinstance(network, SiamesePair)  # whose two pictures go through the body as one batch, which cannot vary then
    square = (1 if single else "batch", 3, REFERENCE, REFERENCE)
    pictures = [Port(name, square, "sRGB, 0 to 1, red green blue") for name in ("first", "second")]
    outputs = (
        Port("sigmas", (square[0], 2), f"blurs of the first and the second picture in pixels at a width of {REFERENCE}"),
        Port("second_low", (square[0],), "logit: above 0 where the second picture is the one seen from afar"),
    )

    def feed(sizes: Sizes) -> Tensors:
        one, other = (batch(sizes.get("batch", 1), 3, REFERENCE, REFERENCE, first) for first in (0, 1))
        return one, other

    return Graph(
        network, tuple(pictures), outputs, ({},) if single else ({"batch": 2}, {"batch": 1}), feed,
        f"scale each picture to {REFERENCE}x{REFERENCE}, stretched, without aliasing", "none",
    )  # fmt: skip


