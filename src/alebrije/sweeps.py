"""Many runs of one recipe, with all combinations of some settings, compared in one table and in one figure per number.

DIR/
  batch_size=8,learning_rate=0.001/   a run folder each; see `runs`
  sweep.csv, sweep.json               one row per combination: its settings, its numbers, how it ended
  report.html                         the table, best first, and the learning curves of all runs together

The same command again keeps what is finished and goes on with what is not. A run that fails is named in the table.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alebrije import steps
from alebrije.comparison import FAILED, FINISHED, INTERRUPTED, Trial, differences, report, write_page, write_tables
from alebrije.config import build, parse_override, read_recipe
from alebrije.errors import AlebrijeError, ConfigError, Interrupted, OutputError, RunError, did_you_mean
from alebrije.events import Done, Event, Events, Saved, Started, Warned
from alebrije.runs import ROW, Run

MORE_IS_BETTER = ("accuracy", "score", "psnr", "ssim", "correlation")
"""Words in the names of metrics of which more is better; of all others, less is."""
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class SweepResult:
    """What a sweep ends with: its folder, and what `--json` prints (sweep, recipe, by, best, runs, failed, files)."""

    folder: Path
    report: dict[str, Any]


def parse_grid(words: Sequence[str]) -> dict[str, list[Any]]:
    """Turn words such as ``batch_size=8,16`` into {"batch_size": [8, 16]}; values are read as those of ``--set``.

    A comma inside brackets parts nothing: ``layers=[1,2],[3]`` are two values. Raises `ConfigError` for a word that is no
    such thing, a setting or a value that comes twice, and if there are no words.
    """
    if not words:
        raise ConfigError("say what to vary, such as --grid batch_size=8,16 learning_rate=1e-3,1e-4")
    grid: dict[str, list[Any]] = {}
    for word in words:
        key, _ = parse_override(word)
        values = [parse_override(f"{key}={text}")[1] for text in _apart(word.partition("=")[2])]
        if not values or None in values:
            raise ConfigError(f"cannot read {word!r}: write the values with commas between them, such as {key}=8,16")
        if key in grid:
            raise ConfigError(f"{key} is varied twice: give all of its values at once, such as {key}=8,16")
        if len({repr(value) for value in values}) < len(values):
            raise ConfigError(f"{word!r} has the same value twice")
        grid[key] = values
    return grid


def _apart(text: str) -> list[str]:
    """The parts of a text between commas that no bracket is open around."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "[{(") - (letter in "]})")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def combinations(grid: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """All combinations of the values; those of the last setting change fastest."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def folder_name(varied: Mapping[str, Any]) -> str:
    """A readable name for a combination that every file system takes, another one for each."""
    plain = ",".join(f"{key}={value}" for key, value in varied.items())
    safe = re.sub(r"[^A-Za-z0-9._=,+-]+", "-", plain)[:LONGEST_NAME].strip(".")
    return safe if safe == plain else f"{safe}-{hashlib.sha256(plain.encode()).hexdigest()[:8]}"


def sweep(
    recipe: str, grid: Mapping[str, Sequence[Any]], folder: Path, settings: Mapping[str, Any], by: str = ""
) -> Events:
    """Train all combinations below `folder`, one after the other, and end with `Done(SweepResult)`.

    Everything that can be known is checked before the first one begins: raises `ConfigError` for a setting that is unknown
    or out of range in any combination, `RunError` if a folder holds a run with other settings. Stopped by the user, the
    run at work keeps a checkpoint and the rest is not begun.
    """
    trials = _trials(recipe, grid, folder, settings)
    if (folder / "recipe.yaml").exists():
        raise RunError(f"{folder} is a run, not a folder of runs: choose another --run for the sweep")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}") from error
    kept = sum(trial.state == FINISHED for trial in trials)
    if kept:
        yield Warned(f"{kept} of {len(trials)} runs are finished already and are kept")
    interrupted = False
    with Run(folder).locked():
        for number, trial in enumerate(trials, 1):
            if trial.state != FINISHED:
                interrupted = yield from _attempt(recipe, trial, f"[{number}/{len(trials)}] ")
            if trial.state == FINISHED:
                by, notice = _metric(by, trial.metrics)
                yield from map(Warned, notice)
            files = write_tables(folder, recipe, rank(trials, by), by)
            if interrupted:
                break
        ranked = rank(trials, by)
        files.append(write_page(folder, recipe, ranked, by))
        yield from map(Saved, files)
    result = report(folder, recipe, ranked, by) | {"files": [str(path) for path in files]}
    yield Done(SweepResult(folder, result), interrupted=interrupted)


