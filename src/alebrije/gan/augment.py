"""Spoiling what the discriminator sees, real and generated alike, so that few pictures last longer; gradients pass through.

Each function takes pictures [B, C, H, W] in [-1, 1] and a probability, and spoils each picture with it. What is spoiled
less than always cannot become the generator's own habit; beyond a probability of 0.8 it does (Karras et al. 2020, section 2.2),
hence the cap.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import choose

LUMA = (0.299, 0.587, 0.114)
GRAY_FILL = 0.0  # what comes in from outside and what is cut out: the middle grey


def color(images: Tensor, probability: float) -> Tensor:
    """Brightness +-0.5, saturation 0 to 2 times, contrast 0.5 to 1.5 times. Zhao et al. 2020, "Differentiable Augmentation"."""
    chosen = _chosen(images, probability)
    changed = images + (_uniform(images) - 0.5)
    gray = changed.mean(1, keepdim=True)
    changed = gray + (changed - gray) * 2 * _uniform(images)
    level = changed.mean((1, 2, 3), keepdim=True)
    changed = level + (changed - level) * (0.5 + _uniform(images))
    return torch.where(chosen, changed, images)


def translation(images: Tensor, probability: float, reach: float = 1 / 8) -> Tensor:
    """Move by up to an eighth of each side, grey coming in. Zhao et al. 2020."""
    chosen = _chosen(images, probability)
    batch, _, height, width = images.shape
    down, right = (_whole(batch, round(side * reach), images) for side in (height, width))
    rows, inside = _places(height, down, images), _places(width, right, images)
    pad = F.pad(images, (1, 1, 1, 1), value=GRAY_FILL)
    which = torch.arange(batch, device=images.device)[:, None, None]
    moved = pad.permute(0, 2, 3, 1)[which, rows[:, :, None], inside[:, None, :]].permute(0, 3, 1, 2)
    return torch.where(chosen, moved, images)


def cutout(images: Tensor, probability: float, share: float = 1 / 2) -> Tensor:
    """A grey rectangle of half of each side, anywhere, also half outside. Zhao et al. 2020."""
    chosen = _chosen(images, probability)
    batch, _, height, width = images.shape
    hidden = torch.ones(batch, 1, 1, 1, dtype=torch.bool, device=images.device)
    for dimension, side in ((2, height), (3, width)):
        length = round(side * share)
        middle = torch.randint(side + 1 - length % 2, (batch, 1), device=images.device)
        place = torch.arange(side, device=images.device)
        within = (place >= middle - length // 2) & (place < middle - length // 2 + length)
        hidden = hidden & (within.view(batch, 1, side, 1) if dimension == 2 else within.view(batch, 1, 1, side))
    return torch.where(chosen & hidden, torch.full_like(images[:1, :1, :1, :1], GRAY_FILL), images)


POLICIES: dict[str, Callable[[Tensor, float], Tensor]] = {"color": color, "translation": translation, "cutout": cutout}


def diff(images: Tensor, probability: float, policy: str = "color,translation,cutout") -> Tensor:
    """Zhao et al.'s augmentations of the policy, one after the other. Departure: with a probability; theirs are always on."""
    for name in parse_policy(policy):
        images = POLICIES[name](images, probability)
    return images


def parse_policy(policy: str) -> list[str]:
    """The names in a policy such as ``color,cutout``. Raises `ConfigError`."""
    return [choose("augmentation", name.strip(), POLICIES) for name in policy.split(",") if name.strip()]


def ada(images: Tensor, probability: float) -> Tensor:
    """Flips, turns, scalings, moves and changes of colour, each with the probability: the pipeline ``bgc`` of Karras et al. 2020,
    appendix B. Departures: moves are looked up bilinearly, the picture mirrored at its borders, without wavelet filters; quarter
    turns only for squares; hue, saturation and inverted luma only where there are colours."""
    if probability <= 0:
        return images
    return _recolored(_moved(images, probability), probability)


