"""What all families share: points of a layer, samples of them, and a distance without a unit."""

from __future__ import annotations

import pytest
import torch

from alebrije.style.families.parts import points, relative_squared_error, root_mean_square, some_points


def test_points_are_the_positions_in_reading_order() -> None:
    features = torch.arange(24.0).view(1, 2, 3, 4)
    assert points(features).shape == (1, 12, 2)
    assert points(features)[0, 5].tolist() == [5, 17]
    assert points(features.bfloat16()).dtype == torch.float32
    assert points(features.double()).dtype == torch.float64


def test_some_points_are_all_of_a_small_layer_and_a_fixed_choice_of_a_large_one() -> None:
    features = torch.randn(2, 3, 8, 9)
    torch.testing.assert_close(some_points(features, 72), points(features))
    few = some_points(features, 20)
    assert few.shape == (2, 20, 3)
    assert torch.equal(few, some_points(features, 20))
    assert len({tuple(row) for row in few[0].tolist()}) == 20
    everything = {tuple(row) for row in points(features)[0].tolist()}
    assert all(tuple(row) in everything for row in few[0].tolist())


def test_root_mean_square_is_the_length_of_an_average_point() -> None:
    features = torch.tensor([3.0, 4.0]).view(1, 2, 1, 1).expand(1, 2, 5, 6)
    assert root_mean_square(features).item() == pytest.approx(5)
    assert root_mean_square(torch.zeros(1, 2, 3, 3)) > 0


def test_several_tensors_count_as_one_long_vector() -> None:
    first, second = torch.randn(2, 3), torch.randn(2, 4, 4)
    goals = (torch.randn(2, 3), torch.randn(2, 4, 4))
    one = relative_squared_error(torch.cat([first.flatten(), second.flatten()]), torch.cat([g.flatten() for g in goals]))
    torch.testing.assert_close(relative_squared_error((first, second), goals), one)
