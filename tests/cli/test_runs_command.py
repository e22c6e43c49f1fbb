"""`alebrije runs`, as a user types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from typer.testing import Result

from alebrije.core.fit import TrainConfig
from alebrije.runs import Run


def test_a_models_header_is_shown_as_what_it_means(alebrije: Callable[..., Result], work: Path) -> None:
    run = Run.create(work / "run")
    run.write_recipe("autoencoder/creatures", TrainConfig(steps=7))
    run.write_model({"weight": torch.zeros(2)}, {"metrics": {"mse": 0.5}, "licence": "Apache-2.0"})
    header = json.loads(alebrije("runs", "show", "run/model.safetensors").stdout)["header"]
    assert header["metrics"] == {"mse": 0.5}
    assert header["licence"] == "Apache-2.0"
    assert header["recipe"]["steps"] == 7


def test_a_header_of_plain_words_stays_as_it_is(alebrije: Callable[..., Result], work: Path) -> None:
    save_file({"weight": torch.zeros(2)}, work / "theirs.safetensors", {"format": "pt"})
    assert json.loads(alebrije("runs", "show", "theirs.safetensors").stdout)["header"] == {"format": "pt"}
