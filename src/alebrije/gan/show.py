"""Pictures of a training: 25 from latents that never change, generated beside real, each beside the nearest one learnt, a GIF.

Figures whose names end in ``-data`` show pictures that were learned from: mind whose they are before you pass one on.
"""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.core import image
from alebrije.core.fit import State
from alebrije.features.judging import neighbours
from alebrije.gan.data import shown, spread
from alebrije.gan.game import Game, averaged
from alebrije.gan.referee import small

ROWS = 5
NEAREST = 8
SMALLEST_SHOWN = 64  # pixels: smaller pictures are enlarged
GAP = 2  # white pixels between pictures
FPS = 6
MOST_FRAMES = 120
AT_ONCE, REDUCED_AT_ONCE = 64, 1024


def fixed_latents(seed: int, count: int, latent_dim: int) -> Tensor:
    """The same standard normal numbers for the same seed, whatever else was drawn: [count, latent_dim]."""
    return torch.randn(count, latent_dim, generator=torch.Generator().manual_seed(seed + 1))


@torch.no_grad()
def drawn(game: Game, state: State, count: int) -> tuple[Tensor, Tensor | None]:
    """`count` pictures from fixed latents, as the generator would be used now: float32 in about [-1, 1], of the present stage's
    size; and the tags they were drawn with, those of pictures from all over the data."""
    latents = fixed_latents(game.config.seed, count, game.config.latent_dim).to(game.device)
    tags = game.tags(spread(count, len(game.pictures.images)).to(game.device))
    return generated(averaged(game, state), latents, tags), tags


def generated(generator: nn.Module, latents: Tensor, tags: Tensor | None) -> Tensor:
    """Pictures of latents, some at a time."""
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(latents), AT_ONCE)]
    return torch.cat([generator(latents[part], None if tags is None else tags[part]).float() for part in parts])


def sample(game: Game, state: State) -> Tensor:
    """25 pictures, five in a row: [1, 3, H, W] in [0, 1]. Those of early stages are enlarged to the last one's size."""
    return grid(_full(game, drawn(game, state, ROWS * ROWS)[0]))


def _full(game: Game, images: Tensor) -> Tensor:
    """Enlarged, without smoothing, to the size of the pictures that are learned from."""
    size = game.pictures.shape[1:]
    return images if tuple(images.shape[-2:]) == size else F.interpolate(images, size)


def grid(images: Tensor, columns: int = ROWS) -> Tensor:
    """Pictures [B, C, H, W] in [-1, 1] in rows of `columns`, white between them: [1, 3, H, W] in [0, 1], on the CPU."""
    pixels = ((images.detach().cpu().clamp(-1, 1) + 1) / 2).expand(-1, 3, -1, -1)
    pixels = F.pad(pixels, (0, GAP, 0, GAP), value=1.0)
    rows = [torch.cat(list(row), 2) for row in torch.split(pixels, columns)]
    width = max(row.shape[2] for row in rows)
    whole = torch.cat([F.pad(row, (0, width - row.shape[2]), value=1.0) for row in rows], 1)[None, :, :-GAP, :-GAP]
    times = max(1, math.ceil(SMALLEST_SHOWN / images.shape[-1]))
    return whole.repeat_interleave(times, -1).repeat_interleave(times, -2)


def keepsakes(game: Game, state: State) -> list[Path]:
    """Generated beside real, generated beside the nearest picture that was learnt, and the GIF of the training."""
    place = game.folder / "plots"
    images = _full(game, drawn(game, state, ROWS * ROWS)[0])
    learnt = game.pictures.images
    chosen = torch.randperm(len(learnt), generator=torch.Generator().manual_seed(game.config.seed))[: ROWS * ROWS]
    left, right = grid(images), grid(shown(learnt[chosen.to(learnt.device)]))
    height = max(left.shape[2], right.shape[2])
    both = [F.pad(each, (0, 0, 0, height - each.shape[2]), value=1.0) for each in (left, F.pad(right, (16, 0, 0, 0), value=1.0))]
    near = shown(learnt[nearest(images[:NEAREST], learnt)])
    made = [
        image.save(torch.cat(both, 3), place / "beside-data.png", force=True),
        image.save(grid(torch.cat([images[:NEAREST], near]), NEAREST), place / "nearest-data.png", force=True),
    ]
    frames = sorted((game.folder / "samples").glob("*.png"))
    if len(frames) > 1:
        taken = [frames[round(index)] for index in torch.linspace(0, len(frames) - 1, min(len(frames), MOST_FRAMES)).tolist()]
        made.append(image.save_gif([image.load(path).pixels for path in taken], place / "training.gif", fps=FPS, force=True))
    return made


def nearest(images: Tensor, learnt: Tensor) -> Tensor:
    """For each picture [B, C, H, W] in [-1, 1] the place of the nearest among `learnt`, uint8 [N, C, H, W]: root mean square
    of pixels, both reduced to at most 16 a side."""
    return neighbours.nearest(small(images).flatten(1), reduced(learnt))[0]


def reduced(images: Tensor) -> Tensor:
    """What pictures uint8 [N, C, H, W] are compared by: [N, F], see `referee.small`."""
    return torch.cat([small(shown(some)).flatten(1) for some in torch.split(images, REDUCED_AT_ONCE)])
