"""The nearest neighbours, and copies that show."""

from __future__ import annotations

import pytest
import torch

from alebrije.errors import DataError
from alebrije.features.judging.neighbours import copying, nearest


def test_the_nearest_is_the_nearest_and_a_copy_is_at_0() -> None:
    others, points = torch.rand(300, 20) + 100, torch.rand(400, 20) + 100  # far from the origin, where matrix products round
    points[7] = others[5]
    places, distances = nearest(points, others)
    wanted = (points[:, None].double() - others[None].double()).norm(dim=2)
    assert torch.allclose(distances.double(), wanted.amin(1), rtol=0.05)
    assert (int(places[7]), float(distances[7])) == (5, 0)


def test_copies_show_and_new_ones_do_not() -> None:
    learned, held_out, new = torch.randn(1000, 4), torch.randn(1000, 4), torch.randn(1000, 4)
    theirs = nearest(held_out, learned)[1]
    fresh = copying(nearest(new, learned)[1], theirs)
    assert fresh.share.low <= 0.02
    assert fresh.share.value == pytest.approx(0.01, abs=0.012)
    assert fresh.ratio == pytest.approx(1, abs=0.1)
    half = torch.cat([new[:500], learned[:500] + 1e-4])
    assert copying(nearest(half, learned)[1], theirs).share.low > 0.4
    with pytest.raises(DataError, match="at least 100"):
        copying(theirs, theirs[:99])
