"""Distances between pictures: closed forms, and MATLAB's own corner values."""

from __future__ import annotations

import math

import pytest
import torch

from alebrije.core.metrics import luma, psnr
from alebrije.errors import DataError


def test_psnr_of_a_constant_error_is_its_closed_form() -> None:
    first = torch.rand(3, 2, 9, 7) * 0.5
    errors = torch.tensor([0.1, 0.01, 0.5]).view(3, 1, 1, 1)
    assert psnr(first, first + errors).tolist() == pytest.approx([20.0, 40.0, 20 * math.log10(2)], abs=1e-4)
    assert psnr(first, first).isinf().all()


def test_what_is_shaved_off_does_not_count() -> None:
    first = torch.zeros(1, 1, 8, 8)
    second = torch.ones(1, 1, 8, 8)
    second[..., 2:6, 2:6] = 0.1
    assert psnr(first, second, 2).item() == pytest.approx(20, abs=1e-5)
    assert psnr(first, second, 1).item() < 5
    with pytest.raises(DataError, match="nothing left"):
        psnr(first, second, 4)
    with pytest.raises(DataError, match="different sizes"):
        psnr(first, second[..., :7])


def test_luma_of_black_white_and_the_primaries() -> None:
    colours = torch.tensor([[0, 0, 0], [1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1.0]]).view(5, 3, 1, 1)
    # rgb2ycbcr of uint8 pictures: 16, 235, 81, 145, 41
    assert (luma(colours) * 255).round().flatten().tolist() == [16, 235, 81, 145, 41]
