"""What different GANs reach in the same time: KID at a quarter, a half and all of it, several seeds of each.

    python benchmarks/gan_quality.py OUT --data fashion-mnist --test        15 minutes a run, seeds 0, 1, 2: 2 1/4 hours in all
    python benchmarks/gan_quality.py OUT --data PICTURES --minutes 5        shorter; PICTURES is a folder or a DATASET
    python benchmarks/gan_quality.py OUT --data PICTURES --device cuda --size 128 --minutes 9 --kinds progan128 r3-128
    python benchmarks/gan_quality.py OUT --data PICTURES --kinds r3 --set r3:width=1.0      another setting of one kind

The time is that of training steps, with all that `alebrije train` records in them, and nothing else: with `--threads 1` seconds
of the processor, which other work on the machine hardly lengthens, otherwise seconds of the clock. Each run is judged in
OUT/NAME.json as soon as it is done, and not done again.

Judged are 2,000 pictures, of the averaged weights where a recipe has them, against at most 5,000 real ones: those that were
learned from and those kept apart, or with --test those a known data set keeps for testing. An interval beside one KID is of that
run (jackknife over blocks of pictures); one beside the mean is t's over the seeds, which holds what training leaves to chance.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from alebrije.config import build, parse_override, read_recipe
from alebrije.core import image
from alebrije.core.precision import tune_allocator
from alebrije.features.judging.detectors import Detector, open_detector
from alebrije.features.judging.distances import kid
from alebrije.gan import exam, show
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures
from alebrije.gan.game import Game, averaged
from alebrije.gan.learning import make_step
from alebrije.gan.pace import filled, pace
from alebrije.gan.preparing import begin, prepare
from alebrije.gan.run import KINDS, planned
from alebrije.gan.watching import look
from alebrije.runs import Run, processor_name
from gan_ways import opened

# kind -> recipe; the first three are what a processor can do at 32x32
CONTENDERS = {
    "dcgan": "dcgan64", "progan": "progan32", "r3": "r3-32", "style": "style", "progan128": "progan128", "r3-128": "r3",
}  # fmt: skip
MARKS = (0.25, 0.5, 1.0)
MADE, REAL = 2000, 5000
AGAIN = 500, 1000  # made and real pictures for another detector, which may be slow: EfficientNet takes 0.1 s a picture on a core
MADE_FILE = "made.safetensors"  # in a run's folder: what it drew last
GAP = 24  # pixels between the kinds on a sheet
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776, 6: 2.571}  # of Student's t for a mean of so many


def main() -> None:
    """Train what is missing, print the table, and last one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", required=True)
    parser.add_argument("--test", action="store_true", help="judge by the test pictures of a known data set")
    parser.add_argument("--size", default="32")
    parser.add_argument("--gray", action="store_true")
    parser.add_argument("--minutes", type=float, default=15)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", choices=CONTENDERS, default=["dcgan", "progan", "r3"])
    parser.add_argument("--set", nargs="*", default=[], metavar="KIND:KEY=VALUE", dest="changes")
    parser.add_argument("--detector", default="compact", help="compact, efficientnet-lite0, or a run of features/judge")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--table-only", action="store_true", help="train nothing")
    parser.add_argument("--also", metavar="DETECTOR", help="judge what each run drew last by this one too")
    parser.add_argument("--sheet", type=Path, help="put the last samples of each kind side by side into this file")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    tune_allocator()
    given.out.mkdir(parents=True, exist_ok=True)
    if not given.table_only:
        train_all(given)
    if given.also:
        judge_again(given)
    if given.sheet:
        image.save(sheet(given.out, given.kinds, given.seeds[0]), given.sheet, force=True)
    print(json.dumps(table(given.out)))


