"""A small convolutional autoencoder that cleans pictures: two halvings, two doublings."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.nets.start import glorot


class DenoisingAutoencoder(nn.Module):
    """Pictures [B, C, H, W] in [0, 1] <-> latents [B, 8, H / 4, W / 4] of 0 or more; H and W are multiples of 4.

    Convolutions to 16 and 8 channels, 3x3 with stride 2 and ReLU; transposed ones to 8 and 16; a convolution to C with a sigmoid.
    "Same" padding as the source's Keras has it: with stride 2 the one missing row and column is put below and to the right,
    where PyTorch's `padding=1` would put it above and to the left; transposed convolutions lose theirs at the same sides.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(channels, 16, 3, stride=2)
        self.down2 = nn.Conv2d(16, 8, 3, stride=2)
        self.up1 = nn.ConvTranspose2d(8, 8, 3, stride=2)
        self.up2 = nn.ConvTranspose2d(8, 16, 3, stride=2)
        self.last = nn.Conv2d(16, channels, 3, padding=1)
        glorot(self)

    def encode(self, images: Tensor) -> Tensor:
        """[B, C, H, W] -> latents [B, 8, H / 4, W / 4]."""
        x = self.down1(F.pad(images, (0, 1, 0, 1))).relu()
        latents: Tensor = self.down2(F.pad(x, (0, 1, 0, 1))).relu()
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, 8, H / 4, W / 4] -> pictures [B, C, H, W] in [0, 1]."""
        x = self.up1(latents)[..., :-1, :-1].relu()
        x = self.up2(x)[..., :-1, :-1].relu()
        return torch.sigmoid(self.last(x))

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode."""
        return self.decode(self.encode(images))
