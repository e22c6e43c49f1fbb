"""Trained restoration networks: those that come with Alebrije, and those of the user's own runs.

A file is read by what its tensors are, not by what its header says: kind, scale, width and depth all show in names and shapes.
Weights of a network in training (edge convolutions with their branches) and of one in use (plain convolutions) are both taken.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from alebrije.autoencoder.restoration import nets
from alebrije.core.tensorfiles import Tensors, read_safetensors
from alebrije.errors import ConfigError, RunError, WeightsError

SHIPPED = Path(__file__).parent / "weights"
VERBS = {"fast": "upscale", "quality": "upscale", "denoise": "denoise"}


def scales(name: str) -> tuple[int, ...]:
    """The scales in which the upscaler `name`, fast or quality, comes with Alebrije."""
    return tuple(scale for scale in nets.SCALES if (SHIPPED / f"{name}-x{scale}.safetensors").is_file())


def open_network(name: str, scale: int | None = None, device: torch.device | str = "cpu") -> nn.Module:
    """A trained network in use (`nets.deployed`), float32, in evaluation mode, on `device`.

    `name` is ``fast``, ``quality`` or ``denoise`` of those that come with Alebrije, or a run folder or a model.safetensors of
    ``restore/...``. `scale` must be what the network has learnt; None takes any (of the ones that come along, 2). Raises
    `ConfigError` for a scale that there is not, `RunError` where there is no such run or it is of another recipe, `WeightsError`
    for a damaged file.
    """
    path = _shipped(name, scale) if name in nets.NETS else _own(name)
    try:
        tensors, header = read_safetensors(path)
    except WeightsError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    network = built(tensors, header, str(path))
    learnt = getattr(network, "scale", None)
    if scale is not None and learnt is not None and scale != learnt:
        raise ConfigError(f"{name} enlarges {learnt} times and not {scale}: leave --scale out, or give a --size")
    return network.to(device).eval().requires_grad_(False)


def open_for(verb: str, name: str, scale: int | None = None, device: torch.device | str = "cpu") -> nn.Module:
    """`open_network` that raises `ConfigError` for a network that is for another verb than ``upscale`` or ``denoise``."""
    network = open_network(name, scale, device)
    its = "upscale" if hasattr(network, "scale") else "denoise"
    if its != verb:
        raise ConfigError(f"{name} has learnt to {its}: it is for `alebrije {its}`, not for `alebrije {verb}`")
    return network


def _shipped(name: str, scale: int | None) -> Path:
    """The file of a network that comes along."""
    if VERBS[name] == "upscale":
        scale = scale or nets.SCALES[0]
        path = SHIPPED / f"{name}-x{scale}.safetensors"
        known = scales(name)
        if known and scale not in known:
            raise ConfigError(f"there is no network for scale {scale}: choose from {in_words(known)}, or give a --size")
    else:
        path = SHIPPED / f"{name}.safetensors"
    if not path.is_file():
        if name == "quality":
            raise WeightsError("quality does not come along: train restore/quality and name its run")
        raise WeightsError(f"the network {path.stem} is missing from this installation: reinstall Alebrije, or name a --network")
    return path


def _own(name: str) -> Path:
    """The file of a run."""
    path = Path(name)
    if path.is_dir():
        if (path / "recipe.yaml").is_file() and not (path / "model.safetensors").is_file():
            raise RunError(f"{name} has no model yet: `alebrije train --resume --run {name}` goes on to its end")
        path = path / "model.safetensors"
    if not path.is_file():
        raise RunError(f"there is no trained network {name}: name a run of restore/..., see `alebrije runs list`")
    return path


def built(tensors: Tensors, header: dict[str, str], name: str) -> nn.Module:
    """The network that these tensors are of, deployed. Raises `RunError` if they are another family's, `WeightsError` if they do
    not make one."""
    recipe = _recipe(header)
    try:
        network = _like(tensors)
        if network is None:
            made = f"is a run of {recipe}" if recipe else "does not say what made it"
            raise RunError(f"{name} {made}: what restores are runs of restore/fast, quality, denoise and mine")
        if not any(key.endswith(".expand") for key in tensors):
            network = nets.deployed(network)
        network.load_state_dict({key: tensor.float() for key, tensor in tensors.items()})
    except (KeyError, RuntimeError, TypeError, ValueError, IndexError, AssertionError) as error:
        raise WeightsError(f"the tensors of {name} do not fit together: train it again") from error
    if not all(bool(tensor.isfinite().all()) for tensor in tensors.values()):
        raise WeightsError(f"{name} holds NaN or infinity: its training went wrong, train it again")
    return nets.deployed(network)


def _like(tensors: Tensors) -> nn.Module | None:
    """An untrained network of the kind, width, depth and scale of these tensors; None if they are of no kind known here."""

    def weight(layer: str) -> torch.Tensor:
        return tensors[f"{layer}.plain.weight" if f"{layer}.plain.weight" in tensors else f"{layer}.weight"]

    def count(group: str) -> int:
        return len(set(_numbers(tensors, group)))

    names = {key.partition(".")[0] for key in tensors}
    if names == {"body"}:
        layers = count("body")
        return nets.PlainUpscaler(_root(len(weight(f"body.{layers - 1}"))), len(weight("body.0")), layers - 2)
    if {"first", "blocks", "after", "join", "last"} == names:
        return nets.AttentionUpscaler(_root(len(weight("last"))), len(weight("first")), count("blocks"))
    if {"first", "down", "smaller", "middle", "larger", "up", "last"} == names - {"deep"}:
        return nets.Denoiser(len(weight("first")), count("down"), count("middle"), max(0, count("deep") - 2))
    return None


def _numbers(tensors: Iterable[str], group: str) -> list[int]:
    return [int(match[1]) for key in tensors if (match := re.match(rf"{group}\.(\d+)\.", key))]


def _root(channels: int) -> int:
    """The scale whose square the last layer has channels."""
    scale = math.isqrt(channels)
    if scale * scale != channels or scale not in nets.SCALES:
        raise ValueError(f"{channels} channels are no scale's")
    return scale


def _recipe(header: dict[str, str]) -> str:
    """The recipe in a header; empty if it has none."""
    try:
        found: Any = yaml.safe_load(header.get("recipe", ""))
        return str(found["recipe"])
    except (yaml.YAMLError, KeyError, TypeError):
        return ""


def in_words(numbers: Iterable[int]) -> str:
    """2, 3 and 4."""
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last}" if most else last
