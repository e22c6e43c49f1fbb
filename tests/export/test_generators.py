"""Generators as ONNX files: the same latents give the same pictures, steered by tags where they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from alebrije.config import build
from alebrije.core.tensorfiles import write_safetensors
from alebrije.export.exporters import graph
from alebrije.export.graphs import Graph
from alebrije.export.model import open_model
from alebrije.export.parity import compare
from alebrije.export.run import trace
from alebrije.gan import nets
from alebrije.gan.run import KINDS

SIZES = {"dcgan28": 28, "dcgan48": 48, "dcgan-mnist": 28}


def small(kind: str, folder: Path, tags: tuple[str, ...] = ()) -> Graph:
    """The graph of a small untrained generator."""
    torch.manual_seed(0)
    network, model = KINDS[kind]
    side = SIZES.get(kind, 32)
    stages = {"stages": 2} if "stages" in model.model_fields else {}
    config = build(model, {"size": str(side), "latent_dim": 6, "width": 0.1, **stages})
    shape = (1 if kind == "dcgan-mnist" else 3, side, side)
    generator, _ = nets.build(network, config, shape, len(tags))
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    header = {"recipe": {"recipe": f"gan/{kind}", **config.model_dump()}, "shape": shape, "tags": tags, "stage": 1}
    path = folder / "model.safetensors"
    write_safetensors(path, generator.state_dict(), {name: json.dumps(value) for name, value in header.items()})
    return graph(open_model(str(path)))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "tags"), [*((kind, ()) for kind in KINDS), ("r3", ("red", "blue")), ("style", ("red", "blue"))])
def test_a_file_draws_what_its_generator_does(kind: str, tags: tuple[str, ...], tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    made = small(kind, tmp_path, tags)
    assert [port.name for port in made.inputs] == ["latents", *["truncation"] * (kind == "style"), *["tags"] * bool(tags)]
    assert len(list(compare(trace(made), made))) == len(made.trials)
    (drawn,) = made.expected(made.feed(made.trials[0]))
    assert drawn.std() > 1e-3
    assert drawn.min() >= 0
    assert drawn.max() <= 1
