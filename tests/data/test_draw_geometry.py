"""The curves and areas that drawings are made of, against closed forms."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from alebrije.data.drawing.canvas import INK_WIDTH, Layer, Shape, mix, render
from alebrije.data.drawing.geometry import Points, oval, petal, polar, ribbon, smooth, spiral, tube, turn
from alebrije.data.drawing.patterns import PATTERNS


def area(polygon: Points) -> float:
    """The shoelace formula."""
    x, y = polygon.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


@pytest.mark.parametrize("closed", [False, True])
def test_a_spline_passes_through_its_knots(closed: bool) -> None:
    knots = np.random.default_rng(0).uniform(size=(7, 3))
    curve = smooth(knots, closed=closed, samples=5)
    np.testing.assert_allclose(curve[::5][:7], knots, atol=1e-12)
    assert len(curve) == (35 if closed else 31)


def test_a_spline_through_points_of_a_line_is_the_line() -> None:
    curve = smooth(np.stack([np.arange(5.0), 2 * np.arange(5.0) + 1], axis=1))
    np.testing.assert_allclose(curve[:, 1], 2 * curve[:, 0] + 1, atol=1e-12)


def test_ovals_have_the_area_of_an_ellipse() -> None:
    assert area(oval((3, 4), 2.0, 0.5, 30, samples=400)) == pytest.approx(np.pi, rel=1e-3)


def test_angles_turn_counter_clockwise_as_seen() -> None:
    np.testing.assert_allclose(polar(90, 2), [0, -2], atol=1e-12)
    np.testing.assert_allclose(turn(polar(20)[None], 35)[0], polar(55), atol=1e-12)


def test_a_petal_reaches_from_base_to_tip_and_is_as_wide_as_said() -> None:
    shape = petal((1, 1), (1, 5), 0.8)
    np.testing.assert_allclose(shape.min(axis=0), [0.6, 1], atol=0.01)
    np.testing.assert_allclose(shape.max(axis=0), [1.4, 5], atol=0.01)


def test_a_ribbon_has_constant_width() -> None:
    line = spiral((0.0, 0.0), 2.0, 1.0, samples=200)
    length = np.hypot(*np.diff(line, axis=0).T).sum()
    assert area(ribbon(line, 0.05)) == pytest.approx(0.05 * length, rel=0.01)


def test_a_straight_tube_is_a_rectangle_with_two_half_discs() -> None:
    limb = tube([(0, 0, 0.5), (1, 0, 0.5), (4, 0, 0.5)], samples=20)
    assert limb.length == pytest.approx(4)
    assert area(limb.outline()) == pytest.approx(4 + np.pi * 0.25, rel=0.01)
    np.testing.assert_allclose(limb.at(0.25, [-1, 0, 1]), [[1, -0.5], [1, 0], [1, 0.5]], atol=0.02)
    np.testing.assert_allclose(limb.width([0, 1]), 0.5)


def test_surface_coordinates_stay_within_the_radius() -> None:
    limb = tube([(0, 0, 0.3), (1, 0.4, 0.2), (1.5, -0.5, 0.1)])
    u, v = np.meshgrid(np.linspace(0, 1, 30), np.linspace(-1, 1, 9))
    distance = np.hypot(*np.moveaxis(limb.at(u, v) - limb.at(u, 0.0), -1, 0))
    np.testing.assert_allclose(distance, np.abs(v) * limb.width(u), rtol=0.05, atol=1e-3)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_leave_ground_and_put_paint_everywhere(pattern: str) -> None:
    limb = tube([(0.1, 0.5, 0.25), (0.5, 0.45, 0.3), (0.9, 0.5, 0.25)])
    tones = ((255, 0, 0), (0, 0, 255), (255, 255, 0), (0, 128, 0))
    marks = PATTERNS[pattern](limb, Random(0), tones)
    assert {colour for _, colour in marks} <= set(tones)
    shape = Shape((limb.outline(),), (0, 0, 0), pieces=tuple(limb.pieces()), marks=tuple(marks), ink=0)
    pixels = np.asarray(render([Layer((shape,))], 128, 128)).astype(int)
    painted = (pixels.max(axis=2) > 64) & (pixels.min(axis=2) < 128)
    thirds = [painted[40:88, 16 + 32 * k : 48 + 32 * k].mean() for k in range(3)]
    assert min(thirds) > 0.08


def test_marks_are_cut_off_at_the_edge_of_their_shape() -> None:
    disc = oval((0.5, 0.5), 0.25, samples=60)
    everywhere = np.array([[-1.0, -1], [2, -1], [2, 2], [-1, 2]])
    shape = Shape((disc,), (0, 0, 0), marks=((everywhere, (255, 0, 0)),), ink=0)
    pixels = np.asarray(render([Layer((shape,))], 100, 100))
    red = (pixels[..., 1] < 128).mean()
    assert red == pytest.approx(np.pi * 0.25**2, rel=0.03)
    assert (pixels[:20] == 255).all()


def test_ink_is_as_wide_as_its_unit_says_at_every_size() -> None:
    line = np.array([[0.2, 0.5], [0.8, 0.5]])
    for size in (200, 600):
        pixels = np.asarray(render([Layer((Shape((), (0, 0, 0), lines=(line,)),))], size, size)).astype(float)
        thickness = (1 - pixels[:, size // 2, 0] / 255).sum() / size
        assert thickness == pytest.approx(1.3 * INK_WIDTH, rel=0.25)


def test_the_middle_square_of_a_wide_canvas_is_the_square_canvas() -> None:
    shape = Shape((oval((0.5, 0.4), 0.3),), (200, 10, 60))
    square, wide = (np.asarray(render([Layer((shape,))], width, 64)) for width in (64, 128))
    assert np.abs(wide[:, 32:96].astype(int) - square).mean() < 2


def test_colours_mix_from_the_first_to_the_second() -> None:
    assert mix((0, 100, 200), (100, 0, 200), 0.0) == (0, 100, 200)
    assert mix((0, 100, 200), (100, 0, 200), 1.0) == (100, 0, 200)
    assert mix((0, 100, 200), (100, 0, 200), 0.5) == (50, 50, 200)
