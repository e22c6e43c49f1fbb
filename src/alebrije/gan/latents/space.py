"""The points that the latent tools move: styles of a network that has them, of any other the random numbers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from alebrije.core.files import sha256
from alebrije.core.generating import GenerateConfig
from alebrije.core.precision import choose_device
from alebrije.errors import ConfigError
from alebrije.gan import use
from alebrije.gan.nets.parts import Scaled, pixel_norm
from alebrije.gan.nets.progan import Growing
from alebrije.gan.nets.style import StyleGenerator
from alebrije.gan.use import Opened

MEASURED = 4096  # points that their middle and their spread are measured on


@dataclass(frozen=True, slots=True)
class Space:
    """A generator and where its points lie.

    A point is [layers, dim]: a style for each convolution, or one latent (`layers` is 1). Its numbers have the mean `middle`
    [dim] and lie about `deviation` from it (root mean square). `styled`: points are styles, and tags are in them already. `model`
    is the sha256 of the generator's file.
    """

    opened: Opened
    styled: bool
    layers: int
    dim: int
    middle: Tensor
    deviation: float
    model: str


def open_checked(run: str, config: GenerateConfig) -> Opened:
    """The generator of a run, frozen. Raises as `use.open_generator`, and `ConfigError` for a setting that means nothing to
    it."""
    if config.sampler:
        raise ConfigError("--sampler is for autoencoders: a GAN draws from the distribution it has learned with, leave it out")
    opened = use.open_generator(run, choose_device(config.device))
    opened.network.requires_grad_(False)
    if config.truncation < 1 and not config.walk and isinstance(opened.network, Growing):
        raise ConfigError(f"{opened.recipe} brings all latents to one length, so truncation means nothing to it: leave it at 1")
    if config.tags:
        use.chosen_tags(opened, config.tags)
    return opened


def open_space(run: str, config: GenerateConfig) -> Space:
    """The generator of a run and its points; raises as `open_checked`."""
    opened = open_checked(run, config)
    path = Path(run)
    model = sha256(path / "model.safetensors" if path.is_dir() else path)
    if not isinstance(opened.network, StyleGenerator):
        return Space(opened, False, 1, opened.latent_dim, torch.zeros(opened.latent_dim), 1.0, model)
    chance = torch.Generator().manual_seed(0)
    codes = torch.randn(MEASURED, opened.latent_dim, generator=chance)
    many = styles(opened, codes, tags_of(opened, config.tags, MEASURED, chance))
    middle = many.mean(0)
    deviation = float((many - middle).square().mean().sqrt())
    return Space(opened, True, opened.network.layers, many.shape[1], middle, deviation, model)


def tags_of(opened: Opened, shares: Mapping[str, float] | None, count: int, generator: torch.Generator) -> Tensor | None:
    """Tags [count, T]: those asked for, fractions mix; else tags of pictures it has learned from, at random. None if the
    generator knows no tags."""
    if shares:
        return use.chosen_tags(opened, shares).expand(count, -1)
    return use.usual_tags(opened, count, generator)


@torch.no_grad()
def styles(opened: Opened, codes: Tensor, tags: Tensor | None, truncation: float = 1.0) -> Tensor:
    """Styles [B, dim] of latents [B, latent_dim] of a network with styles, drawn towards their mean by truncation."""
    network = opened.network
    assert isinstance(network, StyleGenerator)
    mean = network.mapping.mean
    mapped = network.mapping(codes.to(mean.device), None if tags is None else tags.to(mean.device))
    return torch.lerp(mean, mapped, truncation).float().cpu()


def points(space: Space, codes: Tensor, tags: Tensor | None, truncation: float = 1.0) -> Tensor:
    """The points [B, layers, dim] of standard normal latents [B, latent_dim]. Where the network brings all latents to one length,
    they are brought to it here, which leaves their pictures as they are."""
    if space.styled:
        return styles(space.opened, codes, tags, truncation)[:, None].expand(-1, space.layers, -1)
    if isinstance(space.opened.network, Growing):
        codes = pixel_norm(codes)
    return use.truncated(codes, truncation)[:, None]


def draw(
    space: Space, count: int, generator: torch.Generator, shares: Mapping[str, float] | None = None, truncation: float = 1.0
) -> tuple[Tensor, Tensor | None]:
    """Random points [count, layers, dim] and their tags [count, T]."""
    codes = torch.randn(count, space.opened.latent_dim, generator=generator)
    tags = tags_of(space.opened, shares, count, generator)
    return points(space, codes, tags, truncation), tags


def paint(space: Space, some: Tensor, tags: Tensor | None) -> Tensor:
    """The pictures [B, C, H, W] of points [B, layers, dim], in about [0, 1] and where the points are; gradients flow back. Noise
    is always the same."""
    network = space.opened.network
    images = network.synthesize(some) if isinstance(network, StyleGenerator) else network(some[:, 0], tags)
    painted: Tensor = (images.float() + 1) / 2
    return painted


@torch.no_grad()
def pictures(space: Space, some: Tensor, tags: Tensor | None) -> Tensor:
    """The pictures float32 [B, C, H, W] in [0, 1] of points [B, layers, dim] and tags [B, T] or [T], on the CPU."""
    device = next(space.opened.network.parameters()).device
    tags = None if tags is None else tags.expand(len(some), -1).to(device)
    found = []
    for at in range(0, len(some), use.AT_ONCE):
        steering = None if tags is None else tags[at : at + use.AT_ONCE]
        found.append(paint(space, some[at : at + use.AT_ONCE].to(device), steering).clamp(0, 1).cpu())
    return torch.cat(found)


def first_layer(network: nn.Module) -> nn.Linear | Scaled:
    """The linear layer that the latent goes into."""
    layers = (module for module in network.modules() if isinstance(module, nn.Linear | Scaled))
    return next(module for module in layers if module is not getattr(network, "embed", None))
