"""Videos repainted: what flickers less with the temporal term, cuts, stopping and going on, damage, what is refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alebrije import events
from alebrije.core.image import Picture, resize, to_gray
from alebrije.core.video_read import Clip, Frame
from alebrije.errors import ConfigError, Interrupted, OutputError, PictureError, RunError
from alebrije.style.config import StylizeConfig
from alebrije.style.film.config import VideoConfig
from alebrije.style.film.frames import Moved, beginning
from alebrije.style.film.run import VideoResult, chosen_frames, stylize_video
from alebrije.style.film.store import Store

SHIFT = 3  # pixels that the camera goes to the right from frame to frame
FAST: dict[str, Any] = {"steps": 6, "quality": "quick", "size": "64", "precision": "fp32", "features": "compact"}
LATER: dict[str, Any] = {"later_steps": 3}
Film = Callable[..., Clip]
Paint = Callable[..., VideoResult]


def photograph(name: str, height: int = 60, width: int = 120) -> Tensor:
    data = pytest.importorskip("skimage.data")
    return resize(torch.from_numpy(np.array(getattr(data, name)())).movedim(-1, 0)[None].float() / 255, (height, width))


def pan(count: int = 3, name: str = "coffee", height: int = 48, width: int = 64) -> list[Tensor]:
    """A camera that goes over a photograph."""
    picture = photograph(name)
    return [picture[..., 5 : 5 + height, SHIFT * step : SHIFT * step + width] for step in range(count)]


def style() -> Picture:
    return Picture(resize(torch.rand(1, 3, 12, 16, generator=torch.Generator().manual_seed(1)), (48, 64)))


@pytest.fixture
def film(tmp_path: Path) -> Film:
    """A clip of these frames; `broken_after` says how many can be decoded."""

    def make(frames: list[Tensor], *, broken_after: int | None = None, fps: int = 12, name: str = "clip") -> Clip:
        path = tmp_path / name
        path.write_text(name)
        times = tuple(index / fps for index in range(len(frames)))

        def decoded() -> Iterator[Frame]:
            for index, (pixels, time) in enumerate(zip(frames, times, strict=True)):
                if index == broken_after:
                    raise PictureError(f"{path} is damaged after picture {index}")
                yield Frame(pixels, time)

        return Clip(path, (frames[0].shape[-1], frames[0].shape[-2]), Fraction(fps), times, decoded)

    return make


@pytest.fixture
def paint(tmp_path: Path) -> Paint:
    def run(clip: Clip, *, folder: str = "store", resume: bool = False, video: Any = None, **settings: Any) -> VideoResult:
        config, store = StylizeConfig(**(FAST | settings)), Store(tmp_path / folder)
        work = stylize_video(clip, [style()], config, VideoConfig(**(LATER | (video or {}))), store, resume=resume)
        (done,) = (event for event in work if isinstance(event, events.Done))
        assert isinstance(done.result, VideoResult)
        return done.result

    return run


def unsteady(frames: Sequence[Tensor]) -> float:
    """How much changes from frame to frame beside the true motion of `pan`: root mean square."""
    changes = [float((after[..., :-SHIFT] - before[..., SHIFT:]).square().mean()) for before, after in pairwise(frames)]
    return math.sqrt(sum(changes) / len(changes))


def test_the_temporal_term_lowers_flicker(film: Film, paint: Paint) -> None:
    clip = film(pan())
    found = {
        weight: paint(clip, folder=f"w{weight}", video={"temporal_weight": weight, "later_steps": 8}, steps=24)
        for weight in (0.0, 200.0)
    }
    alone = [paint(film([frame]), folder=f"alone{number}", steps=24).frames[0] for number, frame in enumerate(pan(2))]
    by_true_flow = {weight: unsteady(result.frames) for weight, result in found.items()}
    assert by_true_flow[200.0] < 0.6 * by_true_flow[0.0]
    assert by_true_flow[200.0] < 0.4 * unsteady(alone)
    reports = {weight: result.report for weight, result in found.items()}
    assert reports[200.0]["flicker"] < 0.6 * reports[0.0]["flicker"]
    assert reports[200.0]["flicker"] == pytest.approx(by_true_flow[200.0], rel=0.5)
    assert reports[200.0]["style_distance"] < 1.5 * reports[0.0]["style_distance"]
    assert reports[200.0]["flicker_content"] == reports[0.0]["flicker_content"]


def test_what_comes_out(film: Film, paint: Paint) -> None:
    result = paint(film(pan(3)))
    assert (len(result.frames), float(result.fps), result.span) == (3, 12.0, (0, 0.25))
    assert result.times is None
    assert all(frame.shape == (1, 3, 48, 64) for frame in result.frames)
    report = result.report
    assert {"frames", "fps", "size", "steps", "seconds", "scenes", "flicker", "flicker_content", "network"} <= set(report)
    assert (report["frames"], report["size"], report["steps"], report["scenes"]) == (3, [64, 48], 6 + 3 + 3, [1])


def test_steps_and_previews_are_told(film: Film, tmp_path: Path) -> None:
    work = stylize_video(film(pan(2)), [style()], StylizeConfig(**FAST), VideoConfig(later_steps=3), Store(tmp_path / "s"))
    seen = list(work)
    steps = [event for event in seen if isinstance(event, events.Step)]
    assert [(step.index, step.total) for step in steps] == [(number, 9) for number in range(1, 10)]
    assert [event.index for event in seen if isinstance(event, events.Preview)] == [1, 2]


def test_after_a_cut_it_begins_anew(film: Film, paint: Paint) -> None:
    result = paint(film([*pan(2), *pan(2, "astronaut")]))
    assert result.report["scenes"] == [1, 3]
    assert result.report["steps"] == 2 * (6 + 3)
    again = paint(film(pan(1, "astronaut")), folder="alone")
    assert torch.equal(result.frames[2], again.frames[0])


def test_still_frames_stay_still(film: Film, paint: Paint) -> None:
    first, second = list(paint(film(pan(1) * 2), video={"temporal_weight": 1e4}).frames)
    assert float((second - first).abs().mean()) < 0.006


def test_stopped_work_goes_on_to_the_same_frames(film: Film, paint: Paint, tmp_path: Path) -> None:
    clip = film([*pan(3), *pan(2, "astronaut")])
    whole = paint(clip, folder="whole", color="mean-covariance")
    for stop in (2, 4):
        store = Store(tmp_path / f"stopped{stop}")
        config = StylizeConfig(**FAST, color="mean-covariance")
        work = stylize_video(clip, [style()], config, VideoConfig(later_steps=3), store)
        for event in work:
            if isinstance(event, events.Preview) and event.index == stop:
                done = work.throw(Interrupted())
                break
        assert isinstance(done, events.Done)
        assert done.interrupted
        assert len(done.result.frames) == stop
        result = paint(clip, folder=f"stopped{stop}", resume=True, color="mean-covariance")
        assert result.report["steps"] == whole.report["steps"]
        assert all(torch.equal(one, other) for one, other in zip(result.frames, whole.frames, strict=True))


def test_stopped_before_the_first_frame_nothing_stays(film: Film, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    work = stylize_video(film(pan(2)), [style()], StylizeConfig(**FAST), VideoConfig(), store)
    next(event for event in work if isinstance(event, events.Step))
    with pytest.raises(Interrupted):
        work.throw(Interrupted())
    assert not store.folder.exists()


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"style_weight": 5.0}, "--style-weight"),
    ({"video": {"temporal_weight": 1.0}}, "--temporal-weight"),
    ({"name": "other"}, "other pictures"),
]


@pytest.mark.parametrize(("change", "message"), OTHERS)
def test_other_work_is_not_gone_on_with(change: dict[str, Any], message: str, film: Film, paint: Paint) -> None:
    paint(film(pan(1)))
    settings = {name: value for name, value in change.items() if name != "name"}
    with pytest.raises(RunError, match=message):
        paint(film(pan(1), name=change.get("name", "clip")), resume=True, **settings)


def test_without_anything_there_is_nothing_to_resume(film: Film, paint: Paint) -> None:
    with pytest.raises(RunError, match="nothing to resume"):
        paint(film(pan(1)), resume=True)


def test_frames_before_the_damage_are_kept(film: Film, paint: Paint, tmp_path: Path) -> None:
    result = paint(film(pan(3), broken_after=2))
    assert len(result.frames) == 2
    assert "damaged after picture 2" in result.report["damaged"]
    with pytest.raises(PictureError, match="damaged"):
        paint(film(pan(3), broken_after=0), folder="none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("size", [(33, 47), (9, 40), (48, 1)])
def test_any_size(size: tuple[int, int], film: Film, paint: Paint) -> None:
    frames = [frame[..., : size[0], : size[1]] for frame in pan(2)]
    assert [tuple(frame.shape[2:]) for frame in paint(film(frames)).frames] == [size, size]


def test_kept_colours_stay_the_contents(film: Film, paint: Paint) -> None:
    clip = [0.3 + 0.4 * frame for frame in pan(2)]
    for frame, content in zip(paint(film(clip), keep_colors=True).frames, clip, strict=True):
        inside = ((frame > 0.001) & (frame < 0.999)).all(1, keepdim=True).expand_as(frame)
        apart = (frame - to_gray(frame)) - (content - to_gray(content))
        assert float(apart[inside].abs().max()) < 1e-3


def test_a_mask_keeps_the_content(film: Film, paint: Paint, tmp_path: Path) -> None:
    from alebrije.core.image import save

    mask = torch.zeros(1, 1, 48, 64)
    mask[..., 32:] = 1
    save(mask, tmp_path / "mask.png")
    clip = pan(2)
    for frame, content in zip(paint(film(clip), mask=str(tmp_path / "mask.png")).frames, clip, strict=True):
        torch.testing.assert_close(frame[..., :32], content[..., :32], atol=1e-4, rtol=0)
        assert float((frame[..., 32:] - content[..., 32:]).abs().mean()) > 0.01


def test_what_does_not_go_with_videos(film: Film, paint: Paint) -> None:
    with pytest.raises(ConfigError, match="--wrap"):
        paint(film(pan(1)), wrap=True)
    with pytest.raises(OutputError, match="4096"):
        paint(film(pan(1)), size="5000x100")
    with pytest.raises(ConfigError, match="has 2 frames"):
        paint(film(pan(2)), video={"frames": "3:"})


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, list(range(10))),
        ({"frames": "3:5"}, [2, 3, 4]),
        ({"frames": ":2"}, [0, 1]),
        ({"frames": "9:40"}, [8, 9]),
        ({"fps": 5}, [0, 2, 4, 6, 8]),
        ({"fps": 4}, [0, 3, 5, 8]),
        ({"fps": 100}, list(range(10))),
        ({"fps": 5, "frames": "2:6"}, [1, 3, 5]),
    ],
)
def test_frames_are_chosen(settings: dict[str, Any], expected: list[int]) -> None:
    assert chosen_frames([index / 10 for index in range(10)], VideoConfig(**settings)) == expected


@pytest.mark.parametrize("text", ["5", "0:3", "7:3", "a:b", "1:2:3", "-1:4"])
def test_ranges_that_make_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="such as 1:48"):
        VideoConfig(frames=text)


def test_a_frame_begins_with_what_is_known_and_beside_it_in_its_manner() -> None:
    content, image = torch.full((1, 3, 40, 40), 0.5), torch.full((1, 3, 40, 40), 0.7)
    known = torch.zeros(1, 1, 40, 40)
    known[..., :20] = 1
    start = beginning(content, Moved(image, known, torch.zeros_like(known)))
    torch.testing.assert_close(start, image, atol=1e-4, rtol=0)
    assert torch.equal(beginning(content, Moved(image, 0 * known, 0 * known)), content)
    picture = torch.rand(1, 3, 40, 40)
    assert torch.equal(beginning(content, Moved(picture, known, 1 - known)), picture)


def test_the_temporal_loss_counts_known_pixels_only() -> None:
    image, other, known = torch.rand(1, 3, 5, 6), torch.rand(1, 3, 5, 6), (torch.rand(1, 1, 5, 6) > 0.5).float()
    places = [(c, y, x) for c in range(3) for y in range(5) for x in range(6)]
    slow = sum(float(known[0, 0, y, x] * (image[0, c, y, x] - other[0, c, y, x]) ** 2) for c, y, x in places)
    moved = Moved(other, known, known)
    assert float(moved.distance(image)) == pytest.approx(slow / 90, rel=1e-5)
    assert moved.apart(image) == pytest.approx((slow / 3 / float(known.sum())) ** 0.5, rel=1e-5)
