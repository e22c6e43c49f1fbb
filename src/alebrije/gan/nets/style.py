"""A style-based generator, which the thesis names as its next step, after StyleGAN2.

Karras, Laine, Aittala, Hellsten, Lehtinen, Aila, "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020. A mapping
network turns latents into styles; each convolution is modulated by the style and demodulated; noise gives details; every stage
adds its own picture to the enlarged one before. Departures: no path-length regularisation, enlarged and reduced by plain
bilinear interpolation and averages (no custom filters), a learned start of any proportions, styles mixed for whole batches, R1 in
the same update as the loss (see `learning`), tags whose codes are added up and join the latent.
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.gan.nets.parts import GAIN, LEAK, ScaledConv, ScaledLinear, doublings, minibatch_stddev, pixel_norm, scaled_width

CHANNELS = (256, 256, 256, 128, 64, 32)  # per stage, the coarsest first; the last number for all further ones
MAPPING_RATE = 0.01  # learning rate of the mapping network, times the others'
AVERAGE_DECAY = 0.995  # of the mean style, for truncation
SEED = 0  # of the noise, where pictures are to be the same at each call


def plan(size: tuple[int, int], width: float) -> list[int]:
    """The channels of each stage, the coarsest first."""
    return [scaled_width(CHANNELS[min(stage, len(CHANNELS) - 1)], width) for stage in range(doublings(size) + 1)]


class Modulated(nn.Module):
    """A convolution whose input channels are scaled by a style, and, unless told not to, whose output has length 1 again.

    Section 2.2 of the paper, equations 1 to 3. What the paper does to the weights is done to the input and the output here, which
    is the same arithmetic and needs no grouped convolution.
    """

    def __init__(self, before: int, after: int, kernel: int, style_dim: int, demodulate: bool = True) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before, kernel, kernel))
        self.style = ScaledLinear(style_dim, before, 1.0, bias=1.0)
        self.bias = nn.Parameter(torch.zeros(after))
        self.scale, self.demodulate = 1 / math.sqrt(before * kernel**2), demodulate

    def forward(self, x: Tensor, style: Tensor, noise: Tensor | None = None) -> Tensor:
        """x [B, before, h, w], style [B, style_dim], noise [B, 1, h, w] to be added -> [B, after, h, w]."""
        scales = self.style(style).float()
        weight = self.weight * self.scale
        out = F.conv2d(x * scales.to(x.dtype)[:, :, None, None], weight, padding=weight.shape[-1] // 2)
        if self.demodulate:
            energy = scales.square() @ weight.float().square().sum((2, 3)).mT
            out = out * (energy + 1e-8).rsqrt().to(out.dtype)[:, :, None, None]
        if noise is not None:
            out = out + noise.to(out.dtype)
        return out + self.bias.to(out.dtype)[:, None, None]


class Mapping(nn.Module):
    """Latents [B, latent_dim] and tags [B, T] -> styles [B, style_dim]; keeps the mean style for truncation."""

    mean: Tensor

    def __init__(self, latent_dim: int, style_dim: int, layers: int, tags: int) -> None:
        super().__init__()
        self.embed = ScaledLinear(tags, latent_dim, 1.0) if tags else None
        widths = [latent_dim * (2 if tags else 1), *[style_dim] * layers]
        pairs = itertools.pairwise(widths)
        self.layers = nn.ModuleList([ScaledLinear(before, after, GAIN, MAPPING_RATE) for before, after in pairs])
        self.register_buffer("mean", torch.zeros(style_dim))

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Map; while training also move the mean."""
        x = pixel_norm(latents)
        if self.embed is not None:
            if tags is None:
                raise ValueError("this network was built for tags: give them, [B, T]")
            x = torch.cat([x, self.embed(tags)], 1)  # its length is what a share of a tag changes
        for layer in self.layers:
            x = F.leaky_relu(layer(x), LEAK)
        if self.training:
            with torch.no_grad():
                self.mean.lerp_(x.float().mean(0), 1 - AVERAGE_DECAY)
        return x


