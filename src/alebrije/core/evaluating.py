"""Settings of `alebrije evaluate` for networks that draw pictures: what they have drawn is judged beside real pictures."""

from __future__ import annotations

from pydantic import Field

from alebrije.config import ComputeConfig

PICTURES = 2000
FEWEST = 20


class EvaluateConfig(ComputeConfig):
    """How many pictures are judged, by what, and when."""

    count: int | None = Field(
        None, ge=FEWEST, le=100_000, description=f"pictures in each set; {PICTURES}, or what there are, if not given"
    )
    detector: str = Field(
        "compact",
        description="what judges pictures: compact, efficientnet-lite0, or a run of features/judge",
        json_schema_extra={"metavar": "NAME|RUN"},
    )
    over_time: bool = Field(False, description="judge every checkpoint that the run has kept, too")
