"""From what was measured on every pair to numbers for a table: medians with quartiles, means with intervals, shares."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from alebrije.core.statistics import bootstrap, spearman, wilson
from alebrije.hybrid.observer import CYCLES, Plan
from alebrije.hybrid.validation.probes import SIZES, USUAL_SIZE, WIDTHS, Probe, octaves
from alebrije.hybrid.validation.viewer import Verdict

ON_BOUND = 1e-3  # octaves: a cut-off so near to a bound lies on it

Numbers = dict[str, Any]


def spread(values: Sequence[float]) -> Numbers:
    """n, median, quartiles and extremes of the finite ones among the values; only n if there are none."""
    kept = np.array([value for value in values if math.isfinite(value)])
    if len(kept) == 0:
        return {"n": 0}
    low, middle, high = (float(value) for value in np.percentile(kept, (25, 50, 75)))
    return {"n": len(kept), "median": middle, "quartiles": [low, high], "range": [float(kept.min()), float(kept.max())]}


def mean(values: Sequence[float]) -> Numbers:
    """n, mean and its bootstrapped 95 % interval."""
    array = np.array(values, dtype=float)
    return {"n": len(array), "mean": float(array.mean()), "interval": list(bootstrap(array[:, None], np.mean))}


def share(answers: Sequence[bool]) -> Numbers:
    """n, how many are true, their share and its 95 % interval (Wilson 1927)."""
    count = sum(answers)
    return {"n": len(answers), "count": count, "share": count / len(answers), "interval": list(wilson(count, len(answers)))}


def cutoffs(plans: Sequence[Plan]) -> Numbers:
    """Where the cut-offs lie, in cycles per image width, and how far apart, in octaves."""
    low, high = [plan.cycles_low for plan in plans], [plan.cycles_high for plan in plans]
    bounds = [math.log2(bound) for bound in CYCLES]

    def on(values: Sequence[float], bound: float) -> Numbers:
        return share([abs(math.log2(value) - bound) < ON_BOUND for value in values])

    return {
        "bounds": list(CYCLES),
        "low": spread(low) | {"on_lower_bound": on(low, bounds[0]), "on_upper_bound": on(low, bounds[1])},
        "high": spread(high) | {"on_lower_bound": on(high, bounds[0]), "on_upper_bound": on(high, bounds[1])},
        "gap_octaves": spread([math.log2(b / a) for a, b in zip(low, high, strict=True)]),
        "no_gap": share([b / a < 2**ON_BOUND for a, b in zip(low, high, strict=True)]),
        "score": spread([plan.score for plan in plans]),
    }


def screens(probes: Sequence[Probe]) -> Numbers:
    """How the switch distance follows the screen. Slopes are of log distance over log width: 1 means in proportion."""
    scaled, widened, rechosen, cycles = [], [], [], []
    for probe in probes:
        here = probe.plan.switch_distance
        if here is None:
            continue
        scaled += [abs((_switch(probe.scaled[times]) / (times * here)) - 1) for times in WIDTHS]
        widened.append(_slope([_switch(probe.widened[times]) for times in WIDTHS]))
        rechosen.append(_slope([_switch(probe.rechosen[times]) for times in WIDTHS]))
        cycles.append(_slope([probe.rechosen[times].cycles_low for times in WIDTHS]))
    return {
        "times": list(WIDTHS),
        "has_a_switch": share([probe.plan.switch_distance is not None for probe in probes]),
        "all_scaled_relative_error": spread(scaled),
        "all_scaled_same_cutoffs": share([_same_cutoffs(probe) for probe in probes]),
        "screen_alone_kept_cutoffs_slope": spread(widened),
        "screen_alone_chosen_again_slope": spread(rechosen),
        "low_cutoff_chosen_again_slope": spread(cycles),
    }


def _switch(plan: Plan) -> float:
    return math.nan if plan.switch_distance is None else plan.switch_distance


def _slope(values: Sequence[float]) -> float:
    return float(np.polyfit(np.log(WIDTHS), np.log(values), 1)[0]) if np.isfinite(values).all() else math.nan


def _same_cutoffs(probe: Probe) -> bool:
    found = (octaves(plan, probe.plan) for plan in probe.scaled.values())
    return all(pair is not None and max(pair) < ON_BOUND for pair in found)


def changes(plans: Sequence[Plan], usual: Sequence[Plan], lead: Sequence[float]) -> Numbers:
    """How plans differ from the usual ones of the same pairs: octaves where the roles agree, and how often they do not.

    `lead` says by how much the usual role beats the other one: where roles flip, it should be little.
    """
    apart = [octaves(plan, other) for plan, other in zip(plans, usual, strict=True)]
    flips = [pair is None for pair in apart]
    same = [pair for pair in apart if pair is not None]
    return {
        "low_octaves": spread([pair[0] for pair in same]),
        "high_octaves": spread([pair[1] for pair in same]),
        "score": spread([plan.score - other.score for plan, other in zip(plans, usual, strict=True)]),
        "roles_flip": share(flips),
        "lead_where_flipped": spread([value for value, flip in zip(lead, flips, strict=True) if flip]),
    }


def resolutions(probes: Sequence[Probe]) -> Numbers:
    """Copies of several sizes against the copy of the usual size."""
    lead = [probe.plan.score - probe.opposite.score for probe in probes]
    usual = [probe.sizes[USUAL_SIZE] for probe in probes]
    return {str(size): changes([probe.sizes[size] for probe in probes], usual, lead) for size in SIZES if size != USUAL_SIZE}


def stability(probes: Sequence[Probe]) -> Numbers:
    """Small disturbances against the pictures as they are."""
    lead = [probe.plan.score - probe.opposite.score for probe in probes]
    usual = [probe.plan for probe in probes]
    return {name: changes([probe.disturbed[name] for probe in probes], usual, lead) for name in probes[0].disturbed}


def verdicts(found: Sequence[Verdict], best: Sequence[Verdict]) -> Numbers:
    """What the network says of one way to choose, and by how much the observer's choice, `best`, is better on each pair."""
    return {
        "score": mean([verdict.score for verdict in found]),
        **{view: mean([getattr(verdict, view) for verdict in found]) for view in Verdict._fields},
        "both_views_right": share([verdict.score > 0 for verdict in found]),
        "far_view_right": share([verdict.far > 0 for verdict in found]),
        "observer_better_by": mean([ours.score - theirs.score for ours, theirs in zip(best, found, strict=True)]),
    }


def rank_correlation(first: Sequence[float], second: Sequence[float], seed: int = 0, resamples: int = 500) -> Numbers:
    """Spearman's rank correlation and its bootstrapped 95 % interval; None where one of the two never changes."""
    pairs = np.array([first, second], dtype=float).T
    if min(np.ptp(pairs, axis=0)) == 0:
        return {"n": len(pairs), "spearman": None, "interval": None}
    chance = np.random.default_rng(seed)
    drawn = [pairs[chance.integers(len(pairs), size=len(pairs))] for _ in range(resamples)]
    found = [spearman(*sample.T) for sample in drawn if min(np.ptp(sample, axis=0)) > 0]
    low, high = np.percentile(found, (2.5, 97.5))
    return {"n": len(pairs), "spearman": spearman(*pairs.T), "interval": [float(low), float(high)]}
