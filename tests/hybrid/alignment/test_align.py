"""Known movements must be found again, points must fit as in the closed form, and no border may ever show."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from scipy.spatial import procrustes
from torch import Tensor

from alebrije.core.filters import gaussian_blur
from alebrije.core.image import fit, load
from alebrije.data.draw import creature
from alebrije.errors import ConfigError
from alebrije.hybrid.alignment.align import Alignment, align, from_points, match, warp

IDENTITY = torch.eye(2, 3, dtype=torch.float64)
MOVES = [(1.25, 8.0, 0.08, -0.05), (0.8, -15.0, -0.1, 0.06), (1.0, -25.0, 0.0, 0.15)]


def similarity(image: Tensor, scale: float, degrees: float, across: float, down: float) -> Tensor:
    """About the picture's middle; shifts in parts of its width."""
    height, width = image.shape[-2:]
    a, b = scale * math.cos(math.radians(degrees)), scale * math.sin(math.radians(degrees))
    x = width / 2 - a * width / 2 + b * height / 2 + across * width
    y = height / 2 - b * width / 2 - a * height / 2 + down * width
    return torch.tensor([[a, -b, x], [b, a, y]], dtype=torch.float64)


def inverse(matrix: Tensor) -> Tensor:
    return torch.linalg.inv(torch.cat([matrix, matrix.new_tensor([[0, 0, 1]])]))[:2]


def distance(found: Tensor, truth: Tensor, image: Tensor) -> float:
    """How far apart two matrices send the picture's points, on average, in parts of its width."""
    height, width = image.shape[-2:]
    points = [[x * width, y * height, 1.0] for x in (0.1, 0.5, 0.9) for y in (0.1, 0.5, 0.9)]
    moved = (found - truth) @ torch.tensor(points, dtype=torch.float64).mT
    return float(moved.norm(dim=0).mean()) / width


