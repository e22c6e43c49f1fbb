"""The comparison as Markdown, and the choice of beta."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from alebrije.features.judging.manifolds import K_DENSITY, K_PRECISION
from alebrije.features.judging.neighbours import NEAR

THOUSAND = 1000
HEADS = ("codes drawn from", "KID x 1000", "95 % interval", "FID", "precision", "recall", "density", "coverage",
         "near, by features", "near, by pixels", "nats")  # fmt: skip


def choose_beta(runs: Mapping[float, Sequence[Mapping[str, Any]]]) -> float:
    """The beta whose prior draws pictures of the least mean KID to validation pictures; `runs`: beta -> numbers by seed."""
    return min(runs, key=lambda beta: statistics.fmean(run["rows"]["prior"]["validation_kid"] for run in runs[beta]))


def table(results: Mapping[str, Any], draws: int, seeds: int) -> str:
    """All data sets, a table each, with what must stand beside the figures."""
    parts = []
    for data, numbers in results.items():
        rows = [_row(HEADS), _row(["---"] * len(HEADS))]
        rows += [_row(_cells(name, one)) for name, one in _ordered(numbers["rows"])]
        parts += [f"### {data}", "", *rows, "", _beside(numbers, draws, seeds), ""]
    return "\n".join(parts)


def _ordered(rows: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Real pictures first, then what was drawn, as it was; what was only rebuilt last."""
    return sorted(rows.items(), key=lambda one: 0 if one[0].startswith("(") else 2 if "(" in one[0] else 1)


def _cells(name: str, row: Mapping[str, Any]) -> list[str]:
    low, high = row["kid_interval"]
    cells = [name, spread([THOUSAND * value for value in row["kid"]]), f"{THOUSAND * low:.1f} to {THOUSAND * high:.1f}"]
    cells.append(spread(row["fid"]))
    cells += [f"{row[key][0]:.2f}" for key in ("precision", "recall", "density", "coverage")]
    cells += [f"{row[key]['share'][0]:.1%}" if key in row else "" for key in ("near", "near_pixels")]
    nats = row.get("held_out_nats")
    return [*cells, f"{nats:.1f}" if nats is not None else ""]


def spread(values: Sequence[float]) -> str:
    """The mean, and the standard deviation where there are several."""
    mean = f"{statistics.fmean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _beside(numbers: Mapping[str, Any], draws: int, seeds: int) -> str:
    trained = f"{seeds} trainings" if seeds > 1 else "one training"
    plain, variational = (numbers["networks"][name]["test_mse"] for name in ("plain", "variational"))
    count, near = numbers["count"], numbers["near"]
    return (
        f"{numbers['detector']}; {count} made against {count} test pictures, seed {numbers['seed']}. KID and FID: mean ± "
        f"standard deviation over {draws} draws of {trained}; interval: the first draw's, by the jackknife. Precision and recall "
        f"with k = {K_PRECISION}, density and coverage with k = {K_DENSITY}. Near: the share of {near} drawn pictures that lie "
        f"nearer to a training picture than the nearest {NEAR:.0%} of held-out real ones do. Nats: mean log likelihood of "
        f"held-out codes. beta {numbers['beta']:g}. Mean square error of test pictures: plain {plain:.4f}, variational "
        f"{variational:.4f}."
    )


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
