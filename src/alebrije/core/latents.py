"""Pictures out of latents, whatever network draws them: single ones, paths between latents, walks along directions.

A family tells how its latents are drawn and decoded with a `Source`; all else is done here, for autoencoders and GANs alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.generating import AXES, PICTURES, GenerateConfig
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Events, Started, Step

AT_ONCE = 64
REACH = 2.5  # standard deviations to both sides that a walk goes
SMALLEST_SHOWN = 64  # pixels: smaller pictures are enlarged in sheets and films
GAP = 2  # white pixels between the pictures of a sheet, before they are enlarged


@dataclass(frozen=True, slots=True)
class Source:
    """A trained network that draws pictures.

    `draw(count, generator)` gives latents [count, D], float32 on the CPU, truncated as the settings say; `picture(latents)` gives
    pictures float32 [count, C, H, W] in [0, 1] on the CPU. `spherical`: latents lie near a sphere around 0, and paths keep to it.
    `middle` [D] is their mean, `axes` [K, D] their main directions, the widest first, each one standard deviation long.
    `facts` join the report.
    """

    draw: Callable[[int, torch.Generator], Tensor]
    picture: Callable[[Tensor], Tensor]
    middle: Tensor
    axes: Tensor
    spherical: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generated:
    """What `generate` ends with: pictures [N, C, H, W] in [0, 1]; of a film also its `frames`, sheets [1, 3, H, W] each; `report`
    as `--json` prints it."""

    images: Tensor
    frames: tuple[Tensor, ...]
    report: dict[str, Any]

    @property
    def image(self) -> Tensor:
        """All pictures on one sheet, [1, 3, H, W]."""
        return sheet(self.images)


def generate(source: Source, config: GenerateConfig) -> Events:
    """Draw pictures, or with `interpolate` or `walk` the frames of a film. Ends with `Done(Generated)`."""
    if config.interpolate and config.walk:
        raise ConfigError("--interpolate and --walk are two films: give one of them")
    generator = torch.Generator().manual_seed(config.seed)
    if config.walk:
        count = min(config.count or AXES, len(source.axes))
        paths = walk(source.middle, source.axes[:count], config.truncation, 4 * config.frames)
    elif config.interpolate:
        count = config.count or 1
        stops = [source.draw(config.interpolate, generator) for _ in range(count)]
        paths = torch.stack([loop(one, config.frames, spherical=source.spherical) for one in stops], 1)
    else:
        count = config.count or PICTURES
        paths = source.draw(count, generator)[None]
    yield Started("drawing pictures", paths.shape[0] * paths.shape[1])
    flat, found = paths.flatten(0, 1), []
    try:
        for some in torch.split(flat, AT_ONCE):
            found.append(source.picture(some))
            yield Step(min(len(flat), AT_ONCE * len(found)), len(flat))
    except Interrupted:
        if not found or len(paths) > 1:  # half a film is none
            raise
    images = torch.cat(found)
    frames: tuple[Tensor, ...] = ()
    if len(paths) > 1:
        frames = tuple(sheet(one) for one in torch.split(images, count))
        images = images[:count]
    report = {"count": len(images), "frames": len(frames), "seed": config.seed, "truncation": config.truncation, **source.facts}
    yield Done(Generated(images, frames, report), interrupted=len(images) < count)


def loop(stops: Tensor, frames: int, *, spherical: bool) -> Tensor:
    """The closed path through latents [K, D], `frames` steps from each to the next: [K * frames, D]."""
    between = slerp if spherical else torch.lerp
    shares = (torch.arange(frames, dtype=stops.dtype) / frames)[:, None]
    return torch.cat([between(one, other, shares) for one, other in zip(stops, stops.roll(-1, 0), strict=True)])


def slerp(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """From one latent [D] to another along the great circle between their directions, its length changing evenly; `share` [T, 1].

    Shoemake, "Animating rotation with quaternion curves", SIGGRAPH 1985; for latents White, "Sampling generative networks", 2016:
    the straight line between two normal latents of many dimensions passes through where hardly any latent lies.
    """
    lengths = first.norm(), second.norm()
    one, other = first / lengths[0].clamp_min(1e-12), second / lengths[1].clamp_min(1e-12)
    angle = torch.acos((one.double() @ other.double()).clamp(-1, 1)).to(first.dtype)
    if float(angle.sin()) < 1e-3:  # one direction, or opposite ones, between which no circle is the shortest
        return torch.lerp(first, second, share)
    direction: Tensor = (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other) / angle.sin()
    length: Tensor = torch.lerp(lengths[0], lengths[1], share)
    return direction * length


def walk(middle: Tensor, axes: Tensor, truncation: float, frames: int) -> Tensor:
    """From the middle [D] along each of the axes [K, D] as a pendulum swings, `REACH` of its lengths to both sides: latents
    [frames, K, D]."""
    swing = torch.sin(torch.arange(frames, dtype=middle.dtype) * 2 * math.pi / frames)
    return middle + truncation * REACH * swing[:, None, None] * axes


def sheet(images: Tensor, columns: int | None = None) -> Tensor:
    """Pictures [N, C, H, W] in rows on white, [1, 3, H', W'], small ones enlarged; about square if `columns` is not given."""
    count, _, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count * height / width))
    rows = -(-count // columns)
    padded = F.pad(images.clamp(0, 1).expand(-1, 3, -1, -1), (0, GAP, 0, GAP), value=1.0)
    blank = padded.new_ones(rows * columns - count, *padded.shape[1:])
    cells = torch.cat([padded, blank]).view(rows, columns, 3, height + GAP, width + GAP)
    grid = cells.permute(2, 0, 3, 1, 4).reshape(1, 3, rows * (height + GAP), columns * (width + GAP))[..., :-GAP, :-GAP]
    enlarge = -(-SMALLEST_SHOWN // max(height, width))
    return grid.repeat_interleave(enlarge, -1).repeat_interleave(enlarge, -2)
