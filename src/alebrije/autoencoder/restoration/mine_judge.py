"""What came of teaching a network on the user's own pictures: held-out pictures beside bicubic and the shipped network.

Upscaling is measured as the literature does, PSNR on Y rounded to 8 bits without a border of `scale` pixels, of the middle of
each picture; denoising on RGB. Both on inputs made as the user's pictures were (`yours`), and as the shipped network's were
(`plain`: MATLAB's bicubic, or Gaussian noise of 25 levels): what was gained on the one may be lost on the other.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from alebrije.autoencoder.restoration.apply import sharpened
from alebrije.autoencoder.restoration.degradation import CLEAN, Degradation, degrade
from alebrije.autoencoder.restoration.evaluate import denoiser, eight_bits
from alebrije.autoencoder.restoration.mine_pictures import Named
from alebrije.core import plots
from alebrije.core.files import atomic
from alebrije.core.metrics import luma, psnr
from alebrije.core.statistics import Interval, bootstrap
from alebrije.data.degrade import imresize

LARGEST = 384  # pixels a side of what is measured
PLAIN_NOISE = 25 / 255
HIGHEST = 100.0  # dB: two pictures that are the same
FEWEST = 6  # pictures that an interval is told from
SHOWN, SHOWN_SIDE = 4, 128
YOURS, PLAIN = "yours", "plain"
NOTABLE = 0.05  # dB

Gains = Mapping[str, Sequence[float]]


@dataclass(frozen=True, slots=True)
class Case:
    """A held-out picture: what goes in, [1, 3, h, w], and what should come out, [1, 3, H, W], both of 8 bits."""

    name: str
    given: Tensor
    target: Tensor


@dataclass(frozen=True, slots=True)
class Exam:
    """Held-out cases by condition, and how they are done and measured. `before` is what a network has to beat: bicubic, or
    nothing done."""

    cases: Mapping[str, Sequence[Case]]
    before: str
    untaught: Callable[[Tensor], Tensor]
    taught: Callable[[nn.Module, Tensor], Tensor]
    measure: Callable[[Tensor, Tensor], float]


def exam(task: str, kept: Sequence[Named], found: Degradation, scale: int, seed: int, device: torch.device) -> Exam:
    """The exam of an upscaler (`task` upscale) or a denoiser on pictures uint8 [3, H, W]; `seed` draws the noise."""
    chance = torch.Generator().manual_seed(seed)
    upscaler = task == "upscale"
    cases: dict[str, list[Case]] = {YOURS: [], PLAIN: []}
    for name, picture in kept:
        target = _middle(picture[None].float() / 255, LARGEST, scale if upscaler else 4)
        noisy = eight_bits(target + PLAIN_NOISE * torch.randn(target.shape, generator=chance))
        plain = degrade(target, CLEAN, scale) if upscaler else noisy
        yours = degrade(target, found, scale if upscaler else 1, chance)
        for where, given in ((YOURS, yours), (PLAIN, plain)):
            cases[where].append(Case(name, given.to(device), target.to(device)))
    if upscaler:
        return Exam(
            cases,
            "bicubic",
            lambda given: imresize(given, scale),
            lambda network, given: sharpened(network, given, scale),
            lambda one, other: _decibels(eight_bits(luma(one)), eight_bits(luma(other)), scale),
        )
    return Exam(
        cases,
        "input",
        lambda given: given,
        lambda network, given: denoiser(network)(given),
        lambda one, other: _decibels(one.clamp(0, 1), other, 0),
    )


def _decibels(one: Tensor, other: Tensor, shave: int) -> float:
    return min(HIGHEST, float(psnr(one, other, shave)))


def _middle(images: Tensor, side: int, multiple: int) -> Tensor:
    """The middle of pictures, at most `side` pixels each way, in multiples of `multiple`."""
    height, width = (min(side, extent) // multiple * multiple for extent in images.shape[-2:])
    top, left = (images.shape[-2] - height) // 2, (images.shape[-1] - width) // 2
    return images[..., top : top + height, left : left + width]


@torch.no_grad()
def marks(exam: Exam, network: nn.Module | None) -> dict[str, list[float]]:
    """PSNR in dB of every case by condition; of what is `before` without a network."""
    work = exam.untaught if network is None else lambda given: exam.taught(network, given)
    return {where: [exam.measure(work(case.given), case.target) for case in cases] for where, cases in exam.cases.items()}


@torch.no_grad()
def mark(exam: Exam, network: nn.Module) -> float:
    """The mean PSNR in dB on inputs like the user's."""
    return _mean([exam.measure(exam.taught(network, case.given), case.target) for case in exam.cases[YOURS]])


def judge(exam: Exam, shipped: nn.Module, mine: nn.Module) -> Results:
    """All marks of what is before, of the shipped network and of the user's own."""
    methods = {exam.before: None, "shipped": shipped, "mine": mine}
    names = [case.name for case in exam.cases[YOURS]]
    return Results(names, exam.before, {method: marks(exam, network) for method, network in methods.items()})


