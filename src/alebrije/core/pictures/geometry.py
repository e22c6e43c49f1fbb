"""Sizes: reading them, resizing without aliasing, and fitting a picture into a given one."""

from __future__ import annotations

import re
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import choose
from alebrije.errors import ConfigError

FITS = ("crop", "pad", "stretch")


def parse_size(text: str) -> int | tuple[int, int]:
    """Read ``"512x380"`` (width x height) as (380, 512), the order of tensors, and ``"512"`` as the longer side 512.

    Raises `ConfigError` for anything else.
    """
    match = re.fullmatch(r"\s*([0-9]{1,6})(?:\s*[xX×]\s*([0-9]{1,6}))?\s*", text)
    if match is None or 0 in (numbers := [int(number) for number in match.groups() if number is not None]):
        raise ConfigError(f"cannot read the size {text!r}: write the longer side in pixels, such as 512, or 512x380")
    return numbers[0] if len(numbers) == 1 else (numbers[1], numbers[0])


def scaled_size(size: tuple[int, int], wanted: int | tuple[int, int]) -> tuple[int, int]:
    """The (height, width) that `wanted`, as `parse_size` gives it, means for a picture of `size` (height, width)."""
    if isinstance(wanted, tuple):
        return wanted
    scale = wanted / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize [B, C, H, W] in [0, 1] to `size` (height, width): bicubic (a = -0.5), antialiased, clamped to [0, 1].

    The arithmetic is float32 whatever the dtype, which is kept. Raises `ConfigError` for a size below 1 pixel.
    """
    if min(size) < 1:
        raise ConfigError(f"a picture of {size[1]}x{size[0]} pixels cannot be made: both sides must be at least 1")
    if images.shape[-2:] == torch.Size(size):
        return images
    if size[1] == 1 < size[0]:
        # One column wide, PyTorch's CPU kernel repeats the first row (2.13); one row high it is right.
        return resize(images.mT.contiguous(), (1, size[0])).mT
    resized = F.interpolate(images.float(), size, mode="bicubic", antialias=True, align_corners=False)
    return resized.clamp(0, 1).to(images.dtype)


def fit(
    images: Tensor, size: tuple[int, int], mode: Literal["crop", "pad", "stretch"] = "crop", *, fill: float = 1.0
) -> Tensor:
    """Bring [B, C, H, W] to `size` (height, width).

    ``crop`` cuts the middle out in the new proportions, ``pad`` keeps everything and puts bars of the grey level
    `fill` around it, ``stretch`` changes the proportions. Raises `ConfigError` for an unknown mode.
    """
    choose("fit", mode, FITS)
    height, width = size
    old_height, old_width = images.shape[-2:]
    if mode == "stretch" or min(size) < 1:
        return resize(images, size)
    if mode == "crop":
        # Cropped before it is resized: a picture of extreme proportions would become huge the other way round.
        new_height = min(old_height, max(1, round(old_width * height / width)))
        new_width = min(old_width, max(1, round(old_height * width / height)))
        top, left = (old_height - new_height) // 2, (old_width - new_width) // 2
        return resize(images[..., top : top + new_height, left : left + new_width], size)
    scale = min(height / old_height, width / old_width)
    inner = min(height, max(1, round(old_height * scale))), min(width, max(1, round(old_width * scale)))
    top, left = (height - inner[0]) // 2, (width - inner[1]) // 2
    bars = (left, width - inner[1] - left, top, height - inner[0] - top)
    return F.pad(resize(images, inner), bars, value=fill)


def to_gray(images: Tensor) -> Tensor:
    """Luma of sRGB values, [B, 3, H, W] -> [B, 1, H, W]: 0.2126 R' + 0.7152 G' + 0.0722 B' (Rec. ITU-R BT.709)."""
    weights = images.new_tensor([0.2126, 0.7152, 0.0722]).view(1, 3, 1, 1)
    return (images * weights).sum(1, keepdim=True)
