"""What the thesis found, and whether it holds here. Each claim is decided by numbers, by a rule that is stated with it.

Of two figures with intervals one is lower only if the intervals do not overlap; if they do, the claim is not decided. The
intervals say how far chance in the drawing of pictures reaches. Each network was trained once, so what another seed would
bring is not in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from alebrije.reproductions.comicgan.settings import NETWORKS

HELD, FELL, OPEN = "held", "did not hold", "not decided"
BLURRED = 0.9  # of the detail of real pictures: less is called blurred
LARGE = 1000
Runs = Mapping[str, Mapping[str, Mapping[str, Any]]]  # composition -> network -> numbers
Ruling = tuple[str, str]  # a verdict, and the numbers it rests on


def judge(runs: Runs) -> list[dict[str, Any]]:
    """The claims in the order of the evolution, each with its ``rule``, its ``verdicts`` and ``numbers`` by place."""
    drawn = [composition for composition in ("simple", "varied") if composition in runs]
    found = [
        _by("dense layers draw blurred pictures without detail",
            f"detail of the dense network's pictures below {BLURRED:g} of real ones'",
            {composition: _blurred(runs[composition]["dense"]) for composition in drawn}),
        _by("convolutions draw better than dense layers",
            "KID of dcgan48 below that of dense: both 48x48 grey, the same real pictures",
            {composition: lower(runs[composition], "dcgan48", "dense", "kid") for composition in drawn}),
        *(
            _by(f"larger pictures are better: {after} comes after {before}",
                f"KID to the real pictures in colour of {after} below that of {before}",
                {composition: lower(runs[composition], after, before, "common_kid") for composition in drawn})
            for before, after in (("dcgan28", "dcgan48"), ("dcgan48", "dcgan64"))
        ),
        _by("growing draws better: ProGAN comes after dcgan64",
            "KID to the real pictures in colour of progan below that of dcgan64",
            {composition: lower(runs[composition], "progan", "dcgan64", "common_kid") for composition in drawn}),
        _by("growing is stabler",
            "fewer kinds of trouble (collapse, exploding or vanishing gradients, numbers that went bad) than dcgan64",
            {composition: _stabler(runs[composition]["progan"], runs[composition]["dcgan64"]) for composition in drawn}),
    ]  # fmt: skip
    if len(drawn) == 2:
        rulings = {name: between(runs["simple"][name], runs["varied"][name]) for name in NETWORKS if name in runs["simple"]}
        found.append(_by("faces are easier than full bodies",
                         "share (KID over that of the mean picture) lower for the simple composition", rulings))  # fmt: skip
    if "photographs" in runs:
        ((name, photographs),) = runs["photographs"].items()
        rulings = {f"than {composition}": between(runs[composition][name], photographs) for composition in drawn}
        found.append(_by("photographs are harder than illustrations", f"share of {name} higher for photographs", rulings))
    return found


def _by(claim: str, rule: str, rulings: Mapping[str, Ruling]) -> dict[str, Any]:
    verdicts = {where: verdict for where, (verdict, _) in rulings.items()}
    numbers = {where: words for where, (_, words) in rulings.items()}
    return {"claim": claim, "rule": rule, "verdicts": verdicts, "numbers": numbers}


def ruling(first: Sequence[float], second: Sequence[float]) -> str:
    """Whether the first of two measured values [value, low, high] is the lower one."""
    if first[2] < second[1]:
        return HELD
    return FELL if first[1] > second[2] else OPEN


def lower(networks: Mapping[str, Mapping[str, Any]], first: str, second: str, figure: str) -> Ruling:
    """Whether a figure of the first network is lower than that of the second."""
    ours, theirs = networks[first][figure], networks[second][figure]
    return ruling(ours, theirs), f"{thousands(1000 * ours[0])} against {thousands(1000 * theirs[0])}"


def between(first: Mapping[str, Any], second: Mapping[str, Any]) -> Ruling:
    """Whether the share of the first is lower than that of the second: one network on two compositions."""
    return ruling(first["share"], second["share"]), f"{first['share'][0]:.3f} against {second['share'][0]:.3f}"


def thousands(value: float) -> str:
    """A number with one place, or none where it is large."""
    return f"{value:.1f}" if abs(value) < LARGE else f"{value:,.0f}"


def unlearned(runs: Runs) -> list[str]:
    """The runs whose pictures are no nearer to real ones than the mean picture is, in words."""
    pairs = ((place, name) for place, networks in runs.items() for name in networks)
    return [f"{name} ({place})" for place, name in pairs if runs[place][name]["share"][0] >= 1]


def _blurred(numbers: Mapping[str, Any]) -> Ruling:
    return HELD if numbers["detail"] < BLURRED else FELL, f"{numbers['detail']:.2f} of real pictures' detail"


def troubles(numbers: Mapping[str, Any]) -> int:
    """How many kinds of trouble a run had."""
    return sum(1 for count in (*numbers["troubles"].values(), numbers["rollbacks"]) if count)


def _stabler(growing: Mapping[str, Any], other: Mapping[str, Any]) -> Ruling:
    ours, theirs = troubles(growing), troubles(other)
    verdict = OPEN if ours == theirs else HELD if ours < theirs else FELL
    return verdict, f"{ours} against {theirs}"


def verdict(found: Mapping[str, Any]) -> str:
    """A claim's verdicts in one cell: one word if all agree, else which is which."""
    told = found["verdicts"]
    if len({*told.values()}) == 1:
        return f"{next(iter(told.values()))} ({', '.join(told)})"
    return "; ".join(f"{verdict} ({', '.join(where for where, one in told.items() if one == verdict)})"
                     for verdict in (HELD, FELL, OPEN) if verdict in told.values())  # fmt: skip