def train_all(given: argparse.Namespace) -> None:
    """Each kind with each seed, unless it is done; seed by seed, so that what is there can be compared at any time."""
    detector = open_detector(given.detector, "cpu")
    clock = time.process_time if given.threads == 1 and given.device == "cpu" else time.perf_counter
    for seed in given.seeds:
        for kind in given.kinds:
            path = given.out / f"{kind}-{seed}.json"
            if path.exists():
                continue
            network, config = settings(kind, given, seed)
            pictures = opened(config)
            real, seconds = references(given.test, config, pictures), 60 * given.minutes
            config = planned(filled(config, seconds, pace(config, network, pictures)), len(pictures.images))
            marks = trained(config, network, pictures, seconds, clock, Judge(detector, real), given.out / path.stem)
            facts = {"kind": kind, "seed": seed, "minutes": given.minutes, "threads": given.threads, "size": given.size,
                     "data": Path(given.data).name, "real": len(real), "made": MADE, "judged_by": detector.words,
                     "processor": processor_name(), "device": given.device, "marks": marks}  # fmt: skip
            path.write_text(json.dumps(facts, indent=1), encoding="utf-8")


def settings(kind: str, given: argparse.Namespace, seed: int) -> tuple[str, GanConfig]:
    """The kind of network and the settings of a run."""
    recipe = CONTENDERS[kind]
    network, model = KINDS[recipe]
    values = {name: value for name, value in read_recipe(f"gan/{recipe}").items() if name != "recipe"}
    own = [text.split(":", 1)[1] for text in given.changes if text.startswith(f"{kind}:")]
    values |= {"size": given.size, "gray": given.gray, "data": given.data, "seed": seed, "device": given.device}
    return network, build(model, values | dict(parse_override(text) for text in own))


def references(test: bool, config: GanConfig, pictures: Pictures) -> Tensor:
    """The real pictures to judge by, uint8 [N, C, H, W], at random."""
    if test:
        found = exam.unlearned(config, 0)
        if not len(found):
            raise SystemExit(f"{config.data} keeps no pictures for testing: leave --test out")
        return found[:REAL]
    found = torch.cat([pictures.images, pictures.held_out])
    return found[torch.randperm(len(found), generator=torch.Generator().manual_seed(0))[:REAL]]


class Judge:
    """KID of a generator against real pictures, whose features are looked up once."""

    def __init__(self, detector: Detector, real: Tensor) -> None:
        self.detector, self.real = detector, detector(real)

    def __call__(self, made: Tensor) -> tuple[float, float, float]:
        """KID of pictures uint8 [N, C, H, W] with its interval."""
        return tuple(kid(self.real, self.detector(made)))  # type: ignore[return-value]


