"""What `compact` learns from: random crops of people's pictures, and inputs such as style transfer makes of them."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.files import sha256
from alebrije.core.image import list_pictures, load
from alebrije.core.pictures.geometry import resize
from alebrije.errors import DataError
from alebrije.features.ranking import gram

LONGEST_SIDE = 768
VISITED_SHARE = 0.5


class Crops:
    """Random crops from groups of pictures, each group as often as any other, whatever its number of pictures.

    `groups`: uint8 pictures [1, 3, H, W] of any sizes. Randomness comes from torch's global generator.
    """

    def __init__(self, groups: Sequence[Sequence[Tensor]], size: int) -> None:
        self.groups, self.size = groups, size

    def __len__(self) -> int:
        return len(self.groups) * max(len(group) for group in self.groups)

    def __call__(self, indices: Tensor) -> Tensor:
        """Crops [B, 3, size, size] in [0, 1] of the pictures with these indices, enlarged, mirrored, recoloured."""
        return recolour(torch.cat([self.crop(self.picture(index)) for index in indices.tolist()]))

    def picture(self, index: int) -> Tensor:
        """Picture `index` of 0 .. len(self) - 1: the groups take turns, small ones begin again."""
        group = self.groups[index % len(self.groups)]
        return group[index // len(self.groups) % len(group)]

    def crop(self, picture: Tensor) -> Tensor:
        """A square of 0.6 * size pixels up to the shorter side, resized to [1, 3, size, size]."""
        height, width = picture.shape[-2:]
        short = min(height, width)
        side = int(uniform(min(0.6 * self.size, short), short))
        top, left = (int(uniform(0, extent - side + 1)) for extent in (height, width))
        window = picture[..., top : top + side, left : left + side].float() / 255
        window = window.flip(-1) if uniform(0, 1) < 0.5 else window
        return F.interpolate(window, (self.size, self.size), mode="bilinear", antialias=True).clamp(0, 1)


def uniform(low: float, high: float) -> float:
    """A random number in [low, high)."""
    return low + (high - low) * float(torch.rand(()))


def recolour(crops: Tensor) -> Tensor:
    """Half of the crops [B, 3, H, W] with gamma, gain of each channel and saturation changed at random."""
    batch = len(crops)
    gain = torch.empty(batch, 3, 1, 1).uniform_(0.7, 1.3)
    gamma, saturation = torch.empty(2, batch, 1, 1, 1).uniform_(0.6, 1.5)
    gray = crops.mean(1, keepdim=True)
    changed = ((gray + saturation * (crops - gray)).clamp(0, 1) ** gamma * gain).clamp(0, 1)
    return torch.where(torch.rand(batch, 1, 1, 1) < 0.5, crops, changed)


def noisy(crop: Tensor, _: Tensor) -> Tensor:
    """The crop under Gaussian noise."""
    return crop + torch.randn_like(crop) * uniform(0.02, 0.3)


def blurred(crop: Tensor, other: Tensor) -> Tensor:
    """The crop without its details, under noise: an early state of a transfer from coarse to fine."""
    return noisy(_coarse(crop), other)


def blended(crop: Tensor, other: Tensor) -> Tensor:
    """Two crops over each other."""
    return torch.lerp(crop, other, uniform(0.1, 0.9))


def grainy(crop: Tensor, _: Tensor) -> Tensor:
    """Nothing but coloured noise of one grain around one colour."""
    return torch.rand(1, 3, 1, 1) + _coarse(torch.randn_like(crop)) * uniform(0.05, 1.0)


def _coarse(crop: Tensor) -> Tensor:
    side = max(4, int(crop.shape[-1] / uniform(1, 16)))
    small = F.interpolate(crop, (side, side), mode="bilinear", antialias=True)
    return F.interpolate(small, crop.shape[-2:], mode="bicubic")


DISTURBANCES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (noisy, blurred, blended, grainy)


def on_the_way(crops: Tensor, visited: Tensor) -> Tensor:
    """For each of `crops` [B, 3, H, W] an input that style transfer may meet: disturbed, or one of `visited` instead."""
    made = []
    for crop, other in zip(crops.split(1), crops.roll(1, 0).split(1), strict=True):  # type: ignore[no-untyped-call]
        if uniform(0, 1) < VISITED_SHARE:
            made.append(visited[int(uniform(0, len(visited)))][None])
        else:
            made.append(DISTURBANCES[int(uniform(0, len(DISTURBANCES)))](crop, other).clamp(0, 1))
    return torch.cat(made)


def visit(look: Callable[[Tensor], Mapping[str, Tensor]], contents: Tensor, styles: Tensor, steps: int) -> Tensor:
    """`contents`, half of them replaced by noise, after half and all of `steps` of style transfer towards `styles`.

    Descends on the Gram matrices of all that `look` returns. Returns [2 * B, 3, H, W].
    """
    start = torch.where(torch.rand(len(contents), 1, 1, 1) < 0.5, contents, torch.rand_like(contents))
    picture = start.clone().requires_grad_()
    with torch.no_grad():
        targets = {layer: gram(tap) for layer, tap in look(styles).items()}
    optimizer = torch.optim.Adam([picture], lr=0.03)
    seen = []
    for step in range(1, steps + 1):
        loss = torch.stack([relative_error(gram(tap), targets[layer]) for layer, tap in look(picture).items()]).sum()
        (picture.grad,) = torch.autograd.grad(loss, picture)
        optimizer.step()
        with torch.no_grad():
            picture.clamp_(0, 1)
        if step in (steps // 2, steps):
            seen.append(picture.detach().clone())
    return torch.cat(seen)


def relative_error(ours: Tensor, theirs: Tensor) -> Tensor:
    """Mean over the batch of |ours - theirs|^2 / |theirs|^2; pictures of little energy count somewhat less."""
    energy = theirs.float().square().flatten(1).sum(1)
    error = (ours.float() - theirs.float()).square().flatten(1).sum(1)
    return (error / (energy + 0.1 * energy.mean() + 1e-12)).mean()


def is_held_out(name: str, one_in: int) -> bool:
    """Whether the picture of this file name is kept for evaluation: decided by its CRC-32, so it never changes."""
    return zlib.crc32(name.encode()) % one_in == 0


def find_groups(folder: Path, one_in: int, *, held_out: bool) -> dict[str, list[Path]]:
    """The pictures of each folder within `folder`, either those held out or all others. Raises `DataError` if none."""
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}: name one that holds folders of pictures, with --data")
    groups = {
        group.name: [path for path in list_pictures(group) if is_held_out(path.name, one_in) is held_out]
        for group in sorted(path for path in folder.iterdir() if path.is_dir())
    }
    groups = {name: paths for name, paths in groups.items() if paths}
    if not groups:
        raise DataError(f"no folder within {folder} has a picture for this: put in photos/, paintings/ ...")
    return groups


def read(path: Path) -> Tensor:
    """The picture as uint8 [1, 3, H, W], at most `LONGEST_SIDE` pixels wide and high."""
    pixels = load(path).pixels
    scale = LONGEST_SIDE / max(pixels.shape[-2:])
    if scale < 1:
        pixels = resize(pixels, (round(pixels.shape[-2] * scale), round(pixels.shape[-1] * scale)))
    return (pixels.clamp(0, 1) * 255).round().to(torch.uint8)


def fingerprint(groups: Mapping[str, Sequence[Path]]) -> str:
    """The sha256 of the list of pictures: group, name and sha256 of each."""
    lines = sorted(f"{group}/{path.name} {sha256(path)}" for group, paths in groups.items() for path in paths)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
