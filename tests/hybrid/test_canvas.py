"""What comes before planning: sizes, prints, and one picture laid over the other, through the whole verb."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from alebrije.config import build
from alebrije.core.image import Picture, fit
from alebrije.errors import ConfigError, PictureError
from alebrije.events import Done, Warned
from alebrije.hybrid.alignment.align import from_points, warp
from alebrije.hybrid.blend import blend, to_cycles
from alebrije.hybrid.config import HybridConfig
from alebrije.hybrid.run import HybridResult, hybridize


def picture(height: int = 40, width: int = 60, seed: int = 0, **more: Any) -> Picture:
    return Picture(torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)), **more)


def run(
    first: Picture, second: Picture, middle: Picture | None = None, **options: Any
) -> tuple[HybridResult, list[str]]:
    events = list(hybridize(first, second, build(HybridConfig, options), middle))
    assert isinstance(events[-1], Done)
    return events[-1].result, [event.message for event in events if isinstance(event, Warned)]


def test_points_lay_the_far_picture_over_the_near_one() -> None:
    """The far picture is the near one's scene seen 1.25 times as large and moved: points bring it back, whoever comes first."""
    near, far = picture(60, 80, seed=1), picture(80, 100, seed=2)
    rows = [(10, 5, 20, 15), (70, 50, 95, 71.25), (10, 50, 20, 71.25)]  # in the near picture, in the far one
    result, notices = run(near, far, points=rows, low="second", sigma_low=3, sigma_high=2)
    swapped, _ = run(far, near, points=[(c, d, a, b) for a, b, c, d in rows], low="first", sigma_low=3, sigma_high=2)
    assert torch.equal(result.image.pixels, swapped.image.pixels)
    # On the canvas of the far picture: its own points, and those of the near one cropped to 5:4 (75 of 80) and scaled by 4/3.
    canvas = [(c + 0.5, d + 0.5, (a + 0.5 - 2) * 4 / 3, (b + 0.5) * 4 / 3) for a, b, c, d in rows]
    low = warp(far.pixels, from_points(canvas))
    expected = blend(low, fit(near.pixels, (80, 100)), 3, 2)
    torch.testing.assert_close(result.image.pixels, expected)
    alignment = result.report["alignment"]
    assert set(alignment) == {"scale", "degrees", "shift", "match", "before", "note"}
    assert alignment["scale"] == pytest.approx(1.25 / (4 / 3), rel=0.02)
    assert not any("outside" in notice for notice in notices)


def test_a_point_lands_where_fitting_puts_its_pixel() -> None:
    """A white pixel in a larger, wider picture and a point on it: laid over a point, its light is there in the result."""
    dark = torch.zeros(1, 3, 80, 200)
    for x, y in ((90, 20), (120, 60)):
        dark[..., y - 1 : y + 2, x - 1 : x + 2] = 1
    frame = Picture(torch.full((1, 3, 100, 100), 0.5))
    rows = [(90, 20, 30, 30), (120, 60, 60, 70)]
    result, _ = run(Picture(dark), frame, points=rows, low="first", sigma_low=0.5, sigma_high=0.5)
    light = result.image.pixels.mean(1)[0]
    width, height = result.image.size
    assert (width, height) == (200, 80)
    for _, _, x, y in rows:  # the frame is cropped to 5:2, its rows 30 to 70, and doubled
        across, down = round((x + 0.5) * 2 - 0.5), round((y + 0.5 - 30) * 2 - 0.5)
        assert float(light[max(0, down - 2) : down + 3, across - 2 : across + 3].max()) > 0.5


@pytest.mark.parametrize(("rows", "words"), [
    ([(1, 2, 3, 4), (61, 5, 6, 7)], "61,5 lies outside picture of 60x40"),
    ([(1, 2, 3, 4), (5, 6, 7, -1)], "7,-1 lies outside"),
])  # fmt: skip
def test_points_outside_their_picture_are_refused(rows: Any, words: str) -> None:
    with pytest.raises(PictureError, match=words):
        run(picture(), picture(seed=1), points=rows)


def test_three_points_a_place_need_three_pictures() -> None:
    rows = [(1, 2, 3, 4, 5, 6), (10, 20, 30, 14, 15, 16)]
    with pytest.raises(ConfigError, match="middle"):
        run(picture(), picture(seed=1), points=rows)
    three, _ = run(picture(), picture(seed=1), picture(seed=2), points=rows)
    assert three.report["alignment"]
    assert three.report["alignment_middle"]
    two, _ = run(picture(), picture(seed=1), picture(seed=2), points=[row[:4] for row in rows])
    assert two.report["alignment_middle"] is None


def test_alignment_keeps_size_and_roles_and_covers_every_pixel() -> None:
    first, second = picture(50, 60, seed=1), picture(50, 60, seed=2)
    result, _ = run(first, second, align="auto", low="second")
    assert (result.image.size, result.report["low"]) == ((60, 50), "second")
    assert 0 <= result.report["alignment"]["before"] <= result.report["alignment"]["match"] <= 1
    back, _ = run(second, first, align="auto", low="first")
    assert torch.equal(result.image.pixels, back.image.pixels)
    # A white far picture beneath a flat near one stays white to the border, however it is turned.
    white, flat = Picture(torch.ones(1, 3, 60, 60)), Picture(torch.full((1, 3, 60, 60), 0.5))
    turned, _ = run(white, flat, points=[(5, 5, 30, 2), (50, 50, 58, 30)], low="first", sigma_low=2, sigma_high=2)
    torch.testing.assert_close(turned.image.pixels, torch.ones(1, 3, 60, 60))


def test_transparency_moves_with_its_picture() -> None:
    alpha = torch.zeros(1, 1, 40, 60)
    alpha[..., 10:30, 20:30] = 1
    clear = torch.zeros(1, 1, 40, 60)
    rows = [(10, 10, 25, 12), (30, 30, 45, 32)]  # moved by 15, 2
    result, _ = run(picture(alpha=alpha), picture(seed=1, alpha=clear), points=rows, low="first", sigma_low=1, sigma_high=1)
    assert result.image.alpha is not None
    torch.testing.assert_close(result.image.alpha, alpha.roll((2, 15), (-2, -1)), rtol=0, atol=1e-3)


def test_a_print_has_its_size_and_says_so() -> None:
    first, second = picture(60, 90, seed=1), picture(40, 40, seed=2)
    result, notices = run(first, second, print_width=5.08, dpi=60, near=0.3, far=2)
    assert result.image.size == (120, 80)
    assert result.image.dpi == 60
    assert to_cycles(result.report["sigma_low"], 120) == pytest.approx(result.report["cycles_low"])
    shown, _ = run(first, second, screen_width=5.08, near=0.3, far=2)
    assert shown.image.dpi is None
    assert result.report["cycles_low"] == pytest.approx(shown.report["cycles_low"], rel=0.2)
    enlarged = [notice for notice in notices if "enlarged" in notice]
    assert len(enlarged) == 1
    assert "40x40 pixels is enlarged 3.0 times" in enlarged[0]


@pytest.mark.parametrize(("options", "words"), [
    ({"print_width": 100, "dpi": 2400}, "megapixels"),
    ({"print_width": 1, "dpi": 30}, "12x1 pixels"),
])  # fmt: skip
def test_prints_too_small_or_too_large_for_their_pictures(options: dict[str, Any], words: str) -> None:
    shape = (8, 120) if options["print_width"] == 1 else (60, 60)
    with pytest.raises(ConfigError, match=words):
        run(picture(*shape), picture(*shape, seed=1), **options)
