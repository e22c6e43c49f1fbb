"""Statistics of features: closed forms, symmetries, and a slow twin written with loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alebrije.style.statistics import gram

shapes = st.tuples(st.integers(1, 2), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))


def gram_with_loops(features: torch.Tensor) -> torch.Tensor:
    batch, channels, height, width = features.shape
    result = torch.zeros(batch, channels, channels, dtype=features.dtype)
    for b in range(batch):
        for i in range(channels):
            for j in range(channels):
                for y in range(height):
                    for x in range(width):
                        result[b, i, j] += features[b, i, y, x] * features[b, j, y, x]
    return result / (height * width)


@settings(deadline=None, max_examples=20)
@given(shapes, st.integers(0, 1000))
def test_gram_is_the_mean_product_of_channels(shape: tuple[int, ...], seed: int) -> None:
    features = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    torch.testing.assert_close(gram(features), gram_with_loops(features))


def test_gram_of_constant_channels_is_their_outer_product() -> None:
    levels = torch.tensor([0.5, -2.0, 3.0])
    features = levels.view(1, 3, 1, 1).expand(1, 3, 7, 4)
    torch.testing.assert_close(gram(features)[0], torch.outer(levels, levels))


def test_gram_of_separate_spots_is_diagonal() -> None:
    features = torch.eye(4).view(1, 4, 2, 2)
    torch.testing.assert_close(gram(features)[0], torch.eye(4) / 4)


def test_gram_forgets_where_things_are() -> None:
    features = torch.randn(1, 6, 5, 8)
    shuffled = features.flatten(2)[:, :, torch.randperm(40)].view(1, 6, 5, 8)
    torch.testing.assert_close(gram(shuffled), gram(features))
    torch.testing.assert_close(gram(features.repeat(1, 1, 2, 3)), gram(features))


@pytest.mark.parametrize("factor", [0.1, -3.0])
def test_gram_grows_with_the_square_of_the_features(factor: float) -> None:
    features = torch.randn(1, 6, 5, 8)
    torch.testing.assert_close(gram(factor * features), factor**2 * gram(features))


def test_gram_is_symmetric_and_positive_semidefinite() -> None:
    matrix = gram(torch.randn(1, 12, 3, 2, dtype=torch.float64))[0]
    torch.testing.assert_close(matrix, matrix.T)
    assert torch.linalg.eigvalsh(matrix).min() > -1e-12


def test_gram_of_bfloat16_features_is_summed_in_float32() -> None:
    features = torch.randn(1, 8, 64, 64).bfloat16()
    assert gram(features).dtype == torch.float32
    torch.testing.assert_close(gram(features), gram(features.double()).float(), rtol=1e-4, atol=1e-5)


def test_gram_does_not_depend_on_the_memory_layout() -> None:
    features = torch.randn(2, 6, 5, 8)
    torch.testing.assert_close(gram(features.contiguous(memory_format=torch.channels_last)), gram(features))


def test_gradient_of_gram_is_right() -> None:
    assert torch.autograd.gradcheck(gram, torch.randn(1, 3, 4, 5, dtype=torch.float64, requires_grad=True))
