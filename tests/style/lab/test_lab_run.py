"""The laboratory from end to end, with the shipped network: two pairs, a few painters, some steps."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije import events
from alebrije.core import image
from alebrije.core.image import read_metadata
from alebrije.errors import ConfigError, DataError, Interrupted, OutputError
from alebrije.style.lab.comparison import NEUTRAL
from alebrije.style.lab.config import LabConfig, painter_settings
from alebrije.style.lab.judging import JUDGES
from alebrije.style.lab.painting import file_of, kept, pairs_of
from alebrije.style.lab.run import laboratory

FAST: dict[str, Any] = {"losses": ("gram", "bn"), "size": "48", "steps": 3, "quality": "quick", "precision": "fp32"}


def paint(path: Path, seed: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    colours = torch.rand(1, 3, 5, 6, generator=torch.Generator().manual_seed(seed))
    return image.save(image.resize(colours, (40, 48)), path)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    for seed, name in enumerate(("night", "wave")):
        paint(folder / "styles" / f"{name}.png", seed)
    return paint(folder / "lion.png", 7), folder / "styles"


@pytest.fixture(scope="module")
def made(inputs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[events.Event]]:
    folder = tmp_path_factory.mktemp("made") / "lab"
    return folder, list(laboratory(*inputs, folder, LabConfig(**FAST)))


def report_of(found: list[events.Event]) -> dict[str, Any]:
    done = found[-1]
    assert isinstance(done, events.Done)
    report = done.result.report
    assert isinstance(report, dict)
    return report


def test_every_painter_paints_every_pair_and_every_judge_scores_it(made: tuple[Path, list[events.Event]]) -> None:
    folder, found = made
    report = report_of(found)
    names = {f"lion--{style}--{painter}.png" for style in ("night", "wave") for painter in ("gram", "bn")}
    assert {path.name for path in (folder / "pictures").iterdir()} == names
    assert json.loads((folder / "lab.json").read_text()) == report
    assert set(report["table"]) == {"gram", "bn"}
    for one in report["pictures"]:
        assert {*JUDGES, "content distance", "SSIM"} <= set(one["scores"])
        assert all(math.isfinite(value) for value in one["scores"].values())
    assert {place["painter"] for place in report["ranking"]} == {"gram", "bn"}
    assert all(place["interval"][0] <= place["rank"] <= place["interval"][1] for place in report["ranking"])
    assert (report["failed"], report["votes"]) == ({}, None)
    steps = [event for event in found if isinstance(event, events.Step)]
    assert [event.index for event in steps] == sorted(event.index for event in steps)
    assert steps[-1].index == steps[-1].total == 12


def test_the_pages_hold_everything(made: tuple[Path, list[events.Event]]) -> None:
    folder, _ = made
    page = (folder / "index.html").read_text()
    assert page.count("data:image/jpeg") == 2 * (2 + 2)
    assert "<script" not in page
    assert page.count('<td class="own">') == 2
    assert (folder / "vote.html").read_text().count("data-code") == 4


def test_pull_and_settings_are_written_into_the_pictures(made: tuple[Path, list[events.Event]]) -> None:
    _, found = made
    for one in report_of(found)["pictures"]:
        record = read_metadata(one["file"])
        assert record["config"]["style_weight"] == one["style_weight"]
        assert record["laboratory"]["painter"] == one["painter"]
    by_style: dict[str, set[float]] = {}
    for one in report_of(found)["pictures"]:
        by_style.setdefault(one["style"], set()).add(round(one["style_weight"] * one["gradient"], 9))
    assert [len(products) for products in by_style.values()] == [1, 1]


def test_what_is_there_is_kept_and_other_settings_are_refused(
    made: tuple[Path, list[events.Event]], inputs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, found = made
    before = {path: path.stat().st_mtime_ns for path in (folder / "pictures").iterdir()}
    with pytest.raises(OutputError, match=r"steps was 3, and is 4 now\): give another folder with -o, or --force"):
        list(laboratory(*inputs, folder, LabConfig(**FAST | {"steps": 4})))
    with pytest.raises(OutputError, match="style_weight was"):
        list(laboratory(*inputs, folder, LabConfig(**FAST, style_weight=3)))

    def nobody(*anything: Any) -> None:
        raise AssertionError("painted or judged again")

    monkeypatch.setattr("alebrije.style.lab.painting.stylize", nobody)
    monkeypatch.setattr("alebrije.style.lab.run.judge", nobody)
    again = list(laboratory(*inputs, folder, LabConfig(**FAST)))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert any(isinstance(event, events.Warned) and "4 of 4 pictures are there already" in event.message for event in again)
    assert report_of(again) == report_of(found)


def test_settings_of_the_cooccurrence_are_of_no_concern_to_others(
    made: tuple[Path, list[events.Event]], inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    pair = pairs_of([inputs[0]], [inputs[1] / "night.png"])[0]
    (tmp_path / "pictures").mkdir()
    for painter in ("gram", "cooccurrence-pairwise"):
        picture = image.load(file_of(made[0], pair, "gram"))
        record = read_metadata(file_of(made[0], pair, "gram"))
        record["config"] |= painter_settings(LabConfig(**FAST), painter, 1.0).model_dump(mode="json") | {"radii": [0, 1]}
        image.save(picture, file_of(tmp_path, pair, painter), metadata=record)
    assert kept(tmp_path, pair, "gram", LabConfig(**FAST)) is not None
    with pytest.raises(OutputError, match="radii was"):
        kept(tmp_path, pair, "cooccurrence-pairwise", LabConfig(**FAST))


def test_with_equal_content_every_painter_is_set_against_gram(
    inputs: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = LabConfig(**FAST | {"losses": ("bn",), "steps": 6, "match": "content"})
    night = inputs[0], inputs[1] / "night.png"
    found = list(laboratory(*night, tmp_path / "lab", config))
    report = report_of(found)
    assert [one["painter"] for one in report["pictures"]] == ["gram", "bn"]  # gram is needed, and comes first
    wanted, reached = (one["report"]["content_distance"] for one in report["pictures"])
    assert reached == pytest.approx(wanted, rel=0.03)
    (against,) = report["against_gram"]
    assert (against["painter"], against["pairs"], against["apart"]) == ("bn", 1, [])
    scores = [one["scores"] for one in report["pictures"]]
    ratios = [scores[1][judge] / scores[0][judge] for judge in NEUTRAL]
    assert against["by_pair"]["lion--night"]["mean"] == pytest.approx(math.prod(ratios) ** 0.25)
    assert set(report["reach"]) == {"night"}
    assert "Against gram, at equal content" in (tmp_path / "lab" / "index.html").read_text()
    steps = [event.index for event in found if isinstance(event, events.Step)]
    assert steps == sorted(steps)

    monkeypatch.setattr("alebrije.style.lab.painting.stylize", None)
    assert report_of(list(laboratory(*night, tmp_path / "lab", config))) == report
    with pytest.raises(OutputError, match="match was content, and is gradient now"):
        list(laboratory(*night, tmp_path / "lab", config.model_copy(update={"match": "gradient"})))


def test_another_network_may_judge(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    for judge in ("nothing", "squeezenet1_1"):
        with pytest.raises(ConfigError, match=r"stylize-lab"):
            list(laboratory(*inputs, tmp_path, LabConfig(**FAST, judge_features=judge)))
    assert LabConfig(**FAST).judge == "compact"
    assert LabConfig(**FAST, judge_features="vgg16").judge == "vgg16"


def test_votes_join_the_ranking(made: tuple[Path, list[events.Event]], inputs: tuple[Path, Path], tmp_path: Path) -> None:
    folder, found = made
    pictures = report_of(found)["pictures"]
    ballots = []
    for style in ("night.png", "wave.png"):
        shown = {one["painter"]: one["sha256"][:12] for one in pictures if one["style"] == style}
        ballots.append({"shown": list(shown.values()), "order": [shown["bn"]]})
    file = tmp_path / "votes.json"
    file.write_text(json.dumps({"alebrije": "votes", "voter": "Ana", "ballots": ballots}))
    report = report_of(list(laboratory(*inputs, folder, LabConfig(**FAST), [file])))
    assert [(one["painter"], one["rank"]) for one in report["votes"]["ranking"]] == [("bn", 1), ("gram", 2)]
    assert (report["votes"]["voters"], report["votes"]["ballots"], report["votes"]["spearman"]) == (1, 2, None)
    assert "mean rank by votes" in (folder / "index.html").read_text()


def test_an_interruption_keeps_what_is_finished_and_the_next_run_goes_on(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    config = LabConfig(**FAST | {"losses": ("bn",)})
    work = laboratory(*inputs, tmp_path, config)
    for event in work:
        if isinstance(event, events.Saved):
            break
    rest = [work.throw(Interrupted()), *work]
    assert isinstance(rest[-1], events.Done)
    assert rest[-1].interrupted
    assert len(report_of(rest)["pictures"]) == 1
    assert (tmp_path / "index.html").is_file()
    first = {path: path.read_bytes() for path in (tmp_path / "pictures").iterdir()}
    again = report_of(list(laboratory(*inputs, tmp_path, config)))
    assert len(again["pictures"]) == 2
    assert {path: path.read_bytes() for path in first} == first


def test_an_interruption_before_the_first_picture_leaves_pages_that_say_so(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    work = laboratory(*inputs, tmp_path, LabConfig(**FAST))
    while not isinstance(next(work), events.Step):
        pass
    rest = [work.throw(Interrupted()), *work]
    assert report_of(rest)["pictures"] == report_of(rest)["ranking"] == []
    assert "There is nothing to rank yet." in (tmp_path / "index.html").read_text()


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"losses": ("nothing",)}, ConfigError),
        ({"features": "squeezenet1_1"}, ConfigError),
        ({"features": "auto"}, ConfigError),
        ({"size": "big"}, ConfigError),
    ],
)
def test_wrong_settings_are_told_before_anything_is_made(
    settings: dict[str, Any], error: type[Exception], inputs: tuple[Path, Path], tmp_path: Path
) -> None:
    with pytest.raises(error):
        list(laboratory(*inputs, tmp_path / "lab", LabConfig(**FAST | settings)))
    assert not (tmp_path / "lab").exists()


def test_unreadable_pictures_are_named_and_passed_over(inputs: tuple[Path, Path], tmp_path: Path) -> None:
    paint(tmp_path / "s" / "good.png", 3)
    (tmp_path / "s" / "bad.png").write_bytes(b"no picture")
    report = report_of(list(laboratory(inputs[0], tmp_path / "s", tmp_path / "lab", LabConfig(**FAST | {"losses": ("bn",)}))))
    assert list(report["failed"]) == [str(tmp_path / "s" / "bad.png")]
    assert len(report["pictures"]) == 1
    (tmp_path / "s" / "good.png").unlink()
    with pytest.raises(DataError, match="no picture in"):
        list(laboratory(inputs[0], tmp_path / "s", tmp_path / "other", LabConfig(**FAST)))
