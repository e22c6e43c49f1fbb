"""Shapes are what is left without colour, brightness and contrast; pairs are of like shapes, fair, and never twice."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from alebrije.core.image import resize
from alebrije.data.draw import creature
from alebrije.data.matching import TWINS, distinct, shape, similar_pairs
from alebrije.errors import ConfigError


def pictures(count: int, seed: int = 0) -> Tensor:
    """Smooth random colours: [count, 3, 32, 32]."""
    return resize(torch.rand(count, 3, 5, 5, generator=torch.Generator().manual_seed(seed)), (32, 32))


def shapes(count: int, seed: int = 0) -> Tensor:
    return torch.stack([shape(one[None]) for one in pictures(count, seed)])


def wave(across: int, down: int) -> Tensor:
    """A picture of the cosine that goes round so often across and down: orthogonal to every other one."""
    grid = (torch.arange(64) + 0.5) / 64
    rows, columns = torch.cos(2 * math.pi * down * grid), torch.cos(2 * math.pi * across * grid)
    return (0.5 + 0.3 * rows[:, None] * columns).expand(1, 3, 64, 64)


def test_a_shape_has_mean_0_and_norm_1() -> None:
    found = shape(pictures(1))
    assert found.shape == (256,)
    assert float(found.mean()) == pytest.approx(0, abs=1e-6)
    assert float(found.norm()) == pytest.approx(1, abs=1e-6)


def test_brightness_and_contrast_do_not_count() -> None:
    picture = pictures(1)
    torch.testing.assert_close(shape(0.2 + 0.3 * picture), shape(picture), atol=1e-5, rtol=0)


def test_colour_at_equal_luma_does_not_count() -> None:
    picture = 0.3 + 0.4 * pictures(1)
    shift = torch.tensor([0.1, -0.1 * 0.2126 / 0.7152, 0]).view(1, 3, 1, 1) * torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(shape(picture + shift), shape(picture), atol=1e-5, rtol=0)


def test_a_negative_is_the_opposite_shape() -> None:
    picture = pictures(1)
    torch.testing.assert_close(shape(1 - picture), -shape(picture), atol=1e-5, rtol=0)


def test_the_size_of_the_picture_hardly_counts() -> None:
    small, large = (shape(creature(5, size).image) for size in (64, 300))
    assert float(small @ large) > TWINS


def test_different_waves_are_not_alike_at_all() -> None:
    waves = [shape(wave(*turns)) for turns in ((1, 0), (0, 1), (1, 1), (2, 1))]
    table = torch.stack(waves) @ torch.stack(waves).mT
    torch.testing.assert_close(table, torch.eye(4), atol=0.01, rtol=0)


def test_what_is_finer_than_a_glance_does_not_count() -> None:
    fine = wave(24, 0) - 0.5
    assert float(shape((wave(1, 1) + fine).clamp(0, 1)) @ shape(wave(1, 1))) > 0.98


def test_a_flat_picture_has_no_shape_and_no_partner() -> None:
    table = torch.cat([shapes(4), shape(torch.full((1, 3, 32, 32), 0.3))[None]])
    assert not table[4].any()
    assert all(4 not in pair for pair in similar_pairs(table, 6, 0))
    assert distinct(table) == [0, 1, 2, 3]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("total", "count"), [(2, 1), (7, 3), (40, 10), (40, 40), (40, 200), (60, 61)])
def test_pairs_are_different_and_fair(total: int, count: int, seed: int) -> None:
    found = similar_pairs(shapes(total, seed), count, seed)
    assert len(found) == count
    assert all(one != other for one, other in found)
    assert len({frozenset(pair) for pair in found}) == count
    times = torch.bincount(torch.tensor(found).flatten(), minlength=total)
    assert int(times.max()) <= math.ceil(2 * count / total) + 1
    assert int(times.min()) >= 2 * count // total - 2


def test_the_same_seed_makes_the_same_pairs_and_another_makes_others() -> None:
    table = shapes(40)
    assert similar_pairs(table, 30, 5) == similar_pairs(table, 30, 5)
    assert similar_pairs(table, 30, 5) != similar_pairs(table, 30, 6)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    similar_pairs(table, 30, 5)
    assert torch.equal(torch.get_rng_state(), before)


def test_partners_are_among_the_nearest_while_those_last() -> None:
    table = shapes(50)
    for one, other in similar_pairs(table, 60, 0, neighbours=6):
        ranks = []
        for here, there in ((one, other), (other, one)):  # by hand, one at a time
            nearer = [k for k in range(50) if k != here and float(table[here] @ table[k]) > float(table[here] @ table[there])]
            ranks.append(len(nearer))
        assert min(ranks) < 6


def test_pairs_are_more_alike_than_chance() -> None:
    table = shapes(60)
    chosen = torch.stack([table[one] @ table[other] for one, other in similar_pairs(table, 60, 0)])
    chance = torch.stack([table[one] @ table[other] for one, other in itertools.combinations(range(60), 2)])
    assert float(chosen.median()) > float(chance.quantile(0.9))


def test_which_is_first_is_drawn() -> None:
    first = sum(one < other for one, other in similar_pairs(shapes(40), 200, 0))
    assert 70 < first < 130


def test_all_pairs_there_are_can_be_had_and_no_more() -> None:
    found = similar_pairs(shapes(9), 36, 0, neighbours=2)
    assert {frozenset(pair) for pair in found} == {frozenset(pair) for pair in itertools.combinations(range(9), 2)}
    with pytest.raises(ConfigError, match="9 pictures make 36 pairs, not 37"):
        similar_pairs(shapes(9), 37, 0)


def test_twins_are_never_paired() -> None:
    once = pictures(5)
    again = torch.cat([once, (once * 255).round() / 255, 0.02 + 0.9 * once])  # saved in 8 bits; paler
    table = torch.stack([shape(one[None]) for one in again])
    assert distinct(table) == [0, 1, 2, 3, 4]
    found = similar_pairs(table, 90, 0)  # 105 couples, 15 of them twins
    assert all(one % 5 != other % 5 for one, other in found)
    with pytest.raises(ConfigError, match="15 pictures make 90 pairs"):
        similar_pairs(table, 91, 0)


@pytest.mark.parametrize(("count", "neighbours"), [(0, 12), (3, 0)])
def test_nothing_cannot_be_chosen(count: int, neighbours: int) -> None:
    with pytest.raises(ConfigError, match="1 pair or more"):
        similar_pairs(shapes(5), count, 0, neighbours)


@pytest.mark.parametrize("total", [0, 1])
def test_one_picture_is_no_pair(total: int) -> None:
    with pytest.raises(ConfigError, match=f"{total} pictures make 0 pairs"):
        similar_pairs(shapes(3)[:total], 1, 0)
