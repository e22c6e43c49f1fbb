"""How often black bars are found, and how often something is taken for them that is none.

    python benchmarks/bars.py                                drawn creatures, also darkened, with a vignette, and as negatives
    python benchmarks/bars.py photos=FOLDER scrolls=FOLDER   and pictures of yours, at most 400 of each folder

Every picture is first looked at as it is: bars that are found there count as false. Then it gets bars of a random kind, 4 to
25 % of its side thick (at least 3 pixels), at level 0 (three in five), 6 or 16, one of a pair up to 2 pixels thicker; one in
three is resized to 60 %; and it is kept as JPEG of quality 30, 60, 75 or 90. Found means the right kind. The errors are those of
the thicknesses: from one pixel too little to two too much.
"""

from __future__ import annotations

import io
import json
import random
import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alebrije.core.image import to_uint8
from alebrije.data.clean import find_bars
from alebrije.data.draw import creature
from alebrije.data.folder import find_pictures

DRAWN, FROM_FOLDER = 120, 400
GOAL = 0.97  # of the bars around creatures
Samples = NDArray[np.uint8]


def changed(samples: Samples, how: str) -> Samples:
    """The picture made harder."""
    if how == "vignette":
        rows, columns = np.mgrid[-1 : 1 : samples.shape[0] * 1j, -1 : 1 : samples.shape[1] * 1j]
        return (samples * np.clip(1.3 - 1.1 * (rows**2 + columns**2)[..., None], 0, 1)).astype(np.uint8)
    return samples // 4 if how == "dark" else 255 - samples if how == "negative" else samples


def barred(samples: Samples, kind: str, chance: random.Random) -> tuple[Samples, list[float]]:
    """The picture with bars, as JPEG brings it back, and the true thicknesses above, below, left and right."""
    level, more = chance.choice((0, 0, 0, 6, 16)), chance.choice((0, 0, 1, 2))
    thick = [max(3, round(side * chance.uniform(0.04, 0.25))) for side in samples.shape[:2]]
    true = [thick[0], thick[0] + more, 0, 0] if kind != "vertical" else [0, 0, 0, 0]
    true = true[:2] + ([thick[1], thick[1] + more] if kind != "horizontal" else [0, 0])
    whole = Image.fromarray(np.pad(samples, ((true[0], true[1]), (true[2], true[3]), (0, 0)), constant_values=level))
    scale = chance.choice((1, 1, 0.6))
    if scale != 1:
        whole = whole.resize((round(whole.width * scale), round(whole.height * scale)), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    whole.save(file, "JPEG", quality=chance.choice((30, 60, 75, 90)))
    return np.asarray(Image.open(file)), [scale * one for one in true]


def measure(name: str, pictures: Iterator[Samples]) -> dict[str, object]:
    """One row of the table."""
    chance = random.Random(name)
    false = found = shown = count = 0
    errors: list[float] = []
    for samples in pictures:
        count += 1
        if find_bars(samples).kind:
            false += 1
            continue
        shown += 1
        kind = chance.choice(("horizontal", "vertical", "frame"))
        with_bars, true = barred(samples, kind, chance)
        bars = find_bars(with_bars)
        if bars.kind == kind:
            found += 1
            errors += [got - want for got, want in zip((bars.top, bars.bottom, bars.left, bars.right), true, strict=True) if want]
    near = float(np.mean([-1 <= error <= 2 for error in errors])) if errors else 0.0
    row = {"pictures": name, "count": count, "false": false, "shown": shown, "found": found, "within_2_pixels": near}
    print(f"{name:<22}{count:>8}{false:>7}{found:>7} of {shown:<6}{found / max(1, shown):>6.1%}{near:>12.1%}", flush=True)
    return row


def drawn(how: str) -> Iterator[Samples]:
    """Creatures of 96 pixels."""
    return (changed(to_uint8(creature(seed, 96).image), how) for seed in range(DRAWN))


def of_folder(folder: str) -> Iterator[Samples]:
    """Pictures of a folder, evenly spread."""
    paths = find_pictures(folder)
    for path in paths[:: -(-len(paths) // FROM_FOLDER)]:
        with Image.open(path) as picture:
            yield np.asarray(picture.convert("RGB"))


def main() -> None:
    print(f"{'':<22}{'count':>8}{'false':>7}{'bars found':>17}{'':>6}{'-1 to +2 px':>12}")
    rows = [measure(f"creatures {how}".strip(), drawn(how)) for how in ("", "dark", "vignette", "negative")]
    rows += [measure(argument.partition("=")[0], of_folder(argument.partition("=")[2])) for argument in sys.argv[1:]]
    kept = rows[0]["false"] == 0 and rows[0]["found"] >= GOAL * DRAWN  # type: ignore[operator]
    print(json.dumps({"benchmark": "bars", "rows": rows, "goals_kept": bool(kept)}))


if __name__ == "__main__":
    main()
