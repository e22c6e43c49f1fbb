"""How well the restoration networks do, as the literature counts it.

Upscalers: the picture is cut to a multiple of the scale, turned into Y (a grey file is taken as it is), reduced by MATLAB's
bicubic and rounded to 8 bits; the network's Y is rounded to 8 bits and compared without a border of `scale` pixels.
Denoisers: Gaussian noise of a known deviation, drawn from the picture's number, neither clamped nor rounded; the result is
clamped to [0, 1] and compared over all channels. Grey pictures are Rec. 601 luma of full range, rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from alebrije.autoencoder.restoration.examples import gray_some
from alebrije.core.image import load
from alebrije.core.metrics import luma, psnr
from alebrije.data.degrade import imresize

Restore = Callable[[Tensor], Tensor]
"""Pictures [1, C, H, W] in [0, 1] -> better ones, of any range."""


def eight_bits(images: Tensor) -> Tensor:
    """Clamped to [0, 1] and rounded to multiples of 1/255, as a file of 8 bits holds them."""
    return images.clamp(0, 1).mul(255).round().div(255)


def reduced(path: Path, scale: int) -> tuple[Tensor, Tensor]:
    """Y of a picture, [1, 1, H, W], and its reduction [1, 1, H / scale, W / scale]."""
    picture = load(path)
    height, width = (side - side % scale for side in picture.pixels.shape[-2:])
    whole = picture.pixels[:, :1] if picture.gray else luma(picture.pixels)
    sharp = eight_bits(whole)[..., :height, :width]
    return sharp, eight_bits(imresize(sharp, 1 / scale))


@torch.no_grad()
def upscaling(restore: Restore, paths: Sequence[Path], scale: int) -> list[float]:
    """PSNR in dB on Y of each picture after `restore` has enlarged its reduction."""
    found = []
    for path in paths:
        sharp, small = reduced(path, scale)
        found.append(float(psnr(eight_bits(restore(small)), sharp, scale)))
    return found


def noisy(
    paths: Sequence[Path], sigma: float, gray: bool, numbers: Sequence[int] | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Clean and noisy pictures [1, 1 or 3, H, W], those of `numbers` or all; `sigma` in levels of 255."""
    for number in range(len(paths)) if numbers is None else numbers:
        clean = load(paths[number]).pixels
        clean = eight_bits(gray_some(clean, 1.0)[0][:, :1]) if gray else clean
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(number))
        yield clean, clean + sigma / 255 * noise


@torch.no_grad()
def denoising(
    restore: Restore, paths: Sequence[Path], sigma: float, gray: bool, numbers: Sequence[int] | None = None
) -> list[float]:
    """PSNR in dB of each picture after `restore` has cleaned it."""
    return [float(psnr(restore(spoiled).clamp(0, 1), clean)) for clean, spoiled in noisy(paths, sigma, gray, numbers)]


def denoiser(network: nn.Module) -> Restore:
    """`restore` by a denoiser that is not told the level: any size, grey or RGB."""
    cell = int(network.multiple)  # type: ignore[arg-type]

    def restore(images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padded = nn.functional.pad(images.expand(-1, 3, -1, -1), (0, -width % cell, 0, -height % cell), mode="reflect")
        found: Tensor = network(padded)[..., :height, :width]
        return found if images.shape[1] == 3 else found.mean(1, keepdim=True)

    return restore
