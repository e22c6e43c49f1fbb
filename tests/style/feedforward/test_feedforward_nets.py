"""The networks that paint in one pass: their shapes, their normalisation, and adaptive normalisation by hand."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import features
from alebrije.style.feedforward import adain, nets
from alebrije.style.feedforward.apply import cut_to, filled
from alebrije.style.feedforward.perceptual import goals_of, inner, style_distances
from alebrije.style.losses import LOSSES


def lively(network: nn.Module) -> None:
    """Weights of which none is zero."""
    for parameter in network.parameters():
        if parameter.ndim > 1:
            nn.init.kaiming_normal_(parameter)


@pytest.mark.parametrize(("height", "width"), [(32, 32), (33, 47), (64, 35), (50, 96)])
def test_pictures_of_any_size_keep_it(height: int, width: int) -> None:
    network = nets.Stylizer(4, 1)
    lively(network)
    picture = torch.rand(1, 3, height, width)
    painted = cut_to(network(filled(picture, nets.STRIDE)), picture)
    assert painted.shape == picture.shape
    assert painted.isfinite().all()


def test_what_is_filled_up_is_the_mirror_image() -> None:
    row = torch.arange(6.0).expand(1, 1, 4, 6)
    assert filled(row, 4)[0, 0, 0].tolist() == [0, 1, 2, 3, 4, 5, 4, 3]
    assert filled(row[..., :4], 4).shape == (1, 1, 4, 4)


def test_it_begins_with_the_picture_in_the_paintings_colours() -> None:
    network = nets.Stylizer(4, 1)
    painting, picture = torch.rand(1, 3, 20, 30) ** 2, torch.rand(1, 3, 32, 32)
    network.begin_with(painting)
    with torch.no_grad():
        painted = network(picture)
    # exact but for FLAT, which holds back the contrast of flat pictures
    assert torch.allclose(painted.mean((2, 3)), painting.mean((2, 3)), atol=1e-5)
    variance = picture.var((2, 3), correction=0)
    held = (variance / (variance + nets.FLAT)).sqrt()
    assert torch.allclose(painted.std((2, 3), correction=0), painting.std((2, 3), correction=0) * held, atol=1e-5)


def test_instance_normalisation_by_hand() -> None:
    norm = nets.InstanceNorm(2)
    with torch.no_grad():
        norm.gain.copy_(torch.tensor([2.0, 0.5]))
        norm.shift.copy_(torch.tensor([-1.0, 3.0]))
    x = torch.randn(3, 2, 5, 7) * 4 + 1
    y = norm(x)
    for picture in range(3):
        for channel, (gain, shift) in enumerate([(2.0, -1.0), (0.5, 3.0)]):
            plane = x[picture, channel]
            wanted = gain * (plane - plane.mean()) / (plane.var(correction=0) + norm.epsilon).sqrt() + shift
            assert torch.allclose(y[picture, channel], wanted, atol=1e-5)


def test_light_and_contrast_of_the_content_are_forgotten() -> None:
    network = nets.Stylizer(4, 1)
    lively(network)
    network.colors.epsilon = 1e-9
    picture = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network(picture), network(0.5 * picture + 0.2), atol=1e-2)


def test_a_flat_picture_does_no_harm() -> None:
    network = nets.Stylizer(4, 1)
    lively(network)
    assert network(torch.full((1, 3, 32, 32), 0.3)).isfinite().all()


def naive_adain(content: Tensor, style: Tensor) -> Tensor:
    made = torch.empty_like(content)
    for picture in range(len(content)):
        for channel in range(content.shape[1]):
            x, y = content[picture, channel], style[picture, channel]
            made[picture, channel] = y.std(correction=0) * (x - x.mean()) / x.std(correction=0) + y.mean()
    return made


def test_adain_by_hand_and_in_closed_form() -> None:
    content, style = torch.randn(2, 5, 6, 7), 3 * torch.rand(2, 5, 9, 4)
    made = adain.adain(content, style)
    assert torch.allclose(made, naive_adain(content, style), atol=1e-4)
    assert torch.allclose(made.mean((2, 3)), style.mean((2, 3)), atol=1e-5)
    assert torch.allclose(made.std((2, 3), correction=0), style.std((2, 3), correction=0), atol=1e-4)
    assert torch.allclose(adain.adain(content, content), content, atol=1e-5)
    assert adain.adain(torch.zeros(1, 2, 3, 3), style[:1, :2]).isfinite().all()


def test_strength_and_shares_are_proportions() -> None:
    content, one, other = torch.randn(1, 4, 5, 5), torch.rand(1, 4, 6, 6), torch.rand(1, 4, 3, 8)
    assert torch.equal(adain.mixed(content, [one], (1.0,), 0.0), content)
    both = adain.mixed(content, [one, other], (3.0, 1.0))
    assert torch.allclose(both, 0.75 * adain.adain(content, one) + 0.25 * adain.adain(content, other), atol=1e-6)
    assert torch.allclose(both, adain.mixed(content, [one, other], (6.0, 2.0)), atol=1e-6)
    half = adain.mixed(content, [one], (1.0,), 0.5)
    assert torch.allclose(half, (content + adain.adain(content, one)) / 2, atol=1e-6)


@pytest.mark.parametrize("enlarge", [False, True])
def test_a_layer_that_can_be_fitted_exactly_is(enlarge: bool) -> None:
    truth, fitted = (nets.Layer(3, 4, enlarge=enlarge, normal=False, relu=False) for _ in range(2))
    x = torch.randn(4, 3, 16, 16)
    with torch.no_grad():
        adain.fit_layer(fitted, x, truth(x))
        assert (fitted(x) - truth(x)).abs().max() < 0.05 * truth(x).std()


@pytest.mark.parametrize("code", ["relu3_1", "relu4_1"])
def test_the_decoder_begins_as_the_encoders_inverse(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adain, "MOST_ROWS", 3000)
    encoder = features.build("compact", None, [code], pooling="avg")
    pictures = F.interpolate(torch.rand(6, 3, 6, 6), (64, 64), mode="bilinear")
    decoder = adain.build_decoder(encoder, pictures)
    with torch.no_grad():
        again = decoder(adain.encode(encoder, pictures))
    assert again.shape == pictures.shape
    # a random network keeps enough of smooth pictures that the fit beats their mean by far
    assert (again - pictures).square().mean() < 0.5 * pictures.var()


def test_encoder_and_decoder_know_each_others_channels() -> None:
    assert adain.channels(features.build("compact", None, ["relu4_1"])) == (256, 128, 64, 32)
    assert nets.Decoder((16, 8, 4, 2))(torch.rand(2, 16, 5, 7)).shape == (2, 3, 40, 56)


@pytest.mark.parametrize("loss", ["gram", "bn", "cooccurrence", "sliced"])
def test_a_batch_is_the_mean_of_its_pictures(loss: str) -> None:
    weights = {"relu1_1": 1.0, "relu2_1": 2.0}
    taps = {"relu1_1": torch.rand(3, 4, 12, 12), "relu2_1": torch.rand(3, 6, 8, 8)}
    paintings = [{"relu1_1": torch.rand(1, 4, 14, 10), "relu2_1": torch.rand(1, 6, 9, 9)} for _ in range(3)]
    goals = [goals_of(LOSSES[loss], each, weights) for each in paintings]
    apart = [
        style_distances(LOSSES[loss], {name: tap[k : k + 1] for name, tap in taps.items()}, [goals[k]], weights) for k in range(3)
    ]
    together = style_distances(LOSSES[loss], taps, goals, weights)
    assert together.item() == pytest.approx(sum(float(each) for each in apart) / 3, rel=1e-5)


def test_the_outermost_ring_is_left_out() -> None:
    x = torch.arange(24.0).view(1, 1, 4, 6)
    assert torch.equal(inner(x), x[:, :, 1:-1, 1:-1])


@pytest.mark.parametrize("kind", ["fast", "adain"])
def test_a_narrow_network_paints_nearly_the_same(kind: str) -> None:
    network = nets.Stylizer(4, 1) if kind == "fast" else nets.Decoder((8, 8, 4))
    lively(network)
    x = torch.rand(1, 3, 32, 32) if kind == "fast" else torch.rand(1, 8, 8, 8)
    with torch.no_grad():
        exact = network(x)
        nets.narrow(network, torch.bfloat16)
        assert network.last.convolution.weight.dtype is torch.float32
        assert (network(x) - exact).abs().mean() < 0.05 * exact.std()
