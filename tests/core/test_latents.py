"""Paths between latents, walks, and sheets of pictures."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import AT_ONCE, GAP, REACH, Generated, Source, generate, loop, sheet, slerp, walk
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Step, last


def shades(latents: Tensor) -> Tensor:
    """A grey picture of 2x3 pixels for each latent, as bright as its first number."""
    return latents[:, :1, None, None].sigmoid().expand(-1, 1, 2, 3)


def source(spherical: bool = False) -> Source:
    def draw(count: int, generator: torch.Generator) -> Tensor:
        return torch.randn(count, 4, generator=generator)

    axes = torch.tensor([2.0, 1, 1, 1]).diag()
    return Source(draw, shades, torch.ones(4), axes, spherical, {"sampler": "own"})


def test_between_two_latents_the_angle_and_the_length_change_evenly() -> None:
    first, second = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 4.0])
    found = slerp(first, second, torch.linspace(0, 1, 5)[:, None])
    assert torch.allclose(found[0], first)
    assert torch.allclose(found[-1], second, atol=1e-6)
    assert torch.allclose(found.norm(dim=1), torch.linspace(2, 4, 5))
    angles = torch.atan2(found[:, 1], found[:, 0])
    assert torch.allclose(angles.diff(), torch.full((4,), torch.pi / 8), atol=1e-5)


def test_many_dimensions_are_not_left_through_the_middle() -> None:
    first, second = torch.randn(512), torch.randn(512)
    half = torch.tensor([[0.5]])
    assert float(torch.lerp(first, second, half).norm()) < 0.8 * float(first.norm())
    assert float(slerp(first, second, half).norm()) == pytest.approx(float((first.norm() + second.norm()) / 2), rel=1e-4)


@pytest.mark.parametrize("other", [1.0, -1.0])
def test_one_direction_or_its_opposite_is_a_straight_line(other: float) -> None:
    first = torch.tensor([1.0, 2.0])
    assert torch.allclose(slerp(first, other * first, torch.tensor([[0.25]])), torch.lerp(first, other * first, 0.25))


@pytest.mark.parametrize("spherical", [False, True])
def test_a_loop_passes_its_stops_and_closes(spherical: bool) -> None:
    stops = torch.randn(3, 6)
    path = loop(stops, 5, spherical=spherical)
    assert path.shape == (15, 6)
    assert torch.allclose(path[::5], stops, atol=1e-6)
    steps = torch.cat([path, path[:1]]).diff(dim=0).norm(dim=1)
    assert float(steps.max()) < 3 * float(steps.mean())


def test_a_walk_goes_out_to_both_sides_and_ends_where_it_began() -> None:
    path = walk(torch.ones(2), torch.tensor([[3.0, 0], [0, 1]]), 1.0, 8)
    assert torch.allclose(path[0], torch.ones(2, 2))
    assert torch.allclose(path[2], torch.tensor([[1 + 3 * REACH, 1], [1, 1 + REACH]]))
    assert torch.allclose(path[6], torch.tensor([[1 - 3 * REACH, 1], [1, 1 - REACH]]))
    assert torch.allclose(walk(torch.ones(2), torch.eye(2), 0.5, 8) - 1, 0.5 * (walk(torch.ones(2), torch.eye(2), 1.0, 8) - 1))


def test_pictures_are_drawn_and_the_seed_decides_which() -> None:
    first, again, other = (last(generate(source(), GenerateConfig(count=AT_ONCE + 3, seed=seed))) for seed in (0, 0, 1))
    assert isinstance(first, Generated)
    assert first.images.shape == (AT_ONCE + 3, 1, 2, 3)
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, other.images)
    assert first.report == {"count": AT_ONCE + 3, "frames": 0, "seed": 0, "truncation": 1.0, "sampler": "own"}
    assert len(last(generate(source(), GenerateConfig())).images) == 25


def test_films_have_their_frames() -> None:
    film = last(generate(source(True), GenerateConfig(interpolate=3, frames=4, count=5)))
    assert len(film.frames) == 12
    assert len(film.images) == 5
    assert len({frame.shape for frame in film.frames}) == 1
    swung = last(generate(source(), GenerateConfig(walk=True, frames=2)))
    assert (len(swung.images), len(swung.frames)) == (4, 8)  # there are four axes
    with pytest.raises(ConfigError, match="one of them"):
        next(generate(source(), GenerateConfig(walk=True, interpolate=3)))


def test_what_was_drawn_when_the_user_stopped_is_kept() -> None:
    work = generate(source(), GenerateConfig(count=3 * AT_ONCE))
    while not isinstance(next(work), Step):
        pass
    done = work.throw(Interrupted())
    assert isinstance(done, Done)
    assert done.interrupted
    assert done.result.report["count"] == AT_ONCE


def test_a_sheet_shows_each_picture_once_on_white() -> None:
    images = torch.rand(5, 1, 32, 32) * 0.5
    found = sheet(images, 3)
    assert found.shape == (1, 3, 2 * (2 * 32 + GAP), 2 * (3 * 32 + 2 * GAP))  # enlarged twice
    assert torch.equal(found[0, 0, : 2 * 32 : 2, : 2 * 32 : 2], images[0, 0])
    assert torch.equal(found[0, 0, 2 * (32 + GAP) :: 2, : 2 * 32 : 2], images[3, 0])
    assert float(found[0, :, 2 * (32 + GAP) :, 2 * 2 * (32 + GAP) :].min()) == 1
    assert sheet(torch.rand(9, 3, 100, 100)).shape == (1, 3, 300 + 2 * GAP, 300 + 2 * GAP)
