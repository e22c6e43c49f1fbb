"""Between what the observer chooses and what labels.txt says; and pairs labelled without a labeller.

The observer speaks of cut-offs in cycles per image width, a label of the Gaussians of the first and of the second
picture in pixels of a picture `reference` wide: sigma = 0.187 reference / cycles (`hybrid.blend.to_sigma`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from alebrije.data.pairs import REFERENCE, Label, PairSet, load_pair, read_pairs, write_labels
from alebrije.errors import DataError, Interrupted, PictureError
from alebrije.events import Done, Events, Saved, Started, Step, Warned
from alebrije.hybrid.blend import to_cycles, to_sigma
from alebrije.hybrid.observer import Plan, Viewing, plan
from alebrije.hybrid.pairs.viewing import ViewingConfig


@dataclass(frozen=True, slots=True)
class Labelled:
    """What `label_pairs` did: pairs labelled now and before, and the pairs it could not, number -> reason."""

    path: Path
    now: int
    before: int
    failed: dict[int, str]


def to_label(plan: Plan, reference: int = REFERENCE) -> Label:
    """The label that says what a plan says, its sigmas in pixels of a picture `reference` wide."""
    of_low, of_high = to_sigma(plan.cycles_low, reference), to_sigma(plan.cycles_high, reference)
    return Label(0, of_low, of_high) if plan.low == "first" else Label(1, of_high, of_low)


def from_label(label: Label, reference: int = REFERENCE) -> tuple[str, float, float]:
    """Which picture is low-passed (``first`` or ``second``), and both cut-offs, low then high, in cycles per image width."""
    first, second = to_cycles(label.sigma_first, reference), to_cycles(label.sigma_second, reference)
    return ("first", first, second) if label.low == 0 else ("second", second, first)


def observe(first: Tensor, second: Tensor, viewing: Viewing) -> Label:
    """The observer's label, at 224, of two pictures [1, 3, H, W] in [0, 1] of one size. Swapped, they get it mirrored."""
    return to_label(plan(first, second, viewing))


def seen(config: ViewingConfig) -> Viewing:
    """The settings as the observer wants them, in metres."""
    return Viewing(config.screen_width / 100, config.near, config.far)


USUAL = seen(ViewingConfig())
"""How hybrids are looked at if nobody says otherwise: 20 cm wide, from 0.5 m and from 6 m."""


def label_pairs(folder: Path | str, viewing: Viewing, *, force: bool = False) -> Events:
    """Let the observer label the pairs that have no label, or with `force` all of them; ends with `Done(Labelled)`.

    Labels that are there are kept, so are the folder's reference width and, after `Interrupted`, the labels found so far.
    A pair whose pictures cannot be read is named and left without. Raises `DataError` as `read_pairs` does.
    """
    found = read_pairs(folder)
    labels = [None if force else pair.label for pair in found.pairs]
    missing = [index for index, label in enumerate(labels) if label is None]
    before, failed, interrupted = len(labels) - len(missing), dict[int, str](), False
    try:
        yield Started("labelling pairs", len(missing))
        for count, index in enumerate(missing, 1):
            pair = found.pairs[index]
            try:
                labels[index] = to_label(plan(*load_pair(pair), viewing), found.reference)
            except PictureError as error:
                failed[pair.number] = str(error)
                yield Warned(f"left without a label: {error}")
            yield Step(count, len(missing))
    except Interrupted:
        interrupted = True
    now = _count(labels) - before
    path = write_labels(folder, _merged(folder, found, labels), found.reference)
    yield Saved(path)
    yield Done(Labelled(path, now, before, failed), interrupted=interrupted)


def _merged(folder: Path | str, found: PairSet, labels: Sequence[Label | None]) -> list[Label | None]:
    """The new labels, and those of the file as it is now where there is no new one, or somebody else has made one since.

    Raises `DataError` if it is no longer a file for these pairs.
    """
    here = read_pairs(folder)
    if here.reference != found.reference or [pair.number for pair in here.pairs] != [pair.number for pair in found.pairs]:
        raise DataError(f"{folder} was changed while it was labelled: label it again")
    pairs = zip(labels, found.pairs, here.pairs, strict=True)
    return [pair.label if new is None or pair.label != was.label else new for new, was, pair in pairs]


def _count(labels: Sequence[Label | None]) -> int:
    return sum(label is not None for label in labels)
