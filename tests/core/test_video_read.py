"""Clips read from files: by what they say of colours, turns, times and sound; animated pictures; damage."""

from __future__ import annotations

import collections
import itertools
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from alebrije.core.image import resize, save, to_uint8
from alebrije.core.video import ENCODERS, Sound, carries, save_video
from alebrije.core.video_read import is_steady, kind_of, rate_of, read_video
from alebrije.errors import MissingExtraError, PictureError

av = pytest.importorskip("av")


def film(count: int = 6, height: int = 32, width: int = 48) -> list[Tensor]:
    colours = 0.2 + 0.6 * torch.rand(count, 1, 3, 3, 4, generator=torch.Generator().manual_seed(0))
    return [resize(one, (height, width)) for one in colours]


def raw(path: Path, frame: Tensor, *, space: int, span: int, format: str = "yuv420p", turn: int = 0, shape: int = 1) -> Path:
    """A lossless file of one frame, made by FFmpeg, which says of itself what is given."""
    with av.open(str(path), "w") as container:
        codec, options = ("ffv1", {}) if path.suffix == ".mkv" else ("libx264rgb", {"crf": "0"})
        stream: Any = container.add_stream(codec, rate=10, options=options)
        stream.height, stream.width = frame.shape[-2:]
        stream.pix_fmt = format
        context = stream.codec_context
        context.colorspace, context.color_range, context.sample_aspect_ratio = space, span, Fraction(shape)
        if turn:
            stream.set_display_rotation(turn)
        picture = av.VideoFrame.from_ndarray(to_uint8(frame), "rgb24")
        if not format.startswith(("rgb", "gbr")):
            picture = picture.reformat(format=format, dst_colorspace=space, src_color_range=2, dst_color_range=span)
        container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def pictures(path: Path) -> list[Tensor]:
    return [frame.pixels for frame in read_video(path).frames()]


@pytest.mark.parametrize("suffix", ENCODERS)
def test_what_was_written_is_read_again(suffix: str, tmp_path: Path) -> None:
    frames = film()
    clip = read_video(save_video(frames, tmp_path / f"clip{suffix}", fps=24))
    assert (clip.size, float(clip.fps), clip.count, clip.audio, list(clip.notices)) == ((48, 32), 24.0, 6, False, [])
    for _ in range(2):  # from the first on each time
        found = list(clip.frames())
        assert [frame.time for frame in found] == pytest.approx([index / 24 for index in range(6)], abs=1e-3)
        for frame, original in zip(found, frames, strict=True):
            assert float((frame.pixels - original).abs().mean()) < 0.03


@pytest.mark.parametrize(("space", "span", "format"), list(itertools.product((1, 5), (1, 2), ("yuv420p", "yuv444p10le"))))
def test_colours_are_what_the_file_says(space: int, span: int, format: str, tmp_path: Path) -> None:
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.1, 0.2, 0.9], [1, 1, 1], [0, 0, 0], [0.5, 0.5, 0.5]])
    bars = colours.T[None, :, None].repeat_interleave(32, 2).repeat_interleave(16, 3)
    found = pictures(raw(tmp_path / "bars.mkv", bars, space=space, span=span, format=format))
    assert float((found[0] - bars).abs().max()) < 0.012


def test_colours_of_which_nothing_is_said_go_by_the_size(tmp_path: Path) -> None:
    for height, space in ((64, 5), (720, 1)):
        flat = torch.tensor([0.8, 0.3, 0.2]).view(1, 3, 1, 1).expand(1, 3, height, 64)
        path = raw(tmp_path / f"{height}.mkv", flat, space=space, span=1)
        with av.open(str(path)) as source, av.open(str(tmp_path / "bare.mkv"), "w") as container:
            frame = next(source.decode(video=0))
            stream: Any = container.add_stream("ffv1", rate=10)
            stream.height, stream.width, stream.pix_fmt = height, 64, "yuv420p"
            frame.colorspace, frame.color_range = 2, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode())
        assert float((pictures(tmp_path / "bare.mkv")[0] - flat).abs().max()) < 0.012


