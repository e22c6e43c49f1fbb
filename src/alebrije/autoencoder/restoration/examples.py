"""What restoration learns from: patches of good pictures beside what was made worse of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alebrije.core.image import list_pictures, load
from alebrije.core.metrics import luma
from alebrije.data.degrade import imresize, jpeg, poisson_noise
from alebrije.errors import DataError

LOWEST_PEAK, HIGHEST_PEAK = 10.0, 200.0  # photons of a white pixel
LOWEST_QUALITY, HIGHEST_QUALITY = 10, 90


def read(folder: Path | str, at_least: int) -> tuple[list[Tensor], list[str]]:
    """The pictures of a folder, uint8 [3, H, W], whose sides have `at_least` pixels, and what is left out, in words.

    Raises `DataError` if none is left.
    """
    pictures, left_out = [], []
    for path in list_pictures(Path(folder)):
        image = load(path).on_white
        if min(image.shape[-2:]) < at_least:
            left_out.append(path.name)
        else:
            pictures.append(_bytes(image)[0])
    if not pictures:
        raise DataError(f"no picture in {folder} has sides of {at_least} pixels or more: take larger ones, or a smaller patch")
    notices = [f"left out, as they have fewer than {at_least} pixels a side: {', '.join(left_out)}"] if left_out else []
    return pictures, notices


def reduced(pictures: Sequence[Tensor], scale: float, at_least: int) -> list[Tensor]:
    """The pictures uint8 [3, H, W] once more at a smaller scale, where enough is left: finer detail, fewer traces of JPEG."""
    large = (picture for picture in pictures if int(min(picture.shape[-2:]) * scale) >= at_least)
    return [_bytes(imresize(picture[None].float() / 255, scale))[0] for picture in large]


def _bytes(images: Tensor) -> Tensor:
    return (images.clamp(0, 1) * 255).round().to(torch.uint8)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pictures beside their reductions, both as luma, uint8 in units of 1/255, rounded as files would be.

    `sharp[i]` is [1, scale h, scale w], `small[i]` [1, h, w]. Luma is rounded, which the test protocol does only to colours: it
    differs by less than half a level.
    """

    sharp: Sequence[Tensor]
    small: Sequence[Tensor]
    scale: int

    def sample(self, indices: Tensor, patch: int) -> tuple[Tensor, Tensor]:
        """For pictures `indices` [B] a place each, at random, turned and mirrored at random: the small patch [B, 1, P, P] and the
        sharp one [B, 1, scale P, scale P]. Randomness comes from torch's own generator, which checkpoints keep."""
        rows = []
        for index in indices.tolist():
            small, sharp, s = self.small[index], self.sharp[index], self.scale
            y, x = _corner(small, patch)
            pair = (small[:, y : y + patch, x : x + patch], sharp[:, s * y : s * (y + patch), s * x : s * (x + patch)])
            rows.append(_turned(*pair))
        return tuple(torch.stack(part).float() / 255 for part in zip(*rows, strict=True))  # type: ignore[return-value]


def pairs(pictures: Sequence[Tensor], scale: int) -> Pairs:
    """Reduce pictures uint8 [3, H, W] as the super-resolution literature does: MATLAB's bicubic, rounded to 8 bits."""
    sharp, small = [], []
    for picture in pictures:
        height, width = (side // scale * scale for side in picture.shape[-2:])
        image = picture[None, :, :height, :width].float() / 255
        sharp.append(_bytes(luma(image))[0])
        small.append(_bytes(luma(_bytes(imresize(image, 1 / scale)).float() / 255))[0])
    return Pairs(sharp, small, scale)


def patches(pictures: Sequence[Tensor], indices: Tensor, patch: int) -> Tensor:
    """A patch at random, turned and mirrored, of each of the pictures `indices`: float32 [B, 3, P, P]."""
    rows: list[Tensor] = []
    for index in indices.tolist():
        y, x = _corner(pictures[index], patch)
        rows += _turned(pictures[index][:, y : y + patch, x : x + patch])
    return torch.stack(rows).float() / 255


def _corner(picture: Tensor, patch: int) -> tuple[int, int]:
    height, width = picture.shape[-2:]
    return int(torch.randint(height - patch + 1, ())), int(torch.randint(width - patch + 1, ()))


def _turned(*pictures: Tensor) -> tuple[Tensor, ...]:
    way = int(torch.randint(8, ()))
    turned = (torch.rot90(each, way % 4, (-2, -1)) for each in pictures)
    return tuple(each.flip(-1) if way >= 4 else each for each in turned)


def noisy(clean: Tensor, strongest: float, others: float, alike: Tensor | None = None) -> Tensor:
    """Patches [B, C, H, W] made worse, each in its own way: Gaussian noise of a level between 0 and `strongest` / 255, all levels
    equally often; for a share `others` Poisson noise or JPEG instead. Half of those with Gaussian noise are clamped and rounded,
    as files are, half are not, as in the literature's tests. Where `alike`, bool [B], is true, all channels get the same noise,
    as those of a grey file have."""
    count = len(clean)
    alike = torch.zeros(count, dtype=torch.bool) if alike is None else alike
    level = torch.rand(count, 1, 1, 1) * strongest / 255
    noise = torch.randn_like(clean)
    spoiled = clean + level * torch.where(alike.view(-1, 1, 1, 1), noise[:, :1], noise)
    as_file = torch.rand(count, 1, 1, 1) < 0.5
    spoiled = torch.where(as_file, (spoiled.clamp(0, 1) * 255).round() / 255, spoiled)
    for number in (torch.rand(count) < others).nonzero().flatten().tolist():
        one = clean[number : number + 1, : 1 if alike[number] else None]
        if torch.rand(()) < 0.5:
            peak = LOWEST_PEAK * (HIGHEST_PEAK / LOWEST_PEAK) ** float(torch.rand(()))
            spoiled[number] = poisson_noise(one, peak)[0]
        else:
            spoiled[number] = jpeg(one, int(torch.randint(LOWEST_QUALITY, HIGHEST_QUALITY + 1, ())))[0]
    return spoiled


def gray_some(clean: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """RGB patches, of which a share is made grey at random, as bright as Rec. 601 luma (full range); and which, bool [B]."""
    weights = clean.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    gray = torch.rand(len(clean)) < share
    return torch.where(gray.view(-1, 1, 1, 1), (clean * weights).sum(1, keepdim=True), clean), gray
