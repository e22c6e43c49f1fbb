"""The networks: the sources' exact sizes, and what their parts promise."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.config import build
from alebrije.errors import ConfigError
from alebrije.gan import nets
from alebrije.gan.nets import dcgan, dense, parts, progan, r3, style
from alebrije.gan.run import KINDS

SIZES = {"dense": (48, 48), "dcgan": (28, 28), "dcgan-mnist": (28, 28), "progan": (16, 24), "r3": (16, 24), "style": (20, 16)}


def weights(network: nn.Module) -> int:
    """All numbers as Keras counts them: weights and the statistics of batch norms."""
    return sum(value.numel() for name, value in network.state_dict().items() if "num_batches" not in name)


def pair(kind: str, shape: tuple[int, int, int], tags: int = 0, **settings: Any) -> nets.Pair:
    model = next(model for network, model in KINDS.values() if network == kind)
    small = {"width": 0.05, "latent_dim": 6, "size": f"{shape[2]}x{shape[1]}"}
    return nets.build(kind, build(model, small | settings), shape, tags)


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("channels", [1, 3])
def test_latents_become_pictures_and_pictures_logits(kind: str, channels: int) -> None:
    shape = (channels, *SIZES[kind])
    generator, discriminator = pair(kind, shape, **({"stages": 3} if kind == "progan" else {}))
    for network in (generator, discriminator):
        if isinstance(network, progan.Growing):
            network.at(2, 1.0)
    images = generator(torch.randn(3, 6))
    assert images.shape == (3, *shape)
    assert discriminator(images).shape == (3,)


def test_the_dense_discriminator_is_the_thesis_own() -> None:
    layers = [layer for layer in dense.DenseDiscriminator((1, 48, 48)).layers if isinstance(layer, nn.Linear)]
    sizes = [layers[0].in_features, *(layer.out_features for layer in layers)]
    assert sizes == [2304, 4098, 2046, 1024, 512, 256, 1]


def test_the_tutorials_networks_have_the_tutorials_numbers() -> None:
    assert weights(dcgan.TutorialGenerator((1, 28, 28))) == 2_330_944
    assert weights(dcgan.TutorialDiscriminator((1, 28, 28))) == 212_865


@pytest.mark.parametrize(("size", "grid"), [((28, 28), 49), ((48, 48), 36), ((64, 64), 16), ((96, 128), 48), ((160, 160), 100)])
def test_convolutions_of_the_thesis_start_at_its_grids(size: tuple[int, int], grid: int) -> None:
    generator = dcgan.ConvGenerator((1, *size), 10, width=1 / 32)
    first = next(layer for layer in generator.layers if isinstance(layer, nn.Linear))
    kernels = [layer for layer in generator.layers if isinstance(layer, nn.ConvTranspose2d)]
    assert first.out_features == grid * kernels[0].in_channels
    assert all((layer.kernel_size, layer.stride) == ((5, 5), (2, 2)) for layer in kernels)
    assert generator(torch.randn(2, 10)).shape == (2, 1, *size)


@pytest.mark.parametrize(("height", "heights"), [(128, [8, 16, 32, 64, 128]), (160, [10, 20, 40, 80, 160])])
def test_networks_grow_through_the_thesis_sizes(height: int, heights: list[int]) -> None:
    assert progan.filters(5) == [256, 256, 128, 64, 64]
    assert progan.filters(3, 0.5, (96, 48)) == [48, 24, 24]
    generator = progan.GrowingGenerator((3, height, height), 8, progan.filters(5, 1 / 64))
    discriminator = progan.GrowingDiscriminator((3, height, height), progan.filters(5, 1 / 64))
    for stage, side in enumerate(heights):
        generator.at(stage, 0.5)
        discriminator.at(stage, 0.5)
        images = generator(torch.randn(2, 8))
        assert images.shape == (2, 3, side, side)
        assert discriminator(images).shape == (2,)


@pytest.mark.parametrize("scaling", progan.SCALINGS)
def test_a_new_stage_begins_as_the_one_before_and_ends_as_itself(scaling: str) -> None:
    generator = progan.GrowingGenerator((3, 16, 24), 8, progan.filters(3, 0.05), scaling)
    discriminator = progan.GrowingDiscriminator((3, 16, 24), progan.filters(3, 0.05), scaling)
    latents, large = torch.randn(4, 8), torch.randn(4, 3, 8, 12)
    generator.at(0, 1.0)
    before = F.interpolate(generator(latents), scale_factor=2)
    generator.at(1, 0.0)
    torch.testing.assert_close(generator(latents), before)
    discriminator.at(0, 1.0)
    judged = discriminator(F.avg_pool2d(large, 2))
    discriminator.at(1, 0.0)
    torch.testing.assert_close(discriminator(large), judged)
    generator.at(1, 1.0)
    assert not torch.allclose(generator(latents), before, atol=1e-3)


def test_under_max_norm_no_filter_is_longer_than_one() -> None:
    network = progan.GrowingDiscriminator((1, 8, 8), progan.filters(2, 0.1), "max-norm")
    with torch.no_grad():
        for weight in network.parameters():
            weight.mul_(1000)
    network.constrain()
    lengths = torch.cat([weight.flatten(1).norm(dim=1) for weight in network.parameters() if weight.dim() > 1])
    assert lengths.max() <= 1 + 1e-5
    assert lengths.max() > 0.99


def test_scaled_layers_keep_the_size_of_numbers_and_scale_the_learning_rate() -> None:
    layer = parts.ScaledLinear(400, 400)
    x = torch.randn(200, 400)
    out = F.leaky_relu(layer(x), 0.2)
    assert float(out.detach().square().mean()) == pytest.approx(1.0, abs=0.05)
    torch.testing.assert_close(layer(x), x @ layer.weight.mT * parts.GAIN / 20)
    slow = parts.ScaledLinear(4, 4, rate=0.01)
    assert float(slow.weights()[0].detach().std()) == pytest.approx(parts.GAIN / 2, rel=0.6)
    (slow.weights()[0].sum()).backward()  # type: ignore[no-untyped-call]
    assert float(slow.weight.grad[0, 0]) == pytest.approx(0.01 * parts.GAIN / 2)  # type: ignore[index]


def test_pixel_norm_and_minibatch_deviation() -> None:
    x = torch.randn(6, 5, 4, 3)
    torch.testing.assert_close(parts.pixel_norm(x).square().mean(1), torch.ones(6, 4, 3), atol=1e-4, rtol=0)
    with_spread = parts.minibatch_stddev(x, group=3)
    assert with_spread.shape == (6, 6, 4, 3)
    own = x[[1, 3, 5]].std(0, unbiased=False).mean()  # every other picture is a group: 0, 2, 4 and 1, 3, 5
    torch.testing.assert_close(with_spread[3, 5], own.expand(4, 3), atol=1e-5, rtol=1e-4)
    assert parts.minibatch_stddev(x[:1].expand(4, -1, -1, -1))[:, 5].max() < 1e-3
    assert parts.minibatch_stddev(x[:1])[0, 5].max() < 1e-3


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_dropout_drops_its_share_and_keeps_the_mean(layout: torch.memory_format) -> None:
    x = torch.ones(8, 16, 32, 33).to(memory_format=layout)
    dropout = parts.Dropout(0.3)
    out = dropout(x)
    assert float((out == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(out.mean()) == pytest.approx(1.0, abs=0.01)
    assert out.stride() == x.stride()
    places = (out == 0).float()  # no two neighbours hang together
    assert abs(float(torch.corrcoef(torch.stack([places[..., 1:].flatten(), places[..., :-1].flatten()]))[0, 1])) < 0.02
    assert dropout.eval()(x) is x


def test_sizes_that_cannot_be_halved_are_refused() -> None:
    assert [parts.doublings(size) for size in ((28, 28), (48, 48), (64, 64), (96, 128), (7, 7))] == [2, 3, 4, 4, 0]
    with pytest.raises(ConfigError, match="multiples of 4"):
        pair("dcgan-mnist", (1, 30, 30))
    with pytest.raises(ConfigError, match="multiples of 16"):
        pair("progan", (1, 100, 100))


def test_residual_blocks_begin_as_nothing_and_the_whole_neither_grows_nor_fades() -> None:
    block = r3.Block(16, 8)
    x = torch.randn(2, 16, 5, 5)
    assert torch.equal(block(x), x)
    images = r3.ResidualGenerator((3, 16, 16), 64, 0.25)(torch.randn(16, 64))
    assert 0.3 < float(images.detach().std()) < 2
    discriminator = r3.ResidualDiscriminator((3, 16, 16), 0.25)
    assert 0.1 < float(discriminator(torch.randn(32, 3, 16, 16)).detach().std()) < 3
    groups = [m.groups for m in discriminator.modules() if isinstance(m, nn.Conv2d) and m.groups > 1 and m.kernel_size == (3, 3)]
    assert groups


def test_blocks_that_are_not_still_change_what_they_are_given_and_keep_its_size() -> None:
    x = torch.randn(4, 16, 6, 6)
    change = r3.Block(16, 4, r3.Design(still=False))(x) - x
    assert 0.1 < float(change.detach().std()) < 2


def test_a_design_without_groups_has_the_numbers_it_says() -> None:
    """1x1 to e c channels, 3x3 among all of them, 1x1 back; biases in the first two."""
    design = r3.Design(blocks=1, expansion=3, group=0, channels=(20, 12))
    assert weights(r3.Block(10, 1, design)) == 10 * 30 + 30 + 30 * 30 * 9 + 30 + 30 * 10
    assert r3.plan((32, 32), 0.5, design) == [10, 6, 6, 6]


def naive(layer: style.Modulated, x: Tensor, styles: Tensor) -> Tensor:
    """Equations 1 to 3 of the paper, picture by picture, on the weights."""
    out = []
    for one, code in zip(x, styles, strict=True):
        weight = layer.weight * layer.scale * layer.style(code[None])[0][None, :, None, None]
        if layer.demodulate:
            weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
        out.append(F.conv2d(one[None], weight, layer.bias, padding=layer.weight.shape[-1] // 2))
    return torch.cat(out)


@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolutions_are_the_papers(demodulate: bool) -> None:
    layer = style.Modulated(6, 5, 3, 7, demodulate)
    x, styles = torch.randn(4, 6, 8, 9), torch.randn(4, 7)
    torch.testing.assert_close(layer(x, styles), naive(layer, x, styles), atol=1e-5, rtol=1e-4)


def test_styles_are_the_same_at_each_call_and_truncation_ends_at_the_mean() -> None:
    generator = style.StyleGenerator((3, 16, 16), 8, 0.05)
    nn.init.ones_(generator.noise)
    generator(torch.randn(50, 8))
    generator.eval()
    latents = torch.randn(3, 8)
    torch.testing.assert_close(generator(latents), generator(latents), atol=0, rtol=0)
    torch.testing.assert_close(generator.truncated(latents, None, 1.0), generator(latents))
    mean = generator.truncated(latents, None, 0.0)
    torch.testing.assert_close(mean[0], mean[1])
    generator.train()
    assert not torch.equal(generator(latents), generator(latents))


@pytest.mark.parametrize("kind", nets.TAKE_TAGS)
def test_tags_steer_both_networks_and_can_be_mixed(kind: str) -> None:
    generator, discriminator = pair(kind, (3, 16, 16), tags=3)
    generator.eval()
    latents, one, other = torch.randn(2, 6), torch.tensor([[1.0, 0, 0]] * 2), torch.tensor([[0.0, 1, 1]] * 2)
    images = generator(latents, one)
    assert not torch.allclose(images, generator(latents, other))
    assert generator(latents, (one + other) / 2).shape == images.shape
    logits = [discriminator(images, tags) for tags in (one, other, torch.zeros(2, 3), one + other)]
    torch.testing.assert_close(logits[0] + logits[1] - logits[2], logits[3])  # codes of tags add up
    with pytest.raises(ValueError, match="built for tags"):
        generator(latents)
    with pytest.raises(ConfigError, match="cannot be steered"):
        pair("dcgan", (3, 16, 16), tags=2)


@pytest.mark.parametrize("kind", nets.TAKE_TAGS)
def test_the_share_of_a_lone_tag_counts(kind: str) -> None:
    """The code of tags is linear in their shares: half of a tag is halfway between it and none."""
    network = pair(kind, (3, 16, 16), tags=3)[0].eval()
    first = network.mapping.layers[0] if isinstance(network, style.StyleGenerator) else network.weigh
    assert isinstance(first, nn.Module)
    seen: list[Tensor] = []
    first.register_forward_pre_hook(lambda module, given: seen.append(given[0].detach()))
    latents, tag = torch.randn(4, 6), torch.tensor([0.0, 1, 0]).expand(4, -1)
    for share in (0.0, 0.5, 1.0):
        network(latents, share * tag)
    none, half, whole = seen
    torch.testing.assert_close(half - none, (whole - none) / 2)
    assert float((whole - none).abs().max()) > 0.05


def test_dropout_never_drops_all() -> None:
    out = parts.Dropout(0.999)(torch.ones(100_000))
    assert sorted(set(out.tolist())) == [0, 256]
    assert float(out.mean()) == pytest.approx(1, abs=0.2)


def test_batch_norms_and_weights_begin_as_the_paper_says() -> None:
    generator = dcgan.ConvGenerator((1, 64, 64))
    layer = next(layer for layer in generator.layers if isinstance(layer, nn.ConvTranspose2d))
    weight = layer.weight.detach()
    assert float(weight.std()) == pytest.approx(0.02, rel=0.02)
    assert math.isclose(float(weight.mean()), 0, abs_tol=1e-4)
    norms = torch.cat([norm.weight.detach() for norm in generator.layers if isinstance(norm, nn.BatchNorm2d)])
    assert float(norms.mean()) == pytest.approx(1, abs=0.005)
    assert float(norms.std()) == pytest.approx(0.02, rel=0.15)
