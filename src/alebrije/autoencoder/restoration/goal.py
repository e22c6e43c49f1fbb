"""How large the result of an upscaling is, and which of the scales that there are leads there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from alebrije.autoencoder.restoration.use_config import UpscaleConfig
from alebrije.core.image import parse_size, scaled_size
from alebrije.errors import ConfigError

Size = tuple[int, int]  # height, width


class Goal(NamedTuple):
    """The result's size (height, width), the scale that the network does of it, and what the user should know."""

    size: Size
    scale: int
    notices: tuple[str, ...] = ()


def goal_of(own: Size, config: UpscaleConfig, scales: Sequence[int]) -> Goal:
    """The goal for a picture of size `own` with networks of these `scales`.

    A scale is taken at its word. For a size it is the smallest that reaches it in both directions; the result is reduced from
    there, or enlarged bicubically beyond the largest. Raises `ConfigError` for a scale that there is not, and for a size that is
    no enlargement.
    """
    if config.size is None:
        scale = config.scale or min(scales)
        if scale not in scales:
            there = " and ".join(filter(None, [", ".join(map(str, scales[:-1])), str(scales[-1])]))
            raise ConfigError(f"there is no network for scale {scale}: choose from {there}, or give a size, which may be any")
        return Goal((own[0] * scale, own[1] * scale), scale)
    wanted = parse_size(config.size)
    size = scaled_size(own, wanted)
    named, before = f"{size[1]}x{size[0]}", f"{own[1]}x{own[0]}"
    if size[0] <= own[0] and size[1] <= own[1]:
        raise ConfigError(f"{named} pixels are no more than the picture's own {before}: give a larger size")
    notices = []
    stretched = size[1] * own[0] / (size[0] * own[1])
    if isinstance(wanted, tuple) and abs(stretched - 1) > 0.01:
        direction = "wider" if stretched > 1 else "narrower"
        notices.append(f"{named} is {abs(stretched - 1):.0%} {direction} in shape than the picture's {before}: it is distorted")
    enough = [scale for scale in sorted(scales) if scale * own[0] >= size[0] and scale * own[1] >= size[1]]
    scale = enough[0] if enough else max(scales)
    if not enough:
        times = max(size[0] / own[0], size[1] / own[1])
        notices.append(f"{named} is {times:.3g} times the picture: the network enlarges {scale} times, the rest is bicubic")
    return Goal(size, scale, tuple(notices))
