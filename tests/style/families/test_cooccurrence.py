"""The co-occurrence tensor: the paper's own convolution as its twin, closed forms, and what its six forms cannot see."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from alebrije.errors import ConfigError
from alebrije.style.families.boxes import box_sum, pairs_inside
from alebrije.style.families.cooccurrence import FORMS, cooccurrence_tensor, form_distance, form_statistic, resampled

shapes = st.tuples(st.integers(1, 2), st.integers(2, 6), st.integers(1, 12), st.integers(1, 12))
SIZES = {
    "tensor": (2, 5, 9, 7),
    "matrix": (2, 9, 7),
    "vector": (2, 5),
    "normalized": (2, 5, 9, 7),
    "gram-matrix": (2, 9, 9),
    "gram-vector": (2, 1),
}


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def by_convolution(features: torch.Tensor, radius: int, threshold: float | None = None) -> torch.Tensor:
    """The paper's way: one convolution with C x C x (2r+1)^2 weights, 0 where a channel meets itself."""
    channels, size = features.shape[1], 2 * radius + 1
    weights = (1 - torch.eye(channels, dtype=features.dtype)) / size**2
    weights = weights[:, :, None, None].expand(-1, -1, size, size).contiguous()
    level = features.detach().mean((1, 2, 3), keepdim=True) if threshold is None else threshold
    mask = (features > level).to(features.dtype)
    return mask * F.conv2d(mask * features, weights, padding=radius) / (channels - 1)


@settings(deadline=None, max_examples=25)
@given(shapes, st.integers(0, 4), st.integers(0, 1000))
def test_tensor_is_the_papers_convolution(shape: tuple[int, ...], radius: int, seed: int) -> None:
    features = random(*shape, seed=seed)
    torch.testing.assert_close(cooccurrence_tensor(features, radius), by_convolution(features, radius))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_tensor_and_gradient_in_single_precision(layout: torch.memory_format) -> None:
    features = torch.relu(torch.randn(1, 48, 24, 31, generator=torch.Generator().manual_seed(1)))
    features = features.to(memory_format=layout).requires_grad_()
    exact = features.detach().double().requires_grad_()
    ours, theirs = cooccurrence_tensor(features), by_convolution(exact, 4, threshold=features.mean().item())
    direction = random(*ours.shape, seed=2)
    (gradient,) = torch.autograd.grad((ours * direction.float()).sum(), features)
    (expected,) = torch.autograd.grad((theirs * direction).sum(), exact)
    for mine, true in ((ours, theirs), (gradient, expected)):
        assert (mine - true).abs().max() <= 1e-6 * true.abs().max()


def test_gradcheck_twice() -> None:
    features = random(2, 3, 5, 4, seed=3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: cooccurrence_tensor(x, 1, 0.3), (features,))
    assert torch.autograd.gradgradcheck(lambda x: cooccurrence_tensor(x, 1, 0.3).square(), (features,))


def test_a_spot_of_one_channel_is_told_by_the_others_around_it() -> None:
    features = torch.zeros(1, 3, 9, 9)
    features[0, 0, 4, 4] = 18.0
    features[0, 1] = 1.0  # above the mean, but meets channel 0 only within reach of the spot
    found = cooccurrence_tensor(features, 2, 0.5)
    near = torch.zeros(9, 9)
    near[2:7, 2:7] = 18 / 25 / 2
    torch.testing.assert_close(found[0, 1], near)
    torch.testing.assert_close(found[0, 0, 4, 4], torch.tensor(0.5))  # 25 neighbours of 1, mean, over two other channels
    assert not found[0, 2].any()


def test_at_or_below_the_threshold_nothing_counts_and_nothing_learns() -> None:
    features = random(1, 4, 6, 6).requires_grad_()
    found = cooccurrence_tensor(features, 1)
    (gradient,) = torch.autograd.grad(found.sum(), features)
    below = features <= features.mean()
    assert below.any()
    assert not found[below].any()
    assert not gradient[below].any()
    assert not cooccurrence_tensor(torch.ones(1, 3, 4, 4), 1).any()
    assert not cooccurrence_tensor(torch.zeros(1, 3, 4, 4), 1).any()


def test_a_single_channel_co_occurs_with_nothing() -> None:
    assert not cooccurrence_tensor(random(1, 1, 5, 5)).any()


@pytest.mark.parametrize("factor", [0.01, 30.0])
def test_tensor_grows_with_the_features(factor: float) -> None:
    features = random(1, 4, 6, 8)
    torch.testing.assert_close(cooccurrence_tensor(factor * features), factor * cooccurrence_tensor(features))


def test_each_picture_has_its_own_threshold_and_bfloat16_becomes_float32() -> None:
    features = torch.cat([random(1, 4, 6, 8), 50 * random(1, 4, 6, 8, seed=1)])
    torch.testing.assert_close(cooccurrence_tensor(features)[1:], cooccurrence_tensor(features[1:]))
    assert cooccurrence_tensor(features.bfloat16()).dtype == torch.float32


