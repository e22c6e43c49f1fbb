"""How large the pictures of a stylisation are: the result, the content at each stage, what is too small for the network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import Picture, fit, parse_size, resize, scaled_size
from alebrije.errors import ConfigError
from alebrije.style import torus
from alebrije.style.config import StylizeConfig

Size = tuple[int, int]  # height, width
SMALLEST_SIDE = 32  # every network here still sees four positions of its deepest layer


def result_size(content: Picture, config: StylizeConfig) -> tuple[Size, list[str]]:
    """The height and width of the result, and what the user should know about it."""
    own = (content.height, content.width)
    wanted = parse_size(config.size)
    notices = []
    if isinstance(wanted, int):
        if wanted > max(own) and "size" in config.model_fields_set:
            notices.append(f"the result has the content's {own[1]}x{own[0]} pixels and no more: give WxH to enlarge it")
        wanted = min(wanted, max(own))
    size = scaled_size(own, wanted)
    if config.wrap:
        if isinstance(wanted, tuple) and torus.multiple(size) != size:
            raise ConfigError("--wrap takes multiples of 16: --size {1}x{0} is the nearest".format(*torus.multiple(size)))
        size = torus.multiple(size)
    named = f"{size[1]}x{size[0]}"
    if size[0] > own[0] or size[1] > own[1]:
        notices.append(f"the content is enlarged from {own[1]}x{own[0]} to {named} pixels")
    if isinstance(wanted, tuple) and not _like(size, own):
        notices.append(f"the content is cropped from {own[1]}x{own[0]} to the shape of {named}")
    if min(size) < SMALLEST_SIDE:
        notices.append(f"{named} pixels leave the network little to see: expect the style's colours, not its strokes")
    return size, notices


def scene_of(content: Picture, size: Size, config: StylizeConfig) -> tuple[Tensor, list[str]]:
    """The content [1, 3, H, W] at the size of the work, and what the user should know about it."""
    scene = placed(content.pixels, size, config)
    if not config.wrap:
        return padded(scene), []
    scene, changed = torus.closed(scene)
    return scene, ["the content's edges do not meet: its tones are evened out until they do"] if changed else []


def placed(image: Tensor, size: Size, config: StylizeConfig) -> Tensor:
    """What belongs to the content, [1, C, H, W], at the size of the result: cropped to its shape. A torus would be cut open
    by that: it is stretched, unless another shape was asked for."""
    if config.wrap and (isinstance(parse_size(config.size), int) or _like(size, size_of(image))):
        return torus.resized(image, size)
    return fit(image, size)


def _like(size: Size, other: Size) -> bool:
    """Whether two sizes have about the same shape."""
    return abs(size[1] * other[0] / (size[0] * other[1]) - 1) <= 0.02


def resized(image: Tensor, size: Size, config: StylizeConfig) -> Tensor:
    """The picture at another size, across its edges where it is a torus."""
    return torus.resized(image, size) if config.wrap else resize(image, size)


def size_of(image: Tensor) -> Size:
    """Height and width."""
    return image.shape[-2], image.shape[-1]


def padded(image: Tensor) -> Tensor:
    """The picture, its last row and column repeated until the network can work on it."""
    height, width = size_of(image)
    missing = (0, max(SMALLEST_SIDE - width, 0), 0, max(SMALLEST_SIDE - height, 0))
    return F.pad(image, missing, mode="replicate") if any(missing) else image


def finished(content: Picture, pixels: Tensor, size: Size, place: Callable[[Tensor], Tensor]) -> Picture:
    """The result as a picture that keeps what came with the content (alpha, depth, profile, EXIF), without the border that was
    added to a tiny one. `place` brings the content's alpha to the result's size."""
    alpha = None if content.alpha is None else place(content.alpha)
    pixels = pixels[:, :, : size[0], : size[1]]
    return replace(content, pixels=pixels, alpha=alpha, gray=False, path=None, sha256=None, notices=())
