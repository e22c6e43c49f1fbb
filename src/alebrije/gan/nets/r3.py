"""A modern GAN without tricks, after R3GAN: grouped residual blocks, no normalisation, both networks mirrors of each other.

Huang, Gokaslan, Kuleshov, Tompkin, "The GAN is dead; long live the GAN! A Modern Baseline GAN", NeurIPS 2024 (config E). Weights
begin after Fix-up (Zhang, Dauphin, Ma 2019): the last layer of each block 0, the others so small that the sum over all blocks
neither grows nor fades. Departures: enlarged bilinearly and reduced by averages of four pixels, in place of the paper's
filters; learning rate, beta2, penalties, augmentation and averaging keep their values, where the paper's code changes them on the
way; tags by projection; sizes need not be squares, nor powers of two. Written in plain PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.gan.config import R3_CHANNELS
from alebrije.gan.nets.parts import GAIN, LEAK, doublings


@dataclass(frozen=True, slots=True)
class Design:
    """What both networks are made of: `blocks` in each stage; channels inside a block, `expansion` times those outside, of which
    its 3x3 convolution takes groups of `group` (0: all at once); `channels` of each stage, the coarsest first, the last number
    for all further ones; `still`: a block changes nothing at first, as Fix-up has it; `smooth`: enlarged bilinearly, else by
    repeating pixels."""

    blocks: int = 2
    expansion: int = 2
    group: int = 16
    channels: Sequence[int] = R3_CHANNELS
    still: bool = True
    smooth: bool = True


USUAL = Design()


def he(layer: nn.Conv2d | nn.Linear, gain: float = GAIN) -> None:
    """Weights normal with standard deviation gain / sqrt(fan in), bias 0."""
    nn.init.normal_(layer.weight, 0.0, gain / math.sqrt(layer.weight[0].numel()))
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


class Block(nn.Module):
    """x + a change: 1x1 to more channels, grouped 3x3, 1x1 back, LeakyReLU 0.2 before the second and the third.

    `blocks` is the number of all blocks in the network: the first two layers begin blocks^(-1/4) smaller, the last one is 0, or
    normal if the design is not `still`.
    """

    def __init__(self, channels: int, blocks: int, design: Design = USUAL) -> None:
        super().__init__()
        inner = design.expansion * channels
        groups = inner // design.group if design.group and inner % design.group == 0 else 1
        self.widen = nn.Conv2d(channels, inner, 1)
        self.mix = nn.Conv2d(inner, inner, 3, padding=1, groups=groups)
        self.narrow = nn.Conv2d(inner, channels, 1, bias=False)
        for layer in (self.widen, self.mix):
            he(layer, GAIN * blocks**-0.25)
        if design.still:
            nn.init.zeros_(self.narrow.weight)
        else:
            he(self.narrow, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        """Apply it."""
        inner = F.leaky_relu(self.mix(F.leaky_relu(self.widen(x), LEAK)), LEAK)
        changed: Tensor = x + self.narrow(inner)
        return changed


def plan(size: tuple[int, int], width: float, design: Design = USUAL) -> list[int]:
    """The channels of each stage, the coarsest first, so rounded that groups come out even."""
    unit = max(1, design.group // design.expansion)
    each = [design.channels[min(stage, len(design.channels) - 1)] for stage in range(doublings(size) + 1)]
    return [unit * max(1, round(channels * width / unit)) for channels in each]


def _stages(widths: Sequence[int], design: Design) -> nn.ModuleList:
    count = design.blocks * len(widths)
    return nn.ModuleList([nn.Sequential(*(Block(each, count, design) for _ in range(design.blocks))) for each in widths])


def _change(before: int, after: int) -> nn.Module:
    if before == after:
        return nn.Identity()
    layer = nn.Conv2d(before, after, 1, bias=False)
    he(layer, 1.0)
    return layer


class ResidualGenerator(nn.Module):
    """Latents [B, latent_dim] and, if it was built for some, tags [B, T] -> pictures [B, C, H, W], linear in the last layer.

    A learned picture of 4x4 (or what the size halves to) whose channels the latent weighs, then per stage residual
    blocks. Tags are multi-hot: their learned codes are added up and join the latent, so tags can be mixed, and be fractions.
    """

    def __init__(
        self, shape: tuple[int, int, int], latent_dim: int = 64, width: float = 1.0, design: Design = USUAL, tags: int = 0
    ) -> None:
        super().__init__()
        channels, height, across = shape
        widths = plan((height, across), width, design)
        times, self.smooth = len(widths) - 1, design.smooth
        self.embed = nn.Linear(tags, latent_dim, bias=False) if tags else None
        self.basis = nn.Parameter(torch.randn(widths[0], height // 2**times, across // 2**times))
        self.weigh = nn.Linear(latent_dim * (2 if tags else 1), widths[0], bias=False)
        he(self.weigh, 1.0)
        self.changes = nn.ModuleList([_change(a, b) for a, b in zip([widths[0], *widths], widths, strict=False)])
        self.stages = _stages(widths, design)
        self.to_image = nn.Conv2d(widths[-1], channels, 1)
        he(self.to_image, 1.0)

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Draw."""
        if self.embed is not None:
            latents = torch.cat([latents, self.embed(_given(tags))], 1)
        x = self.basis * self.weigh(latents)[:, :, None, None]
        for place, (change, stage) in enumerate(zip(self.changes, self.stages, strict=True)):
            if place:
                x = _enlarged(x, self.smooth)
            x = stage(change(x))
        images: Tensor = self.to_image(x)
        return images


