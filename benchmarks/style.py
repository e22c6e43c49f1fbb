"""Style transfer against the usual tutorial way: one step, what each ingredient brings, and the whole job.

    python benchmarks/style.py                            one step at 512x380 with VGG-19's geometry, sides in turns
    python benchmarks/style.py --ablation                 the same for all ingredients, added one after the other
    python benchmarks/style.py --job CONTENT STYLE        until the tutorial's loss is reached, and with `compact`
    python benchmarks/style.py --compact CONTENTS STYLES  how near `compact` comes to the style, on pairs from two folders

The tutorial's way, and what both sides share (pictures, weights, layers), is in `style_tutorial.py`, ours in `style_ways.py`,
the judging of `compact` in `style_compact.py`. Every side runs in a process of its own, because one of them changes how the
C library hands out memory; the sides take turns.

The job: the tutorial ends with a certain loss after 300 closures. Ours minimises the same function by `STAGES`, which were
fixed on other pairs, until it is there. The tutorial's own float32 network judges both results, and our last pictures for the
moment when the loss was reached. Timed is all from the weights in memory to the last picture: targets, Winograd's weights,
every step. `compact` is all that `alebrije stylize --quality quick` does, reading the network included; it is held against
the tutorial's result and against vgg16 with the same settings, by vgg16's statistics in float32. The tutorial takes about a
quarter of an hour on two cores: `--keep FOLDER` keeps what every run has made, `--reuse` takes the tutorial's from there.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from alebrije.core import weights
from alebrije.core.checkpoint import own_copy, pack, unpack
from alebrije.core.pictures.geometry import parse_size
from alebrije.core.tensorfiles import read_safetensors, write_safetensors
from alebrije.style.config import QUALITIES
from style_compact import compare_pairs, distances, ratios, show
from style_tutorial import CLOSURES, Sizes, model, pictures, vgg19, whole_run
from style_ways import LADDER, SIDES, STAGES, step_of

STEPS = ("tutorial", "+ allocator")
WARM_UP = 2
Result = dict[str, Any]


def serve(side: str, size: Sizes, files: tuple[str, ...]) -> None:
    """Be one side of a comparison of steps: for each line read, take a step and print its seconds."""
    advance = step_of(LADDER[side], size, files)
    for _ in sys.stdin:
        began = time.perf_counter()
        advance()
        print(time.perf_counter() - began, flush=True)


def compare_steps(options: argparse.Namespace, sides: tuple[str, ...]) -> Result:
    """The seconds of a step on each side, in turns, the first two rounds not counted."""
    command = _command(options, "--serve")
    workers = {side: subprocess.Popen([*command, side], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
               for side in sides}  # fmt: skip
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(options.rounds + WARM_UP):
        for side, worker in workers.items():
            assert worker.stdin is not None
            assert worker.stdout is not None
            worker.stdin.write("step\n")
            seconds[side].append(float(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate()
    counted = {side: times[WARM_UP:] for side, times in seconds.items()}
    first = statistics.median(counted[sides[0]])
    print(f"one step, VGG-19 to relu5_1, {options.size}, {options.threads} threads, medians of {options.rounds} rounds")
    table = {}
    for side, times in counted.items():
        middle = statistics.median(times)
        table[side] = {"seconds": round(middle, 4), "least": round(min(times), 4), "most": round(max(times), 4),
                       "times_faster": round(first / middle, 2)}  # fmt: skip
        spread = f"{1000 * min(times):.0f} to {1000 * max(times):.0f}"
        print(f"  {side:18} {1000 * middle:8.0f} ms ({spread})   {first / middle:5.2f}x")
    return {"steps": table, "step_speedup": table[sides[-1]]["times_faster"]}


def one_run(side: str, size: Sizes, options: argparse.Namespace) -> None:
    """Be one side of the job: do it, and leave the result in a file."""
    files = tuple(options.files)
    tutorial = side == "tutorial"
    made = whole_run(size, files, options.closures, options.curve) if tutorial else SIDES[side](size, files, options.goal)
    tensors: dict[str, torch.Tensor] = {}
    document = json.dumps(pack(made, tensors))
    copies = {name: own_copy(tensor) for name, tensor in tensors.items()}
    write_safetensors(Path(options.to), copies, {"document": document})


def left_by(file: Path) -> Result:
    """What `one_run` has left in `file`."""
    tensors, header = read_safetensors(file)
    made: Result = unpack(json.loads(header["document"]), dict(tensors))
    return made


def compare_jobs(options: argparse.Namespace, size: Sizes, folder: Path) -> Result:
    """The whole job: `compact` before and after the tutorial, ours, which has to know the tutorial's loss, after it."""
    fast = ["compact quick"] if options.files else []
    order = [*fast, "tutorial", *(side for _ in range(options.repeats) for side in ("ours", *fast))]
    if options.files and weights.at_hand("vgg16"):
        order += ["vgg16 quick", "compact balanced", "vgg16 balanced"]
    runs: dict[str, list[Result]] = {}
    for side in order:
        file = folder / f"{side}.{len(runs.get(side, []))}.safetensors"
        if not (side == "tutorial" and options.reuse):
            extra = ["--curve", options.curve] if options.curve and side == "tutorial" else []
            extra += ["--goal", str(runs["tutorial"][0]["loss"])] if side == "ours" else []
            subprocess.run([*_command(options, "--one-run"), side, "--to", str(file), *extra], check=True)
        runs.setdefault(side, []).append(left_by(file))
        print(f"{side}: {runs[side][-1]['seconds']:.2f} s", flush=True)
    result = _the_same_loss(runs, size, tuple(options.files))
    if "vgg16 quick" in runs:
        result |= _compact(runs, size, tuple(options.files))
    return result


