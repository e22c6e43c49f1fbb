"""The test report: which pairs it is about, what it says of them, and that its hybrids are those of the labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter
from torch import Tensor

from alebrije import events, steps
from alebrije.core import image
from alebrije.data.pairs import Label, split_pairs, write_labels
from alebrije.errors import ConfigError, DataError, OutputError, RunError
from alebrije.hybrid.planning import figures, report, use
from alebrije.hybrid.planning.answers import Answers, constant_answers
from alebrije.hybrid.planning.config import PairTrainConfig
from alebrije.runs import Run


def labels_of(count: int) -> list[Label]:
    chance = np.random.default_rng(0)
    return [Label(int(chance.integers(2)), *map(float, chance.uniform(1, 9, 2))) for _ in range(count)]


def truth(labels: list[Label]) -> Answers:
    return Answers(
        torch.tensor([2.0 * label.low - 1 for label in labels], dtype=torch.float64),
        torch.tensor([[label.sigma_first, label.sigma_second] for label in labels], dtype=torch.float64),
    )


def an_exam(count: int, side: int = 24) -> report.Exam:
    pictures = torch.rand(4, 2, 3, side, side)
    labels = labels_of(count)
    return report.Exam(labels, range(10, 10 + count), lambda index: pictures[index % 4], labels)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve labelled pairs; the grey level of pair k is k / 20 in both pictures."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for number in range(12):
        for name in "ab":
            image.save(torch.full((1, 3, 16, 16), number / 20), folder / f"{number}_{name}.png")
    write_labels(folder, labels_of(12))
    return folder


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A planner that always answers the same stands in for all, and notes the number of each pair that it is shown."""
    seen: list[int] = []

    def answer(first: Tensor, second: Tensor) -> Answers:
        assert first.shape == second.shape
        assert first.ndim == 4
        seen.extend(round(20 * float(one.mean())) for one in first)
        return Answers(torch.ones(len(first), dtype=torch.float64), torch.full((len(first), 2), 4.0, dtype=torch.float64))

    monkeypatch.setattr(use, "load_answerer", lambda run: answer)
    monkeypatch.setattr(report, "SAMPLES", 1)
    return seen


@pytest.fixture
def run(pairs: Path, tmp_path: Path) -> Path:
    """The folder of a run that learned from `pairs` with seed 3."""
    made = Run.create(tmp_path / "run")
    made.write_recipe("hybrid/simple", PairTrainConfig(data=str(pairs), seed=3, test_share=0.25))
    return made.folder


def outcome(verb: events.Events) -> tuple[Any, list[str]]:
    heard = list(verb)
    assert isinstance(heard[-1], events.Done)
    return heard[-1].result, [event.message for event in heard if isinstance(event, events.Warned)]


@pytest.mark.parametrize("count", [1, 29])
def test_the_report_has_numbers_baselines_figures_samples_and_json(count: int, tmp_path: Path) -> None:
    exam = an_exam(count)
    told = constant_answers(exam.labels, count)
    rivals = {report.MEDIAN: told, "an oracle": truth(list(exam.labels))}
    path = report.write_test_report(told, exam, tmp_path / "out", "a test", rivals, {"planner": "<mine>"})
    text = path.read_text(encoding="utf-8")
    for words in ("a test", "&lt;mine&gt;", f"of {count} pairs", "octave", report.MEDIAN, "an oracle", "McNemar", "Pair 1"):
        assert words in text
    assert text.count("<img ") == text.count("data:image/") == 2 + 6 * min(count, report.SAMPLES)
    scores = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert scores["count"] == len(scores["pairs"]) == count
    assert scores["metrics"] == scores["baselines"][report.MEDIAN]
    assert scores["baselines"]["an oracle"]["accuracy"] == 1
    assert [row["pair"] for row in scores["pairs"]] == list(exam.numbers)
    assert scores["pairs"][0]["label"]["sigma_first"] == exam.labels[0].sigma_first
    report.write_test_report(told, exam, tmp_path / "out", "a test", {})


