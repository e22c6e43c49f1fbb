"""A generator as a source of pictures for `alebrije generate`: how its latents are drawn, and in which directions they matter."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import Source
from alebrije.core.precision import choose_device
from alebrije.errors import ConfigError
from alebrije.gan import use
from alebrije.gan.nets.parts import Scaled
from alebrije.gan.nets.progan import Growing
from alebrije.gan.nets.style import StyleGenerator
from alebrije.gan.use import Opened

STYLES = 4096  # that the main directions of a style network are measured on


def open_source(run: str, config: GenerateConfig) -> Source:
    """The generator of `run`, a run folder or a model.safetensors of ``gan/...``.

    Raises `RunError`, `WeightsError` for a damaged file, and `ConfigError` for a setting that means nothing to it.
    """
    if config.sampler:
        raise ConfigError("--sampler is for autoencoders: a GAN draws from the distribution it has learned with, leave it out")
    opened = use.open_generator(run, choose_device(config.device))
    opened.network.requires_grad_(False)
    if config.truncation < 1 and not config.walk and isinstance(opened.network, Growing):
        raise ConfigError(f"{opened.recipe} brings all latents to one length, so truncation means nothing to it: leave it at 1")
    return _styles(opened, config) if isinstance(opened.network, StyleGenerator) else _latents(opened, config)


def _tags(opened: Opened, count: int, generator: torch.Generator) -> Tensor:
    """Tags [count, T] of pictures it has learned from, at random."""
    rows = torch.tensor(opened.header.get("tag_rows") or [[0.0] * len(opened.tags)], dtype=torch.float32)
    return rows[torch.randint(len(rows), (count,), generator=generator)]


def _latents(opened: Opened, config: GenerateConfig) -> Source:
    """Latents as they are, the tags behind them. Their main directions are those that change the first layer's output most: the
    right singular vectors of its weights (Shen, Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021)."""
    dim, tags = opened.latent_dim, len(opened.tags)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        codes = use.truncated(torch.randn(count, dim, generator=generator), config.truncation)
        return torch.cat([codes, _tags(opened, count, generator)], 1) if tags else codes

    def picture(codes: Tensor) -> Tensor:
        return use.generate(opened, codes[:, :dim], codes[:, dim:] if tags else None)

    weight = _first_layer(opened.network)[:, :dim].float().cpu()
    axes = torch.linalg.svd(weight, full_matrices=False).Vh
    middle = torch.zeros(dim + tags)
    if tags:
        axes = torch.cat([axes, axes.new_zeros(len(axes), tags)], 1)
        middle[dim:] = _tags(opened, 1, torch.Generator().manual_seed(config.seed))[0]
    return Source(draw, picture, middle, axes, spherical=not tags, facts=_facts(opened))


def _styles(opened: Opened, config: GenerateConfig) -> Source:
    """Styles in place of latents, drawn towards their mean by truncation. Their main directions are the principal components of
    many (Härkönen et al., "GANSpace", NeurIPS 2020)."""
    network = opened.network
    assert isinstance(network, StyleGenerator)
    mean = network.mapping.mean

    @torch.no_grad()
    def draw(count: int, generator: torch.Generator) -> Tensor:
        codes = torch.randn(count, opened.latent_dim, generator=generator).to(mean.device)
        tags = _tags(opened, count, generator).to(mean.device) if opened.tags else None
        styles: Tensor = torch.lerp(mean, network.mapping(codes, tags), config.truncation)
        return styles.float().cpu()

    @torch.no_grad()
    def picture(styles: Tensor) -> Tensor:
        parts = []
        for some in torch.split(styles, use.AT_ONCE):
            images = network.synthesize(some.to(mean.device)[:, None].expand(-1, network.layers, -1))
            parts.append(((images.float().clamp(-1, 1) + 1) / 2).cpu())
        return torch.cat(parts)

    chance = torch.Generator().manual_seed(0)
    tags = _tags(opened, STYLES, chance).to(mean.device) if opened.tags else None
    with torch.no_grad():
        many = network.mapping(torch.randn(STYLES, opened.latent_dim, generator=chance).to(mean.device), tags).float().cpu()
    _, values, vectors = torch.linalg.svd(many - many.mean(0), full_matrices=False)
    axes = values[:, None] * vectors / (STYLES - 1) ** 0.5
    return Source(draw, picture, many.mean(0), axes, facts=_facts(opened))


def _first_layer(network: nn.Module) -> Tensor:
    """The weights [out, latent_dim or more] of the layer that the latent goes into."""
    layers = (module for module in network.modules() if isinstance(module, nn.Linear | Scaled))
    return next(module.weight for module in layers if module is not getattr(network, "embed", None))


def _facts(opened: Opened) -> dict[str, object]:
    return {"recipe": opened.recipe, **({"tags": list(opened.tags)} if opened.tags else {})}
