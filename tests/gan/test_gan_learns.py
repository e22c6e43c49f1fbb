"""Every network learns a small truth: pictures whose upper half is bright, or their left half, never both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from alebrije import steps
from alebrije.core import image
from alebrije.gan import record, use

SETTINGS: dict[str, dict[str, Any]] = {
    "dense": {"width": 0.03, "learning_rate": 1e-3},
    "dcgan64": {"width": 0.25, "learning_rate": 1e-3, "dropout": 0.0},
    "progan128": {"width": 0.1, "learning_rate": 2e-3, "stages": 2, "stage_steps": 200, "steps": 0, "alpha_step": 0.02},
    "r3": {"width": 0.06, "blocks": 1, "learning_rate": 2e-3, "augment": "none", "flips": False, "r1_weight": 0.2,
           "r2_weight": 0.2},
    "style": {"width": 0.1, "mapping_layers": 2, "learning_rate": 5e-3, "augment": "none", "flips": False, "penalty_every": 4},
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", SETTINGS)
def test_it_learns_two_kinds_of_pictures(
    kind: str, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "draw", lambda *given: [])
    monkeypatch.setattr("alebrije.gan.run.write_report", lambda run: run.folder / "recipe.yaml")
    (tmp_path / "pictures").mkdir()
    kinds = [torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)]
    kinds[0][..., :4, :], kinds[1][..., :4] = 1, 1
    for number in range(40):
        noisy = (0.1 + 0.8 * kinds[number % 2] + 0.05 * torch.randn(1, 1, 8, 8)).clamp(0, 1)
        image.save(noisy.expand(-1, 3, -1, -1), tmp_path / "pictures" / f"{number:02}.png")
    settings = {"data": str(tmp_path / "pictures"), "size": "8", "gray": True, "steps": 250, "batch_size": 16, "latent_dim": 8,
                "hold_out": 0.0, "sample_every": 1000, "checkpoint_every": 1000, "device": "cpu", "precision": "fp32",
                "ema_decay": 0.9, "max_share": 0.0}  # fmt: skip
    list(steps.train(f"gan/{kind}", run=tmp_path / "run", **settings | SETTINGS[kind]))
    opened = use.open_generator(tmp_path / "run")
    images = use.generate(opened, use.latents(opened, 100))
    apart = torch.stack([(images - 0.1 - 0.8 * one).square().mean((1, 2, 3)).sqrt() for one in kinds], 1)
    nearest, which = apart.min(1)
    assert float(nearest.median()) < 0.25  # an even grey is 0.4 from both
    if kind != "dense":  # which settles on one of the two, as GANs without penalties may
        assert 0.1 < float(which.float().mean()) < 0.9
