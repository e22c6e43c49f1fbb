"""Pairwise co-occurrence: the Gram matrix as its special case, a slow twin, symmetries, and what only it can see."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alebrije.style.config import StylizeConfig
from alebrije.style.families.pairwise import (
    EMPHASIS,
    FLOOR,
    GATE,
    GATE_WIDTH,
    RADII,
    SCALED,
    gated,
    pairwise,
    pairwise_distance,
    pairwise_reference,
)
from alebrije.style.families.parts import relative_squared_error
from alebrije.style.statistics import gram


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def with_loops(maps: torch.Tensor, radii: tuple[int, ...]) -> torch.Tensor:
    """All ordered pairs of positions, one after the other: [C, H, W] -> [R, C, C]."""
    channels, height, width = maps.shape
    mean = maps.mean((1, 2))
    maps = maps - mean[:, None, None]
    places = [(y, x) for y in range(height) for x in range(width)]
    result = torch.zeros(len(radii), channels, channels, dtype=maps.dtype)
    for ring, outer in enumerate(radii):
        inner = radii[ring - 1] if ring else -1
        count = 0
        for y, x in places:
            for v, u in places:
                if inner < max(abs(y - v), abs(x - u)) <= outer:
                    result[ring] += torch.outer(maps[:, y, x], maps[:, v, u])
                    count += 1
        result[ring] *= (EMPHASIS if ring else 1) / max(count, 1)
    result[0] += torch.outer(mean, mean)
    return result


@settings(deadline=None, max_examples=10)
@given(st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5)), st.integers(0, 1000))
def test_pairwise_is_the_mean_over_pairs_of_positions(shape: tuple[int, ...], seed: int) -> None:
    features, style = random(1, *shape, seed=seed), random(1, *shape, seed=seed + 1)
    for gate in (True, False):
        reference = pairwise_reference(style, gate, scaled=True)
        threshold, scale = reference[:2]
        maps = (gated(features, threshold) if gate else features) / scale
        for radii in ((0, 1, 3), (2,)):
            torch.testing.assert_close(pairwise(features, reference, radii, gate)[0], with_loops(maps[0], radii))


def test_without_gate_scale_and_reach_it_is_the_gram_matrix() -> None:
    features = torch.randn(2, 6, 7, 5, dtype=torch.float64)
    reference = pairwise_reference(features, gate=False, scaled=False)
    torch.testing.assert_close(pairwise(features, reference, (0,), gate=False)[:, 0], gram(features))


def test_with_scale_it_is_the_gram_matrix_of_channels_of_power_one() -> None:
    features = random(1, 6, 7, 5)
    found = pairwise(features, pairwise_reference(features, gate=False, scaled=True), (0,), gate=False)[0, 0]
    torch.testing.assert_close(found.diagonal(), torch.ones(6, dtype=torch.float64))


def test_every_ring_is_symmetric_and_follows_the_order_of_channels() -> None:
    features = random(1, 6, 9, 7)
    order = torch.randperm(6, generator=torch.Generator().manual_seed(1))
    found = pairwise(features, pairwise_reference(features))
    torch.testing.assert_close(found, found.transpose(2, 3))
    mixed = pairwise(features[:, order], pairwise_reference(features[:, order]))
    torch.testing.assert_close(mixed, found[:, :, order][:, :, :, order])


def test_mirrors_and_turns_do_not_count() -> None:
    features = random(1, 4, 9, 7)
    reference = pairwise_reference(features)
    for other in (features.flip(3), features.flip(2), features.transpose(2, 3)):
        torch.testing.assert_close(pairwise(other, reference), pairwise(features, reference))


def test_a_pattern_may_lie_anywhere_inside() -> None:
    pattern = random(1, 4, 6, 5)
    reference = pairwise_reference(pattern)
    upper, lower = torch.zeros(1, 4, 20, 20, dtype=torch.float64), torch.zeros(1, 4, 20, 20, dtype=torch.float64)
    upper[:, :, 4:10, 5:10], lower[:, :, 10:16, 9:14] = pattern, pattern
    torch.testing.assert_close(pairwise(upper, reference, (0, 2, 4)), pairwise(lower, reference, (0, 2, 4)))


def test_flat_pictures_of_all_sizes_are_alike() -> None:
    """Borders leave no trace: where every position is the same, nothing varies at any distance."""
    levels = torch.tensor([0.5, 2.0, 1.0], dtype=torch.float64).view(1, 3, 1, 1)
    reference = torch.zeros_like(levels), torch.ones_like(levels)
    expected = torch.zeros(3, 3, 3, dtype=torch.float64)
    expected[0] = torch.outer(levels.flatten(), levels.flatten())
    for size in ((20, 20), (7, 30), (4, 4)):
        torch.testing.assert_close(pairwise(levels.expand(1, 3, *size), reference, (0, 1, 3), gate=False)[0], expected)


def test_a_brighter_picture_has_the_same_rings() -> None:
    """Adding a level to a channel changes the Gram matrix, and no ring: borders or not."""
    features, reference = random(1, 3, 6, 9), pairwise_reference(random(1, 3, 8, 8))
    brighter = features + torch.tensor([3.0, 0.0, 1.0], dtype=torch.float64).view(1, 3, 1, 1)
    found, other = pairwise(features, reference, (0, 1, 4)), pairwise(brighter, reference, (0, 1, 4))
    torch.testing.assert_close(found[:, 1:], other[:, 1:])
    assert (other[0, 0] - found[0, 0])[0, 0] > 9


def test_noise_has_the_gram_matrix_and_nothing_at_a_distance() -> None:
    noise = random(1, 3, 60, 60)
    found = pairwise(noise, pairwise_reference(noise), (0, 2, 8))[0] / EMPHASIS
    assert (found[1:].abs().amax((1, 2)) < 0.02 * noise.var()).all()


def test_a_ring_that_does_not_fit_is_zero() -> None:
    features = random(1, 3, 1, 1)
    found = pairwise(features, pairwise_reference(features), (0, 2, 4))
    assert found[0, 0].all()
    assert not found[0, 1:].any()
    assert not pairwise(random(1, 3, 3, 2), pairwise_reference(features), (0, 2, 4))[0, 2].any()


def test_a_ring_that_does_not_fit_into_the_style_is_not_asked_of_the_picture() -> None:
    style, picture = random(1, 3, 4, 6), random(1, 3, 9, 7, seed=1)
    found = pairwise(picture, pairwise_reference(style), (0, 2, 5, 8))
    assert found[0, :3].flatten(1).any(1).all()
    assert not found[0, 3].any()
    torch.testing.assert_close(found[:, :3], pairwise(picture, pairwise_reference(style)[:2], (0, 2, 5)))
    wide = pairwise(picture, pairwise_reference(random(1, 3, 6, 7)), (0, 2, 5, 8))
    assert wide[0, 3].any()


def test_it_tells_apart_what_gram_cannot() -> None:
    """Two channels that never meet at a position: as neighbours in stripes, or far from each other in halves."""
    stripes = (torch.arange(16) % 2 == 0).double().expand(1, 1, 16, 16)
    halves = (torch.arange(16) < 8).double().expand(1, 1, 16, 16)
    stripes, halves = (torch.cat([x, 1 - x], dim=1) for x in (stripes, halves))
    torch.testing.assert_close(gram(stripes), gram(halves))
    reference = pairwise_reference(stripes, gate=False)
    near = pairwise(stripes, reference, (0, 1), gate=False), pairwise(halves, reference, (0, 1), gate=False)
    assert near[0][0, 1, 0, 1] > 0.1 * EMPHASIS > 0 > -0.15 * EMPHASIS > near[1][0, 1, 0, 1]


@pytest.mark.parametrize("gate", [True, False])
def test_gradcheck(gate: bool) -> None:
    features = random(2, 3, 4, 5).requires_grad_()
    reference = pairwise_reference(random(1, 3, 6, 4, seed=1), gate=gate)
    assert torch.autograd.gradcheck(lambda x: pairwise(x, reference, (0, 1, 2, 7), gate=gate), (features,))


def test_gradient_below_the_threshold_is_not_lost() -> None:
    features = torch.full((1, 2, 4, 4), 0.01, dtype=torch.float64, requires_grad=True)
    reference = pairwise_reference(random(1, 2, 4, 4), gate=True)
    (gradient,) = torch.autograd.grad(pairwise(features, reference, gate=True).sum(), features)
    assert (gradient > 0).all()


def test_a_soft_enough_gate_is_none() -> None:
    features = random(1, 3, 6, 5)
    threshold = features.mean((0, 2, 3), keepdim=True)
    torch.testing.assert_close(gated(features, threshold, width=1e6), features / 2, rtol=1e-5, atol=0)
    torch.testing.assert_close(gated(features, threshold, width=1e-6), features * (features > threshold))


def test_no_channel_is_brought_up_by_more_than_the_floor_allows() -> None:
    style = random(1, 4, 8, 8) * torch.tensor([1e-6, 0.0, 1.0, 3.0], dtype=torch.float64).view(1, 4, 1, 1)
    scale = pairwise_reference(style, gate=False, scaled=True)[1]
    power = style.square().mean((0, 2, 3))
    least = FLOOR * power.mean().sqrt()
    torch.testing.assert_close(scale.flatten(), power.sqrt().clamp_min(least))
    assert scale[0, 0] == scale[0, 1] < scale[0, 2]


def test_settings_begin_where_the_statistic_does() -> None:
    settings = StylizeConfig()
    assert (settings.radii, settings.scaled, settings.gate, settings.width) == (RADII, SCALED, GATE, GATE_WIDTH)


@pytest.mark.parametrize("gate", [True, False])
def test_distance_is_0_for_itself_1_or_more_for_nothing_and_blind_to_scale(gate: bool) -> None:
    style, picture = (random(1, 5, 12, 9, seed=s, dtype=torch.float32) for s in (1, 2))
    for factor in (1.0, 0.001, 200.0):
        reference = pairwise_reference(factor * style, gate=gate, scaled=True)
        target, value, nothing = (pairwise(factor * x, reference, gate=gate) for x in (style, picture, 0 * style))
        assert pairwise_distance(target, target) == 0
        assert 1 <= pairwise_distance(nothing, target) < 1.5
        if factor == 1.0:
            expected = pairwise_distance(value, target)
        torch.testing.assert_close(pairwise_distance(value, target), expected, rtol=1e-4, atol=1e-7)


def test_with_one_ring_the_distance_is_that_of_gram() -> None:
    style, picture = random(1, 5, 12, 9, seed=1), random(1, 5, 7, 8, seed=2)
    reference = pairwise_reference(style)
    found = pairwise_distance(pairwise(picture, reference, (0,)), pairwise(style, reference, (0,)))
    torch.testing.assert_close(found, relative_squared_error(gram(picture), gram(style)))


def test_silent_channels_and_silent_styles_stay_finite() -> None:
    style, picture = random(1, 4, 8, 8, dtype=torch.float32), random(1, 4, 8, 8, seed=1, dtype=torch.float32)
    for silent in (slice(0, 1), slice(None)):
        style = style.clone()
        style[:, silent] = 0
        reference = pairwise_reference(style, scaled=True)
        value = picture.clone().requires_grad_()
        distance = pairwise_distance(pairwise(value, reference), pairwise(style, reference))
        (gradient,) = torch.autograd.grad(distance, value)
        assert torch.isfinite(distance)
        assert torch.isfinite(gradient).all()
        assert gradient[:, 0].any()


def test_layout_and_number_format_change_nothing_but_rounding() -> None:
    features = random(1, 8, 10, 12, dtype=torch.float32)
    reference = pairwise_reference(features)
    found = pairwise(features, reference)
    torch.testing.assert_close(pairwise(features.to(memory_format=torch.channels_last), reference), found)
    torch.testing.assert_close(pairwise(features.double(), pairwise_reference(features.double())).float(), found)
    half = features.bfloat16()
    assert pairwise(half, pairwise_reference(half)).dtype == torch.float32
