"""Projection: a generator's own picture is found again, the best is kept, pictures are fitted; on tiny random generators."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alebrije import events, steps
from alebrije.core.generating import GenerateConfig
from alebrije.core.image import load
from alebrije.errors import Interrupted
from alebrije.gan.latents import projection
from alebrije.gan.latents import space as spaces

Untrained = Callable[..., Path]
TAGS = ("wings", "tail")


@pytest.mark.parametrize(("kind", "tags", "count"), [("r3", TAGS, 60), pytest.param("style", (), 150, marks=pytest.mark.slow)])
def test_its_own_picture_is_found(kind: str, tags: tuple[str, ...], count: int, untrained: Untrained) -> None:
    run = untrained(kind, tags=tags)
    shares: dict[str, Any] = {"tags": {"wings": 1.0}} if tags else {}
    picture = events.last(steps.generate(run, count=1, seed=77, **shares)).images
    told = list(steps.generate(run, project=picture, steps=count, **shares))
    made = told[-1].result  # type: ignore[union-attr]
    assert made.report["psnr"] > made.report["start_psnr"] + 3
    assert made.report["psnr"] > 30
    assert made.report["features"] < made.report["start_features"]
    torch.testing.assert_close(made.images[0], picture[0], atol=0.003, rtol=0)  # it went through 8 bits or not at all
    expected = -10 * torch.log10((made.images[0] - made.images[1]).square().mean())
    assert made.report["psnr"] == pytest.approx(float(expected), abs=0.01)
    torch.testing.assert_close(made.images[2], (2 * (made.images[1] - made.images[0]).abs()).clamp(max=1))
    space = spaces.open_space(str(run), GenerateConfig(device="cpu"))
    shown = spaces.pictures(space, made.tensors["latent"][None], made.tensors.get("tags"))
    torch.testing.assert_close(shown[0], made.images[1], atol=1e-5, rtol=0)
    assert any(isinstance(event, events.Preview) for event in told)
    assert [event.index for event in told if isinstance(event, events.Step)] == list(range(1, count + 1))


def test_projection_is_the_same_for_the_same_seed_and_never_worse_than_its_start(untrained: Untrained) -> None:
    run, picture = untrained("style"), torch.rand(1, 3, 16, 16)
    made = [events.last(steps.generate(run, project=picture, steps=12, seed=seed)) for seed in (1, 1)]
    assert torch.equal(made[0].tensors["latent"], made[1].tensors["latent"])
    score = [made[0].report[f"{name}psnr"] for name in ("", "start_")]
    assert score[0] >= score[1] - 1  # pixels and features together never are


def test_what_was_found_when_the_user_stopped_is_kept(untrained: Untrained) -> None:
    work = steps.generate(untrained("dcgan28"), project=torch.rand(1, 3, 16, 16), steps=500)
    for event in work:
        if isinstance(event, events.Step) and event.index == 12:
            break
    done = work.throw(Interrupted())
    assert isinstance(done, events.Done)
    assert done.interrupted
    assert done.result.images.shape == (3, 3, 16, 16)


def test_the_rate_rises_stays_and_falls() -> None:
    rates = [projection.rate(done / 1000) for done in range(1001)]
    assert rates[0] < 0.05
    assert rates[25] == pytest.approx(0.5)
    assert set(rates[50:751]) == {1.0}
    assert rates[875] == pytest.approx(0.5)
    assert rates[1000] == pytest.approx(0)
    assert np.all(np.diff(rates[:51]) >= 0)
    assert np.all(np.diff(rates[750:]) <= 0)


def test_pictures_are_fitted_and_that_is_told() -> None:
    wide = load(torch.rand(1, 3, 20, 40))
    pixels, notices = projection.fitted(wide, (3, 10, 10))
    assert pixels.shape == (1, 3, 10, 10)
    assert "40x20" in notices[0]
    assert projection.fitted(load(torch.rand(1, 3, 20, 20)), (3, 10, 10))[1] == []
    pixels, notices = projection.fitted(wide, (1, 8, 16))
    assert pixels.shape == (1, 1, 8, 16)
    assert ["colours are left out" in notice for notice in notices] == [True]
    assert "is grey" in projection.fitted(load(torch.rand(1, 1, 8, 8)), (3, 8, 8))[1][0]


def test_beyond_black_and_white_only_the_way_back_is_felt() -> None:
    painted = torch.tensor([-0.5, -0.5, 0.5, 0.5, 1.5, 1.5], requires_grad=True)
    seen = projection.shown(painted)
    assert seen.tolist() == [0, 0, 0.5, 0.5, 1, 1]
    pushes = torch.tensor([-1.0, 1, -1, 1, -1, 1])  # a loss falls against its gradient
    seen.backward(pushes)  # type: ignore[no-untyped-call]
    assert painted.grad is not None
    assert painted.grad.tolist() == [-1, 0, -1, 1, 0, 1]