def photograph(name: str) -> Tensor:
    data = pytest.importorskip("skimage.data")
    pixels = load(getattr(data, name)()).pixels
    return fit(pixels, (pixels.shape[-2] // 2, pixels.shape[-1] // 2))


def drawn(seed: int, background: str = "white", size: int = 200) -> Tensor:
    return creature(seed, size, background=background).image


def recovered(picture: Tensor, move: tuple[float, ...]) -> tuple[Alignment, float]:
    matrix = similarity(picture, *move)
    found = align(warp(picture, matrix), picture)
    return found, distance(found.matrix, inverse(matrix), picture)


def fitted(points: list[tuple[float, float, float, float]]) -> tuple[Tensor, Tensor]:
    """Where the second picture's points land, and where they should."""
    table = torch.tensor(points, dtype=torch.float64)
    ones = torch.ones(len(table), 1, dtype=torch.float64)
    return torch.cat([table[:, 2:], ones], 1) @ from_points(points).mT, table[:, :2]


def random_points(noise: float, count: int = 7, seed: int = 0) -> tuple[list[tuple[float, float, float, float]], Tensor]:
    generator = torch.Generator().manual_seed(seed)
    source = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 200
    truth = similarity(torch.zeros(1, 3, 200, 200), 1.3, 20, 0.1, -0.2)
    to = torch.cat([source, torch.ones(count, 1, dtype=torch.float64)], 1) @ truth.mT
    to += noise * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return [(x1, y1, x2, y2) for (x1, y1), (x2, y2) in zip(to.tolist(), source.tolist(), strict=True)], truth


@pytest.mark.parametrize("count", [2, 3, 7])
def test_points_that_fit_are_met_exactly(count: int) -> None:
    points, truth = random_points(0.0, count)
    torch.testing.assert_close(from_points(points), truth, atol=1e-9, rtol=1e-9)


def test_noisy_points_fit_as_least_squares_and_procrustes_say() -> None:
    points, truth = random_points(3.0)
    found, wanted = fitted(points)
    table = np.array(points)
    # (a, b, c, d) with x' = a x - b y + c, y' = b x + a y + d is linear: the general solver must agree.
    x, y, one, nil = table[:, 2], table[:, 3], np.ones(len(table)), np.zeros(len(table))
    system = np.concatenate([np.stack([x, -y, one, nil], 1), np.stack([y, x, nil, one], 1)])
    a, b, c, d = np.linalg.lstsq(system, np.concatenate([table[:, 0], table[:, 1]]), rcond=None)[0]
    np.testing.assert_allclose(from_points(points).numpy(), [[a, -b, c], [b, a, d]], atol=1e-8)
    spread = float((wanted - wanted.mean(0)).square().sum())
    assert float((found - wanted).square().sum()) / spread == pytest.approx(procrustes(table[:, :2], table[:, 2:])[2], rel=1e-6)
    assert distance(from_points(points), truth, torch.zeros(1, 3, 200, 200)) < 0.02


@pytest.mark.parametrize("seed", range(5))
def test_points_never_reflect(seed: int) -> None:
    numbers = torch.rand(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).tolist()
    matrix = from_points([(a, b, c, d) for a, b, c, d in numbers])
    assert float(torch.linalg.det(matrix[:, :2])) > 0
    assert float(matrix[0, 0]) == pytest.approx(float(matrix[1, 1]))
    assert float(matrix[0, 1]) == pytest.approx(-float(matrix[1, 0]))


@pytest.mark.parametrize(
    ("points", "told"),
    [
        ([(1, 2, 3, 4)], "two or more"),
        ([], "two or more"),
        ([(5, 5, 1, 2), (5, 5, 9, 9)], "one place"),
        ([(1, 2, 5, 5), (9, 9, 5, 5)], "one place"),
        ([(0, 0, 0, 0), (1, math.nan, 2, 2)], "finite"),
        ([(1, 0, 1, 0), (0, 1, 0, -1), (-1, 0, -1, 0), (0, -1, 0, 1)], "mirrored"),
    ],
)
def test_points_of_no_use_are_refused_in_one_line(points: list[tuple[float, float, float, float]], told: str) -> None:
    with pytest.raises(ConfigError, match=told) as error:
        from_points(points)
    assert "\n" not in str(error.value)


def test_the_identity_returns_the_picture() -> None:
    image = torch.rand(1, 5, 37, 51, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(warp(image, IDENTITY), image, atol=1e-6, rtol=0)
    nearly = IDENTITY + 1e-8
    torch.testing.assert_close(warp(image, nearly), image, atol=5e-5, rtol=0)


def test_whole_shifts_move_pixels_and_mirror_the_border() -> None:
    image = torch.rand(1, 1, 300, 20, generator=torch.Generator().manual_seed(2))
    matrix = IDENTITY.clone()
    matrix[0, 2], matrix[1, 2] = -7, 5
    mirrored = np.pad(image[0, 0].numpy(), ((0, 5), (7, 0)), mode="symmetric")  # d c b a | a b c d
    np.testing.assert_allclose(warp(image, matrix)[0, 0].numpy(), mirrored[5:, :20], atol=1e-4)


def test_far_beyond_the_border_there_is_still_a_picture() -> None:
    image = torch.rand(1, 1, 12, 16) * 0.5 + 0.25
    matrix = IDENTITY.clone()
    matrix[:, 2] = 1000
    assert torch.allclose(warp(image, matrix), image[..., 0, 0].expand_as(image), atol=1e-5)
    wide = warp(image, similarity(image, 30, 10, 0, 0))
    assert bool(((wide >= image.min()) & (wide <= image.max())).all())


def test_pixel_centres_are_at_a_half() -> None:
    image = gaussian_blur(torch.rand(1, 1, 40, 50, generator=torch.Generator().manual_seed(3)), 4)
    matrix = similarity(image, 0.9, 12, 0.03, -0.02)
    y, x = np.mgrid[:40, :50] + 0.5
    across, down = (row[0] * x + row[1] * y + row[2] for row in matrix.numpy())
    expected = map_coordinates(image[0, 0].numpy(), [down - 0.5, across - 0.5], order=3, mode="reflect")
    np.testing.assert_allclose(warp(image, matrix)[0, 0].numpy(), expected, atol=1.5e-3)
    half = map_coordinates(image[0, 0].numpy(), [down, across], order=3, mode="reflect")
    assert np.abs(warp(image, matrix)[0, 0].numpy() - half).max() > 5e-3


def test_shrinking_does_not_alias() -> None:
    stripes = (torch.arange(120) % 2).float().expand(1, 1, 120, 120)
    shrunk = warp(stripes, similarity(stripes, 2.2, 0, 0, 0))
    assert float(shrunk.std()) < 0.05
    assert float(shrunk.mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("name", "move"), list(zip(["astronaut", "chelsea", "coffee"], MOVES, strict=True)))
def test_a_moved_photograph_is_laid_back(name: str, move: tuple[float, ...]) -> None:
    found, error = recovered(photograph(name), move)
    assert error < 0.01
    assert found.degrees == pytest.approx(-move[1], abs=1.5)
    assert found.scale == pytest.approx(1 / move[0], rel=0.02)
    assert found.match > found.before


@pytest.mark.slow
@pytest.mark.parametrize("move", [*MOVES, (1.5, 20.0, 0.05, 0.1), (0.7, 3.0, 0.15, 0.1)])
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket", "camera"])
def test_many_moved_photographs_are_laid_back(name: str, move: tuple[float, ...]) -> None:
    assert recovered(photograph(name), move)[1] < 0.01


@pytest.mark.parametrize(("seed", "background"), [(3, "landscape"), (7, "white")])
def test_a_moved_animal_is_laid_back(seed: int, background: str) -> None:
    found, error = recovered(drawn(seed, background), (1.5, 20.0, 0.05, 0.1))
    assert error < 0.01
    assert found.degrees == pytest.approx(-20, abs=1.5)
    assert "match well" in found.note


def test_a_picture_lies_on_itself() -> None:
    picture = drawn(5)
    found = align(picture, picture)
    assert torch.equal(found.matrix, IDENTITY)
    assert (found.scale, found.degrees, found.shift) == (1, 0, (0, 0))
    assert found.match == found.before == pytest.approx(1, abs=1e-3)
    assert match(picture, picture) == pytest.approx(found.match, abs=1e-6)
    assert "left so" in found.note


@pytest.mark.parametrize("changed", ["negative", "pale"])
def test_colours_matter_little(changed: str) -> None:
    picture = drawn(3)
    change = {"negative": lambda x: 1 - x, "pale": lambda x: 0.5 + 0.5 * x}[changed]
    move = similarity(picture, 1.2, 10, 0.06, -0.05)
    found = align(change(warp(picture, move)), picture)
    assert distance(found.matrix, inverse(move), picture) < 0.01


def test_deterministic_and_never_worse() -> None:
    low, high = drawn(5), drawn(6)
    found, again = align(low, high), align(low, high)
    assert torch.equal(found.matrix, again.matrix)
    assert found.note == again.note
    assert 0 <= found.before <= found.match <= 1
    assert torch.equal(found.matrix, IDENTITY) == ("left" in found.note)


def test_the_resolution_does_not_matter() -> None:
    picture = drawn(7, size=400)
    moved = warp(picture, similarity(picture, 1.2, 10, 0.06, -0.05))
    half = [fit(image, (200, 200)) for image in (moved, picture)]
    large, small = align(moved, picture), align(half[0], half[1])
    assert small.degrees == pytest.approx(large.degrees, abs=0.5)
    assert small.scale == pytest.approx(large.scale, rel=0.01)
    assert small.shift[0] == pytest.approx(large.shift[0] / 2, abs=1)


def test_nothing_to_see_stays_where_it_is() -> None:
    blank, animal = torch.full((1, 3, 90, 120), 0.5), drawn(3)[..., 40:130, 40:160]
    for low, high in ((blank, animal), (animal, blank)):
        found = align(low, high)
        assert torch.equal(found.matrix, IDENTITY)
        assert "no common shape" in found.note
    assert align(blank[..., :8, :8], blank[..., :8, :8]).match < 1e-3
    strip = align(torch.rand(1, 3, 8, 400), torch.rand(1, 3, 8, 400))  # hardly a picture, but no reason to fail
    assert 0 <= strip.before <= strip.match <= 1
    with pytest.raises(ConfigError, match="same size"):
        align(blank, animal[..., :-1])


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("1_dog", "1_cat"), ("2_bicycle", "2_motorcycle")])
def test_classic_pairs_are_laid_back(assets: Path, first: str, second: str) -> None:
    low, high = (load(assets / "hybrid" / f"{name}.png").pixels for name in (first, second))
    high = fit(high, (low.shape[-2], low.shape[-1]))
    assert distance(align(low, high).matrix, IDENTITY, low) < 0.05
    move = similarity(low, 1.3, 10, 0.05, -0.08)
    found = align(warp(low, move), high)
    assert found.match > found.before + 0.1
    assert distance(found.matrix, inverse(move), low) < 0.07
