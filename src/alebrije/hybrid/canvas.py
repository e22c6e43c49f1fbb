"""The pictures brought to one size, and one laid over the other: all that comes before planning and blending."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from alebrije.core.image import Picture, fit
from alebrije.errors import ConfigError, PictureError
from alebrije.hybrid.alignment.align import Alignment, align, from_points, match, warp
from alebrije.hybrid.config import MAX_PRINT, MIN_SIDE, HybridConfig, Points

ENLARGED = 2.0  # times: from here on a print is noticeably soft
OTHER = {"first": "second", "second": "first"}
ORDER = ("first", "second", "middle")  # of the points in a row


@dataclass(frozen=True, slots=True)
class Layer:
    """A picture in the size of the result: `pixels` [1, 3, H, W], transparent places white; `alpha` [1, 1, H, W] or None."""

    pixels: Tensor
    alpha: Tensor | None


Layers = dict[str, Layer]  # first, second and, of three, middle


def canvas_size(given: Mapping[str, Picture], frame: Picture, config: HybridConfig) -> tuple[int, int]:
    """Height and width of the result: those of the picture `frame`, or of the print.

    Raises `PictureError` for a picture, and `ConfigError` for a print, that is too small or too large.
    """
    needed = f"a hybrid needs at least {MIN_SIDE}x{MIN_SIDE} pixels"
    for picture in given.values():
        if min(picture.size) < MIN_SIDE:
            raise PictureError(f"{name_of(picture)}: {needed}, use a larger picture")
    if config.print_pixels is None:
        return frame.height, frame.width
    width, height = config.print_pixels, round(config.print_pixels * frame.height / frame.width)
    print_size = f"a print of {config.print_width:g} cm at {config.print_dpi} dpi is {width}x{height} pixels"
    if height < MIN_SIDE:
        raise ConfigError(f"{print_size}, and {needed}: make it larger")
    if width * height > MAX_PRINT:
        raise ConfigError(f"{print_size}, above the limit of {MAX_PRINT / 1e6:g} megapixels: give a smaller dpi")
    return height, width


def fitting_notices(
    given: Mapping[str, Picture], frame: Picture, size: tuple[int, int], config: HybridConfig
) -> Iterator[str]:
    """What is to be said about the sizes of the pictures before they are brought to `size` (height, width)."""
    for picture in given.values():
        if picture.size != frame.size:
            yield f"{name_of(picture)} is cropped and scaled to the size of {name_of(frame)}"
    for picture in given.values() if config.print_width else ():
        times = max(size[0] / picture.height, size[1] / picture.width)
        if times > ENLARGED:
            yield (
                f"{name_of(picture)} is enlarged {times:.1f} times for {config.print_width:g} cm at {config.print_dpi} dpi "
                "and will look soft from near: use a larger picture, or a smaller dpi"
            )


def to_layer(picture: Picture, size: tuple[int, int]) -> Layer:
    """The picture, cropped and scaled to `size` (height, width), with white beneath its transparent places."""
    return Layer(fit(picture.on_white, size), None if picture.alpha is None else fit(picture.alpha, size))


def lay_over(
    given: Mapping[str, Picture], layers: Layers, low: str, points: Points
) -> tuple[Layers, dict[str, Alignment]]:
    """Lay the low picture, and a middle one, over the high one: by `points`, or shape over shape if there are none.

    Returns the layers, and how those that could be moved were moved. `points` are in pixels of the pictures `given`; if they
    say nothing about a middle picture, that one stays. Raises `PictureError` for a point outside its picture, `ConfigError`
    for points that no similarity brings together.
    """
    high = layers[OTHER[low]]
    moved, found = dict(layers), {}
    for name in (low, *(("middle",) if "middle" in layers and (not points or len(points[0]) == 6) else ())):
        layer = layers[name]
        if points:
            pairs = _on_canvas(given, points, name, OTHER[low], (high.pixels.shape[-2], high.pixels.shape[-1]))
            alignment = _by_points(layer.pixels, high.pixels, pairs)
        else:
            alignment = align(layer.pixels, high.pixels)
        alpha = None if layer.alpha is None else warp(layer.alpha, alignment.matrix)
        moved[name], found[name] = Layer(warp(layer.pixels, alignment.matrix), alpha), alignment
    return moved, found


def _on_canvas(
    given: Mapping[str, Picture], points: Points, name: str, frame: str, size: tuple[int, int]
) -> list[tuple[float, float, float, float]]:
    """Rows of a point of the picture `name` and one of `frame`, as they lie on the canvas of `size` (height, width)."""
    columns = []
    for one in (name, frame):
        index = 2 * ORDER.index(one)
        columns.append([_landing(given[one], row[index], row[index + 1], size) for row in points])
    return [(*one, *other) for one, other in zip(*columns, strict=True)]


def _landing(picture: Picture, x: float, y: float, size: tuple[int, int]) -> tuple[float, float]:
    """Where the pixel (x, y) of a picture lies once `fit` has cropped and scaled it; its centre, from the corner."""
    if not (0 <= x <= picture.width and 0 <= y <= picture.height):
        raise PictureError(f"the point {x:g},{y:g} lies outside {name_of(picture)}: count pixels from its top left corner")
    height, width = size
    inner_height = min(picture.height, max(1, round(picture.width * height / width)))
    inner_width = min(picture.width, max(1, round(picture.height * width / height)))
    top, left = (picture.height - inner_height) // 2, (picture.width - inner_width) // 2
    return (x + 0.5 - left) * width / inner_width, (y + 0.5 - top) * height / inner_height


def _by_points(image: Tensor, frame: Tensor, pairs: list[tuple[float, float, float, float]]) -> Alignment:
    matrix = from_points(pairs)
    height, width = image.shape[-2:]
    centre = torch.tensor([width / 2, height / 2], dtype=torch.float64)
    across, down = (matrix[:, :2] @ centre + matrix[:, 2] - centre).tolist()
    scale, angle = math.hypot(float(matrix[0, 0]), float(matrix[1, 0])), math.atan2(float(matrix[1, 0]), float(matrix[0, 0]))
    before, after = match(image, frame), match(warp(image, matrix), frame)
    note = f"laid over by {len(pairs)} points ({after:.2f}; {before:.2f} before)"
    return Alignment(matrix, scale, math.degrees(angle), (across, down), after, before, note)


def name_of(picture: Picture) -> str:
    """How messages call a picture."""
    size = f"{picture.width}x{picture.height}"
    return f"{picture.path.name} ({size})" if picture.path else f"picture of {size} pixels"
