"""kill -9 at any moment, and the run that goes on ends with the same bits as one that was never killed."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from alebrije.core import checkpoint
from alebrije.runs import Run

KILLS = int(os.environ.get("ALEBRIJE_KILLS", "20"))
STEPS = 120
PROGRAM = f"""
import sys
from alebrije import events, steps
from alebrije.gan import record, run
record.draw = lambda *given: []
run.write_report = lambda run: run.folder / "recipe.yaml"
settings = dict(steps={STEPS}, pictures=24, batch_size=4, sample_every=7, checkpoint_every=1, device="cpu", precision="fp32",
                size="16", latent_dim=8, width=0.05, hold_out=0.25, augment="ada", ada_pictures=100, ema_decay=0.9, max_share=0.1)
resume = sys.argv[2] == "resume"
recipe, given = ("", dict()) if resume else ("gan/dcgan64", settings)
for event in steps.train(recipe, run=sys.argv[1], resume=resume, **given):
    if isinstance(event, events.Step) and event.total == {STEPS}:
        print(event.index, flush=True)
"""


def start(folder: Path) -> subprocess.Popen[str]:
    """Train in a process of its own, or go on."""
    way = "resume" if (folder / "recipe.yaml").exists() else "new"
    command = [sys.executable, "-c", PROGRAM, str(folder), way]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})


@pytest.mark.slow
def test_killed_twenty_times_and_not_a_bit_differs(tmp_path: Path) -> None:
    whole = start(tmp_path / "whole")
    assert whole.communicate()[0].split()[-1] == str(STEPS)
    chance = random.Random(5)
    killed = 0
    while killed < KILLS:
        process = start(tmp_path / "parts")
        assert process.stdout is not None
        last = process.stdout.readline()
        assert last, "it was done before it was killed often enough"
        until = int(last) + chance.randrange(4)
        while last and int(last) < until:
            last = process.stdout.readline()
        time.sleep(chance.random() * 0.05)  # in the middle of a step, a sample, or the writing of a checkpoint
        process.kill()
        process.wait()
        process.stdout.close()
        killed += 1
    assert start(tmp_path / "parts").wait() == 0
    trees = [checkpoint.load_latest(tmp_path / name / "checkpoints")[1] | {"seconds": 0} for name in ("whole", "parts")]
    flat: list[dict[str, torch.Tensor]] = [{}, {}]
    documents = [json.dumps(checkpoint.pack(tree, tensors)) for tree, tensors in zip(trees, flat, strict=True)]
    assert documents[0] == documents[1]
    assert all(torch.equal(tensor, flat[1][name]) for name, tensor in flat[0].items())
    rows = [{k: v for k, v in Run(tmp_path / name).metrics().items() if k != "seconds"} for name in ("whole", "parts")]
    assert rows[0] == rows[1]
    for name in ("gradients.csv", "referee.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
