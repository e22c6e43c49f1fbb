"""Distances and smoothness: zero where they must be, scale-free where they say so, right in their gradients."""

from __future__ import annotations

import math

import pytest
import torch

from alebrije.style.losses import LOSSES, content_distance, relative_squared_error, style_distance, total_variation

LAYERS = {"shallow": 1.0, "deep": 3.0}


def features(seed: int = 0, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"shallow": (1, 3, 6, 5), "deep": (1, 4, 3, 2)}
    return {layer: torch.randn(shape, generator=generator, dtype=dtype) for layer, shape in shapes.items()}


def statistics(loss: str, seed: int) -> dict[str, torch.Tensor]:
    return {layer: LOSSES[loss].statistic(tensor) for layer, tensor in features(seed).items()}


def test_relative_squared_error_is_0_for_equal_and_1_for_nothing() -> None:
    target = torch.randn(2, 3)
    assert relative_squared_error(target, target) == 0
    assert relative_squared_error(torch.zeros(2, 3), target).item() == pytest.approx(1)
    assert relative_squared_error(3 * target, target).item() == pytest.approx(4)


def test_relative_squared_error_has_no_unit() -> None:
    value, target = torch.randn(4, 4), torch.randn(4, 4)
    assert relative_squared_error(1e3 * value, 1e3 * target).item() == pytest.approx(
        relative_squared_error(value, target).item(), rel=1e-5
    )


def test_a_target_of_zeros_gives_a_finite_distance() -> None:
    assert math.isfinite(relative_squared_error(torch.ones(3, 3), torch.zeros(3, 3)))
    assert relative_squared_error(torch.zeros(3, 3), torch.zeros(3, 3)) == 0


def test_content_distance_by_hand() -> None:
    assert content_distance(torch.tensor([[[[1.0, 4.0]]]]), torch.tensor([[[[3.0, 4.0]]]])).item() == pytest.approx(4 / 25)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_style_loss_is_zero_at_the_style_and_positive_elsewhere(loss: str) -> None:
    own, other = statistics(loss, 0), statistics(loss, 1)
    assert style_distance(LOSSES[loss], features(0), [own], LAYERS, [1.0]) == 0
    assert style_distance(LOSSES[loss], features(0), [other], LAYERS, [1.0]) > 0


@pytest.mark.parametrize("loss", LOSSES)
def test_every_style_loss_has_the_right_gradient(loss: str) -> None:
    targets = statistics(loss, 1)

    def distance(shallow: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        return style_distance(LOSSES[loss], {"shallow": shallow, "deep": deep}, [targets], LAYERS, [1.0])

    assert torch.autograd.gradcheck(distance, [tensor.requires_grad_() for tensor in features(0).values()])


@pytest.mark.parametrize("loss", LOSSES)
def test_every_style_loss_has_a_name_without_spaces(loss: str) -> None:
    assert loss == loss.strip().lower()
    assert " " not in loss


def test_only_proportions_of_weights_count() -> None:
    targets = [statistics("gram", 1), statistics("gram", 2)]
    once = style_distance(LOSSES["gram"], features(0), targets, LAYERS, [1.0, 2.0])
    tenfold = style_distance(
        LOSSES["gram"], features(0), targets, {layer: 10 * weight for layer, weight in LAYERS.items()}, [10.0, 20.0]
    )
    torch.testing.assert_close(once, tenfold)


def test_weights_make_a_weighted_mean() -> None:
    gram = LOSSES["gram"]
    alone = {
        layer: style_distance(gram, features(0), [statistics("gram", 1)], {layer: 1.0}, [1.0]) for layer in LAYERS
    }  # fmt: skip
    together = style_distance(gram, features(0), [statistics("gram", 1)], LAYERS, [1.0])
    torch.testing.assert_close(together, (alone["shallow"] + 3 * alone["deep"]) / 4)


def test_two_styles_pull_towards_the_mean_of_their_gram_matrices() -> None:
    statistic, distance = LOSSES["gram"]
    first, second = statistics("gram", 1)["deep"], statistics("gram", 2)["deep"]
    second = second * first.norm() / second.norm()  # of one norm, so that their relative distances weigh the same
    value = features(0)["deep"].requires_grad_()
    apart = style_distance(LOSSES["gram"], {"deep": value}, [{"deep": first}, {"deep": second}], {"deep": 1.0}, [3, 1])
    mean = (3 * first + second) / 4
    merged = distance(statistic(value), mean) * mean.square().sum() / first.square().sum()
    (expected,), (found,) = torch.autograd.grad(merged, value), torch.autograd.grad(apart, value)
    torch.testing.assert_close(found, expected)


def test_total_variation_of_flat_ramp_and_checkerboard() -> None:
    assert total_variation(torch.full((1, 3, 5, 7), 0.4)) == 0
    ramp = torch.arange(8.0).view(1, 1, 1, 8).expand(1, 3, 5, 8) / 10
    assert total_variation(ramp).item() == pytest.approx(7 / 8 * 0.01)
    board = (torch.arange(4).view(4, 1) + torch.arange(4)) % 2
    assert total_variation(board.float().view(1, 1, 4, 4)).item() == pytest.approx(24 / 16)


def test_total_variation_does_not_care_about_direction() -> None:
    image = torch.rand(1, 3, 6, 9)
    for turned in (image.flip(2), image.flip(3), image.transpose(2, 3)):
        torch.testing.assert_close(total_variation(turned), total_variation(image))


def test_gradient_of_total_variation_is_right() -> None:
    assert torch.autograd.gradcheck(total_variation, torch.rand(1, 3, 4, 5, dtype=torch.float64, requires_grad=True))
