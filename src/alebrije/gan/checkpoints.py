"""Generators out of the checkpoints that a run has kept: of one that is not finished, or as they were on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from alebrije.core import checkpoint
from alebrije.errors import RunError
from alebrije.gan import growing, nets
from alebrije.gan.config import GanConfig, ProganConfig
from alebrije.gan.data import Pictures
from alebrije.gan.nets.progan import Growing
from alebrije.gan.run import KINDS
from alebrije.gan.use import Opened


def newest(folder: Path) -> tuple[Path, list[str]]:
    """The newest intact checkpoint of a run folder, and a notice for each damaged one. Raises `RunError` if there is none."""
    notices: list[str] = []
    for place in reversed(checkpoint.numbered(folder / "checkpoints")):
        problem = checkpoint.damage(place)
        if problem is None:
            return place, notices
        notices.append(f"checkpoint {place.name} is {problem}: it is passed over")
    raise RunError(f"{folder} has no model and no checkpoint yet: train it for longer first")


def open_checkpoint(
    place: Path, recipe: str, config: GanConfig, pictures: Pictures, device: torch.device | str = "cpu"
) -> Opened:
    """The generator of one intact checkpoint as it would have been used then: averaged weights, the stage it had grown to.

    `recipe` (``gan/...``) and `config` are the run's, `pictures` those that it learns from. Raises `RunError` if the checkpoint
    is of other networks.
    """
    tree = checkpoint.load(place)
    kind = recipe.partition("/")[2]
    network, _ = KINDS[kind]
    generator, _ = nets.build(network, config, pictures.shape, len(config.tags))
    weights = tree["averages"].get("generator") or tree["networks"]["generator"]
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise RunError(f"{place} does not hold the networks that the run's recipe describes") from error
    channels, height, width = pictures.shape
    if isinstance(generator, Growing) and isinstance(config, ProganConfig):
        stage = int(tree["extra"]["stage"])
        generator.at(stage, float(tree["extra"]["alpha"]))
        height, width = growing.size_at(config, stage, (height, width))
    header: dict[str, Any] = {"tag_rows": pictures.tag_rows}
    opened = generator.eval().to(device)
    return Opened(opened, recipe, (channels, height, width), config.latent_dim, config.tags, header)
