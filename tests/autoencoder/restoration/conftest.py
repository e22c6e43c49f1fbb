"""Restoration networks that nobody has trained, written as `alebrije train` writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from alebrije.autoencoder.restoration import nets
from alebrije.core.tensorfiles import write_safetensors


def stirred(network: nn.Module, size: float = 0.5) -> nn.Module:
    """The network with weights of its own everywhere: layers that begin at 0 would hide what they see."""
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim > 1:
                fan = parameter[0].numel()
                parameter.copy_(size * torch.randn(parameter.shape, generator=generator) / fan**0.5)
            else:
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return network


SMALL: dict[str, Callable[[int], nn.Module]] = {
    "fast": lambda scale: nets.PlainUpscaler(scale, 8, 3),
    "quality": lambda scale: nets.AttentionUpscaler(scale, 8, 2),
    "denoise": lambda scale: nets.Denoiser(8, 1, 1),
}


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of model.safetensors: fast-x2, fast-x3, fast-x4, quality-x2 and denoise."""
    folder = tmp_path_factory.mktemp("networks")
    for kind, scale in [("fast", 2), ("fast", 3), ("fast", 4), ("quality", 2), ("denoise", 1)]:
        network = stirred(SMALL[kind](scale))
        name = f"{kind}-x{scale}" if scale > 1 else kind
        header = {"recipe": json.dumps({"recipe": f"restore/{kind}"})}
        write_safetensors(folder / f"{name}.safetensors", {k: v.half() for k, v in network.state_dict().items()}, header)
    return folder
