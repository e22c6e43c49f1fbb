"""What an eye sees of a whole picture from a distance, and a judge who looks at nothing else.

The observer never makes a hybrid: it reckons with powers over frequency. Here the hybrid is made, clipped, filtered as a
picture, and shown to a network that was trained for something else, so that agreement says something. A network reads
any frequency that its pixels hold; what an eye cannot see has to be taken away before it looks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from alebrije.core.image import resize, to_gray
from alebrije.hybrid.blend import blend, to_sigma
from alebrije.hybrid.observer import NOISE, Viewing, degrees, sensitivity

SIDE = 224  # pixels: the judge's copies have about SIDE^2 of them
RESOLVED = 20.0  # cycles per degree where the sensitivity has fallen to half: views get no more pixels than show these
GREY, CONTRAST = 0.5, 0.2  # mean and deviation of every view: an eye adapts to light and contrast
SMALLEST = 32  # pixels a side that every view has at least, for the networks' sake

Look = Callable[[Tensor], Mapping[str, Tensor]]
"""A network: [B, 3, H, W] in [0, 1] -> {layer: [B, C, h, w]}, such as `features.load` returns."""


class Choice(NamedTuple):
    """What a planner chose: `low` is first or second, cut-offs in cycles per image width."""

    low: str
    cycles_low: float
    cycles_high: float


class Verdict(NamedTuple):
    """How much nearer each view is to the picture that should be seen than to the other: in [-1, 1], 0 for undecided.

    `near` and `far` by what is where (features), the other two by texture alone (their Gram matrices).
    """

    near: float
    far: float
    near_texture: float
    far_texture: float

    @property
    def score(self) -> float:
        """The worse view, as in the observer's score; texture does not count."""
        return min(self.near, self.far)


def eye(images: Tensor, width: float, distance: float) -> Tensor:
    """Filter pictures by the contrast sensitivity of an eye at `distance` before pictures `width` wide (metres).

    images: float [B, C, H, W] with square pixels, reflected at the borders. The gain at f cycles per degree is
    `observer.sensitivity(f)` (Mannos and Sakrison 1974, about 1 at its peak); the mean is kept, as an eye adapts to it.
    Returns the same shape and type, not clipped: linear in the pictures, and the same whatever the resolution.
    """
    rows, columns = images.shape[-2:]
    mirrored = torch.cat([images, images.flip(-1)], -1)
    spectrum = torch.fft.rfft2(torch.cat([mirrored, mirrored.flip(-2)], -2))
    down = torch.fft.fftfreq(2 * rows, dtype=images.dtype, device=images.device)[:, None]
    cycles = columns * torch.hypot(down, torch.fft.rfftfreq(2 * columns, dtype=images.dtype, device=images.device))
    gain = sensitivity(cycles / degrees(torch.tensor(distance / width, dtype=images.dtype, device=images.device)))
    gain[0, 0] = 1
    seen: Tensor = torch.fft.irfft2(spectrum * gain, s=(2 * rows, 2 * columns))
    return seen[..., :rows, :columns]


def view(images: Tensor, width: float, distance: float) -> Tensor:
    """What is shown to the judge: pictures [B, 1, H, W] filtered by `eye`, in their size on the retina, and adapted to.

    A picture far away is a small one. It gets as many pixels as show `RESOLVED` cycles per degree, so that a network,
    whose filters know pixels and no degrees, cannot look closer than an eye; it never gets more than it has.
    """
    seen = eye(images, width, distance)
    seen = GREY + seen - seen.mean((1, 2, 3), keepdim=True)
    wanted = 2 * RESOLVED * float(degrees(torch.tensor(distance / width, dtype=torch.float64)))
    scale = min(1.0, max(wanted / images.shape[-1], SMALLEST / min(images.shape[-2:])))
    return adapted(resize(seen, (round(images.shape[-2] * scale), round(images.shape[-1] * scale))))


def adapted(seen: Tensor) -> Tensor:
    """Each picture [B, 1, H, W] with its mean made grey and its contrast brought to `CONTRAST`; noise stays small.

    Without it a distance tells little but which picture has more contrast: a hybrid lacks some, so that it is near to
    the paler of the two from everywhere.
    """
    deviations = seen - seen.mean((1, 2, 3), keepdim=True)
    power = deviations.square().mean((1, 2, 3), keepdim=True)
    return GREY + CONTRAST * deviations / (power + NOISE).sqrt()


def copy(image: Tensor) -> Tensor:
    """The picture in the judge's size: [1, 3, H, W] -> the same proportions with about `SIDE`^2 pixels."""
    height, width = image.shape[-2:]
    scale = SIDE / math.sqrt(height * width)
    return resize(image, (max(1, round(height * scale)), max(1, round(width * scale))))


def cross(first: Tensor, second: Tensor, choice: Choice) -> Tensor:
    """The hybrid of two pictures [1, 3, H, W] of one size, as `alebrije hybrid` makes it."""
    low, high = (first, second) if choice.low == "first" else (second, first)
    width = first.shape[-1]
    return blend(low, high, to_sigma(choice.cycles_low, width), to_sigma(choice.cycles_high, width))


def judge(
    look: Look, first: Tensor, second: Tensor, choices: Sequence[Choice], viewing: Viewing, *, filtered: bool = True
) -> list[Verdict]:
    """What a network says of the hybrids that `choices` make of two pictures [1, 3, H, W] of one size.

    Every view of the luma is compared with the same view of either original, at each layer of `look`, by features
    (Gatys, Ecker, Bethge 2016, eq. 1) and by Gram matrices (eq. 3). A margin is the difference of the two distances over
    the distance of the originals: by the triangle inequality in [-1, 1], 1 where the view *is* the wanted picture's.
    Margins are means over layers. Without `filtered` the network sees the whole hybrid, in full size, from everywhere.
    """
    first, second = copy(first), copy(second)
    pictures = to_gray(torch.cat([first, second, *(cross(first, second, choice) for choice in choices)]))
    if filtered:
        views = [view(pictures, viewing.width, distance) for distance in (viewing.near, viewing.far)]
    else:
        views = [adapted(pictures)]
    leanings = [_leaning(look, shown.expand(-1, 3, -1, -1)) for shown in views]
    verdicts = []
    for index, choice in enumerate(choices):
        sign = 1 if choice.low == "first" else -1
        (near, near_texture), (far, far_texture) = (leaning[:, index].tolist() for leaning in (leanings[0], leanings[-1]))
        verdicts.append(Verdict(sign * near, -sign * far, sign * near_texture, -sign * far_texture))
    return verdicts


def _leaning(look: Look, shown: Tensor) -> Tensor:
    """Of pictures [2 + P, 3, H, W], how much each after the first two leans to the second rather than the first: [2, P],
    by features and by Gram matrices. Pictures that cannot be told apart have no pull."""
    with torch.no_grad():
        taps = look(shown)
    margins = []
    for features in taps.values():
        for points in (features.flatten(1), _grams(features).flatten(1)):
            to_first, to_second = ((points[2:] - points[k]).double().norm(dim=1) for k in (0, 1))
            apart = (points[0] - points[1]).double().norm()
            margins.append((to_first - to_second) / apart if apart > 0 else torch.zeros_like(to_first))
    return torch.stack([torch.stack(margins[kind::2]).mean(0) for kind in (0, 1)])


def _grams(features: Tensor) -> Tensor:
    """Gram matrices [B, C, C] of features [B, C, h, w], divided by the number of positions."""
    positions = features.flatten(2).float()
    return positions @ positions.mT / positions.shape[2]
