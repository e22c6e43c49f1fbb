"""Shifted Gram matrices: against loops, and what they see that the plain ones do not."""

from __future__ import annotations

import pytest
import torch

from alebrije.style.families.parts import relative_squared_error
from alebrije.style.families.shifted import shifted_grams, suitable_shifts
from alebrije.style.statistics import gram


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def with_loops(features: torch.Tensor, down: int, right: int) -> torch.Tensor:
    channels, height, width = features.shape[1:]
    result, count = torch.zeros(channels, channels, dtype=features.dtype), 0
    for y in range(height - down):
        for x in range(width - right):
            result += torch.outer(features[0, :, y, x], features[0, :, y + down, x + right])
            count += 1
    return result / count


def test_shifted_grams_are_mean_products_at_a_distance() -> None:
    features = random(1, 3, 9, 10)
    found = shifted_grams(features, suitable_shifts(features))
    expected = [with_loops(features, *shift) for shift in [(0, 0), (1, 0), (4, 0), (0, 1), (0, 4)]]
    torch.testing.assert_close(found[0], torch.stack(expected))


def test_the_first_is_the_gram_matrix() -> None:
    features = random(2, 4, 5, 6)
    torch.testing.assert_close(shifted_grams(features, suitable_shifts(features))[:, 0], gram(features))


@pytest.mark.parametrize(("shape", "down", "right"), [
    ((64, 32), [0, 1, 4, 16], [0, 1, 4, 16]),
    ((31, 8), [0, 1, 4], [0, 1, 4]),
    ((7, 1), [0, 1], [0]),
])  # fmt: skip
def test_shifts_leave_half_of_the_style(shape: tuple[int, int], down: list[int], right: list[int]) -> None:
    assert [shifts.tolist() for shifts in suitable_shifts(torch.zeros(1, 2, *shape))] == [down, right]


def test_a_picture_smaller_than_a_shift_is_shifted_as_far_as_it_goes() -> None:
    features = random(1, 3, 2, 5)
    found = shifted_grams(features, suitable_shifts(torch.zeros(1, 3, 40, 40)))
    expected = [(0, 0), (1, 0), (1, 0), (1, 0), (0, 1), (0, 4), (0, 4)]
    torch.testing.assert_close(found[0], torch.stack([with_loops(features, *shift) for shift in expected]))


def test_stripes_and_checkerboard_differ_although_their_gram_matrices_do_not() -> None:
    y, x = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    board, stripes = (((pattern % 2).double() * 2 - 1)[None, None] for pattern in (x + y, x))
    torch.testing.assert_close(gram(board), gram(stripes))
    reference = suitable_shifts(stripes)
    assert relative_squared_error(shifted_grams(board, reference), shifted_grams(stripes, reference)) > 0.5


def test_turning_the_picture_exchanges_down_and_right() -> None:
    features = random(1, 3, 8, 8)
    reference = suitable_shifts(features)
    turned = shifted_grams(features.transpose(2, 3), reference)
    torch.testing.assert_close(turned, shifted_grams(features, reference)[:, [0, 3, 4, 1, 2]])


def test_permuted_channels_permute_rows_and_columns() -> None:
    features, order = random(1, 4, 6, 6), torch.tensor([2, 0, 3, 1])
    reference = suitable_shifts(features)
    permuted = shifted_grams(features[:, order], reference)
    torch.testing.assert_close(permuted, shifted_grams(features, reference)[:, :, order][:, :, :, order])


@pytest.mark.parametrize("factor", [0.1, -3.0])
def test_shifted_grams_grow_with_the_square_of_the_features(factor: float) -> None:
    features = random(1, 3, 6, 5)
    reference = suitable_shifts(features)
    torch.testing.assert_close(shifted_grams(factor * features, reference), factor**2 * shifted_grams(features, reference))


def test_the_gradient_is_right() -> None:
    features = random(2, 3, 4, 9)
    reference = suitable_shifts(features)
    assert torch.autograd.gradcheck(lambda x: shifted_grams(x, reference), features.requires_grad_())