def test_hundreds_of_pairs_have_bars_too(tmp_path: Path) -> None:
    labels = labels_of(300)
    found = image.load(figures.sigma_bars(truth(labels), labels, tmp_path / "bars.png"))
    assert found.width > 1000


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    exam = an_exam(2)
    with pytest.raises(OutputError, match="cannot make the folder"):
        report.write_test_report(truth(list(exam.labels)), exam, tmp_path / "file" / "out", "a test", {})


@pytest.mark.parametrize("low", [0, 1])
@pytest.mark.parametrize("width", [48, 224])
def test_sample_hybrids_are_those_of_the_label(low: int, width: int) -> None:
    pair = torch.rand(2, 3, 32, width, dtype=torch.float64)
    label = Label(low, 6.0, 2.5)
    sigmas = [sigma * width / 224 for sigma in (6.0, 2.5)]
    far, near = (pair[low].numpy(), sigmas[low]), (pair[1 - low].numpy(), sigmas[1 - low])

    def blurred(picture: Any, sigma: float) -> Any:
        return gaussian_filter(picture, (0, sigma, sigma), mode="reflect", truncate=6)

    expected = blurred(*far) + near[0] - blurred(*near)
    found = figures.hybrid(pair, label)
    assert np.abs(found[0].numpy() - expected.clip(0, 1)).max() < 5e-3
    torch.testing.assert_close(figures.hybrid(pair.flip(0), label.mirrored()), found)


def test_a_right_answer_looks_like_the_label(tmp_path: Path) -> None:
    label = Label(1, 5.0, 3.0)
    shown = figures.sample_pictures(torch.rand(2, 3, 20, 30), label, label, tmp_path / "pair-7")
    assert len(shown) == 6
    files = {caption: path.read_bytes() for path, caption in shown.items()}
    assert files["labelled, from near"] == files["answered, from near"] != files["labelled, from far"]
    assert figures.in_words(label) == "from afar the second (3.0 px), from near the first (5.0 px)"


@pytest.mark.parametrize("wrong", [0, 1, 5, 12])
def test_samples_are_spread_from_the_best_to_the_worst(wrong: int) -> None:
    octaves = np.random.default_rng(0).uniform(size=(12, 2))
    right = np.arange(12) >= wrong
    chosen = figures.chosen_samples(octaves, right, 6)
    assert len(chosen) == len(set(chosen)) == 6
    assert list(right[chosen]) == sorted(right[chosen], reverse=True)
    assert sum(~right[chosen]) == {0: 0, 1: 1, 5: 3, 12: 6}[wrong]
    for side in (True, False):
        errors = octaves.mean(axis=1)[[index for index in chosen if right[index] == side]]
        assert list(errors) == sorted(errors)


def test_a_run_is_tested_by_the_pairs_it_held_out(run: Path, asked: list[int], tmp_path: Path) -> None:
    result, warned = outcome(steps.evaluate(run))
    learned, held_out = split_pairs(12, 0.75, 3)
    assert asked == held_out
    assert warned == []
    assert (result.report["count"], result.folder) == (3, run / "evaluation")
    labels = labels_of(12)
    expected = sum(labels[index].low for index in held_out) / 3  # the stand-in always answers 1
    assert result.report["metrics"]["accuracy"] == pytest.approx(expected)
    every = [s for index in learned for s in (labels[index].sigma_first, labels[index].sigma_second)]
    off = [abs(np.median(every) - s) for index in held_out for s in (labels[index].sigma_first, labels[index].sigma_second)]
    assert result.report["baselines"][report.MEDIAN]["mae"] == pytest.approx(np.mean(off), rel=1e-5)
    assert all(Path(path).is_file() for path in result.report["files"])


def test_pairs_that_were_learned_from_do_not_count(run: Path, pairs: Path, asked: list[int]) -> None:
    result, (warned,) = outcome(steps.evaluate(run, data=pairs))
    assert asked == split_pairs(12, 0.75, 3)[1]
    assert "held out" in warned
    assert result.report["count"] == 3


def test_pairs_that_were_labelled_later_do_not_mix_the_held_out_with_the_others(
    run: Path, pairs: Path, asked: list[int], tmp_path: Path
) -> None:
    write_labels(pairs, [None if index in (4, 7) else label for index, label in enumerate(labels_of(12))])
    Run(run).write_model({"weight": torch.zeros(1)}, {"training_pairs": [0, 1, 2, 3, 5, 8, 9, 10], "test_pairs": [6, 11]})
    write_labels(pairs, labels_of(12))
    result, _ = outcome(steps.evaluate(run))
    assert asked == [6, 11]
    assert result.report["count"] == 2
    write_labels(pairs, [None if index in (6, 11) else label for index, label in enumerate(labels_of(12))])
    with pytest.raises(DataError, match="held out"):
        list(steps.evaluate(run))


