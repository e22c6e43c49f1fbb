"""The report's three networks. Each looks at both pictures and tells two sigmas and which picture is low-passed.

All take two batches of pictures [B, 3, S, S] in [0, 1], S = 224 as trained, and return (sigmas [B, 2], role [B]): the blur of the
first and of the second picture in pixels at 224, and a logit, above 0 where the second one is the low-passed one.
Each is a `features` (the body, which may run in bfloat16 or be frozen) and `heads` (always float32). The weights' input
convention, ImageNet's, is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from alebrije.config import choose
from alebrije.core.image import to_gray
from alebrije.errors import WeightsError
from alebrije.features.resnet import FEATURES, MEAN, STD, ResNet18

SIZE = 224
"""Side in pixels of the pictures the networks are trained on, and the width their sigmas are measured at."""

SIMPLE_CHANNELS = (16, 32, 64, 128)

Told = tuple[Tensor, Tensor]


class ResNetPair(nn.Module):
    """Network A: ResNet-18 over one picture of two channels, the luma of both; a head 512 -> 2 and a head 512 -> 1.

    Luma is normalised with the luma of ImageNet's mean and deviation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = ResNet18(in_channels=2)
        self.sigmas = nn.Linear(FEATURES, 2)
        self.role = nn.Linear(FEATURES, 1)

    def features(self, first: Tensor, second: Tensor) -> Tensor:
        """What the body makes of a batch of pairs: [B, 512]."""
        gathered: Tensor = self.body(two_lumas(first, second))
        return gathered

    def heads(self, features: Tensor) -> Told:
        """Features -> sigmas [B, 2], role [B]."""
        return self.sigmas(features), self.role(features).squeeze(1)

    def forward(self, first: Tensor, second: Tensor) -> Told:
        return self.heads(self.features(first, second).float())

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Take ResNet-18's ImageNet weights. Its first convolution is made for red, green and blue: here each of the two
        channels gets the mean over the three, times 3/2, so that a pair of one and the same grey picture gives what that
        picture gives there."""
        kernel = weights["conv1.weight"]
        adapted = kernel.mean(1, keepdim=True).expand(-1, 2, -1, -1) * (3 / 2)
        self.body.load_state_dict({**weights, "conv1.weight": adapted.contiguous()})


class SiamesePair(nn.Module):
    """Network B: one ResNet-18 that looks at either picture in colour; its 512 numbers give that picture's sigma, 512 -> 1,
    and both pictures' 1024 numbers the role, 1024 -> 1.

    The report contradicts itself: its text decides the role from the two sigmas, its diagram from the concatenated
    features. The diagram is built here. The batch normalisations see both pictures in one batch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = ResNet18()
        self.sigma = nn.Linear(FEATURES, 1)
        self.role = nn.Linear(2 * FEATURES, 1)

    def features(self, first: Tensor, second: Tensor) -> Tensor:
        """What the body makes of a batch of pairs: [B, 1024], the first picture's numbers before the second's."""
        return torch.cat(self.body(_normalise(torch.cat([first, second]), MEAN, STD)).chunk(2), 1)

    def heads(self, features: Tensor) -> Told:
        """Features -> sigmas [B, 2], role [B]."""
        one, two = features.chunk(2, 1)
        return torch.cat([self.sigma(one), self.sigma(two)], 1), self.role(features).squeeze(1)

    def forward(self, first: Tensor, second: Tensor) -> Told:
        return self.heads(self.features(first, second).float())

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """Take ResNet-18's ImageNet weights as they are."""
        self.body.load_state_dict(dict(weights))


