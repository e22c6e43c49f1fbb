"""Whether the observer may be believed: his cut-offs, screens, file sizes and disturbances, and a judge of another kind.

    for event in validate(pairs, folder): ...      # ends in Done(results), the same as folder/observer.json

`probes.py` asks the observer about a pair in many ways, `viewer.py` is the judge, `findings.py` makes numbers of it all.
No person was asked. The judge is a network, which knows better than the observer what is where, but weighs fine lines more
than people do, and the eye's sensitivity was measured near the threshold: to strong contrasts eyes are less choosy.
"""

from __future__ import annotations

import json
import math
import random
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.files import atomic
from alebrije.errors import ConfigError, DataError, OutputError
from alebrije.events import Done, Events, Saved, Started, Step
from alebrije.hybrid.observer import CYCLES, Plan, Viewing, plan
from alebrije.hybrid.pairs.labelling import USUAL
from alebrije.hybrid.validation import figures, findings
from alebrije.hybrid.validation.probes import Probe, probe
from alebrije.hybrid.validation.viewer import Choice, Look, Verdict, eye, judge

__all__ = ["Choice", "Verdict", "eye", "judge", "probe", "validate"]

FEWEST = 4  # pairs
LAYERS = {
    "compact": ("relu1_2", "relu2_2", "relu3_2", "relu4_2"),
    "vgg16": ("relu1_2", "relu2_2", "relu3_3", "relu4_3"),
    "vgg19": ("relu1_2", "relu2_2", "relu3_4", "relu4_4"),
    "squeezenet1_1": ("relu1", "fire3", "fire5", "fire8"),
}
"""Where the judges are tapped: a shallow layer to a deep one, at steps of a half of the size."""

OBSERVER, CONSTANT, CONSTANT_OPPOSITE = "observer", "constant, observer's role", "constant, opposite role"
BEST_OPPOSITE, RANDOM, SAME = "observer, roles swapped", "random, observer's role", "one cut-off of 16"
UNFILTERED = "observer, seen without an eye"
GRID = tuple((low, high) for low in (8.0, 12.0, 18.0, 27.0) for high in (27.0, 40.0))
"""Constant cut-offs, to see which the network would like best: an observer may be beaten by one."""

SHOWN = (OBSERVER, CONSTANT, RANDOM, SAME, BEST_OPPOSITE, CONSTANT_OPPOSITE, UNFILTERED)

Pair = tuple[Tensor, Tensor]


def validate(pairs: Sequence[Pair], folder: Path, *, viewing: Viewing = USUAL, network: str = "compact") -> Events:
    """Examine the observer with `pairs` of pictures, each two [1, 3, H, W] in [0, 1] of one size, at least 4 pairs.

    Writes ``observer.json`` and figures (PNG) into `folder`, replacing what was there, and yields events, last `Done`
    with the results as a dict: `cutoffs`, `screens`, `resolutions`, `swaps`, `stability`, `controls` and `judge`.
    `network` is the judge; the choice of cut-offs never depends on it. About 3 s a pair on one core. Deterministic.

    Raises `DataError` for too few pairs or pictures of two sizes, `ConfigError` for an unknown network, `WeightsError`
    where its weights are not at hand, `OutputError` if `folder` cannot be written.
    """
    if network not in LAYERS:
        raise ConfigError(f"network: there is no judge {network} (choose from {', '.join(LAYERS)})")
    if len(pairs) < FEWEST:
        raise DataError(f"{len(pairs)} pairs say nothing about the observer: give at least {FEWEST}")
    if any(first.shape != second.shape for first, second in pairs):
        raise DataError("the two pictures of a pair differ in size: crop and scale them to one size first")
    look = features.load(network, LAYERS[network])
    _make(folder)
    yield Started("asking the observer", len(pairs))
    probes = []
    for index, (first, second) in enumerate(pairs):
        probes.append(probe(first, second, viewing))
        yield Step(index + 1, len(pairs), {"score": probes[-1].plan.score})
    yield Started("asking the network", len(pairs))
    judged = []
    for index, (pair, choices) in enumerate(zip(pairs, _choices(probes), strict=True)):
        judged.append(_judged(look, pair, choices, viewing))
        yield Step(index + 1, len(pairs), {"score": judged[-1][OBSERVER].score})
    results = _results(pairs, probes, judged, viewing) | {"network": network, "viewing": viewing._asdict()}
    for path in _figures(results, probes, judged, folder):
        yield Saved(path)
    target = folder / "observer.json"  # last: where it is, all is
    with atomic(target, force=True) as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    yield Saved(target)
    yield Done(results)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; choose another place") from error


