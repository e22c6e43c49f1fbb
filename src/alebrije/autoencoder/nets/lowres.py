"""The nine networks of the report on low-resolution pictures, each from a small table of its layers.

A picture goes through four (once six) convolutions, is flattened, and a linear layer makes the latent of it; the decoder is
the mirror: a linear layer, then unpooling and transposed convolutions in the opposite order, each to exactly the size that the
encoder's layer began with. Input and output have one size, so a low-resolution input is enlarged before (`data.degrade.lowres`).

What the report says and what it does not. It gives kernels, the range of channels, the latent, where pools are, and what
changes from one experiment to the next. Chosen here, where it is silent:
- strides: 2 where no pool follows each layer, else 1, for pools do the halving; the sixth layer of the fourth experiment has 1,
  or nothing would be left of a picture of 64 pixels. The first experiment is the second without its pool;
- channels double from 32 to 256; in the fourth experiment on to 1024;
- padding (k - 1) // 2, none in the last layer of the sixth experiment and of those built upon it; pools are 2 but for its first;
- the seventh, eighth and ninth experiment change the sixth, the best one, each in one thing;
- order: convolution, batch norm, activation, dropout, pool. No batch norm in the last layer, nor any in experiments 1 and 2;
- "the seventh keeps ReLU in its last layer" is read so: the last layer of the decoder has ReLU in all nine. It can die: a
  network whose output is below 0 everywhere is black and learns no more. That may be what happened to the report's first
  two experiments, whose losses are those of a black picture; `output` chooses another last activation;
- weights begin as PyTorch begins them. The latent has no activation, and the decoder's linear layer that of the experiment;
- unpooling puts each value into the upper left corner of its window, the others 0 ("corner"), or into the whole window
  ("nearest"). The places of the maxima are never used, so latents that no picture was encoded to can be decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from alebrije.config import choose
from alebrije.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution: kernel and stride in pixels, padding, and the side of the max-pool after it (1: none)."""

    kernel: int
    stride: int
    padding: int
    pool: int = 1


@dataclass(frozen=True, slots=True)
class Experiment:
    """One of the nine: its layers from the picture to the latent, of which each has twice the channels of the one before."""

    layers: tuple[Layer, ...]
    batch_norm: bool
    latent_dim: int = 200
    activation: str = "relu"
    dropout: float = 0.0  # on the first two layers
    what: str = ""


