"""How far one picture is from another, as the restoration literature counts it."""

from __future__ import annotations

import torch
from torch import Tensor

from alebrije.errors import DataError


def luma(images: Tensor) -> Tensor:
    """Y of sRGB pictures [B, 3, H, W] in [0, 1], as [B, 1, H, W] in [16/255, 235/255].

    Rec. ITU-R BT.601 with its footroom and headroom, 65.481 R' + 128.553 G' + 24.966 B' + 16 in units of 1/255: what MATLAB's
    ``rgb2ycbcr`` gives and tables of super-resolution are computed on. Not rounded.
    """
    weights = torch.tensor([65.481, 128.553, 24.966], dtype=images.dtype, device=images.device).view(1, 3, 1, 1)
    return ((images * weights).sum(1, keepdim=True) + 16) / 255


def psnr(first: Tensor, second: Tensor, shave: int = 0) -> Tensor:
    """Peak signal-to-noise ratio in dB of each pair of pictures [B, C, H, W] in [0, 1], as [B]; infinite for equal ones.

    ``10 log10(1 / mean square error)`` over all channels, without the outermost `shave` pixels. Raises `DataError` if the shapes
    differ or nothing is left.
    """
    if first.shape != second.shape:
        raise DataError(f"pictures of different sizes cannot be compared: {tuple(first.shape)} and {tuple(second.shape)}")
    if min(first.shape[-2:]) <= 2 * shave:
        raise DataError(f"a picture of {first.shape[-1]}x{first.shape[-2]} pixels has nothing left without a border of {shave}")
    error = (first.double() - second.double()).square()
    error = error[..., shave : error.shape[-2] - shave, shave : error.shape[-1] - shave]
    return -10 * error.mean((1, 2, 3)).log10()
