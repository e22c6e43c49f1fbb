"""Drawn creatures: the same for ever, at any size, and what their tags say they are."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from alebrije.config import choose
from alebrije.data.draw import TAGS, creature, write
from alebrije.data.drawing.palette import BESIDE, HUES
from alebrije.data.drawing.traits import draw_traits
from alebrije.errors import ConfigError, Interrupted, OutputError
from alebrije.events import Done, Saved, Started, Step, last

SEEDS = range(300)


def category_of(tag: str) -> str:
    """The one category that knows this tag."""
    (category,) = [name for name, tags in TAGS.items() if tag in tags]
    return category


def test_the_same_seed_is_the_same_picture_and_others_differ() -> None:
    first, again, other = creature(5, 96), creature(5, 96), creature(6, 96)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.sketch, again.sketch)
    assert first.tags == again.tags
    assert (first.image - other.image).abs().mean() > 0.02


def test_negative_seeds_are_creatures_of_their_own() -> None:
    assert not torch.equal(creature(-3, 64).image, creature(3, 64).image)


@pytest.mark.parametrize("size", [1, 2, 64, (17, 300), (300, 17), (120, 80)])
@pytest.mark.parametrize("background", ["white", "landscape"])
def test_any_size_gives_a_picture_of_that_size_in_range(size: int | tuple[int, int], background: str) -> None:
    height, width = (size, size) if isinstance(size, int) else size
    drawing = creature(11, size, background=background)
    assert drawing.image.shape == (1, 3, height, width)
    assert drawing.sketch.shape == (1, 1, height, width)
    for picture in (drawing.image, drawing.sketch):
        assert picture.dtype == torch.float32
        assert picture.min() >= 0
        assert picture.max() <= 1


@pytest.mark.parametrize("background", ["white", "landscape"])
@pytest.mark.parametrize("seed", [0, 9, 23])
def test_a_large_drawing_made_small_is_the_small_drawing(seed: int, background: str) -> None:
    large, small = creature(seed, 512, background=background), creature(seed, 128, background=background)
    assert large.tags == small.tags
    for name in ("image", "sketch"):
        shrunk = torch.nn.functional.avg_pool2d(getattr(large, name), 4)
        assert (shrunk - getattr(small, name)).abs().mean() < 0.02


def test_on_white_the_creature_stays_inside_the_canvas() -> None:
    for seed in range(40):
        image = creature(seed, 96, background="white").image
        border = torch.cat([image[..., :3, :].flatten(), image[..., -3:, :].flatten(),
                            image[..., :, :3].flatten(), image[..., :, -3:].flatten()])
        assert (border == 1).all(), seed
        covered = (image < 0.99).any(dim=1).float().mean()
        assert 0.12 < covered < 0.8, seed


def test_the_creature_fills_the_width_or_the_height() -> None:
    for seed in range(20):
        ink = (creature(seed, 128, background="white").image[0] < 0.98).any(dim=0)
        rows, columns = ink.any(dim=1).sum(), ink.any(dim=0).sum()
        assert max(rows, columns) > 0.8 * 128


def test_landscapes_cover_the_whole_canvas() -> None:
    for seed in range(12):
        drawing = creature(seed, (64, 96), background="landscape")
        assert "landscape" in drawing.tags
        corners = drawing.image[0, :, [0, 0, -1, -1], [0, -1, 0, -1]]
        assert (corners.min(dim=0).values < 0.99).all()


def test_the_background_changes_nothing_but_the_background() -> None:
    behind = {"background", "scenery", "sky"}
    for seed in range(50):
        white, landscape = draw_traits(seed, "white"), draw_traits(seed, "landscape")
        for category in TAGS.keys() - behind:
            assert getattr(white, category) == getattr(landscape, category)


def test_every_creature_has_one_tag_of_every_category() -> None:
    for seed in SEEDS:
        assert [category_of(tag) for tag in draw_traits(seed, "auto").tags] == list(TAGS)


def test_every_tag_comes_up_often_enough_to_learn_it() -> None:
    counts = Counter(tag for seed in SEEDS for tag in draw_traits(seed, "auto").tags)
    rare = {tag: counts[tag] for tags in TAGS.values() for tag in tags if counts[tag] < 0.02 * len(SEEDS)}
    assert not rare
    assert max(counts["white"], counts["landscape"]) < 0.65 * len(SEEDS)


def test_legs_follow_from_the_plan_and_scenery_from_the_background() -> None:
    for seed in SEEDS:
        traits = draw_traits(seed, "auto")
        assert (traits.legs == "no_legs") == (traits.plan in {"serpent", "fish"})
        assert (traits.background == "white") == (traits.scenery == "no_scenery") == (traits.sky == "no_sky")


def test_the_colour_tag_is_a_colour_of_the_picture() -> None:
    for seed in range(16):
        drawing = creature(seed, 128, background="white")
        tags = {category_of(tag): tag for tag in drawing.tags}
        pixels = (drawing.image[0].permute(1, 2, 0).reshape(-1, 3) * 255).round()
        near = {hue: ((pixels - torch.tensor(rgb)).abs().amax(dim=1) < 6).float().mean() for hue, rgb in HUES.items()}
        assert near[tags["colour"]] > 0.01, seed
        assert near[tags["accent"].removesuffix("_details")] > 0.0005, seed


def test_the_accent_is_never_the_body_colour() -> None:
    assert all(hue not in beside and len(set(beside)) == 4 for hue, beside in BESIDE.items())


def test_the_eyes_lie_on_the_side_that_the_creature_faces() -> None:
    for seed in range(60):
        drawing = creature(seed, 16, background="white")
        body = drawing.layers[-1]
        pupils = np.concatenate([contour for shape in body.shapes if shape.solid for contour in shape.contours])
        across = body.scale[0] * pupils[:, 0].mean() + body.offset[0]
        assert (across > 0.5) == ("facing_right" in drawing.tags), seed


@pytest.mark.parametrize("seed", [1, 4, 8, 15])
def test_the_sketch_runs_where_the_picture_is_outlined(seed: int) -> None:
    drawing = creature(seed, 256, background="white")
    lines = drawing.sketch[0, 0] < 0.3
    luminance = drawing.image[0].mean(dim=0)
    assert luminance[lines].mean() < 0.3
    assert luminance[~lines].mean() > 0.6
    silhouette = ndimage.binary_fill_holes((drawing.image[0] < 0.98).any(dim=0).numpy())
    edge = silhouette ^ ndimage.binary_erosion(silhouette, iterations=1)
    reach = ndimage.binary_dilation(lines.numpy(), iterations=2)
    assert reach[edge].mean() > 0.97


def test_the_sketch_is_black_lines_on_white() -> None:
    for background in ("white", "landscape"):
        sketch = creature(3, 256, background=background).sketch
        assert ((sketch < 0.02) | (sketch > 0.98)).float().mean() > 0.85
        assert 0.01 < (sketch < 0.5).float().mean() < 0.25


@pytest.mark.parametrize("size", [0, -4, (0, 10)])
def test_no_size_below_one(size: int | tuple[int, int]) -> None:
    with pytest.raises(ConfigError, match="at least 1 pixel"):
        creature(0, size)


def test_an_unknown_background_is_named_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean landscape"):
        creature(0, 8, background="landscapes")
    assert choose("background", "white", TAGS["background"]) == "white"


def test_a_larger_set_begins_with_the_smaller_one(tmp_path: Path) -> None:
    last(write(tmp_path / "five", 5, size=32, seed=2, sketches=True))
    last(write(tmp_path / "ten", 10, size=32, seed=2, sketches=True))
    five = (tmp_path / "five" / "metadata.jsonl").read_text().splitlines()
    ten = (tmp_path / "ten" / "metadata.jsonl").read_text().splitlines()
    assert (len(five), len(ten)) == (5, 10)
    assert ten[:5] == five
    for entry in map(json.loads, five):
        for name in (entry["file"], entry["sketch"]):
            assert (tmp_path / "five" / name).read_bytes() == (tmp_path / "ten" / name).read_bytes()


def test_the_metadata_describes_the_pictures(tmp_path: Path) -> None:
    result = last(write(tmp_path, 4, size=(24, 40), seed=9, sketches=True))
    entries = [json.loads(line) for line in result.metadata.read_text().splitlines()]
    assert result.count == len(entries) == 4
    assert [entry["id"] for entry in entries] == [0, 1, 2, 3]
    for entry in entries:
        drawing = creature(entry["seed"], (24, 40))
        assert tuple(entry["tags"]) == drawing.tags
        for name, expected in ((entry["file"], drawing.image), (entry["sketch"], drawing.sketch)):
            pixels = np.atleast_3d(np.asarray(Image.open(tmp_path / name))) / 255
            np.testing.assert_allclose(pixels.transpose(2, 0, 1), expected[0].numpy(), atol=1e-6)


def test_sets_with_other_seeds_have_other_creatures(tmp_path: Path) -> None:
    seeds = []
    for seed in (0, 1, -1):
        metadata = last(write(tmp_path / str(seed), 3, size=8, seed=seed)).metadata
        seeds += [json.loads(line)["seed"] for line in metadata.read_text().splitlines()]
    assert len(set(seeds)) == 9


def test_events_count_the_pictures(tmp_path: Path) -> None:
    events = list(write(tmp_path, 3, size=8))
    assert events[0] == Started("drawing creatures", 3)
    assert [event.index for event in events if isinstance(event, Step)] == [1, 2, 3]
    assert isinstance(events[-2], Saved)
    assert isinstance(events[-1], Done)


def test_an_interrupted_set_keeps_and_lists_what_is_drawn(tmp_path: Path) -> None:
    events = write(tmp_path, 100, size=8)
    while not (isinstance(event := next(events), Step) and event.index == 2):
        pass
    assert isinstance(events.throw(Interrupted()), Saved)
    done = next(events)
    assert isinstance(done, Done)
    assert done.interrupted
    assert len((tmp_path / "metadata.jsonl").read_text().splitlines()) == done.result.count == 2
    assert sorted(path.name for path in tmp_path.glob("*.png")) == ["000000.png", "000001.png"]


def test_a_set_is_not_overwritten_without_force(tmp_path: Path) -> None:
    last(write(tmp_path, 1, size=8))
    with pytest.raises(OutputError, match=r"metadata\.jsonl"):
        last(write(tmp_path, 1, size=8))
    assert last(write(tmp_path, 2, size=8, force=True)).count == 2


def test_a_folder_without_a_parent_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="mkdir -p"):
        last(write(tmp_path / "none" / "here", 1, size=8))


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(OutputError, match="taken"):
        last(write(tmp_path / "taken", 1, size=8))


@pytest.mark.parametrize("count", [-1, 10**7])
def test_a_count_out_of_range_is_refused_before_work_starts(tmp_path: Path, count: int) -> None:
    with pytest.raises(ConfigError, match="count"):
        last(write(tmp_path / "new", count, size=8))
    assert not (tmp_path / "new").exists()
