"""`alebrije upscale` and `alebrije denoise`: a picture through a trained network, tile by tile.

What came with the picture stays: transparency (enlarged too), 16 bits, colour profile, EXIF, and greyness. Memory is what the
picture and the result take, 12 bytes a pixel each (16 with transparency), and up to twice `tiles.BUDGET` for the tile at work.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.restoration import guard, nets, store, tiles
from alebrije.autoencoder.restoration.engine import Careful
from alebrije.autoencoder.restoration.goal import Goal, goal_of
from alebrije.autoencoder.restoration.hidden import filled
from alebrije.autoencoder.restoration.use_config import CleanConfig, UpscaleConfig
from alebrije.core.image import Picture
from alebrije.core.memory import bytes_free
from alebrije.core.metrics import luma
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.errors import ConfigError
from alebrije.events import Done, Events, Started, Step, Warned

HEADROOM = 255 / 219  # full range per range of luma: Rec. 601 leaves room below black and above white


@dataclass(frozen=True, slots=True)
class Restored:
    """`image` is ready to be saved and carries the picture's alpha, depth, ICC profile and EXIF; `report` can be JSON."""

    image: Picture
    report: dict[str, Any]


def upscale(picture: Picture, config: UpscaleConfig) -> Events:
    """Enlarge a picture; the last event is `Done(Restored)`.

    The network works on luma (Rec. 601); colour differences are enlarged by the bicubic kernel. The report says the size, the
    scale of the network, and how near the reduced result is to the picture (`guard`). Raises `ConfigError` for a scale that the
    network does not have and for a size that memory does not hold, `RunError` and `WeightsError` for a network that cannot be
    used, `NumericsError` if it gives NaN.
    """
    began = time.perf_counter()
    device = choose_device(config.device)
    own = None if config.network is None else store.open_for("upscale", config.network, config.scale)
    known = store.scales("fast") if own is None else (_scale(own),)
    goal = goal_of((picture.height, picture.width), config, known or nets.SCALES)
    channels = (1 if picture.gray else 3) + (picture.alpha is not None)
    _check_memory(picture, goal, channels)
    network = chosen(own, config.quality, goal.scale).to(device)
    careful = Careful(network, choose_dtype(config.precision, device))
    halo = int(network.halo) + guard.REACH * config.corrections + guard.MEASURED  # type: ignore[arg-type]
    plan = tiles.Plan((picture.height, picture.width), goal.size, 0, halo, goal.scale, wrap=config.wrap)
    plan = plan._replace(side=_side(config, careful, plan))
    fidelity = guard.Fidelity()

    def work(given: Tensor, core: tuple[slice, slice]) -> Tensor:
        colours, alpha = (given, None) if picture.alpha is None else (given[:, :-1], given[:, -1:])
        found = guard.corrected(sharpened(careful, colours, goal.scale), colours, goal.scale, config.corrections)
        fidelity.add(found, colours, goal.scale, core)
        return found if alpha is None else torch.cat([found, cutout(careful, alpha, goal.scale)], 1)

    yield from map(Warned, goal.notices)
    out = torch.empty(1, channels, *goal.size)
    yield from _worked(_layers(picture, halo, wrap=config.wrap), out, plan, work, careful, "upscale")
    if notice := fidelity.notice():
        yield Warned(notice)
    report = {
        "size": [goal.size[1], goal.size[0]], "scale": goal.scale, "network": config.network or f"{config.quality}-x{goal.scale}",
        "corrections": config.corrections, **fidelity.report(), **_common(careful, plan, began),
    }  # fmt: skip
    yield Done(Restored(_finished(picture, out), report))


def chosen(own: nn.Module | None, quality: str, scale: int) -> nn.Module:
    """The network at work: the user's own or the one that comes along; for ``best`` it looks at the picture in eight ways."""
    network = own or store.open_for("upscale", "fast", scale)
    return network if quality == "fast" else nets.EightWays(network)


def sharpened(network: Callable[[Tensor], Tensor], colours: Tensor, scale: int) -> Tensor:
    """Grey or RGB pictures [B, 1 or 3, h, w] enlarged: luma by the network, the rest bicubically; not clamped.

    Equal amounts added to R, G and B change luma by 219/255 of it and leave Cb and Cr: no other transform is needed.
    """
    smooth = guard.enlarged(colours, scale)
    return smooth + HEADROOM * (network(_luma(colours)) - _luma(smooth))


def _luma(colours: Tensor) -> Tensor:
    return luma(colours) if colours.shape[1] == 3 else colours / HEADROOM + 16 / 255


def cutout(network: Callable[[Tensor], Tensor], alpha: Tensor, scale: int) -> Tensor:
    """Transparency [B, 1, h, w] enlarged as a grey picture is, each pixel kept between the least and the greatest of the 25
    around it: what is opaque stays so, and so does what is clear."""
    if bool((alpha == alpha[:1, :1, :1, :1]).all()):
        return alpha.repeat_interleave(scale, -1).repeat_interleave(scale, -2)
    most = F.max_pool2d(alpha, 5, 1, 2)
    least = -F.max_pool2d(-alpha, 5, 1, 2)
    low, high = (each.repeat_interleave(scale, -1).repeat_interleave(scale, -2) for each in (least, most))
    return torch.clamp(sharpened(network, alpha, scale), low, high)


