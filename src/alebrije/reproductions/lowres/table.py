"""The report's nine experiments in numbers, ours beside them, and which of its claims held."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alebrije.autoencoder.learning import SPLITS
from alebrije.autoencoder.nets.lowres import EXPERIMENTS
from alebrije.core.statistics import spearman

# Loss on train / validation / test as the report has it. It does not say which loss, of what size, from what factor.
REPORTED = {
    1: (0.3631, 0.3549, 0.3244), 2: (0.2821, 0.2566, 0.2541), 3: (0.0430, 0.0651, 0.0624),
    4: (0.0593, 0.0921, 0.0913), 5: (0.0345, 0.0554, 0.0535), 6: (0.0263, 0.0498, 0.0479),
    7: (0.0269, 0.0555, 0.0510), 8: (0.0258, 0.0501, 0.0481), 9: (0.0847, 0.1046, 0.0977),
}  # fmt: skip
CHANGES = ((1, 2), (2, 3), (3, 4), (3, 5), (5, 6), (6, 7), (6, 8), (6, 9))  # experiment -> the one that changes something in it

Losses = Mapping[int, float]


def _most(test: Losses) -> bool:
    gains = {change: test[change[0]] / test[change[1]] for change in CHANGES}
    return gains[2, 3] > 1 and max(gains, key=lambda change: gains[change]) == (2, 3)


# claim -> whether it holds for the losses on train and on test of one seed, by experiment
CLAIMS: dict[str, Callable[[Losses, Losses], bool]] = {
    "max-pool helps: 2 is better than 1": lambda train, test: test[2] < test[1],
    "batch norm helps most: from 2 to 3 the loss falls by the largest factor": lambda train, test: _most(test),
    "six layers are worse than four: 4 is worse than 3": lambda train, test: test[4] > test[3],
    "pooling after every layer is best: 5 or 6 is better than 1 to 4": lambda train, test: (
        min(test[5], test[6]) < min(test[number] for number in (1, 2, 3, 4))
    ),
    "500 latents overfit: 8 is better than 6 on train and worse on test": lambda train, test: (
        train[8] < train[6] and test[8] > test[6]
    ),
    "dropout hurts: 9 is worse than 6": lambda train, test: test[9] > test[6],
}


def judge(results: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, list[bool]]:
    """claim -> whether it held, seed by seed. `results`: experiment -> split -> losses by seed."""
    seeds = range(len(results["1"]["test"]))

    def losses(split: str, seed: int) -> Losses:
        return {int(number): found[split][seed] for number, found in results.items()}

    return {claim: [holds(losses("train", seed), losses("test", seed)) for seed in seeds] for claim, holds in CLAIMS.items()}


def verdict(held: Sequence[bool]) -> str:
    """``held``, if with every seed, else ``did not hold``, with the seeds that say so."""
    count = f"{sum(held)} of {len(held)} seed{'s' if len(held) > 1 else ''}"
    return f"held ({count})" if all(held) else f"did not hold ({count})"


def rank_correlation(results: Mapping[str, Mapping[str, Sequence[float]]]) -> float:
    """Spearman's rank correlation of our mean test losses with the report's: are the nine in the same order?"""
    ours = [statistics.fmean(results[str(number)]["test"]) for number in REPORTED]
    return spearman(ours, [losses[2] for losses in REPORTED.values()])


def table(results: Mapping[str, Any], how: str) -> str:
    """All results as Markdown; `how` says what ours are: size, factor, pictures, seeds."""
    experiments = results["experiments"]
    heads = ["", *(f"report: {split}" for split in SPLITS), *(f"ours: {split}" for split in SPLITS)]
    lines = [_row(heads), _row(["---"] * len(heads))]
    for number, experiment in EXPERIMENTS.items():
        reported = [f"{loss:.4f}" for loss in REPORTED[number]]
        ours = [spread(experiments[str(number)][split]) for split in SPLITS]
        lines.append(_row([f"{number}: {experiment.what}", *reported, *ours]))
    for name, loss in results.get("baselines", {}).items():
        lines.append(_row([f"no network: {name}", *[""] * 5, f"{loss:.4f}"]))
    lines += ["", how, "", _row(["claim of the report", "ours"]), _row(["---", "---"])]
    lines += [_row([claim, verdict(held)]) for claim, held in results["claims"].items()]
    lines += ["", f"Rank correlation of the nine test losses with the report's (Spearman): {results['rank_correlation']:.2f}"]
    sampled = results.get("sampling", {})
    if sampled:
        heads = ["codes of", "pictures", "nearest training picture, mean square error"]
        lines += ["", _row(heads), _row(["---"] * len(heads))]
        lines += [_row([name, str(one["pictures"]), f"{one['nearest']:.4f}"]) for name, one in sampled["sets"].items()]
        lines += [_row(["(real test pictures)", str(sampled["test_pictures"]), f"{sampled['test_nearest']:.4f}"])]
    return "\n".join(lines) + "\n"


def spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation over the seeds where there are several."""
    mean = f"{statistics.fmean(values):.4f}"
    return f"{mean} ± {statistics.stdev(values):.4f}" if len(values) > 1 else mean


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
