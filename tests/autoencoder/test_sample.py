"""Codes from a Gaussian, and the choice of the best: moments, fixed points, a naive twin."""

from __future__ import annotations

import pytest
import torch

from alebrije.autoencoder import sample
from alebrije.data.degrade import lowres
from alebrije.errors import DataError


def test_drawn_codes_have_the_moments_of_the_given_ones() -> None:
    codes = torch.randn(400, 3) @ torch.tensor([[2.0, 0, 0], [1, 0.5, 0], [0, -1, 0.1]]) + torch.tensor([1.0, -2, 3])
    drawn = sample.draw(sample.fit_gaussian(codes), 60000, torch.Generator().manual_seed(0))
    assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.05)
    assert torch.allclose(drawn.T.cov(), codes.T.cov(), atol=0.12)


def test_fewer_codes_than_dimensions_are_enough_and_nothing_leaves_their_span() -> None:
    codes = torch.randn(5, 40)
    drawn = sample.draw(sample.fit_gaussian(codes), 30)
    basis = (codes - codes.mean(0)).T
    centred = (drawn - codes.mean(0)).T
    rest = centred - basis @ torch.linalg.lstsq(basis, centred, driver="gelsd").solution
    assert rest.abs().max() < 1e-4
    with pytest.raises(DataError, match="at least 2"):
        sample.fit_gaussian(codes[:1])


def test_a_picture_that_comes_back_is_like_itself() -> None:
    squares = lowres(torch.rand(70, 3, 8, 8), 4)  # low resolution already: spoiling changes nothing
    found = sample.unlikeness(lambda images: images, squares, lambda images: lowres(images, 4))
    assert found.shape == (70,)
    assert found.abs().max() < 1e-8
    doubled = sample.unlikeness(lambda images: images + 0.1, squares, lambda images: images)
    assert torch.allclose(doubled, 0.01 / squares.var((1, 2, 3)), rtol=1e-3)


def test_the_nearest_is_the_nearest() -> None:
    others = (torch.rand(20, 3, 4, 4) * 255).to(torch.uint8)
    images = torch.rand(70, 3, 4, 4)
    places, errors = sample.nearest(images, others)
    wanted = (images[:, None] - others[None].float() / 255).square().mean((2, 3, 4))
    assert torch.equal(places, wanted.argmin(1))
    assert torch.allclose(errors, wanted.amin(1), atol=1e-5)
