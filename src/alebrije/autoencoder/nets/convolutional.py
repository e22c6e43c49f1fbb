"""A convolutional autoencoder: four halvings to a latent vector, four doublings back."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Autoencoder(nn.Module):
    """Pictures [B, 3, S, S] in [0, 1] <-> latents [B, latent_dim]; S is a multiple of 16.

    Encoder: four 4x4 convolutions with stride 2, batch norm and LeakyReLU(0.2), then a linear layer. Decoder: its mirror
    with nearest upsampling and 3x3 convolutions, which leave no checkerboard (Odena et al., Deconvolution and
    Checkerboard Artifacts, 2016), and a sigmoid.
    """

    def __init__(self, size: int = 64, latent_dim: int = 128, width: int = 32) -> None:
        super().__init__()
        if size % 16:
            raise ValueError(f"size must be a multiple of 16, got {size}")
        c1, c2, c3, c4 = width, 2 * width, 4 * width, 8 * width
        side = size // 16
        self.encoder = nn.Sequential(
            nn.Conv2d(3, c1, 4, stride=2, padding=1), nn.BatchNorm2d(c1), nn.LeakyReLU(0.2),
            nn.Conv2d(c1, c2, 4, stride=2, padding=1), nn.BatchNorm2d(c2), nn.LeakyReLU(0.2),
            nn.Conv2d(c2, c3, 4, stride=2, padding=1), nn.BatchNorm2d(c3), nn.LeakyReLU(0.2),
            nn.Conv2d(c3, c4, 4, stride=2, padding=1), nn.BatchNorm2d(c4), nn.LeakyReLU(0.2),
            nn.Flatten(), nn.Linear(c4 * side * side, latent_dim),
        )  # fmt: skip
        self.decoder = nn.Sequential(
            nn.Linear(latent_dim, c4 * side * side), nn.Unflatten(1, (c4, side, side)), nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2), nn.Conv2d(c4, c3, 3, padding=1), nn.BatchNorm2d(c3), nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2), nn.Conv2d(c3, c2, 3, padding=1), nn.BatchNorm2d(c2), nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2), nn.Conv2d(c2, c1, 3, padding=1), nn.BatchNorm2d(c1), nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2), nn.Conv2d(c1, 3, 3, padding=1),
        )  # fmt: skip

    def encode(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] in [0, 1] -> latents [B, latent_dim]."""
        latents: Tensor = self.encoder(images)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, latent_dim] -> pictures [B, 3, S, S] in [0, 1]."""
        return torch.sigmoid(self.decoder(latents))

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode."""
        return self.decode(self.encode(images))
