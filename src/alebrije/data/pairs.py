"""Folders of pairs: pictures whose names begin with the same number, and labels.txt, which says how to cross them.

    PAIRS/1_dog.png  PAIRS/1_cat.png  PAIRS/2_bicycle.png  PAIRS/2_motorcycle.png  PAIRS/labels.txt

Line i of labels.txt is the label of pair i in the order of the numbers, ``binary sigma1 sigma2``: which of the two is
low-passed (0 the first, 1 the second), and the Gaussians of the first and of the second, whatever their role, in pixels
of a picture 224 wide. Spaces or commas part them. A line ``-`` is a pair without a label, lines beginning with # do not
count, and ``# reference 256`` names another width for the sigmas.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor

from alebrije.core.files import atomic
from alebrije.core.image import fit, list_pictures, load
from alebrije.errors import ConfigError, DataError, PictureError
from alebrije.events import Done, Events, Started, Step

REFERENCE = 224  # pixels: the width that the student report's networks see
LABELS = "labels.txt"
UNLABELLED = "-"
MIN_SIDE = 8  # pixels, as for every hybrid
NAMES_REFERENCE = re.compile(r"#\s*reference[\s:=]+([-+.\d]+)\s*(?:px|pixels)?", re.IGNORECASE)
NAMED = 5  # files that a sentence names before it counts


@dataclass(frozen=True, slots=True)
class Label:
    """How to cross a pair: `low` is 0 if the first picture is low-passed, 1 if the second is.

    The sigmas belong to the first and the second picture, whatever their role, in pixels of a picture as wide as the
    reference of its folder (224 unless labels.txt says another).
    """

    low: int
    sigma_first: float
    sigma_second: float

    def mirrored(self) -> Label:
        """The label of the same pair in the other order."""
        return Label(1 - self.low, self.sigma_second, self.sigma_first)

    def at(self, reference: float, wanted: float = REFERENCE) -> Label:
        """The label with its sigmas carried over from pictures `reference` wide to pictures `wanted` wide."""
        scale = wanted / reference
        return Label(self.low, self.sigma_first * scale, self.sigma_second * scale)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two picture files whose names begin with `number`, in natural order of their names."""

    number: int
    first: Path
    second: Path
    label: Label | None


