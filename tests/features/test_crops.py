"""The inputs of the distillation: within range, balanced between groups, never a picture that is held out."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from alebrije.errors import DataError
from alebrije.features.crops import Crops, find_groups, fingerprint, is_held_out, on_the_way, read, recolour, visit
from alebrije.features.ranking import gram


def flat(value: int, height: int = 40, width: int = 50) -> torch.Tensor:
    return torch.full((1, 3, height, width), value, dtype=torch.uint8)


def test_every_group_is_seen_equally_often() -> None:
    crops = Crops([[flat(10), flat(20), flat(30)], [flat(200)]], size=32)
    assert len(crops) == 6
    seen = [int(crops.picture(index)[0, 0, 0, 0]) for index in range(6)]
    assert sorted(seen) == [10, 20, 30, 200, 200, 200]


def test_crops_are_pieces_of_the_picture() -> None:
    ramp = torch.arange(200, dtype=torch.uint8).expand(1, 3, 120, 200)
    crops = Crops([[ramp]], size=32)
    sides = set()
    for _ in range(20):
        crop = crops.crop(ramp)
        assert crop.shape == (1, 3, 32, 32)
        rows = crop[0, 0] * 255
        assert torch.allclose(rows, rows[:1].expand_as(rows), atol=1e-3)
        sides.add(round(float(rows.max() - rows.min())))
    assert min(sides) >= 15
    assert max(sides) <= 120
    assert len(sides) > 5


def test_changed_inputs_stay_pictures() -> None:
    crops = torch.rand(40, 3, 32, 32)
    visited = torch.rand(3, 3, 32, 32)
    for pictures in (recolour(crops), on_the_way(crops, visited)):
        assert pictures.shape == crops.shape
        assert float(pictures.min()) >= 0
        assert float(pictures.max()) <= 1
    unchanged = (recolour(crops) == crops).flatten(1).all(1)
    assert 8 <= int(unchanged.sum()) <= 32
    from_visits = [any(torch.equal(one, seen) for seen in visited) for one in on_the_way(crops, visited)]
    assert 8 <= sum(from_visits) <= 32


def test_a_visit_comes_nearer_to_the_style_it_looks_at() -> None:
    def look(pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"colors": pictures}

    def far(pictures: torch.Tensor) -> float:
        return float((gram(pictures) - gram(styles)).norm() / gram(styles).norm())

    contents, styles = torch.full((2, 3, 8, 8), 0.1), torch.full((2, 3, 8, 8), 0.8)
    half, full = visit(look, contents, styles, steps=40).chunk(2)
    assert half.shape == contents.shape
    assert far(full) < 0.1
    assert far(full) < far(half) < far(contents)


def test_held_out_pictures_are_the_same_everywhere_and_never_used(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(60)]
    (tmp_path / "photos").mkdir()
    for name in names:
        Image.new("RGB", (4, 4)).save(tmp_path / "photos" / name)
    used, kept = (find_groups(tmp_path, 10, held_out=held)["photos"] for held in (False, True))
    assert not set(used) & set(kept)
    assert len(used) + len(kept) == 60
    assert 1 <= len(kept) <= 15
    assert [path.name for path in kept] == [name for name in names if is_held_out(name, 10)]
    assert fingerprint({"photos": used}) == fingerprint({"photos": used[::-1]}) != fingerprint({"photos": kept})


def test_folders_without_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder"):
        find_groups(tmp_path / "missing", 10, held_out=False)
    with pytest.raises(DataError, match="no folder within"):
        find_groups(tmp_path, 10, held_out=False)


def test_large_pictures_are_read_small(tmp_path: Path) -> None:
    Image.new("RGB", (1000, 500), (255, 0, 0)).save(tmp_path / "wide.png")
    picture = read(tmp_path / "wide.png")
    assert picture.dtype == torch.uint8
    assert picture.shape == (1, 3, 384, 768)
    assert picture[0, :, 0, 0].tolist() == [255, 0, 0]