@torch.no_grad()
def drawn(game: Game, state: Any) -> Tensor:
    """What the generator draws now, uint8 [MADE, C, H, W]; early stages of a network that grows are enlarged."""
    codes = torch.randn(MADE, game.config.latent_dim, generator=torch.Generator().manual_seed(12345)).to(game.device)
    made = F.interpolate(show.generated(averaged(game, state), codes, None).cpu(), tuple(game.pictures.shape[1:]))
    return ((made.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).contiguous()


def trained(
    config: GanConfig, network: str, pictures: Pictures, seconds: float, clock: Callable[[], float], judge: Judge, folder: Path
) -> list[dict[str, Any]]:
    """Train for so many seconds; what it was at each mark."""
    game = prepare(config, Run.create(folder), network, pictures)
    state = begin(game)
    step = make_step(game, lambda state: look(game, state))
    found: list[dict[str, Any]] = []
    spent = 0.0
    if game.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()  # of the runs before
    while len(found) < len(MARKS):
        began = clock()
        step(state, next(state.batches))
        state.step += 1
        state.average()
        if game.device.type == "cuda":
            torch.cuda.synchronize()
        spent += clock() - began
        if spent >= MARKS[len(found)] * seconds:
            made = drawn(game, state)
            kids = judge(made)
            save_file({"made": made}, folder / MADE_FILE)
            image.save(show.sample(game, state), folder / f"{len(found)}.png", force=True)
            seen = state.step * config.batch_size
            found.append({"seconds": spent, "steps": state.step, "pictures_seen": seen, "seconds_per_1000": 1000 * spent / seen,
                          "kid": kids, "memory_GB": memory(game.device), "said": list(game.remarks)})  # fmt: skip
            print(f"  {folder.name} {spent:.0f} s, {state.step} steps, KID x 1000 {1000 * kids[0]:.1f}", flush=True)
    return found


def memory(device: torch.device) -> float | None:
    """The most that a GPU has held, in gigabytes."""
    return torch.cuda.max_memory_allocated() / 1e9 if device.type == "cuda" else None


def table(out: Path) -> dict[str, Any]:
    """Mean of the seeds with its interval, for each kind and mark; printed, and returned."""
    runs: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(out.glob("*.json")):
        run = json.loads(path.read_text(encoding="utf-8"))
        runs.setdefault(run["kind"], []).append(run)
    found: dict[str, Any] = {}
    for kind, some in runs.items():
        rows = []
        for place, share in enumerate(MARKS):
            kids = [1000 * run["marks"][place]["kid"][0] for run in some]
            mean, low, high, words = spread(kids)
            rows.append({"share_of_time": share, "kid_x_1000": kids, "mean": mean, "low": low, "high": high})
            print(f"{kind:8} {share:4.0%} of the time: {words}; {', '.join(f'{each:.1f}' for each in kids)}")
        last = [run["marks"][-1] for run in some]
        also = [run["also"] for run in some if "also" in run]
        found[kind] = {"marks": rows, "also": also}
        found[kind] |= {name: [mark.get(name) for mark in last] for name in ("pictures_seen", "memory_GB")}
    first = next(iter(runs.values()), [{}])[0]
    return {name: first.get(name) for name in ("data", "size", "minutes", "threads", "made", "real", "judged_by", "processor",
                                               "device")} | {"kinds": found}  # fmt: skip


def judge_again(given: argparse.Namespace) -> None:
    """Write beside each run what another detector says about the pictures that it drew last, and print mean and spread."""
    detector, judge = open_detector(given.also, given.device), None
    runs: dict[str, list[float]] = {}
    for path in sorted(given.out.glob("*.json")):
        run, made = json.loads(path.read_text(encoding="utf-8")), given.out / path.stem / MADE_FILE
        if not made.exists():
            continue
        _, config = settings(run["kind"], given, run["seed"])
        judge = judge or Judge(detector, references(given.test, config, opened(config))[: AGAIN[1]])  # the same for all runs
        found = load_file(made)["made"][: AGAIN[0]]
        run["also"] = {"judged_by": detector.words, "made": len(found), "real": len(judge.real), "kid": judge(found)}
        path.write_text(json.dumps(run, indent=1), encoding="utf-8")
        runs.setdefault(run["kind"], []).append(1000 * run["also"]["kid"][0])
    for kind, kids in runs.items():
        print(f"{kind:8} by {given.also}: {spread(kids)[3]}; {', '.join(f'{each:.1f}' for each in kids)}")


def spread(kids: list[float]) -> tuple[float, float, float, str]:
    """Mean, both ends of its interval over the seeds, and all three in words."""
    mean = statistics.mean(kids)
    half = T95[len(kids)] * statistics.stdev(kids) / math.sqrt(len(kids)) if len(kids) in T95 else math.nan
    words = "one seed" if math.isnan(half) else f"{mean - half:.1f} to {mean + half:.1f}"
    return mean, mean - half, mean + half, f"{mean:7.1f} ({words})"


def sheet(out: Path, kinds: list[str], seed: int) -> Tensor:
    """The samples of the last mark of each kind, from the same latents where their number is the same, beside each other."""
    found = [image.load(out / f"{kind}-{seed}" / f"{len(MARKS) - 1}.png").pixels for kind in kinds]
    side = max(each.shape[-1] for each in found)
    large = [F.interpolate(each[None], scale_factor=max(1, round(side / each.shape[-1])))[0] for each in found]
    return torch.cat([F.pad(each, (0, GAP if place < len(large) - 1 else 0), value=1.0) for place, each in enumerate(large)], -1)


if __name__ == "__main__":
    main()
