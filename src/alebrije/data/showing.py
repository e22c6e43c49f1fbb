"""What is in a data set, in numbers and as a contact sheet."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alebrije.core.image import save
from alebrije.data import contact, tags
from alebrije.data.dataset import is_dataset, opening, read_about
from alebrije.events import Done, Events, Saved, Warned


def show(name: str, expression: str = "", output: Path | None = None, count: int = 40, *, force: bool = False) -> Events:
    """Count the pictures and tags of a data set, or of those that `expression` chooses; the result is a dict.

    With `output`, a contact sheet of at most `count` of them is written. Raises as `open_dataset` and `Dataset.select` do.
    """
    dataset = yield from opening(name, gray=None)
    for notice in dataset.notices:
        yield Warned(notice)
    counts, chosen = dataset.counts, np.arange(len(dataset))
    if expression.strip():
        for sentence in tags.unknown(tags.parse(expression), counts):
            yield Warned(sentence)
        chosen = dataset.select(expression).numpy()
        counted = {tag: int(dataset.members(tag)[chosen].sum()) for tag in counts}
        counts = {tag: number for tag, number in sorted(counted.items(), key=lambda item: -item[1]) if number}
    about = read_about(dataset.folder) if dataset.folder and is_dataset(dataset.folder) else {}
    _, channels, height, width = dataset.shape
    report = {
        "name": name, "folder": str(dataset.folder) if dataset.folder else None, "pictures": len(dataset), "width": width,
        "height": height, "channels": channels, "bytes": len(dataset) * height * width * channels, "licence": dataset.licence,
        "fingerprint": dataset.fingerprint, "left_out": about.get("left_out", {}), "bars": about.get("bars", {}),
        "expression": expression, "chosen": len(chosen), "tags": counts, "files": [],
    }  # fmt: skip
    if output:
        shown = chosen[contact.spread(len(chosen), count)]
        columns = max(1, round((len(shown) * 1.5 * height / width) ** 0.5))
        save(contact.sheet(dataset.take(shown), columns), output, force=force)
        report["files"] = [str(output)]
        yield Saved(output)
    yield Done(report)
