"""Judging generators: what the figures say of pictures whose worth is known, and what an evaluation compares with what."""

from __future__ import annotations

import functools
import gzip
import struct
from collections.abc import Generator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import torch
from torch import Tensor

from alebrije import events, steps
from alebrije.core import checkpoint
from alebrije.data.draw import creature
from alebrije.errors import ConfigError, DataError, RunError
from alebrije.features.judging.detectors import Detector, open_detector
from alebrije.features.judging.judged import FIGURES, judged
from alebrije.gan import checkpoints, record, show, use
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures, read
from alebrije.gan.evaluate import OTHERS, USELESS, by_heart
from alebrije.gan.exam import Exam, arrange, noise
from alebrije.gan.run import KINDS

SIDE, COUNT = 24, 80
CREATURE = functools.cache(creature)
TINY: dict[str, Any] = {"steps": 4, "pictures": 48, "batch_size": 4, "sample_every": 100, "checkpoint_every": 2, "device": "cpu",
                        "precision": "fp32", "size": "16", "latent_dim": 4, "width": 0.03, "hold_out": 0.1}  # fmt: skip
T = TypeVar("T")


@pytest.fixture(scope="module")
def creatures() -> Tensor:
    """Drawn creatures, uint8 [N, 3, H, W]."""
    drawn = torch.cat([CREATURE(seed, (SIDE, SIDE), background="white").image for seed in range(COUNT)])
    return (drawn * 255).round().to(torch.uint8)


@pytest.fixture(scope="module")
def compact() -> Detector:
    """The detector that ships, every sixteenth of its numbers: FID of all 640 takes seconds."""
    look = open_detector("compact")
    return Detector(look.name, lambda images: look.network(images)[:, ::16], look.size, look.channels, look.device)


PIXELS = Detector("pixels", lambda images: images.flatten(1), (4, 4), 3, torch.device("cpu"))


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plots and no report of trainings, each creature drawn once, and a detector that takes no time."""
    monkeypatch.setattr("alebrije.gan.evaluate.open_detector", lambda name, device: PIXELS)
    monkeypatch.setattr("alebrije.gan.data.creature", CREATURE)
    monkeypatch.setattr(record, "draw", lambda *given: [])
    monkeypatch.setattr(show, "keepsakes", lambda *given: [])
    monkeypatch.setattr("alebrije.gan.run.write_report", lambda run: run.folder / "recipe.yaml")


def drained(generator: Generator[events.Event, None, T]) -> tuple[T, list[str]]:
    """What a generator of events returns, and its warnings."""
    said: list[str] = []
    while True:
        try:
            event = next(generator)
        except StopIteration as stop:
            return stop.value, said
        if isinstance(event, events.Warned):
            said.append(event.message)


def idx_set(folder: Path, train: int, test: int) -> str:
    """A data set in MNIST's files: learned pictures are dark (below 100), test pictures bright (150 and more), 12x12."""
    folder.mkdir()
    for split, count, least in (("train", train, 0), ("t10k", test, 150)):
        images = torch.randint(least, least + 100, (count, 12, 12), dtype=torch.uint8)
        for name, data, kind in (("images-idx3", images, 3), ("labels-idx1", torch.arange(count) % 2, 1)):
            head = struct.pack(f">BBBB{kind}I", 0, 0, 8, kind, *data.shape)
            with gzip.open(folder / f"{split}-{name}-ubyte.gz", "wb") as file:
                file.write(head + data.to(torch.uint8).numpy().tobytes())
    return str(folder)


def test_real_beside_real_reaches_the_floor_and_blurred_and_noise_do_not(creatures: Tensor, compact: Detector) -> None:
    half = COUNT // 2
    first, second = creatures[:half], creatures[half:]
    same = judged(second, first, compact)
    low, high = same["kid_x_1000_interval"]
    assert low <= 0 <= high
    small = torch.nn.functional.avg_pool2d(second.float() / 255, 4)
    blurred = judged(torch.nn.functional.interpolate(small, (SIDE, SIDE), mode="bilinear"), first, compact)
    useless = judged(noise(first, 0), first, compact)
    for worse in (blurred, useless):
        assert worse["kid_x_1000_interval"][0] > high
        assert worse["fid"] > same["fid"]
        assert worse["coverage"] < same["coverage"]
    for found in (same, blurred, useless):
        assert all(found[f"{name}_interval"][0] <= found[name] <= found[f"{name}_interval"][1] for name in FIGURES)
        for part in ("detector compact", "64x64", "bilinear", f"{half} made", f"{half} real", "seed 0"):
            assert part in found["words"]


