"""Distances between pictures and the agreement of two networks about them, against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import torch
from scipy.spatial.distance import cdist

from alebrije import features
from alebrije.features.ranking import (
    CONTENT_LAYER,
    STYLE_LAYERS,
    agreement,
    draw_pairs,
    gram,
    pair_distances,
    squared_distances,
)

LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)


def test_gram_is_the_mean_of_outer_products() -> None:
    tap = torch.randn(2, 5, 3, 4)
    expected = sum(torch.einsum("bc,bd->bcd", tap[..., y, x], tap[..., y, x]) for y in range(3) for x in range(4)) / 12
    assert torch.allclose(gram(tap), expected, atol=1e-6)


def test_gram_does_not_see_where_things_are() -> None:
    tap = torch.randn(1, 4, 6, 6)
    shuffled = tap.flatten(2)[:, :, torch.randperm(36)].view_as(tap)
    assert torch.allclose(gram(tap), gram(shuffled), atol=1e-6)


def test_squared_distances_are_scipys() -> None:
    points = torch.randn(7, 3, 2)
    flat = points.flatten(1).double().numpy()
    assert np.allclose(squared_distances(points), cdist(flat, flat, "sqeuclidean"), atol=1e-4)


def test_pairs_are_different_pairs_of_different_pictures() -> None:
    pairs = draw_pairs(30, 200, seed=0)
    assert len({frozenset(pair) for pair in pairs.tolist()}) == 200
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert pairs.unique().tolist() == list(range(30))
    assert torch.equal(pairs, draw_pairs(30, 200, seed=0))


def test_a_shifted_picture_is_near_in_style_and_far_in_content() -> None:
    torch.manual_seed(1)
    texture, other = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 1, 1).expand(1, 3, 64, 64)
    pictures = torch.cat([texture, texture.roll((24, 24), (2, 3)), other])
    look = features.build("compact", None, LAYERS)
    distances = pair_distances(look, pictures, torch.tensor([[0, 1], [0, 2]]))
    assert distances["style"][0] < 0.1 * distances["style"][1]
    assert distances["content"][0] > 0.1 * distances["content"][1]


def test_a_network_agrees_with_itself_at_any_scale_of_its_features() -> None:
    weights = {f"{name}": value for name, value in features.build("compact", None, LAYERS).stages.state_dict().items()}
    doubled = weights | {"conv1_1.weight": 2 * weights["conv1_1.weight"]}
    first, second = (features.build("compact", one, LAYERS) for one in (weights, doubled))
    figures = agreement(first, second, torch.rand(8, 3, 32, 32), seed=0, pairs=20)
    assert set(figures) == {"style", "content", *(f"style {layer}" for layer in STYLE_LAYERS)}
    assert min(figures.values()) > 0.99
