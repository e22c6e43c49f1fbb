"""The graphs of the autoencoders: whole, the encoder alone, the decoder alone (new pictures out of latents)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable

import torch
from torch import Tensor, nn

from alebrije.autoencoder.nets.convolutional import Autoencoder
from alebrije.autoencoder.nets.denoising import DenoisingAutoencoder
from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.autoencoder.nets.lowres import EXPERIMENTS, LowresAutoencoder
from alebrije.autoencoder.nets.variational import VariationalAutoencoder
from alebrije.config import choose
from alebrije.data.degrade import lowres
from alebrije.errors import WeightsError
from alebrije.export.graphs import GRAY, PICTURE, Filled, Graph, Method, Port, Sizes, Tensors, mirrored, sizes
from alebrije.export.model import Model, filled
from alebrije.export.pictures import batch

PARTS = ("whole", "encoder", "decoder")
BATCHES = ({"batch": 2}, {"batch": 1}, {"batch": 5})
LATENTS = "latents: the numbers that a picture is squeezed into"

JUST = "crop and scale the picture to just this size"

Prepare = Callable[[Tensor], Tensor]


def dense(model: Model, part: str) -> Graph:
    """784-64-784, or what other pictures need."""
    latent_dim, pixels = model.tensors["encoder.1.weight"].shape
    shape = _shape(model, pixels)
    network = filled(model, lambda: DenseAutoencoder(shape, latent_dim))
    return _fixed(model, network, part, shape, latent_dim, JUST, _same)


def variational(model: Model, part: str) -> Graph:
    """The variational autoencoder; its encoder gives the mean of the code."""
    settings, shape = model.settings, _shape(model)
    latent_dim = settings["latent_dim"]
    network = filled(model, lambda: VariationalAutoencoder(shape, latent_dim, settings["width"], settings["hidden"]))
    return _fixed(model, network, part, shape, latent_dim, JUST, _same)


def denoise(model: Model, part: str) -> Graph:
    """The source's denoising autoencoder, for pictures of any size."""
    choose(f"part of {model.recipe}", part, PARTS)
    channels = model.tensors["down1.weight"].shape[1]
    network = filled(model, lambda: DenoisingAutoencoder(channels))
    words = GRAY if channels == 1 else PICTURE
    noisy = Port("noisy", ("batch", channels, "height", "width"), words)
    clean = Port("clean", ("batch", channels, "height", "width"), words)
    latents = Port("latents", ("batch", 8, "rows", "columns"), f"{LATENTS}, 0 or more, a row and a column for 4 pixels a side")
    of_latents = Port("picture", ("batch", channels, "4 rows", "4 columns"), words)
    trials = sizes((2, 28, 32), (1, 61, 95), (3, 28, 28))

    def pictures(lengths: Sizes) -> Tensors:
        return (batch(lengths["batch"], channels, lengths["height"], lengths["width"]),)

    @torch.no_grad()
    def codes(lengths: Sizes) -> Tensors:
        return (network.encode(batch(lengths["batch"], channels, 4 * lengths["rows"], 4 * lengths["columns"])),)

    before = f"none; it has learnt noise of a standard deviation of {model.settings.get('noise', 'unknown')}"
    least = {"height": 4, "width": 4}
    if part == "decoder":
        grids = ({"batch": 2, "rows": 7, "columns": 8}, {"batch": 1, "rows": 12, "columns": 5})
        return Graph(Method(network, "decode"), (latents,), (of_latents,), grids, codes, "none", "none")
    if part == "encoder":
        return Graph(_Mirrored(network), (noisy,), (latents,), trials, pictures, before, "none", least)
    return Graph(Filled(network, 4), (noisy,), (clean,), trials, pictures, before, "none", least)


class _Mirrored(Filled):
    """The latents of pictures of any size."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__(Method(network, "encode"), 4)

    def forward(self, pictures: Tensor) -> Tensor:
        latents: Tensor = self.body(mirrored(pictures, self.multiple))
        return latents


def creatures(model: Model, part: str) -> Graph:
    """The small denoising autoencoder of drawn creatures."""
    settings = model.settings
    size, latent_dim = settings["size"], settings["latent_dim"]
    network = filled(model, lambda: Autoencoder(size, latent_dim, settings["width"]))
    return _fixed(model, network, part, (3, size, size), latent_dim, JUST, _same)


def low_to_high(model: Model, part: str) -> Graph:
    """One of the nine experiments."""
    settings = model.settings
    size, factor, reduction = settings["size"], settings["factor"], settings["reduction"]
    experiment = EXPERIMENTS[int(re.sub(".*-", "", model.recipe))]
    network = filled(
        model, lambda: LowresAutoencoder(experiment, size, settings["width"], settings["unpool"], settings["output"])
    )
    before = (
        f"a picture of {size // factor}x{size // factor} pixels, each of them repeated as a square of {factor}x{factor}; "
        f"it has learnt from pictures reduced by {reduction}"
    )
    return _fixed(
        model, network, part, (3, size, size), experiment.latent_dim, before, lambda images: lowres(images, factor, reduction)
    )


def _fixed(
    model: Model, network: nn.Module, part: str, shape: tuple[int, int, int], latent_dim: int, before: str, prepare: Prepare
) -> Graph:
    """The graph of a network for pictures of one size, with `encode` and `decode`."""
    choose(f"part of {model.recipe}", part, PARTS)
    words = GRAY if shape[0] == 1 else PICTURE
    given, drawn = (Port(name, ("batch", *shape), words) for name in ("picture", "reconstruction"))
    latents = Port("latents", ("batch", latent_dim), LATENTS)
    after = "clamp to 0 and 1"

    def pictures(lengths: Sizes) -> Tensors:
        return (prepare(batch(lengths["batch"], *shape)),)

    @torch.no_grad()
    def codes(lengths: Sizes) -> Tensors:
        return (network.encode(*pictures(lengths)),)  # type: ignore[operator]

    if part == "encoder":
        return Graph(Method(network, "encode"), (given,), (latents,), BATCHES, pictures, before, "none")
    if part == "decoder":
        return Graph(Method(network, "decode"), (latents,), (drawn,), BATCHES, codes, "none", after)
    return Graph(network, (given,), (drawn,), BATCHES, pictures, before, after)


def _same(images: Tensor) -> Tensor:
    return images


def _shape(model: Model, pixels: int = 0) -> tuple[int, int, int]:
    """Channels, height and width of the pictures, as the header says, or those of square pictures with so many numbers."""
    if "shape" in model.header:
        channels, height, width = json.loads(model.header["shape"])
        return channels, height, width
    for channels in (1, 3):
        side = math.isqrt(pixels // channels)
        if side and channels * side * side == pixels:
            return channels, side, side
    raise WeightsError(f"{model.name} does not say how large its pictures are: train it again")