def test_the_same_seed_gives_the_same_and_the_order_of_pictures_means_nothing(creatures: Tensor) -> None:
    first, second = creatures[:40], creatures[40:]
    found = judged(second, first, PIXELS, seed=3)
    assert found == judged(second, first, PIXELS, seed=3)
    turned = judged(second.flip(0).float() / 255, first.flip(0), PIXELS, seed=3)  # and bytes are as good as fractions
    for name in FIGURES:
        assert turned[name] == pytest.approx(found[name], rel=1e-4, abs=1e-6)


def test_grey_is_not_compared_with_coloured_and_too_few_are_refused(creatures: Tensor) -> None:
    with pytest.raises(ConfigError, match="30 grey pictures cannot be compared with 30 coloured"):
        judged(creatures[:30, :1], creatures[:30], PIXELS)
    with pytest.raises(DataError, match="at least 20"):
        judged(creatures[:19], creatures[:30], PIXELS)


def test_noise_has_the_mean_and_the_spread_of_every_pixel_and_no_more() -> None:
    real = (100 + 20 * torch.randn(4000, 1, 1, 1) + 10 * torch.arange(4).view(1, 1, 2, 2)).clamp(0, 255).to(torch.uint8)
    made = noise(real, 5).double().flatten(1)
    pixels = real.double().flatten(1)
    assert torch.allclose(made.mean(0), pixels.mean(0), atol=1.5)
    assert torch.allclose(made.std(0), pixels.std(0), atol=1.5)
    assert torch.corrcoef(pixels.T).min() > 0.99
    assert (torch.corrcoef(made.T) - torch.eye(4)).abs().max() < 0.06
    assert noise(real, 5).equal(noise(real, 5))


def arranged(config: GanConfig, **changes: Any) -> tuple[Exam, list[str]]:
    given: dict[str, Any] = {"fingerprint": "", "data": None, "count": None, "seed": 0} | changes
    return drained(arrange(config, **given))


def rows(pictures: Tensor) -> set[bytes]:
    return {one.numpy().tobytes() for one in pictures}


@pytest.mark.usefixtures("_plain")
def test_sets_have_no_picture_in_common_and_are_of_those_learned_from() -> None:
    config = GanConfig(size="16", pictures=60, hold_out=0.2, flips=True)
    pictures, _ = drained(read(config))
    found, said = arranged(config, count=100)
    assert (len(found.real), len(found.others), len(found.held_out)) == (24, 24, 12)
    assert not rows(found.real) & rows(found.others)
    assert rows(found.real) | rows(found.others) <= rows(pictures.images)
    assert rows(found.learned) == rows(torch.cat([pictures.images, pictures.images.flip(-1)]))
    assert any("too few real pictures for 100: each set has 24" in one for one in said)
    assert arranged(config, seed=1)[0].real.ne(found.real).any()
    changed, said = arranged(config, fingerprint="of before")
    assert len(changed.learned) == len(changed.held_out) == 0
    assert any("has changed since the run learned from it" in one for one in said)
    with pytest.raises(DataError, match="has 30 pictures to compare with: 40 or more"):
        arranged(GanConfig(size="16", pictures=30, hold_out=0.0))


def test_a_known_data_set_is_compared_by_its_test_pictures(tmp_path: Path) -> None:
    data = idx_set(tmp_path / "known", 50, 30)
    config = GanConfig(size="16", gray=True, data=data, hold_out=0.2)
    found, _ = arranged(config)
    assert found.real.shape == (30, 1, 16, 16)
    assert found.real.min() > 130 > 120 > found.others.max()  # both a little sharpened by enlarging
    assert "test pictures" in found.told
    with pytest.raises(DataError, match="--data"):
        arranged(GanConfig(size="16", data=str(tmp_path / "nowhere")))