def _trials(recipe: str, grid: Mapping[str, Sequence[Any]], folder: Path, settings: Mapping[str, Any]) -> list[Trial]:
    """All combinations, checked: their settings, and what their folders hold already."""
    values = read_recipe(recipe)
    name = str(values.pop("recipe", recipe))
    _, model = steps.trainer(name)
    for key in grid:
        if key in settings:
            raise ConfigError(f"{key} is set and varied: leave it out of --set or of --grid")
    trials = []
    for varied in combinations(grid):
        config = build(model, values | dict(settings) | varied)
        trials.append(Trial(folder / folder_name(varied), varied, config.model_dump(mode="json")))
        _check_folder(trials[-1], name)
    return trials


def _check_folder(trial: Trial, recipe: str) -> None:
    """Mark a trial that is finished already; refuse a folder with a run that this command did not begin."""
    run = Run(trial.folder)
    if not run.begun():
        return
    began_as, before = Run.open(trial.folder).recipe()
    changed = differences([before, trial.settings])
    fixed = [key for key in changed if key not in steps.RESUMABLE]
    if began_as != recipe or fixed:
        what = f"another {fixed[0]} ({before.get(fixed[0])})" if fixed else f"the recipe {began_as}"
        raise RunError(f"{trial.folder} was begun with {what}: choose another --run for this sweep")
    if (trial.folder / "model.safetensors").is_file() and not changed:
        trial.state, trial.metrics = FINISHED, final_metrics(trial.folder)


def _attempt(recipe: str, trial: Trial, prefix: str) -> Generator[Event, None, bool]:
    """Train one combination, or go on with it; keeps its numbers, or the reason of its failure. Returns whether the user
    stopped it. Yields the events of the training but for its last, the names of its stages with `prefix` before them."""
    resume = Run(trial.folder).begun()
    try:
        done = yield from _watched(steps.train(recipe, run=trial.folder, resume=resume, **trial.settings), prefix)
    except Interrupted:
        trial.state = INTERRUPTED
        return True
    except (AlebrijeError, MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "out of memory" not in str(error):
            raise  # a fault of the program's, not of this combination
        trial.state, trial.reason = FAILED, " ".join(str(error).split()) or "out of memory"
        yield Warned(f"{trial.name} failed: {trial.reason}")
        return False
    trial.state = INTERRUPTED if done.interrupted else FINISHED
    trial.metrics = final_metrics(trial.folder)
    return done.interrupted


def _watched(events: Events, prefix: str) -> Generator[Event, None, Done]:
    """Pass on all events but the last one, which is returned; a request to stop is passed on to the verb."""
    event: Event = next(events)
    while not isinstance(event, Done):
        try:
            if isinstance(event, Started):
                yield Started(prefix + event.stage, event.total)
            elif not isinstance(event, Saved) or event.path.name == "model.safetensors":
                yield event  # of the files of each run, the one to share stands for all
        except Interrupted as request:
            event = events.throw(request)
        else:
            event = next(events)
    return event


def final_metrics(folder: Path) -> dict[str, float]:
    """The numbers that a run came to, from its model's header; where there are none, those logged last. Then `steps` and
    `seconds`, if anything was logged."""
    logged = {name: values[-1] for name, values in Run(folder).metrics().items()}
    found: dict[str, Any] = {}
    if (folder / "model.safetensors").is_file():
        from safetensors import safe_open

        with safe_open(folder / "model.safetensors", "pt") as model:
            found = json.loads((model.metadata() or {}).get("metrics", "{}"))
    numbers = {name: float(value) for name, value in found.items() if isinstance(value, float)}
    numbers = numbers or {name: value for name, value in logged.items() if name not in ROW}
    return numbers | ({"steps": int(logged["step"]), "seconds": logged["seconds"]} if logged else {})


def _metric(by: str, metrics: Mapping[str, float]) -> tuple[str, list[str]]:
    """The metric to sort by, and a notice if the one that was asked for is none. (It is known only once a run has ended;
    hours of the others should not be lost to a misspelt word.)"""
    if by in metrics:
        return by, []
    first = next(iter(metrics))
    return first, [f"there is no metric {by}{did_you_mean(by, metrics)}; sorted by {first}"] if by else []


def rank(trials: Sequence[Trial], by: str) -> list[Trial]:
    """The finished trials from the best to the worst by the metric `by`, equal ones by the other metrics in their order;
    then those that have no such number, as they were."""

    def place(trial: Trial) -> tuple[bool, list[float]]:
        if trial.state != FINISHED or not math.isfinite(trial.metrics.get(by, math.nan)):
            return True, []
        names = [by, *(name for name in trial.metrics if name not in (by, "steps", "seconds"))]
        return False, [_badness(name, trial.metrics[name]) for name in names]

    return sorted(trials, key=place)


def _badness(metric: str, value: float) -> float:
    """A number that is the smaller the better the value of this metric is; no number at all is worst."""
    if math.isnan(value):
        return math.inf
    return -value if any(word in metric for word in MORE_IS_BETTER) else value
