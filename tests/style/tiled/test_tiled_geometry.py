"""Where the pieces lie, what they see, and that this is what the network sees."""

from __future__ import annotations

import pytest
import torch

from alebrije import features
from alebrije.features.extractor import Network, assemble
from alebrije.features.vgg import IMAGENET_MEAN, IMAGENET_STD, VGG19, vgg_layers, vgg_stages
from alebrije.style.config import STYLE_LAYERS
from alebrije.style.tiled.geometry import Span, halo, reaches, source, spans, window

THIN = tuple((2,) * len(block) for block in VGG19)


def thin_vgg19() -> Network:
    return Network(lambda pooling: vgg_stages(THIN, pooling), vgg_layers(THIN), IMAGENET_MEAN, IMAGENET_STD)


@pytest.mark.parametrize("layer", ["relu1_1", "relu2_2", "relu4_2", "relu5_1"])
def test_a_layer_sees_what_gradients_reach(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Positive weights and mean pooling leave no path dead."""
    monkeypatch.setitem(features.NETWORKS, "thin", thin_vgg19())
    extractor = assemble("thin", thin_vgg19(), None, [layer], "avg")
    for parameter in extractor.parameters():
        parameter.fill_(0.1)
    image = torch.rand(1, 3, 256, 256).requires_grad_()
    tap = extractor(image)[layer]
    middle = tap.shape[2] // 2
    (gradient,) = torch.autograd.grad(tap[0, :, middle, middle].sum(), image)
    rows = gradient.abs().sum((0, 1, 3)).nonzero().flatten()
    reach = reaches("thin", [layer])[layer]
    assert reach.stride == image.shape[2] // tap.shape[2]
    assert (int(rows[0]), int(rows[-1])) == (reach.stride * middle - reach.before, reach.stride * middle + reach.after)


@pytest.mark.parametrize(("network", "pixels"), [("compact", 48), ("vgg16", 64), ("vgg19", 80)])
def test_a_halo_is_half_of_what_the_deepest_layer_sees(network: str, pixels: int) -> None:
    seen = reaches(network, STYLE_LAYERS)
    assert halo(seen.values()) == pixels
    assert halo(seen.values(), neighbours=4) >= pixels + 4 * 16


@pytest.mark.parametrize("length", [33, 160, 257, 1000, 4032])
@pytest.mark.parametrize("side", [128, 200, 1024])
def test_pieces_are_about_equal_and_leave_nothing_out(length: int, side: int) -> None:
    found = spans(length, side, 48, 16)
    assert [one.stop for one in found[:-1]] == [one.start for one in found[1:]]
    assert (found[0].start, found[-1].stop) == (0, length)
    assert all(cut % 16 == 0 for one in found for cut in (one.start, one.low))
    assert all(one.low == max(one.start - 48, 0) and one.high == min(one.stop + 48, length) for one in found)
    sizes = [one.stop - one.start for one in found]
    assert max(sizes) - min(sizes) <= 32
    assert max(sizes) <= side + 16


@pytest.mark.parametrize("margin", [0, 16])
@pytest.mark.parametrize("stride", [1, 2, 16])
@pytest.mark.parametrize("neighbours", [0, 3])
def test_every_position_of_a_layer_belongs_to_one_piece(margin: int, stride: int, neighbours: int) -> None:
    length = 16 * 20 + (0 if margin == 0 else 5)
    border, count = margin // stride, length // stride
    counted = []
    for span in spans(length, 128, 48, 16, wrap=margin == 0):
        found = window(span, length, stride, margin, neighbours)
        first = found.low + found.before + span.low // stride
        own = range(first, found.high - found.after + span.low // stride)
        assert found.place == first - border
        assert found.before == min(neighbours, first - border)
        assert found.low >= 0
        counted += list(own)
    assert counted == list(range(border, count - border))


def test_what_lies_beyond_the_edge_is_mirrored_or_comes_round() -> None:
    assert source(Span(0, 4, 0, 6), 5, 2).tolist() == [2, 1, 0, 1, 2, 3]
    assert source(Span(4, 9, 3, 9), 5, 2).tolist() == [1, 2, 3, 4, 3, 2]
    assert source(Span(0, 5, -2, 7), 5, 0).tolist() == [3, 4, 0, 1, 2, 3, 4, 0, 1]
