"""How soon the program answers: whole processes, medians of interleaved runs.

    python benchmarks/start.py

`alebrije --help` has to answer in 0.3 s, for which it must not import torch; `python -c "import torch"` is beside it to
show what that would cost.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

GOAL = 0.3  # seconds
RUNS = 7
COMMANDS = {
    "alebrije --help": ["-m", "alebrije", "--help"],
    "import alebrije": ["-c", "import alebrije"],
    "import torch": ["-c", "import torch"],
}


def seconds(arguments: list[str]) -> float:
    """Wall time of one Python process."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure, print a table and a last line of JSON."""
    taken: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(RUNS + 1):
        for name, arguments in COMMANDS.items():
            taken[name].append(seconds(arguments))
    medians = {name: statistics.median(values[1:]) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"{name:<18}{median:6.3f} s   ({min(taken[name][1:]):.3f} to {max(taken[name][1:]):.3f})")
    print(json.dumps({"benchmark": "start", "runs": RUNS, "seconds": medians, "goal_kept": medians["alebrije --help"] < GOAL}))


if __name__ == "__main__":
    main()
