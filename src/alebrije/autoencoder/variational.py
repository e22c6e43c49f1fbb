"""What a variational autoencoder learns, and its plain twin, which differs in nothing but that its code is a number.

With q(z|x) = N(mean(x), variance(x)), what the encoder says, and p(z) = N(0, 1), training minimises

    -E_q log p(x|z) + beta KL(q(z|x) | p(z))

Kingma, Welling, "Auto-Encoding Variational Bayes", ICLR 2014, equations 3 and 10 (beta 1);
Higgins et al., "beta-VAE", ICLR 2017, equation 4. With `beta: 0` the code is the mean, without noise, and nothing is asked
of it: the plain autoencoder of the same weights, to whose codes the other samplers are fitted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.config import VariationalConfig
from alebrije.autoencoder.learning import Objective
from alebrije.autoencoder.nets.variational import VariationalAutoencoder, draw_code
from alebrije.config import choose


def bernoulli(logits: Tensor, clean: Tensor) -> Tensor:
    """-log p(x|z) of each picture [B], each pixel a coin whose chance of 1 is the sigmoid; greys count as shares of coins.

    The paper's for MNIST (appendix C.1). Of grey pictures it is no likelihood, but it is least at the right grey as well.
    """
    return F.binary_cross_entropy_with_logits(logits, clean, reduction="none").flatten(1).sum(1)


def gaussian(logits: Tensor, clean: Tensor) -> Tensor:
    """-log p(x|z) of each picture [B], pixels normal around the sigmoid with the one variance that fits the batch best.

    Rybkin, Daniilidis, Levine, "Simple and effective VAE training with calibrated decoders", ICML 2021, section 4.2: with
    a fixed variance its value would stand for beta. Gradients do flow through the variance.
    """
    errors = (torch.sigmoid(logits) - clean).square().flatten(1)
    variance = errors.mean().clamp_min(1e-6)
    return errors.sum(1) / (2 * variance) + errors.shape[1] / 2 * (2 * math.pi * variance).log()


LIKELIHOODS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"bernoulli": bernoulli, "gaussian": gaussian}


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(q | p) of each number of the code in nats, [B, D]: appendix B of the paper."""
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def objective(config: VariationalConfig, epoch: int) -> Objective:
    """The loss of one batch, in nats a pixel; beta grows from 0 over `warmup` epochs of `epoch` steps each.

    `free_bits`: what KL of each number, averaged over the batch, is not counted below (Kingma et al., "Improved variational
    inference with inverse autoregressive flow", NeurIPS 2016, equation 15; in nats, for each number by itself).
    Raises `ConfigError` for an unknown likelihood.
    """
    likelihood = LIKELIHOODS[choose("likelihood", config.likelihood, LIKELIHOODS)]

    def compute(network: nn.Module, given: Tensor, clean: Tensor, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        assert isinstance(network, VariationalAutoencoder)
        mean, log_variance = network.posterior(given)
        logits = network.logits(draw_code(mean, log_variance) if config.beta else mean)
        parts = divergence(mean, log_variance).mean(0)
        beta = config.beta * min(1.0, (step + 1) / (config.warmup * epoch)) if config.warmup else config.beta
        bound = likelihood(logits, clean).mean() + beta * parts.clamp_min(config.free_bits).sum()
        terms = {"mse": F.mse_loss(torch.sigmoid(logits), clean)} | ({"kl": parts.sum()} if config.beta else {})
        return bound / clean[0].numel(), terms

    return compute
