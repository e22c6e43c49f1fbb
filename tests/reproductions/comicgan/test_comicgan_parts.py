"""Energy, plan, compositions and measures of the evolution, each by itself."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest
import torch

from alebrije.core import image
from alebrije.data.dataset import open_dataset
from alebrije.errors import ConfigError, Interrupted, RunError
from alebrije.events import Done, Event, Events, Started
from alebrije.gan import growing
from alebrije.gan.config import ProganConfig
from alebrije.reproductions.comicgan import compositions, energy, measure, plan
from alebrije.reproductions.comicgan.run import reproduce
from alebrije.reproductions.comicgan.settings import NETWORKS, ComicganReproduction, length, resolved, with_steps


def test_energy_is_power_times_time() -> None:
    meter = energy.open_meter(40.0, "cpu")
    assert meter.joules(90.0) == 3600
    assert energy.watt_hours({"seconds": 90.0, "joules": 3600.0}, 90.0) == 1
    assert energy.watt_hours({"seconds": 45.0, "joules": 1800.0}, 180.0) == 2  # what was not watched counts by the mean
    assert "as given" in meter.words


def test_energy_of_parts_of_a_run_is_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 5.0, 6.0, 100.0, 110.0, 120.0])
    monkeypatch.setattr("alebrije.reproductions.comicgan.energy.time.monotonic", lambda: next(clock))
    meter = energy.open_meter(10.0, "cpu")

    def events(count: int) -> Events:
        yield from (Started(str(index)) for index in range(count))

    assert len(list(energy.watched(events(2), meter, tmp_path, "one"))) == 2
    assert energy.load(tmp_path)["one"]["joules"] == pytest.approx(60)
    stopped = energy.watched(events(2), meter, tmp_path, "one")
    next(stopped)
    with pytest.raises(Interrupted):
        stopped.throw(Interrupted())
    assert energy.load(tmp_path)["one"]["seconds"] == pytest.approx(26)
    assert energy.load(tmp_path)["one"]["joules"] == pytest.approx(260)


def test_the_processors_counter_goes_round(tmp_path: Path) -> None:
    for name in ("intel-rapl:0", "intel-rapl:0:0"):  # the second is a part of the first
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text("900000", encoding="ascii")
        (tmp_path / name / "max_energy_range_uj").write_text("1000000", encoding="ascii")
    found = energy._counters(tmp_path)
    assert [path.parent.name for path in found] == ["intel-rapl:0"]
    joules = energy._counted(found)
    found[0].write_text("950000", encoding="ascii")
    assert joules(1.0) == pytest.approx(0.05)
    found[0].write_text("50000", encoding="ascii")
    assert joules(1.0) == pytest.approx(0.1)


def test_a_reading_that_fails_is_the_one_before() -> None:
    readings = iter([50.0, 60.0])
    read = energy._steady(lambda: next(readings))
    assert [read(), read(), read()] == [60.0, 60.0, 60.0]


def test_the_plan_is_kept_and_other_settings_are_refused(tmp_path: Path) -> None:
    config = ComicganReproduction(steps=7, progan_size=32)
    plan.begun(config, tmp_path)
    list(plan.made(config, tmp_path, "nothing is read"))
    found = plan.load(tmp_path)
    assert {*found["networks"]} == {*NETWORKS}
    assert found["networks"]["progan"]["steps"] == 7
    assert plan.stage_heights(config) == [8, 16, 32]
    found["networks"]["dense"]["steps"] = 5  # as if time had given it
    (tmp_path / "plan.json").write_text(json.dumps(found), encoding="utf-8")
    list(plan.made(config, tmp_path, "nothing is read"))
    assert plan.train_settings(plan.load(tmp_path), "dense")["steps"] == 5
    plan.checked(config, tmp_path)
    with pytest.raises(RunError, match="was begun with steps 7: for 8 choose another -o"):
        plan.checked(config.model_copy(update={"steps": 8}), tmp_path)


def test_without_a_length_all_is_as_in_the_thesis() -> None:
    config = ComicganReproduction()
    lengths = {name: length(resolved(config, name), config.samples) for name in NETWORKS}
    assert [lengths[name]["steps"] for name in list(NETWORKS)[:-1]] == [10_000, 10_000, 10_000, 20_000]
    assert lengths["progan"]["stage_steps"] == 20_000
    assert lengths["progan"]["sample_every"] == 5000
    assert lengths["progan"]["alpha_step"] == 0.00008
    assert resolved(config, "dcgan64").max_share == 0.1
    assert [measure.parameters(config, name)["generator"] > 0 for name in NETWORKS] == [True] * 5


def test_growing_shares_its_steps_equally_and_fades_in_half_of_each() -> None:
    progan = with_steps(resolved(ComicganReproduction(progan_size=64), "progan"), 400)
    assert isinstance(progan, ProganConfig)
    assert [growing.place(progan, step).stage for step in (0, 99, 100, 399)] == [0, 0, 1, 3]
    assert growing.place(progan, 100).alpha == pytest.approx(0.2)
    assert growing.place(progan, 149).alpha < 1
    assert growing.place(progan, 151).alpha == 1


def test_mistakes_are_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be 16, 32, 64, 128 or 256"):
        ComicganReproduction(progan_size=100)
    with pytest.raises(ConfigError, match="unknown contrast dcgan65"):
        list(reproduce(ComicganReproduction(contrast="dcgan65"), tmp_path))
    with pytest.raises(ConfigError, match="unknown detector"):
        list(reproduce(ComicganReproduction(detector="compakt"), tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_faces_are_known_by_their_seeds_and_differ() -> None:
    faces = torch.cat([compositions.face(seed, 24) for seed in range(12)])
    assert torch.equal(faces[3:4], compositions.face(3, 24))
    assert min(torch.pdist(faces.flatten(1)).tolist()) > 1
    assert bool((faces[:, :, 0, 0] == 1).all())


def test_shuffled_pictures_keep_each_ones_colours() -> None:
    images = torch.randint(0, 256, (3, 3, 8, 8), dtype=torch.uint8)
    mixed = measure.shuffled(images, 0)
    assert not torch.equal(mixed, images)
    for before, after in zip(images, mixed):
        assert sorted(map(tuple, before.flatten(1).T.tolist())) == sorted(map(tuple, after.flatten(1).T.tolist()))


def test_blurring_takes_detail_and_a_plain_picture_has_none() -> None:
    sharp = torch.randint(0, 256, (2, 1, 16, 16), dtype=torch.uint8)
    blurred = torch.nn.functional.avg_pool2d(sharp.float(), 3, 1, 1).to(torch.uint8)
    assert measure.detail(torch.full((2, 3, 8, 8), 90, dtype=torch.uint8)) == pytest.approx(0, abs=1e-6)
    assert measure.detail(blurred) < 0.5 * measure.detail(sharp)


def test_stages_are_counted_from_the_log() -> None:
    columns = {"stage": [0, 0, 0, 1, 1, 2], "seconds": [1, 2, 3, 5, 7, 11]}
    assert measure.stages(columns) == [{"steps": 3, "seconds": 3}, {"steps": 2, "seconds": 4}, {"steps": 1, "seconds": 4}]
    assert measure.stages({"seconds": [1, 2]}) == []


def test_compositions_are_packed_with_as_many_pictures_of_each(tmp_path: Path, cache: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    for index in range(2):
        pixels = torch.rand(1, 3, 70 + 20 * index, 90, generator=torch.Generator().manual_seed(index))
        image.save(pixels, photographs / f"{index}.png")
    config = ComicganReproduction(pictures=24, progan_size=16, photos=str(photographs))
    data = finished(compositions.gathered(config, tmp_path))
    shapes = {name: open_dataset(place).shape for name, place in data.items()}
    assert shapes == dict.fromkeys(compositions.TITLES, (24, 3, 64, 64))
    assert sorted(path.name for path in (tmp_path / "data").iterdir()) == ["photographs", "simple", "varied"]
    again = compositions.gathered(config, tmp_path)
    assert not [event for event in again if not isinstance(event, Done)]


def finished(events: Generator[Event, None, dict[str, str]]) -> dict[str, str]:
    """What a generator of events returns."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return dict(end.value)
