"""Variational autoencoders: the divergence and the likelihoods against torch.distributions, the network, and a training."""

from __future__ import annotations

import gzip
import json
import math
import struct
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from alebrije import events, steps
from alebrije.autoencoder.config import VariationalConfig
from alebrije.autoencoder.learning import Task, codes, plan, untouched
from alebrije.autoencoder.nets.variational import VariationalAutoencoder, draw_code
from alebrije.autoencoder.sampling import kept
from alebrije.autoencoder.variational import LIKELIHOODS, bernoulli, divergence, gaussian, objective
from alebrije.core.generating import GenerateConfig
from alebrije.core.tensorfiles import read_safetensors
from alebrije.errors import ConfigError
from alebrije.runs import Run

TINY = {"epochs": 2, "batch_size": 32, "width": 4, "hidden": 16, "latent_dim": 3, "validation": 60, "precision": "fp32",
        "device": "cpu"}  # fmt: skip


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """A data set in MNIST's format: bright rectangles on dark, 8x12 pixels."""
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 30, (300, 8, 12), generator=generator)
    for image, (left, top) in zip(images, torch.randint(0, 6, (300, 2), generator=generator).tolist()):
        image[top % 4 : top % 4 + 3, left : left + 4] = 250
    (tmp_path / "bars").mkdir()
    for split in ("train", "t10k"):
        for name, data in (("images-idx3", images), ("labels-idx1", torch.zeros(300))):
            head = struct.pack(f">BBBB{data.ndim}I", 0, 0, 8, data.ndim, *data.shape)
            with gzip.open(tmp_path / "bars" / f"{split}-{name}-ubyte.gz", "wb") as file:
                file.write(head + data.to(torch.uint8).numpy().tobytes())
    return tmp_path / "bars"


@pytest.mark.parametrize(("shape", "inner"), [((1, 28, 28), (32, 7, 7)), ((3, 64, 64), (128, 4, 4)), ((3, 64, 96), (128, 4, 6))])
def test_the_network_halves_while_it_can_and_comes_back(shape: tuple[int, int, int], inner: tuple[int, int, int]) -> None:
    network = VariationalAutoencoder(shape, 5, 16, 32)
    images = torch.rand(2, *shape)
    mean, log_variance = network.posterior(images)
    assert mean.shape == log_variance.shape == network.encode(images).shape == (2, 5)
    assert network.decoder[3].unflattened_size == inner
    assert network(images).shape == images.shape
    assert float(network(images).detach().min()) > 0
    with pytest.raises(ConfigError, match="multiples of 4"):
        VariationalAutoencoder((1, 30, 28))


def test_the_divergence_is_that_of_torch_distributions() -> None:
    mean, log_variance = torch.randn(6, 4), torch.randn(6, 4)
    wanted = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
    assert torch.allclose(divergence(mean, log_variance), wanted, atol=1e-5)
    assert float(divergence(torch.zeros(1, 1), torch.zeros(1, 1))) == 0


def test_likelihoods_are_those_of_torch_distributions() -> None:
    logits, clean = torch.randn(5, 1, 4, 4), (torch.rand(5, 1, 4, 4) > 0.5).float()
    coins = -torch.distributions.Bernoulli(logits=logits).log_prob(clean).flatten(1).sum(1)
    assert torch.allclose(bernoulli(logits, clean), coins, atol=1e-4)
    grey = torch.rand(5, 1, 4, 4)
    spread = (torch.sigmoid(logits) - grey).square().mean().sqrt()
    wanted = -Normal(torch.sigmoid(logits), spread).log_prob(grey).flatten(1).sum(1)
    assert torch.allclose(gaussian(logits, grey), wanted, atol=1e-3)


def test_the_variance_that_fits_is_the_likeliest() -> None:
    logits, clean = torch.randn(5, 1, 4, 4), torch.rand(5, 1, 4, 4)
    best = float(gaussian(logits, clean).mean())
    spread = float((torch.sigmoid(logits) - clean).square().mean().sqrt())
    for other in (0.8 * spread, 1.2 * spread):
        assert best < float(-Normal(torch.sigmoid(logits), other).log_prob(clean).flatten(1).sum(1).mean())


def test_codes_have_the_posteriors_moments() -> None:
    mean, log_variance = torch.tensor([[1.0, -2.0]]), torch.tensor([[0.0, math.log(4.0)]])
    drawn = draw_code(mean.expand(40000, -1), log_variance.expand(40000, -1), torch.Generator().manual_seed(0))
    assert torch.allclose(drawn.mean(0), mean[0], atol=0.05)
    assert torch.allclose(drawn.std(0), torch.tensor([1.0, 2.0]), atol=0.05)


def loss(step: int = 0, **settings: float) -> tuple[float, dict[str, float]]:
    """The objective of one batch, by a network and noise that are always the same."""
    torch.manual_seed(1)
    network = VariationalAutoencoder((1, 8, 8), 4, 4, 8)
    images = torch.rand(16, 1, 8, 8)
    torch.manual_seed(2)
    found, terms = objective(VariationalConfig(**settings), epoch=10)(network, images, images, step)
    return float(found.detach()), {name: float(value.detach()) for name, value in terms.items()}