class ResidualDiscriminator(nn.Module):
    """Pictures [B, C, H, W] and tags [B, T] -> logits [B]: the generator's mirror.

    At the end one filter per channel looks at the whole grid. With tags the logit is the product of what was seen with the tags'
    code (projection: Miyato, Koyama 2018), whose sum over several tags is the code of their combination.
    """

    def __init__(self, shape: tuple[int, int, int], width: float = 1.0, design: Design = USUAL, tags: int = 0) -> None:
        super().__init__()
        channels, height, across = shape
        widths = plan((height, across), width, design)[::-1]
        times = len(widths) - 1
        self.from_image = nn.Conv2d(channels, widths[0], 1)
        he(self.from_image, 1.0)
        self.stages = _stages(widths, design)
        self.changes = nn.ModuleList([_change(a, b) for a, b in zip(widths, [*widths[1:], widths[-1]], strict=True)])
        grid = (height // 2**times, across // 2**times)
        self.look = nn.Conv2d(widths[-1], widths[-1], grid, groups=widths[-1], bias=False)
        he(self.look, 1.0)
        self.embed = nn.Linear(tags, widths[-1], bias=False) if tags else None
        self.judge = nn.Linear(widths[-1], 1)
        he(self.judge, 1.0)

    def forward(self, images: Tensor, tags: Tensor | None = None) -> Tensor:
        """Judge."""
        x = self.from_image(images)
        for place, (stage, change) in enumerate(zip(self.stages, self.changes, strict=True)):
            x = change(stage(x))
            x = F.avg_pool2d(x, 2) if place < len(self.stages) - 1 else x
        seen = self.look(x).flatten(1)
        logits: Tensor = self.judge(seen).flatten()
        if self.embed is not None:
            logits = logits + (seen * self.embed(_given(tags))).sum(1) / math.sqrt(seen.shape[1])
        return logits


def _enlarged(x: Tensor, smooth: bool) -> Tensor:
    """Twice as high and wide."""
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) if smooth else F.interpolate(x, scale_factor=2)


def _given(tags: Tensor | None) -> Tensor:
    if tags is None:
        raise ValueError("this network was built for tags: give them, [B, T]")
    return tags
