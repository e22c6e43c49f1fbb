"""Fixtures every test may use. Nothing here needs the network."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

ASSETS = Path(os.environ.get("ALEBRIJE_ASSETS", Path(__file__).parents[2] / "shared" / "assets"))


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real pictures and weights that developers share; tests skip where it is absent."""
    if not ASSETS.is_dir():
        pytest.skip("no development assets: ALEBRIJE_ASSETS names their folder")
    return ASSETS


@pytest.fixture
def untrained(tmp_path: Path) -> Callable[..., Path]:
    """Make a run folder with a tiny generator of random weights: its pictures are truly generated."""
    from alebrije.config import build
    from alebrije.gan import nets
    from alebrije.gan.run import KINDS
    from alebrije.runs import Run

    def make(kind: str, shape: tuple[int, int, int] = (3, 16, 16), tags: tuple[str, ...] = (), **settings: Any) -> Path:
        network, model = KINDS[kind]
        size = {"size": f"{shape[2]}x{shape[1]}", "tags": tags, **({"stages": 3} if network == "progan" else {})}
        config = build(model, {"width": 0.05, "latent_dim": 6, **size, **settings})
        run = Run.create(tmp_path / f"{kind}-{shape[0]}-{len(tags)}")
        run.write_recipe(f"gan/{kind}", config)
        generator, _ = nets.build(network, config, shape, len(tags))
        run.write_model(generator.state_dict(), {"network": network, "shape": shape, "tags": tags, "stage": 2})
        return run.folder

    return make


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("ALEBRIJE_CACHE", str(folder))
    return folder
