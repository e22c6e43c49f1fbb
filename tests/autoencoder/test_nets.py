"""The sources' networks: their shapes, their numbers of weights, and that the decoder mirrors the encoder."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from alebrije.autoencoder.nets.denoising import DenoisingAutoencoder
from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.autoencoder.nets.lowres import EXPERIMENTS, LowresAutoencoder, Unpool, trace
from alebrije.errors import ConfigError


def weights(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_the_dense_one_is_784_64_784() -> None:
    network = DenseAutoencoder()
    assert weights(network) == 784 * 64 + 64 + 64 * 784 + 784
    images = torch.rand(5, 1, 28, 28)
    latents = network.encode(images)
    assert latents.shape == (5, 64)
    assert latents.min() >= 0
    assert network(images).shape == images.shape
    bound = (6 / (784 + 64)) ** 0.5
    assert 0.99 * bound < network.decoder.weight.abs().max() < bound
    assert DenseAutoencoder((3, 8, 6), 7)(torch.rand(2, 3, 8, 6)).shape == (2, 3, 8, 6)


def test_the_denoising_one_has_the_sources_layers() -> None:
    network = DenoisingAutoencoder()
    # conv 16, conv 8, transposed 8 and 16, conv 1, all 3x3 with biases
    assert weights(network) == (9 * 16 + 16) + (16 * 72 + 8) + (8 * 72 + 8) + (8 * 144 + 16) + (16 * 9 + 1)
    images = torch.rand(2, 1, 28, 28)
    assert network.encode(images).shape == (2, 8, 7, 7)
    assert network(images).shape == images.shape
    assert 0 < network(images).min() < network(images).max() < 1


def test_same_padding_lies_where_keras_puts_it() -> None:
    network = DenoisingAutoencoder()
    with torch.no_grad():
        network.down1.weight.zero_()
        network.down1.weight[0, 0, 0, 0] = 1  # the upper left tap alone: pixel (2 i, 2 j)
    images = torch.rand(1, 1, 8, 8)
    seen = network.down1(F.pad(images, (0, 1, 0, 1)))
    assert torch.equal(seen[0, 0], images[0, 0, ::2, ::2])
    # and the transposed convolution is the adjoint of a convolution padded so
    x, y = torch.rand(1, 8, 4, 4), torch.rand(1, 8, 8, 8)
    up = F.conv_transpose2d(x, network.up1.weight, stride=2)[..., :-1, :-1]
    down = F.conv2d(F.pad(y, (0, 1, 0, 1)), network.up1.weight, stride=2)
    assert (up * y).sum().item() == pytest.approx((x * down).sum().item(), rel=1e-4)


@pytest.mark.parametrize("size", [64, 70, 128])
@pytest.mark.parametrize("number", EXPERIMENTS)
def test_all_nine_give_back_the_size_they_get(number: int, size: int) -> None:
    network = LowresAutoencoder(EXPERIMENTS[number], size, width=2).eval()
    images = torch.rand(2, 3, size, size)
    latents = network.encode(images)
    assert latents.shape == (2, 500 if number == 8 else 200)
    assert network.decode(torch.randn(3, network.latent_dim)).shape == (3, 3, size, size)
    assert network(images).shape == images.shape
    assert network(images).min() >= 0


def kernels(network: LowresAutoencoder, kind: type[nn.Module]) -> list[int]:
    return [module.kernel_size[0] for module in network.modules() if isinstance(module, kind)]  # type: ignore[union-attr,index]


def test_they_differ_in_what_the_report_says() -> None:
    nets = {number: LowresAutoencoder(experiment) for number, experiment in EXPERIMENTS.items()}
    for number, wanted in {1: [7, 6, 4, 3], 4: [7, 6, 4, 4, 4, 3], 5: [7, 5, 4, 3], 6: [7, 6, 4, 3]}.items():
        assert kernels(nets[number], nn.Conv2d) == wanted
        assert kernels(nets[number], nn.ConvTranspose2d) == wanted[::-1]

    def count(number: int, kind: type[nn.Module]) -> int:
        return sum(isinstance(module, kind) for module in nets[number].modules())

    assert [count(number, nn.MaxPool2d) for number in EXPERIMENTS] == [0, 1, 1, 1, 4, 4, 4, 4, 4]
    assert [count(number, Unpool) for number in EXPERIMENTS] == [0, 1, 1, 1, 4, 4, 4, 4, 4]
    assert [count(number, nn.BatchNorm2d) for number in EXPERIMENTS] == [0, 0, 7, 11, 7, 7, 7, 7, 7]
    assert [count(number, nn.Dropout) for number in EXPERIMENTS] == [0] * 8 + [2]
    assert count(7, nn.Sigmoid) == 8
    assert count(7, nn.ReLU) == 1
    assert isinstance(nets[7].decoder[-1], nn.ReLU)
    assert max(module.out_channels for module in nets[4].modules() if isinstance(module, nn.Conv2d)) == 1024
    assert max(module.out_channels for module in nets[6].modules() if isinstance(module, nn.Conv2d)) == 256
    assert weights(nets[1].encoder) == sum(
        (before * kernel * kernel + 1) * after
        for before, after, kernel in [(3, 32, 7), (32, 64, 6), (64, 128, 4), (128, 256, 3), (256 * 8 * 8, 200, 1)]
    )


def test_the_sides_of_the_sixth_by_hand() -> None:
    assert trace(EXPERIMENTS[6], 128) == [(128, 128, 42), (42, 41, 20), (20, 19, 9), (9, 7, 3)]
    with pytest.raises(ConfigError, match=r"size must be [0-9]+ or more") as caught:
        LowresAutoencoder(EXPERIMENTS[6], 32)
    least = int(str(caught.value).split()[-3])
    assert trace(EXPERIMENTS[6], least)[-1][-1] == 1
    with pytest.raises(ConfigError):
        trace(EXPERIMENTS[6], least - 1)


@pytest.mark.parametrize(("pool", "side"), [(2, 8), (2, 9), (3, 11)])
def test_pooling_what_was_unpooled_gives_it_back(pool: int, side: int) -> None:
    x = torch.rand(2, 3, side // pool, side // pool)
    for way in ("corner", "nearest"):
        enlarged = Unpool(pool, side, way)(x)
        assert enlarged.shape == (2, 3, side, side)
        assert torch.equal(F.max_pool2d(enlarged, pool), x)
    corner, nearest = (Unpool(pool, side, way)(x) for way in ("corner", "nearest"))
    assert corner.sum().item() == pytest.approx(x.sum().item(), rel=1e-5)
    whole = side // pool * pool
    assert torch.equal(nearest[..., :whole, :whole], F.interpolate(x, scale_factor=pool))
    assert torch.equal(nearest[..., -1], nearest[..., whole - 1])


def test_unknown_choices_get_the_nearest_name() -> None:
    with pytest.raises(ConfigError, match="did you mean corner"):
        LowresAutoencoder(EXPERIMENTS[6], unpool="corners")
    with pytest.raises(ConfigError, match="did you mean sigmoid"):
        LowresAutoencoder(EXPERIMENTS[6], output="sigmod")