@pytest.mark.parametrize("radius", [0, 1, 3, 9])
def test_boxes_and_pairs_are_what_loops_count(radius: int) -> None:
    maps = random(1, 2, 5, 4)
    height, width = maps.shape[2:]
    found, pairs = torch.zeros_like(maps), 0
    for y in range(height):
        for x in range(width):
            rows, columns = (slice(max(p - radius, 0), p + radius + 1) for p in (y, x))
            window = maps[:, :, rows, columns]
            found[:, :, y, x] = 3 * window.sum((2, 3))
            pairs += window[0, 0].numel()
    torch.testing.assert_close(box_sum(maps, radius, 3.0), found)
    assert pairs_inside(height, width, radius) == pairs


@pytest.mark.parametrize("form", FORMS)
def test_forms_have_their_shapes_and_gradients(form: str) -> None:
    features = random(2, 5, 9, 7).requires_grad_()
    assert form_statistic(features, form).shape == SIZES[form]
    few = random(1, 3, 3, 4, seed=5).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: form_statistic(x, form, 1, 0.3), (few,))


def test_forms_are_what_their_names_say() -> None:
    features = random(1, 5, 9, 7)
    tensor = cooccurrence_tensor(features)
    forms = {form: form_statistic(features, form)[0] for form in FORMS}
    torch.testing.assert_close(forms["normalized"].sum().item(), 1.0)
    torch.testing.assert_close(forms["normalized"] * tensor.sum(), tensor[0])
    torch.testing.assert_close(forms["matrix"].mean(), forms["vector"].mean())
    torch.testing.assert_close(forms["gram-matrix"].trace() / 9, forms["matrix"].square().mean())
    torch.testing.assert_close(forms["gram-vector"], tensor.square().mean().view(1))
    torch.testing.assert_close(form_statistic(features, "gram-vector", sums=True)[0], tensor.square().sum().view(1))
    rows = forms["matrix"]
    torch.testing.assert_close(form_statistic(features, "gram-matrix", sums=True)[0], torch.einsum("ix,jx->ij", rows, rows))
    with pytest.raises(ConfigError, match="vector"):
        form_statistic(features, "vectr")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(9, 7), (6, 11)])
def test_relative_distance_is_0_for_itself_and_about_1_for_nothing(form: str, size: tuple[int, int]) -> None:
    style = form_statistic(random(1, 5, 9, 7, dtype=torch.float32), form)
    nothing = form_statistic(torch.zeros(1, 5, *size), form)
    assert form_distance(style, style, form) == 0
    torch.testing.assert_close(form_distance(nothing, style, form), torch.tensor(1.0))
    assert math.isfinite(form_distance(style, nothing, form).item())


def test_resampling_keeps_flat_maps_flat_and_sums_at_one() -> None:
    style, picture = random(1, 5, 8, 6), random(1, 5, 11, 9)
    for form in FORMS:
        statistic, like = form_statistic(style, form), form_statistic(picture, form)
        assert resampled(statistic, like, form).shape == like.shape
        if form != "normalized":
            flat = torch.full_like(statistic, 0.7)
            torch.testing.assert_close(resampled(flat, like, form), torch.full_like(like, 0.7))
    brought = resampled(form_statistic(style, "normalized"), form_statistic(picture, "normalized"), "normalized")
    torch.testing.assert_close(brought.sum().item(), 1.0)


def test_plain_distances_of_one_pair_span_many_orders_of_magnitude() -> None:
    # Features as large as those of a network that takes pixels of 0 to 255, and the thesis' own sums.
    first, second = (1000 * random(1, 32, 48, 64, seed=s, dtype=torch.float32) ** 4 for s in (1, 2))
    plain = {
        form: form_distance(form_statistic(first, form, sums=True), form_statistic(second, form, sums=True), form, relative=False)
        for form in FORMS
    }
    assert plain["normalized"] < 1e-9
    assert plain["gram-vector"] > 1e12


@pytest.mark.parametrize(("form", "fooled"), [("tensor", False), ("matrix", False), ("vector", True), ("gram-vector", True)])
def test_maps_are_tied_to_positions(form: str, fooled: bool) -> None:
    """A style mirrored left to right is the same style; a form that finds it far away compares places, not manners."""
    style = random(1, 5, 12, 16)
    distance = form_distance(form_statistic(style.flip(3), form), form_statistic(style, form), form)
    assert (distance < 1e-12) == fooled


def test_one_number_says_little() -> None:
    """Two quite different pictures with one gram-vector: a scaled one can always be made equal."""
    style, other = random(1, 5, 12, 16), random(1, 5, 12, 16, seed=9) ** 6
    wanted, found = form_statistic(style, "gram-vector"), form_statistic(other, "gram-vector")
    matched = other * (wanted / found).sqrt().item()
    assert form_distance(form_statistic(matched, "gram-vector"), wanted, "gram-vector") < 1e-12
    assert form_distance(form_statistic(matched, "vector"), form_statistic(style, "vector"), "vector") > 0.01
