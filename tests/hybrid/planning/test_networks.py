"""The report's networks: shapes, who shares what, where the ImageNet weights go, and how heads begin."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.errors import ConfigError, WeightsError
from alebrije.features.resnet import MEAN, STD, ResNet18
from alebrije.hybrid.planning.networks import HEAD_INITS, NETWORKS, build, freeze, heads, load_weights, two_lumas

SIDE = 32
MEANS, DEVIATIONS = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))


def pair(count: int = 2) -> tuple[Tensor, Tensor]:
    return torch.rand(count, 3, SIDE, SIDE), torch.rand(count, 3, SIDE, SIDE)


@pytest.mark.parametrize("kind", NETWORKS)
def test_two_batches_of_pictures_become_two_sigmas_and_a_logit_each(kind: str) -> None:
    sigmas, role = NETWORKS[kind]()(*pair(3))
    assert sigmas.shape == (3, 2)
    assert role.shape == (3,)
    assert sigmas.dtype == role.dtype == torch.float32


@pytest.mark.parametrize(("kind", "sizes"), [("resnet18", {(512, 2), (512, 1)}), ("siamese", {(512, 1), (1024, 1)})])
def test_heads_are_the_reports(kind: str, sizes: set[tuple[int, int]]) -> None:
    assert {(head.in_features, head.out_features) for head in heads(build(kind))} == sizes


@pytest.mark.parametrize("kind", ["resnet18", "simple"])
def test_grey_networks_see_luma_alone(kind: str) -> None:
    network, (first, second) = build(kind).eval(), pair()
    grey = [(0.2126 * one[:, :1] + 0.7152 * one[:, 1:2] + 0.0722 * one[:, 2:]).expand(-1, 3, -1, -1) for one in (first, second)]
    for found, expected in zip(network(*grey), network(first, second)):
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-3)


def test_a_siamese_branch_knows_nothing_of_the_other_picture() -> None:
    network, (first, second) = build("siamese").eval(), pair()
    other = torch.rand_like(second)
    torch.testing.assert_close(network(first, second)[0][:, 0], network(first, other)[0][:, 0])
    swapped, _ = network(second, first)
    torch.testing.assert_close(swapped, network(first, second)[0].flip(1))


def test_imagenet_weights_answer_the_siamese_network_as_their_own() -> None:
    pretrained, network, (first, second) = ResNet18().eval(), build("siamese").eval(), pair()
    network.load_imagenet(pretrained.state_dict())
    expected = torch.cat([pretrained((one - MEANS) / DEVIATIONS) for one in (first, second)], 1)
    torch.testing.assert_close(network.features(first, second), expected)


def test_a_pair_of_one_grey_picture_excites_the_adapted_convolution_as_that_picture_did_before() -> None:
    pretrained, network = ResNet18(), build("resnet18")
    network.load_imagenet(pretrained.state_dict())
    seen = torch.randn(2, 1, SIDE, SIDE)  # as normalised
    expected = F.conv2d(seen.expand(-1, 3, -1, -1), pretrained.conv1.weight, stride=2, padding=3)
    assert isinstance(network.body, ResNet18)
    torch.testing.assert_close(network.body.conv1(seen.expand(-1, 2, -1, -1)), expected, atol=1e-4, rtol=1e-4)
    kernel = network.body.conv1.weight
    assert torch.equal(kernel[:, 0], kernel[:, 1])
    for name, tensor in pretrained.state_dict().items():
        assert name == "conv1.weight" or torch.equal(network.body.state_dict()[name], tensor)


def test_luma_is_normalised_by_the_luma_of_imagenets_statistics() -> None:
    grey = torch.full((1, 3, 2, 2), 0.5)
    mean, deviation = (0.2126 * s[0] + 0.7152 * s[1] + 0.0722 * s[2] for s in (MEAN, STD))
    torch.testing.assert_close(two_lumas(grey, grey), torch.full((1, 2, 2, 2), (0.5 - mean) / deviation))


def test_the_simple_network_has_no_imagenet_weights() -> None:
    with pytest.raises(WeightsError, match="start=scratch"):
        build("simple").load_imagenet({})


@pytest.mark.parametrize("kind", NETWORKS)
def test_heads_begin_as_the_papers_say(kind: str) -> None:
    for name in HEAD_INITS:
        torch.manual_seed(1)
        for head in heads(build(kind, name)):
            fan_in, fan_out = head.in_features, head.out_features
            limit = {
                "glorot": math.sqrt(6 / (fan_in + fan_out)),  # eq. 16 of Glorot and Bengio
                "he": math.sqrt(3 / fan_in),  # uniform of variance 1 / fan_in
                "default": math.sqrt(1 / fan_in),
            }[name]
            weight = head.weight.detach()
            assert 0.9 * limit < float(weight.abs().max()) <= limit
            assert float(weight.std()) == pytest.approx(limit / math.sqrt(3), rel=0.15)
            assert name == "default" or not head.bias.any()


@pytest.mark.parametrize("kind", ["simple", "siamese"])
def test_a_frozen_body_learns_nothing_and_keeps_its_statistics(kind: str) -> None:
    network = build(kind)
    freeze(network, True)
    before = {name: tensor.clone() for name, tensor in network.body.state_dict().items()}
    sigmas, role = network(*pair(4))
    (sigmas.sum() + role.sum()).backward()
    assert all(weight.grad is None for weight in network.body.parameters())
    assert all(head.weight.grad is not None for head in heads(network))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.body.state_dict().items())
    freeze(network, False)
    network(*pair(4))[0].sum().backward()
    assert all(weight.grad is not None for weight in network.body.parameters())
    after = network.body.state_dict()
    assert not all(torch.equal(after[name], before[name]) for name in before if name.endswith("running_mean"))


def test_names_that_do_not_exist_get_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean siamese"):
        build("siamesse")
    with pytest.raises(ConfigError, match="did you mean glorot"):
        build("simple", "glorrot")


def test_a_model_of_another_kind_or_a_damaged_one_is_refused() -> None:
    network = build("simple")
    tensors = dict(network.state_dict())
    with pytest.raises(WeightsError, match=r"another network: it has no body\.0\.0\.weight"):
        load_weights(network, {})
    with pytest.raises(WeightsError, match=r"sigmas\.bias has the shape \[3\]"):
        load_weights(network, tensors | {"sigmas.bias": torch.zeros(3)})
    with pytest.raises(WeightsError, match=r"sigmas\.bias holds NaN"):
        load_weights(network, tensors | {"sigmas.bias": torch.tensor([0.0, math.nan])})
