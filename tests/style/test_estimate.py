"""What is said before long work: times grow with the number of pixels, memory with what is at hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alebrije import features
from alebrije.config import build
from alebrije.errors import ConfigError
from alebrije.style import estimate
from alebrije.style.config import Scale, StylizeConfig

PLAN = (Scale(0.5, 40), Scale(1.0, 20))


def test_a_step_at_twice_the_size_takes_four_times_as_long() -> None:
    assert estimate.seconds_left(1.0, 0, 0, PLAN) == pytest.approx(40 + 4 * 20)
    assert estimate.seconds_left(1.0, 0, 10, PLAN) == pytest.approx(30 + 4 * 20)
    assert estimate.seconds_left(4.0, 1, 5, PLAN) == pytest.approx(4 * 15)


def test_memory_grows_with_pixels_and_number_format_and_history() -> None:
    small, large = (features.build("compact", None, ["relu4_2"]) for _ in range(2))
    one = estimate.bytes_needed(small, 10_000, "adam")
    two, three = (estimate.bytes_needed(small, pixels, "adam") for pixels in (20_000, 30_000))
    assert two - one == pytest.approx(three - two, rel=1e-3)
    assert estimate.bytes_needed(small, 10_000, "lbfgs") > one
    assert estimate.bytes_needed(features.build("compact", None, ["relu5_1"]), 10_000, "adam") > one
    assert one > estimate.bytes_needed(large.bfloat16(), 10_000, "adam")


def test_only_what_matters_is_said() -> None:
    assert estimate.time_notice(20, 10**9, "512x380") is None
    long = estimate.time_notice(600, 2 * 10**9, "4000x3000")
    assert long == "about 10 minutes to go at 4000x3000 pixels, with about 2.0 GB of memory"
    assert estimate.memory_notice(10**9, 2 * 10**9, "512x380") is None
    assert estimate.memory_notice(10**9, None, "512x380") is None
    found = estimate.memory_notice(5 * 10**9, 2 * 10**9, "4000x3000")
    assert found
    assert "5.0 GB" in found
    assert "--size" in found


def test_steps_in_tiles_take_longer() -> None:
    whole = estimate.seconds_left(1.0, 0, 0, PLAN, [None, None])
    assert whole == estimate.seconds_left(1.0, 0, 0, PLAN)
    assert estimate.seconds_left(1.0, 0, 0, PLAN, [None, 512]) == pytest.approx(40 + 4 * 20 * estimate.SLOWER)


def tile_side(pixels: int, free: int | None = None, **settings: Any) -> int | None:
    return estimate.tile_side(features.build("compact", None, ["relu5_1"]), build(StylizeConfig, settings), pixels, free)


def test_tiles_are_for_what_would_take_much_memory() -> None:
    assert tile_side(512 * 380) is None
    side = tile_side(4000 * 3000)
    assert side
    assert side % 16 == 0
    assert 256 <= side <= 2048
    assert tile_side(512 * 380, free=3 * 10**8)
    assert (tile_side(4000 * 3000, loss="cooccurrence") or 0) < side
    assert tile_side(4000 * 3000, tile="none") is None
    assert tile_side(4000 * 3000, loss="sliced") is None
    assert tile_side(4000 * 3000, tile="300") == 300
    assert tile_side(200 * 200, tile=300) is None
    with pytest.raises(ConfigError, match="sliced cannot work in tiles"):
        tile_side(4000 * 3000, tile="300", loss="sliced")


def test_twelve_megapixels_in_tiles_stay_under_six_gigabytes() -> None:
    extractor = features.build("compact", None, ["relu5_1"], dtype=torch.bfloat16)
    assert estimate.bytes_needed(extractor, 4000 * 3000, "lbfgs") > 6e9
    assert estimate.bytes_needed(extractor, 4000 * 3000, "lbfgs", 1024) < 5e9


def test_what_cannot_be_tiled_says_so_where_memory_is_short() -> None:
    found = estimate.memory_notice(5 * 10**9, 10**9, "4000x3000", build(StylizeConfig, {"loss": "sliced"}))
    assert found
    assert found.startswith("--loss sliced cannot work in tiles, and 4000x3000 pixels need about 5.0 GB")
    assert estimate.tile_notice(None, 10**9, "4000x3000") is None
    assert "tiles of 512 pixels" in str(estimate.tile_notice(512, 10**9, "4000x3000"))