def test_other_pairs_count_all_but_those_without_a_label(run: Path, pairs: Path, asked: list[int], tmp_path: Path) -> None:
    other = pairs.rename(tmp_path / "other")
    write_labels(other, [None if index in (2, 5) else label for index, label in enumerate(labels_of(12))], reference=448)
    result, warned = outcome(steps.evaluate(run, data=other, output=tmp_path / "new" / "place"))
    assert asked == [index for index in range(12) if index not in (2, 5)]
    assert any("2 of 12 pairs have no label" in words for words in warned)
    scores = json.loads((tmp_path / "new" / "place" / "scores.json").read_text())
    assert scores["pairs"][0]["label"]["sigma_first"] == pytest.approx(labels_of(12)[0].sigma_first / 2, rel=1e-5)
    assert "flatters" in (tmp_path / "new" / "place" / "report.html").read_text()  # what it learned from is gone
    assert result.report["run"] == str(run)


def test_the_planner_that_ships_needs_pairs(pairs: Path, asked: list[int], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"planner learned from no labelled pairs: .* --data PAIRS"):
        list(steps.evaluate("planner"))
    result, _ = outcome(steps.evaluate("planner", data=pairs))
    assert (result.report["count"], result.folder) == (12, Path("planner-evaluation"))


def test_a_model_alone_is_enough(run: Path, pairs: Path, asked: list[int], tmp_path: Path) -> None:
    Run(run).write_model({"weight": torch.zeros(1)}, {})
    (tmp_path / "elsewhere").mkdir()
    model = (run / "model.safetensors").rename(tmp_path / "elsewhere" / "model.safetensors")
    result, _ = outcome(steps.evaluate(model))
    assert (result.report["count"], result.folder) == (3, tmp_path / "elsewhere" / "evaluation")


def test_a_model_may_carry_its_recipe_as_it_is(run: Path, asked: list[int]) -> None:
    header = {"recipe": (run / "recipe.yaml").read_text(), "network": "hybrid-planner"}
    save_file({"weight": torch.zeros(1)}, run / "planner.safetensors", header)
    assert outcome(steps.evaluate(run / "planner.safetensors"))[0].report["count"] == 3


def spoil(run: Path, pairs: Path, how: str) -> Path:
    if how == "no labels":
        (pairs / "labels.txt").unlink()
    if how == "few labels":
        write_labels(pairs, [Label(0, 1, 2), *[None] * 11])
    if how == "no recipe":
        save_file({"weight": torch.zeros(1)}, run / "theirs.safetensors")
        return run / "theirs.safetensors"
    if how == "gone":
        pairs.rename(pairs.with_name("moved"))
    if how == "another family":
        text = (run / "recipe.yaml").read_text().replace("hybrid/simple", "autoencoder/creatures")
        (run / "recipe.yaml").write_text(text)
    if how == "no model":
        (run / "model.safetensors").write_text("no model")
        return run / "model.safetensors"
    return run / "nowhere" if how == "no run" else run


@pytest.mark.parametrize(
    ("how", "error", "words"),
    [
        ("no labels", ConfigError, "learned from no labelled pairs: name some to test it by with --data PAIRS"),
        ("few labels", DataError, "has 1 labelled pairs"),
        ("gone", ConfigError, "no longer there"),
        ("no recipe", RunError, "does not say which recipe"),
        ("another family", ConfigError, "run of autoencoder/creatures: what can be evaluated so far are runs of hybrid"),
        ("no model", RunError, "cannot read the model"),
        ("no run", RunError, "there is no run"),
    ],
)
def test_what_cannot_be_tested(
    how: str, error: type[Exception], words: str, run: Path, pairs: Path, asked: Callable[..., Any]
) -> None:
    with pytest.raises(error, match=words):
        list(steps.evaluate(spoil(run, pairs, how)))
