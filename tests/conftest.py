"""Fixtures every test may use. Nothing here needs the network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

ASSETS = Path(__file__).parents[2] / "shared" / "assets"


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def assets() -> Path:
    """The folder of real pictures and weights that lies beside a developer's checkout; tests skip where it is absent."""
    if not ASSETS.is_dir():
        pytest.skip("the development assets (../shared/assets) are not on this machine")
    return ASSETS


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder of this test's own."""
    folder = tmp_path / "cache"
    folder.mkdir()
    monkeypatch.setenv("ALEBRIJE_CACHE", str(folder))
    return folder
