"""Shapes with a fill, painted marks and ink lines, and their rendering with Pillow on a supersampled canvas."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image, ImageDraw

from alebrije.data.drawing.geometry import Points, Tube, bounds, ribbon, turn

Colour = tuple[int, int, int]
Mark = tuple[Points, Colour]

INK_WIDTH = 0.0085
WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
SHADOW: Colour = (84, 8, 72)


@dataclass(frozen=True)
class Shape:
    """One painted part. `contours` are inked around as one area: lines inside their union do not show.

    `pieces` are areas that fill what the contours enclose, where a contour crosses itself (default: the contours);
    `marks` are painted on the fill and cut off at its edge; `lines` are open ink lines on top; `ink` and `shade` are
    the widths of the contour and of the shadow along the lower edge, in units of `INK_WIDTH` (0: none). A `solid`
    shape (a pupil, a nose) stays black in the sketch.
    """

    contours: tuple[Points, ...]
    fill: Colour
    pieces: tuple[Points, ...] = ()
    marks: tuple[Mark, ...] = ()
    lines: tuple[Points, ...] = ()
    ink: float = 1.0
    shade: float = 0.0
    solid: bool = False

    def moved(self, scale: float = 1.0, offset: Points | tuple[float, float] = (0.0, 0.0), angle: float = 0.0,
              mirror: bool = False) -> Shape:
        """The shape mirrored left to right, turned by `angle` degrees, scaled and then shifted."""
        def move(points: Points) -> Points:
            points = points * np.array([-1.0, 1.0]) if mirror else points
            return (turn(points, angle) if angle else points) * scale + np.asarray(offset, dtype=np.float64)

        return replace(
            self,
            contours=tuple(move(p) for p in self.contours),
            pieces=tuple(move(p) for p in self.pieces),
            marks=tuple((move(p), colour) for p, colour in self.marks),
            lines=tuple(move(p) for p in self.lines),
        )

    def tinted(self, colour: Colour, amount: float) -> Shape:
        """The shape with every colour mixed towards `colour`."""
        return replace(
            self,
            fill=mix(self.fill, colour, amount),
            marks=tuple((p, mix(c, colour, amount)) for p, c in self.marks),
        )


@dataclass(frozen=True)
class Layer:
    """Shapes in their own unit, and where they lie: canvas point = scale * point + offset (x, y), in short sides."""

    shapes: tuple[Shape, ...]
    scale: tuple[float, float] = (1.0, 1.0)
    offset: tuple[float, float] = (0.0, 0.0)
    ink: Colour = BLACK


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """`first` for amount 0, `second` for amount 1."""
    r, g, b = (round(x + (y - x) * amount) for x, y in zip(first, second))
    return r, g, b


def limb(tubes: Sequence[Tube], fill: Colour, marks: Iterable[Mark] = (), shade: float = 0.0, ink: float = 1.0,
         more: Sequence[Points] = ()) -> Shape:
    """A shape that is the union of `tubes` and of the simple areas `more`."""
    return Shape(
        contours=(*(t.outline() for t in tubes), *more),
        fill=fill,
        pieces=(*(piece for t in tubes for piece in t.pieces()), *more),
        marks=tuple(marks),
        shade=shade,
        ink=ink,
    )


def extent(shapes: Sequence[Shape]) -> tuple[Points, Points]:
    """The smallest and the largest corner of all that is inked or filled."""
    return bounds([points for shape in shapes for points in (*shape.contours, *shape.lines)])


def supersampling(width: int, height: int) -> int:
    """How many canvas pixels make one side of a picture's pixel: smooth edges for small pictures, bounded memory."""
    short = min(width, height)
    if short > 1024:
        return 2
    affordable = int((2**24 / (width * height)) ** 0.5)
    return max(1, min(max(3, -(-512 // short)), affordable))


def render(layers: Sequence[Layer], width: int, height: int, *, sky: Image.Image | None = None,
           sketch: bool = False) -> Image.Image:
    """Paint the layers, first one first, on white or on `sky` (a column, stretched over the canvas); an RGB image.

    The square [0, 1] x [0, 1] of canvas coordinates is as large as the short side and lies in the middle.
    With `sketch` only the ink is drawn, black on white, and nearer shapes hide what is behind them.
    """
    factor = supersampling(width, height)
    big = (width * factor, height * factor)
    unit = min(big)
    image = Image.new("RGB", big, WHITE) if sketch or sky is None else _stretched(sky, big)
    middle = np.array([(big[0] - unit) / 2, (big[1] - unit) / 2])
    draw = ImageDraw.Draw(image)
    for layer in layers:
        scale, offset = unit * np.array(layer.scale), unit * np.array(layer.offset) + middle
        ink = BLACK if sketch else layer.ink
        for shape in layer.shapes:
            _paint(image, draw, shape, scale, offset, unit * INK_WIDTH, ink, sketch)
    return image.reduce(factor) if factor > 1 else image


def _stretched(sky: Image.Image, size: tuple[int, int]) -> Image.Image:
    """A one pixel wide column smoothly drawn out to the height, and then to the width."""
    return sky.resize((1, size[1]), Image.Resampling.BILINEAR).resize(size, Image.Resampling.NEAREST)


def _paint(image: Image.Image, draw: ImageDraw.ImageDraw, shape: Shape, scale: Points, offset: Points, pen: float,
           ink: Colour, sketch: bool) -> None:
    contours = [points * scale + offset for points in shape.contours]
    pieces = [points * scale + offset for points in shape.pieces] or contours
    if shape.ink > 0:
        for contour in contours:
            _stroke(draw, np.concatenate([contour, contour[:1]]), 2 * pen * shape.ink, ink)
    if sketch or not (shape.marks or shape.shade):
        fill = shape.fill if not sketch else BLACK if shape.solid else WHITE
        for piece in pieces:
            draw.polygon(piece.ravel().tolist(), fill=fill)
    else:
        _paint_marks(image, shape, pieces, scale, offset, pen)
    for line in shape.lines:
        _stroke(draw, line * scale + offset, 1.3 * pen, ink)


def _paint_marks(image: Image.Image, shape: Shape, pieces: Sequence[Points], scale: Points, offset: Points,
                 pen: float) -> None:
    """Fill `pieces` and paint the marks and the shadow on them, cut off at their edge."""
    low, high = bounds(pieces)
    corner = np.floor(np.maximum(low - 1, 0))
    box = np.ceil(np.minimum(high + 2, image.size)) - corner
    if box.min() < 1:
        return
    size = (int(box[0]), int(box[1]))
    mask, layer = Image.new("L", size), Image.new("RGB", size, shape.fill)
    mask_draw, layer_draw = ImageDraw.Draw(mask), ImageDraw.Draw(layer)
    for piece in pieces:
        mask_draw.polygon((piece - corner).ravel().tolist(), fill=255)
    for points, colour in shape.marks:
        layer_draw.polygon((points * scale + (offset - corner)).ravel().tolist(), fill=colour)
    if shape.shade:
        shadow = Image.new("L", size, 64)
        shadow_draw = ImageDraw.Draw(shadow)
        for piece in pieces:
            shadow_draw.polygon((piece - corner - shape.shade * pen * np.array([0.35, 1.0])).ravel().tolist(), fill=0)
        layer.paste(SHADOW, mask=shadow)
    image.paste(layer, (int(corner[0]), int(corner[1])), mask)


def _stroke(draw: ImageDraw.ImageDraw, line: Points, width: float, ink: Colour) -> None:
    """An ink line of constant width with round corners and ends. (Pillow's own wide lines gape at every bend.)"""
    width = max(width, 1.0)
    draw.polygon(ribbon(line, width).ravel().tolist(), fill=ink)
    if width < 2:
        return
    steps = np.diff(line, axis=0)
    before, after = steps[:-1], steps[1:]
    angle = np.arctan2(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0], (before * after).sum(axis=1))
    round_at = np.concatenate([[True], np.abs(angle) > 0.3, [True]])
    for x, y in line[round_at].tolist():
        draw.ellipse((x - width / 2, y - width / 2, x + width / 2, y + width / 2), fill=ink)
