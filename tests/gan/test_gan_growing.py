"""Networks that grow: what is faded in, and how a given time is shared by the stages."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from alebrije.config import build
from alebrije.data.draw import creature
from alebrije.gan import growing, nets, pace
from alebrije.gan.config import GanConfig, ProganConfig
from alebrije.gan.data import Pictures, shown
from alebrije.gan.game import Game
from alebrije.gan.nets.progan import Growing

TINY = {"size": "16", "stages": 2, "width": 0.03, "latent_dim": 4, "batch_size": 4, "stage_steps": 10, "device": "cpu"}


def pictures(count: int = 6) -> Pictures:
    drawn = torch.cat([creature(seed, 16).image for seed in range(count)])
    empty = torch.zeros(count, 0, dtype=torch.bool)
    return Pictures((drawn * 255).to(torch.uint8), empty, torch.empty(0, 3, 16, 16, dtype=torch.uint8), empty[:0], (), "", "")


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_real_pictures_are_faded_in_as_generated_ones_are(alpha: float, tmp_path: Path) -> None:
    """Means of four pixels are those of the reduced picture whatever alpha is; what is finer is there by the share alpha."""
    config = build(ProganConfig, TINY | {"fade_discriminator": True})
    generator, discriminator = nets.build("progan", config, (3, 16, 16))
    game = Game(config, pictures(), {"generator": generator, "discriminator": discriminator}, torch.device("cpu"),
                torch.float32, tmp_path)  # fmt: skip
    for network in (generator, discriminator):
        assert isinstance(network, Growing)
        network.at(1, alpha)
    plain, faded = shown(game.pictures.images), game.real(torch.arange(6))
    coarse = F.avg_pool2d(plain, 2)
    torch.testing.assert_close(F.avg_pool2d(faded, 2), coarse)
    blocks = F.interpolate(coarse, scale_factor=2)
    torch.testing.assert_close(faded - blocks, alpha * (plain - blocks))
    assert (plain - blocks).abs().max() > 0.5


def test_the_discriminator_sees_sharp_pictures_where_only_the_generator_is_faded_in(tmp_path: Path) -> None:
    """As in the thesis."""
    config = build(ProganConfig, TINY)
    generator, discriminator = nets.build("progan", config, (3, 16, 16))
    game = Game(config, pictures(), {"generator": generator, "discriminator": discriminator}, torch.device("cpu"),
                torch.float32, tmp_path)  # fmt: skip
    place = growing.place(config, 12)
    assert place.alpha < 1
    assert isinstance(discriminator, Growing)
    assert isinstance(generator, Growing)
    generator.at(place.stage, place.alpha)
    discriminator.at(place.stage, place.discriminator_alpha)
    assert torch.equal(game.real(torch.arange(6)), shown(game.pictures.images))


def test_steps_fill_the_time() -> None:
    assert pace.filled(GanConfig(epochs=7), 10.0, [0.1]).model_dump(include={"steps", "epochs"}) == {"steps": 100, "epochs": 0}
    paces = [0.01, 0.03, 0.2]
    config = pace.filled(build(ProganConfig, TINY | {"stages": 3, "size": "32", "alpha_start": 0.2}), 60.0, paces)
    each = [0] * 3
    for step in range(config.steps):
        each[growing.place(config, step).stage] += 1
    seconds = [count * cost for count, cost in zip(each, paces, strict=True)]
    assert sum(seconds) == pytest.approx(60, abs=0.25)
    assert sum(seconds[:2]) == pytest.approx(pace.EARLY_STAGES * 60, abs=0.1)
    assert each[0] == each[1]
    long = config.stage_steps
    half, whole = (growing.place(config, long + math.ceil(share * long)).alpha for share in (0.25, 0.5))
    assert half == pytest.approx(0.6, abs=0.01)
    assert whole == pytest.approx(1)


def test_each_stage_is_timed_and_nothing_is_kept() -> None:
    config, some = build(ProganConfig, TINY | {"penalty_every": 3, "r1_weight": 1.0}), pictures()
    before = some.images.clone()
    found = pace.pace(config, "progan", some, times=1)
    assert len(found) == 2
    assert min(found) > 0
    assert torch.equal(some.images, before)
