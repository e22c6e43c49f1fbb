"""The graphs of the generators: random numbers in, pictures out."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from alebrije.config import choose
from alebrije.export.graphs import GRAY, PICTURE, Graph, Port, Sizes, Tensors
from alebrije.export.model import Model
from alebrije.gan import use
from alebrije.gan.nets.style import StyleGenerator

SEED = 0


class Drawn(nn.Module):
    """Latents [B, latent_dim], and tags [B, T] where there are any -> pictures [B, C, H, W] in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, latents: Tensor, tags: Tensor | None = None) -> Tensor:
        pictures: Tensor = (self.network(latents, tags).clamp(-1, 1) + 1) / 2
        return pictures


class DrawnInStyle(nn.Module):
    """As `Drawn`, with a truncation [1] before the tags. The noise of the network's layers, which is always the same, is kept as
    numbers; it is heard while the network draws once."""

    def __init__(self, network: StyleGenerator, latents: Tensor, tags: Tensor | None) -> None:
        super().__init__()
        self.network = network
        fields: list[Tensor] = []
        drawing = network._noise

        def heard(x: Tensor, place: int, generator: torch.Generator | None) -> Tensor:
            fields.append(drawing(x, place, generator))
            return fields[-1]

        network._noise = heard  # type: ignore[method-assign]
        network(latents, tags)
        network._noise = lambda x, place, generator: fields[place]  # type: ignore[method-assign]

    def forward(self, latents: Tensor, truncation: Tensor, tags: Tensor | None = None) -> Tensor:
        pictures: Tensor = (self.network.truncated(latents, tags, truncation).clamp(-1, 1) + 1) / 2  # type: ignore[arg-type]
        return pictures


@torch.no_grad()
def generator(model: Model, part: str) -> Graph:
    """A generator of any gan/... recipe, steered by its tags where it has any."""
    choose(f"part of {model.recipe}", part, ("whole",))
    opened = use.open_generator(model.path)
    opened.network.requires_grad_(False)
    styled = isinstance(opened.network, StyleGenerator)
    count: int | str = 1 if styled else "batch"  # its start is repeated for a batch of one known length
    inputs = [Port("latents", (count, opened.latent_dim), "random numbers, normal with mean 0 and standard deviation 1")]
    if styled:
        inputs.append(Port("truncation", (1,), "0 to 1: less is more usual and less varied"))
    if opened.tags:
        inputs.append(Port("tags", (count, len(opened.tags)), f"0 or 1, or between: {', '.join(opened.tags)}"))
    words = GRAY if opened.shape[0] == 1 else PICTURE

    def feed(lengths: Sizes) -> Tensors:
        number = lengths.get("batch", 1)
        chance = torch.Generator().manual_seed(SEED)
        values = [torch.randn(number, opened.latent_dim, generator=chance)]
        values += [torch.full((1,), 0.7)] if styled else []
        values += [(torch.rand(number, len(opened.tags), generator=chance) > 0.5).float()] if opened.tags else []
        return tuple(values)

    def program(latents: Tensor, *others: Tensor) -> Tensor:
        """As `alebrije generate` draws."""
        truncation, tags = _named(others, styled)
        return use.generate(opened, latents, tags, truncation)

    network: nn.Module = Drawn(opened.network)
    if isinstance(opened.network, StyleGenerator):
        first = feed({})
        expected = program(*first)
        network = DrawnInStyle(opened.network, first[0], first[2] if opened.tags else None)
        return Graph(
            network, tuple(inputs), (Port("picture", (1, *opened.shape), words),), ({},), feed, "none", "none",
            program=lambda *values: expected,
        )  # fmt: skip
    trials = ({"batch": 2}, {"batch": 1}, {"batch": 5})
    drawn = Port("picture", (count, *opened.shape), words)
    return Graph(network, tuple(inputs), (drawn,), trials, feed, "none", "none", program=program)


def _named(others: Sequence[Tensor], styled: bool) -> tuple[float, Tensor | None]:
    """Truncation and tags out of what follows the latents."""
    truncation = float(others[0]) if styled else 1.0
    rest = others[1:] if styled else others
    return truncation, rest[0] if rest else None