def _the_same_loss(runs: dict[str, list[Result]], size: Sizes, files: tuple[str, ...]) -> Result:
    """When our pictures reach the tutorial's last loss, all judged by the tutorial's network."""
    (tutorial,) = runs["tutorial"]
    content, style = pictures(size, files)
    extractor, origin = vgg19(content, style)
    made = model(extractor, content, style)
    made.network.requires_grad_(False)
    goal, reached, ends = tutorial["loss"], [], []
    for run in runs["ours"]:
        moment, end = None, 0.0
        for seconds, image in reversed(run["kept"]):
            loss = float(made.loss(image))
            end = end or loss
            if loss > goal:
                break
            moment = seconds
        reached.append(moment)
        ends.append(end)
    arrived = [moment for moment in reached if moment is not None]
    everywhere = len(arrived) == len(reached)
    result = {
        "weights": origin, "closures": tutorial["closures"], "stages": [list(stage) for stage in STAGES],
        "tutorial": {name: tutorial[name] for name in ("seconds", "loss", "least_loss", "seconds_per_closure", "its_fifths")},
        "ours": {"seconds": [run["seconds"] for run in runs["ours"]], "loss": ends, "seconds_to_the_tutorials_loss": reached,
                 "steps": [run["steps"] for run in runs["ours"]], "nearly": [_nearly(run, goal) for run in runs["ours"]]},
        "job_reached": everywhere,
        "job_speedup": round(tutorial["seconds"] / statistics.median(arrived), 2) if everywhere else None,
    }  # fmt: skip
    print(f"the tutorial: {tutorial['seconds']:.0f} s, loss {goal:.4g} (least {tutorial['least_loss']:.4g}), "
          f"{tutorial['closures']} closures of {tutorial['seconds_per_closure']:.2f} s")  # fmt: skip
    print(f"ours: at this loss after {_listed(arrived)} s; last loss {_listed(ends)}")
    return result


def _nearly(run: Result, goal: float) -> dict[str, float | None]:
    """The seconds after which our own network sees a loss of at most so many times the goal."""
    found = {times: [seconds for seconds, loss in run["curve"] if loss <= times * goal] for times in (2, 1.5, 1.2, 1.1, 1.05)}
    return {f"{times}x": round(moments[0], 2) if moments else None for times, moments in found.items()}


