"""A folder of pairs made of any pictures: those of like shapes, cut to squares, labelled by the observer."""

from __future__ import annotations

import contextlib
import json
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import alebrije
from alebrije.core.files import atomic
from alebrije.core.image import PICTURE_SUFFIXES, fit, load, save
from alebrije.data.folder import find_pictures
from alebrije.data.matching import distinct, shape, similar_pairs
from alebrije.data.pairs import LABELS, Label, Pair, load_pair, write_labels
from alebrije.errors import DataError, Interrupted, OutputError, PictureError
from alebrije.events import Done, Event, Events, Saved, Started, Step, Warned
from alebrije.hybrid.observer import plan
from alebrije.hybrid.pairs.labelling import seen, to_label
from alebrije.hybrid.pairs.viewing import MakePairsConfig

RECORD = "pairs.json"
QUALITY = 95  # of JPEG files
NAME_LENGTH = 40


@dataclass
class Pairing:
    """What `make_pairs` has made so far. `entries` are the pairs as pairs.json lists them; `failed`: file -> reason."""

    folder: Path
    config: MakePairsConfig
    pictures: int = 0
    entries: list[dict[str, Any]] = field(default_factory=list)
    labels: list[Label | None] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def similarity(self) -> float | None:
        """The median correlation of the shapes of a pair; None if there is no pair."""
        return statistics.median(entry["similarity"] for entry in self.entries) if self.entries else None


def make_pairs(sources: Sequence[Path], output: Path, config: MakePairsConfig, *, force: bool = False) -> Events:
    """Make a folder of pairs of the pictures in `sources`: picture files, and folders with the folders in them.

    Every picture is read twice, once for its shape and once for its pair, so that the memory needed does not grow with
    their number by more than 1 kB each. Besides the pairs and labels.txt the folder gets pairs.json: the settings, and the
    origin, the similarity and the observer's score of each pair. With `force` a folder that was made like this is made anew.
    After `Interrupted` what is made so far is a sound folder. Ends with `Done(Pairing)`. Raises `DataError` if nothing is
    found, `ConfigError` if there are not `config.count` pairs, `OutputError` if the folder is taken.
    """
    inside = {path.resolve() for path in output.glob("*")} if output.is_dir() else set()
    paths = [path for path in _gather(sources) if path.resolve() not in inside]
    old = _check_folder(output, force=force)
    made = Pairing(output, config)
    yield Started("reading pictures", len(paths))
    kept, shapes, small = [], [], 0
    hashes: set[str | None] = set()
    for index, path in enumerate(paths, 1):
        try:
            square, side, sha256 = _square(path, config.size)
            if sha256 not in hashes:
                kept.append(path)
                shapes.append(shape(square))
                small += side < config.size
                hashes.add(sha256)
        except PictureError as error:
            made.failed[str(path)] = str(error)
            yield Warned(f"left out: {error}")
        yield Step(index, len(paths))
    usable = distinct(torch.stack(shapes)) if shapes else []
    if len(usable) < 2:
        raise DataError(f"pairs need two different pictures at least, and there are {len(usable)}: name more folders")
    made.pictures = len(usable)
    alike = len(paths) - len(made.failed) - len(usable)
    if alike:
        yield Warned(f"{alike} of {len(paths)} pictures are left out: the same as another one, or of one colour only")
    if small:
        yield Warned(f"{small} pictures are smaller than {config.size}x{config.size} and are enlarged: a smaller size suits them")
    table = torch.stack([shapes[index] for index in usable])
    chosen = similar_pairs(table, config.count, config.seed, config.neighbours)
    yield from _write(made, [kept[index] for index in usable], table, chosen, old)


def _write(made: Pairing, paths: list[Path], shapes: Tensor, chosen: Sequence[tuple[int, int]], old: Sequence[Path]) -> Events:
    """Write the chosen pairs into the folder, after what `old` lists is gone."""
    _make(made.folder)
    for path in old:
        path.unlink(missing_ok=True)
    interrupted = False
    try:
        yield Started("making pairs", len(chosen))
        for index, (one, other) in enumerate(chosen, 1):
            entry = _entry(paths[one], paths[other], float(shapes[one] @ shapes[other]))
            try:
                _write_pair(made, entry)
            except PictureError as error:
                made.failed[entry["first"]] = str(error)
                yield Warned(f"a pair is left out: {error}")
            yield _step(index, len(chosen), made)
    except Interrupted:
        interrupted = True
    finally:
        _finish(made)
    if made.config.labels and made.entries:
        yield Saved(made.folder / LABELS)
    yield Done(made, interrupted=interrupted)


