"""Which device, which number format, and how the C library hands out memory.

Measured on processors with AVX-512 (see LOG.md): bfloat16 convolutions in channels_last run 2 times (AVX512-bf16)
to 8 times (AMX) faster than float32; float16 and TF32 bring nothing on a CPU.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import torch

from alebrije.config import choose
from alebrije.errors import ConfigError

DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("auto", "fp32", "bf16")


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called `name`; ``auto`` takes CUDA, then MPS, then the CPU. Raises `ConfigError` if absent."""
    choose("device", name, DEVICES)
    at_hand = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device, present in at_hand.items() if present)
    if not at_hand[name]:
        raise ConfigError(f"no {name} device on this machine: use --device cpu, or see `alebrije doctor`")
    return torch.device(name)


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bfloat16 arithmetic is faster than float32 there: AMX or AVX512-bf16 on a CPU, Ampere or newer on CUDA."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    return False


def choose_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the number format for network arithmetic: ``auto`` is bfloat16 where it is fast, float32 elsewhere."""
    choose("precision", precision, PRECISIONS)
    if precision == "auto":
        precision = "bf16" if has_fast_bf16(device) else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def tune_allocator() -> bool:
    """Keep large freed blocks inside the process (glibc only); returns whether it was done.

    By default glibc maps every tensor above 32 MB afresh and the kernel zeroes its pages again and again. Keeping them
    makes style transfer and GAN training measurably faster (`benchmarks/`); the price is that the process gives
    memory back only when it ends. ``ALEBRIJE_MALLOC=0`` in the environment leaves the C library as it is.
    """
    if not sys.platform.startswith("linux") or os.environ.get("ALEBRIJE_MALLOC") == "0":
        return False
    m_trim_threshold, m_top_pad, m_mmap_max = -1, -2, -4
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        return all([mallopt(m_mmap_max, 0), mallopt(m_trim_threshold, 2**31 - 1), mallopt(m_top_pad, 256 * 2**20)])
    return False
