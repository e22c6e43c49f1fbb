"""New pictures from a trained autoencoder: its decoder, and the samplers that lie in its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alebrije.autoencoder.config import LowresConfig
from alebrije.autoencoder.experiments import build_lowres
from alebrije.autoencoder.nets.convolutional import Autoencoder
from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.autoencoder.nets.variational import VariationalAutoencoder
from alebrije.autoencoder.sampling import kept
from alebrije.autoencoder.sampling.samplers import SAMPLERS, Tensors
from alebrije.config import build, choose
from alebrije.core import tensorfiles
from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import Source
from alebrije.core.precision import choose_device
from alebrije.errors import ConfigError, RunError, WeightsError

Settings = Mapping[str, Any]
Header = Mapping[str, Any]


def _variational(settings: Settings, header: Header) -> nn.Module:
    channels, height, width = header["shape"]
    shape = (channels, height, width)
    return VariationalAutoencoder(shape, settings["latent_dim"], settings["width"], settings["hidden"])


def _dense(settings: Settings, header: Header) -> nn.Module:
    channels, height, width = header["shape"]
    return DenseAutoencoder((channels, height, width), settings["latent_dim"])


def _creatures(settings: Settings, header: Header) -> nn.Module:
    return Autoencoder(settings["size"], settings["latent_dim"], settings["width"])


def _lowres(number: int) -> Callable[[Settings, Header], nn.Module]:
    def make(settings: Settings, header: Header) -> nn.Module:
        return build_lowres(build(LowresConfig, settings), number)

    return make


# kind of recipe -> its network; lowres-1 to lowres-9 are all of a kind
NETWORKS: dict[str, Callable[[Settings, Header], nn.Module]] = {"vae": _variational, "dense": _dense, "creatures": _creatures}
NETWORKS |= {f"lowres-{number}": _lowres(number) for number in range(1, 10)}
RECTIFIED = {"dense"}  # whose codes are never negative


def open_source(run: str, config: GenerateConfig) -> Source:
    """The decoder of `run`, a run folder or a model.safetensors, with the sampler of the settings.

    Without a sampler in the settings it is the one under which held-out codes were likeliest when the run ended. Raises
    `RunError`, `WeightsError` for a damaged file, `ConfigError` for a sampler or a network that is not there.
    """
    kind, settings, tensors, header = read_model(run)
    if kind not in NETWORKS:
        raise ConfigError(f"{run} is a run of autoencoder/{kind}, which draws no new pictures: choose from {', '.join(NETWORKS)}")
    samplers = kept.samplers_of(tensors)
    if not samplers:
        raise ConfigError(f"{run} keeps no samplers: it learned from too few pictures, or before there were any: train it again")
    notes: dict[str, dict[str, Any]] = header.get("samplers", {})
    name = config.sampler or likeliest(notes, list(samplers))
    choose("sampler", name, samplers)
    try:
        network = NETWORKS[kind](settings, header)
        network.load_state_dict(kept.weights_of(tensors))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{run} does not hold the weights that its recipe describes: train it again") from error
    device = choose_device(config.device)
    network.requires_grad_(False).eval().to(device)

    def draw(count: int, generator: torch.Generator) -> Tensor:
        latents = SAMPLERS[name].draw(samplers[name], count, generator, config.truncation)
        return latents.relu() if kind in RECTIFIED else latents

    def picture(latents: Tensor) -> Tensor:
        latents = latents.relu() if kind in RECTIFIED else latents
        images: Tensor = network.decode(latents.to(device))  # type: ignore[operator]
        return images.float().clamp(0, 1).cpu()

    facts = {"recipe": f"autoencoder/{kind}", "sampler": name, "samplers": list(samplers)}
    middle, axes = directions(samplers)
    return Source(draw, picture, middle, axes, SAMPLERS[name].spherical, facts)


def likeliest(notes: Mapping[str, Mapping[str, Any]], names: list[str]) -> str:
    """The sampler under which held-out codes are likeliest; a covariance that is singular gives them no likelihood at all."""
    return max(names, key=lambda name: nats if (nats := notes.get(name, {}).get("held_out_nats")) is not None else float("-inf"))


def directions(samplers: Mapping[str, Tensors]) -> tuple[Tensor, Tensor]:
    """Mean of the codes [D] and their principal directions [K, D], one standard deviation long, the widest first."""
    mean, factor = samplers["gaussian"]["mean"], samplers["gaussian"]["factor"]
    _, values, vectors = torch.linalg.svd(factor.double(), full_matrices=False)
    return mean, (values[:, None] * vectors).float()


def read_model(run: str) -> tuple[str, dict[str, Any], Tensors, dict[str, Any]]:
    """Kind of recipe (``vae``), its settings, all tensors, and the header as values. Raises `RunError` and `WeightsError`."""
    path = Path(run) / "model.safetensors" if Path(run).is_dir() else Path(run)
    if not path.is_file():
        raise RunError(f"{run} has no model.safetensors: train it to its end first, or name another run")
    tensors, header = tensorfiles.read_model(path)
    try:
        settings = dict(header["recipe"])
        kind = str(settings.pop("recipe")).removeprefix("autoencoder/")
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"cannot read {path}: its header names no recipe") from error
    return kind, settings, tensors, header