def test_the_bound_is_likelihood_and_divergence_weighed_by_beta() -> None:
    one, terms = loss(beta=1)
    two, _ = loss(beta=2)
    assert (two - one) * 64 == pytest.approx(terms["kl"], rel=1e-3)
    assert "kl" not in loss(beta=0)[1]


def test_beta_grows_while_it_warms_up() -> None:
    whole, none = loss(beta=1)[0], loss(beta=1e-9)[0]
    for step, share in ((0, 0.05), (9, 0.5), (19, 1.0), (100, 1.0)):
        assert loss(step, beta=1, warmup=2)[0] == pytest.approx(none + share * (whole - none), rel=1e-4)


def test_free_bits_are_not_charged() -> None:
    one, terms = loss(beta=1)
    free = loss(beta=1, free_bits=5.0)[0]
    assert terms["kl"] < 20
    assert (free - one) * 64 == pytest.approx(4 * 5.0 - terms["kl"], rel=1e-3)
    with pytest.raises(ConfigError, match="unknown likelihood"):
        loss(likelihood="poisson")  # type: ignore[arg-type]


def test_a_batch_can_be_learnt_by_heart() -> None:
    for name in LIKELIHOODS:
        torch.manual_seed(0)
        network, images = VariationalAutoencoder((1, 8, 8), 4, 8, 32), (torch.rand(4, 1, 8, 8) > 0.5).float()
        optimizer = torch.optim.Adam(network.parameters(), 0.01)
        compute = objective(VariationalConfig(likelihood=name, beta=0.0), epoch=1)
        before = float((network(images) - images).square().mean().detach())
        for _ in range(150):
            optimizer.zero_grad()
            compute(network, images, images, 0)[0].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        assert float((network(images) - images).square().mean().detach()) < 0.5 * before


@pytest.mark.parametrize("beta", [0.0, 1.0])
def test_a_training_keeps_its_samplers_and_draws_new_pictures(beta: float, bars: Path, tmp_path: Path) -> None:
    heard = list(steps.train("autoencoder/vae", run=tmp_path / "run", data=str(bars), beta=beta, **TINY))
    assert isinstance(heard[-1], events.Done)
    assert set(heard[-1].result.report["metrics"]) == {"train_mse", "validation_mse", "test_mse"}
    columns = set(Run(tmp_path / "run").metrics()) - {"step", "epoch", "seconds"}
    assert columns == {"train_mse", "validation_mse", "test_mse", *(["train_kl"] if beta else [])}
    model = tmp_path / "run" / "model.safetensors"
    with safe_open(model, "pt") as file:
        notes = json.loads(file.metadata()["samplers"])
        assert json.loads(file.metadata()["shape"]) == [1, 8, 12]
    tensors, _ = read_safetensors(model)
    wanted = {"gaussian", "ledoit-wolf", "pca-mixture"} | ({"prior"} if beta else set())
    assert set(kept.samplers_of(tensors)) == set(notes) == wanted
    VariationalAutoencoder((1, 8, 12), 3, 4, 16).load_state_dict(kept.weights_of(tensors))

    moved = tmp_path / "shared.safetensors"  # all that is needed lies in the one file
    moved.write_bytes(model.read_bytes())
    drawn = events.last(steps.generate(moved, count=7))
    assert drawn.images.shape == (7, 1, 8, 12)
    assert drawn.report["sampler"] == max(notes, key=lambda name: notes[name]["held_out_nats"])
    calm, wild = (events.last(steps.generate(moved, count=60, sampler="gaussian", truncation=t)).images for t in (0.2, 1.0))
    assert calm.std(0).mean() < wild.std(0).mean()
    if not beta:
        with pytest.raises(ConfigError, match="unknown sampler prior"):
            next(steps.generate(moved, sampler="prior"))


def test_codes_of_a_variational_one_are_drawn_and_the_seed_decides(bars: Path) -> None:
    network = VariationalAutoencoder((1, 8, 12), 3, 4, 16)

    def encode(given: Tensor, generator: torch.Generator) -> Tensor:
        return draw_code(*network.posterior(given), generator)

    task, images = Task(network, {}, untouched, encode=encode), torch.randint(0, 255, (5, 1, 8, 12), dtype=torch.uint8)
    assert torch.equal(codes(task, images, 3), codes(task, images, 3))
    assert not torch.equal(codes(task, images, 3), codes(task, images, 4))


def test_a_folder_of_pictures_or_drawn_creatures(tmp_path: Path) -> None:
    small = TINY | {"pictures": 30, "size": 16, "epochs": 1}
    list(steps.train("autoencoder/vae", run=tmp_path / "run", data=None, **small))
    assert events.last(steps.generate(tmp_path / "run", count=2)).images.shape == (2, 3, 16, 16)


def test_settings_are_checked() -> None:
    assert plan(VariationalConfig(), 55_000)[0].steps == 10 * (55_000 // 256)
    with pytest.raises(ValueError, match="truncation"):
        GenerateConfig(truncation=1.5)
