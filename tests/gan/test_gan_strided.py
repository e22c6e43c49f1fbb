"""Layers written to be fast: they are torch's own, number for number, and so are their gradients."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.gan.nets import parts, strided

SHAPES = [(1, 5, 4, 4), (3, 5, 4, 3), (4, 2, 8, 6), (6, 5, 2, 3), (6, 5, 5, 4)]  # channels of the picture and the map, its sides


def three(shape: tuple[int, int, int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """A picture, a map and weights."""
    colours, channels, height, width = shape
    sizes = ((2, colours, 2 * height, 2 * width), (2, channels, height, width), (channels, colours, 5, 5))
    picture, grid, weight = (torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes)
    return picture, grid, weight


@pytest.mark.parametrize("shape", SHAPES)
def test_convolutions_and_their_gradients_are_torchs(shape: tuple[int, int, int, int]) -> None:
    x, y, weight = three(shape)
    bias = torch.randn(shape[1], dtype=torch.float64, requires_grad=True)
    plain, ours = F.conv2d(x, weight, bias, 2, 2), strided.down(x, weight, bias)
    torch.testing.assert_close(ours, plain)
    inputs = (x, weight, bias)
    torch.testing.assert_close(torch.autograd.grad((ours * y).sum(), inputs), torch.autograd.grad((plain * y).sum(), inputs))
    plain, ours = F.conv_transpose2d(y, weight, None, 2, 2, 1), strided.up(y, weight)
    torch.testing.assert_close(ours, plain)
    torch.testing.assert_close(
        torch.autograd.grad((ours * x).sum(), (y, weight)), torch.autograd.grad((plain * x).sum(), (y, weight))
    )


@pytest.mark.parametrize("shape", [(3, 2, 2, 2), (5, 2, 2, 2), (5, 1, 5, 4)])
def test_gradients_have_gradients(shape: tuple[int, int, int, int]) -> None:
    x, y, weight = three(shape)
    x, y = (each.detach()[:1].requires_grad_() for each in (x, y))
    assert torch.autograd.gradgradcheck(strided.down, (x, weight))
    assert torch.autograd.gradgradcheck(strided.up, (y, weight))


@pytest.mark.parametrize("side", [7, 8])
@pytest.mark.parametrize("low", [False, True])
def test_layers_are_torchs_whether_they_learn_or_not(side: int, low: bool) -> None:
    for ours, plain in (
        (strided.Down(3, 4, bias=True), nn.Conv2d(3, 4, 5, 2, 2)),
        (strided.Up(4, 3, bias=True), nn.ConvTranspose2d(4, 3, 5, 2, 2, output_padding=1)),
        (strided.Up(4, 8, bias=False), nn.ConvTranspose2d(4, 8, 5, 2, 2, output_padding=1, bias=False)),
    ):
        plain.load_state_dict(ours.state_dict())
        x = torch.randn(2, ours.in_channels, side, side)
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            learning, wanted = ours(x), plain(x)
            at_rest = ours.eval()(x)
        assert learning.dtype == wanted.dtype
        close = 0.02 if low else 1e-5
        torch.testing.assert_close(learning, wanted, rtol=close, atol=close)
        assert torch.equal(at_rest, wanted)
        made = ((learning, ours), (wanted, plain))
        gradients = [torch.autograd.grad(each.float().square().sum(), layer.weight)[0] for each, layer in made]
        torch.testing.assert_close(*gradients, rtol=0.05 if low else 1e-4, atol=0.5 if low else 1e-4)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("p", [0.3, 0.5])
def test_leaky_dropout_is_both_layers_in_one(p: float, dtype: torch.dtype, layout: torch.memory_format) -> None:
    x = torch.randn(4, 6, 10, 11).to(dtype).to(memory_format=layout).requires_grad_()
    torch.manual_seed(3)
    fused = parts.LeakyDropout(p)(x)
    torch.manual_seed(3)
    apart = parts.Dropout(p)(F.leaky_relu(x, parts.LEAK))
    close = 0.02 if dtype is torch.bfloat16 else 1e-5
    torch.testing.assert_close(fused, apart, rtol=close, atol=0.0)
    assert fused.stride() == x.stride()
    gradients = [torch.autograd.grad(each.float().square().sum(), x)[0] for each in (fused, apart)]
    torch.testing.assert_close(*gradients, rtol=2 * close, atol=0.0)


def test_leaky_dropout_bends_and_drops() -> None:
    x = torch.randn(200, 500)
    out = parts.LeakyDropout(0.3)(x)
    kept = out != 0
    assert float(kept.float().mean()) == pytest.approx(0.7, abs=0.01)
    share = 1 - round(256 * 0.3) / 256
    torch.testing.assert_close(out[kept], F.leaky_relu(x, 0.2)[kept] / share)
    torch.testing.assert_close(parts.LeakyDropout(0.3).eval()(x), F.leaky_relu(x, 0.2))
    torch.testing.assert_close(parts.LeakyDropout(0.0)(x), F.leaky_relu(x, 0.2))


def test_flattening_hands_gradients_on_as_the_pictures_lie() -> None:
    x = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last).requires_grad_()
    seen = []
    x.register_hook(lambda gradient: seen.append(gradient.stride()))  # type: ignore[no-untyped-call]
    (parts.Flatten()(x * 2) * torch.arange(60.0)).sum().backward()
    assert seen == [x.stride()]
    assert x.grad is not None
    torch.testing.assert_close(x.grad.flatten(1), 2 * torch.arange(60.0).expand(2, -1))
    torch.testing.assert_close(parts.Unflatten(1, (3, 4, 5))(x.flatten(1)), x)
