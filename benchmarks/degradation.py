"""How well noise, blur and missing detail are told from pictures alone: what was added to photographs, beside what is measured.

    python benchmarks/degradation.py                                photographs of scikit-image
    python benchmarks/degradation.py --pictures FOLDER --count 12   every n-th picture of a folder

Noise is Gaussian, independent in red, green and blue, clamped and rounded to 8 bits; Poisson noise is told as photons of a white
pixel. Blur and noise that the photographs have already are taken off (in squares). The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from alebrije.autoencoder.restoration import estimators
from alebrije.core.filters import gaussian_blur
from alebrije.core.image import list_pictures, load
from alebrije.data.degrade import imresize, jpeg, poisson_noise

SIGMAS = (1, 2, 5, 10, 15, 25, 50)
BLURS = (0.5, 0.7, 1.0, 1.5, 2.0)
QUALITIES = (None, 90, 60)
TIMES = (1, 1.5, 2, 3, 4)
PEAKS = (800, 200, 50)
NAMES = ("chelsea", "coffee", "astronaut", "rocket")
SIDE = 252


def photographs(folder: Path | None, count: int) -> list[Tensor]:
    """Pictures [1, 3, H, W] with sides that 12 divides."""
    if folder is None:
        from skimage import data

        pictures = [load(getattr(data, name)()).pixels[..., :SIDE, 60 : 60 + SIDE] for name in NAMES]
    else:
        paths = list_pictures(folder)
        pictures = [load(path).pixels for path in paths[:: max(1, len(paths) // count)][:count]]
    return [each[..., : each.shape[-2] // 12 * 12, : each.shape[-1] // 12 * 12] for each in pictures]


def eight_bits(images: Tensor) -> Tensor:
    """As a file of 8 bits holds them."""
    return images.clamp(0, 1).mul(255).round().div(255)


def known(values: Sequence[float]) -> list[float]:
    """Those that are numbers."""
    return [value for value in values if math.isfinite(value)]


def noise(pictures: Sequence[Tensor]) -> list[dict[str, float]]:
    """One row for each level: the median, the root mean square error, and of how many pictures it could be told."""
    own = [estimators.noise_level(picture) for picture in pictures]
    print(f"their own noise: {', '.join(f'{255 * value:.1f}' for value in own)}", flush=True)
    own = [value if math.isfinite(value) else 0.0 for value in own]
    rows = []
    for sigma in SIGMAS:
        chance = torch.Generator().manual_seed(sigma)
        spoiled = [eight_bits(picture + sigma / 255 * torch.randn(picture.shape, generator=chance)) for picture in pictures]
        told = [255 * math.sqrt(max(0.0, found**2 - before**2)) for found, before in
                zip(map(estimators.noise_level, spoiled), own, strict=True) if math.isfinite(found)]  # fmt: skip
        error = math.sqrt(sum((value - sigma) ** 2 for value in told) / max(1, len(told)))
        rows.append({"sigma": sigma, "median": statistics.median(told or [math.nan]), "rms_error": error, "told": len(told)})
        of = f"{len(told)} of {len(pictures)} pictures"
        print(f"noise {sigma:3d}: {rows[-1]['median']:6.2f}, rms error {error:.2f}, {of}", flush=True)
    return rows


def poisson(pictures: Sequence[Tensor]) -> list[dict[str, float]]:
    """One row for each number of photons: what is told, from all pictures together."""
    rows = []
    for peak in PEAKS:
        chance = torch.Generator().manual_seed(peak)
        counted = [eight_bits(poisson_noise(picture, peak, chance)) for picture in pictures]
        constant, slope = estimators.noise_line(estimators.noise_by_brightness(counted))
        rows.append({"peak": peak, "told": 1 / max(slope, 1e-9), "constant": 255 * math.sqrt(constant)})
        print(f"photons {peak:4d}: {rows[-1]['told']:.0f}, and {rows[-1]['constant']:.1f} levels at black", flush=True)
    return rows


def blur(pictures: Sequence[Tensor]) -> list[dict[str, float | int | None]]:
    """One row for each blur, alone and under JPEG."""

    def told(spoiled: Sequence[Tensor], quality: int | None) -> float:
        spectra = [estimators.spectrum(jpeg(picture, quality) if quality else eight_bits(picture)) for picture in spoiled]
        found = known([estimators.blur_variance(power, estimators.readable(power, 0.0, quality)) for power in spectra])
        return statistics.median(found) if found else math.nan

    rows: list[dict[str, float | int | None]] = []
    for quality in QUALITIES:
        before = told(pictures, quality)
        for sigma in BLURS:
            added = told([gaussian_blur(picture, sigma) for picture in pictures], quality) - before
            rows.append({"sigma": sigma, "jpeg": quality, "told": math.sqrt(max(0.0, added))})
            print(f"blur {sigma} px, JPEG {quality}: {rows[-1]['told']:.2f} px", flush=True)
    return rows


def detail(pictures: Sequence[Tensor]) -> list[dict[str, float]]:
    """One row for each enlargement, bicubic there and back."""
    rows = []
    for times in TIMES:
        shares = []
        for picture in pictures:
            size = (picture.shape[-2], picture.shape[-1])
            spoiled = picture if times == 1 else imresize(imresize(picture, 1 / times), size=size)
            shares.append(estimators.detail(estimators.spectrum(eight_bits(spoiled))))
        rows.append({"times": times, "share": 1 / times, "told": statistics.median(shares)})
        print(f"enlarged {times} times: detail up to {rows[-1]['told']:.2f} of the resolution", flush=True)
    return rows


def main() -> None:
    """Measure, print, and end with JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="a folder of photographs")
    parser.add_argument("--count", type=int, default=12)
    given = parser.parse_args()
    pictures = photographs(given.pictures, given.count)
    print(f"{len(pictures)} photographs")
    results = {"noise": noise(pictures), "poisson": poisson(pictures), "blur": blur(pictures), "detail": detail(pictures)}
    print(json.dumps({"pictures": len(pictures), **results}))


if __name__ == "__main__":
    main()
