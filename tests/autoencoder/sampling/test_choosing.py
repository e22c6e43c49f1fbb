"""The choice of the best of drawn pictures: fixed points and a naive twin."""

from __future__ import annotations

import torch

from alebrije.autoencoder.sampling import choosing
from alebrije.data.degrade import lowres


def test_a_picture_that_comes_back_is_like_itself() -> None:
    squares = lowres(torch.rand(70, 3, 8, 8), 4)  # low resolution already: spoiling changes nothing
    found = choosing.unlikeness(lambda images: images, squares, lambda images: lowres(images, 4))
    assert found.shape == (70,)
    assert found.abs().max() < 1e-8
    doubled = choosing.unlikeness(lambda images: images + 0.1, squares, lambda images: images)
    assert torch.allclose(doubled, 0.01 / squares.var((1, 2, 3)), rtol=1e-3)


def test_the_nearest_is_the_nearest() -> None:
    others = (torch.rand(20, 3, 4, 4) * 255).to(torch.uint8)
    images = torch.rand(70, 3, 4, 4)
    places, errors = choosing.nearest(images, others)
    wanted = (images[:, None] - others[None].float() / 255).square().mean((2, 3, 4))
    assert torch.equal(places, wanted.argmin(1))
    assert torch.allclose(errors, wanted.amin(1), atol=1e-5)
