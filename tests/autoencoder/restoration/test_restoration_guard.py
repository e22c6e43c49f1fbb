"""The fidelity guard measures what it says, and corrections bring a result back to its picture."""

from __future__ import annotations

import pytest
import torch

from alebrije.autoencoder.restoration import guard
from alebrije.core.metrics import psnr
from alebrije.data.degrade import imresize


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_both_ways_are_matlabs_inside_the_picture(scale: int) -> None:
    small, large = torch.rand(1, 3, 21, 18), torch.rand(1, 3, 21 * scale, 18 * scale)
    inside, below = slice(2 * scale, -2 * scale), slice(2, -2)
    found = guard.enlarged(small, scale)
    assert torch.allclose(found[..., inside, inside], imresize(small, scale)[..., inside, inside], atol=1e-5)
    found = guard.reduced(large, scale)
    assert torch.allclose(found[..., below, below], imresize(large, 1 / scale)[..., below, below], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_each_correction_comes_nearer_to_the_picture(scale: int) -> None:
    small = torch.rand(1, 3, 20, 20)
    large = torch.rand(1, 3, 20 * scale, 20 * scale)
    errors = [
        float((guard.reduced(guard.corrected(large, small, scale, times), scale) - small).square().mean()) for times in range(5)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[4] < errors[0] / 10


def test_what_agrees_already_is_left_alone() -> None:
    large = torch.rand(1, 1, 24, 24)
    assert torch.allclose(guard.corrected(large, guard.reduced(large, 2), 2, 3), large, atol=1e-6)


def test_fidelity_adds_up_over_tiles() -> None:
    small, large = torch.rand(1, 3, 12, 10), torch.rand(1, 3, 24, 20)
    whole, parts = guard.Fidelity(), guard.Fidelity()
    whole.add(large, small, 2, (slice(0, 12), slice(0, 10)))
    for rows in (slice(0, 7), slice(7, 12)):
        parts.add(large, small, 2, (rows, slice(0, 10)))
    assert parts.report() == pytest.approx(whole.report())
    assert whole.decibels == pytest.approx(float(psnr(guard.reduced(large, 2), small)), abs=1e-4)
    assert whole.largest == pytest.approx(float((guard.reduced(large, 2) - small).abs().max()))


def test_only_a_result_that_departs_is_named() -> None:
    small = torch.full((1, 1, 8, 8), 0.4)
    faithful, strange = guard.Fidelity(), guard.Fidelity()
    faithful.add(guard.enlarged(small, 2), small, 2, (slice(0, 8), slice(0, 8)))
    strange.add(guard.enlarged(small, 2) + 0.1, small, 2, (slice(0, 8), slice(0, 8)))
    assert faithful.notice() is None
    assert "25.5 levels" in (strange.notice() or "")
