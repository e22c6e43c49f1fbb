"""`stylize --tile`: the same picture as without, resumed to the same bits, and refused before any work where it cannot be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije import events, features
from alebrije.config import build
from alebrije.core.image import Picture, resize
from alebrije.errors import ConfigError, Interrupted
from alebrije.features.extractor import Network, assemble
from alebrije.features.vgg import IMAGENET_MEAN, IMAGENET_STD, vgg_layers, vgg_stages
from alebrije.style import config as style_config
from alebrije.style.config import QUALITIES, StylizeConfig, scales
from alebrije.style.run import StylizeResult, stylize
from alebrije.style.saved import Saved, state_file

BLOCKS = ((4, 4), (4, 4), (6, 6), (8, 8), (8,))
NETWORK = Network(lambda pooling: vgg_stages(BLOCKS, pooling), vgg_layers(BLOCKS), IMAGENET_MEAN, IMAGENET_STD)
FAST = {"steps": 6, "quality": "quick", "size": "200", "precision": "fp32", "features": "compact", "preview_every": 0}


@pytest.fixture(autouse=True)
def _small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(name: str, layers: list[str], *, pooling: str, dtype: torch.dtype, **options: Any) -> features.Extractor:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            return assemble("compact", NETWORK, None, layers, pooling).to(dtype)

    monkeypatch.setattr(features, "load", load)


def picture(height: int = 150, width: int = 200, seed: int = 0) -> Picture:
    generator = torch.Generator().manual_seed(seed)
    return Picture(resize(torch.rand(1, 3, 12, 16, generator=generator), (height, width)))


def work(saved: Saved | None = None, **settings: Any) -> events.Events:
    return stylize(picture(), [picture(120, 90, seed=1)], build(StylizeConfig, {**FAST, **settings}), saved)


def painted(made: events.Events) -> StylizeResult:
    found = [event for event in made if isinstance(event, events.Done)][-1].result
    assert isinstance(found, StylizeResult)
    return found


@pytest.mark.parametrize("settings", [{}, {"loss": "wasserstein", "optimizer": "adam"}, {"keep_colors": True}], ids=str)
def test_tiles_make_the_same_picture(settings: dict[str, Any]) -> None:
    whole, tiles = (painted(work(tile=tile, **settings)) for tile in ("none", 128))
    assert (tiles.image.pixels - whole.image.pixels).abs().mean() < 1e-4
    assert tiles.report["loss"] == pytest.approx(whole.report["loss"], rel=1e-3)


def test_tiles_are_announced() -> None:
    said = [event.message for event in work(tile=128) if isinstance(event, events.Warned)]
    assert any("in tiles of 128 pixels" in message for message in said)
    assert not [event for event in work(tile="none") if isinstance(event, events.Warned)]


@pytest.mark.parametrize("step", [1, 5])
def test_work_in_tiles_goes_on_to_the_same_bits(step: int, tmp_path: Path) -> None:
    place = state_file(tmp_path / "out.png")
    whole = painted(work(tile=128)).image.pixels
    running = work(Saved(place), tile=128)
    for event in running:
        if isinstance(event, events.Step) and event.index == step:
            break
    stopped = running.throw(Interrupted())
    assert isinstance(stopped, events.Done)
    assert torch.equal(painted(work(Saved(place, resume=True), tile=128)).image.pixels, whole)


@pytest.mark.parametrize("loss", ["sliced", "histogram", "contextual"])
def test_losses_that_cannot_be_added_up_are_refused_at_once(loss: str) -> None:
    with pytest.raises(ConfigError, match=f"--loss {loss} cannot work in tiles"):
        next(work(tile=128, loss=loss))


@pytest.mark.parametrize("tile", ["64", "large", "-3", "1.5"])
def test_what_is_no_tile_is_refused(tile: str) -> None:
    with pytest.raises(ConfigError, match="tile is auto, none, or a number of pixels from 128"):
        build(StylizeConfig, {"tile": tile})


@pytest.mark.parametrize("quality", QUALITIES)
def test_large_pictures_begin_as_small_ones_do(quality: str) -> None:
    """And end at their own size, with few steps where they cost most."""
    config = build(StylizeConfig, {"quality": quality})
    assert scales(config, 1024) == scales(config) == QUALITIES[quality]
    plan = scales(config, 4000)
    assert [scale.steps for scale in plan[:-3]] == [scale.steps for scale in QUALITIES[quality]]
    assert [scale.fraction for scale in plan[-4:]] == [0.125, 0.25, 0.5, 1.0]
    assert [scale.refines for scale in plan] == [False] * len(QUALITIES[quality]) + [True] * 3
    assert plan[-1].steps < plan[-2].steps < plan[-3].steps < plan[-4].steps
    shared = scales(build(StylizeConfig, {"quality": quality, "steps": 31}), 4000)
    assert sum(scale.steps for scale in shared) == 31
    assert shared[-1].fraction == 1


@pytest.fixture
def _early_refining(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if 200 pixels were many."""
    monkeypatch.setattr(style_config, "COMMON_SIDE", 50)


@pytest.mark.usefixtures("_early_refining")
def test_refining_holds_on_to_what_it_begins_with() -> None:
    """So the first picture of such a stage is no way from its content."""
    plan = scales(build(StylizeConfig, {"quality": "quick", "steps": 20}), 200)
    heard = [event.values["content_distance"] for event in work(steps=20) if isinstance(event, events.Step)]
    begun = [sum(scale.steps for scale in plan[:number]) for number in range(len(plan))]
    assert [heard[step] < 1e-6 for step in begun[1:]] == [scale.refines for scale in plan[1:]]


@pytest.mark.usefixtures("_early_refining")
def test_refining_goes_on_to_the_same_bits(tmp_path: Path) -> None:
    """Although what it refines is not among the inputs."""
    place = state_file(tmp_path / "out.png")
    whole = painted(work(steps=20)).image.pixels
    running = work(Saved(place), steps=20)
    for event in running:
        if isinstance(event, events.Step) and event.index == 19:
            break
    assert isinstance(running.throw(Interrupted()), events.Done)
    assert torch.equal(painted(work(Saved(place, resume=True), steps=20)).image.pixels, whole)


MEMORY = """
import torch
from alebrije import features
from alebrije.style.config import StylizeConfig
from alebrije.style.objective import layers, measure, with_gradient
config = StylizeConfig()
extractor = features.build("compact", None, layers(config), dtype=torch.float32)
image = torch.rand(1, 3, 864, 1152)
peak = lambda: next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
with_gradient(measure(extractor, image / 2, [image[:, :, :400, :500]], config, tile={tile}), config)(image)
print((peak() - before) / 1e6)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells the peak of one program")
def test_tiles_take_a_fraction_of_the_memory() -> None:
    """Of one megapixel; with the picture, which both hold a few times. In a process each, for the peak is never taken back. Not
    by getrusage: its peak is handed on to a started program from the one that started it, which may have been larger."""
    gigabytes = [
        float(subprocess.run([sys.executable, "-c", MEMORY.format(tile=tile)], stdout=subprocess.PIPE, check=True).stdout)
        for tile in (None, 256)
    ]
    assert gigabytes[1] < 0.4
    assert gigabytes[0] > 2.5 * gigabytes[1]