class SimplePair(nn.Module):
    """Network C: a small CNN from scratch on the two-channel grey picture of network A.

    The report says no more of it. Chosen here: four blocks of a 3x3 convolution (16, 32, 64, 128 channels), batch
    normalisation, ReLU and a 2x2 maximum; the mean over the 14x14 places; heads 128 -> 2 and 128 -> 1.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential()
        channels_in = 2
        for channels in SIMPLE_CHANNELS:
            convolution = nn.Conv2d(channels_in, channels, 3, padding=1, bias=False)
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
            self.body.append(nn.Sequential(convolution, nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(2)))
            channels_in = channels
        self.sigmas = nn.Linear(channels_in, 2)
        self.role = nn.Linear(channels_in, 1)

    def features(self, first: Tensor, second: Tensor) -> Tensor:
        """What the body makes of a batch of pairs: [B, 128]."""
        maps: Tensor = self.body(two_lumas(first, second))
        return maps.mean((2, 3))

    def heads(self, features: Tensor) -> Told:
        """Features -> sigmas [B, 2], role [B]."""
        return self.sigmas(features), self.role(features).squeeze(1)

    def forward(self, first: Tensor, second: Tensor) -> Told:
        return self.heads(self.features(first, second).float())

    def load_imagenet(self, weights: Mapping[str, Tensor]) -> None:
        """There are no such weights for it: raises `WeightsError`."""
        raise WeightsError("the network simple has no ImageNet weights: use --set start=scratch")


PairNetwork = ResNetPair | SiamesePair | SimplePair
NETWORKS: dict[str, Callable[[], PairNetwork]] = {"resnet18": ResNetPair, "siamese": SiamesePair, "simple": SimplePair}
HEAD_INITS: dict[str, Callable[[Tensor], object] | None] = {
    "glorot": nn.init.xavier_uniform_,
    "he": lambda weight: nn.init.kaiming_uniform_(weight, nonlinearity="linear"),
    "default": None,
}
"""Glorot and Bengio 2010, eq. 16; He et al. 2015 for a layer without ReLU, variance 1 / fan-in; torch's own."""


def build(kind: str, head_init: str = "glorot") -> PairNetwork:
    """The network `kind` with random weights, drawn from torch's global generator. Raises `ConfigError` for unknown names."""
    network = NETWORKS[choose("network", kind, NETWORKS)]()
    initialise = HEAD_INITS[choose("head_init", head_init, HEAD_INITS)]
    if initialise:
        for head in heads(network):
            initialise(head.weight)
            nn.init.zeros_(head.bias)
    return network


def heads(network: PairNetwork) -> list[nn.Linear]:
    """The last layers of a network."""
    return [module for module in network.children() if isinstance(module, nn.Linear)]


def freeze(network: PairNetwork, frozen: bool) -> None:
    """Make ready to train: everything, or with `frozen` the heads alone. A frozen body's batch normalisations keep the
    statistics they came with."""
    network.train()
    network.body.train(not frozen)
    network.body.requires_grad_(not frozen)


def load_weights(network: PairNetwork, tensors: Mapping[str, Tensor]) -> None:
    """Give `network` the tensors of the same network, trained before. Raises `WeightsError` that names the first misfit."""
    for name, tensor in network.state_dict().items():
        if name not in tensors:
            raise WeightsError(f"it is another network: it has no {name}")
        if tensors[name].shape != tensor.shape:
            raise WeightsError(f"it is another network: its {name} has the shape {list(tensors[name].shape)}")
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"it is damaged: {name} holds NaN or infinity")
    network.load_state_dict({name: tensors[name] for name in network.state_dict()})


def two_lumas(first: Tensor, second: Tensor) -> Tensor:
    """The luma of two pictures [B, 3, S, S] as the channels of one, normalised: [B, 2, S, S]."""
    statistics = torch.tensor([MEAN, STD])[:, :, None, None]
    mean, deviation = to_gray(statistics).flatten().tolist()
    lumas: Tensor = (torch.cat([to_gray(first), to_gray(second)], 1) - mean) / deviation
    return lumas


def _normalise(pictures: Tensor, mean: tuple[float, ...], deviation: tuple[float, ...]) -> Tensor:
    statistics = pictures.new_tensor([mean, deviation])[:, None, :, None, None]
    return (pictures - statistics[0]) / statistics[1]
