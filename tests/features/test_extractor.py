"""The extractor against networks written out plainly, and what it promises about gradients, depth and bad input."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.errors import ConfigError, PictureError, WeightsError

POOL = {"max": F.max_pool2d, "avg": F.avg_pool2d}
VGG16_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def random_weights(name: str, layers: list[str]) -> dict[str, Tensor]:
    """He-random weights under the names that files use."""
    extractor = features.build(name, None, layers)
    keys = features.NETWORKS[name].keys
    weights = {}
    for key, value in extractor.stages.state_dict().items():
        stage, _, rest = key.partition(".")
        weights[f"{keys.get(stage, stage)}.{rest}"] = value + 0.1 * torch.randn_like(value)
    return weights


def naive_vgg(x: Tensor, weights: dict[str, Tensor], pooling: str) -> dict[str, Tensor]:
    """VGG-16 as table 1 of the paper reads, column D; x is what the first convolution takes."""
    taps = {}
    for b, widths in enumerate(VGG16_WIDTHS, start=1):
        for i in range(1, len(widths) + 1):
            if f"conv{b}_{i}.weight" not in weights:
                return taps
            x = F.conv2d(x, weights[f"conv{b}_{i}.weight"], weights[f"conv{b}_{i}.bias"], padding=1).clamp_min(0)
            taps[f"relu{b}_{i}"] = x
        x = POOL[pooling](x, 2)
    return taps


def naive_squeezenet(x: Tensor, weights: dict[str, Tensor], pooling: str) -> dict[str, Tensor]:
    """SqueezeNet 1.1 along torchvision's list of modules."""

    def conv(x: Tensor, key: str, **options: int) -> Tensor:
        return F.conv2d(x, weights[f"{key}.weight"], weights[f"{key}.bias"], **options).clamp_min(0)

    x = conv(x, "features.0", stride=2)
    taps = {"relu1": x}
    number = 2
    for place in range(2, 13):
        if place in (2, 5, 8):
            x = POOL[pooling](x, 3, stride=2, ceil_mode=True)
            continue
        x = conv(x, f"features.{place}.squeeze")
        wide = conv(x, f"features.{place}.expand3x3", padding=1)
        x = torch.cat([conv(x, f"features.{place}.expand1x1"), wide], dim=1)
        taps[f"fire{number}"] = x
        number += 1
    return taps


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_vgg16_is_the_network_of_the_paper(pooling: str) -> None:
    layers = ["relu5_1", "relu1_1", "relu3_2", "relu4_2"]
    weights = random_weights("vgg16", layers)
    pictures = torch.rand(2, 3, 37, 50)
    caffe = 255 * pictures[:, [2, 1, 0]] - torch.tensor([104.00699, 116.66877, 122.67892]).view(1, 3, 1, 1)
    expected = naive_vgg(caffe, weights, pooling)
    taps = features.build("vgg16", weights, layers, pooling=pooling)(pictures)
    assert list(taps) == ["relu1_1", "relu3_2", "relu4_2", "relu5_1"]
    for layer, tap in taps.items():
        assert torch.allclose(tap, expected[layer], rtol=1e-4, atol=1e-4 * float(expected[layer].std())), layer


def test_vgg19_takes_rgb_with_imagenet_statistics() -> None:
    weights = random_weights("vgg19", ["relu1_1"])
    pictures = torch.rand(1, 3, 8, 9)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    x = F.conv2d((pictures - mean) / std, weights["conv1_1.weight"], weights["conv1_1.bias"], padding=1).clamp_min(0)
    tap = features.build("vgg19", weights, ["relu1_1"])(pictures)["relu1_1"]
    assert torch.allclose(tap, x, atol=1e-5)


@pytest.mark.parametrize(("name", "convolutions"), [("vgg16", 13), ("vgg19", 16)])
def test_depth(name: str, convolutions: int) -> None:
    assert len(features.NETWORKS[name].layers) == convolutions


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_squeezenet_is_torchvisions(pooling: str) -> None:
    layers = ["relu1", "fire3", "fire5", "fire9"]
    weights = random_weights("squeezenet1_1", layers)
    pictures = torch.rand(1, 3, 67, 80)
    caffe = 255 * pictures[:, [2, 1, 0]] - torch.tensor([104.00699, 116.66877, 122.67892]).view(1, 3, 1, 1)
    expected = naive_squeezenet(caffe, weights, pooling)
    for layer, tap in features.build("squeezenet1_1", weights, layers, pooling=pooling)(pictures).items():
        assert torch.allclose(tap, expected[layer], rtol=1e-4, atol=1e-4 * float(expected[layer].std())), layer


def test_compact_has_the_layers_that_styles_are_made_of_and_few_weights() -> None:
    network = features.NETWORKS["compact"]
    assert {"relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2", "relu5_1"} <= set(network.layers)
    extractor = features.build("compact", None, network.layers)
    assert 2 * sum(p.numel() for p in extractor.parameters()) < 4e6  # bytes in fp16


