"""Masks: a statistic of a region is that of the region alone, whatever lies outside."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alebrije.core.image import Picture, resize
from alebrije.errors import ConfigError
from alebrije.style.losses import LOSSES, style_distance, target
from alebrije.style.regions import GUIDES, Regions, check_masks, read_masks


def features(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(1, 5, height, width, generator=torch.Generator().manual_seed(seed))


def left(height: int, width: int) -> Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., : width // 2] = 1
    return mask


def distance(loss: str, seen: Tensor, wanted: Tensor) -> Tensor:
    return style_distance(LOSSES[loss], {"a": seen}, [{"a": target(LOSSES[loss], wanted)}], {"a": 1.0}, (1.0,))


@pytest.mark.parametrize("loss", GUIDES)
def test_a_region_is_seen_as_if_it_were_all(loss: str) -> None:
    """Half a layer under a mask has the distance that this half has when it is cut out."""
    picture, style = features(8, 12), features(9, 7, 1)
    seen = Regions([left(8, 12)], loss).guided({"a": picture}, 0)["a"]
    torch.testing.assert_close(distance(loss, seen, style), distance(loss, picture[..., :6], style), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", GUIDES)
def test_what_lies_outside_gets_no_gradient(loss: str) -> None:
    picture = features(8, 12).requires_grad_()
    seen = Regions([left(8, 12)], loss).guided({"a": picture}, 0)["a"]
    (gradient,) = torch.autograd.grad(distance(loss, seen, features(9, 7, 1)), picture)
    assert torch.isfinite(gradient).all()
    assert gradient[..., 6:].abs().max() == 0
    assert gradient[..., :6].abs().max() > 0


@pytest.mark.parametrize("loss", GUIDES)
def test_a_white_mask_changes_nothing(loss: str) -> None:
    picture, style = features(8, 12), features(9, 7, 1)
    seen = Regions([torch.ones(1, 1, 64, 96)], loss).guided({"a": picture}, 0)["a"]
    torch.testing.assert_close(distance(loss, seen, style), distance(loss, picture, style), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("loss", GUIDES)
def test_a_speck_still_has_a_place_in_the_deepest_layer(loss: str) -> None:
    mask = torch.zeros(1, 1, 64, 96)
    mask[..., 30, 50] = 1
    seen = Regions([mask], loss).guided({"a": features(4, 6)}, 0)["a"]
    assert torch.isfinite(distance(loss, seen, features(9, 7, 1)))


def test_a_guided_gram_matrix_weights_by_grey() -> None:
    """Gram of the region = sum of mask * f f^T over the sum of the mask."""
    picture = features(6, 6)
    mask = torch.rand(1, 1, 6, 6, generator=torch.Generator().manual_seed(3))
    seen = Regions([mask], "gram").guided({"a": picture}, 0)["a"]
    expected = torch.einsum("bihw,bjhw,bchw->bij", picture, picture, mask) / mask.sum()
    torch.testing.assert_close(LOSSES["gram"].statistic(seen, ()), expected)


def test_where_no_style_goes_the_content_stays() -> None:
    image, content = features(8, 12)[:, :3], features(8, 12, 1)[:, :3]
    found = Regions([left(8, 12)], "gram").laid(image, content)
    assert torch.equal(found[..., 6:], content[..., 6:])
    torch.testing.assert_close(found[..., :6], image[..., :6])


def test_one_mask_of_two_styles_is_divided_and_resized_with_the_content() -> None:
    content = Picture(torch.zeros(1, 3, 40, 60))
    first, second = read_masks([Picture(left(80, 120).expand(-1, 3, -1, -1))], 2, content, lambda one: resize(one, (20, 30)))
    assert first.shape == (1, 1, 20, 30)
    torch.testing.assert_close(first + second, torch.ones_like(first))
    assert first[..., :13].min() > 0.99
    assert first[..., 17:].max() < 0.01


@pytest.mark.parametrize(
    ("mask", "styles", "message"),
    [(torch.ones(1, 3, 40, 40), 1, "content's shape"), (torch.zeros(1, 3, 40, 60), 1, "no place"),
     (torch.ones(1, 3, 40, 60), 2, "no place")],
)  # fmt: skip
def test_masks_that_cannot_be_used_say_why(mask: Tensor, styles: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_masks([Picture(mask)], styles, Picture(torch.zeros(1, 3, 40, 60)), lambda one: one)


def test_masks_and_styles_must_go_together() -> None:
    for masks, styles in ((0, 5), (1, 1), (1, 2), (3, 3)):
        check_masks(masks, styles, "gram")
    for masks, styles in ((2, 1), (1, 3), (2, 3)):
        with pytest.raises(ConfigError, match="one for each style"):
            check_masks(masks, styles, "gram")
    for loss in set(LOSSES) - set(GUIDES):
        check_masks(0, 1, loss)
        with pytest.raises(ConfigError, match="looks at neighbours"):
            check_masks(1, 1, loss)
