"""The test report of a planner: its answers to pairs it never saw, beside constant baselines, as one page and as JSON.

OUT/
  report.html   everything below in one file
  scores.json   all numbers with their intervals, and truth and answer of every pair
  plots/        confusion.png, sigmas.png
  samples/      hybrids made as labelled and as answered
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from alebrije.core import page, plots
from alebrije.core.files import atomic
from alebrije.core.image import resize, scaled_size
from alebrije.core.tensorfiles import read_safetensors
from alebrije.data.pairs import LABELS, Label, Pair, PairSet, load_pair, read_pairs, split_pairs
from alebrije.errors import ConfigError, DataError, OutputError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned
from alebrije.hybrid.planning import examples, figures
from alebrije.hybrid.planning.answers import Answers, Scores, compare_roles, constant_answers, errors, judge

SAMPLES = 8
LONGEST = 512  # pixels, the longer side of a picture that a planner is asked about
MEDIAN, MAJORITY = "constant median label", "majority role"
MEASURES = {  # in the order of the table; the first is shown as so many of all
    "accuracy": "right roles",
    "mae_first": "mean error of the first picture's sigma, px",
    "mae_second": "mean error of the second picture's sigma, px",
    "mae": "mean error of both, px",
    "median_octave": "median error of the cut-offs, octaves",
}


@dataclass(frozen=True, slots=True)
class EvaluationResult:
    """What an evaluation ends with: its folder, and what `--json` prints (run, count, metrics, baselines, files)."""

    folder: Path
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Exam:
    """The pairs of a test: `labels` at width 224, `numbers` as in their folder, `pictures(i)` those of pair i, [2, 3, H, W] in
    [0, 1]. `learned` are the labels of the pairs that the planner learned from, empty if they are not at hand."""

    labels: Sequence[Label]
    numbers: Sequence[int]
    pictures: Callable[[int], Tensor]
    learned: Sequence[Label] = ()


def evaluate(run: str, settings: Mapping[str, Any], data: Path | None, folder: Path) -> Events:
    """Ask the planner `run` about pairs and write the test report into `folder`.

    `settings` are those of the run's recipe, empty where there is none. Without `data` the pairs are the run's own held-out
    ones; so they are if `data` is what it learned from. Raises `DataError` without labelled pairs,
    `ConfigError` if there is no telling which pairs to take, and what `load_answerer` raises.
    """
    from alebrije.hybrid.planning.use import load_answerer

    answerer = load_answerer(run)
    exam = yield from _exam(run, settings, data)
    answers = yield from _asked(answerer, exam, Path(run).name)
    constants = exam.learned or exam.labels
    count = len(exam.labels)
    baselines = {MEDIAN: constant_answers(constants, count), MAJORITY: constant_answers(constants, count, both_orders=False)}
    facts = {
        "planner": run,
        "recipe": str(settings.get("recipe", "the one that ships")),
        "test pairs": f"{count} of {data or settings.get('data')}",
        "baselines from": f"{len(exam.learned)} training pairs" if exam.learned else "the test pairs: that flatters them",
    }
    name = Path(run).resolve().name if Path(run).exists() else run
    path = write_test_report(answers, exam, folder, f"{name}: test of a hybrid planner", baselines, facts)
    yield Saved(path)
    yield Saved(folder / "scores.json")
    scores = json.loads((folder / "scores.json").read_text(encoding="utf-8"))
    report = {"run": run, **{key: scores[key] for key in ("count", "metrics", "baselines")}}
    yield Done(EvaluationResult(folder, report | {"files": [str(path), str(folder / "scores.json")]}))


def _exam(run: str, settings: Mapping[str, Any], data: Path | None) -> Generator[Event, None, Exam]:
    """The pairs to test by: those of `data`, or those that the run held out. Yields events."""
    own = Path(settings["data"]) if settings.get("data") else None
    labelled = own is not None and (own / LABELS).is_file()
    if data is None and not labelled:
        why = "learned from no labelled pairs" if own is None or own.is_dir() else f"learned from {own}, which is no longer there"
        raise ConfigError(f"{run} {why}: name some to test it by with --data PAIRS")
    same = labelled and own is not None and data is not None and data.resolve() == own.resolve()
    if data is not None and not same:
        learned = [label for _, label in _labelled(read_pairs(own))] if labelled and own else []
        return (yield from _other(data, learned))
    if same:
        yield Warned(f"{run} learned from {data}: it is tested by the pairs that it held out")
    known = yield from examples.read(own or Path())
    learned_from, held_out = _parted(run, settings, known.numbers)
    if not held_out:
        raise DataError(f"none of the pairs that {run} held out has a label in {own} any more: name others with --data PAIRS")
    test = known.take(held_out)
    return Exam(test.labels, test.numbers, lambda index: test.pictures[index].float() / 255, known.take(learned_from).labels)


def _parted(run: str, settings: Mapping[str, Any], numbers: Sequence[int]) -> tuple[list[int], list[int]]:
    """Places, among pairs of these numbers, of those that `run` learned from and of those it held out.

    The model's header names them: split anew, a folder that has got more labels since would mix the two. A model without them is
    of a folder as it is.
    """
    path = Path(run) / "model.safetensors" if Path(run).is_dir() else Path(run)
    header = read_safetensors(path)[1] if path.is_file() else {}
    if "test_pairs" in header and "training_pairs" in header:
        parts = (set(json.loads(header[name])) for name in ("training_pairs", "test_pairs"))
        learned, held_out = ([place for place, number in enumerate(numbers) if number in part] for part in parts)
        return learned, held_out
    return split_pairs(len(numbers), 1 - float(settings.get("test_share", 0.2)), int(settings.get("seed", 0)))


def _other(data: Path, learned: Sequence[Label]) -> Generator[Event, None, Exam]:
    """All labelled pairs of a folder that was not learned from, read one at a time."""
    found = read_pairs(data)
    yield from map(Warned, found.notices)
    test = _labelled(found)
    if not test:
        raise DataError(f"no pair in {data} has a label: label them with `alebrije pairs label {data}`")
    if len(test) < len(found.pairs):
        yield Warned(f"{len(found.pairs) - len(test)} of {len(found.pairs)} pairs have no label and are left out")
    pairs, labels = zip(*test, strict=True)
    return Exam(labels, [pair.number for pair in pairs], lambda index: _seen(pairs[index]), learned)


def _labelled(found: PairSet) -> list[tuple[Pair, Label]]:
    """The pairs that have a label, with its sigmas at width 224."""
    return [(pair, pair.label.at(found.reference)) for pair in found.pairs if pair.label is not None]


def _seen(pair: Pair) -> Tensor:
    """Both pictures of a pair as `alebrije hybrid` takes them, at most 512 pixels a side: [2, 3, H, W]."""
    pictures = torch.cat(load_pair(pair))
    height, width = pictures.shape[-2:]
    return resize(pictures, scaled_size((height, width), min(LONGEST, max(height, width))))


def _asked(answerer: Callable[[Tensor, Tensor], Answers], exam: Exam, name: str) -> Generator[Event, None, Answers]:
    """The planner's answers to all pairs, one at a time: their sizes may differ."""
    yield Started(f"asking {name}", len(exam.labels))
    found = []
    for index in range(len(exam.labels)):
        pictures = exam.pictures(index)
        found.append(answerer(pictures[:1], pictures[1:]))
        yield Step(index + 1, len(exam.labels))
    return Answers(torch.cat([one.second_low for one in found]), torch.cat([one.sigmas for one in found]))


