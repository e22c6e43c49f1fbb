"""Optical flow, against motions that are known because the pictures were moved by them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.flow import inside, optical_flow, reliable, warp
from alebrije.core.image import resize, to_gray
from alebrije.errors import ConfigError

data = pytest.importorskip("skimage.data")

HEIGHT, WIDTH = 90, 120
SLIDE: dict[str, Any] = {"shift": (2, 1)}
GROWTH: dict[str, Any] = {"zoom": 1.02}


def photograph(name: str) -> Tensor:
    """A photograph, larger than what is seen of it: [1, 3, 200, ...]."""
    pixels = torch.from_numpy(np.array(getattr(data, name)())).movedim(-1, 0)[None].float() / 255
    return resize(pixels, (200, round(200 * pixels.shape[-1] / pixels.shape[-2])))


def looked_up(picture: Tensor, places: Tensor) -> Tensor:
    """The picture at places [H, W, 2] in its own pixels."""
    height, width = picture.shape[-2:]
    scaled = (2 * places + 1) / torch.tensor([width, height]) - 1
    return F.grid_sample(picture, scaled[None], mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def moved_pair(name: str, *, degrees: float = 0, zoom: float = 1, shift: tuple[float, float] = (0, 0)) -> tuple[Tensor, ...]:
    """Two looks at a photograph, between which it is turned and enlarged about its middle and shifted; and the true flow."""
    picture, angle = photograph(name), math.radians(degrees)
    matrix = zoom * torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) - (HEIGHT - 1) / 2, torch.arange(WIDTH) - (WIDTH - 1) / 2, indexing="ij")
    places = torch.stack([columns, rows], -1)
    middle = (torch.tensor([picture.shape[-1], picture.shape[-2]]) - 1) / 2
    first = looked_up(picture, places + middle)
    second = looked_up(picture, (places - torch.tensor(shift)) @ torch.linalg.inv(matrix).T + middle)
    return first, second, (places @ (matrix - torch.eye(2)).T + torch.tensor(shift)).permute(2, 0, 1)[None]


def error(found: Tensor, true: Tensor) -> float:
    """The mean length of what is wrong with a flow, in pixels, where what moved is still in the picture."""
    return float((found - true).square().sum(1, keepdim=True).sqrt()[inside(true)].mean())


@pytest.mark.parametrize("name", ["astronaut", "chelsea"])
@pytest.mark.parametrize(
    ("motion", "bound"),
    [
        ({"shift": (0.5, -0.25)}, 0.15),
        ({"shift": (3, -2)}, 0.05),
        ({"shift": (20, 8)}, 0.05),
        ({"degrees": 2}, 0.15),
        ({"zoom": 1.03}, 0.2),
        ({"degrees": -3, "zoom": 0.97, "shift": (2, 1)}, 0.25),
    ],
)
def test_known_motions_of_photographs_are_found(name: str, motion: dict[str, Any], bound: float) -> None:
    first, second, true = moved_pair(name, **motion)
    assert error(optical_flow(first, second), true) < bound


def test_it_is_no_worse_than_another_implementation() -> None:
    registration = pytest.importorskip("skimage.registration")
    ours, theirs = [], []
    for name in ("astronaut", "chelsea"):
        first, second, true = moved_pair(name, degrees=4, zoom=1.03)
        ours.append(error(optical_flow(first, second), true))
        down, right = registration.optical_flow_tvl1(*(to_gray(one)[0, 0].numpy() for one in (first, second)))
        theirs.append(error(torch.from_numpy(np.stack([right, down]))[None], true))
    assert sum(ours) < sum(theirs)


def test_equal_pictures_do_not_move() -> None:
    picture = moved_pair("coffee")[0]
    assert float(optical_flow(picture, picture).abs().max()) < 0.01
    assert float(optical_flow(torch.full((1, 3, 40, 50), 0.5), torch.full((1, 3, 40, 50), 0.5)).abs().max()) < 1e-3


def test_a_batch_is_its_pictures_one_by_one() -> None:
    pairs = [[one[..., :40, :50] for one in moved_pair("coffee", **motion)[:2]] for motion in (SLIDE, GROWTH)]
    together = optical_flow(*(torch.cat(side) for side in zip(*pairs, strict=True)))
    for found, pair in zip(together, pairs, strict=True):
        torch.testing.assert_close(found[None], optical_flow(*pair), atol=1e-3, rtol=0)


def test_the_way_back_is_the_way_there_reversed() -> None:
    first, second, true = moved_pair("chelsea", shift=(4, -3))
    assert error(optical_flow(second, first), -true) < 0.05


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (37, 2), (13, 29)])
def test_any_size(size: tuple[int, int]) -> None:
    first, second = torch.rand(2, 1, 3, *size)
    found = optical_flow(first, second)
    assert found.shape == (1, 2, *size)
    assert bool(torch.isfinite(found).all())
    assert reliable(found, found).shape == (1, 1, *size)


def test_grey_pictures_move_as_coloured_ones_do() -> None:
    first, second, _ = moved_pair("coffee", shift=(2, 1))
    torch.testing.assert_close(optical_flow(to_gray(first), to_gray(second)), optical_flow(first, second), atol=1e-4, rtol=0)


def test_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match="1x3x8x8 and 1x3x8x9"):
        optical_flow(torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 9))


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_warping_looks_up_where_the_flow_points(mode: str) -> None:
    picture = torch.rand(2, 3, 11, 17)
    torch.testing.assert_close(warp(picture, torch.zeros(2, 2, 11, 17), mode), picture, atol=1e-5, rtol=0)
    flow = torch.tensor([2.0, -1.0]).view(1, 2, 1, 1).expand(2, 2, 11, 17)
    torch.testing.assert_close(warp(picture, flow, mode)[..., 3:, :-4], picture[..., 2:-1, 2:-2], atol=1e-5, rtol=0)
    assert torch.equal(inside(flow), F.pad(torch.ones(2, 1, 10, 15), (0, 2, 1, 0)).bool())


def test_what_a_moving_square_hid_is_not_trusted() -> None:
    """A square goes 9 to the left and 3 down before a photograph that goes 3 to the left."""
    behind, cloth = photograph("chelsea"), photograph("coffee")[..., :40, :40]
    frames, squares = [], []
    for step in range(2):
        frame = behind[..., 40 : 40 + HEIGHT, 60 + 3 * step : 60 + 3 * step + WIDTH].clone()
        covered = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
        top, left = 20 + 3 * step, 50 - 9 * step
        frame[..., top : top + 40, left : left + 40] = cloth
        covered[..., top : top + 40, left : left + 40] = True
        frames.append(frame)
        squares.append(covered)
    forward, backward = torch.tensor_split(optical_flow(torch.cat(frames), torch.cat(frames[::-1])), 2)
    trusted = reliable(backward, forward) > 0
    came_from = torch.where(squares[1], torch.tensor([9.0, -3.0]).view(1, 2, 1, 1), torch.tensor([3.0, 0.0]).view(1, 2, 1, 1))
    hidden = F.pad(squares[0], (0, 3))[..., 3:] & ~squares[1]  # where the square would be had it gone with the photograph
    assert float(trusted[hidden].float().mean()) < 0.2  # most of it, of strips a few pixels wide
    assert float(trusted[~hidden].float().mean()) > 0.9
    assert float((backward - came_from).square().sum(1, keepdim=True).sqrt()[trusted].mean()) < 0.05
    restored = (warp(frames[0], backward) - frames[1]).square().mean(1, keepdim=True)
    assert float(restored[trusted].mean()) < 1e-4
    assert not trusted[..., -1].any()  # it comes from outside the picture


def test_across_a_cut_nothing_is_trusted() -> None:
    one, other = photograph("astronaut")[..., :HEIGHT, :WIDTH], photograph("coffee")[..., :HEIGHT, :WIDTH]
    forward, backward = torch.tensor_split(optical_flow(torch.cat([one, other]), torch.cat([other, one])), 2)
    assert float(reliable(backward, forward).mean()) < 0.2
