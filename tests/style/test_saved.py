"""Stopped and gone on with: the same picture to the last bit, and nothing but the same work is gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import alebrije
from alebrije import events, features
from alebrije.core.image import Picture, resize, save
from alebrije.errors import Interrupted, RunError
from alebrije.style import run, saved, torus
from alebrije.style.config import StylizeConfig
from alebrije.style.run import StylizeResult, stylize
from alebrije.style.saved import Saved, state_file

FAST = {"steps": 6, "quality": "quick", "size": "48", "precision": "fp32", "features": "compact", "preview_every": 0}


@pytest.fixture(autouse=True)
def _random_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, layers: list[str], **options: Any) -> features.Extractor:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            return features.build("compact", None, layers, **options)

    monkeypatch.setattr(features, "load", load)
    monkeypatch.setattr(run, "accelerate", lambda network, device: None)  # which takes half of so short a work


def picture(height: int = 40, width: int = 48, seed: int = 0) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    return Picture(resize(torch.rand(1, 3, 6, 8, generator=generator), (height, width)))


def work(keep: Saved | None, content: Picture | None = None, style: Picture | None = None, **settings: Any) -> events.Events:
    styles = [style or picture(40, 40, seed=1)]
    return stylize(content or picture(), styles, StylizeConfig(**(FAST | settings)), keep)


def finished(events_: events.Events) -> StylizeResult:
    found = events.last(events_)
    assert isinstance(found, StylizeResult)
    return found


def stopped(place: Path, step: int, **options: Any) -> events.Done:
    """Work that is stopped after so many steps."""
    running = work(Saved(place), **options)
    for event in running:
        if isinstance(event, events.Step) and event.index == step:
            break
    done = running.throw(Interrupted())
    assert isinstance(done, events.Done)
    return done


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return state_file(tmp_path / "out.png")


# 4 steps are at half the size, 2 at the full one.
@pytest.mark.parametrize(("optimizer", "step"), [("lbfgs", 1), ("lbfgs", 5), ("adam", 4), ("adam", 6)])
def test_the_picture_is_the_same_to_the_last_bit(optimizer: str, step: int, place: Path) -> None:
    whole = finished(work(None, optimizer=optimizer, frames=2))
    assert stopped(place, step, optimizer=optimizer, frames=2).interrupted
    heard = list(work(Saved(place, resume=True), optimizer=optimizer, frames=2))
    steps = [event.index for event in heard if isinstance(event, events.Step)]
    assert steps == list(range(step + 1, 7))
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert torch.equal(done.result.image.pixels, whole.image.pixels)
    assert all(torch.equal(one, other) for one, other in zip(done.result.frames, whole.frames, strict=True))
    same = {"steps", "loss", "style_distance", "content_distance", "scales"}
    assert {key: done.result.report[key] for key in same} == {key: whole.report[key] for key in same}


@pytest.mark.parametrize("settings", [{"init": "noise"}, {"wrap": True, "color": "histogram"}], ids=str)
def test_every_way_of_working_can_be_resumed(settings: dict[str, Any], place: Path) -> None:
    content = Picture(torus.resized(picture(6, 8).pixels, (32, 48)))
    whole = finished(work(None, content, **settings)).image.pixels
    stopped(place, 5, content=content, **settings)
    assert torch.equal(finished(work(Saved(place, resume=True), content, **settings)).image.pixels, whole)


def test_a_masked_picture_can_be_resumed(place: Path, tmp_path: Path) -> None:
    mask = torch.zeros(1, 3, 40, 48)
    mask[:, :, :20] = 1
    save(mask, tmp_path / "mask.png")
    settings: dict[str, Any] = {"mask": (str(tmp_path / "mask.png"),)}
    whole = finished(work(None, **settings))
    torch.testing.assert_close(whole.image.pixels[:, :, 20:], picture().pixels[:, :, 20:])
    assert (whole.image.pixels - picture().pixels)[:, :, :20].abs().max() > 0.05
    assert len(whole.report["masks"]) == 1
    stopped(place, 5, **settings)
    assert torch.equal(finished(work(Saved(place, resume=True), **settings)).image.pixels, whole.image.pixels)
    stopped(place, 5, **settings)
    save(1 - mask, tmp_path / "mask.png", force=True)
    with pytest.raises(RunError, match="mask picture 1 is not the one"):
        finished(work(Saved(place, resume=True), **settings))


def test_a_step_taken_back_is_remembered_too(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped just after NaN: the halved step goes on from there."""
    forward = features.Extractor.forward

    def run_with_poison(at: int, then: Any) -> Any:
        calls = 0

        def poisoned(self: features.Extractor, images: Tensor) -> dict[str, Tensor]:
            nonlocal calls
            calls += 1
            return {layer: tap * (float("nan") if calls == at else 1.0) for layer, tap in forward(self, images).items()}

        monkeypatch.setattr(features.Extractor, "forward", poisoned)
        return then()

    with pytest.warns(UserWarning, match="NaN"):
        whole = run_with_poison(5, lambda: finished(work(None)))
    run_with_poison(5, lambda: stopped(place, 3))
    found = run_with_poison(0, lambda: finished(work(Saved(place, resume=True))))
    assert torch.equal(found.image.pixels, whole.image.pixels)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"style_weight": 3}, r"another --style-weight \(20.0, not 3.0\)"),
        ({"frames": 9}, "another --timelapse"),
        ({"content": picture(seed=5)}, "content picture 1 is not the one"),
        ({"style": picture(40, 40, seed=5)}, "style picture 1 is not the one"),
    ],
)
def test_other_work_is_not_gone_on_with(options: dict[str, Any], message: str, place: Path) -> None:
    stopped(place, 3)
    with pytest.raises(RunError, match=message) as caught:
        finished(work(Saved(place, resume=True), **options))
    assert "\n" not in str(caught.value)
    assert place.exists()