class StyleGenerator(nn.Module):
    """Latents [B, latent_dim] -> pictures [B, C, H, W], the sum of all stages' pictures.

    While training, a share `mixing` of the batches takes the style of a second latent from a random layer on (section 3.1 of
    Karras et al. 2019), and noise is drawn anew; otherwise noise is the same at each call.
    """

    def __init__(self, shape: tuple[int, int, int], latent_dim: int = 128, width: float = 1.0, mapping_layers: int = 4,
                 mixing: float = 0.9, tags: int = 0) -> None:  # fmt: skip
        super().__init__()
        channels, height, across = shape
        widths = plan((height, across), width)
        times = len(widths) - 1
        style_dim = latent_dim
        self.latent_dim, self.mixing = latent_dim, mixing
        self.mapping = Mapping(latent_dim, style_dim, mapping_layers, tags)
        self.start = nn.Parameter(torch.randn(widths[0], height // 2**times, across // 2**times))
        inner = [pair for a, b in itertools.pairwise(widths) for pair in ((a, b), (b, b))]
        self.convs = nn.ModuleList([Modulated(a, b, 3, style_dim) for a, b in [(widths[0], widths[0]), *inner]])
        self.noise = nn.Parameter(torch.zeros(len(self.convs)))
        self.to_image = nn.ModuleList([Modulated(each, channels, 1, style_dim, demodulate=False) for each in widths])

    @property
    def layers(self) -> int:
        """How many convolutions take a style; each may have its own."""
        return len(self.convs)

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Draw."""
        styles = self.mapping(latents, tags)[:, None].expand(-1, self.layers, -1)
        if self.training and self.mixing and self.layers > 1 and float(torch.rand(())) < self.mixing:
            others = self.mapping(torch.randn_like(latents), tags)[:, None]
            place = int(torch.randint(1, self.layers, ()))
            styles = torch.cat([styles[:, :place], others.expand(-1, self.layers - place, -1)], 1)
        return self.synthesize(styles)

    def synthesize(self, styles: Tensor) -> Tensor:
        """Styles [B, layers, style_dim] (one a convolution) -> pictures [B, C, H, W]."""
        generator = None if self.training else torch.Generator().manual_seed(SEED)
        x = self.start.expand(len(styles), -1, -1, -1)
        image: Tensor | None = None
        place = 0
        for stage, to_image in enumerate(self.to_image):
            if stage:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            for _ in range(2 if stage else 1):
                noise = self._noise(x, place, generator)
                x = F.leaky_relu(self.convs[place](x, styles[:, place], noise), LEAK) * math.sqrt(2)
                place += 1
            own = to_image(x, styles[:, place - 1])
            image = own if image is None else own + F.interpolate(image, scale_factor=2, mode="bilinear", align_corners=False)
        assert image is not None
        return image

    def truncated(self, latents: Tensor, tags: Tensor | None, truncation: float) -> Tensor:
        """Pictures of styles that are drawn towards the mean: 1 leaves them, 0 is the mean picture."""
        styles = torch.lerp(self.mapping.mean, self.mapping(latents, tags), truncation)
        return self.synthesize(styles[:, None].expand(-1, self.layers, -1))

    def _noise(self, x: Tensor, place: int, generator: torch.Generator | None) -> Tensor:
        """Noise for a layer: in training on the picture's device; otherwise one field for all pictures, always the same."""
        if generator is None:
            return torch.randn(len(x), 1, *x.shape[-2:], device=x.device) * self.noise[place]
        drawn = torch.randn(1, 1, *x.shape[-2:], generator=generator).to(x.device)
        return drawn * self.noise[place]


class StyleDiscriminator(nn.Module):
    """Pictures [B, C, H, W] and tags [B, T] -> logits [B]: residual blocks with average pooling, minibatch standard deviation at
    the end, projection of the tags' code."""

    def __init__(self, shape: tuple[int, int, int], width: float = 1.0, tags: int = 0) -> None:
        super().__init__()
        channels, height, across = shape
        widths = plan((height, across), width)[::-1]
        times = len(widths) - 1
        self.from_image = ScaledConv(channels, widths[0], 1)
        pairs = list(itertools.pairwise(widths))
        self.first = nn.ModuleList([ScaledConv(a, a, 3) for a, _ in pairs])
        self.second = nn.ModuleList([ScaledConv(a, b, 3) for a, b in pairs])
        self.around = nn.ModuleList([ScaledConv(a, b, 1, 1.0, bias=None) for a, b in pairs])
        self.last = ScaledConv(widths[-1] + 1, widths[-1], 3)
        self.see = ScaledLinear(widths[-1] * (height // 2**times) * (across // 2**times), widths[-1])
        self.judge = ScaledLinear(widths[-1], 1, 1.0)
        self.embed = ScaledLinear(tags, widths[-1], 1.0, bias=None) if tags else None

    def forward(self, images: Tensor, tags: Tensor | None = None) -> Tensor:
        """Judge."""
        x = F.leaky_relu(self.from_image(images), LEAK)
        for first, second, around in zip(self.first, self.second, self.around, strict=True):
            inner = F.avg_pool2d(F.leaky_relu(second(F.leaky_relu(first(x), LEAK)), LEAK), 2)
            x = (inner + around(F.avg_pool2d(x, 2))) / math.sqrt(2)
        x = F.leaky_relu(self.last(minibatch_stddev(x)), LEAK)
        seen = F.leaky_relu(self.see(x.flatten(1)), LEAK)
        logits: Tensor = self.judge(seen).flatten()
        if self.embed is not None:
            if tags is None:
                raise ValueError("this network was built for tags: give them, [B, T]")
            logits = logits + (seen * self.embed(tags)).sum(1) / math.sqrt(seen.shape[1])
        return logits
