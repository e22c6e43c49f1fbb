"""`stylize` as the outside sees it: events, the picture and what it carries, the report, stopping, bad settings.

The network is the smallest one with random weights, so that nothing has to be at hand.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from alebrije import events, features
from alebrije.core import weights
from alebrije.core.image import Picture, resize, to_gray
from alebrije.errors import ConfigError, Interrupted
from alebrije.style import run
from alebrije.style.config import StylizeConfig
from alebrije.style.run import StylizeResult, stylize

FAST = {"steps": 6, "quality": "quick", "size": "64", "precision": "fp32", "features": "compact"}


@pytest.fixture(autouse=True)
def _random_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, layers: list[str], **options: Any) -> features.Extractor:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            return features.build("compact", None, layers, **options)

    monkeypatch.setattr(run.features, "load", load)


def picture(height: int = 48, width: int = 64, seed: int = 0, **carried: Any) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    return Picture(resize(torch.rand(1, 3, 6, 8, generator=generator), (height, width)), **carried)


def paint(content: Picture | None = None, styles: list[Picture] | None = None, **settings: Any) -> StylizeResult:
    found = events.last(run_events(content, styles, **settings))
    assert isinstance(found, StylizeResult)
    return found


def run_events(content: Picture | None = None, styles: list[Picture] | None = None, **settings: Any) -> events.Events:
    return stylize(content or picture(), styles or [picture(40, 40, seed=1)], StylizeConfig(**(FAST | settings)))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"features": "squeezenet1_1"}, r"unknown network for stylize squeezenet1_1 \(choose from compact, vgg16, vgg19\)"),
        ({"features": "vgg_16"}, r"did you mean vgg16"),
        ({"layer_weights": {"relu3_4": 1.0}}, r"unknown layer of compact relu3_4"),
        ({"features": "vgg16", "layer_weights": {"relu3_4": 1.0}}, r"unknown layer of vgg16 relu3_4"),
    ],
)
def test_networks_and_layers_are_checked_before_weights_are_looked_for(
    settings: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(features, "load")
    with pytest.raises(ConfigError, match=message):
        next(run_events(**settings))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_loss_falls(optimizer: str) -> None:
    losses = [
        event.values["loss"]
        for event in run_events(steps=20, quality="balanced", size="32", optimizer=optimizer)
        if isinstance(event, events.Step)
    ]
    full_size = losses[-7:]
    assert full_size[-1] < 0.8 * full_size[0]
    assert losses[-1] < 0.5 * losses[0]


def test_events_count_every_step_and_announce_how_many() -> None:
    heard = list(run_events(preview_every=2))
    started = [event for event in heard if isinstance(event, events.Started)]
    steps = [event for event in heard if isinstance(event, events.Step)]
    previews = [event for event in heard if isinstance(event, events.Preview)]
    assert [event.total for event in started] == [6]
    assert [(step.index, step.total) for step in steps] == [(n, 6) for n in range(1, 7)]
    assert [preview.index for preview in previews] == [2, 4, 6]
    assert all(preview.image.min() >= 0 and preview.image.max() <= 1 for preview in previews)
    assert isinstance(heard[-1], events.Done)
    assert not heard[-1].interrupted


def test_the_report_is_json_with_the_promised_keys() -> None:
    report = json.loads(json.dumps(paint().report))
    assert {"steps", "seconds", "content_distance", "style_distance", "loss", "network", "size", "scales"} <= set(report)
    assert report["steps"] == 6 == sum(stage["steps"] for stage in report["scales"])
    assert report["size"] == [64, 48]
    assert [stage["size"] for stage in report["scales"]] == [[32, 32], [64, 48]]  # 32: the network's smallest side


def test_the_report_agrees_with_the_last_step() -> None:
    heard = list(run_events())
    last_step = [event for event in heard if isinstance(event, events.Step)][-1]
    done = heard[-1]
    assert isinstance(done, events.Done)
    for key, value in last_step.values.items():
        assert done.result.report[key] == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize("init", ["content", "noise"])
def test_the_same_seed_gives_the_same_picture(init: str) -> None:
    first, second = (paint(init=init, seed=5).image.pixels for _ in range(2))
    assert torch.equal(first, second)


def test_another_seed_gives_another_picture_from_noise() -> None:
    assert not torch.equal(paint(init="noise", seed=1).image.pixels, paint(init="noise", seed=2).image.pixels)


def test_global_random_state_is_left_alone() -> None:
    torch.manual_seed(11)
    before = torch.random.get_rng_state()
    paint(init="noise", seed=3)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_content_itself_is_the_answer_when_only_content_counts() -> None:
    result = paint(style_weight=0, tv_weight=0)
    torch.testing.assert_close(result.image.pixels, picture().pixels, atol=0.02, rtol=0)
    assert result.report["content_distance"] < 1e-3


def test_what_came_with_the_content_is_kept() -> None:
    alpha = torch.linspace(0, 1, 64).expand(1, 1, 48, 64)
    result = paint(picture(alpha=alpha, depth=16, icc=b"profile", exif=b"camera", sha256="0")).image
    assert result.alpha is not None
    torch.testing.assert_close(result.alpha, alpha)
    assert (result.depth, result.icc, result.exif, result.sha256) == (16, b"profile", b"camera", None)


def test_a_grey_content_may_become_colourful() -> None:
    grey = picture().pixels.mean(1, keepdim=True).expand(1, 3, 48, 64)
    result = paint(Picture(grey, gray=True), style_weight=100).image
    assert not result.gray
    assert (result.pixels - to_gray(result.pixels)).abs().max() > 0.05


@pytest.mark.parametrize(
    ("size", "expected", "notice"),
    [("48", (36, 48), None), ("40x32", (32, 40), "cropped"), ("48x48", (48, 48), "cropped"), ("128x96", (96, 128), "enlarged"),
     ("500", (48, 64), "no more")],
)  # fmt: skip
def test_sizes(size: str, expected: tuple[int, int], notice: str | None) -> None:
    heard = list(run_events(size=size, steps=2))
    messages = [event.message for event in heard if isinstance(event, events.Warned)]
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert done.result.image.pixels.shape[-2:] == expected
    assert [notice in message for message in messages] == [True] if notice else not messages


def test_the_default_size_never_enlarges_and_says_nothing() -> None:
    settings = {key: value for key, value in FAST.items() if key != "size"} | {"steps": 1}
    heard = list(stylize(picture(), [picture(seed=1)], StylizeConfig(**settings)))
    assert not [event for event in heard if isinstance(event, events.Warned)]
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert done.result.image.size == (64, 48)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 60), (60, 1), (3, 5)])
def test_tiny_pictures_come_back_in_their_size_with_a_notice(height: int, width: int) -> None:
    with pytest.warns(UserWarning, match="little to see"):
        result = paint(picture(height, width), [picture(1, 50, seed=1)], steps=2, size=str(max(height, width)))
    assert result.image.pixels.shape == (1, 3, height, width)
    assert torch.isfinite(result.image.pixels).all()


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_flat_pictures_do_no_harm(level: float) -> None:
    flat = Picture(torch.full((1, 3, 48, 64), level))
    for content, style in ((flat, picture(seed=1)), (picture(), flat), (flat, flat)):
        result = paint(content, [style], steps=4)
        assert torch.isfinite(result.image.pixels).all()
        assert all(math.isfinite(result.report[key]) for key in ("loss", "content_distance", "style_distance"))


def test_keeping_colours_changes_the_light_only() -> None:
    content = Picture(0.3 + 0.4 * picture().pixels)
    result = paint(content, keep_colors=True, style_weight=20, steps=12).image.pixels
    change = result - content.pixels
    inside = ((result > 0) & (result < 1)).all(1, keepdim=True).expand_as(change)
    assert inside.float().mean() > 0.3
    assert change.abs().max() > 0.02
    torch.testing.assert_close(change[inside], to_gray(change).expand_as(change)[inside], atol=1e-5, rtol=0)


def test_a_style_without_share_does_not_count() -> None:
    only = paint(styles=[picture(seed=1)])
    both = paint(styles=[picture(seed=1), picture(seed=2)], style_weights=[3, 0])
    torch.testing.assert_close(both.image.pixels, only.image.pixels)


def test_frames_show_the_work_at_the_final_size() -> None:
    result = paint(frames=3)
    assert [frame.shape for frame in result.frames] == [(1, 3, 48, 64)] * 3
    torch.testing.assert_close(result.frames[-1], result.image.pixels)


@pytest.mark.parametrize("steps_before", [0, 2, 5])
def test_a_stopped_run_keeps_the_picture_so_far(steps_before: int) -> None:
    work = run_events()
    heard: list[Tensor] = []
    for event in work:
        heard += [event] if isinstance(event, events.Step) else []
        if len(heard) == steps_before:
            break
    done = work.throw(Interrupted())
    assert isinstance(done, events.Done)
    assert done.interrupted
    assert done.result.report["steps"] == steps_before
    assert done.result.image.pixels.shape == (1, 3, 48, 64)
    assert list(work) == []


def test_nan_in_the_network_is_reported_and_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    forward, calls = features.Extractor.forward, 0

    def sometimes_poisoned(self: features.Extractor, images: Tensor) -> dict[str, Tensor]:
        nonlocal calls
        calls += 1
        taps = forward(self, images)
        return {layer: tap * (math.nan if calls == 5 else 1.0) for layer, tap in taps.items()}

    monkeypatch.setattr(features.Extractor, "forward", sometimes_poisoned)
    heard = list(run_events())
    warned = [event.message for event in heard if isinstance(event, events.Warned)]
    assert len(warned) == 1
    assert "NaN" in warned[0]
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert torch.isfinite(done.result.image.pixels).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss": "grum"}, "did you mean gram"),
        ({"features": "vgg91"}, "did you mean vgg19"),
        ({"style_weights": [1, 2]}, "2 numbers for 1 style"),
        ({"layer_weights": {"relu9_1": 1}}, "relu9_1"),
        ({"size": "big"}, "size"),
    ],
)
def test_settings_that_do_not_fit_fail_before_any_work(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        next(run_events(**settings))


@pytest.mark.parametrize(
    ("quality", "present", "expected"),
    [("balanced", {"vgg19", "vgg16"}, "compact"), ("best", {"vgg16", "vgg19"}, "vgg19"), ("best", {"vgg16"}, "vgg16"),
     ("best", set(), "compact")],
)  # fmt: skip
def test_the_best_quality_takes_the_best_network_at_hand(
    quality: str, present: set[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_hand: Callable[[str], bool] = present.__contains__
    monkeypatch.setattr(weights, "at_hand", at_hand)
    assert paint(features="auto", quality=quality, steps=1).report["network"] == expected
