"""Generators at work: open one from a run or a model file, and draw pictures of latents."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alebrije.config import build
from alebrije.core import checkpoint
from alebrije.core.tensorfiles import read_model
from alebrije.errors import ConfigError, RunError, WeightsError, did_you_mean
from alebrije.gan import growing, nets
from alebrije.gan.config import ProganConfig
from alebrije.gan.nets.progan import Growing
from alebrije.gan.nets.style import StyleGenerator
from alebrije.gan.run import KINDS

AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class Opened:
    """A generator ready for use: `network(latents [B, latent_dim], tags [B, T] or None)` -> [B, C, H, W] in about [-1, 1];
    `shape` is (C, H, W); `tags` the names of the tags that steer it, in order; `header` what its file says, read from JSON."""

    network: nn.Module
    recipe: str
    shape: tuple[int, int, int]
    latent_dim: int
    tags: tuple[str, ...]
    header: Mapping[str, Any]


def open_generator(place: Path | str, device: torch.device | str = "cpu") -> Opened:
    """The generator of a run folder or a model.safetensors of ``gan/...``, in evaluation mode, on `device`.

    Raises `RunError` if there is none, or it is another family's, `WeightsError` if it is damaged.
    """
    path = Path(place)
    path = path / "model.safetensors" if path.is_dir() else path
    if not path.is_file():
        unfinished = checkpoint.numbered(Path(place) / "checkpoints")
        if unfinished:
            go_on, step = f"alebrije train --resume --run {shlex.quote(str(place))}", int(unfinished[-1].name)
            raise RunError(f"{place} is not finished: go on with `{go_on}`; with --set steps={step} as well it ends where it is")
        raise RunError(f"{place} has no model.safetensors: train to the end first, or name another run")
    tensors, header = read_model(path)
    settings = dict(header.get("recipe", {}))
    family, _, kind = str(settings.pop("recipe", "")).partition("/")
    if family != "gan" or kind not in KINDS or "shape" not in header:
        raise RunError(f"{place} is no generator of gan/...: name a run of one")
    network, model = KINDS[kind]
    channels, height, width = header["shape"]
    tags = tuple(header.get("tags", ()))
    config = build(model, settings)
    generator, _ = nets.build(network, config, (channels, height, width), len(tags))
    try:
        generator.load_state_dict(tensors)
    except RuntimeError as error:
        raise WeightsError(f"{path} does not hold the weights that its recipe describes") from error
    if isinstance(generator, Growing) and isinstance(config, ProganConfig):
        generator.at(int(header["stage"]), float(header.get("alpha", 1.0)))
        height, width = growing.size_at(config, generator.stage, (height, width))
    return Opened(generator.eval().to(device), f"gan/{kind}", (channels, height, width), config.latent_dim, tags, header)


def latents(opened: Opened, count: int, seed: int = 0) -> Tensor:
    """Standard normal latents [count, latent_dim]; the same for the same seed, and a larger set begins with the smaller one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(opened.latent_dim, generator=generator) for _ in range(count)])


@torch.no_grad()
def generate(opened: Opened, codes: Tensor, tags: Tensor | None = None, truncation: float = 1.0) -> Tensor:
    """Pictures float32 [B, C, H, W] in [0, 1] of latents [B, latent_dim], on the CPU.

    `tags` [B, T] or [T] are numbers in the order of `opened.tags`, 1 for a tag that a picture should have; fractions mix. With
    `truncation` below 1 pictures are more usual and less varied: styles are drawn towards their mean (StyleGAN), latents of other
    networks are bent into a normal distribution that ends at 2 * truncation; ProGAN has none. Raises `ConfigError`.
    """
    if not 0 <= truncation <= 1:
        raise ConfigError(f"truncation must be 0 to 1, got {truncation:g}")
    if truncation < 1 and isinstance(opened.network, Growing):
        raise ConfigError(f"{opened.recipe} brings all latents to one length, so truncation means nothing to it: leave it at 1")
    device = next(opened.network.parameters()).device
    steering = _steering(opened, tags, len(codes))
    found = []
    for start in range(0, len(codes), AT_ONCE):
        some = codes[start : start + AT_ONCE]
        theirs = None if steering is None else steering[start : start + AT_ONCE].to(device)
        if isinstance(opened.network, StyleGenerator) and truncation < 1:
            images = opened.network.truncated(some.to(device), theirs, truncation)
        else:
            images = opened.network(truncated(some.cpu(), truncation).to(device), theirs)  # not every device has float64
        found.append(((images.float().clamp(-1, 1) + 1) / 2).cpu())
    return torch.cat(found)


def truncated(codes: Tensor, truncation: float) -> Tensor:
    """Standard normal numbers as numbers of a normal distribution that is cut off at +-2 * truncation: each keeps its rank. 1
    leaves them as they are."""
    if truncation >= 1:
        return codes
    end = torch.special.ndtr(torch.tensor(2.0 * truncation, dtype=torch.float64))
    rank = torch.special.ndtr(codes.double())
    bent: Tensor = torch.special.ndtri(0.5 + (rank - 0.5) * (2 * end - 1))
    return bent.to(codes.dtype)


def chosen_tags(opened: Opened, names: Sequence[str] | Mapping[str, float]) -> Tensor:
    """The tags with these names as numbers [T]: 1, or the share that is given with the name. Raises `ConfigError` for one that
    the generator does not know."""
    shares = names if isinstance(names, Mapping) else dict.fromkeys(names, 1.0)
    for name in shares:
        if name not in opened.tags:
            known = did_you_mean(name, opened.tags) if opened.tags else " (it was trained without tags)"
            raise ConfigError(f"this generator does not know the tag {name}{known}")
    return torch.tensor([float(shares.get(tag, 0.0)) for tag in opened.tags])


def usual_tags(opened: Opened, count: int, generator: torch.Generator) -> Tensor | None:
    """Tags [count, T] of pictures that the generator has learned from, at random; all 0 where its file has none of those, None if
    it knows no tags."""
    if not opened.tags:
        return None
    rows = torch.tensor(opened.header.get("tag_rows") or [[0.0] * len(opened.tags)], dtype=torch.float32)
    return rows[torch.randint(len(rows), (count,), generator=generator)]


def _steering(opened: Opened, tags: Tensor | None, count: int) -> Tensor | None:
    if not opened.tags:
        if tags is not None and tags.numel():
            raise ConfigError("this generator was trained without tags: it cannot be steered by them")
        return None
    wanted = torch.zeros(len(opened.tags)) if tags is None else tags.float()
    return wanted.expand(count, -1) if wanted.dim() == 1 else wanted
