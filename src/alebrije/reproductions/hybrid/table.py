"""The report's table, and ours below it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alebrije.core.statistics import wilson

# Test figures of the report: 29 pairs labelled by people, 16 roles right; mean absolute errors in pixels at 224.
REPORTED = {"count": 29, "right": 16, "mae_first": 3.11, "mae_second": 3.64, "mae": 3.38}
CONSTANT = "constant median label"
WORDS = {
    "majority role": "the commonest role, always",
    CONSTANT: "the median label, always",
    "simple": "C: simple CNN",
    "resnet18": "A: ResNet-18, two grey channels",
    "siamese": "B: Siamese ResNet-18, colour",
    "planner": "the planner that ships",
}
HEAD = ("", "right roles", "error of sigma 1, px", "error of sigma 2, px", "both, of the constant's", "cut-offs: octaves off")


def table(results: Mapping[str, Any]) -> str:
    """All results as Markdown: one row for each planner and test set, with 95 % intervals."""
    lines = [_row(HEAD), _row(["---"] * len(HEAD)), _row(_reported())]
    for name, scores in results.items():
        if name == "observer":
            continue
        constant = scores[CONSTANT]["mae"]
        count = scores[CONSTANT]["count"]
        known = {key: words for key, words in WORDS.items() if key in scores}
        lines += [_row([f"{words}, {count} {kind(name)}", *_cells(scores[key], constant)]) for key, words in known.items()]
    return "\n".join(lines) + "\n"


def kind(test: str) -> str:
    """What the pairs of a test set are called."""
    return "whole pairs" if test.endswith("whole") else "pairs"


def _reported() -> list[str]:
    right, count = int(REPORTED["right"]), int(REPORTED["count"])
    low, high = wilson(right, count)
    roles = f"{right} of {count}: {right / count:.0%} [{low:.0%}, {high:.0%}]"
    return ["the report, 29 pairs, people's labels", roles, f"{REPORTED['mae_first']}", f"{REPORTED['mae_second']}", "", ""]


def _cells(scores: Mapping[str, Any], constant: float) -> list[str]:
    right = round(scores["accuracy"] * scores["count"])
    low, high = scores["accuracy_interval"]
    roles = f"{right} of {scores['count']}: {scores['accuracy']:.0%} [{low:.0%}, {high:.0%}]"
    return [roles, _number(scores, "mae_first"), _number(scores, "mae_second"), f"{scores['mae'] / constant:.0%}",
            _number(scores, "median_octave")]  # fmt: skip


def _number(scores: Mapping[str, Any], name: str) -> str:
    low, high = scores[f"{name}_interval"]
    return f"{scores[name]:.2f} [{low:.2f}, {high:.2f}]"


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
