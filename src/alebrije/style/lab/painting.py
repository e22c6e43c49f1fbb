"""The paintings of the laboratory: FOLDER/pictures/CONTENT--STYLE--PAINTER.png, each with the record of how it was made.

A picture whose record says that it was made of the same pictures with the same settings is kept, so the same command goes on
where it was stopped.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import alebrije
from alebrije.config import choose
from alebrije.core.files import sha256
from alebrije.core.image import Picture, list_pictures, load, read_metadata, save
from alebrije.errors import DataError, NumericsError, OutputError, PictureError
from alebrije.events import Done, Event, Step, Warned
from alebrije.style.config import StylizeConfig, scales
from alebrije.style.lab.balance import Pull
from alebrije.style.lab.config import COOCCURRENCE, REFERENCE_PAINTER, LabConfig, painter_settings
from alebrije.style.losses import COOCCURRENCE_FORMS, LOSSES
from alebrije.style.run import stylize

FAILING = tuple(f"{COOCCURRENCE}-{form}" for form in COOCCURRENCE_FORMS if form != "pairwise")
WORKING = tuple(f"{COOCCURRENCE}-pairwise" if name == COOCCURRENCE else name for name in LOSSES)
COOCCURRENCE_SETTINGS = ("form", "radii", "scaled", "gate", "width", "radius", "threshold")  # of no concern to other painters
GROUPS = {"all": WORKING, "everything": WORKING + FAILING}


class Pair(NamedTuple):
    """A content and a style: where they lie, and what they are called in file names and tables."""

    content: Path
    style: Path
    content_name: str
    style_name: str

    @property
    def name(self) -> str:
        return f"{self.content_name}--{self.style_name}"


@dataclass(slots=True)
class Painting:
    """One picture of the laboratory: its file, who painted it, the pull it had, what the painter reported, its scores."""

    pair: Pair
    painter: str
    file: Path
    sha256: str
    weight: float
    gradient: float
    report: dict[str, Any]
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """What the picture is called where nobody may know who painted it."""
        return self.sha256[:12]


def chosen_painters(losses: Sequence[str], match: str = "gradient") -> tuple[str, ...]:
    """The painters that `losses` names, each once; raises `ConfigError` for one that does not exist. Where the others are to
    `match` gram's content distance, gram paints too, and first."""
    found: list[str] = []
    for name in losses:
        plain = f"{COOCCURRENCE}-pairwise" if name == COOCCURRENCE else name
        found += GROUPS.get(plain) or (choose("painter", plain, (*WORKING, *FAILING, *GROUPS)),)
    return tuple(dict.fromkeys([REFERENCE_PAINTER, *found] if match == "content" else found))


def pictures_of(source: Path) -> tuple[list[Path], dict[str, str]]:
    """The readable pictures of a file or a folder, and why the others are not. Raises `DataError` if there is none."""
    good, bad = [], {}
    for path in list_pictures(source) if source.is_dir() else [source]:
        try:
            load(path)
            good.append(path)
        except PictureError as error:
            if path == source:
                raise
            bad[str(path)] = str(error)
    if not good:
        raise DataError(f"no picture in {source} can be read: {next(iter(bad.values()))}")
    return good, bad


def pairs_of(contents: Sequence[Path], styles: Sequence[Path]) -> list[Pair]:
    """Every content with every style, named by their files without the suffix where that is enough to tell them apart."""
    names = [_names(contents), _names(styles)]
    return [Pair(c, s, names[0][c], names[1][s]) for c in contents for s in styles]


def _names(paths: Sequence[Path]) -> dict[Path, str]:
    plain = {path: re.sub(r"[^\w.]+|-{2,}", "-", path.stem).strip("-") or "picture" for path in paths}
    taken = list(plain.values())
    return {path: name if taken.count(name) == 1 else f"{name}-{k}" for k, (path, name) in enumerate(plain.items(), 1)}


def file_of(folder: Path, pair: Pair, painter: str) -> Path:
    """Where a painting lies."""
    return folder / "pictures" / f"{pair.name}--{painter}.png"


