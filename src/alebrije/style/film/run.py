"""`alebrije stylize` for videos: each frame is repainted, and holds on to the one before where that shows the same.

Ruder, Dosovitskiy & Brox, "Artistic Style Transfer for Videos", GCPR 2016, sec. 4: a frame begins with the result before, moved
by the optical flow of the content, and its loss has the mean squared difference from that, but for where the flow cannot know:
what was hidden before, and the borders of what moves. Departures: the first frame of a scene goes from coarse to fine, the others
are refined at full size only; what was hidden begins with the content; a cut is found by the flow, and the frame after it begins
anew; no frames from farther back, no second pass.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

import alebrije
from alebrije.core.files import sha256
from alebrije.core.image import Picture, load
from alebrije.core.precision import choose_device
from alebrije.core.video import MAX_SIDE
from alebrije.core.video_read import Clip, is_steady, rate_of
from alebrije.errors import ConfigError, Interrupted, NumericsError, OutputError, PictureError
from alebrije.events import Done, Event, Events, Preview, Started, Step, Warned
from alebrije.style import estimate
from alebrije.style.config import StylizeConfig, scales
from alebrije.style.film.config import VideoConfig
from alebrije.style.film.frames import Moved, Scene, entered, guides, moved, refined
from alebrije.style.film.store import Store
from alebrije.style.run import stylize
from alebrije.style.sizes import Size, padded, placed, result_size

LATER_SHARE, LATER_LEAST = 0.1, 12  # of the steps of a scene's first frame that the others get; their least number
FLOW_STEPS = 4  # what the flow of a frame costs, in steps

Painted = Generator[Event, None, dict[str, Any]]  # events, then the frame and what is noted about it


@dataclass(frozen=True, slots=True)
class VideoResult:
    """`frames` are read from the disk when they are asked for, and shown at a rate of `fps`, or, if they have them, at their own
    `times` in seconds from the first. `span`: where they come from, in seconds by the clip's own clock. `report` can be written
    as JSON; its `flicker` is the root mean square of what changes from frame to frame beside motion, `flicker_content` that of
    the clip."""

    frames: Store
    fps: Fraction
    times: tuple[float, ...] | None
    span: tuple[float, float]
    report: dict[str, Any]


@dataclass(slots=True)
class _Work:
    """The settings of the work, and where it is."""

    styles: Sequence[Picture]
    masks: Sequence[Picture]
    config: StylizeConfig
    video: VideoConfig
    store: Store
    frames: int
    first_steps: int  # of a scene's first frame
    steps: int = 0  # so far
    before: tuple[Tensor, Tensor] | None = None  # content and result
    opening: Tensor | None = None  # the first content of the scene
    scene: Scene | None = None  # made when its second frame is come to
    told: set[str] = field(default_factory=set)

    @property
    def later_steps(self) -> int:
        """The steps of any other frame."""
        usual = max(LATER_LEAST, round(LATER_SHARE * self.first_steps))
        return usual if self.video.later_steps is None else self.video.later_steps

    @property
    def total(self) -> int:
        """All steps, as far as they can be known: every cut brings more."""
        cuts = sum(bool(note["begins"]) for note in self.store.notes[1:])
        return self.first_steps * (1 + cuts) + self.later_steps * (self.frames - 1 - cuts)


def stylize_video(
    clip: Clip, styles: Sequence[Picture], config: StylizeConfig, video: VideoConfig, store: Store, *, resume: bool = False
) -> Events:
    """Repaint a clip in the manner of `styles`; the last event is `Done(VideoResult)`, whose frames are in `store`.

    With `resume` the work goes on with what `store` has. When `Interrupted` is thrown in, or some frame cannot be read or
    painted (`damaged` in the report says why), the result is made of the frames so far. Raises what `style.run.stylize` does,
    `OutputError` for frames that are too large, `RunError` where `store` has other work, and `Interrupted` or `PictureError` if
    there is no frame.
    """
    began = time.perf_counter()
    if config.wrap:
        raise ConfigError("--wrap makes seamless pictures, not videos: leave it out")
    indices = chosen_frames(clip.times, video)
    size, _ = result_size(Picture(torch.zeros(1, 3, 1, 1).expand(-1, -1, clip.size[1], clip.size[0])), config)
    if max(size) > MAX_SIDE:
        raise OutputError(f"a video has at most {MAX_SIDE} pixels a side, not {size[1]}x{size[0]}: lower --size")
    masks = [load(path) for path in config.mask]
    store.begin(_identity(clip, styles, masks, config, video), resume=resume)
    work = _Work(styles, masks, config, video, store, len(indices), sum(scale.steps for scale in scales(config, max(size))))
    interrupted, damaged = False, None
    try:
        yield from map(Warned, clip.notices)
        yield Started("stylize", work.total)
        for number, pixels in enumerate(_picked(clip, indices)):
            yield from _frame(work, number, Picture(pixels), size)
    except Interrupted:
        if not store:
            raise
        interrupted = True
    except (PictureError, NumericsError) as error:
        if not store:
            raise
        damaged = str(error)
    finally:
        if not store:
            store.remove()
    times = [clip.times[index] for index in indices[: len(store)]]
    fps = Fraction(video.fps).limit_denominator(1001) if video.fps and video.fps < clip.fps else clip.fps
    steady = is_steady(times, fps)
    fps = fps if steady else rate_of(times)
    report = _report(work, fps, size, time.perf_counter() - began) | ({"damaged": damaged} if damaged else {})
    span = (clip.start + times[0], clip.start + times[-1] + 1 / float(fps))
    shown = None if steady else tuple(time - times[0] for time in times)
    yield Done(VideoResult(store, fps, shown, span, report), interrupted=interrupted)


def chosen_frames(times: Sequence[float], video: VideoConfig) -> list[int]:
    """Which frames of a clip are wanted, counted from 0. Raises `ConfigError` if there is none."""
    first, last = video.chosen()
    if first > len(times):
        raise ConfigError(f"frames {video.frames}: the clip has {len(times)} frames and no more")
    indices = list(range(first - 1, min(last or len(times), len(times))))
    if video.fps is None:
        return indices
    kept, due = [], times[indices[0]]
    for index in indices:
        if times[index] >= due - 1e-3:
            kept.append(index)
            due += (math.floor((times[index] + 1e-3 - due) * video.fps) + 1) / video.fps
    return kept


def _picked(clip: Clip, indices: Sequence[int]) -> Iterator[Tensor]:
    wanted = set(indices)
    for index, frame in enumerate(clip.frames()):
        if index in wanted:
            yield frame.pixels
        if index >= indices[-1]:
            return


def _frame(work: _Work, number: int, content: Picture, size: Size) -> Events:
    """Paint frame `number` (from 0), or take it from the store if it is there, and get ready for the next."""
    began = time.perf_counter()
    whole = padded(placed(content.pixels, size, work.config)).to(choose_device(work.config.device))
    if number < len(work.store):
        note, found = work.store.notes[number], work.store[number]
        work.steps += note["steps"]
    else:
        taken = moved(work.before[0], whole, work.before) if work.before else None
        note = yield from _later(work, content, whole, taken[1], size) if taken else _first(work, content)
        image = note.pop("image")
        if taken:
            note |= {"flicker": taken[1].apart(padded(image).to(whole)), "flicker_content": taken[0].apart(whole)}
        note |= {"begins": taken is None, "seconds": time.perf_counter() - began}
        found = work.store.add(image, note)
        yield Preview(found, number + 1)
    if note["begins"]:
        work.opening, work.scene = whole, None
    work.before = whole, padded(found).to(whole)


def _first(work: _Work, content: Picture) -> Painted:
    """Paint the first frame of a scene as any picture is painted."""
    clock, done, steps = time.perf_counter(), None, work.steps
    for event in stylize(content, work.styles, work.config.model_copy(update={"preview_every": 0, "frames": 0})):
        match event:
            case Step(index=index, values=values):
                work.steps = steps + index
                yield Step(work.steps, work.total, values)
                if index == work.first_steps and not work.store:
                    yield from map(Warned, _forecast(work, time.perf_counter() - clock))
                clock = time.perf_counter()
            case Warned(message=message) if message not in work.told and " to go at " not in message:
                work.told.add(message)
                yield event
            case Done():
                done = event
    assert done is not None
    if done.interrupted:
        raise Interrupted
    report = done.result.report
    kept = {name: report[name] for name in ("steps", "content_distance", "style_distance", "network")}
    return {"image": done.result.image.pixels} | kept


def _later(work: _Work, content: Picture, whole: Tensor, before: Moved, size: Size) -> Painted:
    """Paint a frame that goes on from the one before."""
    assert work.opening is not None
    network = work.store.notes[-1]["network"]
    work.scene = work.scene or entered(work.opening, work.styles, network, work.config)
    regions = guides(work.masks, len(work.styles), content, size, work.config)
    steps = work.later_steps
    found, values = whole, dict[str, float]()
    for position, image in refined(work.scene, whole, before, regions, work.config, work.video.temporal_weight, steps):
        work.steps, found, values = work.steps + 1, image, position.values
        yield Step(work.steps, work.total, values)
        if position.mended:
            yield Warned(f"step {work.steps} ran to NaN or infinity: taken back, going on with half the step")
    kept = {name: values[name] for name in ("content_distance", "style_distance")}
    return {"image": found[..., : size[0], : size[1]].cpu(), "steps": steps, "network": network} | kept


def _forecast(work: _Work, step: float) -> list[str]:
    """A sentence on how long the other frames will take, where a step at full size takes so many seconds."""
    seconds = (work.frames - 1) * (work.later_steps + FLOW_STEPS) * step
    if seconds < estimate.LONG:
        return []
    took = f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{seconds / 60:.0f} minutes"
    return [f"about {took} to go for the other {work.frames - 1} frames: a smaller --size or --fps takes less"]


def _report(work: _Work, fps: Fraction, size: Size, seconds: float) -> dict[str, Any]:
    notes = work.store.notes
    return {
        "frames": len(notes),
        "fps": float(fps),
        "size": list(reversed(size)),
        "steps": sum(note["steps"] for note in notes),
        "seconds": seconds,
        "scenes": [number for number, note in enumerate(notes, 1) if note["begins"]],
        "content_distance": _mean(notes, "content_distance"),
        "style_distance": _mean(notes, "style_distance"),
        "flicker": _mean(notes, "flicker"),
        "flicker_content": _mean(notes, "flicker_content"),
        "network": notes[0]["network"],
    }


def _mean(notes: Sequence[dict[str, Any]], name: str) -> float | None:
    found = [note[name] for note in notes if name in note]
    return sum(found) / len(found) if found else None


def _identity(
    clip: Clip, styles: Sequence[Picture], masks: Sequence[Picture], config: StylizeConfig, video: VideoConfig
) -> dict[str, Any]:
    """All that decides which frames come out."""
    settings = config.model_dump(mode="json", exclude={"preview_every", "frames"}) | video.model_dump(mode="json")
    pictures = [one.sha256 or str(one.path) for one in (*styles, *masks)]
    return {"settings": settings, "version": alebrije.__version__, "inputs": [sha256(clip.path), *pictures]}