@pytest.mark.parametrize("turn", [90, -90, 180])
def test_turned_videos_are_upright(turn: int, tmp_path: Path) -> None:
    frame = film(1)[0]
    path = raw(tmp_path / "turned.mp4", frame, space=0, span=2, format="rgb24", turn=turn)
    upright = torch.rot90(frame, turn // 90, (2, 3))  # by so many degrees against the clock
    assert read_video(path).size == (upright.shape[-1], upright.shape[-2])
    assert float((pictures(path)[0] - upright).abs().mean()) < 0.01


def test_wide_pixels_become_square(tmp_path: Path) -> None:
    frame = film(1)[0]
    path = raw(tmp_path / "wide.mp4", frame, space=0, span=2, format="rgb24", shape=2)
    assert read_video(path).size == (96, 32)
    assert float((pictures(path)[0] - resize(frame, (32, 96))).abs().mean()) < 0.02


@pytest.mark.parametrize("suffix", ENCODERS)
def test_times_of_their_own_are_kept(suffix: str, tmp_path: Path) -> None:
    times = [0, 0.04, 0.2, 0.24, 0.5, 1.0]
    clip = read_video(save_video(film(), tmp_path / f"clip{suffix}", fps=5, times=times))
    assert clip.times == pytest.approx(times, abs=1e-3)
    assert clip.fps == 5
    assert not is_steady(clip.times, clip.fps)


@pytest.mark.parametrize("fps", [24, 25, 30, 60, 12, Fraction(24000, 1001), Fraction(30000, 1001), Fraction(15, 2)])
def test_rates_are_found_in_times_of_milliseconds(fps: Fraction | int) -> None:
    times = [round(1000 * index / fps) / 1000 for index in range(100)]
    assert float(rate_of(times)) == pytest.approx(float(fps), rel=1e-4)
    assert is_steady(times, rate_of(times))
    assert rate_of([0.0]) == 10


def with_sound(path: Path, codec: str, seconds: int = 2) -> Path:
    rate = 48000
    tone = np.sin(np.arange(rate * seconds) / rate * 440 * 2 * np.pi, dtype=np.float32)
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream("libvpx-vp9" if path.suffix == ".webm" else "libx264", rate=10)
        stream.height, stream.width, stream.pix_fmt = 32, 48, "yuv420p"
        sound: Any = container.add_stream(codec, rate=rate, layout="mono")
        for frame in film(10 * seconds):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(to_uint8(frame), "rgb24")))
        container.mux(stream.encode())
        samples = av.AudioFrame.from_ndarray(tone[None], "fltp", "mono")
        samples.sample_rate = rate
        resampler = av.AudioResampler(sound.codec_context.format, "mono", rate)
        for part in [*resampler.resample(samples), *resampler.resample(None)]:
            container.mux(sound.encode(part))
        container.mux(sound.encode())
    return path


