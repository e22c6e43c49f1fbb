"""A restoration network at work: in the number format that is fast, and again in float32 where that was too narrow."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from alebrije.errors import NumericsError


@dataclass(slots=True)
class Careful:
    """A network at work in a number format that may be too narrow: what comes out as NaN or infinity is done again in float32."""

    network: nn.Module
    dtype: torch.dtype
    repaired: int = 0
    _narrow: nn.Module = field(init=False)

    def __post_init__(self) -> None:
        self.network = self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._narrow = self.network if self.dtype is torch.float32 else copy.deepcopy(self.network).to(self.dtype)

    def __call__(self, images: Tensor, *others: Tensor | None) -> Tensor:
        """What the network makes of [B, C, h, w], float32. Raises `NumericsError` if it is not finite in float32 either.

        Autocast keeps the pictures themselves in float32, so that only what the network adds to them is rounded.
        """
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast(images.device.type, self.dtype, enabled=self.dtype is not torch.float32):
            found: Tensor = self._narrow(images, *others)
        found = found.float()
        if _finite(found):
            return found
        if self.dtype is not torch.float32:
            self.repaired += 1
            found = self.network(images, *others)
            if _finite(found):
                return found
        raise NumericsError("the network gives NaN or infinity for this picture in float32 too: it is broken, train it again")


def _finite(images: Tensor) -> bool:
    return bool(torch.isfinite(images.sum(dtype=torch.float64)))
