"""Distances and smoothness: zero where they must be, scale-free where they say so, right in their gradients."""

from __future__ import annotations

import math
from typing import get_args

import pytest
import torch

from alebrije.config import build
from alebrije.style.config import StylizeConfig
from alebrije.style.families.parts import StyleLoss, relative_squared_error
from alebrije.style.losses import (
    COOCCURRENCE_FORMS,
    LOSSES,
    Target,
    chosen_loss,
    content_distance,
    cooccurrence,
    style_distance,
    target,
    total_variation,
)

LAYERS = {"shallow": 1.0, "deep": 3.0}


def features(seed: int = 0, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"shallow": (1, 3, 6, 5), "deep": (1, 4, 3, 2)}
    return {layer: torch.randn(shape, generator=generator, dtype=dtype) for layer, shape in shapes.items()}


def targets(loss: str, seed: int) -> dict[str, Target]:
    return {layer: target(LOSSES[loss], tensor) for layer, tensor in features(seed).items()}


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
    own, other = targets(loss, 0), targets(loss, 1)
    assert style_distance(LOSSES[loss], features(0), [own], LAYERS, [1.0]).item() == pytest.approx(0, abs=1e-12)
    assert style_distance(LOSSES[loss], features(0), [other], LAYERS, [1.0]) > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_every_style_loss_is_about_1_for_nothing_at_all(loss: str) -> None:
    nothing = {layer: torch.zeros_like(tensor) for layer, tensor in features(0).items()}
    distance = style_distance(LOSSES[loss], nothing, [targets(loss, 0)], LAYERS, [1.0]).item()
    above = {"wasserstein": 0.07, "cooccurrence": 2}.get(loss, 0)  # the rings are counted in units of the first one
    assert 1 - 1e-5 - 0.07 * (loss == "wasserstein") < distance < 1 + 1e-5 + above


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("factor", [0.1, 30.0])
def test_no_style_loss_has_a_unit(loss: str, factor: float) -> None:
    """Networks and layers whose features are all so many times larger give the same distances."""
    value, style = features(0)["shallow"], features(1)["shallow"]
    distances = [distance(LOSSES[loss], size * value, size * style) for size in (1.0, factor)]
    torch.testing.assert_close(distances[1], distances[0], rtol=1e-3, atol=0)


@pytest.mark.parametrize("loss", LOSSES)
def test_content_and_style_may_have_different_sizes_and_formats(loss: str) -> None:
    generator = torch.Generator().manual_seed(2)
    style = torch.rand(1, 6, 40, 9, generator=generator)
    for shape in [(1, 6, 5, 31), (1, 6, 1, 40), (1, 6, 40, 1), (1, 6, 1, 1)]:
        for kind in (torch.float32, torch.bfloat16):
            value = torch.rand(shape, generator=generator).to(kind).requires_grad_()
            found = distance(LOSSES[loss], value, style.to(kind))
            assert found.dtype == torch.float32
            assert found > 0
            (gradient,) = torch.autograd.grad(found, value)
            assert gradient.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_black_pictures_and_dead_channels_give_finite_distances_and_gradients(loss: str) -> None:
    lively, dead = torch.rand(1, 4, 6, 6), torch.zeros(1, 4, 6, 6)
    half = lively * torch.tensor([1.0, 0, 0, 1]).view(1, 4, 1, 1)
    for style in (lively, dead, half):
        for value in (lively.flip(2), dead, half.flip(3)):
            value = value.clone().requires_grad_()
            found = distance(LOSSES[loss], value, style)
            (gradient,) = torch.autograd.grad(found, value)
            assert found.isfinite()
            assert gradient.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_style_losses_forget_where_things_are_but_for_those_that_look_around(loss: str) -> None:
    value, style = features(0)["shallow"], features(1)["shallow"]
    shuffled = value.flatten(2)[:, :, torch.randperm(30, generator=torch.Generator().manual_seed(3))].view_as(value)
    before, after = distance(LOSSES[loss], value, style), distance(LOSSES[loss], shuffled, style)
    assert torch.allclose(before, after) == (loss not in {"shifted", "cooccurrence"})


@pytest.mark.parametrize("loss", sorted(LOSSES.keys() - {"sliced"}))
def test_the_order_of_channels_does_not_matter(loss: str) -> None:
    """The sliced loss has its own directions for its own channels; its test permutes these too."""
    value, style = features(0)["deep"], features(1)["deep"]
    order = torch.tensor([2, 0, 3, 1])
    torch.testing.assert_close(distance(LOSSES[loss], value[:, order], style[:, order]), distance(LOSSES[loss], value, style))


