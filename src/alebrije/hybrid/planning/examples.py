"""Labelled pairs in memory, and the random changes that leave their labels true.

A label's sigma is in pixels of the square picture of 224 that a network sees. A pair is learnt from in both orders: the
mirrored one has the other role and its sigmas exchanged.

**What a crop does to a sigma.** Blurring with a Gaussian of sigma pixels and then enlarging by z is the same as enlarging
by z and then blurring with z sigma pixels: the kernel is enlarged with the picture. So the hybrid of two crops
that are brought back to 224 pixels is a crop of their hybrid if, and only if, its sigmas are multiplied by z. (The other way
round: what had f cycles per picture width has f / z of them in a crop that shows 1 / z of the width, and
sigma = 0.187 W / f.) The usual RandomResizedCrop also changes a picture's proportions: its Gaussian would become an ellipse,
which two sigmas cannot say. So crops are square here and enlarge by one factor. Mirroring and turning change no sigma,
since the Gaussian is round.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import fit
from alebrije.data.pairs import Label, Pair, load_pair, read_pairs
from alebrije.errors import DataError, PictureError
from alebrije.events import Event, Started, Step, Warned
from alebrije.hybrid.planning.networks import SIZE

FEWEST = 5
"""Labelled pairs without which there is nothing to learn from and to test on."""


@dataclass(frozen=True, slots=True)
class Examples:
    """N labelled pairs. `pictures`: uint8 [N, 2, 3, S, S]; `labels`: at 224; `numbers`: the pairs' numbers in their folder."""

    pictures: Tensor
    labels: tuple[Label, ...]
    numbers: tuple[int, ...]

    def take(self, places: Sequence[int]) -> Examples:
        """The pairs at these places."""
        labels = tuple(self.labels[place] for place in places)
        return Examples(self.pictures[list(places)], labels, tuple(self.numbers[place] for place in places))

    def fingerprint(self) -> str:
        """A sha256 of all pictures and labels."""
        digest = hashlib.sha256(repr(self.labels).encode())
        for pair in self.pictures:
            digest.update(pair.numpy().tobytes())
        return digest.hexdigest()


class Batch(NamedTuple):
    """`pictures`: [B, 2, 3, S, S] in [0, 1]; `sigmas`: [B, 2] in pixels; `role`: [B], 1.0 where the second one is low-passed."""

    pictures: Tensor
    sigmas: Tensor
    role: Tensor


def read(folder: Path, size: int = SIZE) -> Generator[Event, None, Examples]:
    """Read the labelled pairs of a folder as squares of `size` pixels, labels brought from the folder's reference size to it.

    Pictures that are not square are squeezed, not cropped, so that a sigma, which is counted by the picture's width, stays true
    across; down a picture of other proportions it is off by them, as in any network that wants squares.
    Yields Started, Step and Warned. A pair without a label is left out, as is one that cannot be read. Raises `DataError` if
    fewer than `FEWEST` remain.
    """
    found = read_pairs(folder)
    yield from map(Warned, found.notices)
    labelled = [(pair, pair.label) for pair in found.pairs if pair.label is not None]
    if left_out := len(found.pairs) - len(labelled):
        yield Warned(f"{left_out} of {len(found.pairs)} pairs have no label yet and are left out")
    yield Started("reading pairs", len(labelled))
    kept: list[tuple[int, Tensor, Label]] = []
    for count, (pair, label) in enumerate(labelled, 1):
        try:
            kept.append((pair.number, _squares(pair, size), label.at(found.reference, size)))
        except PictureError as error:
            yield Warned(f"pair {pair.number} is left out: {error}")
        yield Step(count, len(labelled))
    if len(kept) < FEWEST:
        raise DataError(f"{folder} has {len(kept)} labelled pairs: at least {FEWEST} are needed to learn and to test")
    numbers, pictures, labels = zip(*kept, strict=True)
    return Examples(torch.stack(pictures), labels, numbers)


def _squares(pair: Pair, size: int) -> Tensor:
    """Both pictures of a pair: uint8 [2, 3, size, size]."""
    return torch.cat([to_bytes(fit(picture, (size, size), "stretch")) for picture in load_pair(pair)])


def to_bytes(pixels: Tensor) -> Tensor:
    """Pictures in [0, 1] -> uint8."""
    return (pixels * 255).round().to(torch.uint8)


def gather(examples: Examples, places: Tensor, device: torch.device) -> Batch:
    """The examples at `places`, out of 2 N: N and above are the same pairs mirrored."""
    count = len(examples.labels)
    mirrored = places >= count
    pairs = examples.pictures[places % count]
    pairs = torch.where(mirrored[:, None, None, None, None], pairs.flip(1), pairs)
    labels = [examples.labels[place % count] for place in places.tolist()]
    labels = [label.mirrored() if turned else label for label, turned in zip(labels, mirrored.tolist(), strict=True)]
    sigmas = torch.tensor([[label.sigma_first, label.sigma_second] for label in labels], device=device)
    role = torch.tensor([float(label.low) for label in labels], device=device)
    return Batch(pairs.to(device).float() / 255, sigmas, role)


def augment(batch: Batch, smallest_crop: float, degrees: float) -> Batch:
    """Crop, mirror and turn each pair at random, both of its pictures alike; the sigmas grow as the crop is enlarged.

    A crop is a square with an area uniform in [smallest_crop, 1] of the picture's, anywhere in it; half of them are mirrored
    left to right; then it is turned about its middle by an angle uniform within +-degrees. Where that looks beyond
    the picture, its reflection is seen. Random numbers come from torch's global generator on the CPU.
    """
    count = len(batch.role)
    side = torch.empty(count).uniform_(smallest_crop, 1).sqrt()
    shift = (1 - side)[:, None] * torch.empty(count, 2).uniform_(-1, 1)
    angle = torch.empty(count).uniform_(-1, 1) * math.radians(degrees)
    mirror = torch.where(torch.rand(count) < 0.5, -1.0, 1.0)
    pictures = warp(batch.pictures, side, shift, angle, mirror)
    return Batch(pictures, batch.sigmas / side[:, None].to(batch.sigmas), batch.role)


def warp(pictures: Tensor, side: Tensor, shift: Tensor, angle: Tensor, mirror: Tensor) -> Tensor:
    """Look at [B, 2, 3, S, S] through a square window: of `side` [B] (1: the whole picture), its middle at `shift` [B, 2]
    (x and y, -1 to 1 from edge to edge), turned by `angle` [B] in radians, mirrored where `mirror` [B] is -1.

    Bilinear, in one pass; what lies beyond the picture is its reflection. The result has the same shape.
    """
    cosine, sine = side * angle.cos(), side * angle.sin()
    matrix = torch.stack([cosine * mirror, -sine, shift[:, 0], sine * mirror, cosine, shift[:, 1]], 1).view(-1, 2, 3)
    planes = pictures.flatten(1, 2)
    grid = F.affine_grid(matrix.to(planes), list(planes.shape), align_corners=False)
    return F.grid_sample(planes, grid, padding_mode="reflection", align_corners=False).view(pictures.shape)
