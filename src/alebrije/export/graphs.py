"""What is exported of a network: a module of plain tensors, and words for all that a program that runs it must know."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

Sizes = Mapping[str, int]
Tensors = tuple[Tensor, ...]

PICTURE = "sRGB, 0 to 1, red green blue"
GRAY = "0 to 1, one channel"


@dataclass(frozen=True, slots=True)
class Port:
    """One input or output: its name, its shape (a word is an axis that may vary), and what its numbers are."""

    name: str
    shape: tuple[int | str, ...]
    meaning: str


@dataclass(frozen=True, slots=True)
class Graph:
    """One file to be: `network(*inputs)` gives the outputs, a tensor or several.

    `trials` are lengths of the axes that vary, to test with; the first is what the graph is traced at, and none of its lengths
    may be 1. `feed(lengths)` makes inputs out of real pictures. `least`: the smallest length of an axis, where it is not 1.
    `before` and `after` say in words what is to be done with a picture before it goes in, and with what comes out.
    `program` computes the same as Alebrije itself does, where that is not simply `network`.
    """

    network: nn.Module
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    trials: tuple[Sizes, ...]
    feed: Callable[[Sizes], Tensors]
    before: str
    after: str
    least: Mapping[str, int] = field(default_factory=dict)
    program: Callable[..., Tensor | Tensors] | None = None

    @torch.no_grad()
    def expected(self, inputs: Sequence[Tensor]) -> Tensors:
        """The outputs, as PyTorch computes them."""
        return as_tuple((self.program or self.network)(*inputs))


def as_tuple(outputs: Tensor | Sequence[Tensor]) -> Tensors:
    """One tensor or several, as several."""
    return (outputs,) if isinstance(outputs, Tensor) else tuple(outputs)


def sizes(*lengths: tuple[int, int, int]) -> tuple[Sizes, ...]:
    """Trials of pictures: how many, their height, their width."""
    return tuple(dict(zip(("batch", "height", "width"), one, strict=True)) for one in lengths)


def picture(name: str, meaning: str = PICTURE, channels: int = 3) -> Port:
    """A port for pictures of any size."""
    return Port(name, ("batch", channels, "height", "width"), meaning)


class Filled(nn.Module):
    """A network for pictures [B, C, H, W] whose sides must be multiples of something, for those of any size.

    They are continued with their mirror image to the right and below, and what comes out is cut to `scale` times their size.
    """

    def __init__(self, body: nn.Module, multiple: int, scale: int = 1) -> None:
        super().__init__()
        self.body, self.multiple, self.scale = body, multiple, scale

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[-2:]
        out: Tensor = self.body(mirrored(pictures, self.multiple))
        return out[..., : self.scale * height, : self.scale * width]


def mirrored(pictures: Tensor, multiple: int) -> Tensor:
    """Pictures with their mirror image to the right and below, until their sides are multiples of `multiple`; they must be longer
    than what is missing. As `F.pad` with "reflect" does, but the missing number of pixels may vary from run to run."""
    for axis in (2, 3):
        length = pictures.shape[axis]
        whole = (length + multiple - 1) // multiple * multiple
        places = torch.arange(whole, device=pictures.device)
        pictures = pictures.index_select(axis, (length - 1) - ((length - 1) - places).abs())
    return pictures


class Clamped(nn.Module):
    """What a network gives, within 0 and 1."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, pictures: Tensor) -> Tensor:
        out: Tensor = self.body(pictures)
        return out.clamp(0, 1)


class Method(nn.Module):
    """One method of a network as a module: `encode`, `decode`."""

    def __init__(self, network: nn.Module, method: str) -> None:
        super().__init__()
        self.network, self.method = network, method

    def forward(self, given: Tensor) -> Tensor:
        out: Tensor = getattr(self.network, self.method)(given)
        return out
