"""A folder of pairs, and its labelling page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from alebrije.hybrid.observer import Viewing
from alebrije.studio.labels import create_app


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pairs, numbered 1, 2 and 7, of smooth noise; the second of pair 2 has another shape."""
    generator = np.random.default_rng(0)
    for number in (1, 2, 7):
        for name in "ab":
            size = (48, 32) if (number, name) == (2, "b") else (64, 64)
            noise = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).save(tmp_path / f"{number}_{name}.png")
    return tmp_path


@pytest.fixture
def client(folder: Path) -> TestClient:
    return TestClient(create_app(folder, Viewing(0.2, 0.5, 6.0)), base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