def write_test_report(
    answers: Answers,
    exam: Exam,
    folder: Path,
    title: str,
    baselines: Mapping[str, Answers],
    facts: Mapping[str, Any] | None = None,
) -> Path:
    """Write the report of `answers` to the pairs of `exam` into `folder`, replacing an older one there; returns the page.

    `baselines` (name -> answers to the same pairs) stand beside; `facts` are said at the top. `exam.pictures` is called for
    the few pairs that are shown. Raises as `judge`, and `OutputError`.
    """
    labels = exam.labels
    scores, others = judge(answers, labels), {name: judge(one, labels) for name, one in baselines.items()}
    try:
        (folder / "samples").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    rivals = {name: compare_roles(answers, one, labels) for name, one in baselines.items()}
    _write_scores(folder / "scores.json", title, scores, others, rivals, answers, exam)
    parts = [page.heading(title, 1), page.paragraph(_verdict(scores, others)), page.table(facts or {})]
    parts += [page.heading("Numbers"), _numbers(scores, others), *map(page.paragraph, _rivalries(rivals))]
    parts.append(page.paragraph(
        "In brackets: 95 % intervals, Wilson's for the roles, by bootstrap over pairs for the errors. Pixels are those of a "
        "picture 224 px wide. One octave off is twice or half the true cut-off.", soft=True))  # fmt: skip
    names = ("first from afar", "second from afar")
    told = plots.confusion(scores.confusion, names, folder / "plots" / "confusion.png", rows="label", columns="answer")
    bars = figures.sigma_bars(answers, labels, folder / "plots" / "sigmas.png")
    parts += [page.heading("Roles"), page.figures({told: "how often which role was answered"}, 420)]
    parts += [page.heading("Sigmas"), page.figures({bars: "true and answered, by whether the role is right"}, 1080)]
    parts += [page.heading("Samples"), *_samples(answers, exam, folder / "samples")]
    return page.write_page(folder / "report.html", f"Alebrije: {title}", parts)


