"""Mixtures: densities and fits against scikit-learn's, and the choice by held-out likelihood."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from alebrije.autoencoder.sampling import components
from alebrije.autoencoder.sampling.gaussian import fit_gaussian
from alebrije.autoencoder.sampling.gaussian import log_density as gaussian_density
from alebrije.autoencoder.sampling.mixture import fit_mixture, log_density
from alebrije.errors import DataError


def clouds(count: int, seed: int = 0) -> Tensor:
    """Points of three long, tilted clouds in the plane."""
    generator = torch.Generator().manual_seed(seed)
    tilt = torch.tensor([[1.5, 1.2], [0, 0.3]])
    middles = torch.tensor([[0.0, 0], [8, 0], [0, 9]])
    places = torch.randint(3, (count,), generator=generator)
    return torch.randn(count, 2, generator=generator) @ tilt + middles[places]


@pytest.mark.parametrize("diagonal", [False, True])
def test_densities_are_scikit_learns(diagonal: bool) -> None:
    points = clouds(300)
    ours = fit_mixture(points, 3, diagonal, torch.Generator().manual_seed(0))
    theirs = GaussianMixture(3, covariance_type="full")
    theirs.weights_, theirs.means_ = ours.weights.numpy(), ours.means.numpy()
    theirs.precisions_cholesky_ = torch.linalg.inv(ours.factors).mT.numpy()
    assert np.allclose(log_density(ours, points).numpy(), theirs.score_samples(points.double().numpy()), atol=1e-6)


@pytest.mark.parametrize("diagonal", [False, True])
def test_the_fit_is_as_likely_as_scikit_learns(diagonal: bool) -> None:
    points, others = clouds(600), clouds(600, 1)
    ours = fit_mixture(points, 3, diagonal, torch.Generator().manual_seed(0))
    kind = "diag" if diagonal else "full"
    theirs = GaussianMixture(3, covariance_type=kind, n_init=3, random_state=0).fit(points.double().numpy())
    assert float(log_density(ours, others).mean()) == pytest.approx(theirs.score(others.double().numpy()), abs=0.02)


def test_one_full_component_is_the_gaussian() -> None:
    points = clouds(500)
    one = fit_mixture(points, 1, False, torch.Generator().manual_seed(0))
    assert torch.allclose(log_density(one, points), gaussian_density(fit_gaussian(points), points), atol=0.02)


def test_points_that_are_all_the_same_make_no_trouble() -> None:
    one = fit_mixture(torch.ones(30, 3), 4, False, torch.Generator().manual_seed(0))
    assert torch.isfinite(log_density(one, torch.ones(2, 3))).all()


def lifted(points: Tensor, noise: float, seed: int) -> Tensor:
    """Points of the plane in ten dimensions, with a little noise in all of them."""
    basis = torch.linalg.qr(torch.randn(10, 2, generator=torch.Generator().manual_seed(7)))[0]
    return points @ basis.T + noise * torch.randn(len(points), 10, generator=torch.Generator().manual_seed(seed))


def test_the_clouds_are_found_and_the_choice_is_likelier_than_one_gaussian() -> None:
    codes, held_out = lifted(clouds(900), 0.05, 1), lifted(clouds(400, 3), 0.05, 2)
    tensors, chosen = components.fit(codes, held_out, seed=0)
    assert chosen["components"] in (2, 4, 8)  # of the numbers tried three lies between two
    assert chosen["dimensions"] == 2
    plain = float(gaussian_density(fit_gaussian(codes), held_out).mean())
    assert chosen["held_out_nats"] > plain + 0.5
    assert float(components.density(tensors, held_out).mean()) == pytest.approx(chosen["held_out_nats"], abs=1e-3)


def test_the_density_of_the_split_code_sums_to_one() -> None:
    codes = torch.randn(200, 2) @ torch.tensor([[2.0, 0.3], [0, 0.2]])
    mean, basis, variances = components._principal(codes)
    inner = fit_mixture((codes.double() - mean) @ basis[:, :1], 2, False, torch.Generator().manual_seed(0))
    tensors = components._pack(mean, basis[:, :1], inner, float(variances[1]))
    axis = torch.linspace(-12, 12, 400)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="ij"), -1).view(-1, 2)
    total = components.density(tensors, grid).exp().sum() * (axis[1] - axis[0]) ** 2
    assert float(total) == pytest.approx(1, abs=0.01)


def test_drawn_codes_have_the_moments_and_truncation_brings_them_nearer() -> None:
    codes = lifted(clouds(2000), 0.3, 1)
    tensors, _ = components.fit(codes, lifted(clouds(300, 3), 0.3, 2), seed=0)
    drawn = components.draw(tensors, 20000, torch.Generator().manual_seed(0))
    assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.25)
    assert torch.allclose(drawn.T.cov(), codes.T.cov(), atol=0.6)
    again = components.draw(tensors, 20000, torch.Generator().manual_seed(0))
    assert torch.equal(drawn, again)
    likelier = components.density(tensors, components.draw(tensors, 2000, torch.Generator().manual_seed(0), 0.5))
    assert likelier.mean() > components.density(tensors, drawn[:2000]).mean()


def test_more_dimensions_than_codes() -> None:
    codes = torch.randn(30, 60)
    tensors, chosen = components.fit(codes, torch.randn(20, 60), seed=0)
    assert chosen["dimensions"] <= 29
    assert torch.isfinite(components.draw(tensors, 5, torch.Generator())).all()
    with pytest.raises(DataError, match="cannot be chosen"):
        components.fit(codes[:19], codes, seed=0)