def test_how_often_it_is_shown_may_change(place: Path) -> None:
    stopped(place, 3)
    assert finished(work(Saved(place, resume=True), preview_every=3)).report["steps"] == 6


def test_another_version_is_not_gone_on_with(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(place, 3)
    monkeypatch.setattr(alebrije, "__version__", "99.0")
    with pytest.raises(RunError, match=r"not with 99\.0"):
        finished(work(Saved(place, resume=True)))


@pytest.mark.parametrize("damage", [b"", b"no state at all", None])
def test_a_damaged_or_missing_state_says_what_to_do(damage: bytes | None, place: Path) -> None:
    if damage is not None:
        place.write_bytes(damage)
    for act in (Saved(place, resume=True).check, lambda: finished(work(Saved(place, resume=True)))):
        with pytest.raises(RunError, match="leave --resume out"):
            act()
    Saved(place).check()


def test_work_without_a_step_leaves_nothing(place: Path) -> None:
    running = work(Saved(place))
    next(running)
    assert isinstance(running.throw(Interrupted()), events.Done)
    assert not place.exists()


def test_it_is_written_every_so_often(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill at any moment loses no more than the steps since."""
    monkeypatch.setattr(saved, "EVERY_STEPS", 3)
    monkeypatch.setattr(saved, "SHARE", 1e9)
    whole = finished(work(None)).image.pixels
    running = work(Saved(place))
    for event in running:
        if isinstance(event, events.Step) and event.index == 5:
            break
    running.close()
    heard = list(work(Saved(place, resume=True)))
    assert next(event.index for event in heard if isinstance(event, events.Step)) == 4
    done = heard[-1]
    assert isinstance(done, events.Done)
    assert torch.equal(done.result.image.pixels, whole)


def test_writing_never_takes_much_of_the_time(place: Path) -> None:
    keeper = replace(Saved(place), _spent=10.0)
    assert not keeper.due(1000)


def test_what_the_stopped_work_left_is_known_again(place: Path) -> None:
    stopped(place, 3)
    out, other = place.with_name("out.png"), place.with_name("film.gif")
    keeper = Saved(place)
    assert keeper.owns([out, other])
    out.write_bytes(b"picture so far")
    assert not keeper.owns([out])
    keeper.remember([out])
    assert keeper.owns([out, other])
    other.write_bytes(b"somebody else's")
    assert not keeper.owns([out, other])
    keeper.remove()
    keeper.remove()
    assert not keeper.owns([out])
