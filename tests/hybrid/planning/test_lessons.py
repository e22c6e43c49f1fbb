"""What the planner learns from: the observer's own answers, mirrored with the pictures, kept for a run that goes on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije.core.image import save
from alebrije.data.draw import creature
from alebrije.data.pairs import Label, load_pair, read_pairs, write_labels
from alebrije.errors import DataError
from alebrije.events import Event, Step, Warned
from alebrije.hybrid import observer
from alebrije.hybrid.pairs.labelling import USUAL
from alebrije.hybrid.planning import lessons as lessons_module
from alebrije.hybrid.planning.distil import PlannerConfig
from alebrije.hybrid.planning.lessons import KEPT, lessons, observed, vary, wander
from alebrije.hybrid.planning.planner import describe_orders


def taken(generator: Any) -> tuple[list[Event], Any]:
    """All events of a generator, and what it returns."""
    events = []
    while True:
        try:
            events.append(next(generator))
        except StopIteration as end:
            return events, end.value


def test_a_lesson_is_what_the_observer_says() -> None:
    first, second = creature(1, 128).image, creature(2, 128).image
    lesson, plan = observed(first, second, USUAL), observer.plan(first, second, USUAL)
    assert bool(lesson.role) == (plan.low == "second")
    order = int(lesson.role)
    assert lesson.targets[order].tolist() == pytest.approx([math.log2(plan.cycles_low), math.log2(plan.cycles_high), plan.score])
    of_low, of_high = (lesson.sigmas[order], lesson.sigmas[1 - order])
    assert float(of_low) == pytest.approx(0.187390 * 224 / plan.cycles_low, rel=1e-4)
    assert float(of_high) == pytest.approx(0.187390 * 224 / plan.cycles_high, rel=1e-4)


def test_the_lesson_of_swapped_pictures_is_the_mirrored_one() -> None:
    first, second = creature(3, 128).image, creature(4, 128).image
    lesson, mirrored = observed(first, second, USUAL), observed(second, first, USUAL)
    assert torch.equal(lesson.described.flip(0), mirrored.described)
    assert torch.equal(lesson.targets.flip(0), mirrored.targets)
    assert torch.equal(lesson.sigmas.flip(0), mirrored.sigmas)
    assert lesson.role + mirrored.role == 1


def test_pictures_are_varied_within_their_range() -> None:
    chance = torch.Generator().manual_seed(0)
    first, second = creature(5, 256).image, creature(6, 256).image
    shapes = set()
    for _ in range(12):
        varied = vary(first, second, chance)
        assert varied[0].shape == varied[1].shape
        assert all(0 <= float(one.min()) <= float(one.max()) <= 1 for one in varied)
        height, width = varied[0].shape[-2:]
        assert max(height, width) >= 0.59 * 256
        assert 0.48 <= height / width <= 2.1
        shapes.add((height, width))
        viewing = wander(chance)
        assert 0.25 <= viewing.near <= 1
        assert 5 <= viewing.far / viewing.near <= 25
    assert len(shapes) > 5


def test_lessons_are_kept_for_a_run_that_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lessons_module, "TESTED", 10)
    config = PlannerConfig(pairs=6, creatures=40, hold_out=3)
    events, (known, test, facts) = taken(lessons(config, tmp_path))
    assert len([event for event in events if isinstance(event, Step)]) > 6
    assert (known.role.shape, known.described.shape[:2], test.targets.shape[1:]) == ((6,), (6, 2), (2, 3))
    assert (tmp_path / KEPT).is_file()
    events, (again, _, same) = taken(lessons(config, tmp_path))
    assert events == []
    assert torch.equal(again.described, known.described)
    assert (same["data"], facts["data"]) == ("40 drawn creatures",) * 2


def test_labels_teach_the_order_that_people_chose(tmp_path: Path) -> None:
    labels = []
    for number in range(1, 11):
        for letter, seed in (("a", number), ("b", number + 30)):
            save(creature(seed, 64).image, tmp_path / f"{number}_{letter}.png")
        labels.append(Label(number % 2, 4.0, 1.5) if number % 2 == 0 else Label(1, 1.5, 4.0))
    write_labels(tmp_path, labels)
    _, (known, test, facts) = taken(lessons(PlannerConfig(data=str(tmp_path)), tmp_path))
    assert len(known.role) + len(test.role) == 10
    assert facts["teacher"] == "labels.txt"
    for role, targets in zip(known.role.int().tolist(), known.targets, strict=True):
        assert targets[1 - role].isnan().all()
        assert targets[role, 2].isnan()
        assert targets[role, :2].exp2().tolist() == pytest.approx([0.187390 * 224 / 4, 0.187390 * 224 / 1.5], rel=1e-4)


def test_labelled_pictures_stay_whole_and_one_that_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    for number in range(1, 11):
        for letter, seed in (("a", number), ("b", number + 30)):
            save(creature(seed, (48, 96)).image, tmp_path / f"{number}_{letter}.png")
    write_labels(tmp_path, [Label(0, 4.0, 1.5)] * 10)
    (tmp_path / "4_b.png").write_bytes(b"")
    events, (known, test, facts) = taken(lessons(PlannerConfig(data=str(tmp_path)), tmp_path))
    assert [event.message for event in events if isinstance(event, Warned) and "pair 4 is left out" in event.message]
    numbers = [*facts["training_pairs"], *facts["test_pairs"]]
    assert sorted(numbers) == [1, 2, 3, 5, 6, 7, 8, 9, 10]
    for number, described in zip(numbers, torch.cat([known.described, test.described]), strict=True):
        pair = next(one for one in read_pairs(tmp_path).pairs if one.number == number)
        assert torch.equal(described, describe_orders(*load_pair(pair), USUAL))  # as `Planner.plan` sees them


def test_pictures_of_one_name_in_several_folders_all_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in "ab":
        (tmp_path / folder).mkdir()
        for number in range(30):
            save(creature(number + 40 * (folder == "b"), 32).image, tmp_path / folder / f"{number}.png")
    seen: list[int] = []
    pairs = lambda shapes, *more, **options: seen.append(len(shapes)) or [(0, 1)]  # noqa: E731
    monkeypatch.setattr(lessons_module, "similar_pairs", pairs)
    monkeypatch.setattr(lessons_module, "TESTED", 1)
    taken(lessons(PlannerConfig(data=str(tmp_path), creatures=0, pairs=1, hold_out=3), tmp_path))
    assert sum(seen) == 60


def test_too_few_pictures_and_labels_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="too few"):
        taken(lessons(PlannerConfig(pairs=5, creatures=5), tmp_path / "run"))
    save(creature(1, 64).image, tmp_path / "1_a.png")
    save(creature(2, 64).image, tmp_path / "1_b.png")
    write_labels(tmp_path, [Label(0, 3.0, 1.0)])
    with pytest.raises(DataError, match="alebrije pairs label"):
        taken(lessons(PlannerConfig(data=str(tmp_path)), tmp_path))
