"""What is said before long work: times grow with the number of pixels, memory with what is at hand."""

from __future__ import annotations

import pytest

from alebrije import features
from alebrije.style import estimate
from alebrije.style.config import Scale

PLAN = (Scale(0.5, 40), Scale(1.0, 20))


def test_a_step_at_twice_the_size_takes_four_times_as_long() -> None:
    assert estimate.seconds_left(1.0, 0, 0, PLAN) == pytest.approx(40 + 4 * 20)
    assert estimate.seconds_left(1.0, 0, 10, PLAN) == pytest.approx(30 + 4 * 20)
    assert estimate.seconds_left(4.0, 1, 5, PLAN) == pytest.approx(4 * 15)


def test_memory_grows_with_pixels_and_number_format_and_history() -> None:
    small, large = (features.build("compact", None, ["relu4_2"]) for _ in range(2))
    one = estimate.bytes_needed(small, 10_000, "adam")
    assert estimate.bytes_needed(small, 20_000, "adam") == pytest.approx(2 * one, rel=1e-3)
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