def _compact(runs: dict[str, list[Result]], size: Sizes, files: tuple[str, ...]) -> Result:
    """How long `compact` takes, and how near each result comes to the style in vgg16's eyes."""
    seconds = {side: [run["seconds"] for run in made] for side, made in runs.items()}
    print("; ".join(f"{side}: {_listed(seconds[side])} s" for side in ("compact quick", "compact balanced", "vgg16 quick")))
    print("distances in vgg16's eyes:")
    found = distances({side: made[-1]["image"] for side, made in runs.items()}, size, files)
    show(found)
    tutorial = seconds["tutorial"][0]
    return {
        "compact_seconds": seconds["compact quick"], "compact_plan": [stage[:2] for stage in QUALITIES["quick"]],
        "compact_speedup": round(tutorial / statistics.median(seconds["compact quick"]), 1),
        "compact_balanced_speedup": round(tutorial / seconds["compact balanced"][0], 1),
        "vgg16_seconds": {side: seconds[side][0] for side in ("vgg16 quick", "vgg16 balanced")},
        "distances": found, "compact_style_ratios": ratios(found),
    }  # fmt: skip


def _listed(numbers: list[float]) -> str:
    return ", ".join(f"{number:.4g}" for number in numbers) or "never"


def _command(options: argparse.Namespace, role: str) -> list[str]:
    shared = ["--size", options.size, "--threads", str(options.threads), "--closures", str(options.closures)]
    return [sys.executable, __file__, *options.files, *shared, role]


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="content and style picture, made ones if there are none; or their folders")
    parser.add_argument("--size", default="512x380", help="width x height of the picture")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7, help="steps of each side that count")
    parser.add_argument("--ablation", action="store_true", help="one step with ever more ingredients")
    parser.add_argument("--job", action="store_true", help="the whole job (about 20 minutes on two cores)")
    parser.add_argument("--compact", action="store_true", help="compact against vgg16 on pairs from two folders")
    parser.add_argument(
        "--qualities", nargs="+", choices=("quick", "balanced"), default=["quick"], help="with --compact: which of them"
    )
    parser.add_argument("--repeats", type=int, default=3, help="how often ours and compact do the job")
    parser.add_argument("--closures", type=int, default=CLOSURES, help="length of the tutorial's run")
    parser.add_argument("--curve", help="file for the loss and the time of the tutorial's closures")
    parser.add_argument("--keep", type=Path, help="folder for all results")
    parser.add_argument("--reuse", action="store_true", help="take the tutorial's result from --keep")
    parser.add_argument("--serve", choices=LADDER, help=argparse.SUPPRESS)
    parser.add_argument("--one-run", choices=["tutorial", *SIDES], help=argparse.SUPPRESS)
    parser.add_argument("--goal", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--to", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    size = parse_size(options.size)
    assert isinstance(size, tuple), "--size takes WIDTHxHEIGHT"
    if options.serve:
        return serve(options.serve, size, tuple(options.files))
    if options.one_run:
        return one_run(options.one_run, size, options)
    result: Result = {
        "benchmark": "style", "size": options.size, "threads": options.threads,
        "processor": platform.processor() or platform.machine(), "capability": torch.backends.cpu.get_cpu_capability(),
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(), "amx": torch.cpu._is_amx_tile_supported(),
    }  # fmt: skip
    if options.compact:
        contents, styles = map(Path, options.files)
        result |= compare_pairs(contents, styles, size, SIDES, tuple(options.qualities))
    elif options.job:
        with tempfile.TemporaryDirectory() as passing:
            folder = options.keep or Path(passing)
            folder.mkdir(parents=True, exist_ok=True)
            result |= compare_jobs(options, size, folder)
    else:
        result |= compare_steps(options, tuple(LADDER) if options.ablation else STEPS)
    print(json.dumps(result))
    return None


if __name__ == "__main__":
    main()