@pytest.mark.parametrize("loss", sorted(LOSSES.keys() - {"shifted", "cooccurrence", "contextual", "mmd-gaussian"}))
def test_a_picture_twice_over_has_the_style_that_it_had(loss: str) -> None:
    """The exceptions: new neighbours arise, or another sample of positions."""
    value, style = features(0)["shallow"], features(1)["shallow"]
    tiled = value.repeat(1, 1, 2, 3)
    torch.testing.assert_close(distance(LOSSES[loss], tiled, style), distance(LOSSES[loss], value, style))


def distance(loss: StyleLoss, value: torch.Tensor, style: torch.Tensor) -> torch.Tensor:
    return style_distance(loss, {"layer": value}, [{"layer": target(loss, style)}], {"layer": 1.0}, [1.0])


@pytest.mark.parametrize("loss", LOSSES)
def test_every_style_loss_has_the_right_gradient(loss: str) -> None:
    style = targets(loss, 1)

    def measured(shallow: torch.Tensor, deep: torch.Tensor) -> torch.Tensor:
        return style_distance(LOSSES[loss], {"shallow": shallow, "deep": deep}, [style], LAYERS, [1.0])

    assert torch.autograd.gradcheck(measured, [tensor.requires_grad_() for tensor in features(0).values()])


@pytest.mark.parametrize("loss", LOSSES)
def test_every_style_loss_has_a_name_without_spaces(loss: str) -> None:
    assert loss == loss.strip().lower()
    assert " " not in loss


def test_only_proportions_of_weights_count() -> None:
    styles = [targets("gram", 1), targets("gram", 2)]
    once = style_distance(LOSSES["gram"], features(0), styles, LAYERS, [1.0, 2.0])
    tenfold = style_distance(
        LOSSES["gram"], features(0), styles, {layer: 10 * weight for layer, weight in LAYERS.items()}, [10.0, 20.0]
    )
    torch.testing.assert_close(once, tenfold)


def test_weights_make_a_weighted_mean() -> None:
    gram = LOSSES["gram"]
    alone = {
        layer: style_distance(gram, features(0), [targets("gram", 1)], {layer: 1.0}, [1.0]) for layer in LAYERS
    }  # fmt: skip
    together = style_distance(gram, features(0), [targets("gram", 1)], LAYERS, [1.0])
    torch.testing.assert_close(together, (alone["shallow"] + 3 * alone["deep"]) / 4)


def test_two_styles_pull_towards_the_mean_of_their_gram_matrices() -> None:
    gram = LOSSES["gram"]
    first, second = (target(gram, features(seed)["deep"]).statistic for seed in (1, 2))
    assert isinstance(first, torch.Tensor)
    assert isinstance(second, torch.Tensor)
    second = second * first.norm() / second.norm()  # of one norm, so that their relative distances weigh the same
    value = features(0)["deep"].requires_grad_()
    styles = [{"deep": Target((), first)}, {"deep": Target((), second)}]
    apart = style_distance(gram, {"deep": value}, styles, {"deep": 1.0}, [3, 1])
    mean = (3 * first + second) / 4
    merged = gram.distance(gram.statistic(value, ()), mean) * mean.square().sum() / first.square().sum()
    (expected,), (found,) = torch.autograd.grad(merged, value), torch.autograd.grad(apart, value)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_two_styles_are_the_mean_of_each_alone(loss: str) -> None:
    """Also where the statistic of the picture differs from style to style."""
    styles = [targets(loss, 1), targets(loss, 2)]
    alone = [style_distance(LOSSES[loss], features(0), [style], LAYERS, [1.0]) for style in styles]
    together = style_distance(LOSSES[loss], features(0), styles, LAYERS, [1.0, 3.0])
    torch.testing.assert_close(together, (alone[0] + 3 * alone[1]) / 4)


@pytest.mark.parametrize("form", COOCCURRENCE_FORMS)
def test_the_settings_choose_a_form_of_the_cooccurrence(form: str) -> None:
    settings = {"loss": "cooccurrence", "form": form, "radius": 1, "threshold": 0.2, "radii": [0, 1]}
    settings |= {"scaled": True, "gate": True, "width": 2.0}
    value, style = features(0)["shallow"], features(1)["shallow"]
    found = distance(chosen_loss(build(StylizeConfig, settings)), value, style)
    torch.testing.assert_close(found, distance(cooccurrence(form, 1, 0.2, (0, 1), True, True, 2.0), value, style))
    assert found > 0


def test_every_form_and_loss_is_known_to_the_settings() -> None:
    assert get_args(StylizeConfig.model_fields["form"].annotation) == COOCCURRENCE_FORMS
    description = str(StylizeConfig.model_fields["loss"].description)
    assert description.rpartition(": ")[2].split(", ") == list(LOSSES)


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
