"""Networks that grow: from 8x8 pixels to 128x128 (or 10x10 to 160x160), one doubling a stage.

Karras, Aila, Laine, Lehtinen, "Progressive Growing of GANs for Improved Quality, Stability, and Variation", ICLR 2018. As in the
thesis: the first stage begins at a sixteenth of the size, 256 filters in the two coarsest stages, then half as many each, down
to 64. Departures: the loss is the recipe's (the paper's is WGAN-GP with a drift term); the last grid of the discriminator goes
straight into its answer, without a layer between. All stages are built at the start; those that are not reached yet are not
used, so that a checkpoint always fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.config import choose
from alebrije.gan.config import PROGAN_CHANNELS
from alebrije.gan.nets.parts import LEAK, ScaledConv, ScaledLinear, limit_norms, minibatch_stddev, pixel_norm, scaled_width

SCALINGS = ("he", "max-norm")
LONGEST = 1.0  # of a filter under the max-norm constraint


def filters(stages: int, width: float = 1.0, channels: Sequence[int] = PROGAN_CHANNELS) -> list[int]:
    """The channels of each stage, the coarsest first: 256, 256, 128, 64, 64, ..."""
    return [scaled_width(channels[min(stage, len(channels) - 1)], width) for stage in range(stages)]


class Growing(nn.Module):
    """What both networks have: `stage` (0 is the coarsest) and `alpha`, how far the stage is faded in. The schedule sets them."""

    def __init__(self, scaling: str) -> None:
        super().__init__()
        self.scaling = choose("scaling", scaling, SCALINGS)
        self.stage, self.alpha = 0, 1.0

    def at(self, stage: int, alpha: float) -> None:
        """Work at this stage, faded in so far (1: wholly)."""
        self.stage, self.alpha = stage, alpha

    def constrain(self) -> None:
        """After each update: with the scaling ``max-norm``, no filter may be longer than `LONGEST`."""
        if self.scaling == "max-norm":
            limit_norms(self, LONGEST)

    def conv(self, before: int, after: int, kernel: int, gain: float | None = None) -> nn.Module:
        """A convolution of the network's scaling."""
        if self.scaling == "he":
            return ScaledConv(before, after, kernel, *([] if gain is None else [gain]))
        convolution = nn.Conv2d(before, after, kernel, padding=kernel // 2)
        nn.init.normal_(convolution.weight, 0.0, 0.02)
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
        return convolution

    def linear(self, before: int, after: int, gain: float | None = None) -> nn.Module:
        """A linear layer of the network's scaling."""
        if self.scaling == "he":
            return ScaledLinear(before, after, *([] if gain is None else [gain]))
        layer = nn.Linear(before, after)
        nn.init.normal_(layer.weight, 0.0, 0.02)
        nn.init.zeros_(layer.bias)
        return layer


class GrowingGenerator(Growing):
    """Latents [B, latent_dim] -> pictures [B, C, h, w] of the stage's size; the last stage's is [C, H, W] of `shape`.

    A linear layer and a convolution at the coarsest size, then per stage nearest upsampling and two 3x3 convolutions, LeakyReLU
    0.2 and pixel norm after each; to a picture by 1x1, linear as in the paper, so values may lie a little outside [-1, 1].
    `widths` are the channels of each stage.
    """

    def __init__(self, shape: tuple[int, int, int], latent_dim: int, widths: Sequence[int], scaling: str = "he") -> None:
        super().__init__(scaling)
        channels, height, across = shape
        stages = len(widths)
        self.start = (widths[0], height // 2 ** (stages - 1), across // 2 ** (stages - 1))
        self.first = self.linear(latent_dim, self.start[0] * self.start[1] * self.start[2])
        self.blocks = nn.ModuleList([nn.ModuleList([self.conv(widths[0], widths[0], 3)])])
        for before, after in itertools.pairwise(widths):
            self.blocks.append(nn.ModuleList([self.conv(before, after, 3), self.conv(after, after, 3)]))
        self.to_image = nn.ModuleList([self.conv(each, channels, 1, 1.0) for each in widths])

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Draw at the stage; while it fades in, mixed with the enlarged picture of the stage before."""
        x = pixel_norm(F.leaky_relu(self.first(pixel_norm(latents)).view(-1, *self.start), LEAK))
        before = x
        for stage in range(self.stage + 1):
            before = x
            x = F.interpolate(x, scale_factor=2) if stage else x
            for convolution in self.blocks[stage].children():
                x = pixel_norm(F.leaky_relu(convolution(x), LEAK))
        images: Tensor = self.to_image[self.stage](x)
        if self.stage == 0 or self.alpha >= 1:
            return images
        coarse = F.interpolate(self.to_image[self.stage - 1](before), scale_factor=2)
        return torch.lerp(coarse, images, self.alpha)


class GrowingDiscriminator(Growing):
    """Pictures [B, C, h, w] of the stage's size -> logits [B].

    From the picture by 1x1, then per stage two 3x3 convolutions and average pooling; at the coarsest size minibatch standard
    deviation, a 3x3 convolution, and a linear layer over the whole grid. LeakyReLU 0.2, no normalisation.
    """

    def __init__(self, shape: tuple[int, int, int], widths: Sequence[int], scaling: str = "he") -> None:
        super().__init__(scaling)
        channels, height, across = shape
        stages = len(widths)
        grid = (height // 2 ** (stages - 1)) * (across // 2 ** (stages - 1))
        self.from_image = nn.ModuleList([self.conv(channels, each, 1) for each in widths])
        self.blocks = nn.ModuleList([nn.ModuleList([self.conv(widths[0] + 1, widths[0], 3)])])
        for after, before in itertools.pairwise(widths):
            self.blocks.append(nn.ModuleList([self.conv(before, before, 3), self.conv(before, after, 3)]))
        self.last = self.linear(widths[0] * grid, 1, 1.0)

    def forward(self, images: Tensor, tags: Tensor | None = None) -> Tensor:
        """Judge at the stage; while it fades in, mixed with what the stage before sees of the reduced picture."""
        x = F.leaky_relu(self.from_image[self.stage](images), LEAK)
        for stage in range(self.stage, 0, -1):
            for convolution in self.blocks[stage].children():
                x = F.leaky_relu(convolution(x), LEAK)
            x = F.avg_pool2d(x, 2)
            if stage == self.stage and self.alpha < 1:
                coarse = F.leaky_relu(self.from_image[stage - 1](F.avg_pool2d(images, 2)), LEAK)
                x = torch.lerp(coarse, x, self.alpha)
        x = minibatch_stddev(x)
        for convolution in self.blocks[0].children():
            x = F.leaky_relu(convolution(x), LEAK)
        logits: Tensor = self.last(x.flatten(1))
        return logits.flatten()
