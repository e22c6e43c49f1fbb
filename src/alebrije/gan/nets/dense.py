"""The first GAN of the thesis: a discriminator of linear layers only, and a generator that enlarges and convolves."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alebrije.gan.nets.parts import LeakyDropout, doublings, normal_start, scaled_width

HIDDEN = (4098, 2046, 1024, 512, 256)


class DenseGenerator(nn.Module):
    """Latents [B, latent_dim] -> pictures [B, C, H, W] in [-1, 1].

    A linear layer to a quarter of the size, then twice: nearest upsampling, 3x3 convolution, batch norm, ReLU; a last 3x3
    convolution with tanh. The thesis says "convolutions with upsampling"; 128, 128 and 64 channels are taken here.
    """

    def __init__(self, shape: tuple[int, int, int], latent_dim: int = 100, width: float = 1.0) -> None:
        super().__init__()
        channels, height, across = shape
        times = doublings((height, across), most=2)
        first, second, last = (scaled_width(number, width) for number in (128, 128, 64))
        place = (first, height // 2**times, across // 2**times)
        layers: list[nn.Module] = [nn.Linear(latent_dim, place[0] * place[1] * place[2]), nn.Unflatten(1, place), nn.ReLU()]
        before = first
        for after in (second, last)[2 - times :]:
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
            before = after
        self.layers = nn.Sequential(*layers, nn.Conv2d(before, channels, 3, padding=1))
        normal_start(self)

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        """Draw."""
        return torch.tanh(self.layers(latents))


class DenseDiscriminator(nn.Module):
    """Pictures [B, C, H, W] -> logits [B]: Flatten (2304 for 48x48 grey), 4098, 2046, 1024, 512, 256, 1.

    LeakyReLU 0.2 and dropout after each layer but the last. The thesis' sizes, 4098 and 2046 included.
    """

    def __init__(self, shape: tuple[int, int, int], dropout: float = 0.3, width: float = 1.0) -> None:
        super().__init__()
        before = shape[0] * shape[1] * shape[2]
        layers: list[nn.Module] = [nn.Flatten()]
        for number in HIDDEN:
            after = scaled_width(number, width)
            layers += [nn.Linear(before, after), LeakyDropout(dropout), nn.Identity()]  # so that weights keep names
            before = after
        self.layers = nn.Sequential(*layers, nn.Linear(before, 1))

    def forward(self, images: Tensor, tags: Tensor | None = None) -> Tensor:
        """Judge."""
        logits: Tensor = self.layers(images)
        return logits.flatten()