@pytest.mark.parametrize("pooling", ["max", "avg"])
@pytest.mark.parametrize(
    ("name", "layers", "side"), [("compact", ["relu1_1", "relu2_1"], 4), ("squeezenet1_1", ["fire2"], 7)]
)
def test_gradient_with_respect_to_the_picture(name: str, layers: list[str], side: int, pooling: str) -> None:
    extractor = features.build(name, None, layers, pooling=pooling, dtype=torch.float64)
    pictures = torch.rand(1, 3, side, side + 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: tuple(extractor(x).values()), pictures, fast_mode=True)


def test_nothing_is_kept_below_the_deepest_layer_asked_for() -> None:
    extractor = features.build("vgg16", None, ["relu2_1", "relu1_2"])
    assert list(extractor.stages) == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1", "relu2_1"]


def test_frozen_and_in_eval_mode_and_channels_last() -> None:
    extractor = features.build("compact", None, ["relu2_2"])
    assert not extractor.training
    assert not any(parameter.requires_grad for parameter in extractor.parameters())
    tap = extractor(torch.rand(2, 3, 16, 16, requires_grad=True))["relu2_2"]
    assert tap.is_contiguous(memory_format=torch.channels_last)
    assert tap.requires_grad


def test_the_gradient_does_not_depend_on_the_layout_of_the_losss_gradient() -> None:
    extractor = features.build("compact", None, ["relu2_1"], dtype=torch.float64)
    pictures = torch.rand(1, 3, 16, 16, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(1, 64, 8, 8, dtype=torch.float64)
    plain = torch.autograd.grad((extractor(pictures)["relu2_1"] * weight).sum(), pictures)[0]
    last = weight.contiguous(memory_format=torch.channels_last)
    assert torch.allclose(plain, torch.autograd.grad((extractor(pictures)["relu2_1"] * last).sum(), pictures)[0])


def test_bf16_features_are_the_fp32_ones_up_to_rounding_though_the_input_is_not_rounded_first() -> None:
    weights = random_weights("vgg16", ["relu3_1"])
    pictures = torch.rand(1, 3, 32, 32)
    exact = features.build("vgg16", weights, ["relu3_1"])(pictures)["relu3_1"]
    extractor = features.build("vgg16", weights, ["relu3_1"], dtype=torch.bfloat16)
    rounded = extractor(pictures)["relu3_1"]
    assert rounded.dtype == extractor.dtype == torch.bfloat16
    assert extractor.mean.dtype == torch.float32
    assert float((rounded.float() - exact).norm() / exact.norm()) < 0.02


def test_half_precision_files_and_deeper_weights_are_taken() -> None:
    weights = {key: value.half() for key, value in random_weights("vgg16", ["relu2_2"]).items()}
    extractor = features.build("vgg16", weights, ["relu1_1"])
    assert extractor.dtype == torch.float32
    assert torch.equal(extractor.stages["conv1_1"].weight, weights["conv1_1.weight"].float())


@pytest.mark.parametrize(
    ("name", "layer", "side"),
    [("vgg16", "relu1_2", 1), ("vgg16", "relu2_1", 2), ("vgg16", "relu5_1", 16), ("squeezenet1_1", "fire9", 31)],
)
def test_smallest_picture(name: str, layer: str, side: int) -> None:
    extractor = features.build(name, None, [layer])
    assert min(extractor(torch.rand(1, 3, side, side + 3))[layer].shape) > 0
    if side > 1:
        with pytest.raises(PictureError, match=f"{side + 3}x{side - 1} pixels is too small for {layer} of {name}"):
            extractor(torch.rand(1, 3, side - 1, side + 3))


def test_mistakes_are_named() -> None:
    with pytest.raises(ConfigError, match=r"unknown network vgg18 .*vgg1"):
        features.build("vgg18", None, ["relu1_1"])
    with pytest.raises(ConfigError, match=r"unknown network vgg18"):
        features.load("vgg18", ["relu1_1"])
    with pytest.raises(ConfigError, match=r"unknown layer of vgg16 relu5_9 .*relu5_"):
        features.build("vgg16", None, ["relu5_9"])
    with pytest.raises(ConfigError, match=r"unknown pooling blur .*max, avg"):
        features.build("vgg16", None, ["relu1_1"], pooling="blur")
    with pytest.raises(ConfigError, match="at least one layer"):
        features.build("vgg16", None, [])


def test_weights_that_do_not_fit_are_named() -> None:
    weights = random_weights("compact", ["relu2_1"])
    with pytest.raises(WeightsError, match=r"lack conv2_2\.weight"):
        features.build("compact", weights, ["relu2_2"])
    with pytest.raises(WeightsError, match=r"conv1_1\.weight has the shape \[32, 3, 3, 3\], vgg16 takes \[64,"):
        features.build("vgg16", weights, ["relu1_1"])
