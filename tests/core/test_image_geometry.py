"""Resizing and fitting: against Pillow's filter, and what must hold for any picture."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import Tensor

from alebrije.core import image
from alebrije.errors import ConfigError

SIDES = st.integers(1, 40)


def ramp(height: int, width: int) -> Tensor:
    return torch.linspace(0, 1, width).expand(1, 3, height, width)


@settings(max_examples=40, deadline=None)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), value=st.floats(0, 1, width=32))
def test_resize_keeps_constants(old: tuple[int, int], new: tuple[int, int], value: float) -> None:
    resized = image.resize(torch.full((2, 3, *old), value), new)
    assert resized.shape == (2, 3, *new)
    assert torch.allclose(resized, torch.tensor(value), atol=1e-6)


@settings(max_examples=25, deadline=None)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), seed=st.integers(0, 99))
@example(old=(20, 5), new=(5, 1), seed=0)  # PyTorch alone repeats the first row in these two
@example(old=(2, 1), new=(3, 1), seed=0)
def test_resize_is_pillows_bicubic(old: tuple[int, int], new: tuple[int, int], seed: int) -> None:
    plane = np.random.default_rng(seed).random(old, np.float32)
    theirs = np.asarray(Image.fromarray(plane).resize(new[::-1], Image.Resampling.BICUBIC))
    ours = image.resize(torch.from_numpy(plane)[None, None], new)[0, 0].numpy()
    assert np.abs(ours - theirs.clip(0, 1)).max() < 1e-5


@settings(max_examples=25, deadline=None)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), seed=st.integers(0, 99))
def test_resize_commutes_with_mirrors_and_turns(old: tuple[int, int], new: tuple[int, int], seed: int) -> None:
    images = torch.rand(1, 3, *old, generator=torch.Generator().manual_seed(seed))
    resized = image.resize(images, new)
    assert resized.min() >= 0
    assert resized.max() <= 1
    assert torch.allclose(image.resize(images.flip(-1), new).flip(-1), resized, atol=1e-5)
    assert torch.allclose(image.resize(images.mT, (new[1], new[0])).mT, resized, atol=1e-5)


def test_a_checkerboard_shrinks_to_grey_not_to_moire() -> None:
    board = (torch.arange(256)[:, None] + torch.arange(256)).remainder(2).float().expand(1, 3, 256, 256)
    assert (image.resize(board, (37, 41)) - 0.5).abs().max() < 0.02


def test_resize_keeps_the_dtype_and_refuses_nothing_sized() -> None:
    assert image.resize(torch.rand(1, 3, 8, 8).bfloat16(), (4, 4)).dtype == torch.bfloat16
    with pytest.raises(ConfigError, match="0x4"):
        image.resize(torch.rand(1, 3, 8, 8), (4, 0))


@settings(max_examples=60, deadline=None)
@given(old=st.tuples(SIDES, SIDES), new=st.tuples(SIDES, SIDES), mode=st.sampled_from(["crop", "pad", "stretch"]))
def test_fit_has_the_size_it_was_asked_for(old: tuple[int, int], new: tuple[int, int], mode: str) -> None:
    fitted = image.fit(torch.full((1, 3, *old), 0.25), new, mode)  # type: ignore[arg-type]
    assert fitted.shape == (1, 3, *new)
    kept = fitted[fitted < 0.9]
    assert torch.allclose(kept, torch.tensor(0.25), atol=1e-6)
    assert kept.numel() > 0
    if mode != "pad":
        assert kept.numel() == fitted.numel()


def test_crop_keeps_the_middle_and_pad_keeps_all() -> None:
    cropped = image.fit(ramp(10, 30), (10, 10), "crop")
    assert torch.equal(cropped, ramp(10, 30)[..., 10:20])
    padded = image.fit(ramp(10, 30), (30, 30), "pad", fill=0.0)
    assert torch.equal(padded[..., 10:20, :], ramp(10, 30))
    assert padded[..., :10, :].max() == 0
    assert padded[..., 20:, :].max() == 0


def test_crop_of_extreme_proportions_stays_small() -> None:
    assert image.fit(torch.rand(1, 3, 1, 100_000), (64, 64), "crop").shape == (1, 3, 64, 64)
    assert image.fit(torch.rand(1, 3, 100_000, 1), (64, 64), "pad").shape == (1, 3, 64, 64)


def test_fit_names_its_modes() -> None:
    with pytest.raises(ConfigError, match="did you mean stretch"):
        image.fit(torch.rand(1, 3, 4, 4), (2, 2), "strech")  # type: ignore[arg-type]


def test_to_gray_weighs_as_the_standard_says() -> None:
    primaries = torch.eye(3).view(3, 3, 1, 1)
    assert torch.allclose(image.to_gray(primaries).flatten(), torch.tensor([0.2126, 0.7152, 0.0722]))
    assert torch.allclose(image.to_gray(torch.ones(2, 3, 4, 5)), torch.ones(2, 1, 4, 5))


@given(width=st.integers(1, 99_999), height=st.integers(1, 99_999), cross=st.sampled_from(["x", "X", "×", " x "]))
def test_sizes_are_read_as_width_by_height(width: int, height: int, cross: str) -> None:
    assert image.parse_size(f"{width}{cross}{height}") == (height, width)
    assert image.parse_size(str(width)) == width


@pytest.mark.parametrize("text", ["", "0", "0x5", "5x0", "-3", "1.5", "axb", "5x", "x5", "5x6x7", "٣", "1" * 50])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="512x380"):
        image.parse_size(text)


def test_scaled_size_keeps_proportions() -> None:
    assert image.scaled_size((380, 512), 256) == (190, 256)
    assert image.scaled_size((1, 1000), 10) == (1, 10)
    assert image.scaled_size((7, 9), (3, 4)) == (3, 4)