@dataclass(frozen=True, slots=True)
class PairSet:
    """The pairs of a folder in order of their numbers. `reference` is the picture width, in pixels, that sigmas are for."""

    folder: Path
    pairs: tuple[Pair, ...]
    reference: int
    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found: the pairs, how many pictures have which size (``256x256``), and all that is wrong."""

    found: PairSet
    sizes: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def read_pairs(folder: Path | str) -> PairSet:
    """Read a folder of pairs; pictures are not opened. labels.txt may be missing: then no pair has a label.

    Raises `DataError`, naming the file and the remedy, for a folder without pairs, a number with one picture or with
    more than two, and labels that cannot be read or are not one a pair.
    """
    found, problems = survey(folder)
    if problems:
        more = f" (and {len(problems) - 1} more: alebrije pairs check {folder})" if len(problems) > 1 else ""
        raise DataError(problems[0] + more)
    return found


def survey(folder: Path | str) -> tuple[PairSet, list[str]]:
    """The pairs of a folder that are sound, and every problem of the others and of labels.txt, one sentence each.

    Raises `DataError` if there is no such folder, or no picture in it with a number.
    """
    folder = Path(folder)
    groups: dict[int, list[Path]] = {}
    unnumbered = []
    for path in list_pictures(folder):
        number = re.match("[0-9]+", path.name)
        if number:
            groups.setdefault(int(number[0]), []).append(path)
        else:
            unnumbered.append(path)
    if not groups:
        raise DataError(
            f"there are no pairs in {folder}: begin the names of two pictures with the same number, "
            "such as 1_dog.png and 1_cat.png"
        )
    notices = [f"left out, because their names do not begin with a number: {_names(unnumbered)}"] if unnumbered else []
    problems = [_wrong_count(folder, number, groups[number]) for number in sorted(groups) if len(groups[number]) != 2]
    labels, reference, mistakes = _read_labels(folder / LABELS, len(groups))
    pairs = [
        Pair(number, groups[number][0], groups[number][1], label)
        for number, label in zip(sorted(groups), labels, strict=True)
        if len(groups[number]) == 2
    ]
    return PairSet(folder, tuple(pairs), reference, tuple(notices)), problems + mistakes


def write_labels(folder: Path | str, labels: Sequence[Label | None], reference: int = REFERENCE) -> Path:
    """Write labels.txt, line i for pair i, replacing what was there but for comments; returns its path.

    Sigmas are written with six digits. Raises `DataError` for a label that `read_pairs` would refuse, and `OutputError`.
    """
    path = Path(folder) / LABELS
    comments = _comments(path)
    lines = [] if reference == REFERENCE else [f"# reference {reference}"]
    for index, label in enumerate(labels, 1):
        lines += comments.get(index, [])
        lines.append(UNLABELLED if label is None else f"{label.low} {label.sigma_first:.6g} {label.sigma_second:.6g}")
        if label is not None and (wrong := _mistake(label)):
            raise DataError(f"the label of pair {index} cannot be written: {wrong}")
    lines += [line for index in sorted(comments) if index > len(labels) for line in comments[index]]
    with atomic(path, force=True) as temporary:
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def split_pairs(count: int, share: float = 0.8, seed: int = 0) -> tuple[list[int], list[int]]:
    """Indices of `count` pairs, shuffled by `seed` and parted: a `share` to learn from, the rest to test on; both ascend.

    A pair goes to one side whole; its mirror is made from it only afterwards, so the two are never parted. Neither side
    is empty. Raises `DataError` for less than two pairs, `ConfigError` unless 0 < share < 1.
    """
    if count < 2:
        raise DataError(f"{count} pairs cannot be parted into those to learn from and those to test on: make two at least")
    if not 0 < share < 1:
        raise ConfigError(f"share must lie between 0 and 1, got {share}")
    order = list(range(count))
    random.Random(seed).shuffle(order)
    learned = min(count - 1, max(1, round(share * count)))
    return sorted(order[:learned]), sorted(order[learned:])


def load_pair(pair: Pair) -> tuple[Tensor, Tensor]:
    """Both pictures, [1, 3, H, W] in [0, 1], transparent places white, in the size of the larger: cropped and scaled to it.

    Raises `PictureError` as `load` does, and for pictures below 8 pixels a side.
    """
    pictures = []
    for path in (pair.first, pair.second):
        picture = load(path)
        if min(picture.size) < MIN_SIDE:
            raise PictureError(f"{path}: {picture.width}x{picture.height} pixels, a hybrid needs {MIN_SIDE}x{MIN_SIDE} at least")
        pictures.append(picture.on_white)
    height, width = max((picture.shape[-2:] for picture in pictures), key=lambda size: (size[0] * size[1], size[1]))
    first, second = (fit(picture, (height, width)) for picture in pictures)
    return first, second


def check(folder: Path | str) -> Events:
    """Look at everything in a folder of pairs, opening every picture, and end with `Done(Checked)`.

    Raises `DataError` if there are no pairs at all; everything else that is wrong stands in `Checked.problems`.
    """
    found, problems = survey(folder)
    sizes: dict[str, int] = {}
    yield Started("checking pairs", len(found.pairs))
    for index, pair in enumerate(found.pairs, 1):
        problems += _wrong_pictures(pair, sizes)
        yield Step(index, len(found.pairs))
    yield Done(Checked(found, dict(sorted(sizes.items(), key=lambda item: -item[1])), tuple(problems)))


def _wrong_pictures(pair: Pair, sizes: dict[str, int]) -> Iterator[str]:
    hashes = []
    for path in (pair.first, pair.second):
        try:
            picture = load(path)
        except PictureError as error:
            yield str(error)
            continue
        size = f"{picture.width}x{picture.height}"
        sizes[size] = sizes.get(size, 0) + 1
        hashes.append(picture.sha256)
        if min(picture.size) < MIN_SIDE:
            yield f"{path}: {size} pixels, a hybrid needs {MIN_SIDE}x{MIN_SIDE} at least; put a larger picture there"
    if len(hashes) == 2 and hashes[0] == hashes[1]:
        yield f"{pair.first} and {pair.second.name} are the same picture: replace one of them"


def _wrong_count(folder: Path, number: int, paths: Sequence[Path]) -> str:
    if len(paths) == 1:
        return f"{folder}: number {number} has one picture only ({paths[0].name}): add its partner, or move it elsewhere"
    return f"{folder}: number {number} has {len(paths)} pictures ({_names(paths)}): a pair is two, so renumber the others"


def _read_labels(path: Path, count: int) -> tuple[list[Label | None], int, list[str]]:
    """The labels of `count` pairs (None where there is none, or a wrong one), the reference width, and all mistakes."""
    labels: list[Label | None] = []
    reference, mistakes = REFERENCE, []
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        return [None] * count, REFERENCE, []
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        return [None] * count, REFERENCE, [f"cannot read {path}: {reason}"]
    for number, line in enumerate(lines, 1):
        text = line.strip()
        try:
            if named := NAMES_REFERENCE.fullmatch(text):
                reference = _parse_reference(named[1])
            elif text and not text.startswith("#"):
                labels.append(None)
                labels[-1] = None if text == UNLABELLED else _parse_label(text)
        except ValueError as error:
            mistakes.append(f"{path}, line {number}: {error}")
    if len(labels) != count:
        mistakes.append(f"{path} has {len(labels)} labels for {count} pairs: write one line a pair, `-` where there is no label")
        labels = [None] * count
    return labels, reference, mistakes


def _comments(path: Path) -> dict[int, list[str]]:
    """The comments of labels.txt, by the number of the label that they stand before; none if there is no such file."""
    found: dict[int, list[str]] = {}
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        return found
    following = 1
    for line in map(str.strip, lines):
        if line.startswith("#") and not NAMES_REFERENCE.fullmatch(line):
            found.setdefault(following, []).append(line)
        following += bool(line) and not line.startswith("#")
    return found


def _parse_label(text: str) -> Label:
    """Raises `ValueError` that says what is wrong, and how a label is written."""
    remedy = "write `binary sigma1 sigma2`, such as 1 8.5 3.2, or `-` for no label"
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if len(words) != 3:
        raise ValueError(f"{len(words)} numbers where there should be three ({text[:40]!r}): {remedy}")
    try:
        binary, first, second = map(float, words)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not three numbers: {remedy}") from None
    if binary not in (0, 1):
        raise ValueError(f"it begins with {words[0]}: write 0 if the first picture is low-passed, 1 if the second is")
    label = Label(int(binary), first, second)
    if wrong := _mistake(label):
        raise ValueError(wrong)
    return label


def _parse_reference(text: str) -> int:
    if not text.isdecimal() or int(text) < MIN_SIDE:
        raise ValueError(f"the reference width is a whole number of pixels from {MIN_SIDE} on, such as 256, not {text}")
    return int(text)


def _mistake(label: Label) -> str:
    """What is wrong with a label, or nothing."""
    if label.low not in (0, 1):
        return f"it begins with {label.low}: write 0 if the first picture is low-passed, 1 if the second is"
    for sigma in (label.sigma_first, label.sigma_second):
        if not 0 < sigma < math.inf:
            return f"a sigma of {sigma:g}: sigmas are pixels, more than 0"
    return ""


def _names(paths: Sequence[Path]) -> str:
    """The first few names, and how many more there are."""
    more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
    return ", ".join(path.name for path in paths[:NAMED]) + more
