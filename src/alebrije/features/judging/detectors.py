"""The networks whose features pictures are judged by, each with the size that pictures are brought to.

    look = open_detector("compact")
    kid(look(real), look(made)), look.words

A detector is one of `DETECTORS`, or a run of `features/judge`, which learned the classes of a small data set: for digits and
clothes of 28x28 pixels that is the apter one, since ImageNet's networks have never seen anything like them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije import features
from alebrije.errors import ConfigError, did_you_mean
from alebrije.features import efficientnet
from alebrije.features.judging import classifier

AT_ONCE = 250
COMPACT_SIDE = 64
COMPACT_LAYERS = ("relu3_2", "relu4_2", "relu5_1")
COMPACT_SCALE = 10**-0.5  # their mean square is 5 (faces) to 19 (creatures), and KID's kernel has a 1 beside it
RESIZING = "bilinear, antialiased, proportions not kept"
Look = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True)
class Detector:
    """A network that looks at pictures of one size and channel count: float32 [B, C, S, S] in [0, 1] -> features [B, D]."""

    name: str
    network: Look
    size: tuple[int, int]
    channels: int
    device: torch.device

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Features float32 [N, D] on the CPU of pictures [N, C, H, W], uint8 or in [0, 1]; grey ones become three equal channels
        where the network wants three. Values are rounded to 8 bits first, as in the files that real pictures come from."""
        found = []
        for some in torch.split(images, AT_ONCE):
            pixels = some.to(self.device)
            pixels = (pixels if pixels.dtype == torch.uint8 else (pixels.clamp(0, 1) * 255).round()).float() / 255
            found.append(self.network(self._fit(pixels)).float().cpu())
        return torch.cat(found)

    def _fit(self, images: Tensor) -> Tensor:
        channels = images.shape[1]
        if channels == 1:
            images = images.expand(-1, self.channels, -1, -1)
        elif channels != self.channels:
            raise ConfigError(f"{self.name} looks at pictures of {self.channels} channels, and these have {channels}")
        if images.shape[-2:] == self.size:
            return images
        return F.interpolate(images, self.size, mode="bilinear", antialias=True)

    @property
    def words(self) -> str:
        """What must stand beside every figure made with it."""
        height, width = self.size
        return f"detector {self.name}, pictures brought to {width}x{height} ({RESIZING})"


def _compact(device: torch.device) -> Detector:
    network = features.load("compact", COMPACT_LAYERS, pooling="avg", device=device)

    def look(images: Tensor) -> Tensor:
        return torch.cat([tap.mean((2, 3)) for tap in network(images).values()], 1) * COMPACT_SCALE

    return Detector("compact", look, (COMPACT_SIDE, COMPACT_SIDE), 3, device)


def _efficientnet(device: torch.device) -> Detector:
    side = efficientnet.SIZE
    return Detector("efficientnet-lite0", efficientnet.load(device), (side, side), 3, device)


DETECTORS: dict[str, Callable[[torch.device], Detector]] = {"compact": _compact, "efficientnet-lite0": _efficientnet}


def open_detector(name: str, device: torch.device | str = "cpu") -> Detector:
    """The detector `name`: one of `DETECTORS`, or a run folder or model.safetensors of `features/judge`.

    compact ships and is always at hand: mean activations of three of its layers, 640 numbers, all times one constant,
    which brings their mean square near 1. Raises `ConfigError` for an unknown name, `WeightsError` where weights are not at hand,
    `RunError` for a run that cannot be used.
    """
    device = torch.device(device)
    if name in DETECTORS:
        return DETECTORS[name](device)
    if not Path(name).exists():
        raise ConfigError(f"unknown detector {name}{did_you_mean(name, DETECTORS)}, and there is no such run")
    network = classifier.load(Path(name)).to(device)
    channels, height, width = network.shape
    return Detector(f"features/judge of {network.data}", network.features, (height, width), channels, device)
