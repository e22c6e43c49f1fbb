"""Codes from a Gaussian: moments, and Ledoit and Wolf's covariance against scikit-learn's."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import multivariate_normal
from sklearn.covariance import ledoit_wolf

from alebrije.autoencoder.sampling import gaussian
from alebrije.errors import DataError

SKEWED = torch.tensor([[2.0, 0, 0], [1, 0.5, 0], [0, -1, 0.1]])


@pytest.mark.parametrize("smaller", [False, True])
def test_drawn_codes_have_the_moments_of_the_given_ones(smaller: bool) -> None:
    codes = torch.randn(400, 3) @ SKEWED + torch.tensor([1.0, -2, 3])
    fitted = gaussian.fit_gaussian(codes)
    fitted = gaussian.reduced(fitted) if smaller else fitted
    assert len(fitted.factor) == (3 if smaller else 400)
    drawn = gaussian.draw(fitted, 60000, torch.Generator().manual_seed(0))
    assert torch.allclose(drawn.mean(0), codes.mean(0), atol=0.05)
    assert torch.allclose(drawn.T.cov(), codes.T.cov(), atol=0.12)


@pytest.mark.parametrize("smaller", [False, True])
def test_fewer_codes_than_dimensions_are_enough_and_nothing_leaves_their_span(smaller: bool) -> None:
    codes = torch.randn(5, 40)
    fitted = gaussian.fit_gaussian(codes)
    drawn = gaussian.draw(gaussian.reduced(fitted) if smaller else fitted, 30)
    basis = (codes - codes.mean(0)).T
    centred = (drawn - codes.mean(0)).T
    rest = centred - basis @ torch.linalg.lstsq(basis, centred, driver="gelsd").solution
    assert rest.abs().max() < 1e-4
    with pytest.raises(DataError, match="at least 2"):
        gaussian.fit_gaussian(codes[:1])


@pytest.mark.parametrize(("count", "dimensions"), [(10, 30), (40, 30), (3000, 8)])
def test_the_shrunk_covariance_is_scikit_learns(count: int, dimensions: int) -> None:
    codes = torch.randn(count, dimensions) * torch.linspace(0.2, 3, dimensions) + 5
    wanted, amount = ledoit_wolf(codes.double().numpy())
    fitted, found = gaussian.fit_ledoit_wolf(codes)
    assert found == pytest.approx(amount, rel=1e-4)
    assert torch.allclose((fitted.factor.T @ fitted.factor).double(), torch.from_numpy(wanted), atol=1e-4)


def test_with_few_codes_the_shrunk_one_is_likelier_to_give_the_others() -> None:
    codes = torch.randn(2000, 20) @ torch.randn(20, 20)
    few, others = codes[:40], codes[40:]
    plain = gaussian.log_density(gaussian.fit_gaussian(few), others).mean()
    shrunk = gaussian.log_density(gaussian.fit_ledoit_wolf(few)[0], others).mean()
    assert shrunk > plain + 1


def test_densities_are_scipys() -> None:
    codes = torch.randn(200, 3) @ SKEWED
    fitted = gaussian.fit_gaussian(codes)
    wanted = multivariate_normal(fitted.mean.double().numpy(), codes.double().T.cov().numpy()).logpdf(codes.double().numpy())
    assert torch.allclose(gaussian.log_density(fitted, codes), torch.from_numpy(wanted), rtol=1e-4)
    assert gaussian.log_density(gaussian.fit_gaussian(codes[:3]), codes).max() == -torch.inf