def strided(*kernels: int, pool: int = 1) -> tuple[Layer, ...]:
    """Layers of stride 2, of which the last has a max-pool after it; beyond five, of stride 1."""
    last = len(kernels) - 1
    return tuple(
        Layer(kernel, 2 if place < 5 else 1, (kernel - 1) // 2, pool if place == last else 1)
        for place, kernel in enumerate(kernels)
    )


POOLED = (Layer(7, 1, 3, 3), Layer(6, 1, 2, 2), Layer(4, 1, 1, 2), Layer(3, 1, 0, 2))
SIXTH = Experiment(POOLED, batch_norm=True, what="pools 3/2/2/2, no padding in the last layer")
EXPERIMENTS = {
    1: Experiment(strided(7, 6, 4, 3), batch_norm=False, what="four layers"),
    2: Experiment(strided(7, 6, 4, 3, pool=2), batch_norm=False, what="a max-pool at the end"),
    3: Experiment(strided(7, 6, 4, 3, pool=2), batch_norm=True, what="batch norm"),
    4: Experiment(strided(7, 6, 4, 4, 4, 3, pool=2), batch_norm=True, what="six layers"),
    5: Experiment(
        tuple(Layer(kernel, 1, (kernel - 1) // 2, 2) for kernel in (7, 5, 4, 3)), batch_norm=True, what="a pool after every layer"
    ),
    6: SIXTH,
    7: replace(SIXTH, activation="sigmoid", what="the sixth with sigmoids"),
    8: replace(SIXTH, latent_dim=500, what="the sixth with a latent of 500"),
    9: replace(SIXTH, dropout=0.15, what="the sixth with dropout 0.15 on two layers"),
}

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "none": nn.Identity}
UNPOOLINGS = ("corner", "nearest")


class Unpool(nn.Module):
    """[B, C, h, w] -> [B, C, side, side], the counterpart of a max-pool of `pool` that knows nothing of its maxima.

    ``corner``: each value in the upper left corner of its window, 0 elsewhere. ``nearest``: in its whole window; rows and columns
    that the pool had left over repeat the last ones.
    """

    def __init__(self, pool: int, side: int, way: str = "corner") -> None:
        super().__init__()
        self.pool, self.side, self.way = pool, side, choose("unpooling", way, UNPOOLINGS)

    def forward(self, x: Tensor) -> Tensor:
        """Enlarge."""
        if self.way == "nearest":
            places = (torch.arange(self.side, device=x.device) // self.pool).clamp(max=x.shape[-1] - 1)
            return x[..., places, :][..., places]
        enlarged = x.new_zeros(*x.shape[:2], self.side, self.side)
        reach = self.pool * x.shape[-1]
        enlarged[..., : reach : self.pool, : reach : self.pool] = x
        return enlarged


class LowresAutoencoder(nn.Module):
    """Pictures [B, 3, S, S] <-> latents [B, latent_dim]; the output is 0 or more with ReLU, not bounded above.

    `width` is the number of channels of the first layer; `unpool` one of `UNPOOLINGS`, `output` the last of the `ACTIVATIONS`.
    Raises `ConfigError` if pictures of `size` pixels are too small for the layers, or for an unknown choice.
    """

    def __init__(
        self, experiment: Experiment, size: int = 128, width: int = 32, unpool: str = "corner", output: str = "relu"
    ) -> None:
        super().__init__()
        sides = trace(experiment, size)
        channels = [3, *(width * 2**place for place in range(len(experiment.layers)))]
        activation = ACTIVATIONS[experiment.activation]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for place, layer in enumerate(experiment.layers):
            before, after = channels[place : place + 2]
            convolution = nn.Conv2d(before, after, layer.kernel, layer.stride, layer.padding)
            down += [convolution, *_norm(experiment, after), activation()]
            down += [nn.Dropout(experiment.dropout)] if experiment.dropout and place < 2 else []
            down += [nn.MaxPool2d(layer.pool)] if layer.pool > 1 else []
            start, middle, _ = sides[place]
            missing = start - ((middle - 1) * layer.stride - 2 * layer.padding + layer.kernel)
            enlarge = [Unpool(layer.pool, middle, unpool)] if layer.pool > 1 else []
            end = [*_norm(experiment, before), activation()] if place else [ACTIVATIONS[choose("output", output, ACTIVATIONS)]()]
            transposed = nn.ConvTranspose2d(after, before, layer.kernel, layer.stride, layer.padding, missing)
            up = [*enlarge, transposed, *end, *up]
        last = (channels[-1], sides[-1][2], sides[-1][2])
        flat = last[0] * last[1] * last[2]
        self.latent_dim = experiment.latent_dim
        self.encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(flat, experiment.latent_dim))
        self.decoder = nn.Sequential(nn.Linear(experiment.latent_dim, flat), activation(), nn.Unflatten(1, last), *up)

    def encode(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> latents [B, latent_dim]."""
        latents: Tensor = self.encoder(images)
        return latents

    def decode(self, latents: Tensor) -> Tensor:
        """Latents [B, latent_dim] -> pictures [B, 3, S, S]."""
        images: Tensor = self.decoder(latents)
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Encode and decode."""
        return self.decode(self.encode(images))


def trace(experiment: Experiment, size: int) -> list[tuple[int, int, int]]:
    """The sides of each layer for a picture of `size` pixels: of what comes in, after the convolution, after the pool.

    Raises `ConfigError` if nothing is left, with the smallest size that would do.
    """
    sides = _sides(experiment, size)
    if sides is None:
        least = next(side for side in range(size, 1024) if _sides(experiment, side))
        raise ConfigError(f"pictures of {size} pixels are too small for this network: size must be {least} or more")
    return sides


def _sides(experiment: Experiment, size: int) -> list[tuple[int, int, int]] | None:
    found = []
    for layer in experiment.layers:
        middle = (size + 2 * layer.padding - layer.kernel) // layer.stride + 1
        found.append((size, middle, middle // layer.pool))
        size = middle // layer.pool
        if size < 1:
            return None
    return found


def _norm(experiment: Experiment, channels: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(channels)] if experiment.batch_norm else []
