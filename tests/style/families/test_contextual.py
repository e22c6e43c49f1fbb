"""The contextual loss: against the paper's equations with loops, and its one-sidedness."""

from __future__ import annotations

import math

import pytest
import torch

from alebrije.style.families.contextual import CELLS, centre, contextual, unit_points
from alebrije.style.families.parts import points


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def between(value: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    reference = centre(style)
    return contextual(unit_points(value, reference), unit_points(style, reference))


def with_loops(value: torch.Tensor, style: torch.Tensor) -> float:
    ours, theirs = points(value)[0], points(style)[0]
    middle = theirs.mean(0)
    similar = []
    for x in ours:
        cosines = [float(torch.dot(x - middle, y - middle) / ((x - middle).norm() * (y - middle).norm())) for y in theirs]
        nearest = min(1 - cosine for cosine in cosines)
        weights = [math.exp((1 - (1 - cosine) / (nearest + 1e-5)) / 0.5) for cosine in cosines]
        similar.append([weight / sum(weights) for weight in weights])
    best = [max(row[j] for row in similar) for j in range(len(theirs))]
    return -math.log(sum(best) / len(best)) / math.log(len(theirs))


def test_the_loss_is_the_one_of_the_paper() -> None:
    for seed in range(3):
        value, style = random(1, 3, 3, 4, seed=seed), random(1, 3, 5, 2, seed=seed + 10)
        assert between(value, style).item() == pytest.approx(with_loops(value, style), rel=1e-6)


def test_what_the_picture_has_beside_the_style_costs_nothing_but_what_it_lacks_does() -> None:
    style = random(1, 5, 4, 4)
    more = torch.cat([style, random(1, 5, 4, 4, seed=1)], 3)
    less = style[:, :, :, :2]
    assert between(more, style).item() == pytest.approx(0, abs=1e-6)
    assert between(less, style) > 0.05


def test_a_picture_of_one_direction_is_at_1_and_none_is_above() -> None:
    style = random(1, 4, 5, 6)
    flat = random(1, 4, 1, 1, seed=1).expand(1, 4, 3, 4)
    assert between(flat, style).item() == pytest.approx(1)
    assert all(between(100 * random(1, 4, 2, 2, seed=seed), style) < 1 for seed in range(2, 6))


def test_a_style_that_repeats_itself_stays_a_little_above_0() -> None:
    style = random(1, 4, 3, 4)
    twice = style.repeat(1, 1, 1, 2)
    assert between(twice, twice).item() == pytest.approx(math.log(2) / math.log(24), rel=1e-3)


def test_the_scale_about_the_mean_of_the_style_does_not_matter() -> None:
    value, style = random(1, 4, 3, 4), random(1, 4, 5, 3, seed=1)
    middle = style.mean((2, 3), keepdim=True)
    torch.testing.assert_close(between(middle + 5 * (value - middle), style), between(value, style))


@pytest.mark.parametrize("shape", [(40, 40), (33, 32), (1, 5000), (5000, 1), (3, 900), (300, 200)])
def test_large_layers_count_by_their_cells(shape: tuple[int, int]) -> None:
    style = torch.rand(1, 2, *shape, requires_grad=True)
    directions = unit_points(style, centre(style.detach()))
    assert CELLS / 2 < directions.shape[1] <= CELLS
    (gradient,) = torch.autograd.grad(directions[..., 0].sum(), style)
    assert (gradient != 0).flatten(2).any(1).all()  # no position is left out


def test_cells_are_means() -> None:
    blocks = random(1, 3, 32, 32)
    style = blocks.repeat_interleave(3, 2).repeat_interleave(2, 3)
    flipped = style.unflatten(2, (32, 3)).flip(3).flatten(2, 3)  # within each cell
    torch.testing.assert_close(unit_points(flipped, centre(style)), unit_points(style, centre(style)))
    assert between(style, style).item() < 0.02


def test_the_gradient_is_right() -> None:
    style = random(2, 3, 2, 3)
    assert torch.autograd.gradcheck(lambda x: between(x, style), random(2, 3, 4, 2, seed=1).requires_grad_())
