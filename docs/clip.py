"""The clip of the page on style: a camera moves over a photograph (scikit-image's rocket), and drawn creature 7 walks by.

    python docs/clip.py clip.mp4
    alebrije stylize clip.mp4 demo/inputs/night.png -o night.mp4 --size 192
    alebrije stylize clip.mp4 demo/inputs/night.png -o loose.mp4 --size 192 --temporal-weight 0
    python docs/clip.py clip.mp4 loose.mp4 night.mp4 docs/pictures/style-video.jpg

The last command lays four frames of each video in a row, and beside them how much the last of them differs from the one before
it, moved by the clip's optical flow: five times the difference, on grey.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import torch
from skimage import data
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.flow import optical_flow, warp
from alebrije.core.image import resize, save
from alebrije.core.video import save_video
from alebrije.core.video_read import read_video
from alebrije.data.draw import creature

HEIGHT, WIDTH, FRAMES = 192, 256, 16
CREATURE = 100  # pixels a side


def walker(seed: int) -> tuple[Tensor, Tensor]:
    """A creature and its opacity: what of the white behind it can be reached from the border is clear."""
    drawn = creature(seed, 2 * CREATURE, background="white").image
    white = (drawn.amin(1, keepdim=True) > 0.97).float()
    clear = F.pad(torch.zeros_like(white)[..., 1:-1, 1:-1], (1, 1, 1, 1), value=1) * white
    while not torch.equal(grown := F.max_pool2d(clear, 3, 1, 1) * white, clear):
        clear = grown
    return resize(drawn, (CREATURE, CREATURE)), resize(1 - clear, (CREATURE, CREATURE))


def looked_up(picture: Tensor, columns: Tensor, rows: Tensor, border: str) -> Tensor:
    """The picture at these places, in its own pixels."""
    height, width = picture.shape[-2:]
    places = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)[None]
    return F.grid_sample(picture, places, mode="bicubic", padding_mode=border, align_corners=False).clamp(0, 1)


def frames() -> list[Tensor]:
    """The clip, [1, 3, HEIGHT, WIDTH] each."""
    photograph = torch.from_numpy(data.rocket()).movedim(-1, 0)[None] / 255
    photograph = resize(photograph, (round(1.3 * HEIGHT), round(1.3 * HEIGHT * photograph.shape[-1] / photograph.shape[-2])))
    picture, opacity = walker(7)
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    made = []
    for number in range(FRAMES):
        step, zoom = number - (FRAMES - 1) / 2, 1.002**number
        across = (columns - (WIDTH - 1) / 2) / zoom + (photograph.shape[-1] - 1) / 2 + 2 * step
        down = (rows - (HEIGHT - 1) / 2) / zoom + (photograph.shape[-2] - 1) / 2 + step / 2
        behind = looked_up(photograph, across, down, "reflection")
        place = (columns - (WIDTH - CREATURE) / 2 - 4 * step, rows - HEIGHT + 1.05 * CREATURE - 2 * math.sin(number / 2))
        cover = looked_up(opacity, *place, "zeros")
        made.append(torch.lerp(behind, looked_up(picture, *place, "border"), cover))
    return made


def sheet(paths: list[str]) -> Tensor:
    """Frames of the videos, and what changes in them beside motion."""
    clip, *others = [[frame.pixels for frame in read_video(path).frames()] for path in paths]
    size = others[0][0].shape[-2:]
    clip = [resize(frame, (size[0], size[1])) for frame in clip]
    flow = optical_flow(clip[-1], clip[-2])
    rows = []
    for film in (clip, *others):
        change = (0.5 + 5 * (film[-1] - warp(film[-2], flow, "bicubic"))).clamp(0, 1)
        picked = [film[int(place)] for place in np.linspace(1, len(film) - 1, 4)]
        rows.append(torch.cat([*picked, change], -1))
    return torch.cat(rows, -2)


if __name__ == "__main__":
    *videos, target = sys.argv[1:]
    if videos:
        save(sheet(videos), target, force=True, quality=90)
    else:
        save_video(frames(), Path(target), fps=12, force=True)
