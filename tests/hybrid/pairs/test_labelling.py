"""Labels and plans say the same in other units; pairs made and labelled by the observer are sound whatever happens."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from alebrije.config import build
from alebrije.core.image import load, resize, save
from alebrije.data.draw import creature
from alebrije.data.pairs import Label, check, load_pair, read_pairs, write_labels
from alebrije.errors import ConfigError, DataError, Interrupted, OutputError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned, last
from alebrije.hybrid.config import HybridConfig
from alebrije.hybrid.observer import Plan, Viewing, plan
from alebrije.hybrid.pairs.labelling import from_label, label_pairs, observe, seen, to_label
from alebrije.hybrid.pairs.pairing import make_pairs
from alebrije.hybrid.pairs.sheet import show
from alebrije.hybrid.pairs.viewing import MakePairsConfig, ViewingConfig

VIEWING = Viewing(0.2, 0.5, 6.0)
FEW = MakePairsConfig(count=3, size=32)

cycles = st.floats(1, 200)


def colours(seed: int, size: tuple[int, int] = (40, 48)) -> Tensor:
    """Smooth random colours [1, 3, *size]."""
    return resize(torch.rand(1, 3, 9, 9, generator=torch.Generator().manual_seed(seed)), size)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with six pictures, two of them in a folder in it."""
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    for seed in range(6):
        save(colours(seed), folder / ("more" if seed > 3 else "") / f"p{seed}.png")
    return folder


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """A folder of three pairs without labels."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number in range(3):
        for letter in "ab":
            save(colours(2 * number + (letter == "b")), folder / f"{number}_{letter}.png")
    return folder


def until(events: Events, sign: Callable[[Event], bool]) -> Iterator[Event]:
    for event in events:
        yield event
        if sign(event):
            return


@settings(deadline=None)
@given(st.sampled_from(["first", "second"]), cycles, cycles, st.sampled_from([224, 256, 1000]))
def test_a_plan_comes_back_from_its_label(low: str, low_cycles: float, high_cycles: float, reference: int) -> None:
    label = to_label(Plan(low, low_cycles, high_cycles, 1.0, None), reference)
    role, *cutoffs = from_label(label, reference)
    assert role == low
    assert cutoffs == pytest.approx([low_cycles, high_cycles])


def test_a_label_has_the_sigmas_of_the_closed_form() -> None:
    """A Gaussian of s pixels has the gain exp(-2 pi^2 s^2 f^2) at f cycles per pixel: 1/2 at f = c / 224."""
    label = to_label(Plan("second", 10.0, 30.0, 1.0, None))
    assert label.low == 1
    for sigma, cutoff in ((label.sigma_second, 10), (label.sigma_first, 30)):
        assert math.exp(-2 * math.pi**2 * sigma**2 * (cutoff / 224) ** 2) == pytest.approx(0.5)
    assert label.sigma_second == pytest.approx(0.187390 * 224 / 10, rel=1e-5)


def test_cycles_do_not_depend_on_the_reference() -> None:
    label = Label(0, 8.0, 2.0)
    assert from_label(label.at(224, 512), 512) == pytest.approx(from_label(label, 224))


def test_a_mirrored_label_has_the_same_cutoffs_and_the_other_role() -> None:
    low, *cutoffs = from_label(Label(0, 8.0, 2.0))
    other, *mirrored = from_label(Label(0, 8.0, 2.0).mirrored())
    assert (low, other) == ("first", "second")
    assert cutoffs == mirrored


@pytest.mark.parametrize("seed", range(2))
def test_swapped_pictures_get_the_mirrored_label(seed: int) -> None:
    first, second = creature(seed, 64).image, creature(seed + 9, 64).image
    assert observe(second, first, VIEWING) == observe(first, second, VIEWING).mirrored()


def test_the_observer_is_asked_as_hybrid_asks() -> None:
    usual = HybridConfig()
    assert seen(ViewingConfig()) == pytest.approx((usual.width, usual.near, usual.far))
    with pytest.raises(ConfigError, match="far"):
        build(ViewingConfig, {"near": 3, "far": 2})


def test_pairs_without_a_label_get_one_and_the_others_keep_theirs(pairs: Path) -> None:
    mine = Label(1, 9.0, 4.0)
    write_labels(pairs, [None, mine, None], 256)
    events = list(label_pairs(pairs, VIEWING))
    assert events[0] == Started("labelling pairs", 2)
    assert [event.index for event in events if isinstance(event, Step)] == [1, 2]
    assert isinstance(events[-2], Saved)
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.result.now, done.result.before, done.result.failed) == (2, 1, {})
    found = read_pairs(pairs)
    assert found.reference == 256
    assert found.pairs[1].label == mine
    for pair in (found.pairs[0], found.pairs[2]):
        choice = plan(*load_pair(pair), VIEWING)
        assert pair.label
        low, *cutoffs = from_label(pair.label, 256)
        assert low == choice.low
        assert cutoffs == pytest.approx([choice.cycles_low, choice.cycles_high], rel=1e-5)


def test_a_label_that_is_made_elsewhere_meanwhile_stays(pairs: Path) -> None:
    events = label_pairs(pairs, VIEWING)
    list(until(events, lambda event: isinstance(event, Step)))
    write_labels(pairs, [None, Label(1, 9.0, 4.0), None])
    list(events)
    labels = [pair.label for pair in read_pairs(pairs).pairs]
    assert labels[0]
    assert labels[1] == Label(1, 9.0, 4.0)
    assert labels[2]


def test_with_force_all_are_labelled_anew(pairs: Path) -> None:
    write_labels(pairs, [Label(0, 99, 99)] * 3)
    assert last(label_pairs(pairs, VIEWING)).now == 0
    assert last(label_pairs(pairs, VIEWING, force=True)).now == 3
    assert all(pair.label and pair.label.sigma_first < 99 for pair in read_pairs(pairs).pairs)


def test_interrupted_labelling_keeps_what_it_has_and_what_was_there(pairs: Path) -> None:
    write_labels(pairs, [None, None, Label(0, 99, 98)])
    events = label_pairs(pairs, VIEWING, force=True)
    list(until(events, lambda event: isinstance(event, Step)))
    assert isinstance(events.throw(Interrupted()), Saved)
    done = next(events)
    assert isinstance(done, Done)
    assert done.interrupted
    labels = [pair.label for pair in read_pairs(pairs).pairs]
    assert labels[0]
    assert labels[1:] == [None, Label(0, 99, 98)]


def test_a_pair_that_cannot_be_read_stays_without_a_label(pairs: Path) -> None:
    (pairs / "1_a.png").write_bytes(b"")
    events = list(label_pairs(pairs, VIEWING))
    assert [event for event in events if isinstance(event, Warned) and "1_a.png" in event.message]
    assert list(events[-1].result.failed) == [1]  # type: ignore[union-attr]
    assert [pair.label is None for pair in read_pairs(pairs).pairs] == [False, True, False]


def test_pairs_are_made_of_any_pictures(pictures: Path, tmp_path: Path) -> None:
    output = tmp_path / "made"
    made = last(make_pairs([pictures, pictures / "more", pictures / "p0.png"], output, FEW))
    assert (made.pictures, len(made.entries), made.failed) == (6, 3, {})
    found = last(check(output))
    assert (found.problems, found.sizes, found.found.notices) == ((), {"32x32": 6}, ())
    record = json.loads((output / "pairs.json").read_text())
    assert record["config"]["count"] == 3
    for pair, entry in zip(found.found.pairs, record["pairs"], strict=True):
        assert [pair.first.name, pair.second.name] == entry["files"]
        assert Path(entry["first"]).stem in pair.first.name
        torch.testing.assert_close(  # the middle square of the picture it says
            load(pair.first).pixels, resize(load(entry["first"]).pixels[..., 4:44], (32, 32)), atol=0.5 / 255 + 1e-6, rtol=0
        )
        assert -1 <= entry["similarity"] <= 1
        assert entry["score"] == pytest.approx(plan(*load_pair(pair), VIEWING).score)


def test_labelling_made_pairs_again_changes_nothing(pictures: Path, tmp_path: Path) -> None:
    config = FEW.model_copy(update={"format": "jpg"})
    last(make_pairs([pictures], tmp_path / "made", config))
    before = (tmp_path / "made" / "labels.txt").read_text()
    last(label_pairs(tmp_path / "made", VIEWING, force=True))
    assert (tmp_path / "made" / "labels.txt").read_text() == before


def test_the_same_seed_makes_the_same_folder(pictures: Path, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "abc"]
    for folder, seed in zip(folders, (0, 0, 1), strict=True):
        last(make_pairs([pictures], folder, FEW.model_copy(update={"seed": seed, "labels": False})))
    told = [{file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders]
    assert told[0] == told[1] != told[2]
    assert "labels.txt" not in told[0]


def test_interrupted_making_leaves_a_sound_folder(pictures: Path, tmp_path: Path) -> None:
    events = make_pairs([pictures], tmp_path / "made", FEW)
    list(until(events, lambda event: isinstance(event, Step) and event.total == 3 and event.index == 2))
    rest = [events.throw(Interrupted()), *events]
    assert isinstance(rest[-1], Done)
    assert rest[-1].interrupted
    found = last(check(tmp_path / "made"))
    assert found.problems == ()
    assert [pair.label is not None for pair in found.found.pairs] == [True, True]
    assert len(json.loads((tmp_path / "made" / "pairs.json").read_text())["pairs"]) == 2


def test_interrupted_before_its_first_pair_it_leaves_nothing(pictures: Path, tmp_path: Path) -> None:
    events = make_pairs([pictures], tmp_path / "made", FEW)
    list(until(events, lambda event: event == Started("making pairs", 3)))
    done = events.throw(Interrupted())
    assert isinstance(done, Done)
    assert done.interrupted
    assert not (tmp_path / "made").exists()


def test_pictures_that_are_the_same_or_flat_or_damaged_are_left_out(pictures: Path, tmp_path: Path) -> None:
    (pictures / "copy.png").write_bytes((pictures / "p0.png").read_bytes())
    save(load(pictures / "p1.png").pixels, pictures / "resaved.jpg")
    save(torch.full((1, 3, 40, 40), 0.4), pictures / "flat.png")
    (pictures / "damaged.png").write_bytes(b"no picture")
    events = list(make_pairs([pictures], tmp_path / "made", FEW))
    told = [event.message for event in events if isinstance(event, Warned)]
    assert [words for words in ("damaged.png", "3 of 10 pictures") if any(words in message for message in told)] != []
    done = events[-1]
    assert isinstance(done, Done)
    assert done.result.pictures == 6
    assert list(done.result.failed) == [str(pictures / "damaged.png")]


def test_small_pictures_are_told_of(pictures: Path, tmp_path: Path) -> None:
    events = list(make_pairs([pictures], tmp_path / "made", FEW.model_copy(update={"size": 64, "labels": False})))
    assert [event for event in events if isinstance(event, Warned) and "6 pictures are smaller than 64x64" in event.message]


def test_a_folder_is_made_anew_only_with_force_and_only_if_it_was_made(pictures: Path, tmp_path: Path) -> None:
    output = tmp_path / "made"
    last(make_pairs([pictures], output, FEW.model_copy(update={"count": 1})))
    with pytest.raises(OutputError, match="--force"):
        last(make_pairs([pictures], output, FEW))
    last(make_pairs([pictures], output, FEW.model_copy(update={"count": 2, "seed": 4, "labels": False}), force=True))
    assert not (output / "labels.txt").exists()
    assert last(check(output)).problems == ()
    assert len(read_pairs(output).pairs) == 2
    save(colours(9), output / "9_mine.png")
    with pytest.raises(OutputError, match=r"9_mine\.png"):
        last(make_pairs([pictures], output, FEW, force=True))
    assert (output / "9_mine.png").exists()
    assert len(list(output.glob("[12]_[ab]_*.png"))) == 4


def test_what_stands_in_the_way_is_named(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="file of that name"):
        last(make_pairs([pictures], tmp_path / "file", FEW))
    with pytest.raises(OutputError, match="mkdir -p"):
        last(make_pairs([pictures], tmp_path / "none" / "made", FEW))
    with pytest.raises(ConfigError, match="6 pictures make 15 pairs, not 16"):
        last(make_pairs([pictures], tmp_path / "made", FEW.model_copy(update={"count": 16})))
    with pytest.raises(DataError, match="there are 1"):
        last(make_pairs([pictures / "p0.png"], tmp_path / "made", FEW))
    with pytest.raises(DataError, match="none"):
        last(make_pairs([tmp_path / "none"], tmp_path / "made", FEW))
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("suffix", ["png", "html"])
def test_a_sheet_shows_pairs_with_and_without_a_label(suffix: str, pairs: Path, tmp_path: Path) -> None:
    write_labels(pairs, [Label(0, 8.0, 3.0), None, Label(1, 4.0, 9.0)])
    (pairs / "2_a.png").write_bytes(b"")
    target = tmp_path / f"sheet.{suffix}"
    events = list(show(read_pairs(pairs), target, VIEWING))
    assert [event for event in events if isinstance(event, Warned) and "2_a.png" in event.message]
    assert events[-1].result.count == 2  # type: ignore[union-attr]
    if suffix == "png":
        assert load(target).width > 4 * 256
    else:
        text = target.read_text()
        assert text.count("<img") == 4 + 2
        assert "no label yet" in text
        assert "first from afar, cut-offs 5.2 and 14.0" in text
    with pytest.raises(OutputError, match="exists"):
        last(show(read_pairs(pairs), target, VIEWING))


def test_a_sheet_is_limited_and_has_a_kind(pairs: Path, tmp_path: Path) -> None:
    events = list(show(read_pairs(pairs), tmp_path / "a.png", VIEWING, limit=1))
    assert [event for event in events if isinstance(event, Warned) and "the first 1 of 3" in event.message]
    with pytest.raises(ConfigError, match=r"sheet\.png or \.html"):
        last(show(read_pairs(pairs), tmp_path / "sheet.gif", VIEWING))
