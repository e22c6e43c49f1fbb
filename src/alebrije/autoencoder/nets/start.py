"""What a network begins with."""

from __future__ import annotations

from torch import nn


def glorot(network: nn.Module) -> None:
    """Weights uniform in +-sqrt(6 / (fan in + fan out)), biases 0, as Keras begins: the sources' networks are Keras's.

    Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS 2010, equation 16.
    """
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
