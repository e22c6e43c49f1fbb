"""From a file's colours to sRGB and back, through ICC profiles (Little CMS, by way of imagecodecs).

Little CMS is given floating-point numbers: its integer route resamples the transform on a coarse grid, which we
measured to be wrong by up to 21 of 255 levels at the edge of the gamut of Adobe RGB.
"""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_SPACES = {b"GRAY": ("gray", 1), b"RGB ": ("rgb", 3), b"CMYK": ("cmyk", 4)}
_PERCENT_INK = 100.0  # Little CMS counts floating-point ink from 0 to 100
_ROWS = 256  # transformed at a time, so that a large picture does not need several copies of itself


def to_srgb(samples: Floats, icc: bytes | None) -> tuple[Floats, bytes | None, str]:
    """Convert [H, W, 1|3|4] (grey, RGB or CMYK, in [0, 1]) to sRGB [H, W, 3] in [0, 1].

    Returns the pixels, the profile if `save` can convert back into it (an RGB or grey one that works), and a notice
    or "". Without a usable profile grey and RGB are taken as sRGB, and CMYK by the plain formula (1 - ink)(1 - black).
    Colours outside sRGB are clipped.
    """
    channels = samples.shape[2]
    notice = ""
    if icc:
        if _space(icc) == channels and _works(icc):
            if not is_srgb(icc):
                samples = np.clip(_transform(samples, icc, None), 0.0, 1.0)
                samples = samples[..., :1] if channels == 1 else samples  # the three differ by rounding only
            return _three(samples), icc if channels != 4 else None, ""
        notice = "its colour profile is damaged or of another kind: the colours are taken as sRGB"
    if channels == 4:
        samples = (1.0 - samples[..., :3]) * (1.0 - samples[..., 3:])
    return _three(samples), None, notice


def from_srgb(pixels: Floats, icc: bytes | None) -> tuple[Floats, bytes | None]:
    """Convert sRGB [H, W, 3] or grey [H, W, 1] into the profile `icc`, if that is of the same kind.

    Returns the samples in [0, 1] and the profile they are in, None standing for sRGB.
    """
    if icc is None or _space(icc) != pixels.shape[2]:
        return pixels, None
    if is_srgb(icc):
        return pixels, icc
    return np.clip(_transform(_three(pixels), None, icc), 0.0, 1.0), icc


@functools.lru_cache(maxsize=32)
def is_srgb(icc: bytes) -> bool:
    """Whether `icc` is sRGB in all but name: no colour moves by a quarter of an 8-bit level."""
    if _space(icc) != 3:
        return False
    axis = np.linspace(0, 1, 18, dtype=np.float32)
    lattice = np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 18, 3)
    return float(np.abs(_transform(lattice, icc, None) - lattice).max()) < 0.25 / 255


@functools.lru_cache(maxsize=32)
def _works(icc: bytes) -> bool:
    try:
        _transform(np.zeros((1, 1, _space(icc)), np.float32), icc, None)
        if _space(icc) != 4:
            _transform(np.zeros((1, 1, 3), np.float32), None, icc)
    except Exception:  # whatever a made-up profile sets off, it is unusable
        return False
    return True


def _space(icc: bytes) -> int:
    """The number of channels of a profile's colours, 0 if it is none that a picture has."""
    return _SPACES.get(icc[16:20], ("", 0))[1]


@functools.cache
def _srgb() -> bytes:
    import imagecodecs

    return bytes(imagecodecs.cms_profile("srgb"))


def _transform(samples: Floats, source: bytes | None, target: bytes | None) -> Floats:
    import imagecodecs

    source, target = source or _srgb(), target or _srgb()
    (name, inks), (out_name, out_channels) = _SPACES[source[16:20]], _SPACES[target[16:20]]
    result = np.empty((*samples.shape[:2], out_channels), np.float32)
    for top in range(0, len(samples), _ROWS):
        rows = np.ascontiguousarray(samples[top : top + _ROWS])
        if inks == 4:
            rows = rows * np.float32(_PERCENT_INK)
        rows = rows[..., 0] if inks == 1 else rows
        converted = imagecodecs.cms_transform(
            rows, source, target, colorspace=name, outcolorspace=out_name, outdtype=np.float32
        )
        result[top : top + _ROWS] = converted.reshape(*rows.shape[:2], out_channels)
    return result


def _three(samples: Floats) -> Floats:
    return np.repeat(samples, 3, axis=2) if samples.shape[2] == 1 else samples
