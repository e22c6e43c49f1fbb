"""`restore/mine`: it learns from the user's pictures, says honestly what came of it, and refuses what cannot work."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file
from tests.autoencoder.restoration.test_restoration_examples import smooth

from alebrije import steps
from alebrije.autoencoder.restoration import mine, mine_judge, store
from alebrije.autoencoder.restoration.degradation import CLEAN, Degradation, degrade
from alebrije.autoencoder.restoration.mine_config import MineConfig
from alebrije.autoencoder.restoration.mine_pictures import Album, open_album
from alebrije.config import build
from alebrije.core.metrics import luma
from alebrije.errors import ConfigError, DataError, Interrupted, NumericsError, RunError, WeightsError
from alebrije.events import Done, Step, Warned

TINY = {"patch": 16, "batch_size": 2, "steps": 4, "holdout": 1, "log_every": 2, "sample_every": 2, "checkpoint_every": 2,
        "precision": "fp32"}  # fmt: skip


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Four pictures in folders of a folder: three JPEGs and a grey PNG."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for number in range(3):
        Image.fromarray(smooth(72, 80, number).movedim(0, -1).numpy()).save(folder / "deeper" / f"{number}.jpg", quality=85)
    Image.fromarray(smooth(72, 80, 9)[0].numpy()).save(folder / "gray.png")
    return folder


def told(events: steps.Events) -> list[str]:
    return [event.message for event in events if isinstance(event, Warned)]


def album_of(config: MineConfig) -> Album:
    events = open_album(config)
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value


@pytest.mark.parametrize(("task", "start", "before"), [("upscale", "fast-x2", "bicubic"), ("denoise", "denoise", "input")])
def test_what_it_leaves_can_be_used(task: str, start: str, before: str, networks: Path, photos: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shipped = networks / f"{start}.safetensors"
    events = list(steps.train("restore/mine", run=run, data=str(photos), task=task, start=str(shipped), **TINY))
    assert isinstance(events[-1], Done)
    metrics = events[-1].result.report["metrics"]
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["gain_over_shipped"] == pytest.approx(metrics["yours_mine"] - metrics["yours_shipped"])
    assert metrics[f"gain_over_{before}"] == pytest.approx(metrics["yours_mine"] - metrics[f"yours_{before}"])
    said = [event.message for event in events if isinstance(event, Warned)]
    assert any("JPEG of quality 85" in one for one in said)
    assert said[-1].startswith("on 1 picture kept for the test your network is")
    rows = list(csv.DictReader((run / "evaluation" / "held-out.csv").read_text().splitlines()))
    assert [float(row["yours_mine"]) for row in rows] == pytest.approx([metrics["yours_mine"]], abs=1e-3)
    for made in ("report.html", "plots/gain.png", "plots/loss.png", "samples/000004.png"):
        assert (run / made).is_file()
    network = store.open_for(task, str(run))
    again = store.open_network(str(run / "model.safetensors"))
    assert all(torch.equal(one, other) for one, other in zip(network.parameters(), again.parameters(), strict=True))
    before_it = store.open_network(str(shipped)).parameters()
    assert any(not torch.equal(one, other) for one, other in zip(network.parameters(), before_it, strict=True))
    with safe_open(run / "model.safetensors", "pt") as model:
        header = {name: json.loads(text) for name, text in model.metadata().items()}
    assert header["degradation"]["jpeg_quality"] == 85
    assert header["held_out"][0]["picture"] == rows[0]["picture"]
    assert header["recipe"]["recipe"] == "restore/mine"


def test_a_stopped_run_goes_on_unless_the_pictures_changed(networks: Path, photos: Path, tmp_path: Path) -> None:
    settings = {**TINY, "data": str(photos), "start": str(networks / "fast-x2.safetensors")}
    list(steps.train("restore/mine", run=tmp_path / "whole", **settings))
    events = steps.train("restore/mine", run=tmp_path / "broken", **settings)
    for event in events:
        if isinstance(event, Step) and event.index == 3 and event.total == 4 and event.values:
            events.throw(Interrupted())
            break
    list(events)
    moved = photos / "gray.png"
    moved.rename(tmp_path / "gray.png")
    with pytest.raises(RunError, match="are not those that the run began with"):
        list(steps.train("", run=tmp_path / "broken", resume=True))
    (tmp_path / "gray.png").rename(moved)
    list(steps.train("", run=tmp_path / "broken", resume=True))
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "broken"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_an_untaught_network_becomes_better_on_pictures_it_was_not_shown(networks: Path, photos: Path, tmp_path: Path) -> None:
    settings = {**TINY, "data": str(photos), "start": str(networks / "fast-x2.safetensors"), "steps": 30, "learning_rate": 3e-3,
                "ema_decay": 0.0, "sample_every": 30, "smaller": 1.0}  # fmt: skip
    events = list(steps.train("restore/mine", run=tmp_path / "run", **settings))
    assert events[-1].result.report["metrics"]["gain_over_shipped"] > 1.0


def test_the_seed_deals_the_pictures_and_no_picture_is_in_both_heaps(photos: Path) -> None:
    config = build(MineConfig, {"data": str(photos), "patch": 16, "holdout": 9})
    one, again = album_of(config), album_of(config)
    assert one.fingerprint() == again.fingerprint()
    learned, kept = ([name for name, _ in heap] for heap in (one.learned, one.kept))
    assert len(kept) == 2  # at most half
    assert sorted(learned + kept) == ["deeper/0.jpg", "deeper/1.jpg", "deeper/2.jpg", "gray.png"]
    assert sorted(map(str, one.qualities)) == ["85", "85", "85", "None"]
    others = {tuple(name for name, _ in album_of(config.model_copy(update={"seed": seed})).kept) for seed in range(8)}
    assert len(others) > 1


def test_of_one_picture_the_right_third_is_kept(tmp_path: Path) -> None:
    picture = smooth(60, 150, 1)
    Image.fromarray(picture.movedim(0, -1).numpy()).save(tmp_path / "only.png")
    album = album_of(build(MineConfig, {"data": str(tmp_path), "patch": 16}))
    assert torch.equal(album.learned[0][1], picture[..., :100])
    assert torch.equal(album.kept[0][1], picture[..., 100:])
    Image.fromarray(picture[..., :90].movedim(0, -1).numpy()).save(tmp_path / "only.png")
    with pytest.raises(DataError, match=r"has 1 usable picture, too narrow .*: give 2 or more, or one .* 96 pixels wide"):
        album_of(build(MineConfig, {"data": str(tmp_path), "patch": 16}))


def test_small_pictures_and_broken_ones_are_named_and_left_out(networks: Path, photos: Path, tmp_path: Path) -> None:
    Image.new("RGB", (31, 90)).save(photos / "narrow.png")
    (photos / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nno more")
    said = told(open_album(build(MineConfig, {"data": str(photos), "patch": 16})))
    assert "left out, as they have fewer than 32 pixels a side: narrow.png" in said
    assert any(one.startswith("left out: cannot read") and "broken.png" in one for one in said)
    with pytest.raises(DataError, match=r"no picture in .* has sides of 256 pixels or more: give larger ones, or --set patch=32"):
        list(open_album(build(MineConfig, {"data": str(photos), "patch": 64, "scale": 4})))


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"data": None}, ConfigError, "^say where your pictures are: --data FOLDER$"),
        ({"data": "nowhere"}, DataError, "there is no folder nowhere"),
        ({"start": "fast-x3.safetensors"}, ConfigError, "enlarges 3 times and not 2"),
        ({"start": "denoise.safetensors"}, ConfigError, "has learnt to denoise"),
        ({"strength": "strong"}, ConfigError, "strength is auto or a number from 0 to 100, not 'strong'"),
        ({"strength": 101}, ConfigError, "strength is auto or a number from 0 to 100"),
        ({"learning_rate": 1e30, "steps": 20, "max_norm": 1e30, "sample_every": 99}, NumericsError, "lower learning_rate"),
    ],
)
def test_what_cannot_work(
    settings: dict[str, object], error: type[Exception], message: str, networks: Path, photos: Path, tmp_path: Path
) -> None:
    values = {**TINY, "data": str(photos), "start": "fast-x2.safetensors", **settings}
    with pytest.raises(error, match=message):
        list(steps.train("restore/mine", run=tmp_path / "run", **{**values, "start": str(networks / str(values["start"]))}))


def test_a_network_that_was_not_shipped(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", tmp_path)
    with pytest.raises(WeightsError, match="fast-x2 is missing from this installation"):
        list(steps.train("restore/mine", run=tmp_path / "run", data=str(photos), **TINY))


def config_of(**settings: object) -> MineConfig:
    return build(MineConfig, {"data": "x", "patch": 16, **settings})


def test_an_upscaler_learns_from_reductions_like_the_users_pictures() -> None:
    pictures = [smooth(64, 80, 1)]
    for share, found in ((1.0, CLEAN), (0.0, Degradation(jpeg_quality=30))):
        torch.manual_seed(0)
        material = mine.Material([], [], Degradation(jpeg_quality=30), share)
        (given,), target = mine.upscaler_draw(pictures, material, config_of())(torch.tensor([0, 5, 2]))
        assert (given.shape, target.shape) == ((3, 1, 16, 16), (3, 1, 32, 32))
        torch.manual_seed(0)
        patches = mine.examples.patches(pictures, torch.tensor([0, 0, 0]), 32)
        assert torch.equal(given, luma(degrade(patches, found, 2)))
        assert torch.equal(target, luma(patches))


def test_what_a_denoiser_learns_from() -> None:
    picture = [("a", smooth(64, 80, 1))]
    album = Album(picture, picture, [None])
    clean = mine.material_of(album, CLEAN, config_of(task="denoise"))
    assert clean.plain_share == 1.0  # noise of all strengths
    assert clean.learned[0][1].shape == (3, 64, 80)
    noisy = mine.material_of(album, Degradation(noise=0.03, extra_blur=0.5), config_of(task="denoise"))
    assert noisy.learned[0][1].shape == (3, 32, 40)  # halved: cleaner
    assert (noisy.found.noise, noisy.found.extra_blur) == (0.03, 0.0)
    wanted = mine.material_of(album, CLEAN, config_of(task="denoise", strength=51))
    assert wanted.found.noise == pytest.approx(0.2)
    assert wanted.plain_share == 0.25
    assert wanted.learned[0][1].shape == (3, 64, 80)


def results(mine_better: float, pictures: int = 8, plain: float = 0.0) -> mine_judge.Results:
    shipped = [30.0 + number for number in range(pictures)]
    marks = {
        "bicubic": {"yours": [one - 2 for one in shipped], "plain": [one - 2 for one in shipped]},
        "shipped": {"yours": shipped, "plain": shipped},
        "mine": {"yours": [one + mine_better + 0.1 * (-1) ** place for place, one in enumerate(shipped)],
                 "plain": [one + plain for one in shipped]},
    }  # fmt: skip
    return mine_judge.Results([str(place) for place in range(pictures)], "bicubic", marks)


def test_the_verdict_is_honest() -> None:
    assert results(0.5).verdict() == (
        "on 8 pictures kept for the test your network is better: +0.50 dB to the shipped one (95 % interval +0.42 to +0.58), "
        "+2.50 dB to bicubic"
    )
    lost = "; on pictures without these faults it is 0.20 dB worse than the shipped one"
    assert results(0.5, plain=-0.2).verdict().endswith(lost)
    assert "is not surely better: +0.02 dB" in results(0.02).verdict()
    assert "is not surely better: -0.30 dB" in results(-0.3).verdict()
    assert "too few for an interval" in results(0.5, 3).verdict()
    assert results(0.5, 3).verdict().startswith("on 3 pictures kept for the test your network is better")
    assert "is not surely better" in results(0.05, 3).verdict()
    metrics = results(0.5).metrics()
    assert metrics["gain_over_shipped_low"] < 0.5 < metrics["gain_over_shipped_high"]
    assert "gain_over_shipped_low" not in results(0.5, 3).metrics()
