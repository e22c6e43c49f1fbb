"""A discriminator that begins with what a tagger has learned: its body is that of a run of `gan/tagger`.

Only at the start of a run: one that goes on has its own weights, and the tagger may be gone by then.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from torch import nn

from alebrije.core import checkpoint
from alebrije.core.files import sha256
from alebrije.errors import ConfigError, RunError
from alebrije.events import Event, Started
from alebrije.gan.config import GanConfig
from alebrije.gan.nets.dcgan import ConvDiscriminator
from alebrije.gan.tagger import RECIPE, Tagger, open_tagger

FACT = "discriminator_start"  # under this name checkpoints and the model's header tell it


def due(config: GanConfig, folder: Path) -> bool:
    """Whether a run in this folder, which may have begun, is to take the body of a tagger now."""
    return bool(config.start_discriminator) and not checkpoint.numbered(folder / "checkpoints")


def announced(config: GanConfig, network: str, folder: Path) -> Iterator[Event]:
    """Say what the discriminator begins with. Raises `ConfigError` for a network that has no such body, else as `_fitting`."""
    if not due(config, folder):
        return
    if network != "dcgan":
        raise ConfigError(f"start_discriminator is for gan/dcgan28, dcgan48 and dcgan64, not for gan/{network}: leave it out")
    yield Started(_words(config, _fitting(config)))


def begin_with_tagger(config: GanConfig, folder: Path, discriminator: nn.Module) -> None:
    """Put the tagger's body into a discriminator that has no spectral norm yet, if that is due."""
    if due(config, folder):
        assert isinstance(discriminator, ConvDiscriminator)
        discriminator.body.load_state_dict(_fitting(config).network.body.state_dict())


def note(config: GanConfig, folder: Path, extra: dict[str, Any]) -> None:
    """Write down in a fresh run's numbers what its discriminator begins with, if that is due."""
    if due(config, folder):
        tagger, path = _fitting(config), Path(str(config.start_discriminator))
        file = path / "model.safetensors" if path.is_dir() else path
        extra[FACT] = {"recipe": RECIPE, "tags": list(tagger.tags), "data": tagger.header.get("data"), "sha256": sha256(file)}
        extra["remarks"].append([0, _words(config, tagger)])


def _words(config: GanConfig, tagger: Tagger) -> str:
    return f"the discriminator begins with the body of {config.start_discriminator}, which has learned {', '.join(tagger.tags)}"


def _fitting(config: GanConfig) -> Tagger:
    """The tagger, if its body is as large as the discriminator's. Raises `RunError` with the settings to take, and as
    `open_tagger` does."""
    tagger = open_tagger(str(config.start_discriminator))
    channels, height, across = tagger.shape
    wanted = []
    if (height, across) != config.height_width:
        wanted.append(f"size={height if height == across else f'{across}x{height}'}")
    if (channels == 1) != config.gray:
        wanted.append(f"gray={str(channels == 1).lower()}")
    if tagger.settings.width != config.width:
        wanted.append(f"width={tagger.settings.width:g}")
    if tagger.settings.batch_norm != config.batch_norm:
        wanted.append(f"batch_norm={str(tagger.settings.batch_norm).lower()}")
    if wanted:
        settings = " ".join(f"--set {one}" for one in wanted)
        raise RunError(f"the body of {config.start_discriminator} is not this discriminator's: begin with {settings}, as it has")
    return tagger
