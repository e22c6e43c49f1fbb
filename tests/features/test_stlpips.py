"""ST-LPIPS: the properties of a distance with any weights; with the published ones, the authors' own numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from alebrije.core import weights
from alebrije.errors import PictureError
from alebrije.features import stlpips
from alebrije.features.stlpips import SMALLEST_SIDE, STLPIPS, blur_half

Measure = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture
def metric() -> STLPIPS:
    """Random weights; those of the last step are not negative, as in the published ones."""
    network = STLPIPS()
    for name, parameter in network.named_parameters():
        if name.startswith("lin"):
            parameter.abs_()
    return network


def test_it_is_zero_for_equal_pictures_symmetric_and_positive(metric: STLPIPS) -> None:
    a, b = torch.rand(2, 3, 40, 33), torch.rand(2, 3, 40, 33)
    assert torch.equal(metric(a, a), torch.zeros(2))
    assert torch.equal(metric(a, b), metric(b, a))
    assert (metric(a, b) > 0).all()


def test_each_picture_of_a_batch_is_measured_by_itself(metric: STLPIPS) -> None:
    a, b = torch.rand(3, 3, 32, 32), torch.rand(3, 3, 32, 32)
    one_by_one = torch.cat([metric(a[i : i + 1], b[i : i + 1]) for i in range(3)])
    torch.testing.assert_close(metric(a, b), one_by_one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(9, 12), (8, 5), (3, 3)])
def test_the_blur_is_scipys_binomial_on_a_reflected_picture(shape: tuple[int, int]) -> None:
    x = torch.rand(1, 2, *shape)
    found = blur_half(x).numpy()
    for channel in range(2):
        padded = np.pad(x[0, channel].numpy(), 2, mode="reflect")
        blurred = ndimage.convolve1d(ndimage.convolve1d(padded, [0.25, 0.5, 0.25], axis=0), [0.25, 0.5, 0.25], axis=1)
        np.testing.assert_allclose(found[0, channel], blurred[1:-1:2, 1:-1:2], atol=1e-6)


def test_gradients_flow_even_from_equal_and_from_black_pictures(metric: STLPIPS) -> None:
    for other in (torch.zeros(1, 3, 32, 32), torch.rand(1, 3, 32, 32)):
        picture = torch.zeros(1, 3, 32, 32, requires_grad=True)
        metric(picture, other).sum().backward()
        assert picture.grad is not None
        assert torch.isfinite(picture.grad).all()


def test_pictures_too_small_or_of_two_sizes_are_refused(metric: STLPIPS) -> None:
    fits = torch.rand(1, 3, SMALLEST_SIDE, SMALLEST_SIDE)
    assert metric(fits, fits).shape == (1,)
    with pytest.raises(PictureError, match=f"{SMALLEST_SIDE - 1}x{SMALLEST_SIDE} pixels is too small"):
        metric(fits[..., 1:], fits[..., 1:])
    with pytest.raises(PictureError, match="resize one of them"):
        metric(fits, torch.rand(1, 3, 30, 30))


def test_loading_is_strict() -> None:
    table = STLPIPS().state_dict()
    assert len(table) == 15
    del table["lin3.weight"]
    with pytest.raises(RuntimeError, match=r"lin3\.weight"):
        STLPIPS().load_state_dict(table)


@pytest.fixture(scope="module")
def trained() -> STLPIPS:
    if not weights.at_hand("stlpips"):
        pytest.skip("alebrije weights fetch stlpips has not been run on this machine")
    return stlpips.load()


def photograph(name: str) -> Tensor:
    data = pytest.importorskip("skimage.data", reason="the extra `demo` is not installed")
    return torch.from_numpy(getattr(data, name)()[:256, :256]).permute(2, 0, 1)[None].float() / 255


# The numbers below are the output of the authors' package, stlpips-pytorch 0.0.2, run by itself on the same pictures:
# LPIPS(net="alex", variant="shift_tolerant")(a, b, normalize=True), with torchvision replaced by an empty module.
def test_noise_is_as_far_apart_as_the_authors_package_says(trained: STLPIPS) -> None:
    generator = np.random.default_rng(0)
    a, b = (torch.from_numpy(generator.random((1, 3, 64, 48), dtype=np.float32)) for _ in range(2))
    assert trained(a, b).item() == pytest.approx(0.0368157215, rel=1e-4)


def test_photographs_are_as_far_apart_as_the_authors_package_says(trained: STLPIPS) -> None:
    cat, coffee = photograph("chelsea"), photograph("coffee")
    assert trained(cat, coffee).item() == pytest.approx(0.6208633780, rel=1e-4)
    assert trained(cat, cat * 0.5).item() == pytest.approx(0.3387294114, rel=1e-4)
    assert trained(cat[..., :-1], cat[..., 1:]).item() == pytest.approx(0.0033521573, rel=1e-4)


def test_a_shift_by_a_pixel_costs_less_than_a_little_noise(trained: STLPIPS) -> None:
    cat = photograph("chelsea")
    noisy = cat + 0.05 * torch.randn(cat.shape)
    assert trained(cat[..., :-1], cat[..., 1:]) < 0.5 * trained(cat, noisy)
