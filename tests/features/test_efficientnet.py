"""EfficientNet-Lite0: its geometry with random weights, and that it knows what pictures show where the weights are."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from alebrije.core import weights
from alebrije.features import efficientnet
from alebrije.features.efficientnet import EfficientNetLite0, SameConv2d


@pytest.mark.parametrize("size", [7, 8, 112, 113])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 2)])
def test_same_padding_gives_the_rounded_up_size_and_its_odd_zero_behind(size: int, kernel: int, stride: int) -> None:
    """TensorFlow's rule, written as a loop over the output: window i starts at i * stride - (zeros before)."""
    convolution = SameConv2d(1, 1, kernel, stride, bias=False)
    torch.nn.init.ones_(convolution.weight)
    row = torch.rand(size)
    found = convolution(row.expand(1, 1, 1, size) if kernel == 1 else row.expand(1, 1, size, size))
    steps = -(-size // stride)
    assert found.shape[-1] == steps
    before = max((steps - 1) * stride + kernel - size, 0) // 2
    middle = found[0, 0, found.shape[-2] // 2] / kernel  # rows are equal: a column of the window sums `kernel` of them
    for i in range(steps):
        window = [row[j] for j in range(i * stride - before, i * stride - before + kernel) if 0 <= j < size]
        assert middle[i].item() == pytest.approx(float(sum(window)), rel=1e-4)


def test_it_has_the_published_size_and_takes_any_picture() -> None:
    network = EfficientNetLite0()
    # 4,652,008 published parameters; every batch normalisation's weight and bias are one bias less after folding.
    channels = sum(m.out_channels for m in network.modules() if isinstance(m, torch.nn.Conv2d))
    assert sum(p.numel() for p in network.parameters()) == 4_652_008 - channels
    assert not any(p.requires_grad for p in network.parameters())
    assert network(torch.rand(2, 3, 40, 90)).shape == (2, 1280)
    assert network.classify(torch.rand(1, 3, 224, 224)).shape == (1, 1000)


def test_loading_is_strict() -> None:
    table = EfficientNetLite0().state_dict()
    del table["blocks.3.expand.bias"]
    with pytest.raises(RuntimeError, match=r"blocks\.3\.expand\.bias"):
        EfficientNetLite0().load_state_dict(table)


def test_features_let_gradients_through_to_the_picture() -> None:
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    EfficientNetLite0()(picture).square().sum().backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0


@pytest.fixture(scope="module")
def trained() -> EfficientNetLite0:
    if not weights.at_hand("efficientnet-lite0"):
        pytest.skip("alebrije weights fetch efficientnet-lite0 has not been run on this machine")
    return efficientnet.load()


@pytest.mark.parametrize(
    ("picture", "classes"),
    [
        ("chelsea", {281, 282, 285}),  # tabby, tiger cat, Egyptian cat
        ("coffee", {967, 968}),  # espresso, cup
        ("rocket", {657}),  # missile
    ],
)
def test_it_knows_what_photographs_show(trained: EfficientNetLite0, picture: str, classes: set[int]) -> None:
    data = pytest.importorskip("skimage.data", reason="the extra `demo` is not installed")
    pixels = torch.from_numpy(getattr(data, picture)()).permute(2, 0, 1)[None].float() / 255
    side = min(pixels.shape[-2:])
    top, left = ((length - side) // 2 for length in pixels.shape[-2:])
    logits = trained.classify(pixels[..., top : top + side, left : left + side])
    assert int(logits.argmax()) in classes


def test_small_changes_move_the_features_less_than_another_picture(trained: EfficientNetLite0) -> None:
    data = pytest.importorskip("skimage.data", reason="the extra `demo` is not installed")
    cat, coffee = (
        torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255 for picture in (data.chelsea(), data.coffee())
    )
    features = trained(torch.cat([F.interpolate(picture, (224, 224)) for picture in (cat, (cat * 0.9), coffee)]))
    assert (features[0] - features[1]).norm() < 0.5 * (features[0] - features[2]).norm()
