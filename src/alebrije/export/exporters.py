"""Which graph each recipe's network has."""

from __future__ import annotations

from collections.abc import Callable

from alebrije.autoencoder.nets.lowres import EXPERIMENTS
from alebrije.errors import ConfigError
from alebrije.export import autoencoders, features, generators, planners, restorers, styles
from alebrije.export.graphs import Graph
from alebrije.export.model import Model
from alebrije.gan.run import KINDS

EXPORTERS: dict[str, Callable[[Model, str], Graph]] = {
    "features/compact": features.compact,
    "features/judge": features.judge,
    "hybrid/planner": planners.planner,
    "hybrid/resnet18": planners.by_pixels,
    "hybrid/siamese": planners.by_pixels,
    "hybrid/simple": planners.by_pixels,
    "style/fast": styles.fast,
    "style/adain": styles.any_style,
    "autoencoder/dense": autoencoders.dense,
    "autoencoder/denoise": autoencoders.denoise,
    "autoencoder/creatures": autoencoders.creatures,
    "autoencoder/vae": autoencoders.variational,
    **{f"autoencoder/lowres-{number}": autoencoders.low_to_high for number in EXPERIMENTS},
    **{f"gan/{kind}": generators.generator for kind in KINDS},
    "gan/tagger": features.tagger,
    "restore/fast": restorers.upscaler,
    "restore/quality": restorers.upscaler,
    "restore/denoise": restorers.denoiser,
    "restore/mine": restorers.restorer,
}
PARTS = ("whole", "encoder", "decoder", "luma")


def graph(model: Model, part: str = "whole") -> Graph:
    """The graph of a trained network, or of a part of it. Raises `ConfigError` where there is none, `WeightsError` for
    tensors that are not those of the recipe."""
    if model.recipe not in EXPORTERS:
        raise ConfigError(f"networks of {model.recipe} cannot be exported: what can is of {', '.join(EXPORTERS)}")
    return EXPORTERS[model.recipe](model, part)
