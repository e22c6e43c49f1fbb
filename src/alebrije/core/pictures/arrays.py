"""Tensors of pictures <-> arrays of samples, with the checks that both directions need."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alebrije.errors import NumericsError, PictureError

STRIP = 256  # rows
_TOLERANCE = 0.1  # what resampling may have pushed beyond [0, 1]; anything farther out is another range, such as 0..255


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """[1, C, H, W] or [C, H, W] in [0, 1] -> uint8 [H, W, C], clamped and rounded.

    Raises `NumericsError` if it holds NaN or infinity, `ValueError` for another shape.
    """
    return quantize(to_samples(image), 8).astype(np.uint8, copy=False)


def to_samples(image: Tensor) -> NDArray[np.float32]:
    """[1, C, H, W] or [C, H, W] -> float32 [H, W, C], clamped to [0, 1]. Raises as `to_uint8` does."""
    if image.ndim == 4 and image.shape[0] == 1:
        image = image[0]
    if image.ndim != 3 or not 1 <= image.shape[0] <= 4 or 0 in image.shape:
        raise ValueError(f"a picture is a tensor [1, C, H, W] or [C, H, W], C from 1 to 4, not {list(image.shape)}")
    image = image.detach().to("cpu", torch.float32)
    if not bool(torch.isfinite(image.sum(dtype=torch.float64))):
        raise NumericsError("the picture holds NaN or infinity: try --precision fp32 or a smaller learning rate")
    samples: NDArray[np.float32] = image.clamp(0, 1).movedim(0, -1).numpy()
    return samples


def to_tensor(samples: NDArray[Any]) -> Tensor:
    """[H, W, C] -> float32 [1, C, H, W] in [0, 1]; integers are divided by their largest value."""
    floats = normalize(samples)
    return torch.from_numpy(np.ascontiguousarray(np.moveaxis(floats, -1, 0)))[None]


def normalize(samples: NDArray[Any]) -> NDArray[np.float32]:
    """Integers to float32 in [0, 1]; floating-point numbers are taken as they are."""
    if samples.dtype.kind == "f":
        return samples.astype(np.float32, copy=False)
    return samples.astype(np.float32) / np.float32(np.iinfo(samples.dtype).max)


def quantize(samples: NDArray[np.float32], depth: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Floats in [0, 1] to integers of 8 or 16 bits, rounded; strip by strip, so that large pictures are not held once more."""
    top = np.float32(2**depth - 1)
    whole: NDArray[np.uint8] | NDArray[np.uint16] = np.empty(samples.shape, np.uint8 if depth == 8 else np.uint16)
    for start in range(0, len(samples), STRIP):
        whole[start : start + STRIP] = np.rint(samples[start : start + STRIP] * top)
    return whole


def check_array(array: NDArray[Any]) -> NDArray[Any]:
    """Bring [H, W] or [H, W, 1|2|3|4] to uint8, uint16 or float32 in [0, 1], three axes.

    Raises `PictureError` for other shapes and types, for NaN, and for floats that look like another range than 0..1.
    """
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or not 1 <= array.shape[2] <= 4 or 0 in array.shape:
        raise PictureError(f"its shape is {array.shape}, where [H, W] or [H, W, C] with 1 to 4 channels is needed")
    if array.dtype == np.bool_:
        return np.where(array, np.uint8(255), np.uint8(0))
    if array.dtype in (np.uint8, np.uint16):
        return array
    if array.dtype.kind != "f":
        raise PictureError(f"its numbers are {array.dtype}, where uint8, uint16 or floats in [0, 1] are needed")
    if not np.isfinite(array).all():
        raise PictureError("it holds NaN or infinity")
    low, high = float(array.min()), float(array.max())
    if low < -_TOLERANCE or high > 1 + _TOLERANCE:
        raise PictureError(f"its values go from {low:g} to {high:g}, where [0, 1] is needed: divide by 255, say")
    clipped: NDArray[np.float32] = np.clip(array, 0, 1).astype(np.float32, copy=False)
    return clipped
