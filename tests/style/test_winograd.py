"""Winograd's convolution is the convolution, for all sizes, and so is its gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from alebrije.style import winograd


@pytest.mark.parametrize(("height", "width"), [(4, 4), (8, 12), (1, 1), (3, 9), (6, 5), (13, 2)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_it_is_the_convolution(height: int, width: int, layout: torch.memory_format) -> None:
    x = torch.randn(2, 3, height, width, dtype=torch.float64).contiguous(memory_format=layout)
    weight = torch.randn(5, 3, 3, 3, dtype=torch.float64)
    found = winograd.convolve(x, winograd.transform_weights(weight))
    torch.testing.assert_close(found, F.conv2d(x, weight, padding=1))


def test_the_module_with_its_bias_and_gradient_replaces_the_convolution() -> None:
    direct = nn.Conv2d(4, 6, 3, padding=1).double().requires_grad_(False)
    fast = winograd.Conv2d(direct)
    x = torch.randn(1, 4, 7, 10, dtype=torch.float64, requires_grad=True)
    torch.testing.assert_close(fast(x), direct(x))
    seen = torch.randn(1, 6, 7, 10, dtype=torch.float64)
    (found,), (expected,) = torch.autograd.grad(fast(x), x, seen), torch.autograd.grad(direct(x), x, seen)
    torch.testing.assert_close(found, expected)
    assert torch.autograd.gradcheck(fast, x[:, :, :3, :5].detach().requires_grad_())


@pytest.mark.parametrize(("dtype", "limit"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
def test_its_rounding_error_is_bounded(dtype: torch.dtype, limit: float) -> None:
    x, weight = torch.rand(1, 128, 20, 20), torch.randn(128, 128, 3, 3) / 34
    x, weight = x.to(dtype), weight.to(dtype)
    exact = F.conv2d(x.double(), weight.double(), padding=1)
    found = winograd.convolve(x, winograd.transform_weights(weight))
    assert found.dtype == dtype
    assert (found.double() - exact).norm() < limit * exact.norm()


def test_only_wide_3x3_convolutions_on_a_processor_without_matrix_units_are_replaced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def network() -> nn.ModuleDict:
        sizes = {"narrow": (64, 64, 3), "wide": (128, 8, 3), "flat": (128, 8, 1)}
        return nn.ModuleDict({name: nn.Conv2d(i, o, k) for name, (i, o, k) in sizes.items()})

    for has_amx, expected in ((False, ["wide"]), (True, [])):
        monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda has_amx=has_amx: has_amx)
        stages = network()
        winograd.accelerate(stages, torch.device("cpu"))
        assert [name for name, stage in stages.items() if isinstance(stage, winograd.Conv2d)] == expected


def test_bfloat16_loses_less_with_these_points_than_with_the_papers(monkeypatch: pytest.MonkeyPatch) -> None:
    # Lavin & Gray, sec. 4.4: the points 0, 1, -1, 2, -2.
    b_t = ((4, 0, -5, 0, 1, 0), (0, -4, -4, 1, 1, 0), (0, 4, -4, -1, 1, 0), (0, -2, -1, 2, 1, 0), (0, 2, -1, -2, 1, 0),
           (0, 4, 0, -5, 0, 1))  # fmt: skip
    g = ((1 / 4, 0, 0), (-1 / 6, -1 / 6, -1 / 6), (-1 / 6, 1 / 6, -1 / 6), (1 / 24, 1 / 12, 1 / 6),
         (1 / 24, -1 / 12, 1 / 6), (0, 0, 1))  # fmt: skip
    a_t = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))
    x, weight = torch.randn(1, 64, 16, 16).relu().bfloat16(), (torch.randn(64, 64, 3, 3) / 24).bfloat16()
    exact = F.conv2d(x.double(), weight.double(), padding=1)
    ours = (winograd.convolve(x, winograd.transform_weights(weight)).double() - exact).norm()
    for name, matrix in (("B_T", b_t), ("G", g), ("A_T", a_t)):
        monkeypatch.setattr(winograd, name, matrix)
    theirs = (winograd.convolve(x, winograd.transform_weights(weight)).double() - exact).norm()
    assert ours < 0.6 * theirs
