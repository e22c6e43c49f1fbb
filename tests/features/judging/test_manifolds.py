"""Precision, recall, density and coverage: naive twins, corners that are known, and what each of them is for."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from alebrije.errors import DataError
from alebrije.features.judging.manifolds import compare, radii


def naive(real: Tensor, made: Tensor, k: int) -> tuple[float, float, float, float]:
    def reach(points: Tensor) -> list[float]:
        return [sorted(float((a - b).norm()) for j, b in enumerate(points) if i != j)[k - 1] for i, a in enumerate(points)]

    ours, theirs = reach(made), reach(real)
    distances = [[float((a - b).norm()) for b in real] for a in made]
    inside = np.array([[d <= r for d, r in zip(row, theirs)] for row in distances])
    around = np.array([[d <= r for d in row] for row, r in zip(distances, ours)])
    return inside.any(1).mean(), around.any(0).mean(), inside.sum() / (k * len(made)), inside.any(0).mean()


def test_they_are_their_definitions() -> None:
    real, made = torch.randn(40, 3).double(), torch.randn(30, 3).double() * 0.7 + 0.3
    found = compare(real, made)
    assert [found.precision.value, found.recall.value] == pytest.approx(naive(real, made, 3)[:2])
    assert [found.density.value, found.coverage.value] == pytest.approx(naive(real, made, 5)[2:])
    assert all(one.low <= one.value <= one.high for one in found)


def test_the_pictures_themselves_and_others_far_away() -> None:
    real = torch.randn(60, 3)
    same = compare(real, real)
    assert (same.precision.value, same.recall.value, same.coverage.value) == (1, 1, 1)
    far = compare(real, torch.randn(60, 3) + 1000)
    assert [one.value for one in far] == [0, 0, 0, 0]


def test_new_pictures_of_the_same_kind_have_density_one() -> None:
    found = compare(torch.randn(1500, 4), torch.randn(1500, 4))
    assert found.density.value == pytest.approx(1, abs=0.08)
    assert found.precision.value == pytest.approx(found.recall.value, abs=0.05)
    # each ball holds a new point with the chance 1 - C(.,.) of at least one: 1 - 1 / 2^k as both sets are equally large
    assert found.coverage.value == pytest.approx(1 - 2**-5, abs=0.02)


def test_one_kind_only_is_precise_and_forgets_the_rest() -> None:
    kinds = torch.cat([torch.randn(300, 2), torch.randn(300, 2) + 50])
    found = compare(kinds, torch.randn(600, 2) * 0.8)
    assert found.precision.value > 0.95
    assert found.recall.value < 0.55
    assert found.coverage.value < 0.55


def test_one_stray_real_picture_spoils_recall_and_precision_and_not_density() -> None:
    real = torch.randn(300, 2)
    real[0] = 30.0  # its ball reaches over all that lies between
    made = torch.full((300, 2), 15.0) + torch.randn(300, 2)
    found = compare(real, made)
    assert found.precision.value > 0.9
    assert found.density.value <= 1 / 5 + 1e-9
    assert found.coverage.value <= 1 / 300 + 1e-9


def test_neighbours_are_others() -> None:
    assert radii(torch.tensor([[0.0], [1.0], [3.0]]), 1).tolist() == [1, 1, 2]
    with pytest.raises(DataError, match="too few"):
        radii(torch.zeros(3, 1), 3)
