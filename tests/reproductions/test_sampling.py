"""The comparison of samplers: its table and choices, and the whole of it in the small."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije.errors import ConfigError, RunError
from alebrije.events import Done, Started
from alebrije.reproductions.sampling.measure import REAL, REBUILT
from alebrije.reproductions.sampling.run import SamplingReproduction, reproduce
from alebrije.reproductions.sampling.table import choose_beta, spread, table

TINY = {"draws": 2, "steps": 30, "width": 4, "latent_dim": 4, "validation": 220, "count": 100, "near": 100, "few": 20,
        "device": "cpu", "precision": "fp32"}  # fmt: skip


def test_beta_is_chosen_by_validation() -> None:
    def run(kid: float, test: float) -> dict[str, Any]:
        return {"rows": {"prior": {"validation_kid": kid, "kid": [test]}}}

    assert choose_beta({1.0: [run(0.3, 0.1), run(0.5, 0.1)], 4.0: [run(0.2, 0.9), run(0.5, 0.9)]}) == 4.0


def test_the_table_has_a_row_for_each_and_what_stands_beside() -> None:
    row = {"kid": [0.0101, 0.0121], "kid_interval": [0.009, 0.012], "fid": [3.0, 4.0], "held_out_nats": None}
    row |= {name: [0.5, 0.4, 0.6] for name in ("precision", "recall", "density", "coverage")}
    near = {"near": {"share": [0.02, 0.01, 0.03]}, "near_pixels": {"share": [0.03, 0.01, 0.04]}}
    rows = {"plain: gaussian": row | near, f"plain: {REBUILT}": row, REAL: row}
    numbers = {"rows": rows, "networks": {"plain": {"test_mse": 0.01}, "variational": {"test_mse": 0.02}}, "beta": 1.0,
               "detector": "detector own, 28x28", "count": 100, "near": 50, "seed": 0}  # fmt: skip
    lines = table({"mnist": numbers}, 2, 1).splitlines()
    assert [line.split(" | ")[0] for line in lines[4:7]] == [f"| {REAL}", "| plain: gaussian", f"| plain: {REBUILT}"]
    assert "11.1 ± 1.4" in lines[5]
    assert "2.0%" in lines[5]
    assert "detector own, 28x28" in lines[8]
    assert "seed 0" in lines[8]
    assert len({line.count("|") for line in lines[2:7]}) == 1
    assert spread([1.0]) == "1.0"


@pytest.fixture
def dots(tmp_path: Path) -> Path:
    """A data set in MNIST's format: a bright square in one of two halves."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(700) % 2
    images = torch.randint(0, 40, (700, 8, 8), generator=generator)
    for image, label, place in zip(images, labels.tolist(), torch.randint(0, 5, (700,), generator=generator).tolist()):
        image[4 * label : 4 * label + 3, place : place + 3] = 240
    (tmp_path / "dots").mkdir()
    for split in ("train", "t10k"):
        for name, data in (("images-idx3", images), ("labels-idx1", labels)):
            head = struct.pack(f">BBBB{data.ndim}I", 0, 0, 8, data.ndim, *data.shape)
            with gzip.open(tmp_path / "dots" / f"{split}-{name}-ubyte.gz", "wb") as file:
                file.write(head + data.to(torch.uint8).numpy().tobytes())
    return tmp_path / "dots"


@pytest.mark.slow
def test_one_command_makes_everything_and_goes_on_where_it_was(dots: Path, tmp_path: Path) -> None:
    config = SamplingReproduction(**TINY, data=str(dots), betas=(1.0, 2.0))
    stopped = reproduce(config, tmp_path / "out")
    for event in stopped:
        if isinstance(event, Started) and "vae-1" in event.stage:
            stopped.close()
            break
    done = list(reproduce(config, tmp_path / "out"))[-1]
    assert isinstance(done, Done)
    numbers = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))["dots"]
    names = set(numbers["rows"])
    assert {REAL, f"plain: {REBUILT}", "plain: gaussian", "plain: pca-mixture", "variational: prior"} <= names
    assert "plain: ledoit-wolf, 20 codes" in names
    assert numbers["beta"] in (1.0, 2.0)
    assert all(len(numbers["rows"][name]["kid"]) == 2 for name in names if "(" not in name)
    real, drawn = (numbers["rows"][name]["kid"][0] for name in (REAL, "plain: gaussian"))
    assert real < drawn
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert figures == {"sampling-kid.png", "sampling-dots.png", "sampling-dots-interpolation.gif", "sampling-dots-walk.gif"}
    again = [event.stage for event in reproduce(config, tmp_path / "out") if isinstance(event, Started)]
    assert not [stage for stage in again if "training" in stage]
    with pytest.raises(RunError, match="was begun with steps 30: for 40"):
        list(reproduce(config.model_copy(update={"steps": 40}), tmp_path / "out"))
    with pytest.raises(ConfigError, match="greater than 0"):
        list(reproduce(config.model_copy(update={"betas": (0.0,)}), tmp_path / "out"))
