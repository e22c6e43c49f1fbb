"""Cutting a small network out of a large one: exact where the small one can do it all, closed forms elsewhere."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from alebrije import features
from alebrije.features.pruning import equalize, fit_convolution, fit_projection, patches, pivots, prune

LAYERS = ("relu1_1", "relu1_2", "relu2_1")


def test_patches_are_unfolds() -> None:
    x, at = torch.randn(2, 5, 7, 9), torch.randperm(63)[:20]
    expected = F.unfold(x, kernel_size=3, padding=1)[:, :, at].transpose(1, 2).flatten(0, 1)
    assert torch.equal(patches(x, at), expected)


def test_a_convolution_is_found_again_from_its_inputs_and_outputs() -> None:
    original, fitted = nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(4, 6, 3, padding=1)
    inputs = [torch.randn(4, 4, 16, 16) for _ in range(4)]
    with torch.no_grad():
        fit_convolution(fitted, inputs, (original(x) for x in inputs))
    assert torch.allclose(fitted.weight, original.weight, atol=1e-3)
    assert torch.allclose(fitted.bias, original.bias, atol=1e-3)


def test_a_projection_is_found_again() -> None:
    x, matrix = torch.randn(2, 4, 8, 8), torch.randn(6, 4)
    y = torch.einsum("dc,bchw->bdhw", matrix, x)
    assert torch.allclose(fit_projection(x, y)[:, :, 0, 0], matrix, atol=1e-2)


def test_pivots_leave_out_the_channels_that_others_explain() -> None:
    basis = torch.randn(3, 100)
    channels = torch.stack([basis[0], 2 * basis[0], basis[1], 3 * basis[2], basis[0] + basis[1], basis[2]])
    kept = pivots(channels @ channels.T, 3)
    assert torch.linalg.matrix_rank(channels[kept]) == 3
    assert {1, 3} <= set(kept.tolist())  # the strongest of each kind


@pytest.mark.parametrize("pooling", ["max", "avg"])
def test_a_student_as_wide_as_its_teacher_becomes_its_equal(pooling: str) -> None:
    teacher = features.build("compact", None, LAYERS, pooling=pooling)
    student = features.build("compact", None, LAYERS, pooling=pooling)
    with torch.no_grad():
        prune(student, teacher, {layer: layer for layer in LAYERS}, torch.rand(64, 3, 32, 32))
    pictures = torch.rand(2, 3, 32, 32)
    expected, found = teacher(pictures), student(pictures)
    for layer in LAYERS:
        assert float((found[layer] - expected[layer]).norm() / expected[layer].norm()) < 0.05, layer


def test_equalized_layers_have_mean_one_and_point_where_they_did() -> None:
    network, pictures = features.build("compact", None, LAYERS, pooling="avg"), torch.rand(4, 3, 32, 32)
    for parameter in network.parameters():
        parameter.mul_(3).add_(0.01)
    before = network(pictures)
    equalize(network, pictures)
    for layer, tap in network(pictures).items():
        assert float(tap.mean()) == pytest.approx(1, rel=1e-3)
        assert torch.allclose(tap, before[layer] / before[layer].mean(), rtol=1e-3, atol=1e-3)
