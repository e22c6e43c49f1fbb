"""Pairs in memory: doubled by swapping, and changed at random in ways that leave their labels true."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core import image
from alebrije.core.filters import gaussian_blur
from alebrije.data.draw import creature
from alebrije.data.pairs import Label, write_labels
from alebrije.errors import DataError
from alebrije.events import Event, Warned
from alebrije.hybrid.planning.examples import Batch, Examples, augment, gather, read, warp

CPU = torch.device("cpu")
SIDE = 96


def drawn(seed: int = 3, side: int = SIDE) -> Tensor:
    """A pair of pictures with soft edges, [1, 2, 3, S, S]: bilinear enlarging of hard ones would blur them by itself."""
    pictures = torch.cat([creature(seed + index, side, background="landscape").image for index in (0, 1)])
    return gaussian_blur(pictures, 1.5)[None]


def window(side: float = 1, x: float = 0, y: float = 0, degrees: float = 0, mirror: float = 1) -> tuple[Tensor, ...]:
    return (torch.tensor([side]), torch.tensor([[x, y]]), torch.tensor([math.radians(degrees)]), torch.tensor([mirror]))


def inside(pictures: Tensor, margin: int) -> Tensor:
    return pictures[..., margin:-margin, margin:-margin]


def made_up(count: int, side: int = 8) -> Examples:
    labels = tuple(Label(index % 2, 1.0 + index, 2.5 + index) for index in range(count))
    pictures = torch.randint(0, 256, (count, 2, 3, side, side), dtype=torch.uint8)
    return Examples(pictures, labels, tuple(range(1, count + 1)))


def write_pairs(folder: Path, labels: list[Label | None], side: int = 16, reference: int = 224) -> Path:
    folder.mkdir()
    for number in range(1, len(labels) + 1):
        for which in ("a", "b"):
            image.save(torch.rand(1, 3, side, side), folder / f"{number}_{which}.png")
    write_labels(folder, labels, reference)
    return folder


def run(folder: Path, size: int = 16) -> tuple[list[Event], Examples]:
    heard, reading = [], read(folder, size)
    while True:
        try:
            heard.append(next(reading))
        except StopIteration as ended:
            return heard, ended.value


@pytest.mark.parametrize("degrees", [0, 30])
@pytest.mark.parametrize("zoom", [1.3, 1.7, 2.5])
def test_blur_then_crop_is_crop_then_a_blur_that_grew_as_the_crop_did(zoom: float, degrees: float) -> None:
    """The correction of the labels, on drawn pictures. Uncorrected, the two differ by many times as much."""
    picture, sigma, look = drawn(), 2.5, window(1 / zoom, 0.1, -0.15, degrees)
    blurred = gaussian_blur(picture.flatten(0, 1), sigma).view(picture.shape)
    cropped = warp(picture, *look).flatten(0, 1)
    expected = inside(warp(blurred, *look).flatten(0, 1), round(3 * zoom * sigma))
    error = float((inside(gaussian_blur(cropped, zoom * sigma), round(3 * zoom * sigma)) - expected).abs().mean())
    wrong = float((inside(gaussian_blur(cropped, sigma), round(3 * zoom * sigma)) - expected).abs().mean())
    assert error < 1e-3
    assert wrong > 8 * error


def test_augmenting_multiplies_the_sigmas_by_what_the_crop_is_enlarged() -> None:
    """The factor is measured on the picture: of a ramp, a crop shows a share of the slope."""
    ramp = torch.linspace(0, 1, 64).expand(16, 2, 3, 64, 64)
    told = Batch(ramp, torch.tensor([[2.0, 3.0]]).expand(16, 2), torch.ones(16))
    changed = augment(told, 0.25, degrees=0)
    middle = changed.pictures[:, 0, 0, 32, 20:44]
    factor = (ramp[0, 0, 0, 0, 43] - ramp[0, 0, 0, 0, 20]) / (middle[:, -1] - middle[:, 0]).abs()
    torch.testing.assert_close(changed.sigmas, factor[:, None] * torch.tensor([2.0, 3.0]), rtol=1e-3, atol=1e-3)
    assert torch.equal(changed.role, told.role)
    assert 1 <= float(factor.min()) < 1.3
    assert 1.5 < float(factor.max()) <= 2


def test_both_pictures_of_a_pair_are_changed_alike_and_pairs_differently() -> None:
    picture = drawn(side=32)[:, :1].expand(6, 2, -1, -1, -1)
    changed = augment(Batch(picture, torch.ones(6, 2), torch.zeros(6)), 0.35, 45).pictures
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert all(not torch.allclose(changed[0], other, atol=0.01) for other in changed[1:])


def test_the_whole_window_is_the_picture_and_a_mirrored_one_its_mirror_image() -> None:
    picture = drawn()
    torch.testing.assert_close(warp(picture, *window()), picture, atol=1e-5, rtol=0)
    torch.testing.assert_close(warp(picture, *window(mirror=-1)), picture.flip(-1), atol=1e-5, rtol=0)


def test_a_right_angle_turns_the_picture() -> None:
    picture = drawn()
    torch.testing.assert_close(warp(picture, *window(degrees=90)), picture.rot90(1, (-2, -1)), atol=1e-4, rtol=0)


def test_a_window_of_half_the_side_in_a_corner_shows_that_quarter() -> None:
    picture = torch.rand(1, 2, 3, 64, 64)
    quarter = warp(picture, *window(0.5, -0.5, 0.5)).flatten(0, 1)
    expected = F.interpolate(picture[..., 32:, :32].flatten(0, 1), scale_factor=2, mode="bilinear")
    torch.testing.assert_close(inside(quarter, 1), inside(expected, 1), atol=1e-5, rtol=0)


def test_no_empty_corner_is_ever_seen() -> None:
    bright = torch.full((64, 2, 3, 24, 24), 0.7)
    changed = augment(Batch(bright, torch.ones(64, 2), torch.zeros(64)), 0.9, 45).pictures
    torch.testing.assert_close(changed, bright)


def test_turning_and_mirroring_leave_sigmas_as_they_are() -> None:
    batch = Batch(torch.rand(8, 2, 3, 16, 16), torch.rand(8, 2), torch.zeros(8))
    torch.testing.assert_close(augment(batch, 1.0, 45).sigmas, batch.sigmas)


def test_every_pair_is_there_in_both_orders() -> None:
    examples = made_up(4)
    straight, mirrored = (gather(examples, torch.arange(4) + begin, CPU) for begin in (0, 4))
    assert torch.equal(mirrored.pictures, straight.pictures.flip(1))
    assert torch.equal(mirrored.sigmas, straight.sigmas.flip(1))
    assert torch.equal(mirrored.role, 1 - straight.role)
    assert torch.equal((straight.pictures * 255).round().to(torch.uint8), examples.pictures)
    assert straight.sigmas.tolist() == [[1 + i, 2.5 + i] for i in range(4)]
    assert straight.role.tolist() == [0, 1, 0, 1]


def test_labels_are_brought_to_the_size_that_is_seen(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", [Label(1, 8.0, 4.0)] * 5, reference=448)
    _, examples = run(folder, 224)
    assert examples.labels == (Label(1, 4.0, 2.0),) * 5
    assert examples.pictures.shape == (5, 2, 3, 224, 224)


def test_pairs_come_in_the_order_of_their_numbers_and_first_is_first(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", [Label(0, 1.0 + index, 2.0) for index in range(11)])
    _, examples = run(folder)
    assert examples.numbers == tuple(range(1, 12))
    for number in (1, 2, 10, 11):
        for place, which in enumerate("ab"):
            pixels = image.load(folder / f"{number}_{which}.png").pixels[0]
            assert torch.equal(examples.pictures[number - 1, place].float() / 255, pixels)


def test_what_has_no_label_or_cannot_be_read_is_left_out_and_told(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", [None, *[Label(0, 2.0, 2.0)] * 6, None])
    (folder / "3_b.png").write_text("no picture")
    heard, examples = run(folder)
    warned = [event.message for event in heard if isinstance(event, Warned)]
    assert examples.numbers == (2, 4, 5, 6, 7)
    assert warned[0] == "2 of 8 pairs have no label yet and are left out"
    assert warned[1].startswith("pair 3 is left out: ")
    assert "3_b.png" in warned[1]


def test_too_few_labelled_pairs_are_refused(tmp_path: Path) -> None:
    folder = write_pairs(tmp_path / "pairs", [Label(0, 2.0, 2.0)] * 4)
    with pytest.raises(DataError, match="has 4 labelled pairs: at least 5"):
        run(folder)


def test_the_fingerprint_sees_every_pixel_and_label() -> None:
    examples = made_up(3)
    other = Examples(examples.pictures.clone(), examples.labels, examples.numbers)
    assert examples.fingerprint() == other.fingerprint()
    other.pictures[2, 1, 0, 3, 3] ^= 1
    assert examples.fingerprint() != other.fingerprint()
    changed = Examples(examples.pictures, (*examples.labels[:2], Label(1, 9.0, 9.0)), examples.numbers)
    assert examples.fingerprint() != changed.fingerprint()
    assert examples.take([2, 0]).numbers == (3, 1)
