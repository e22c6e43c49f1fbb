"""Fixtures every test may use. Nothing here needs the network."""

from __future__ import annotations

import os
from pathlib import Path

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
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("ALEBRIJE_CACHE", str(folder))
    return folder
