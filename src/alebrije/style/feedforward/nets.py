"""The networks that paint in one pass: `Stylizer`, made for one style, and `Decoder`, the way back from features to pictures.

Justin Johnson, Alexandre Alahi & Li Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution", ECCV 2016: an
encoder, residual blocks, a decoder. Dmitry Ulyanov, Andrea Vedaldi & Victor Lempitsky, "Improved Texture Networks", CVPR 2017:
instance normalisation in the place of batch normalisation, eq. 4. Augustus Odena, Vincent Dumoulin & Chris Olah, "Deconvolution
and Checkerboard Artifacts", Distill 2016: enlarging by repeated pixels and a convolution leaves no pattern. Every convolution
sees the mirror image beyond the edges, so that no frame is painted.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 4  # the sides of what `Stylizer` takes are multiples of it
FLAT = 1e-2  # the variance of a colour below which its contrast is not raised any more


class Layer(nn.Module):
    """Enlarging (twice, by repetition), a convolution of the mirrored picture, instance normalisation, ReLU: each but the
    convolution may be left out. [B, C, H, W] -> [B, K, H / stride, W / stride]."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        side: int = 3,
        *,
        stride: int = 1,
        enlarge: bool = False,
        normal: bool = True,
        relu: bool = True,
    ) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, side, stride)
        self.normal = InstanceNorm(outputs) if normal else nn.Identity()
        self.enlarge, self.relu, self.margin = enlarge, relu, side // 2

    def forward(self, x: Tensor) -> Tensor:
        if self.enlarge:
            x = F.interpolate(x, scale_factor=2, mode="nearest")
        x = self.normal(self.convolution(F.pad(x, (self.margin,) * 4, mode="reflect")))
        return F.relu(x) if self.relu else x


def silence(layer: Layer) -> None:
    """Let the convolution of a layer give zeros, until it has learnt something."""
    for parameter in layer.convolution.parameters():
        nn.init.zeros_(parameter)


class InstanceNorm(nn.Module):
    """Each channel of each picture brought to mean 0 and deviation 1, then to learnt ones: eq. 4 of Ulyanov et al. 2017."""

    def __init__(self, channels: int, epsilon: float = 1e-5) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(channels))
        self.shift = nn.Parameter(torch.zeros(channels))
        self.epsilon = epsilon

    def forward(self, x: Tensor) -> Tensor:
        return F.instance_norm(x, weight=self.gain.to(x.dtype), bias=self.shift.to(x.dtype), eps=self.epsilon)


class Residual(nn.Module):
    """x plus two layers of x, the second without ReLU: the blocks of Johnson et al. Without normalisation: at first x alone."""

    def __init__(self, channels: int, *, normal: bool = True) -> None:
        super().__init__()
        last = Layer(channels, channels, normal=normal, relu=False)
        self.layers = nn.Sequential(Layer(channels, channels, normal=normal), last)
        if not normal:
            silence(last)

    def forward(self, x: Tensor) -> Tensor:
        painted: Tensor = x + self.layers(x)
        return painted


class Stylizer(nn.Module):
    """Pictures in, painted pictures out: [B, 3, H, W] sRGB in [0, 1] -> the same shape in about [0, 1], in float32.

    H and W are multiples of 4, at least 8. `width` is the number of channels at full size; at a quarter of it there are four
    times as many. Departures from the paper: its network paints from nothing through a scaled tanh; this one paints a *change* of
    the picture whose three colours have been given learnt means and deviations (`colors`), at first those of the painting and no
    change at all. So the content has not to be learnt, and a few hundred steps show something; and as everything that the network
    sees is normalised, it could not take back the content's own light and colours, were they not normalised too. The paper's
    first layer works at full size and looks 9 pixels wide, as does its last; here the first halves the size at once and both look
    5 pixels wide, which saves a fifth of the time.
    """

    def __init__(self, width: int = 16, blocks: int = 5) -> None:
        super().__init__()
        self.colors = InstanceNorm(3, FLAT)
        self.body = nn.Sequential(
            Layer(3, 2 * width, 5, stride=2),
            Layer(2 * width, 4 * width, stride=2),
            *(Residual(4 * width) for _ in range(blocks)),
            Layer(4 * width, 2 * width, enlarge=True),
            Layer(2 * width, width, enlarge=True),
        )
        self.last = Layer(width, 3, 5, normal=False, relu=False)
        silence(self.last)

    @torch.no_grad()
    def begin_with(self, painting: Tensor) -> None:
        """Take the means and deviations of the colours of a painting [1, 3, h, w]."""
        variance, mean = torch.var_mean(painting, (0, 2, 3), correction=0)
        self.colors.gain.copy_(variance.sqrt())
        self.colors.shift.copy_(mean)

    def forward(self, pictures: Tensor) -> Tensor:
        x = (pictures - 0.5).to(next(self.body.parameters()).dtype).contiguous(memory_format=torch.channels_last)
        painted: Tensor = self.colors(pictures) + self.last(self.body(x).to(self.last.convolution.weight.dtype)).float()
        return painted


class Decoder(nn.Module):
    """Features [B, C, H, W] -> pictures [B, 3, s H, s W] in about [0, 1], in float32: a network of VGG's shape, turned around.

    `channels` are those of its blocks from the deepest on, such as 256, 128, 64, 32; s is 2 for each step between two. Without
    normalisation, as Huang & Belongie found it must be: the features' means and deviations are the style itself. `ladder` are the
    layers that go from block to block.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        self.ladder = [Layer(deep, shallow, enlarge=True, normal=False) for deep, shallow in pairwise(channels)]
        between = [[layer, Residual(layer.convolution.out_channels, normal=False)] for layer in self.ladder[:-1]]
        self.body = nn.Sequential(*(module for pair in between for module in pair), self.ladder[-1])
        self.last = Layer(channels[-1], 3, normal=False, relu=False)

    def forward(self, features: Tensor) -> Tensor:
        x = self.body(features.to(next(self.body.parameters()).dtype))
        painted: Tensor = self.last(x.to(self.last.convolution.weight.dtype)).float() + 0.5
        return painted


def narrow(network: Stylizer | Decoder, dtype: torch.dtype) -> None:
    """Turn the network into `dtype` but for its last layer, whose 8 bits would be seen in the picture."""
    network.body.to(dtype)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
