"""Every trained network as an ONNX file: onnxruntime, which knows nothing of ours, gives what PyTorch does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.config import recipe_names
from alebrije.core.tensorfiles import read_safetensors, write_safetensors
from alebrije.data.degrade import imresize
from alebrije.errors import ConfigError, RunError, WeightsError
from alebrije.export.exporters import EXPORTERS, PARTS, graph
from alebrije.export.graphs import Graph, mirrored
from alebrije.export.model import open_model, shipped
from alebrije.export.restorers import Bicubic
from alebrije.export.run import trace

HAVE = {"autoencoder": PARTS[:3], "restore": ("whole", "luma")}


def run(graph: Graph, *inputs: Tensor) -> list[Tensor]:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(trace(graph), providers=["CPUExecutionProvider"])
    named = {port.name: value.numpy() for port, value in zip(graph.inputs, inputs, strict=True)}
    return [torch.from_numpy(value) for value in session.run(None, named)]


def test_every_recipe_that_trains_a_network_can_be_exported(small: dict[str, Any]) -> None:
    trained = {name for name in recipe_names() if not name.startswith("style/cooc-")}
    assert trained <= set(EXPORTERS)
    assert set(small) == {name for name in EXPORTERS if not name.startswith("gan/")}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [name for name in EXPORTERS if not name.startswith("gan/")])
def test_a_file_computes_what_its_network_does(recipe: str, trained: Any) -> None:
    model = open_model(str(trained(recipe)))
    made = graph(model)
    for sizes in made.trials[:1]:
        inputs = made.feed(sizes)
        for found, expected in zip(run(made, *inputs), made.expected(inputs), strict=True):
            assert expected.numel() == 1 or expected.std() > 1e-4  # something is drawn
            bound = 1e-4 * max(1.0, float(expected.abs().max()))  # of the largest number, as the verb's own check
            bound *= 10 if recipe == "style/adain" else 1  # divides by deviations, of which an untrained network has few
            torch.testing.assert_close(found, expected, rtol=0, atol=bound)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["autoencoder/denoise", "autoencoder/creatures", "autoencoder/vae", "autoencoder/lowres-6"])
def test_encoder_and_decoder_make_the_whole(recipe: str, trained: Any) -> None:
    model = open_model(str(trained(recipe)))
    whole, encoder, decoder = (graph(model, part) for part in PARTS[:3])
    inputs = whole.feed(whole.trials[0])
    (latents,) = run(encoder, *inputs)
    torch.testing.assert_close(run(decoder, latents)[0], run(whole, *inputs)[0], rtol=1e-4, atol=1e-5)


def test_a_decoder_draws_from_latents(trained: Any) -> None:
    path = trained("autoencoder/dense")
    network = DenseAutoencoder((1, 28, 28), 8)
    network.load_state_dict(read_safetensors(path)[0])
    latents = torch.rand(3, 8)
    (drawn,) = run(graph(open_model(str(path)), "decoder"), latents)
    torch.testing.assert_close(drawn, network.decode(latents).detach())


@pytest.mark.parametrize("sides", [(8, 8), (5, 7), (9, 4), (61, 45)])
def test_filling_up_is_reflection(sides: tuple[int, int]) -> None:
    pictures = torch.rand(2, 3, *sides)
    expected = np.pad(pictures.numpy(), ((0, 0), (0, 0), (0, -sides[0] % 4), (0, -sides[1] % 4)), mode="reflect")
    torch.testing.assert_close(mirrored(pictures, 4), torch.from_numpy(expected))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_convolution_enlarges_as_matlab_does(scale: int) -> None:
    pictures = torch.rand(2, 3, 7, 5)
    torch.testing.assert_close(Bicubic(scale)(pictures), imresize(pictures, scale), rtol=1e-5, atol=1e-5)


def test_what_ships_goes_by_its_name() -> None:
    assert {"planner", "compact"} <= set(shipped())
    for name in shipped():
        model = open_model(name)
        assert model.recipe in EXPORTERS
        assert model.header["licence"]
        assert graph(model).inputs


@pytest.mark.parametrize("recipe", ["autoencoder/dense", "style/fast", "restore/fast"])
def test_a_part_that_there_is_not_is_refused(recipe: str, trained: Any) -> None:
    model = open_model(str(trained(recipe)))
    for part in set(PARTS) - set(HAVE.get(recipe.partition("/")[0], ("whole",))):
        with pytest.raises(ConfigError, match=f"unknown part of {recipe} {part}"):
            graph(model, part)


def test_what_is_no_network_is_refused(tmp_path: Path, trained: Any) -> None:
    with pytest.raises(RunError, match="there is no trained network nowhere"):
        open_model("nowhere")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text("recipe: style/fast\n")
    with pytest.raises(RunError, match="has no model yet"):
        open_model(str(tmp_path / "run"))
    path = tmp_path / "odd.safetensors"
    write_safetensors(path, {"a": torch.zeros(1)}, {})
    with pytest.raises(RunError, match="does not say which recipe"):
        open_model(str(path))
    write_safetensors(path, {"a": torch.zeros(1)}, {"recipe": '{"recipe": "style/cooc-tensor"}'})
    with pytest.raises(ConfigError, match="cannot be exported"):
        graph(open_model(str(path)))
    write_safetensors(path, {"a": torch.zeros(1)}, {"recipe": '{"recipe": "style/fast", "width": 4, "blocks": 1}'})
    with pytest.raises(WeightsError, match="not those of its recipe"):
        graph(open_model(str(path)))
    damaged = trained("autoencoder/denoise")
    damaged.write_bytes(damaged.read_bytes()[:-3])
    with pytest.raises(WeightsError, match="damaged"):
        open_model(str(damaged))
