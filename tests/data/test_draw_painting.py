"""Paintings by the program: rich in strokes, and the same for ever."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from alebrije.data.draw import PAINTINGS, painting
from alebrije.data.drawing.painting import country, flow, streamlines
from alebrije.errors import ConfigError

KINDS = sorted(PAINTINGS)


@pytest.fixture(scope="module")
def paintings() -> dict[str, torch.Tensor]:
    return {kind: painting(1, 384, kind) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_is_the_same_painting(kind: str) -> None:
    first, again, other = (painting(seed, 48, kind) for seed in (3, 3, -3))
    assert torch.equal(first, again)
    assert (first - other).abs().mean() > 0.02


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [1, (24, 40)])
def test_any_size_gives_a_painting_of_that_size_in_range(kind: str, size: int | tuple[int, int]) -> None:
    image = painting(0, size, kind)
    assert image.shape == (1, 3, *((size, size) if isinstance(size, int) else size))
    assert image.dtype == torch.float32
    assert 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_strokes_run_in_all_directions(kind: str, paintings: dict[str, torch.Tensor]) -> None:
    """The orientation of edges has at least 85 % of the entropy of a uniform one."""
    light = paintings[kind][0].mean(dim=0).numpy()
    slope = np.stack([ndimage.sobel(light, axis=axis) for axis in (0, 1)])
    strength = np.hypot(*slope)
    angle = np.arctan2(*slope) % np.pi
    histogram, _ = np.histogram(angle, bins=18, range=(0, np.pi), weights=strength)
    share = histogram / histogram.sum()
    entropy = -(share * np.log(share + 1e-12)).sum() / np.log(18)
    assert entropy > 0.85


@pytest.mark.parametrize(("kind", "least"), [("swirl", 3000), ("mosaic", 1000), ("woodcut", 100)])
def test_there_are_many_colours(kind: str, least: int, paintings: dict[str, torch.Tensor]) -> None:
    levels = (paintings[kind][0] * 31).round().long()
    assert len(torch.unique(levels[0] * 1024 + levels[1] * 32 + levels[2])) > least


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_texture_everywhere(kind: str, paintings: dict[str, torch.Tensor]) -> None:
    """Fine detail in nearly every 24 pixel square, as brush strokes leave it and a gradient does not."""
    light = paintings[kind][0].mean(dim=0)
    fine = light - torch.from_numpy(ndimage.gaussian_filter(light.numpy(), 2.5))
    blocks = fine.reshape(16, 24, 16, 24).std(dim=(1, 3))
    assert (blocks > 0.01).float().mean() > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_the_kinds_share_the_composition(kind: str, paintings: dict[str, torch.Tensor]) -> None:
    """From far away all kinds of one seed show the same country."""
    far = [torch.nn.functional.avg_pool2d(paintings[name], 48).flatten() for name in (kind, "swirl")]
    assert torch.corrcoef(torch.stack(far))[0, 1] > 0.6


def test_the_flow_has_unit_length_and_streamlines_follow_it() -> None:
    land = country(2, 1.0, 1.0)
    at = np.random.default_rng(0).uniform(0.05, 0.95, (400, 2))
    way = flow(land, at, 1.0)
    np.testing.assert_allclose(np.hypot(*way.T), 1, atol=1e-9)
    paths = streamlines(land, at, 1e-3, 3, 1.0)
    step = paths[:, 2] - paths[:, 1]
    along = (step * way).sum(axis=1) / np.hypot(*step.T)
    assert np.median(along) > 0.999
    np.testing.assert_allclose(paths[:, 1], at)


def test_an_unknown_kind_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean swirl"):
        painting(0, 16, "swirls")
    with pytest.raises(ConfigError, match="at least 1 pixel"):
        painting(0, 0)
