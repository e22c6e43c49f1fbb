"""The networks are what they say: merged kernels are the sum of the branches, nothing is seen beyond the halo."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.restoration import nets


def branches(layer: nets.EdgeConvolution, features: Tensor) -> Tensor:
    """The edge convolution as ECBSR draws it: five pictures added up."""
    total = layer.plain(features)
    total = total + F.conv2d(F.conv2d(features, layer.expand[:, :, None, None]), layer.gather, padding=1)
    for number, kernel in enumerate(layer.filters):
        mixed = F.conv2d(features, layer.mix[number][:, :, None, None])
        depthwise = kernel.expand(mixed.shape[1], 1, 3, 3) * layer.scale[number][:, None, None, None]
        total = total + F.conv2d(mixed, depthwise, padding=1, groups=mixed.shape[1])
    return total


@pytest.mark.parametrize(("before", "after"), [(1, 5), (4, 4), (6, 3)])
def test_an_edge_convolution_is_the_sum_of_its_branches_up_to_the_border(before: int, after: int) -> None:
    torch.manual_seed(0)
    layer = nets.EdgeConvolution(before, after).double()
    nn.init.normal_(layer.scale)
    features = torch.randn(2, before, 7, 9, dtype=torch.float64)
    assert torch.allclose(layer(features), branches(layer, features), atol=1e-12)


@pytest.mark.parametrize("kind", nets.UPSCALERS)
@pytest.mark.parametrize("scale", nets.SCALES)
def test_deployed_is_the_same_function_of_plain_convolutions(kind: str, scale: int) -> None:
    torch.manual_seed(0)
    network = nets.UPSCALERS[kind](scale, 8, 2).double()
    luma = torch.rand(2, 1, 12, 9, dtype=torch.float64)
    wanted = network(luma)
    plain = nets.deployed(copy.deepcopy(network))
    assert wanted.shape == (2, 1, 12 * scale, 9 * scale)
    assert not any(isinstance(module, nets.EdgeConvolution) for module in plain.modules())
    assert torch.allclose(plain(luma), wanted, atol=1e-12)


def test_the_fast_one_has_the_papers_size() -> None:
    # ECBSR-M10C32: 3x3 convolutions 1 -> 32, ten times 32 -> 32, 32 -> scale^2, with biases
    count = sum(weights.numel() for weights in nets.deployed(nets.PlainUpscaler(2)).parameters())
    assert count == (9 * 1 + 1) * 32 + 10 * (9 * 32 + 1) * 32 + (9 * 32 + 1) * 4


def _influence(network: nn.Module, given: Tensor, y: int, x: int) -> tuple[int, int]:
    """How far, in rows and columns, pixels lie that change the result's pixel (y, x)."""
    given = given.clone().requires_grad_()
    network(given)[0, :, y, x].sum().backward()
    assert given.grad is not None
    seen = given.grad[0].abs().sum(0).nonzero()
    scale = getattr(network, "scale", 1)
    return int((seen[:, 0] - y // scale).abs().max()), int((seen[:, 1] - x // scale).abs().max())


@pytest.mark.parametrize("kind", nets.UPSCALERS)
def test_an_upscaler_sees_exactly_its_halo(kind: str) -> None:
    torch.manual_seed(0)
    network = nets.UPSCALERS[kind](2, 4, 2).double()
    side = 2 * int(network.halo) + 5
    seen = _influence(network, torch.rand(1, 1, side, side, dtype=torch.float64), side, side)
    assert seen == (network.halo, network.halo)


@pytest.mark.parametrize("deepest", [0, 1])
def test_the_denoiser_sees_no_farther_than_its_halo(deepest: int) -> None:
    torch.manual_seed(0)
    network = nets.Denoiser(4, 1, 1, deepest).double()
    for weights in network.parameters():
        nn.init.normal_(weights, std=0.3)
    side = 96
    for y in range(48, 56):  # all positions within a cell of the coarsest grid
        seen = _influence(network, torch.rand(1, 3, side, side, dtype=torch.float64), y, y)
        assert max(seen) <= network.halo
    assert max(seen) > network.halo // 2


def test_a_deeper_denoiser_begins_as_the_shallow_one() -> None:
    torch.manual_seed(0)
    shallow, deep = nets.Denoiser(8, 1, 2), nets.Denoiser(8, 1, 2, 2)
    for weights in shallow.parameters():
        nn.init.normal_(weights, std=0.1)
    missing, unexpected = deep.load_state_dict(shallow.state_dict(), strict=False)
    assert {name.split(".")[0] for name in missing} == {"deep"}
    assert not unexpected
    images = torch.rand(1, 3, 32, 40)
    assert torch.equal(deep(images), shallow(images))


@pytest.mark.parametrize("sides", [(9, 9), (8, 13)])
@pytest.mark.parametrize("kind", nets.UPSCALERS)
def test_eight_ways_turn_with_the_picture(kind: str, sides: tuple[int, int]) -> None:
    torch.manual_seed(0)
    network = nets.UPSCALERS[kind](3, 4, 1).double()
    eight, luma = nets.EightWays(network), torch.rand(2, 1, *sides, dtype=torch.float64)
    found = eight(luma)
    for turn in (lambda x: x.flip(-1), lambda x: x.flip(-2), lambda x: x.mT):
        assert torch.allclose(eight(turn(luma)), turn(found), atol=1e-12)
        assert not torch.allclose(network(turn(luma)), turn(network(luma)), atol=1e-6)
    assert torch.allclose(found.mean(), torch.stack([network(one).mean() for one in _turned(luma)]).mean(), atol=1e-12)


def _turned(luma: Tensor) -> list[Tensor]:
    flipped = [luma, luma.flip(-1), luma.flip(-2), luma.flip(-1, -2)]
    return [*flipped, *(one.mT for one in flipped)]


def test_an_untrained_network_gives_about_the_picture_itself() -> None:
    torch.manual_seed(0)
    luma = F.interpolate(torch.rand(1, 1, 4, 4), 32, mode="bilinear")
    for make in nets.UPSCALERS.values():
        repeated = F.interpolate(luma, scale_factor=2, mode="nearest")
        assert (make(2)(luma) - repeated).abs().mean() < 0.1
    images, level = torch.rand(2, 3, 16, 24), torch.full((2, 1, 1, 1), 0.1)
    network = nets.Denoiser()
    assert network(images, level).shape == images.shape


def test_the_denoiser_takes_the_level_into_account_and_0_is_unknown() -> None:
    torch.manual_seed(0)
    network, images = nets.Denoiser(8, 1, 1), torch.rand(2, 3, 16, 16)
    zero, known = torch.zeros(2, 1, 1, 1), torch.tensor([0.0, 0.2]).view(2, 1, 1, 1)
    assert torch.equal(network(images), network(images, zero))
    assert torch.equal(network(images, known)[0], network(images)[0])
    assert not torch.allclose(network(images, known)[1], network(images)[1])