def report(run: Path, folder: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    """What an evaluation found, and its warnings."""
    heard = list(steps.evaluate(run, output=folder, device="cpu", **options))
    done = heard[-1]
    assert isinstance(done, events.Done)
    return done.result.report, [event.message for event in heard if isinstance(event, events.Warned)]


@pytest.mark.usefixtures("_plain")
@pytest.mark.parametrize("kind", ["dcgan28", "progan128"])
def test_a_checkpoint_at_the_end_is_the_finished_run(kind: str, tmp_path: Path) -> None:
    """The checkpoint that the last step left draws what model.safetensors draws; networks that grow have their stage."""
    more = {"stages": 2, "stage_steps": 2, "ema_decay": 0.9} if kind == "progan128" else {}
    list(steps.train(f"gan/{kind}", run=tmp_path / "run", **TINY | more))
    recipe, settings = steps.made_by(tmp_path / "run")
    config = KINDS[kind][1](**settings)
    pictures, _ = drained(read(config))
    places = checkpoint.numbered(tmp_path / "run" / "checkpoints")
    on_the_way, last = (checkpoints.open_checkpoint(place, recipe, config, pictures) for place in places[-2:])
    finished = use.open_generator(tmp_path / "run")
    codes = use.latents(finished, 3)
    assert use.generate(last, codes).equal(use.generate(finished, codes))
    assert not use.generate(last, codes).equal(use.generate(on_the_way, codes)) or on_the_way.shape != last.shape
    assert (last.shape, on_the_way.shape[1]) == (finished.shape, 8 if more else 16)


@pytest.mark.usefixtures("_plain")
def test_an_evaluation_is_the_same_again_and_goes_on_without_a_model(tmp_path: Path) -> None:
    run = tmp_path / "run"
    list(steps.train("gan/dcgan28", run=run, **TINY))
    first, said = report(run, tmp_path / "one")
    assert [remark.split(",")[0] for remark in said] == [f"judged are {first['count']} pictures"]
    again, _ = report(run, tmp_path / "two")
    assert {**first, "files": None} == {**again, "files": None}
    assert report(run, tmp_path / "three", seed=1)[0]["metrics"] != first["metrics"]
    assert first["by_heart"] == {"note": "only 5 pictures were kept from it: too few to tell"}
    assert set(first["baselines"]) == {OTHERS, USELESS}
    assert first["baselines"][OTHERS]["kid_x_1000"] < first["metrics"]["kid_x_1000"]
    page = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert page.count(first["metrics"]["words"].replace("'", "&#x27;")) == len(FIGURES) + 1
    (run / "model.safetensors").unlink()
    unfinished, said = report(run, tmp_path / "four", over_time=True)
    assert said[0] == f"{run} is not finished: judged is its checkpoint of step 4"
    assert unfinished["metrics"] == first["metrics"]
    assert [one["step"] for one in unfinished["over_time"]] == [2, 4]
    assert unfinished["over_time"][-1]["kid_x_1000"] == pytest.approx(first["metrics"]["kid_x_1000"])
    assert (tmp_path / "four" / "plots" / "kid-over-time.png").is_file()
    newest = checkpoint.numbered(run / "checkpoints")[-1]
    (newest / "state.json").write_text("{}", encoding="utf-8")
    assert "judged is its checkpoint of step 2" in report(run, tmp_path / "five")[1][-2]
    for place in checkpoint.numbered(run / "checkpoints"):
        (place / "manifest.json").unlink()
    with pytest.raises(RunError, match="no model and no checkpoint yet"):
        report(run, tmp_path / "six")


def test_what_was_learned_by_heart_shows_and_what_is_new_does_not() -> None:
    def drawn(count: int) -> Tensor:
        coarse = torch.randint(0, 256, (count, 3, 4, 4)).float()
        return torch.nn.functional.interpolate(coarse, (16, 16), mode="bilinear").to(torch.uint8)

    learned, held_out, new = drawn(300), drawn(150), drawn(60)
    pictures = Pictures(learned, torch.zeros(300, 0), held_out, torch.zeros(150, 0), (), "drawn", "")
    real = Exam(drawn(60), learned[:60], torch.cat([learned, learned.flip(-1)]), held_out, "", pictures)

    def told(made: Tensor) -> dict[str, Any]:
        found, closest = by_heart(made, PIXELS(made), PIXELS(real.others), real, PIXELS, 0)
        assert closest is not None
        return found | {"closest": closest}

    fresh, copied = told(new), told(torch.cat([learned[:30].flip(-1), new[:30]]))
    assert fresh["near"] <= 0.05
    assert copied["near"] == 0.5
    assert "300 learned (each also mirrored), 150 held-out ones, seed 0" in copied["near_words"]
    made, theirs = copied["closest"]
    assert set(made[:30].tolist()) == set(range(30))
    assert theirs[:30].tolist() == [300 + place for place in made[:30].tolist()]
    whole = told(learned[:60])
    assert whole["kid_x_1000_learned"] < whole["kid_x_1000_held_out"]
