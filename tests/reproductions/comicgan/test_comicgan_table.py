"""The verdicts on the thesis' findings and the table, from results made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from alebrije.reproductions.comicgan import story
from alebrije.reproductions.comicgan.claims import FELL, HELD, OPEN, judge, ruling, verdict
from alebrije.reproductions.comicgan.settings import NETWORKS
from alebrije.reproductions.comicgan.table import EFFORT, QUALITY, caution, devices, table

KIDS = {"dense": 0.5, "dcgan28": 0.4, "dcgan48": 0.3, "dcgan64": 0.2, "progan": 0.1}


def around(value: float) -> list[float]:
    return [value, 0.99 * value, 1.01 * value]


def network(kid: float, share: float, **changes: Any) -> dict[str, Any]:
    return {
        "kid": around(kid), "share": around(share), "common_kid": around(kid), "common_share": around(share), "detail": 0.5,
        "diversity": 0.8, "by_heart": None, "accuracy": 0.75, "side": 48, "gray": True, "steps": 1200, "batch_size": 128,
        "epochs": 75.0, "seconds": 240.0, "seconds_per_1000": 1.5625, "rollbacks": 0, "remarks": [], "stages": [],
        "troubles": {"collapse": 0, "exploding gradients": 0, "vanishing gradients": 0},
        "parameters": {"generator": 1_200_000, "discriminator": 20_340_000}, "watt_hours": 2.0, "power_of": "assumed: 30 W",
    } | changes  # fmt: skip


def as_found() -> dict[str, dict[str, dict[str, Any]]]:
    """Runs that bear out every finding."""
    found = {
        composition: {name: network(kid, kid * factor) for name, kid in KIDS.items()}
        for composition, factor in (("simple", 1.0), ("varied", 1.5))
    }
    for networks in found.values():
        networks["dcgan64"]["troubles"]["exploding gradients"] = 1
    return found | {"photographs": {"dcgan64": network(0.3, 0.9)}}


def results(runs: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    view = {"mean": around(1.0), "shuffled": around(2.0), "detail": 0.05}
    return {
        "titles": dict.fromkeys(runs, "drawn faces"), "pictures": dict.fromkeys(runs, 500), "runs": runs, "judged": 200,
        "scales": {composition: {"48x48 grey": view} for composition in runs}, "detector": "detector compact", "device": "cpu",
        "timing": {}, "claims": judge(runs),
    }  # fmt: skip


def test_runs_as_the_thesis_found_them_bear_out_its_findings() -> None:
    found = judge(as_found())
    assert {one for claim in found for one in claim["verdicts"].values()} == {HELD}
    assert len(found) == 8
    assert {*found[6]["verdicts"]} == {*NETWORKS}


@pytest.mark.parametrize(
    ("place", "changes", "words", "fallen"),
    [
        (("varied", "dense"), {"detail": 0.97}, "blurred", FELL),
        (("varied", "dense"), {"kid": around(0.25)}, "convolutions", FELL),
        (("varied", "dense"), {"kid": around(0.301)}, "convolutions", OPEN),
        (("simple", "dcgan28"), {"common_kid": around(0.2)}, "dcgan48 comes after", FELL),
        (("simple", "dcgan64"), {"common_kid": around(0.05)}, "ProGAN comes after", FELL),
        (("simple", "progan"), {"rollbacks": 1}, "stabler", OPEN),
        (("simple", "dcgan28"), {"share": around(0.7)}, "faces are easier", FELL),
        (("photographs", "dcgan64"), {"share": around(0.25)}, "photographs are harder", FELL),
    ],
)
def test_each_finding_can_fall(place: tuple[str, str], changes: dict[str, Any], words: str, fallen: str) -> None:
    runs = as_found()
    runs[place[0]][place[1]] |= changes
    (claim,) = (one for one in judge(runs) if words in one["claim"])
    assert fallen in claim["verdicts"].values()
    assert HELD in claim["verdicts"].values()
    assert f"{fallen} (" in verdict(claim)


def test_intervals_that_overlap_decide_nothing() -> None:
    assert ruling([1.0, 0.8, 1.2], [1.3, 1.1, 1.5]) == OPEN
    assert ruling([1.0, 0.9, 1.09], [1.3, 1.1, 1.5]) == HELD
    assert ruling([1.3, 1.1, 1.5], [1.0, 0.9, 1.09]) == FELL


def test_without_photographs_nothing_is_said_of_them() -> None:
    runs = as_found()
    del runs["photographs"]
    assert not any("photographs" in claim["claim"] for claim in judge(runs))
    assert "Photographs" not in table(results(runs))


def test_the_table_has_every_network_and_every_finding() -> None:
    text = table(results(as_found()))
    rows = text.splitlines()
    widths = {len(QUALITY) + 1, len(EFFORT) + 1, 5}
    assert {row.count("|") for row in rows if row.startswith("|")} == widths
    for name in NETWORKS:
        assert sum(row.startswith(f"| {name} |") for row in rows) == (6 if name == "dcgan64" else 4)
    assert "| dense | 1.20 M + 20.34 M | 48x48 grey | 1,200 of 128 | 75.0 | 4.0 | 1.56 | 2.00 | none seen |" in rows
    assert "| dense | 500.0 | 495.0 to 505.0 | 0.500 | 500.0 | 0.500 | 0.50 | 80% |  | 75% |" in rows
    assert sum("| held (" in row for row in rows) == 8
    assert "Energy is an estimate: assumed: 30 W." in text
    assert "not compared" in text


def test_networks_that_have_learned_nothing_are_named() -> None:
    runs = as_found()
    assert caution(results(runs)) == ""
    runs["varied"]["progan"]["share"] = around(1.2)
    assert "their mean: progan (varied)." in caution(results(runs))
    assert caution(results(runs)) in table(results(runs))


def test_devices_are_compared_where_there_are_two() -> None:
    told = devices({"timing": {"dense": {"cpu": 1.0, "cuda": 0.02}}, "device": "cuda"})
    assert "dense 1 s on cpu, 0.02 s on cuda (50.0 times as fast)" in told


def test_a_station_is_told_for_each_composition() -> None:
    told = story.told(results(as_found()), "dcgan64")
    assert told.count("KID x 1000 200.0") == 2
    assert told.count("exploding gradients") == 2
    assert "Photographs: KID x 1000 300.0" in told
    assert story.told(results(as_found()), "dense").count("KID") == 2
