"""The graphs of the upscalers and the denoiser, as plain convolutions, for pictures of any size."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.restoration.nets import Denoiser, Upscaler
from alebrije.autoencoder.restoration.store import built
from alebrije.config import choose
from alebrije.core.metrics import luma
from alebrije.data.degrade import cubic, imresize
from alebrije.errors import WeightsError
from alebrije.export.graphs import PICTURE, Graph, Port, Sizes, Tensors, mirrored, picture, sizes
from alebrije.export.model import Model
from alebrije.export.pictures import batch

HEADROOM = 255 / 219
"""How much red, green and blue each change where Y of BT.601 changes by 1 and the colour differences stay."""

TRIALS = sizes((2, 40, 56), (1, 61, 45), (1, 120, 96))
SINGLE = tuple({name: length for name, length in one.items() if name != "batch"} for one in TRIALS)


class Upscaled(nn.Module):
    """Pictures [B, 3, H, W] -> [B, 3, scale H, scale W]: their Y by the network, their colour differences bicubically.

    All three colours are enlarged bicubically, and what the network's Y has more than theirs is added to each, which comes to the
    same.
    """

    def __init__(self, network: Upscaler) -> None:
        super().__init__()
        self.network, self.bicubic = network, Bicubic(network.scale)

    def forward(self, pictures: Tensor) -> Tensor:
        enlarged: Tensor = self.bicubic(pictures)
        missing = self.network(luma(pictures)) - luma(enlarged)
        upscaled: Tensor = (enlarged + HEADROOM * missing).clamp(0, 1)
        return upscaled


class Bicubic(nn.Module):
    """`imresize` by a whole `scale`, [B, C, H, W] -> [B, C, scale H, scale W]: one convolution, whose channels are the pixels
    that each pixel becomes."""

    kernels: Tensor

    def __init__(self, scale: int) -> None:
        super().__init__()
        self.scale = scale
        offsets = (torch.arange(scale, dtype=torch.float64) + 0.5) / scale - 0.5
        lines = cubic(offsets[:, None] - torch.arange(-2, 3))
        self.register_buffer("kernels", torch.einsum("py,qx->pqyx", lines, lines).reshape(scale**2, 1, 5, 5).float())

    def forward(self, pictures: Tensor) -> Tensor:
        for axis in (2, 3):  # beyond the edges lies the mirror image, the outermost pixels said twice
            length = pictures.shape[axis]
            places = torch.arange(-2, length + 2)
            places = torch.where(places < 0, -1 - places, torch.where(places >= length, 2 * length - 1 - places, places))
            pictures = pictures.index_select(axis, places)
        channels = pictures.shape[1]
        return F.pixel_shuffle(F.conv2d(pictures, self.kernels.repeat(channels, 1, 1, 1), groups=channels), self.scale)


def upscaler(model: Model, part: str) -> Graph:
    """Colour in, colour out; `luma` is the network alone."""
    choose(f"part of {model.recipe}", part, ("whole", "luma"))
    network = _network(model, Upscaler)
    scale = network.scale
    sides = (f"{scale} height", f"{scale} width")
    if part == "luma":
        words = "Y of BT.601 in [16/255, 235/255], as MATLAB's rgb2ycbcr has it"
        given, large = picture("luma", words, 1), Port("upscaled", ("batch", 1, *sides), words)
        after = f"enlarge Cb and Cr of the picture {scale} times bicubically, and join"
        return Graph(network, (given,), (large,), TRIALS, lambda lengths: (luma(*_pictures(lengths)),), "none", after)

    def program(pictures: Tensor) -> Tensor:
        """By way of Y, Cb and Cr."""
        y, colors = luma(pictures), pictures - luma(pictures) * HEADROOM
        upscaled: Tensor = (imresize(colors, scale) + network(y) * HEADROOM).clamp(0, 1)
        return upscaled

    large = Port("upscaled", ("batch", 3, *sides), "as the picture")
    least = {"height": 2, "width": 2}
    after = "none; `alebrije upscale` also draws the result towards the picture, a little, which this file does not"
    return Graph(Upscaled(network), (picture("picture"),), (large,), TRIALS, _pictures, "none", after, least, program)


def denoiser(model: Model, part: str) -> Graph:
    """Noisy in, clean out, with the noise's level where it is known."""
    choose(f"part of {model.recipe}", part, ("whole",))
    network = _Denoised(_network(model, Denoiser))
    noisy, clean = (Port(name, (1, 3, "height", "width"), PICTURE) for name in ("noisy", "clean"))
    level = Port("level", (1, 1, 1, 1), "standard deviation of the noise in units of 0 to 1 (25 of 255 is 0.098); 0: not known")

    def feed(lengths: Sizes) -> Tensors:
        (pictures,) = _pictures({"batch": 1, **lengths})
        sigma = 0.1 if lengths == SINGLE[0] else 0.0
        noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
        return pictures + sigma * noise, torch.full((1, 1, 1, 1), sigma)

    least = dict.fromkeys(("height", "width"), int(network.network.multiple))
    return Graph(network, (noisy, level), (clean,), SINGLE, feed, "none", "none", least)


def restorer(model: Model, part: str) -> Graph:
    """A network that went on learning on a user's own pictures: one of the others."""
    kind = built(model.tensors, dict(model.header), model.name)
    return (denoiser if isinstance(kind, Denoiser) else upscaler)(model, part)


class _Denoised(nn.Module):
    """The denoiser for pictures of any size, [B, 3, H, W] and the level of their noise [B, 1, 1, 1] -> [B, 3, H, W]."""

    def __init__(self, network: Denoiser) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, level: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        clean: Tensor = self.network(mirrored(pictures, self.network.multiple), level)
        return clean[..., :height, :width].clamp(0, 1)


def _network(model: Model, kind: Any) -> Any:
    """The network as plain convolutions. Raises `WeightsError` if it is not of this kind."""
    network = built(model.tensors, dict(model.header), model.name)
    if not isinstance(network, kind):
        raise WeightsError(f"the tensors of {model.name} are not those of its recipe {model.recipe}: train it again")
    return network


def _pictures(lengths: Sizes) -> Tensors:
    return (batch(lengths["batch"], 3, lengths["height"], lengths["width"]),)