def _verdict(scores: Scores, others: Mapping[str, Scores]) -> str:
    low, high = scores.intervals["accuracy"]
    words = (
        f"The role is right in {sum(scores.confusion[k][k] for k in (0, 1))} of {scores.count} pairs "
        f"({scores.accuracy:.0%}, interval {low:.0%} to {high:.0%}). Half of all cut-offs are within "
        f"{scores.median_octave:.2f} octave; sigmas are {scores.mae:.2f} px off on average"
    )
    constant = others.get(MEDIAN)
    return words + (f", {scores.mae / constant.mae:.0%} of what a constant answer is." if constant and constant.mae else ".")


def _numbers(scores: Scores, others: Mapping[str, Scores]) -> str:
    everybody = {"this planner": scores, **others}
    rows = [[words, *(_with_interval(one, name) for one in everybody.values())] for name, words in MEASURES.items()]
    return page.grid(["", *everybody], rows)


def _with_interval(scores: Scores, name: str) -> str:
    low, high = scores.intervals[name]
    right = f"{sum(scores.confusion[k][k] for k in (0, 1))} of {scores.count}: " if name == "accuracy" else ""
    return f"{right}{getattr(scores, name):.2f} [{low:.2f}, {high:.2f}]"


def _rivalries(rivals: Mapping[str, tuple[int, int, float]]) -> list[str]:
    return [
        f"Against the {name}: {ours} roles that only this planner gets right, {theirs} that only the other does; "
        f"a difference like this or larger comes by chance with probability {chance:.2g} (exact McNemar test)."
        for name, (ours, theirs, chance) in rivals.items()
    ]


def _samples(answers: Answers, exam: Exam, folder: Path) -> list[str]:
    labels, told = exam.labels, figures.answered_labels(answers)
    _, octaves = errors(answers, labels)
    right = np.array([true.low == answer.low for true, answer in zip(labels, told, strict=True)])
    parts = []
    for index in figures.chosen_samples(octaves, right, SAMPLES):
        number, role = exam.numbers[index], "right" if right[index] else "wrong"
        row = figures.sample_pictures(exam.pictures(index), labels[index], told[index], folder / f"pair-{number:06d}")
        parts.append(page.heading(f"Pair {number}: role {role}, cut-offs {octaves[index].mean():.2f} octave off", 3))
        words = f"Label: {figures.in_words(labels[index])}. Answer: {figures.in_words(told[index])}."
        parts += [page.paragraph(words, soft=True), page.figures(row, 166)]
    return parts


def _write_scores(
    path: Path,
    title: str,
    scores: Scores,
    others: Mapping[str, Scores],
    rivals: Mapping[str, tuple[int, int, float]],
    answers: Answers,
    exam: Exam,
) -> None:
    """All numbers as JSON, with truth and answer of every pair."""
    rows = [
        {"pair": number, "label": asdict(label), "answer": asdict(told), "logit": logit}
        for number, label, told, logit in zip(
            exam.numbers, exam.labels, figures.answered_labels(answers), answers.second_low.tolist(), strict=True)
    ]  # fmt: skip
    document = {
        "title": title,
        "count": scores.count,
        "metrics": scores.metrics(),
        "baselines": {name: one.metrics() for name, one in others.items()},
        "mcnemar": {name: dict(zip(("only_this", "only_other", "p"), one, strict=True)) for name, one in rivals.items()},
        "pairs": rows,
    }
    with atomic(path, force=True) as temporary:
        temporary.write_text(json.dumps(document, indent=1), encoding="utf-8")

