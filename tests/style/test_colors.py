"""Colours brought to those of another picture: statistics are matched exactly, equal pictures stay as they are."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alebrije.core.image import to_gray
from alebrije.style.colors import COLORS, match_histogram, match_mean_covariance, prepared, restored


def colourful(height: int, width: int, seed: int) -> Tensor:
    """Correlated colours in [0.1, 0.9]."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(1, 3, height, width, generator=generator)
    mixing = torch.rand(3, 3, generator=generator) + torch.eye(3)
    return 0.1 + 0.8 * torch.einsum("ij,bjhw->bihw", mixing / mixing.sum(1, keepdim=True), values)


def mean_and_covariance(image: Tensor) -> tuple[Tensor, Tensor]:
    cloud = image.double().flatten(2)[0]
    return cloud.mean(1), torch.cov(cloud, correction=0)


def test_mean_and_covariance_become_the_contents() -> None:
    style, content = colourful(20, 31, 0), colourful(40, 17, 1)
    found = mean_and_covariance(match_mean_covariance(style, content))
    for value, wanted in zip(found, mean_and_covariance(content), strict=True):
        torch.testing.assert_close(value, wanted, atol=1e-6, rtol=1e-4)


def test_the_order_of_the_channels_does_not_matter() -> None:
    style, content = colourful(20, 31, 0), colourful(40, 17, 1)
    turned = match_mean_covariance(style[:, [2, 0, 1]], content[:, [2, 0, 1]])
    torch.testing.assert_close(turned, match_mean_covariance(style, content)[:, [2, 0, 1]], atol=1e-5, rtol=0)


def test_every_channel_gets_the_contents_sorted_values() -> None:
    """With as many pixels, all different, the result has just the content's values, in the style's order."""
    style, content = colourful(12, 10, 0), colourful(8, 15, 1)
    found = match_histogram(style, content)
    torch.testing.assert_close(found.flatten(2).sort().values, content.flatten(2).sort().values)
    assert torch.equal(found.flatten(2).argsort(), style.flatten(2).argsort())


def test_equal_values_stay_equal_in_a_matched_histogram() -> None:
    style = (colourful(30, 30, 0) * 8).round() / 8
    found = match_histogram(style, colourful(25, 40, 1))
    for plane, before in zip(found[0], style[0], strict=True):
        for value in before.unique():
            assert len(plane[before == value].unique()) == 1


@pytest.mark.parametrize("way", ["histogram", "mean-covariance"])
@pytest.mark.parametrize("levels", [4, 255, 1 << 20])
def test_equal_pictures_stay_as_they_are(way: str, levels: int) -> None:
    image = (colourful(20, 31, 2) * levels).round() / levels
    torch.testing.assert_close(COLORS[way](image, image), image, atol=1e-6, rtol=0)


@pytest.mark.parametrize("way", COLORS)
def test_flat_and_grey_pictures_do_no_harm(way: str) -> None:
    full, flat = colourful(20, 20, 0), torch.full((1, 3, 9, 9), 0.25)
    grey = to_gray(full).expand_as(full)
    for style, content in ((flat, full), (full, flat), (grey, full), (full, grey), (flat, flat)):
        found = COLORS[way](style, content)
        assert found.shape == style.shape
        assert torch.isfinite(found).all()
        torch.testing.assert_close(to_gray(found).mean(), to_gray(content).mean(), atol=2e-2, rtol=0)


def test_only_luminance_is_put_back_and_no_way_changes_nothing() -> None:
    content, style = colourful(10, 10, 0), colourful(10, 10, 1)
    scene, (painting,) = prepared(content, [style], None)
    assert scene is content
    assert painting is style
    assert restored(style, content, "histogram") is style
    back = restored(to_gray(style).expand_as(style), content, "luminance")
    torch.testing.assert_close(to_gray(back), to_gray(style))
    torch.testing.assert_close(back - to_gray(back), content - to_gray(content), atol=1e-6, rtol=0)