def _entry(first: Path, second: Path, similarity: float) -> dict[str, Any]:
    return {"first": str(first), "second": str(second), "similarity": round(similarity, 4)}


def _step(index: int, total: int, made: Pairing) -> Event:
    score = made.entries[-1].get("score") if made.entries else None
    return Step(index, total, {} if score is None else {"score": score})


def _write_pair(made: Pairing, entry: dict[str, Any]) -> None:
    """Write both pictures or none, and what is known of them into `made`.

    The label is of the pictures as the files have them, so that labelling the folder again finds the same.
    """
    number = len(made.entries) + 1
    digits = len(str(made.config.count))
    targets = []
    try:
        for letter, source in (("a", entry["first"]), ("b", entry["second"])):
            stem = re.sub(r"[^\w-]+", "-", Path(source).stem)[:NAME_LENGTH]
            targets.append(made.folder / f"{number:0{digits}d}_{letter}_{stem}.{made.config.format}")
            save(_square(Path(source), made.config.size)[0], targets[-1], force=True, quality=QUALITY)
        label = None
        if made.config.labels:
            choice = plan(*load_pair(Pair(number, targets[0], targets[1], None)), seen(made.config))
            label = to_label(choice)
            entry |= {"score": choice.score, "switch_distance": choice.switch_distance}
    except BaseException:  # half a pair would spoil the folder, whatever the reason
        for target in targets:
            target.unlink(missing_ok=True)
        raise
    made.labels.append(label)
    made.entries.append({"number": number, "files": [target.name for target in targets], **entry})


def _finish(made: Pairing) -> None:
    """Write labels.txt and pairs.json for the pairs there are; without any, remove the folder if it is empty."""
    if not made.entries:
        with contextlib.suppress(OSError):
            made.folder.rmdir()
        return
    if made.config.labels:
        write_labels(made.folder, made.labels)
    settings = made.config.model_dump(mode="json")
    record = {"version": alebrije.__version__, "config": settings, "pairs": made.entries}
    with atomic(made.folder / RECORD, force=True) as temporary:
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _gather(sources: Sequence[Path]) -> list[Path]:
    """All pictures of the sources, each file once however often it was named."""
    found: dict[Path, Path] = {}
    for source in sources:
        for path in [source] if source.is_file() else find_pictures(source):
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _square(path: Path, size: int) -> tuple[Tensor, int, str | None]:
    """The middle square [1, 3, size, size] of a picture, transparent places white, its shorter side, and the file's sha256."""
    picture = load(path)
    return fit(picture.on_white, (size, size)), min(picture.size), picture.sha256


def _check_folder(folder: Path, *, force: bool) -> list[Path]:
    """The files that must go before the folder is made anew; raises `OutputError` if it holds anything of the user's own."""
    if not folder.exists():
        return []
    if not folder.is_dir():
        raise OutputError(f"cannot make the folder {folder}: there is a file of that name; choose another one")
    pictures = {path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES or path.name == LABELS}
    if pictures and not force:
        raise OutputError(f"{folder} holds pictures already: choose another folder, or --force to make its pairs anew")
    ours = {folder / LABELS} if not pictures else set()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        ours = {folder / Path(name).name for entry in record["pairs"] for name in entry["files"]} | {folder / LABELS}
    if pictures - ours:
        raise OutputError(f"{folder} holds {min(pictures - ours).name}, which is not of its pairs.json: choose another folder")
    return sorted(pictures)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except FileNotFoundError:
        raise OutputError(f"cannot make {folder}: make its parent first with mkdir -p {folder.parent}") from None
    except OSError as error:
        raise OutputError(f"cannot make {folder}: {error.strerror}; choose another folder") from error