@dataclass(frozen=True, slots=True)
class Results:
    """PSNR in dB by method (before, shipped, mine), condition and picture."""

    names: Sequence[str]
    before: str
    marks: Mapping[str, Mapping[str, Sequence[float]]]

    def gain(self, over: str, where: str = YOURS) -> list[float]:
        """How much better mine is than `over`, in dB, on each picture."""
        return [mine - other for mine, other in zip(self.marks["mine"][where], self.marks[over][where], strict=True)]

    def metrics(self) -> dict[str, float]:
        """Means, and the mean gain over the shipped network with its 95 % interval where there are enough pictures."""
        found = {f"{where}_{method}": _mean(values) for method, each in self.marks.items() for where, values in each.items()}
        for over in (self.before, "shipped"):
            found[f"gain_over_{over}"] = _mean(self.gain(over))
            interval = sure(self.gain(over))
            if interval:
                found |= {f"gain_over_{over}_low": interval[0], f"gain_over_{over}_high": interval[1]}
        return found

    def rows(self) -> list[dict[str, str | float]]:
        """One row for each picture, with a column for each condition and method."""
        found: list[dict[str, str | float]] = []
        for place, name in enumerate(self.names):
            values = {f"{where}_{method}": one[place] for method, each in self.marks.items() for where, one in each.items()}
            found.append({"picture": name} | {column: round(value, 3) for column, value in values.items()})
        return found

    def verdict(self) -> str:
        """What the user should do now, in one sentence."""
        gains, before = self.gain("shipped"), IN_WORDS[self.before]
        interval = sure(gains)
        told = f"95 % interval {interval[0]:+.2f} to {interval[1]:+.2f}" if interval else "too few for an interval"
        facts = f"{_mean(gains):+.2f} dB to the shipped one ({told}), {_mean(self.gain(self.before)):+.2f} dB to {before}"
        pictures = f"{len(gains)} picture{'s' if len(gains) > 1 else ''} kept for the test"
        if not (interval[0] > 0 if interval else min(gains) > NOTABLE) or _mean(self.gain(self.before)) <= 0:
            remedy = "use the shipped one, or give yours more pictures or steps"
            return f"on {pictures} your network is not surely better: {facts}; {remedy}"
        lost = -_mean(self.gain("shipped", PLAIN))
        kept = f"; on pictures without these faults it is {lost:.2f} dB worse than the shipped one" if lost > NOTABLE else ""
        return f"on {pictures} your network is better: {facts}{kept}"


IN_WORDS = {"bicubic": "bicubic", "input": "the noisy input", "shipped": "the shipped network"}


def sure(gains: Sequence[float]) -> Interval | None:
    """The 95 % interval of a mean over pictures, by the bootstrap; None for fewer than `FEWEST`, where it is too narrow."""
    return bootstrap(np.asarray(gains)[:, None], np.mean) if len(gains) >= FEWEST else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


@torch.no_grad()
def sheet(exam: Exam, shipped: nn.Module, mine: nn.Module) -> Tensor:
    """Held-out pictures in rows, the middle of each: before, shipped, mine, and as it should be; [1, 3, H, W]."""
    rows = []
    for case in exam.cases[YOURS][:SHOWN]:
        row = (exam.untaught(case.given), exam.taught(shipped, case.given), exam.taught(mine, case.given), case.target)
        rows.append(torch.cat([_filled(_middle(each, SHOWN_SIDE, 1)) for each in row], dim=3))
    return torch.cat(rows, dim=2).clamp(0, 1).cpu()


def _filled(images: Tensor) -> Tensor:
    """White around what is smaller than the others."""
    missing = [SHOWN_SIDE - side for side in images.shape[-2:]]
    return nn.functional.pad(images, (0, missing[1], 0, missing[0]), value=1.0)


def keep_results(results: Results, folder: Path) -> list[Path]:
    """Write evaluation/held-out.csv and plots/gain.png; returns their paths."""
    text = io.StringIO()
    rows = results.rows()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / "evaluation").mkdir(exist_ok=True)
    table = folder / "evaluation" / "held-out.csv"
    with atomic(table, force=True) as path:
        path.write_text(text.getvalue(), encoding="utf-8")
    figure = plots.new_figure(7.0, 1.4 + 0.28 * len(rows))
    axes = figure.subplots()
    places = list(range(len(rows)))
    for over, colour, mark in ((results.before, plots.COLORS[1], "o"), ("shipped", plots.COLORS[0], "D")):
        gains = results.gain(over)
        axes.scatter(gains, places, color=colour, marker=mark, label=f"over {IN_WORDS[over]}")
        axes.axvline(_mean(gains), color=colour, linewidth=0.8)
    axes.axvline(0, color="#222222", linewidth=0.8)
    axes.set_yticks(places, [name if len(name) < 40 else f"...{name[-36:]}" for name in results.names])
    axes.invert_yaxis()
    axes.set_xlabel("gain on held-out pictures, dB (lines: means)")
    axes.grid(visible=True, axis="x", alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper right", frameon=False, ncols=2)
    return [table, plots.save(figure, folder / "plots" / "gain.png")]
