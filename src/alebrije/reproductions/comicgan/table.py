"""All numbers as Markdown, and as rows for the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alebrije.reproductions.comicgan.claims import thousands, unlearned, verdict
from alebrije.reproductions.comicgan.compositions import TITLES

QUALITY = ("network", "KID x 1000", "95 % interval", "share", "KID x 1000 to real pictures in colour", "its share", "detail",
           "diversity", "by heart", "right")  # fmt: skip
EFFORT = ("network", "parameters (G + D)", "pictures", "steps of a batch", "epochs", "minutes", "s per 1,000 pictures", "Wh",
          "gradients, collapse")  # fmt: skip
MILLION = 1e6


def quality(name: str, numbers: Mapping[str, Any]) -> list[str]:
    """A row of how good a network's pictures are."""
    value, low, high = (1000 * each for each in numbers["kid"])
    return [
        name,
        thousands(value),
        f"{thousands(low)} to {thousands(high)}",
        f"{numbers['share'][0]:.3f}",
        thousands(1000 * numbers["common_kid"][0]),
        f"{numbers['common_share'][0]:.3f}",
        f"{numbers['detail']:.2f}",
        *(_percent(numbers[key]) for key in ("diversity", "by_heart", "accuracy")),
    ]


def effort(name: str, numbers: Mapping[str, Any]) -> list[str]:
    """A row of what a network took, and what went wrong."""
    both = " + ".join(f"{numbers['parameters'][each] / MILLION:.2f} M" for each in ("generator", "discriminator"))
    return [
        name,
        both,
        f"{numbers['side']}x{numbers['side']}{' grey' if numbers['gray'] else ''}",
        f"{numbers['steps']:,} of {numbers['batch_size']}",
        f"{numbers['epochs']:.1f}",
        f"{numbers['seconds'] / 60:.1f}",
        f"{numbers['seconds_per_1000']:.2f}",
        f"{numbers['watt_hours']:.2f}" if "watt_hours" in numbers else "",
        trouble(numbers),
    ]


def trouble(numbers: Mapping[str, Any]) -> str:
    """Which kinds of trouble a run had, in words."""
    kinds = [kind for kind, count in numbers["troubles"].items() if count]
    kinds += [f"numbers went bad {numbers['rollbacks']} times"] if numbers["rollbacks"] else []
    return ", ".join(kinds) or "none seen"


def table(results: Mapping[str, Any]) -> str:
    """All of it: for each composition two tables, then the claims and what must stand beside the figures."""
    lines: list[str] = []
    for composition, networks in results["runs"].items():
        lines += [f"### {heading(results, composition)}", ""]
        for heads, row in ((QUALITY, quality), (EFFORT, effort)):
            lines += [_row(heads), _row(["---"] * len(heads))]
            lines += [_row(row(name, numbers)) for name, numbers in networks.items()] + [""]
    lines += [_row(("the thesis found", "here", "decided by", "numbers")), _row(["---"] * 4)]
    for found in results["claims"]:
        numbers = "; ".join(f"{where}: {words}" for where, words in found["numbers"].items())
        lines.append(_row((found["claim"], verdict(found), found["rule"], numbers)))
    for words in (caution(results), beside(results), power(results), devices(results)):
        lines += ["", words] if words else []
    return "\n".join(lines) + "\n"


def heading(results: Mapping[str, Any], composition: str) -> str:
    """A composition with what it shows and how many pictures it has."""
    return f"{TITLES[composition].capitalize()}: {results['titles'][composition]}, {results['pictures'][composition]} pictures"


def caution(results: Mapping[str, Any]) -> str:
    """What takes weight from the verdicts; nothing where all networks have learned something."""
    several = unlearned(results["runs"])
    if not several:
        return ""
    named = ", ".join(several)
    return f"No nearer to real pictures than their mean: {named}. Verdicts that rest on these say little: train longer."


def beside(results: Mapping[str, Any]) -> str:
    """What must stand beside the figures: detector, counts, scale."""
    return (
        f"KID: {results['detector']}; {results['judged']} made pictures against at most as many real ones (learned from and held "
        "out), in the size and colours that the network saw; one training each, intervals by the jackknife. Share: KID over that "
        "of the mean of the real pictures, drawn again and again; 0 is as good as real, 1 no nearer than that one picture. Real "
        "pictures in colour: as large as they were packed, the same for all networks. Detail, diversity: of real pictures'. By "
        "heart: 0 if the discriminator treats held-out pictures like those it learned from. Right: its share of right answers in "
        "the last epoch."
    )


def power(results: Mapping[str, Any]) -> str:
    """What the energy is an estimate of."""
    of = {numbers["power_of"] for networks in results["runs"].values() for numbers in networks.values() if "power_of" in numbers}
    return f"Energy is an estimate: {'; '.join(sorted(of))}." if of else "Energy was not estimated."


def devices(results: Mapping[str, Any]) -> str:
    """Processor against GPU, or how to compare them."""
    timing = results["timing"]
    if not timing:
        how = "on a machine with a GPU, `alebrije reproduce comicgan -o DIR` times both"
        return f"Processor against GPU: not compared, everything ran on {results['device']}; {how}."
    told = []
    for name, seconds in timing.items():
        (other, fast) = next((device, value) for device, value in seconds.items() if device != "cpu")
        told.append(f"{name} {seconds['cpu']:.3g} s on cpu, {fast:.3g} s on {other} ({seconds['cpu'] / fast:.1f} times as fast)")
    return f"Processor against GPU, seconds a step (median of five; ProGAN's last stage): {'; '.join(told)}."


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"
