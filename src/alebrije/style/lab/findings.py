"""What the laboratory has found out, as one value and as lab.json."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import alebrije
from alebrije.core.files import atomic
from alebrije.style.lab.comparison import NEUTRAL, Comparison, compare
from alebrije.style.lab.config import REFERENCE_PAINTER, LabConfig, family
from alebrije.style.lab.judging import CONTENT_SCORES, DISTANCES, JUDGES
from alebrije.style.lab.matching import is_matched
from alebrije.style.lab.painting import Painting, Pair
from alebrije.style.lab.ranking import Place, Table, agreement, means, places, rank_by_scores, score_table
from alebrije.style.lab.votes import Votes

LAB = "lab.json"


@dataclass(slots=True)
class Findings:
    """All that is known so far. `untouched` holds the scores of the contents as they are, `reach` how far the structure
    of each style reaches, by its name; `layers` are those that judge."""

    folder: Path
    config: LabConfig
    painters: tuple[str, ...]
    layers: tuple[str, ...]
    pairs: list[Pair]
    stlpips: bool
    paintings: list[Painting] = field(default_factory=list)
    untouched: dict[Pair, dict[str, float]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    votes: Votes | None = None
    reach: dict[str, float] = field(default_factory=dict)

    @property
    def judging(self) -> dict[str, Any]:
        """What scores depend on beside the pictures: those of an earlier run are used again only if it is the same."""
        chosen = self.config.model_dump(mode="json", include={"features", "pooling", "style_scale", "size"})
        seen_by = {"judge": self.config.judge, "layers": list(self.layers)}
        return {**chosen, **seen_by, "judges": list(JUDGES), "distances": list(DISTANCES), "stlpips": self.stlpips}

    @property
    def content_scores(self) -> list[str]:
        """The columns that look at the content."""
        return [name for name in CONTENT_SCORES if name != "ST-LPIPS" or self.stlpips]

    def table(self, columns: Sequence[str]) -> Table:
        """Scores [pairs, painters, columns], NaN where there is none."""
        by_pair: dict[Pair, dict[str, Mapping[str, float]]] = {pair: {} for pair in self.pairs}
        for painting in self.paintings:
            by_pair[painting.pair][painting.painter] = painting.scores
        return score_table(list(by_pair.values()), self.painters, columns)

    def ranking(self) -> list[Place]:
        """The painters by the judges that are not of their own family."""
        return rank_by_scores(self.table(JUDGES), self.painters, JUDGES, self.config.seed)

    def unmatched(self) -> dict[str, list[str]]:
        """For each painter the names of the pairs in which its content distance is not gram's, or not known."""
        found = {(one.pair.name, one.painter): one.report["content_distance"] for one in self.paintings}
        wanted = {pair.name: found.get((pair.name, REFERENCE_PAINTER), math.nan) for pair in self.pairs}
        return {
            painter: [name for name, goal in wanted.items() if not is_matched(found.get((name, painter), math.nan), goal)]
            for painter in self.painters
        }

    def against(self) -> list[Comparison]:
        """Each painter against gram, if content was matched; else nothing, for who keeps more of the content has it harder."""
        if self.config.match != "content" or REFERENCE_PAINTER not in self.painters:
            return []
        table, pairs, apart = self.table(NEUTRAL), [pair.name for pair in self.pairs], self.unmatched()
        reference = table[:, self.painters.index(REFERENCE_PAINTER)]
        found = (
            compare(painter, table[:, number], reference, pairs, apart[painter], self.config.seed)
            for number, painter in enumerate(self.painters)
            if family(painter) != REFERENCE_PAINTER
        )
        return [one for one in found if one.pairs]

    def voted(self) -> list[Place]:
        """The painters by people's votes; empty without votes."""
        return [] if self.votes is None else places(self.votes.rows, self.painters, self.config.seed)

    def untouched_means(self, columns: Sequence[str]) -> list[float]:
        """Mean scores of the contents as they are, NaN if there are none."""
        table = score_table([{"content": scores} for scores in self.untouched.values()], ["content"], columns)
        return [float(value) for value in means(table)[0]] if len(table) else [math.nan] * len(columns)


def write_findings(found: Findings, files: Iterable[Path]) -> dict[str, Any]:
    """Write lab.json, replacing what was there, and return what it holds. Numbers that are not finite become null."""
    columns = [*JUDGES, *found.content_scores]
    averages = means(found.table(columns))
    ranking, voted = found.ranking(), found.voted()
    values = {
        "version": alebrije.__version__,
        "folder": str(found.folder),
        "settings": found.config.model_dump(mode="json"),
        "painters": {painter: family(painter) for painter in found.painters},
        "judging": found.judging,
        "table": {
            painter: dict(zip(columns, map(float, row), strict=True))
            for painter, row in zip(found.painters, averages, strict=True)
        },
        "untouched": {
            "means": dict(zip(columns, found.untouched_means(columns), strict=True)),
            "pairs": {pair.name: scores for pair, scores in found.untouched.items()},
        },
        "ranking": [_place(place) for place in ranking],
        "against_gram": [comparison.as_json() for comparison in found.against()],
        "reach": found.reach,
        "votes": None if found.votes is None else {
            "voters": found.votes.voters,
            "ballots": len(found.votes.rows),
            "ranking": [_place(place) for place in voted],
            "spearman": agreement(ranking, voted),
        },
        "pictures": [_painting(one) for one in found.paintings],
        "failed": found.failed,
        "notices": found.notices,
        "files": [str(file) for file in files],
    }  # fmt: skip
    values = _finite(values)
    with atomic(found.folder / LAB, force=True) as temporary:
        temporary.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return dict(values)


def earlier_scores(found: Findings) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, float]]]:
    """The scores that an earlier run has left in lab.json: of paintings by sha256, and of untouched contents by the pair's
    name (only those of pairs one of whose paintings is still the same). Empty if it judged in another way."""
    try:
        values = json.loads((found.folder / LAB).read_text(encoding="utf-8"))
        if values["judging"] != found.judging:
            return {}, {}
        scores = {one["sha256"]: _numbers(one["scores"]) for one in values["pictures"]}
        return scores, {name: _numbers(one) for name, one in values["untouched"]["pairs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # none, or damaged: it is written anew
        return {}, {}


def _numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    return {name: math.nan if value is None else float(value) for name, value in scores.items()}


def _painting(one: Painting) -> dict[str, Any]:
    return {
        "content": one.pair.content.name, "style": one.pair.style.name, "painter": one.painter, "file": str(one.file),
        "sha256": one.sha256, "style_weight": one.weight, "gradient": one.gradient, "scores": one.scores, "report": one.report,
    }  # fmt: skip


def _place(place: Place) -> dict[str, Any]:
    return {"painter": place.painter, "rank": place.rank, "interval": list(place.interval), "count": place.count}


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
