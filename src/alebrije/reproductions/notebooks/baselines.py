"""What can be had without a network: errors that say whether one has learned anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from alebrije.data import known
from alebrije.data.degrade import gaussian_noise


@torch.no_grad()
def measure(config: Any, parts: Sequence[str]) -> dict[str, dict[str, float]]:
    """part -> the mean square error on the test pictures of each of them."""
    found = known.load(config.data)
    learned, test = (images.float() / 255 for images in (found.images, found.test_images))
    mean = {"the mean picture": float((test - learned.mean(0)).square().mean())}
    results: dict[str, dict[str, float]] = {}
    if "dense" in parts:
        results["dense"] = mean | {f"{config.latent_dim} principal components": components(learned, test, config.latent_dim)}
    if "denoise" in parts:
        noisy = gaussian_noise(test, config.noise, torch.Generator().manual_seed(config.seed))
        results["denoise"] = mean | {"the noisy picture itself": float((noisy - test).square().mean())}
    return results


def components(learned: Tensor, test: Tensor, count: int) -> float:
    """The error of test pictures [N, C, H, W] drawn again from `count` principal components of `learned`, and clamped to 0 and 1:
    the best that any linear code of so many numbers can do on the pictures that it was made from."""
    mean = learned.flatten(1).mean(0)
    centred = learned.flatten(1) - mean
    _, vectors = torch.linalg.eigh((centred.T @ centred).double())  # values rise
    basis = vectors[:, -count:].float()
    drawn = ((test.flatten(1) - mean) @ basis) @ basis.T + mean
    return float((test.flatten(1) - drawn.clamp(0, 1)).square().mean())