def denoise(picture: Picture, config: CleanConfig) -> Events:
    """Take the noise out of a picture; the last event is `Done(Restored)`.

    The report's `noise` is the root mean square of what was taken out, in levels of 255, over all pixels that are not wholly
    transparent; those stay as they are. Raises `RunError` and `WeightsError` for a network that cannot be used, `NumericsError`
    if it gives NaN.
    """
    began = time.perf_counter()
    device = choose_device(config.device)
    network = store.open_for("denoise", config.network or "denoise").to(device)
    careful = Careful(network, choose_dtype(config.precision, device))
    size = (picture.height, picture.width)
    plan = tiles.Plan(size, size, 0, int(network.halo), multiple=int(network.multiple))  # type: ignore[arg-type]
    plan = plan._replace(side=_side(config, careful, plan))
    level = None if config.level is None else torch.full((1, 1, 1, 1), config.level, device=device)
    taken = _Taken()

    def work(given: Tensor, core: tuple[slice, slice]) -> Tensor:
        colours, alpha = (given, None) if picture.alpha is None else (given[:, :-1], given[:, -1:])
        found = careful(colours.expand(-1, 3, -1, -1), level)
        found = (found.mean(1, keepdim=True) if picture.gray else found).clamp(0, 1)
        taken.add(found - colours, alpha, core)
        return found

    out = picture.pixels
    if config.level != 0:
        layers = _layers(picture, plan.halo, wrap=False)
        out = torch.empty(1, 1 if picture.gray else 3, *size)
        yield from _worked(layers, out, plan, work, careful, "denoise")
    pixels = out.expand(-1, 3, -1, -1)
    if picture.alpha is not None:
        pixels = torch.where(picture.alpha > 0, pixels, picture.pixels)
    report = {
        "strength": config.strength if config.level is None else round(255 * config.level, 4), "noise": round(taken.levels, 3),
        "size": list(picture.size), "network": config.network or "denoise", **_common(careful, plan, began),
    }  # fmt: skip
    yield Done(Restored(replace(picture, pixels=pixels, path=None, sha256=None, notices=()), report))


@dataclass(slots=True)
class _Taken:
    """What the denoiser took out, summed up over tiles."""

    squares: float = 0.0
    count: float = 0.0

    def add(self, difference: Tensor, alpha: Tensor | None, core: tuple[slice, slice]) -> None:
        seen = torch.ones_like(difference) if alpha is None else (alpha > 0).expand_as(difference).float()
        rows, columns = core
        self.squares += float((seen * difference.square())[..., rows, columns].sum(dtype=torch.float64))
        self.count += float(seen[..., rows, columns].sum(dtype=torch.float64))

    @property
    def levels(self) -> float:
        return 255 * math.sqrt(self.squares / self.count) if self.count else 0.0


def _layers(picture: Picture, reach: int, *, wrap: bool) -> Tensor:
    """What is worked on: grey or RGB, and alpha, in one tensor; colours that nobody sees are replaced by those beside them."""
    colours = picture.pixels[:, :1] if picture.gray else picture.pixels
    if picture.alpha is None:
        return colours
    return torch.cat([filled(colours, picture.alpha, reach, wrap=wrap), picture.alpha], 1)


def _worked(
    image: Tensor,
    out: Tensor,
    plan: tiles.Plan,
    work: Callable[[Tensor, tuple[slice, slice]], Tensor],
    careful: Careful,
    stage: str,
) -> Events:
    """The events of working through all tiles."""
    device = next(careful.network.parameters()).device
    yield Started(stage, len(tiles.cut(plan, 0)) * len(tiles.cut(plan, 1)))
    warned = False
    for done, total in tiles.each_tile(image, out, plan, work, device):
        if careful.repaired and not warned:
            warned = True
            yield Warned("a tile ran to NaN or infinity in bfloat16 and was done again in float32")
        yield Step(done, total)


def _side(config: CleanConfig | UpscaleConfig, careful: Careful, plan: tiles.Plan) -> int:
    """The side of the tiles: what the user said, or as large as the budget allows."""
    if config.tile == "none":
        return max(plan.size)
    if config.tile != "auto":
        return int(config.tile)
    return tiles.side_within(careful.network, plan, careful.dtype)


def _common(careful: Careful, plan: tiles.Plan, began: float) -> dict[str, Any]:
    """What both reports end with."""
    return {
        "tiles": len(tiles.cut(plan, 0)) * len(tiles.cut(plan, 1)), "repaired": careful.repaired,
        "precision": "bf16" if careful.dtype is torch.bfloat16 else "fp32", "seconds": time.perf_counter() - began,
    }  # fmt: skip


def _finished(picture: Picture, out: Tensor) -> Picture:
    """The result as a picture that keeps what came with the one it was made of."""
    alpha = None if picture.alpha is None else out[:, -1:]
    colours = out if picture.alpha is None else out[:, :-1]
    return replace(picture, pixels=colours.expand(-1, 3, -1, -1), alpha=alpha, path=None, sha256=None, notices=())


def _scale(network: nn.Module) -> int:
    return int(network.scale)  # type: ignore[arg-type]


def _check_memory(picture: Picture, goal: Goal, channels: int) -> None:
    """Raise `ConfigError` before the work if the result will not fit into memory beside the picture."""
    height, width = goal.size
    needed = 4 * channels * (height * width + picture.height * picture.width) + 2 * tiles.BUDGET
    free = bytes_free(torch.device("cpu"))
    if free is not None and needed > free:
        raise ConfigError(
            f"a result of {width}x{height} pixels needs about {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free: "
            "take a smaller --scale or --size"
        )