@pytest.mark.parametrize(("source", "codec", "target"), [("a.mp4", "aac", "b.mp4"), ("a.webm", "libopus", "b.webm")])
def test_sound_is_copied_from_where_the_pictures_are(source: str, codec: str, target: str, tmp_path: Path) -> None:
    path = with_sound(tmp_path / source, codec)
    clip = read_video(path)
    assert clip.audio
    sound = Sound(path, clip.start + 0.5, clip.start + 1.5)
    out = save_video(film(10), tmp_path / target, fps=10, sound=sound)
    with av.open(str(out)) as container:
        heard = list(container.decode(audio=0))
        assert sum(frame.samples for frame in heard) / heard[0].sample_rate == pytest.approx(1, abs=0.05)
        assert heard[0].time == pytest.approx(0, abs=0.03)
        assert float(np.abs(heard[len(heard) // 2].to_ndarray()).max()) > 0.5
    assert len(pictures(out)) == 10


def test_sound_that_does_not_fit_is_known_before(tmp_path: Path) -> None:
    path = with_sound(tmp_path / "a.mp4", "aac", 1)
    assert carries("out.mp4", path)
    assert carries("out.mkv", path)
    assert not carries("out.webm", path)
    assert not carries("out.mp4", save_video(film(2), tmp_path / "silent.mp4", fps=10))


def animated(path: Path, frames: Sequence[Tensor], **options: Any) -> Path:
    first, *more = (Image.fromarray(to_uint8(frame)) for frame in frames)
    first.save(path, save_all=True, append_images=more, **options)
    return path


@pytest.mark.parametrize(("name", "options"), [("a.webp", {"lossless": True}), ("a.png", {})])
def test_animated_pictures_are_read_exactly(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    frames = film(4)
    clip = read_video(animated(tmp_path / name, frames, duration=[40, 80, 40, 40], **options))
    assert clip.times == pytest.approx([0, 0.04, 0.12, 0.16])
    assert (clip.size, clip.audio) == ((48, 32), False)
    for frame, original in zip(clip.frames(), frames, strict=True):
        assert torch.equal(frame.pixels, torch.from_numpy(to_uint8(original)).movedim(-1, 0)[None] / 255)


def test_gifs_have_times_and_a_white_ground(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (8, 6))
    clear.putpixel((2, 3), (255, 0, 0, 255))
    other = Image.new("RGBA", (8, 6), (0, 0, 255, 255))
    clear.save(tmp_path / "a.gif", save_all=True, append_images=[other], duration=50, disposal=2)
    clip = read_video(tmp_path / "a.gif")
    assert (clip.count, float(clip.fps)) == (2, 20.0)
    assert "white" in clip.notices[0]
    first, second = (frame.pixels for frame in clip.frames())
    assert first[0, :, 0, 0].tolist() == [1, 1, 1]
    assert first[0, :, 3, 2].tolist() == pytest.approx([1, 0, 0], abs=0.01)
    assert second[0, :, 3, 2].tolist() == pytest.approx([0, 0, 1], abs=0.01)


def test_kinds_are_told_by_content_then_by_suffix(tmp_path: Path) -> None:
    save(film(1)[0], tmp_path / "still.png")
    animated(tmp_path / "moving.gif", film(2))
    renamed = save_video(film(2), tmp_path / "clip.mp4", fps=10).rename(tmp_path / "clip.dat")
    kinds = {"still.png": None, "moving.gif": "animation", renamed.name: "video", "gone.mov": "video", "gone.png": None}
    assert kind_of(tmp_path) is None
    assert {name: kind_of(tmp_path / name) for name in kinds} == kinds


def test_a_file_that_ends_too_soon(tmp_path: Path) -> None:
    frames = [torch.rand(1, 3, 64, 64) for _ in range(30)]
    whole = save_video(frames, tmp_path / "whole.mp4", fps=24).read_bytes()
    holed = tmp_path / "holed.mp4"
    holed.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 8) + whole[len(whole) // 2 + len(whole) // 8 :])
    read: list[Any] = []
    frames_left = read_video(holed).frames()
    with pytest.raises(PictureError, match=r"holed\.mp4 is damaged"):
        collections.deque(map(read.append, frames_left))
    assert 5 < len(read) < 30


@pytest.mark.parametrize(("content", "message"), [(b"", "no video"), (b"hello" * 100, "no video"), (None, "no such file")])
def test_what_is_no_video(content: bytes | None, message: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PictureError, match=message):
        read_video(path)
    with pytest.raises(PictureError, match="folder"):
        read_video(tmp_path)


def test_sound_alone_and_sizes_beyond_the_limit(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "tone.mkv"), "w") as container:
        sound: Any = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        tone.sample_rate = 8000
        container.mux(sound.encode(tone))
    with pytest.raises(PictureError, match="only sound"):
        read_video(tmp_path / "tone.mkv")
    with pytest.raises(PictureError, match="megapixels"):
        read_video(save_video(film(1), tmp_path / "a.mp4", fps=10), max_megapixels=0.001)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.mp4").write_bytes(b"....ftypisom")
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="reading videos needs the package av, of the extra video"):
        read_video(tmp_path / "a.mp4")
