"""Videos: what was written is what is decoded again, by FFmpeg and not by us."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest
import torch
from torch import Tensor

from alebrije.core import video
from alebrije.core.image import resize
from alebrije.core.video import ENCODERS, check_video, save_video
from alebrije.errors import ConfigError, MissingExtraError, OutputError

av = pytest.importorskip("av")


def film(count: int = 9, height: int = 48, width: int = 64) -> list[Tensor]:
    """A smooth picture whose brightness and soft colours change steadily."""
    colours = 0.3 + 0.4 * torch.rand(2, 1, 3, 3, 4, generator=torch.Generator().manual_seed(0))
    start, end = (resize(one, (height, width)) for one in colours)
    return [start + (end - start) * index / max(1, count - 1) for index in range(count)]


def decoded(path: Path) -> tuple[list[Tensor], Fraction]:
    with av.open(str(path)) as container:
        rate = container.streams.video[0].average_rate
        frames = [frame.reformat(format="rgb24", src_colorspace=1, src_color_range=1).to_ndarray()
                  for frame in container.decode(video=0)]  # fmt: skip
    return [torch.from_numpy(frame.copy()).movedim(-1, 0)[None] / 255 for frame in frames], rate


@pytest.mark.parametrize("suffix", ENCODERS)
def test_what_was_written_is_decoded_again(suffix: str, tmp_path: Path) -> None:
    frames = film()
    path = save_video(iter(frames), tmp_path / f"walk{suffix}", fps=24)
    found, rate = decoded(path)
    assert (len(found), rate) == (len(frames), 24)
    for frame, original in zip(found, frames, strict=True):
        assert frame.shape == original.shape
        assert float((frame - original).abs().mean()) < 0.015
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("name", [name for name, _ in ENCODERS[".mp4"] if name in av.codecs_available])
def test_every_encoder_that_is_at_hand(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(video.ENCODERS, ".mp4", [("none-of-that-name", {}), (name, dict(ENCODERS[".mp4"])[name])])
    frames = film()
    found, _ = decoded(save_video(frames, tmp_path / "walk.mp4", fps=12.5))
    assert len(found) == len(frames)
    assert max(float((one - other).abs().mean()) for one, other in zip(found, frames, strict=True)) < 0.03


def test_pure_colours_stay_what_they_are(tmp_path: Path) -> None:
    colours = torch.tensor([[0.9, 0.1, 0.1], [0.1, 0.8, 0.2], [0.1, 0.2, 0.9], [1, 1, 1], [0, 0, 0]])
    frames = [colour[None, :, None, None].expand(1, 3, 32, 32) for colour in colours]
    found, _ = decoded(save_video(frames, tmp_path / "colours.mp4", fps=1))
    means = torch.stack([frame.mean((0, 2, 3)) for frame in found])
    torch.testing.assert_close(means, colours, rtol=0, atol=0.02)


def test_odd_sides_repeat_their_last_line(tmp_path: Path) -> None:
    frames = film(3, 41, 63)
    found, _ = decoded(save_video(frames, tmp_path / "odd.mp4", fps=10))
    assert found[0].shape == (1, 3, 42, 64)
    assert float((found[0][..., :41, :63] - frames[0]).abs().mean()) < 0.015


def test_grey_frames(tmp_path: Path) -> None:
    frames = [frame[:, :1] for frame in film(3)]
    assert len(decoded(save_video(frames, tmp_path / "grey.mp4", fps=10))[0]) == 3


@pytest.mark.parametrize("name", ["walk.avi", "walk", "walk.gif"])
def test_other_suffixes_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.mp4"):
        save_video(film(2), tmp_path / name, fps=10)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("fps", [0, -1, 1000, float("nan")])
def test_rates_that_make_no_sense(fps: float, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="fps"):
        save_video(film(2), tmp_path / "walk.mp4", fps=fps)


def test_nothing_half_written_stays(tmp_path: Path) -> None:
    mixed = [*film(2), *film(2, 30, 30)]
    for frames, words in ((mixed, "one size"), ([], "at least one picture"), (film(1, 2, 5000), "4096")):
        with pytest.raises(OutputError, match=words):
            save_video(frames, tmp_path / "walk.mp4", fps=10)
        assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "walk.mp4"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        save_video(film(2), path, fps=10)
    assert path.read_text() == "mine"
    save_video(film(2), path, fps=10, force=True)
    assert len(decoded(path)[0]) == 2


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("av", "av.codec", "av.codec.codec"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match="extra video: pip install av"):
        check_video("walk.mp4")


def test_an_ffmpeg_without_encoders_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(video.ENCODERS, ".webm", [("none-of-that-name", {})])
    with pytest.raises(OutputError, match="no encoder"):
        check_video("walk.webm")
