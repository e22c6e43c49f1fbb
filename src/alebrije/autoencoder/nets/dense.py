"""The smallest autoencoder: one layer in, one layer out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alebrije.autoencoder.nets.start import glorot


class DenseAutoencoder(nn.Module):
    """Pictures [B, C, H, W] in [0, 1] <-> latents [B, latent_dim] of 0 or more.

    All pixels -> `latent_dim` with ReLU -> all pixels with a sigmoid; 784-64-784 for MNIST's pictures. A code of ReLUs is
    sparse: part of its numbers are exactly 0.
    """

    def __init__(self, shape: tuple[int, int, int] = (1, 28, 28), latent_dim: int = 64) -> None:
        super().__init__()
        pixels = shape[0] * shape[1] * shape[2]
        self.shape = shape
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(pixels, latent_dim), nn.ReLU())
        self.decoder = nn.Linear(latent_dim, pixels)
        glorot(self)

    def encode(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> latents [B, latent_dim]."""
        latents: Tensor = self.encoder(images)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, latent_dim] -> pictures [B, C, H, W] in [0, 1]."""
        return torch.sigmoid(self.decoder(latents)).view(-1, *self.shape)

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode."""
        return self.decode(self.encode(images))