def kept(folder: Path, pair: Pair, painter: str, config: LabConfig, *, force: bool = False) -> Painting | None:
    """The painting that is there already, if it was made of these pictures with these settings.

    Raises `OutputError` if it was made otherwise; with `force` it is None then, and so painted over.
    """
    file = file_of(folder, pair, painter)
    if not file.exists():
        return None
    try:
        record = read_metadata(file)
    except PictureError:
        record = {}
    laboratory = record.get("laboratory")
    difference = _difference(record, pair, painter, config) if isinstance(laboratory, dict) else "no record of the laboratory"
    if difference is None and isinstance(laboratory, dict):
        gradient = laboratory.get("gradient")
        return Painting(pair, painter, file, sha256(file), record["config"]["style_weight"],
                        float("nan") if gradient is None else gradient, record["report"])  # fmt: skip
    if force:
        return None
    raise OutputError(f"{file} was made otherwise ({difference}): give another folder with -o, or --force to paint it anew")


def _difference(record: Mapping[str, Any], pair: Pair, painter: str, config: LabConfig) -> str | None:
    """What of a painting's record does not fit, in words; None if all does."""
    wanted = painter_settings(config, painter, 1.0).model_dump(mode="json")
    found = StylizeConfig().model_dump(mode="json") | record["config"]
    free = {"style_weight"} if painter.startswith(COOCCURRENCE) else {"style_weight", *COOCCURRENCE_SETTINGS}
    for name, value in wanted.items():
        if name not in free and found[name] != value:
            return f"{name} was {found[name]}, and is {value} now"
    found = {"match": "gradient", **record["laboratory"]}  # pictures made before there was a choice do not name it
    for name, now in {"style_weight": config.style_weight, "match": config.match}.items():
        if found.get(name) != now:
            return f"{name} was {found.get(name)}, and is {now} now"
    if [one["sha256"] for one in record["inputs"]] != [sha256(pair.content), sha256(pair.style)]:
        return "of other pictures"
    return None


def steps_of(config: LabConfig) -> int:
    """Steps that one painting takes."""
    return sum(stage.steps for stage in scales(painter_settings(config, "gram", 1.0)))


class Canvas(NamedTuple):
    """A picture that was just painted, with which settings and pull, what its painter reported, and the steps it took."""

    image: Picture
    settings: StylizeConfig
    pull: Pull
    report: dict[str, Any]
    steps: int


def paint(
    pair: Pair, pictures: tuple[Picture, Picture], painter: str, pull: Pull, config: LabConfig, done: int, total: int
) -> Generator[Event, None, Canvas | str]:
    """Paint one picture: a `Canvas`, or a sentence on why it could not be painted.

    `done` of `total` steps of all paintings were taken before. A painting that is interrupted is dropped.
    """
    settings = painter_settings(config, painter, pull.weight)
    result = None
    try:
        for event in stylize(pictures[0], [pictures[1]], settings):
            if isinstance(event, Step):
                yield Step(done + event.index, total, {"style_distance": event.values.get("style_distance", float("nan"))})
            elif isinstance(event, Warned) and "NaN" in event.message:
                yield Warned(f"{pair.name}, {painter}: {event.message}")
            elif isinstance(event, Done):
                result = event.result
    except NumericsError as error:
        return str(error)
    assert result is not None
    report = {name: value for name, value in result.report.items() if name != "seconds"}
    return Canvas(result.image, settings, pull, report, steps_of(config))


def keep(
    canvas: Canvas, pair: Pair, pictures: tuple[Picture, Picture], painter: str, config: LabConfig, folder: Path
) -> Painting:
    """Save what was painted, with the record of how."""
    gradient = canvas.pull.gradient if canvas.pull.gradient == canvas.pull.gradient else None  # NaN is no JSON
    shared = {"painter": painter, "gradient": gradient, "style_weight": config.style_weight, "match": config.match}
    record = {
        "verb": "stylize",
        "config": canvas.settings.model_dump(mode="json"),
        "seed": config.seed,
        "version": alebrije.__version__,
        "inputs": [{"name": one.path.name if one.path else None, "sha256": one.sha256} for one in pictures],
        "report": canvas.report,
        "laboratory": shared,
    }
    file = save(canvas.image, file_of(folder, pair, painter), force=True, metadata=record)
    return Painting(pair, painter, file, sha256(file), canvas.pull.weight, canvas.pull.gradient, canvas.report)