def _moved(images: Tensor, probability: float) -> Tensor:
    batch, _, height, width = images.shape

    def drawn(values: Tensor, chance: float = probability) -> Tensor:
        return torch.where(torch.rand(batch, device=images.device) < chance, values, torch.zeros_like(values))

    def normal(deviation: float) -> Tensor:
        return deviation * torch.randn(batch, device=images.device)

    turn_chance = 1 - math.sqrt(1 - min(probability, 1.0))
    full = 2 * math.pi * (torch.rand(batch, device=images.device) - 0.5)
    quarter = torch.randint(4, (batch,), device=images.device) * (math.pi / 2)
    matrix = _scale(1 - 2 * drawn(torch.randint(2, (batch,), device=images.device).float()), torch.ones_like(full))
    if height == width:
        matrix = matrix @ _turn(drawn(quarter))
    whole = [drawn(side / 8 * (2 * torch.rand(batch, device=images.device) - 1)).round() for side in (width, height)]
    matrix = matrix @ _shift(whole[0], whole[1])
    size = torch.exp2(drawn(normal(0.2)))
    matrix = matrix @ _scale(size, size) @ _turn(drawn(full, turn_chance))
    stretch = torch.exp2(drawn(normal(0.2)))
    other = 2 * math.pi * (torch.rand(batch, device=images.device) - 0.5)
    matrix = matrix @ _scale(stretch, 1 / stretch) @ _turn(drawn(other, turn_chance))
    matrix = matrix @ _shift(drawn(normal(width / 8)), drawn(normal(height / 8)))
    half = torch.tensor([width / 2, height / 2, 1.0], device=images.device)
    theta = (matrix * half / half[:, None])[:, :2]
    grid = F.affine_grid(theta, list(images.shape), align_corners=False)
    return F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)


def _recolored(images: Tensor, probability: float) -> Tensor:
    batch, channels = images.shape[:2]

    def drawn(values: Tensor) -> Tensor:
        return torch.where(torch.rand(batch, device=images.device) < probability, values, torch.zeros_like(values))

    def normal(deviation: float) -> Tensor:
        return deviation * torch.randn(batch, device=images.device)

    contrast, brightness = torch.exp2(drawn(normal(0.5))), drawn(normal(0.2))
    if channels != 3:
        return (images + brightness.view(-1, 1, 1, 1)) * contrast.view(-1, 1, 1, 1)
    axis = torch.full((3,), 1 / math.sqrt(3), device=images.device)
    along = torch.outer(axis, axis)
    one = torch.eye(3, device=images.device)
    flip = drawn(torch.randint(2, (batch,), device=images.device).float())
    angle = drawn(2 * math.pi * (torch.rand(batch, device=images.device) - 0.5))
    saturation = torch.exp2(drawn(normal(1.0)))
    matrix = one - 2 * along * flip.view(-1, 1, 1)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=images.device) / math.sqrt(3)
    sine, cosine = angle.sin().view(-1, 1, 1), angle.cos().view(-1, 1, 1)
    matrix = (cosine * one + sine * cross + (1 - cosine) * along) @ matrix
    matrix = (along + (one - along) * saturation.view(-1, 1, 1)) @ matrix
    pixels = ((images + brightness.view(-1, 1, 1, 1)) * contrast.view(-1, 1, 1, 1)).flatten(2)
    return (matrix @ pixels).view_as(images)


def _scale(x: Tensor, y: Tensor) -> Tensor:
    return torch.diag_embed(torch.stack([x, y, torch.ones_like(x)], 1))


def _turn(angle: Tensor) -> Tensor:
    sine, cosine, zero, one = angle.sin(), angle.cos(), torch.zeros_like(angle), torch.ones_like(angle)
    rows = [torch.stack(row, 1) for row in ([cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one])]
    return torch.stack(rows, 1)


def _shift(x: Tensor, y: Tensor) -> Tensor:
    zero, one = torch.zeros_like(x), torch.ones_like(x)
    rows = [torch.stack(row, 1) for row in ([one, zero, x], [zero, one, y], [zero, zero, one])]
    return torch.stack(rows, 1)


def _chosen(images: Tensor, probability: float) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, device=images.device) < probability


def _uniform(images: Tensor) -> Tensor:
    return torch.rand(len(images), 1, 1, 1, device=images.device)


def _whole(batch: int, reach: int, images: Tensor) -> Tensor:
    return torch.randint(-reach, reach + 1, (batch, 1), device=images.device)


def _places(side: int, shift: Tensor, images: Tensor) -> Tensor:
    """Where each row (or column) of the moved picture lies in one with a border of 1: [B, side]."""
    return (torch.arange(side, device=images.device) + shift + 1).clamp(0, side + 1)
