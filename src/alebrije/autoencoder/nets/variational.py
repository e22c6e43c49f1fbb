"""A convolutional autoencoder whose code is a distribution: halvings to a mean and a variance for each number, doublings back."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from alebrije.errors import ConfigError

Shape = tuple[int, int, int]
SMALLEST, FEWEST = 7, 2  # a side is halved twice, and then while it is even and has more pixels
LOG_VARIANCES = (-12.0, 6.0)  # where exp() is safe in every number format


class VariationalAutoencoder(nn.Module):
    """Pictures [B, C, H, W] in [0, 1] <-> latents [B, latent_dim].

    Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014, appendix C.2, with convolutions in place of its hidden layers:
    4x4 with stride 2 and ReLU, at least two and until a side is odd or at most 7, `width` channels after the first and twice as
    many after each further one, then linear layers to `hidden` numbers and to mean and log variance. The decoder is the mirror,
    with transposed convolutions, each to exactly twice the size. Raises `ConfigError` for sides that 4 does not divide.
    """

    def __init__(self, shape: Shape = (1, 28, 28), latent_dim: int = 16, width: int = 16, hidden: int = 256) -> None:
        super().__init__()
        channels, height, breadth = shape
        halvings = min(_halvings(height), _halvings(breadth))
        if halvings < FEWEST:
            raise ConfigError(f"pictures of {breadth}x{height} pixels do not fit this network: its sides must be multiples of 4")
        self.shape, self.latent_dim = shape, latent_dim
        widths = [channels, *(width * 2**place for place in range(halvings))]
        inner = (widths[-1], height >> halvings, breadth >> halvings)
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for before, after in itertools.pairwise(widths):
            down += [nn.Conv2d(before, after, 4, stride=2, padding=1), nn.ReLU()]
            up = [nn.ReLU(), nn.ConvTranspose2d(after, before, 4, stride=2, padding=1), *up]
        flat = math.prod(inner)
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent_dim))
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, hidden), nn.ReLU(), nn.Linear(hidden, flat), nn.Unflatten(1, inner), *up
        )  # fmt: skip

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """[B, C, H, W] -> mean and log variance of the code, float32 [B, latent_dim] each."""
        mean, log_variance = self.encoder(images).float().chunk(2, dim=1)
        return mean, log_variance.clamp(*LOG_VARIANCES)

    def encode(self, images: Tensor) -> Tensor:
        """The mean of the code, [B, latent_dim]."""
        return self.posterior(images)[0]

    def logits(self, latents: Tensor) -> Tensor:
        """Latents [B, latent_dim] -> what the sigmoid makes pictures of, float32 [B, C, H, W]."""
        found: Tensor = self.decoder(latents)
        return found.float()

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, latent_dim] -> pictures [B, C, H, W] in [0, 1]."""
        return torch.sigmoid(self.logits(latents))

    def forward(self, images: Tensor) -> Tensor:
        """Encode to the mean and decode."""
        return self.decode(self.encode(images))


def draw_code(mean: Tensor, log_variance: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """A code from N(mean, variance), through which gradients flow: section 2.4 of the paper."""
    normal = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    return mean + (log_variance / 2).exp() * normal


def _halvings(side: int) -> int:
    count = 0
    while side % 2 == 0 and (side > SMALLEST or count < FEWEST):
        side //= 2
        count += 1
    return count
