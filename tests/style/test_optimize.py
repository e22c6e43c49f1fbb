"""The update rules find known minima, and the loop around them survives losses that are not numbers."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from alebrije.errors import NumericsError
from alebrije.style import optimize
from alebrije.style.optimize import LBFGS, OPTIMIZERS, Evaluate, descend, history_of

TARGET = torch.rand(1, 3, 6, 5, generator=torch.Generator().manual_seed(3)) * 0.8 + 0.1
SCALES = torch.logspace(-0.5, 0.5, 90).view(1, 3, 6, 5)


def bowl(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
    """A quadratic with its minimum at TARGET, ten times steeper one way than the other."""
    difference = SCALES * (image - TARGET)
    loss = float(difference.square().sum()) / 2
    return loss, SCALES * difference, {"loss": loss}


def positions(evaluate: Evaluate, optimizer: str, steps: int) -> list[Tensor]:
    start = torch.full_like(TARGET, 0.5)
    return [position.image for position in descend(evaluate, start, OPTIMIZERS[optimizer](steps), steps)]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_finds_the_minimum_of_a_bowl(optimizer: str) -> None:
    found = positions(bowl, optimizer, 200)[-1]
    torch.testing.assert_close(found, TARGET, atol=2e-2, rtol=0)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_picture_stays_between_black_and_white(optimizer: str) -> None:
    def outwards(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        loss = float((image - 2).square().sum())
        return loss, 2 * (image - 2), {"loss": loss}

    found = positions(outwards, optimizer, 80)
    assert all(image.min() >= 0 and image.max() <= 1 for image in found)
    torch.testing.assert_close(found[-1], torch.ones_like(TARGET))


def test_lbfgs_takes_the_newton_step_where_its_history_spans_the_curvature() -> None:
    """In two dimensions two pairs hold the whole inverse Hessian of a quadratic, along the directions it has seen."""
    hessian = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    rule, point = LBFGS(), torch.tensor([1.0, -1.0], dtype=torch.float64)
    for _ in range(25):
        point = point + rule(point, hessian @ point)
    torch.testing.assert_close(point, torch.zeros(2, dtype=torch.float64), atol=1e-6, rtol=0)


def test_lbfgs_direction_satisfies_the_secant_equation() -> None:
    """The newest pair (s, y) obeys H y = s, so a gradient equal to y gives the direction -s."""
    rule, generator = LBFGS(), torch.Generator().manual_seed(0)
    points = torch.rand(4, 7, generator=generator, dtype=torch.float64)
    for point in points[:3]:
        rule(point, 3 * point + point**3)
    moved, turned, _ = rule.pairs[-1]
    rule.before = None
    torch.testing.assert_close(rule(points[3], turned), -moved)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("poison", [math.nan, math.inf])
def test_nan_is_noticed_at_once_taken_back_and_survived(optimizer: str, poison: float) -> None:
    calls = 0

    def sometimes_poisoned(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        nonlocal calls
        calls += 1
        loss, gradient, values = bowl(image)
        return (poison, gradient, values) if calls == 7 else (loss, gradient, values)

    found = list(descend(sometimes_poisoned, torch.full_like(TARGET, 0.5), OPTIMIZERS[optimizer](200), 200))
    assert [index for index, position in enumerate(found, start=1) if position.mended] == [7]
    assert torch.equal(found[6].image, found[5].image)
    torch.testing.assert_close(found[-1].image, TARGET, atol=2e-2, rtol=0)


def test_a_gradient_that_is_not_finite_counts_as_nan() -> None:
    calls = 0

    def poisoned_gradient(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        nonlocal calls
        calls += 1
        loss, gradient, values = bowl(image)
        return loss, gradient * math.nan if calls == 3 else gradient, values

    found = list(descend(poisoned_gradient, torch.full_like(TARGET, 0.5), LBFGS(), 5))
    assert [position.mended for position in found] == [False, False, True, False, False]


@pytest.mark.parametrize("good_calls", [0, 1])
def test_a_loss_that_stays_nan_ends_in_a_clear_error(good_calls: int) -> None:
    calls = 0

    def broken(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        nonlocal calls
        calls += 1
        loss, gradient, values = bowl(image)
        return (loss if calls <= good_calls else math.nan), gradient, values

    with pytest.raises(NumericsError, match="--precision fp32"):
        list(descend(broken, torch.full_like(TARGET, 0.5), LBFGS(), 50))


def test_a_loss_that_shoots_up_is_taken_back() -> None:
    losses = [position.values["loss"] for position in descend(bowl, torch.full_like(TARGET, 0.5), LBFGS(), 60)]
    assert all(after <= 1.5 * before for before, after in itertools.pairwise(losses))


def test_large_pictures_have_a_shorter_history() -> None:
    assert history_of(3 * 512 * 380) == history_of(3 * 3_700_000) == 10
    assert history_of(3 * 4000 * 3000) == 3
    assert history_of(10**10) == 2


def test_a_history_that_was_cut_short_goes_on_as_if_it_had_not_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimize, "HISTORY_BYTES", 3 * 2 * 4 * TARGET.numel())
    whole = list(descend(bowl, torch.full_like(TARGET, 0.5), LBFGS(), 12))
    assert [len(position.memory["rule"]["pairs"]) for position in whole] == [0, 0, 1, 2, *[3] * 8]
    again = list(descend(bowl, TARGET, LBFGS(), 12, whole[7].memory))
    assert all(torch.equal(one.image, other.image) for one, other in zip(again, whole[8:], strict=True))


def test_the_picture_before_is_never_written_into() -> None:
    """The loop reuses the memory of a step, not that of pictures."""
    found = [(position.image, position.image.clone()) for position in descend(bowl, torch.full_like(TARGET, 0.5), LBFGS(), 9)]
    assert all(torch.equal(image, copy) for image, copy in found)
