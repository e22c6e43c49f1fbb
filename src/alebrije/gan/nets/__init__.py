"""The networks by name: each entry builds a generator and a discriminator for pictures of a shape (channels, height, width).

Generators: `forward(latents [B, latent_dim], tags [B, T] or None)` -> pictures [B, C, H, W] in about [-1, 1]. Discriminators:
`forward(images, tags)` -> logits [B], above 0 for what they take for real.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from alebrije.errors import ConfigError
from alebrije.gan.config import GanConfig, ProganConfig, R3Config, StyleConfig, TaggerConfig
from alebrije.gan.nets.dcgan import ConvDiscriminator, ConvGenerator, ConvTagger, TutorialDiscriminator, TutorialGenerator
from alebrije.gan.nets.dense import DenseDiscriminator, DenseGenerator
from alebrije.gan.nets.parts import doublings
from alebrije.gan.nets.progan import GrowingDiscriminator, GrowingGenerator, filters
from alebrije.gan.nets.r3 import Design, ResidualDiscriminator, ResidualGenerator
from alebrije.gan.nets.style import StyleDiscriminator, StyleGenerator

Shape = tuple[int, int, int]
Pair = tuple[nn.Module, nn.Module]


def _dense(config: GanConfig, shape: Shape, tags: int) -> Pair:
    return (
        DenseGenerator(shape, config.latent_dim, config.width),
        DenseDiscriminator(shape, config.dropout, config.width),
    )


def _dcgan(config: GanConfig, shape: Shape, tags: int) -> Pair:
    _halved(shape, 1)
    return (
        ConvGenerator(shape, config.latent_dim, config.width),
        ConvDiscriminator(shape, config.dropout, config.width, config.batch_norm),
    )


def _tutorial(config: GanConfig, shape: Shape, tags: int) -> Pair:
    _halved(shape, 2)
    return (
        TutorialGenerator(shape, config.latent_dim, config.width),
        TutorialDiscriminator(shape, config.dropout, config.width),
    )


def _progan(config: GanConfig, shape: Shape, tags: int) -> Pair:
    assert isinstance(config, ProganConfig)
    _halved(shape, config.stages - 1)
    widths = filters(config.stages, config.width, config.channels)
    return (
        GrowingGenerator(shape, config.latent_dim, widths, config.scaling),
        GrowingDiscriminator(shape, widths, config.scaling),
    )


def _r3(config: GanConfig, shape: Shape, tags: int) -> Pair:
    assert isinstance(config, R3Config)
    design = Design(config.blocks, config.expansion, config.group, config.channels, config.still, config.smooth)
    return (
        ResidualGenerator(shape, config.latent_dim, config.width, design, tags),
        ResidualDiscriminator(shape, config.width, design, tags),
    )


def _style(config: GanConfig, shape: Shape, tags: int) -> Pair:
    assert isinstance(config, StyleConfig)
    return (
        StyleGenerator(shape, config.latent_dim, config.width, config.mapping_layers, config.mixing, tags),
        StyleDiscriminator(shape, config.width, tags),
    )


NETS: dict[str, Callable[[GanConfig, Shape, int], Pair]] = {
    "dense": _dense,
    "dcgan": _dcgan,
    "dcgan-mnist": _tutorial,
    "progan": _progan,
    "r3": _r3,
    "style": _style,
}
TAKE_TAGS = ("r3", "style")


def build(network: str, config: GanConfig, shape: Shape, tags: int = 0) -> Pair:
    """Generator and discriminator of a kind, as they begin. Raises `ConfigError` if the kind cannot have this size or tags."""
    if tags and network not in TAKE_TAGS:
        raise ConfigError(f"gan/{network} cannot be steered by tags: leave them out, or take gan/{' or gan/'.join(TAKE_TAGS)}")
    return NETS[network](config, shape, tags)


def tagger(config: TaggerConfig, shape: Shape, tags: int) -> ConvTagger:
    """The network that looks for tags, as it begins. Raises `ConfigError` if it cannot have this size."""
    _halved(shape, 1)
    return ConvTagger(shape, tags, config.dropout, config.width, config.batch_norm)


def _halved(shape: Shape, times: int) -> None:
    """Raise unless both sides can be halved `times` times and something is left."""
    _, height, width = shape
    if doublings((height, width), least=1) < times:
        unit = 2**times
        raise ConfigError(f"size {width}x{height} does not suit this network: both sides must be multiples of {unit}")
