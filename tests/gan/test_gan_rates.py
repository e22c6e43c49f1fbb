"""Even rates: with Adam they are what scaling weights at run time is."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.gan.config import R3Config
from alebrije.gan.preparing import evened, optimizer

RATE, STEPS = 0.01, 8


class Twin(nn.Module):
    """A convolution and a linear layer whose weights are kept about 1 and scaled by 1 / sqrt(fan in) when they are used: Karras
    et al. 2018, section 4.1."""

    def __init__(self, plain: nn.Sequential) -> None:
        super().__init__()
        self.scales = [1 / math.sqrt(plain[0].weight[0].numel()), 1 / math.sqrt(plain[3].weight[0].numel())]
        self.weights = nn.ParameterList([plain[i].weight.detach() / scale for i, scale in zip((0, 3), self.scales, strict=True)])
        self.biases = nn.ParameterList([plain[i].bias.detach().clone() for i in (0, 3)])

    def forward(self, x: Tensor) -> Tensor:
        """As the plain network."""
        x = F.leaky_relu(F.conv2d(x, self.weights[0] * self.scales[0], self.biases[0]), 0.2)
        return F.linear(x.flatten(1), self.weights[1] * self.scales[1], self.biases[1])


def learn(network: nn.Module, made: torch.optim.Optimizer, x: Tensor, y: Tensor) -> None:
    for _ in range(STEPS):
        made.zero_grad()
        (network(x) - y).square().sum().backward()
        made.step()


def test_a_network_with_even_rates_learns_as_one_that_scales_its_weights_at_run_time() -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(36, 2)).double()
    twin = Twin(plain).double()
    x, y = torch.randn(8, 3, 5, 5).double(), torch.randn(8, 2).double()
    torch.testing.assert_close(plain(x), twin(x))
    before = plain(x).detach()
    groups = [group | {"lr": RATE * group["share"]} for group in evened(plain)]
    learn(plain, torch.optim.Adam(groups, betas=(0.0, 0.99)), x, y)
    learn(twin, torch.optim.Adam(twin.parameters(), RATE, betas=(0.0, 0.99)), x, y)
    torch.testing.assert_close(plain(x), twin(x), atol=1e-5, rtol=1e-5)
    assert float((plain(x) - before).detach().abs().max()) > 0.1


def test_shares_are_in_the_optimiser_that_a_run_gets() -> None:
    network = nn.Sequential(nn.Conv2d(16, 4, 1), nn.Linear(9, 2))
    made = optimizer(R3Config(even_rates=True), network)
    shares = {tuple(parameter.shape): group["share"] for group in made.param_groups for parameter in group["params"]}
    assert shares == {(4, 16, 1, 1): 0.25, (2, 9): 1 / 3, (4,): 1.0, (2,): 1.0}
    assert all("share" not in group for group in optimizer(R3Config(), network).param_groups)
