"""A generator as a source of pictures for `alebrije generate`: how its latents are drawn, and in which directions they matter."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import Source
from alebrije.errors import ConfigError
from alebrije.gan import use
from alebrije.gan.latents import saved
from alebrije.gan.latents import space as spaces
from alebrije.gan.nets.style import StyleGenerator
from alebrije.gan.use import Opened

STYLES = 4096  # that the main directions of a style network are measured on


def open_source(run: str, config: GenerateConfig) -> Source:
    """The generator of `run`, a run folder or a model.safetensors of ``gan/...``.

    Raises `RunError`, `WeightsError` for a damaged file, and `ConfigError` for a setting that means nothing to it.
    """
    opened = spaces.open_checked(run, config)
    source = _styles(opened, config) if isinstance(opened.network, StyleGenerator) else _latents(opened, config)
    return _started(source, run, config) if config.start else source


def _tags(opened: Opened, config: GenerateConfig, count: int, generator: torch.Generator) -> Tensor:
    """Tags [count, T]: those asked for, or of pictures it has learned from, at random."""
    tags = spaces.tags_of(opened, config.tags, count, generator)
    return torch.zeros(count, 0) if tags is None else tags


def _latents(opened: Opened, config: GenerateConfig) -> Source:
    """Latents as they are, the tags behind them. Their main directions are those that change the first layer's output most: the
    right singular vectors of its weights (Shen, Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021)."""
    dim, tags = opened.latent_dim, len(opened.tags)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        codes = use.truncated(torch.randn(count, dim, generator=generator), config.truncation)
        return torch.cat([codes, _tags(opened, config, count, generator)], 1)

    def picture(codes: Tensor) -> Tensor:
        return use.generate(opened, codes[:, :dim], codes[:, dim:] if tags else None)

    weight = spaces.first_layer(opened.network).weight[:, :dim].float().cpu()
    axes = torch.linalg.svd(weight, full_matrices=False).Vh
    middle = torch.zeros(dim + tags)
    if tags:
        axes = torch.cat([axes, axes.new_zeros(len(axes), tags)], 1)
        middle[dim:] = _tags(opened, config, 1, torch.Generator().manual_seed(config.seed))[0]
    return Source(draw, picture, middle, axes, spherical=not tags, facts=_facts(opened))


def _styles(opened: Opened, config: GenerateConfig) -> Source:
    """Styles in place of latents, drawn towards their mean by truncation. Their main directions are the principal components of
    many (Härkönen et al., "GANSpace", NeurIPS 2020). A picture's layers may have one style, or one each."""
    network = opened.network
    assert isinstance(network, StyleGenerator)
    device = network.mapping.mean.device

    def draw(count: int, generator: torch.Generator, truncation: float = config.truncation) -> Tensor:
        codes = torch.randn(count, opened.latent_dim, generator=generator)
        tags = _tags(opened, config, count, generator)
        return spaces.styles(opened, codes, tags if opened.tags else None, truncation)

    @torch.no_grad()
    def picture(styles: Tensor) -> Tensor:
        parts = []
        for some in torch.split(styles, use.AT_ONCE):
            each = some.to(device).reshape(len(some), -1, len(network.mapping.mean))
            images = network.synthesize(each.expand(-1, network.layers, -1))
            parts.append(((images.float().clamp(-1, 1) + 1) / 2).cpu())
        return torch.cat(parts)

    many = draw(STYLES, torch.Generator().manual_seed(0), 1.0)
    _, values, vectors = torch.linalg.svd(many - many.mean(0), full_matrices=False)
    axes = values[:, None] * vectors / (STYLES - 1) ** 0.5
    return Source(draw, picture, many.mean(0), axes, facts=_facts(opened))


def _started(source: Source, run: str, config: GenerateConfig) -> Source:
    """The same source, beginning at the latent in the file `config.start`: the first of each film, and the middle of a walk."""
    if not (config.interpolate or config.walk):
        raise ConfigError("--from is where a film or a tool begins: add --interpolate, --walk, --mix, --directions or --project")
    assert config.start
    space = spaces.open_space(run, config)
    point, notice = saved.read_point(config.start, space)
    tags = [] if space.styled or point.tags is None else [point.tags]  # styles have their tags in them
    start = torch.cat([point.latent.flatten(), *tags])
    times = len(start) // len(source.middle)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        return torch.cat([start[None], source.draw(count, generator)[1:].repeat(1, times)])

    facts = {**source.facts, **({"notice": notice} if notice else {})}
    return replace(source, draw=draw, middle=start, axes=source.axes.repeat(1, times), facts=facts)


def _facts(opened: Opened) -> dict[str, object]:
    return {"recipe": opened.recipe, **({"tags": list(opened.tags)} if opened.tags else {})}
