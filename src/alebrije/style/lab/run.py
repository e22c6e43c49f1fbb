"""`alebrije stylize-lab`: every family of style losses paints every pair, and what comes of it is judged crosswise.

FOLDER/
  pictures/CONTENT--STYLE--PAINTER.png   one picture of each painter for each pair; `alebrije runs show` tells how it was made
  index.html, ranking.png, lab.json      pictures, scores and ranking for people, and the same for programs
  vote.html, vote.js                     the page where people rank the pictures blind
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alebrije import features
from alebrije.config import choose
from alebrije.core import weights
from alebrije.core.image import Picture, load, parse_size
from alebrije.core.precision import choose_device
from alebrije.errors import Interrupted, OutputError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned
from alebrije.features import stlpips
from alebrije.style.config import CONTENT_LAYER, StylizeConfig
from alebrije.style.lab.balance import Pull, equal_pulls
from alebrije.style.lab.config import REFERENCE_PAINTER, LabConfig, painter_settings
from alebrije.style.lab.findings import LAB, Findings, earlier_scores, write_findings
from alebrije.style.lab.judging import Judge, Scene, held_out, judge, scene
from alebrije.style.lab.matching import MOST_TRIES, first_weight, is_matched, paint_matched
from alebrije.style.lab.painting import (
    Painting,
    Pair,
    chosen_painters,
    file_of,
    keep,
    kept,
    paint,
    pairs_of,
    pictures_of,
    steps_of,
)
from alebrije.style.lab.reach import reach
from alebrije.style.lab.sheet import write_sheet
from alebrije.style.lab.votes import check_votes, read_votes, write_vote_page
from alebrije.style.objective import layers

PAGE_SIDE = 320  # pixels: what a picture on the pages has at most


@dataclass(frozen=True, slots=True)
class LabResult:
    """The folder, and what lab.json holds."""

    folder: Path
    report: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Eyes:
    """The networks that look: the painters' with the layers that they optimise, the judges' with those held out; ST-LPIPS if it
    is at hand."""

    painter: features.Extractor
    judge: features.Extractor
    metric: stlpips.STLPIPS | None


def laboratory(
    contents: Path, styles: Path, folder: Path, config: LabConfig, votes: Sequence[Path] = (), *, force: bool = False
) -> Events:
    """Paint all pairs of `contents` and `styles` (pictures or folders of them) with all painters of `config`, score and rank
    them, and write the pages into `folder`; the last event is `Done(LabResult)`.

    With `match` set to content each is painted a few times, until it is as far from the content as gram's; the pages then
    also compare every painter with gram. What is in the folder already is kept if it was made with these settings; otherwise
    `OutputError`, or with `force` it is painted anew. `votes` are files that vote.html saved. When `Interrupted` is thrown in,
    the pages show what is finished. Pictures that cannot be read or painted are named in the report's `failed`. Raises
    `ConfigError`, `DataError`, `PictureError`, `WeightsError`, `OutputError`.
    """
    painters, wanted = chosen_painters(config.losses, config.match), parse_size(config.size)
    check_votes(votes)
    eyes = _open(config)
    (good, bad), (manners, unread) = pictures_of(contents), pictures_of(styles)
    pairs = pairs_of(good, manners)
    there = {(pair, painter): kept(folder, pair, painter, config, force=force) for pair in pairs for painter in painters}
    _make(folder / "pictures")
    looked_at = tuple(layer for layer in eyes.judge.layers if layer != CONTENT_LAYER)
    found = Findings(folder, config, painters, looked_at, pairs, eyes.metric is not None, failed=bad | unread)
    for message in found.failed.values():
        yield Warned(f"skipped: {message}")
    if eyes.metric is None:
        found.notices.append("ST-LPIPS is left out: its weights are not on this machine (alebrije weights fetch stlpips)")
        yield Warned(found.notices[-1])
    if any(there.values()):
        yield Warned(f"{sum(map(bool, there.values()))} of {len(there)} pictures are there already and are kept")

    interrupted = False
    try:
        yield from _work(found, eyes, there)
    except Interrupted:
        interrupted = True
    if votes and not interrupted:
        found.votes = read_votes(votes, found.paintings, painters)
        found.notices += found.votes.notices
    files = [folder / "index.html", folder / "vote.html", folder / LAB]
    report = write_findings(found, files)
    side = min(PAGE_SIDE, wanted if isinstance(wanted, int) else max(wanted))
    write_sheet(found, side)
    write_vote_page(folder, found.paintings, side)
    for file in files:
        yield Saved(file)
    yield Done(LabResult(folder, report), interrupted=interrupted)


def _open(config: LabConfig) -> _Eyes:
    """The networks; raises `ConfigError` or `WeightsError` before anything is painted."""
    needed = set(layers(StylizeConfig()))
    suited = [name for name, network in features.NETWORKS.items() if needed <= {*network.layers}]
    for name in (config.features, config.judge):
        choose("network for stylize-lab", name, suited)
    device = choose_device(config.device)
    painter = features.load(config.features, layers(StylizeConfig()), pooling=config.pooling, device=device)
    watching = [*held_out(config.judge), CONTENT_LAYER]
    judging = features.load(config.judge, watching, pooling=config.pooling, device=device)
    return _Eyes(painter, judging, stlpips.load(device) if weights.at_hand("stlpips") else None)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; give another one with -o") from error


def _work(found: Findings, eyes: _Eyes, there: Mapping[tuple[Pair, str], Painting | None]) -> Generator[Event, None, None]:
    """Paint and score one pair after the other, adding to `found`."""
    scored, untouched = earlier_scores(found)
    each = [steps_of(found.config) * _tries(found.config, painter) for painter in found.painters]
    total, done = sum(each) * len(found.pairs), 0
    yield Started("stylize-lab", total)
    for pair in found.pairs:
        pictures = load(pair.content), load(pair.style)
        device = next(eyes.judge.parameters()).device
        sight = scene(pictures[0], pictures[1], found.config)
        sight = type(sight)(sight.content.to(device), sight.style.to(device))
        pulls = _pulls(found, eyes, sight, [painter for painter in found.painters if there[pair, painter] is None])
        judged: Judge | None = None
        for painter, steps in zip(found.painters, each, strict=True):
            painting: Painting | str | None = there[pair, painter]
            if painting is None:
                painting = yield from _painted(found, pair, pictures, painter, pulls[painter], done, total)
            done += steps
            if isinstance(painting, str):
                found.failed[str(file_of(found.folder, pair, painter))] = painting
                yield Warned(f"{pair.name}, {painter}: {painting}")
                continue
            if painting.sha256 in scored:
                painting.scores = scored[painting.sha256]
            else:
                judged = judged or judge(eyes.judge, sight, found.config, eyes.metric)
                painting.scores = judged(load(painting.file).pixels)
            found.paintings.append(painting)
            if pair not in found.untouched:
                if not (painting.sha256 in scored and pair.name in untouched):
                    judged = judged or judge(eyes.judge, sight, found.config, eyes.metric)
                    untouched[pair.name] = judged(sight.content)
                found.untouched[pair] = untouched[pair.name]
            if there[pair, painter] is None:
                yield Saved(painting.file)
            yield Step(done, total)
        if pair.style_name not in found.reach:
            found.reach[pair.style_name] = reach(eyes.judge, sight.style, found.layers)


def _tries(config: LabConfig, painter: str) -> int:
    """How often a picture is painted, at most."""
    return MOST_TRIES if config.match == "content" and painter != REFERENCE_PAINTER else 1


def _pulls(found: Findings, eyes: _Eyes, sight: Scene, missing: Sequence[str]) -> dict[str, Pull]:
    """With which pull each of the `missing` painters begins."""
    if not missing:
        return {}
    config = found.config
    settings = {painter: painter_settings(config, painter, 1.0) for painter in missing}
    reference = painter_settings(config, REFERENCE_PAINTER, 1.0)
    pulls = equal_pulls(eyes.painter, sight.content, sight.style, settings, config.style_weight, reference, config.seed)
    for painter, pull in pulls.items():
        if _tries(config, painter) > 1:
            earlier = [one.weight for one in found.paintings if one.painter == painter]
            pulls[painter] = Pull(first_weight(pull, earlier), pull.gradient)
    return pulls


def _painted(
    found: Findings, pair: Pair, pictures: tuple[Picture, Picture], painter: str, pull: Pull, done: int, total: int
) -> Generator[Event, None, Painting | str]:
    """Paint one picture as the settings ask, and save it."""
    config = found.config
    gram = [one for one in found.paintings if (one.pair, one.painter) == (pair, REFERENCE_PAINTER)]
    if _tries(config, painter) == 1:
        if not pull.gradient > 0:
            yield Warned(f"{pair.name}, {painter}: no gradient that could be made equal, so it keeps gram's weight")
        canvas = yield from paint(pair, pictures, painter, pull, config, done, total)
    elif not gram:
        return "gram has not painted this pair, so there is no content distance to match"
    else:
        wanted = gram[0].report["content_distance"]
        canvas = yield from paint_matched(pair, pictures, painter, pull, wanted, config, done, total)
        if not isinstance(canvas, str) and not is_matched(canvas.report["content_distance"], wanted):
            yield Warned(
                f"{pair.name}, {painter}: content distance {canvas.report['content_distance']:.3g} is the nearest to gram's "
                f"{wanted:.3g} in {MOST_TRIES} tries; the pair does not count in the comparison with gram"
            )
    return canvas if isinstance(canvas, str) else keep(canvas, pair, pictures, painter, config, found.folder)
