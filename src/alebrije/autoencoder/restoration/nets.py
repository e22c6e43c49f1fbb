"""The networks that restore: a fast and a better upscaler, and a denoiser.

None of them sees farther than `halo` pixels, so that large pictures can be done in tiles that fit exactly. The upscalers work on
luma (Y), where sharpness is seen; colour differences are enlarged bicubically by whoever uses them.

Zhang, Zeng, Zhang, "Edge-oriented convolution block for real-time super resolution on mobile devices", ACM MM 2021 (ECBSR).
Wan et al., "Swift parameter-free attention network for efficient super-resolution", CVPR workshops 2024 (SPAN).
Chen et al., "Simple baselines for image restoration", ECCV 2022 (NAFNet).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.1  # of the leaky ReLUs
LIMIT = 4.0  # of what gates multiply: hardly reached on photographs
EXPANSION = 2  # channels between the 1x1 and the 3x3 convolution of an edge convolution's second branch


class EdgeConvolution(nn.Module):
    """A 3x3 convolution that learns as a sum of five: plain, 1x1 followed by 3x3, and 1x1 followed by the Sobel filters in x and
    y and by the Laplacian, each scaled per channel (ECBSR, equations 2 to 6).

    Departure: the branches are added up as kernels before each use (`kernel`), not as pictures after it. That is the same
    function at the cost of one convolution, exact at borders as well; for it the inner biases, which only repeat the outer one,
    are left out.
    """

    filters: Tensor

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.plain = nn.Conv2d(before, after, 3, padding=1)
        self.expand = nn.Parameter(torch.empty(EXPANSION * after, before))
        self.gather = nn.Parameter(torch.empty(after, EXPANSION * after, 3, 3))
        self.mix = nn.Parameter(torch.empty(3, after, before))
        self.scale = nn.Parameter(torch.randn(3, after) * 1e-3)
        for weights in (self.expand, self.gather, *self.mix):
            nn.init.kaiming_uniform_(weights, a=5**0.5)
        sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
        laplacian = torch.tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
        self.register_buffer("filters", torch.stack([sobel, sobel.T, laplacian]), persistent=False)

    def kernel(self) -> Tensor:
        """The one kernel [after, before, 3, 3] that the branches come to."""
        edges = torch.einsum("fo,foi,fyx->oiyx", self.scale, self.mix, self.filters)
        return self.plain.weight + torch.einsum("omyx,mi->oiyx", self.gather, self.expand) + edges

    def forward(self, features: Tensor) -> Tensor:
        """[B, before, H, W] -> [B, after, H, W]."""
        return F.conv2d(features, self.kernel(), self.plain.bias, padding=1)


class PlainUpscaler(nn.Module):
    """"fast": a row of 3x3 convolutions with leaky ReLUs, then `PixelShuffle`, added to the picture with its pixels repeated.

    ECBSR-M10C32: 10 edge convolutions of 32 channels between a first and a last one, 95 thousand weights in use at scale 2.
    Departures: leaky ReLU for PReLU, which a processor can join to the convolution; `EdgeConvolution`'s own.
    """

    multiple = 1

    def __init__(self, scale: int, width: int = 32, blocks: int = 10) -> None:
        super().__init__()
        self.scale, self.halo = scale, blocks + 2
        self.body = nn.ModuleList(
            [EdgeConvolution(1, width), *(EdgeConvolution(width, width) for _ in range(blocks)), EdgeConvolution(width, scale**2)]
        )
        _quiet(self.body[-1])

    def forward(self, luma: Tensor) -> Tensor:
        """[B, 1, H, W] -> [B, 1, scale H, scale W]."""
        features = luma
        for layer in self.body[:-1]:
            features = F.leaky_relu(layer(features), SLOPE)
        return F.pixel_shuffle(self.body[-1](features) + luma, self.scale)


class AttentionBlock(nn.Module):
    """Three convolutions, whose result y says itself where it matters: (y + x) * (sigmoid(y) - 1/2) (SPAN, equations 3 to 5)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(EdgeConvolution(width, width) for _ in range(3))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, H, W] -> the block's result, and its first convolution's after the activation."""
        first, second, third = self.convolutions
        early = F.silu(first(features))
        found = third(F.silu(second(early)))
        return (found + features) * (torch.sigmoid(found) - 0.5), early


class AttentionUpscaler(nn.Module):
    """"quality": six attention blocks without weights for the attention; their first, last and one middle result are joined.

    SPAN. Departures: on luma; `EdgeConvolution` where SPAN has another sum of branches; added to the picture with its pixels
    repeated, which SPAN leaves out.
    """

    multiple = 1

    def __init__(self, scale: int, width: int = 48, blocks: int = 6) -> None:
        super().__init__()
        self.scale, self.halo = scale, 3 * blocks + 3
        self.first = EdgeConvolution(1, width)
        self.blocks = nn.ModuleList(AttentionBlock(width) for _ in range(blocks))
        self.after = EdgeConvolution(width, width)
        self.join = nn.Conv2d(4 * width, width, 1)
        self.last = EdgeConvolution(width, scale**2)
        _quiet(self.last)

    def forward(self, luma: Tensor) -> Tensor:
        """[B, 1, H, W] -> [B, 1, scale H, scale W]."""
        start = features = self.first(luma)
        results, early = [], features
        for block in self.blocks:
            features, early = block(features)
            results.append(features)
        joined = self.join(torch.cat([start, self.after(features), results[0], early], dim=1))
        return F.pixel_shuffle(self.last(joined) + luma, self.scale)


class GatedBlock(nn.Module):
    """x + the product of the two halves of a 3x3 convolution, through a 1x1 one (NAFNet's SimpleGate, equation 4).

    Products of products grow without bound where a picture is unlike all that was learned from; the halves are clamped.
    Departures from NAFNet: a full 3x3 convolution, for depthwise ones run at a tenth of a processor's speed; no layer norm, no
    channel attention, for a mean over the whole picture cannot be had in tiles.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.spread = nn.Conv2d(width, 2 * width, 3, padding=1)
        self.gather = nn.Conv2d(width, width, 1)
        nn.init.zeros_(self.gather.weight)
        nn.init.zeros_(self.gather.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, C, H, W]."""
        left, right = self.spread(features).clamp(-LIMIT, LIMIT).chunk(2, dim=1)
        found: Tensor = features + self.gather(left * right)
        return found


class Denoiser(nn.Module):
    """A small U-Net of gated blocks that finds the noise in RGB pictures: at half the resolution, at a quarter, and with
    `deepest` blocks at an eighth too, where slow waves of noise are seen that the others take for light and shade.

    The first halving moves pixels into channels, as FFDNet's does (Zhang, Zuo, Zhang, IEEE TIP 2018), which also takes the noise
    level as a further channel; here level 0 means that it is not known.
    """

    def __init__(self, width: int = 48, outer: int = 2, inner: int = 4, deepest: int = 0) -> None:
        super().__init__()
        self.multiple = 8 if deepest else 4
        self.halo = 2 * (2 * outer + 2) + 4 * (inner + 1) + (8 * (deepest + 1) if deepest else 0)
        self.first = nn.Conv2d(13, width, 3, padding=1)
        self.down = nn.ModuleList(GatedBlock(width) for _ in range(outer))
        self.smaller = nn.Conv2d(width, 2 * width, 2, 2)
        self.middle = nn.ModuleList(GatedBlock(2 * width) for _ in range(inner))
        self.deep = _deep(2 * width, deepest) if deepest else None
        self.larger = nn.Conv2d(2 * width, 4 * width, 1)
        self.up = nn.ModuleList(GatedBlock(width) for _ in range(outer))
        self.last = nn.Conv2d(width, 12, 3, padding=1)

    def forward(self, images: Tensor, level: Tensor | None = None) -> Tensor:
        """[B, 3, H, W] with sides that `multiple` divides, and the noise's standard deviation [B, 1, 1, 1] in units of [0, 1], 0
        or None where it is not known -> [B, 3, H, W], not clamped."""
        halved = F.pixel_unshuffle(images, 2)
        levels = halved.new_zeros(1, 1, 1, 1) if level is None else level.to(halved)
        features = self.first(torch.cat([halved, levels.expand(halved.shape[0], 1, *halved.shape[-2:])], dim=1))
        for block in self.down:
            features = block(features)
        inner = self.smaller(features)
        half = len(self.middle) // 2
        for block in self.middle[:half]:
            inner = block(inner)
        if self.deep is not None:
            inner = inner + self.deep(inner)
        for block in self.middle[half:]:
            inner = block(inner)
        features = features + F.pixel_shuffle(self.larger(inner), 2)
        for block in self.up:
            features = block(features)
        return images - F.pixel_shuffle(self.last(features), 2)


def _deep(width: int, blocks: int) -> nn.Sequential:
    """Half the resolution and back, which begins by adding nothing."""
    shrink, grow = nn.Conv2d(width, width, 2, 2), nn.Conv2d(width, 4 * width, 1)
    nn.init.zeros_(grow.weight)
    nn.init.zeros_(grow.bias)  # type: ignore[arg-type]
    return nn.Sequential(shrink, *(GatedBlock(width) for _ in range(blocks)), grow, nn.PixelShuffle(2))


class EightWays(nn.Module):
    """The mean of what an upscaler makes of the eight turned and mirrored pictures: better by about a tenth of a dB, for eight
    times the work.

    Timofte, Rothe, Van Gool, "Seven ways to improve example-based single image super resolution", CVPR 2016, section 3.6.
    """

    multiple = 1

    def __init__(self, upscaler: nn.Module) -> None:
        super().__init__()
        self.upscaler = upscaler
        self.scale, self.halo = int(upscaler.scale), int(upscaler.halo)  # type: ignore[arg-type]

    def forward(self, luma: Tensor) -> Tensor:
        """[B, 1, H, W] -> [B, 1, scale H, scale W]."""
        total = luma.new_zeros(())
        for way in range(8):
            turned = luma.rot90(way % 4, (-2, -1))
            found = self.upscaler(turned.flip(-1) if way >= 4 else turned)
            total = total + (found.flip(-1) if way >= 4 else found).rot90(-(way % 4), (-2, -1))
        return total / 8


Upscaler = PlainUpscaler | AttentionUpscaler
UPSCALERS: dict[str, Callable[..., Upscaler]] = {"fast": PlainUpscaler, "quality": AttentionUpscaler}
NETS: dict[str, Callable[..., nn.Module]] = {**UPSCALERS, "denoise": Denoiser}
SCALES = (2, 3, 4)


@torch.no_grad()
def deployed(network: nn.Module) -> nn.Module:
    """The same function with every edge convolution as the plain one that it comes to; the network itself is changed."""
    for name, child in network.named_children():
        if isinstance(child, EdgeConvolution):
            child.plain.weight.copy_(child.kernel())
            setattr(network, name, child.plain)
        else:
            deployed(child)
    return network


def _quiet(layer: nn.Module) -> None:
    """Let a last layer begin near 0, so that the network begins with the picture itself."""
    assert isinstance(layer, EdgeConvolution)
    with torch.no_grad():
        layer.plain.weight.mul_(0.1)
        layer.gather.mul_(0.1)
        nn.init.zeros_(layer.plain.bias)  # type: ignore[arg-type]