def _choices(probes: Sequence[Probe]) -> list[dict[str, Choice]]:
    """The observer's choice for each pair, and others to hold against it. The constant is the median of all the others'."""
    chance = random.Random(0)
    found = []
    for index, one in enumerate(probes):
        rest = [other.plan for other in (*probes[:index], *probes[index + 1 :])]
        usual = statistics.median(p.cycles_low for p in rest), statistics.median(p.cycles_high for p in rest)
        drawn = sorted(math.exp(chance.uniform(math.log(CYCLES[0]), math.log(CYCLES[1]))) for _ in range(2))
        role, opposite = one.plan.low, one.opposite.low
        found.append({
            OBSERVER: _choice(one.plan),
            CONSTANT: Choice(role, *usual),
            RANDOM: Choice(role, drawn[0], drawn[1]),
            SAME: Choice(role, 16.0, 16.0),
            BEST_OPPOSITE: _choice(one.opposite),
            CONSTANT_OPPOSITE: Choice(opposite, *usual),
        })  # fmt: skip
    return found


def _choice(chosen: Plan) -> Choice:
    return Choice(chosen.low, chosen.cycles_low, chosen.cycles_high)


def _judged(look: Look, pair: Pair, choices: dict[str, Choice], viewing: Viewing) -> dict[str, Verdict]:
    role = choices[OBSERVER].low
    asked = choices | {_name(*cutoffs): Choice(role, *cutoffs) for cutoffs in GRID}
    found = dict(zip(asked, judge(look, *pair, list(asked.values()), viewing), strict=True))
    found[UNFILTERED] = judge(look, *pair, [choices[OBSERVER]], viewing, filtered=False)[0]
    return found


def _name(low: float, high: float) -> str:
    return f"{low:g} and {high:g}"


def _liked(judged: Sequence[dict[str, Verdict]]) -> dict[str, Any]:
    """The constant that the network likes best on every other pair, and what it says of it on the rest."""
    names = [_name(*cutoffs) for cutoffs in GRID]
    liked = max(names, key=lambda name: sum(one[name].score for one in judged[::2]))
    rest = judged[1::2]
    return {
        "scores": {name: findings.mean([one[name].score for one in judged]) for name in names},
        "liked_best": liked,
        "on_the_rest": findings.verdicts([one[liked] for one in rest], [one[OBSERVER] for one in rest]),
    }


def _results(
    pairs: Sequence[Pair], probes: Sequence[Probe], judged: Sequence[dict[str, Verdict]], viewing: Viewing
) -> dict[str, Any]:
    plans = [one.plan for one in probes]
    best = [one[OBSERVER] for one in judged]
    scores = [one.score for one in plans]
    return {
        "pairs": len(probes),
        "cutoffs": findings.cutoffs(plans),
        "screens": findings.screens(probes),
        "resolutions": findings.resolutions(probes),
        "swaps": findings.share([one.swapped_alike for one in probes]),
        "stability": findings.stability(probes),
        "controls": _controls(pairs, probes, viewing),
        "judge": {
            "choices": {name: findings.verdicts([one[name] for one in judged], best) for name in SHOWN},
            "constants": _liked(judged),
            "score_against_observer": findings.rank_correlation(scores, [one.score for one in best]),
            "near_against_observer": findings.rank_correlation(scores, [one.near for one in best]),
            "far_against_observer": findings.rank_correlation(scores, [one.far for one in best]),
            "texture_against_observer": findings.rank_correlation(
                scores, [min(one.near_texture, one.far_texture) for one in best]
            ),
            "same_role_as_observer": findings.share([one[OBSERVER].score > one[BEST_OPPOSITE].score for one in judged]),
        },
    }


def _controls(pairs: Sequence[Pair], probes: Sequence[Probe], viewing: Viewing) -> dict[str, Any]:
    """What the observer says where the answer is known: nothing to tell apart, nothing to see, roles swapped."""
    itself = [plan(first, first, viewing).score for first, _ in pairs]
    blank = [plan(first, torch.full_like(first, 0.5), viewing).score for first, _ in pairs]
    return {
        "with_itself": findings.spread(itself),
        "with_plain_grey": findings.spread(blank),
        "lead_over_swapped_roles": findings.spread([one.plan.score - one.opposite.score for one in probes]),
        "swapped_roles_never_better": findings.share([one.plan.score >= one.opposite.score for one in probes]),
    }


def _figures(
    results: dict[str, Any], probes: Sequence[Probe], judged: Sequence[dict[str, Verdict]], folder: Path
) -> list[Path]:
    correlation = results["judge"]["score_against_observer"]["spearman"]
    scores = [one.plan.score for one in probes], [one[OBSERVER].score for one in judged]
    return [
        figures.cutoffs([one.plan for one in probes], folder / "cutoffs.png"),
        figures.resolutions(results["resolutions"], folder / "resolutions.png"),
        figures.stability(results["stability"], folder / "stability.png"),
        figures.judged(results["judge"]["choices"], folder / "judge.png"),
        figures.truthful(*scores, correlation, folder / "score.png"),
    ]
