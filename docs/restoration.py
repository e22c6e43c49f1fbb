"""The before and after pictures of the page on restoration, from scikit-image's photographs.

    python docs/restoration.py inputs
    alebrije upscale inputs/small.png -o small-x4.png --scale 4 --quality best
    alebrije denoise inputs/noisy.png -o noisy-clean.png
    alebrije denoise inputs/squeezed.png -o squeezed-clean.png
    python docs/restoration.py inputs small-x4.png noisy-clean.png squeezed-clean.png docs/pictures/restoration.jpg

The first command makes worse what was good: the astronaut at a quarter of her size, the coffee with Gaussian noise of standard
deviation 25, the cat through JPEG of quality 12, with a little noise. The last lays details side by side: as given (the small one
enlarged bicubically), restored, and as the photograph was.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from skimage import data
from torch import Tensor

from alebrije.core.image import load, save
from alebrije.data.degrade import gaussian_noise, imresize, jpeg

SIDE, GAP = 240, 6
DETAILS = {"astronaut": (20, 110), "coffee": (60, 180), "chelsea": (40, 90)}  # top, left


def photograph(name: str) -> Tensor:
    """[1, 3, H, W] with sides that 4 divides."""
    pixels = torch.from_numpy(getattr(data, name)()).movedim(-1, 0)[None].float() / 255
    return pixels[..., : pixels.shape[-2] // 4 * 4, : pixels.shape[-1] // 4 * 4]


def make(folder: Path) -> None:
    """Write what the networks are given."""
    noise = torch.Generator().manual_seed(0)
    save(imresize(photograph("astronaut"), 1 / 4).clamp(0, 1), folder / "small.png", force=True)
    save(gaussian_noise(photograph("coffee"), 25 / 255, noise), folder / "noisy.png", force=True)
    save(jpeg(gaussian_noise(photograph("chelsea"), 4 / 255, noise), 12), folder / "squeezed.png", force=True)


def lay(folder: Path, results: list[Path], target: Path) -> None:
    """The details in three columns."""
    given = [imresize(load(folder / "small.png").pixels, 4).clamp(0, 1)]
    given += [load(folder / f"{name}.png").pixels for name in ("noisy", "squeezed")]
    rows = []
    for before, after, (name, (top, left)) in zip(given, results, DETAILS.items(), strict=True):
        row = torch.ones(1, 3, SIDE, 3 * SIDE + 2 * GAP)
        for column, pixels in enumerate((before, load(after).pixels, photograph(name))):
            place = column * (SIDE + GAP)
            row[..., place : place + SIDE] = pixels[..., top : top + SIDE, left : left + SIDE]
        rows += [row, torch.ones(1, 3, GAP, row.shape[-1])]
    save(torch.cat(rows[:-1], dim=2), target, force=True)


def main() -> None:
    """Make the inputs, or lay out the results."""
    folder, *others = map(Path, sys.argv[1:])
    if not others:
        folder.mkdir(parents=True, exist_ok=True)
        make(folder)
    else:
        lay(folder, others[:-1], others[-1])


if __name__ == "__main__":
    main()
