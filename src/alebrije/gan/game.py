"""What a training works with: data, networks, number format; and what it keeps in its checkpoints beside the networks."""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.core.fit import State
from alebrije.gan import augment, growing
from alebrije.gan.config import GanConfig, ProganConfig
from alebrije.gan.data import Pictures, shown
from alebrije.gan.losses import LOSSES, Loss
from alebrije.gan.nets.progan import Growing


@dataclass
class Game:
    """Everything a step needs that is no part of the checkpoint. `remarks` are sentences for the user, not yet said."""

    config: GanConfig
    pictures: Pictures
    networks: dict[str, nn.Module]
    device: torch.device
    dtype: torch.dtype
    folder: Path
    calm: float = 1.0  # what the learning rates are multiplied by after numbers went bad
    remarks: list[str] = field(default_factory=list)
    fresh: bool = True

    @property
    def generator(self) -> nn.Module:
        """The one that draws."""
        return self.networks["generator"]

    @property
    def discriminator(self) -> nn.Module:
        """The one that judges."""
        return self.networks["discriminator"]

    @property
    def loss(self) -> Loss:
        """What both want."""
        return LOSSES[self.config.loss]

    def autocast(self) -> AbstractContextManager[Any]:
        """Arithmetic in the run's number format."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not torch.float32)

    def draw(self, latents: Tensor, tags: Tensor | None) -> Tensor:
        """Generated pictures, float32."""
        with self.autocast():
            images: Tensor = self.generator(latents, tags)
        return images.float()

    def judge(self, images: Tensor, tags: Tensor | None) -> Tensor:
        """Logits, float32."""
        with self.autocast():
            logits: Tensor = self.discriminator(images, tags)
        return logits.float()

    def size(self) -> tuple[int, int]:
        """Height and width of the pictures at the present stage."""
        height, width = self.pictures.shape[1:]
        if isinstance(self.generator, Growing) and isinstance(self.config, ProganConfig):
            return growing.size_at(self.config, self.generator.stage, (height, width))
        return height, width

    def real(self, batch: Tensor) -> Tensor:
        """Pictures of a batch, half of them mirrored if that is wanted. Where a stage of both networks is faded in they are mixed
        with their reduced selves as the generated ones are (Karras et al. 2018, appendix A); else sharpness would betray them."""
        images = self.pictures.images[batch]
        if self.config.flips:
            mirrored = (torch.rand(len(batch)) < 0.5).to(images.device)
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        pixels = shown(images, self.size())
        if not isinstance(self.discriminator, Growing) or self.discriminator.alpha >= 1:
            return pixels
        coarse = F.interpolate(F.avg_pool2d(pixels, 2), scale_factor=2)
        return torch.lerp(coarse, pixels, self.discriminator.alpha)

    def tags(self, batch: Tensor) -> Tensor | None:
        """The tags of a batch, as numbers, if the networks are steered by them."""
        return self.pictures.tags[batch].float() if self.config.tags else None

    def latents(self, count: int) -> Tensor:
        """Standard normal."""
        return torch.randn(count, self.config.latent_dim, device=self.device)


def begin_extra(config: GanConfig) -> dict[str, Any]:
    """What the checkpoint keeps beside networks and optimisers."""
    return {
        "accuracy": 0.5,
        "augment": config.augment_probability if config.augment == "diff" else 0.0,
        "augment_most": config.augment_probability,
        "certain": 0.0,
        "confusion": [[0, 0], [0, 0]],
        "last_confusion": [[0, 0], [0, 0]],
        "epoch": 0,
        "norms": {"generator": [], "discriminator": []},
        "stage": 0,
        "alpha": 1.0,
        "most_diverse": 0.0,
        "said": {},
        "remarks": [],
    }


def spoil(game: Game, images: Tensor, probability: float) -> Tensor:
    """What the discriminator gets to see of pictures."""
    if game.config.augment == "diff":
        return augment.diff(images, probability, game.config.augment_policy)
    return augment.ada(images, probability) if game.config.augment == "ada" else images


def averaged(game: Game, state: State) -> nn.Module:
    """A copy of the generator as it will be used: with its averaged weights where there are some, not training."""
    twin = copy.deepcopy(game.generator)
    twin.load_state_dict(state.final_weights("generator"))
    return twin.eval()
