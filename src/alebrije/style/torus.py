"""`--wrap`: the picture as a torus, whose right edge meets its left and whose bottom meets its top.

The network's convolutions see what lies across the edge, sizes are multiples of 16 (the network halves them four times), and a
content whose edges do not meet is made to meet before.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.core.image import resize
from alebrije.features import Extractor

MULTIPLE = 16

_HOLLOW = (nn.ReLU, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)  # stages that do not look across the edge


def features(extractor: Extractor, image: Tensor) -> dict[str, Tensor]:
    """What `extractor` sees in [B, 3, H, W], sides multiples of 16, without a border: as in an endless repetition.

    Before each 3x3 convolution a row and a column from across the edge are added on each side, and what zero padding
    spoils is cut off after it.
    """
    x = extractor.normalize(image)
    taps = {}
    for name, stage in extractor.stages.items():
        if isinstance(stage, _HOLLOW):
            x = stage(x)
        else:
            x = F.pad(stage(F.pad(x, (1, 1, 1, 1), mode="circular")), (-1, -1, -1, -1))
            x = x.contiguous(memory_format=torch.channels_last)
        if name in extractor.layers:
            taps[name] = x
    return taps


def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbouring pixels of [B, C, H, W], down plus right, across the edges too."""
    return ((image.roll(-1, 2) - image).square().sum() + (image.roll(-1, 3) - image).square().sum()) / image.numel()


def resized(image: Tensor, size: tuple[int, int], by: Callable[[Tensor, tuple[int, int]], Tensor] = resize) -> Tensor:
    """[B, C, H, W] at another size (height, width), as in an endless repetition: three in a row are resized, and the middle one
    is kept, first down and then across."""
    height, width = size
    if image.shape[-2:] == torch.Size(size):
        return image
    rows = by(torch.cat([image] * 3, 2), (3 * height, image.shape[3]))[:, :, height : 2 * height]
    return by(torch.cat([rows] * 3, 3), (height, 3 * width))[:, :, :, width : 2 * width]


def closed(image: Tensor) -> tuple[Tensor, bool]:
    """The picture [B, C, H, W] so that its edges meet, and whether anything had to be done for it.

    Edges that differ no more than half again as much as the more different of neighbouring rows and columns already meet, and
    the picture is returned untouched. Otherwise its periodic component (Moisan, "Periodic plus Smooth Image Decomposition",
    Journal of Mathematical Imaging and Vision 2011, algorithm 1): the smoothest picture with the same jumps at the edges is
    taken off.
    """
    for d, others in ((2, (0, 1, 3)), (3, (0, 1, 2))):
        jump, usual = (image.select(d, 0) - image.select(d, -1)).abs().mean(), image.diff(dim=d).abs().mean(others)
        if jump > 1.5 * usual.quantile(0.95) + 1 / 255:
            break
    else:
        return image, False
    exact = image.double()
    border = torch.zeros_like(exact)
    down, across = exact[:, :, -1] - exact[:, :, 0], exact[:, :, :, -1] - exact[:, :, :, 0]
    border[:, :, 0] += down
    border[:, :, -1] -= down
    border[:, :, :, 0] += across
    border[:, :, :, -1] -= across
    turns = [2 * torch.cos(2 * torch.pi * torch.fft.fftfreq(n, dtype=torch.float64)) for n in image.shape[2:]]
    laplacian = (turns[0][:, None] + turns[1][None] - 4).to(exact.device)
    laplacian[0, 0] = 1
    spectrum = torch.fft.fft2(border) / laplacian
    spectrum[..., 0, 0] = 0
    return (exact - torch.fft.ifft2(spectrum).real).clamp(0, 1).to(image), True


def multiple(size: tuple[int, int]) -> tuple[int, int]:
    """The nearest (height, width) whose sides are multiples of 16, and at least 32."""
    height, width = (max(2, round(side / MULTIPLE)) * MULTIPLE for side in size)
    return height, width
