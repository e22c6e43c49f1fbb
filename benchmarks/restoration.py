"""The restoration networks that ship, on test pictures none of them has learned from: PSNR beside bicubic, and beside BM3D.

    python benchmarks/restoration.py --upscale FOLDER [FOLDER ...]     Set5, Set14: scales 2, 3 and 4, on Y
    python benchmarks/restoration.py --denoise FOLDER --last 68        the folder's last 68 pictures by name: grey and colour
    python benchmarks/restoration.py ... --bm3d-every 4                BM3D (half a minute a picture) on every fourth of them only
    python benchmarks/restoration.py ... --networks FOLDER             other networks: FOLDER/fast-x2, FOLDER/denoise ... are runs

How it is counted stands at the top of `alebrije.autoencoder.restoration.evaluate`. BM3D (PyPI `bm3d`, optional, slow) is told the
noise level, our denoiser is not. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije.autoencoder.restoration import evaluate, nets, store
from alebrije.core.image import list_pictures
from alebrije.data.degrade import imresize
from alebrije.errors import AlebrijeError

SCALES = (2, 3, 4)


def upscaling(folders: Sequence[Path], networks: Path | None) -> dict[str, Any]:
    """folder -> scale -> method -> mean PSNR."""
    results: dict[str, Any] = {}
    for folder in folders:
        paths = list_pictures(folder)
        for scale in SCALES:
            ways: dict[str, Callable[[Tensor], Tensor]] = {"bicubic": lambda small, scale=scale: imresize(small, scale)}
            for kind in ("fast",) if networks is None else nets.UPSCALERS:
                try:
                    network = store.open_network(kind if networks is None else str(networks / f"{kind}-x{scale}"), scale)
                except AlebrijeError as error:
                    print(f"left out: {error}")
                    continue
                ways |= {kind: network, f"{kind}, eight ways": nets.EightWays(network)}
            row = {name: statistics.mean(evaluate.upscaling(way, paths, scale)) for name, way in ways.items()}
            results.setdefault(folder.name, {})[f"x{scale}"] = row
            print(f"{folder.name} x{scale}: " + ", ".join(f"{name} {value:.2f}" for name, value in row.items()), flush=True)
    return results


def bm3d_restore(sigma: float) -> Callable[[Tensor], Tensor] | None:
    """BM3D at a known level, or None where it is not installed."""
    try:
        import bm3d
    except ImportError:
        print("left out: BM3D (pip install bm3d)")
        return None

    def restore(images: Tensor) -> Tensor:
        spoiled = images[0].movedim(0, -1).double().numpy()
        found = bm3d.bm3d_rgb(spoiled, sigma / 255) if spoiled.shape[-1] == 3 else bm3d.bm3d(spoiled[..., 0], sigma / 255)
        return torch.from_numpy(found).float().reshape(spoiled.shape).movedim(-1, 0)[None]

    return restore


def denoising(paths: Sequence[Path], sigmas: Sequence[float], networks: Path | None, every: int) -> dict[str, Any]:
    """grey or colour -> sigma -> method -> mean PSNR, and the gain over BM3D on every n-th picture with its 95 % interval."""
    place = "denoise" if networks is None else str(networks / "denoise")
    ours = evaluate.denoiser(store.open_network(place))
    results: dict[str, Any] = {}
    for gray in (True, False):
        for sigma in sigmas:
            found = evaluate.denoising(ours, paths, sigma, gray)
            row: dict[str, Any] = {"noisy": statistics.mean(evaluate.denoising(lambda image: image, paths, sigma, gray))}
            row["ours"] = statistics.mean(found)
            theirs = bm3d_restore(sigma) if every else None
            if theirs:
                numbers = range(0, len(paths), every)
                others = evaluate.denoising(theirs, paths, sigma, gray, numbers)
                gains = [found[number] - other for number, other in zip(numbers, others, strict=True)]
                margin = 1.96 * statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else 0.0
                row |= {"BM3D": statistics.mean(others), "pictures": len(gains), "gain": statistics.mean(gains), "margin": margin}
            results.setdefault("grey" if gray else "colour", {})[f"{sigma:g}"] = row
            text = ", ".join(f"{name} {value:.2f}" for name, value in row.items())
            print(f"{'grey' if gray else 'colour'}, sigma {sigma:g}, {len(paths)} pictures: {text}", flush=True)
    return results


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--upscale", type=Path, nargs="+", default=[])
    parser.add_argument("--denoise", type=Path)
    parser.add_argument("--last", type=int, default=0, help="take only the last N pictures by name")
    parser.add_argument("--sigmas", type=float, nargs="+", default=[25.0])
    parser.add_argument("--networks", type=Path)
    parser.add_argument("--bm3d-every", type=int, default=1, help="compare with BM3D on every n-th picture; 0: not at all")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    if options.upscale:
        results["upscale"] = upscaling(options.upscale, options.networks)
    if options.denoise:
        paths = sorted(list_pictures(options.denoise), key=lambda path: path.name)[-options.last :]
        results["denoise"] = denoising(paths, options.sigmas, options.networks, options.bm3d_every)
    print(json.dumps(results))


if __name__ == "__main__":
    main()
