"""Training: it learns, it resumes to the bit, what it leaves can be used, what cannot work is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from alebrije import steps
from alebrije.autoencoder.restoration import evaluate, nets, train
from alebrije.autoencoder.restoration.config import UpscalerConfig
from alebrije.core.image import list_pictures
from alebrije.data.degrade import imresize
from alebrije.errors import ConfigError, DataError, Interrupted
from alebrije.events import Done, Step, Warned


def smooth(height: int, width: int, seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return (imresize(noise, size=(height, width)).clamp(0, 1) * 255).round().to(torch.uint8)[0]


TINY = {"width": 8, "batch_size": 2, "steps": 6, "holdout": 1, "log_every": 2, "sample_every": 3, "checkpoint_every": 3,
        "precision": "fp32", "smaller": 1.0}  # fmt: skip
UP = {**TINY, "blocks": 1, "patch": 16}
CLEAN = {**TINY, "outer": 1, "inner": 2, "deepest": 1, "patch": 16}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(4):
        Image.fromarray(smooth(72, 80, number).movedim(0, -1).numpy()).save(folder / f"{number}.png")
    return folder


@pytest.mark.parametrize(("recipe", "settings"), [("restore/fast", UP), ("restore/quality", UP), ("restore/denoise", CLEAN)])
def test_a_stopped_training_goes_on_to_the_same_bits(
    recipe: str, settings: dict[str, object], photos: Path, tmp_path: Path
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for event in steps.train(recipe, run=whole, data=str(photos), **settings):
        last = event
    assert isinstance(last, Done)
    assert all(math.isfinite(value) for value in last.result.report["metrics"].values())
    begun = steps.train(recipe, run=broken, data=str(photos), **settings)
    next(event for event in begun if isinstance(event, Step) and event.index == 4)
    assert isinstance(begun.throw(Interrupted()), Warned)
    assert list(begun)[-1].interrupted  # type: ignore[union-attr]
    assert not (broken / "model.safetensors").exists()
    list(steps.train("", run=broken, resume=True))
    first, second = (load_file(folder / "model.safetensors") for folder in (whole, broken))
    assert all(torch.equal(first[name], second[name]) for name in first)
    with safe_open(whole / "model.safetensors", "pt") as model:
        assert json.loads(model.metadata()["kind"]) == recipe.partition("/")[2]
    assert (whole / "report.html").exists()


def test_a_larger_scale_begins_from_a_smaller_ones_body(photos: Path, tmp_path: Path) -> None:
    list(steps.train("restore/fast", run=tmp_path / "x2", data=str(photos), **UP))
    tensors = load_file(tmp_path / "x2" / "model.safetensors")
    network = nets.PlainUpscaler(3, 8, 1)
    train.begin_from(network, str(tmp_path / "x2"))
    own = network.state_dict()
    same = {name for name in own if own[name].shape == tensors[name].shape}
    assert all(torch.equal(own[name], tensors[name]) for name in same)
    assert {name.split(".")[1] for name in own if name not in same} == {"2"}
    with pytest.raises(ConfigError, match="another kind"):
        train.begin_from(nets.PlainUpscaler(2, 12, 2), str(tmp_path / "x2"))


def test_the_rate_rises_along_a_line_and_falls_along_a_cosine() -> None:
    rates = [train.schedule(step, 1000, 99) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[49] == pytest.approx(0.5, abs=0.01)
    assert rates[500] == pytest.approx((1 + train.LAST_RATE) / 2)
    assert rates[1000] == pytest.approx(train.LAST_RATE)


def test_one_picture_is_refused_and_so_are_none(photos: Path, tmp_path: Path) -> None:
    for number in range(1, 4):
        (photos / f"{number}.png").unlink()
    with pytest.raises(DataError, match="two or more"):
        list(steps.train("restore/fast", run=tmp_path / "run", data=str(photos), **UP))
    with pytest.raises(DataError, match="--data"):
        list(steps.train("restore/fast", run=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_validation_pictures_are_not_learned_from(photos: Path) -> None:
    config = UpscalerConfig(data=str(photos), holdout=2, smaller=1.0)
    learned_from, kept, _ = train._split(config, 32)
    assert len(learned_from) == len(kept) == 2
    assert not any(torch.equal(one, other) for one in learned_from for other in kept)


def test_psnr_of_bicubic_is_what_the_data_sets_say_and_noise_is_what_it_is(assets: Path, photos: Path) -> None:
    bicubic = evaluate.upscaling(lambda small: imresize(small, 4), list_pictures(assets / "restoration" / "Set5"), 4)
    assert sum(bicubic) / 5 == pytest.approx(28.42, abs=0.03)
    for gray in (False, True):
        # mid-grey would give 20 log10(255 / 25) = 20.17 dB; clamping to [0, 1] takes some of the noise away
        found = evaluate.denoising(lambda image: image, list_pictures(photos), 25, gray)
        assert 20.1 < sum(found) / 4 < 21.2
