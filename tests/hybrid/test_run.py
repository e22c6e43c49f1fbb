"""The verb from pictures to result: sizes, transparency, what is given, what is reported, interruption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije.config import build
from alebrije.core.image import Picture, fit
from alebrije.errors import ConfigError, Interrupted, PictureError
from alebrije.events import Done, Preview, Step, Warned
from alebrije.hybrid import observer
from alebrije.hybrid.blend import blend, blend_three, to_cycles, without_color
from alebrije.hybrid.config import HybridConfig
from alebrije.hybrid.observer import Plan, Viewing
from alebrije.hybrid.run import HybridResult, hybridize
from alebrije.hybrid.views import view


def picture(height: int = 40, width: int = 60, seed: int = 0, **more: Any) -> Picture:
    return Picture(torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(seed)), **more)


def run(
    first: Picture, second: Picture, middle: Picture | None = None, **options: Any
) -> tuple[HybridResult, list[str]]:
    events = list(hybridize(first, second, build(HybridConfig, options), middle))
    assert isinstance(events[-1], Done)
    return events[-1].result, [event.message for event in events if isinstance(event, Warned)]


def test_given_settings_are_used_as_they_are() -> None:
    first, second = picture(seed=1), picture(seed=2)
    result, _ = run(first, second, low="second", sigma_low=5, sigma_high=2)
    torch.testing.assert_close(result.image.pixels, blend(second.pixels, first.pixels, 5, 2))
    report = result.report
    assert (report["low"], report["sigma_low"], report["sigma_high"]) == ("second", 5, 2)
    assert report["cycles_low"] == pytest.approx(to_cycles(5, 60))


def test_the_report_is_json_and_complete() -> None:
    result, _ = run(picture(seed=1), picture(seed=2))
    keys = {"low", "sigma_low", "sigma_high", "cycles_low", "cycles_high", "score", "switch_distance"}
    keys |= {"planner", "alignment"}
    assert set(json.loads(json.dumps(result.report))) == keys
    assert to_cycles(result.report["sigma_high"], 60) == pytest.approx(result.report["cycles_high"])


def test_swapped_pictures_make_the_same_picture() -> None:
    first, second = picture(seed=1), picture(30, 50, seed=2)
    forth, back = run(first, second)[0], run(second, first)[0]
    assert torch.equal(forth.image.pixels, back.image.pixels)
    assert {forth.report.pop("low"), back.report.pop("low")} == {"first", "second"}
    assert forth.report == back.report


def test_sizes_that_differ_are_fitted_to_the_larger_with_a_notice() -> None:
    small, large = picture(20, 20, path=Path("small.png")), picture(40, 60, path=Path("large.png"))
    for pair in ((small, large), (large, small)):
        result, notices = run(*pair)
        assert result.image.size == (60, 40)
        assert any("small.png" in notice and "60x40" in notice for notice in notices)
    assert not any("cropped" in notice for notice in run(large, large)[1])


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (7, 7)])
def test_specks_are_refused_by_name(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match=r"speck\.png.*8x8"):
        run(picture(), picture(*size, path=Path("speck.png")))


@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 300), (301, 9)])
def test_odd_sizes_work(height: int, width: int) -> None:
    result, _ = run(picture(height, width, seed=1), picture(height, width, seed=2), previews=True, frames=3)
    assert result.image.size == (width, height)
    assert bool(torch.isfinite(result.image.pixels).all())


def test_transparent_where_both_are_and_white_beneath() -> None:
    half = torch.zeros(1, 1, 40, 60)
    half[..., :30] = 1
    clear, cut = torch.zeros(1, 1, 40, 60), picture(seed=1, alpha=half)
    one, _ = run(cut, picture(seed=2))
    assert one.image.alpha is None
    both, _ = run(cut, picture(seed=2, alpha=clear), low="first", sigma_low=2, sigma_high=1)
    assert both.image.alpha is not None
    assert torch.equal(both.image.alpha, half)
    torch.testing.assert_close(both.image.pixels[..., 45:], torch.ones(1, 3, 40, 15), rtol=0, atol=1e-4)


def test_depth_profile_and_exif_come_along() -> None:
    first, second = picture(seed=1, depth=16), picture(80, 90, seed=2, icc=b"profile", exif=b"exif")
    image = run(first, second)[0].image
    assert (image.depth, image.icc, image.exif, image.path) == (16, b"profile", b"exif", None)


def test_the_far_view_is_smoother_than_the_near_one() -> None:
    pair = picture(120, 160, seed=1), picture(120, 160, seed=2)
    previews = run(*pair, sigma_low=10, sigma_high=5, previews=True)[0].previews
    near, far = previews["near"], previews["far"]
    assert near.shape == far.shape == (1, 3, 120, 160)
    assert float(far.std()) < 0.5 * float(near.std())
    torch.testing.assert_close(far.mean(), near.mean(), rtol=0, atol=0.02)


def test_the_walk_begins_near_and_shrinks_to_the_far_size() -> None:
    result, _ = run(picture(seed=1), picture(seed=2), frames=8, near=1, far=4)
    assert len(result.frames) == 8
    torch.testing.assert_close(result.frames[0], result.image.pixels)
    around = (result.frames[4] == 0.5).all(1).float().mean()
    assert float(around) == pytest.approx(1 - 1 / 16, abs=0.01)
    torch.testing.assert_close(result.frames[1], result.frames[7])
    assert {frame.shape for frame in result.frames} == {(1, 3, 40, 60)}
    small, _ = run(picture(seed=1), picture(seed=2), frames=2, frame_side=30)
    assert small.frames[0].shape == (1, 3, 20, 30)


def test_pictures_that_do_not_hide_each_other_are_said_to() -> None:
    same = picture(seed=1)
    assert any("score" in notice for notice in run(same, same)[1])


def test_what_the_advice_says_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def advise(low: torch.Tensor, high: torch.Tensor, *cycles: float) -> list[str]:
        asked.append((low, high, cycles))
        return ["a stain", "a pattern"]

    monkeypatch.setattr("alebrije.hybrid.run.advise", advise)
    first, second = picture(seed=1), picture(seed=2)
    result, notices = run(first, second, low="second")
    assert notices[:2] == ["a stain", "a pattern"]
    (low, high, cycles) = asked[0]
    assert torch.equal(low, second.pixels)
    assert torch.equal(high, first.pixels)
    assert cycles == (result.report["cycles_low"], result.report["cycles_high"])


def test_an_interrupted_run_keeps_the_hybrid() -> None:
    events = hybridize(picture(seed=1), picture(seed=2), HybridConfig(previews=True))
    for event in events:
        if isinstance(event, Preview):
            break
    done = events.throw(Interrupted())
    assert isinstance(done, Done)
    assert done.interrupted
    assert done.result.image.size == (60, 40)


def test_steps_count_to_their_total() -> None:
    steps = [event for event in hybridize(picture(seed=1), picture(seed=2), HybridConfig()) if isinstance(event, Step)]
    assert [step.index for step in steps] == [1, 2, 3]
    assert {step.total for step in steps} == {3}


@pytest.mark.parametrize(
    "options",
    [
        {"sigma_low": 0},
        {"sigma_high": -1},
        {"near": 7},
        {"far": 0.1},
        {"screen_width": 0},
        {"low": "both"},
        {"sigma": 3},
        {"between": 0.2},
        {"between": 6},
        {"points": "1,2:3,4"},
        {"points": "1,2:3,4 5,6"},
        {"points": ["1,2:3,4", "5,6:7,x"]},
        {"points": ["1,2:3,4", "5,6:7,nan"]},
        {"points": ["1,2:3,4", "5,6:7,8:9,1"]},
        {"points": 7},
        {"points": [(1, 2, 3), (4, 5, 6)]},
        {"points": "1,2:3,4 5,6:7,8", "align": "auto"},
        {"align": "some"},
        {"dpi": 300},
        {"print_width": 0},
        {"print_width": 20, "dpi": 0},
        {"print_width": 0.05},
        {"print_width": 30, "screen_width": 20},
    ],
)
def test_settings_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        build(HybridConfig, options)


@pytest.mark.parametrize(
    "points",
    ["1,2:3,4 5,6:7,8", "1,2:3,4;5,6:7,8", ["1,2:3,4", "5,6:7,8"], [(1, 2, 3, 4), (5, 6, 7, 8)], [[1, 2, 3, 4], "5,6:7,8"]],
)
def test_points_may_be_written_in_several_ways(points: Any) -> None:
    config = build(HybridConfig, {"points": points})
    assert config.points == ((1, 2, 3, 4), (5, 6, 7, 8))
    assert build(HybridConfig, config.model_dump(mode="json")) == config


def test_another_planner_is_asked_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from alebrije.hybrid.planning import use

    asked = []

    def load_planner(name: str) -> Any:
        def plan(first: Any, second: Any, viewing: Viewing, *, low: str = "auto", **cutoffs: Any) -> Plan:
            asked.append((name, viewing, low, cutoffs))
            return observer.appraise(observer.both_orders(first, second)["second"], viewing, "second", 10.0, 20.0)

        return plan

    monkeypatch.setattr(use, "load_planner", load_planner)
    result, _ = run(picture(seed=1), picture(seed=2), planner="runs/mine", sigma_high=2, screen_width=40)
    assert asked == [("runs/mine", Viewing(0.4, 0.5, 6), "auto", {"cycles_low": None, "cycles_high": to_cycles(2, 60)})]
    assert (result.report["planner"], result.report["low"], result.report["cycles_low"]) == ("runs/mine", "second", 10)


def test_grey_high_takes_colour_from_the_far_picture_alone() -> None:
    first, second = picture(seed=1), picture(seed=2)
    result, _ = run(first, second, low="first", sigma_low=5, sigma_high=2, gray_high=True)
    torch.testing.assert_close(result.image.pixels, blend(first.pixels, without_color(second.pixels), 5, 2))


def test_three_pictures_have_their_bands_and_views() -> None:
    first, second, middle = picture(seed=1), picture(seed=2), picture(30, 30, seed=3, path=Path("third.png"))
    result, notices = run(first, second, middle, previews=True, sigma_low=6)
    report = json.loads(json.dumps(result.report))
    extra = {"sigma_middle", "cycles_middle", "switch_distances", "alignment_middle"}
    assert extra <= set(report)
    assert report["switch_distance"] == report["switch_distances"][1]
    coarse, fine = report["sigma_middle"]
    assert coarse >= fine >= report["sigma_high"]
    assert [to_cycles(sigma, 60) for sigma in (coarse, fine)] == pytest.approx(report["cycles_middle"])
    low, high = (first, second) if report["low"] == "first" else (second, first)
    expected = blend_three(low.pixels, fit(middle.pixels, (40, 60)), high.pixels, 6, (coarse, fine), report["sigma_high"])
    torch.testing.assert_close(result.image.pixels, expected)
    assert list(result.previews) == ["near", "middle", "far"]
    assert torch.equal(result.previews["middle"], view(expected, 0.2, 3**0.5, 0.5))
    assert any("third.png (30x30) is cropped" in notice for notice in notices)


def test_swapped_pictures_make_the_same_picture_of_three() -> None:
    first, second, middle = picture(seed=1), picture(seed=2), picture(seed=3)
    forth, back = run(first, second, middle)[0], run(second, first, middle)[0]
    assert torch.equal(forth.image.pixels, back.image.pixels)


@pytest.mark.parametrize(("third", "options", "words"), [
    (True, {"planner": "planner"}, "leave out planner"),
    (False, {"between": 2}, "middle picture"),
])  # fmt: skip
def test_what_goes_with_three_pictures_only(third: bool, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        run(picture(), picture(), picture() if third else None, **options)
