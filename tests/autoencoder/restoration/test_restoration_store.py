"""Which files are taken for networks, and what is said of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from alebrije.autoencoder.restoration import nets, store
from alebrije.core.tensorfiles import read_safetensors, write_safetensors
from alebrije.errors import ConfigError, RunError, WeightsError

NAMES = ["fast-x2", "fast-x3", "fast-x4", "quality-x2", "denoise"]


@pytest.mark.parametrize("name", NAMES)
def test_a_network_is_known_by_its_tensors(name: str, networks: Path) -> None:
    """The same function from the weights in training and from those in use, without a header."""
    path = networks / f"{name}.safetensors"
    network = store.open_network(str(path))
    again = networks / f"{name}-deployed.safetensors"
    write_safetensors(again, network.state_dict(), {})
    images = torch.rand(1, 3 if name == "denoise" else 1, 16, 16)
    assert torch.equal(network(images), store.open_network(str(again))(images))
    assert not any(isinstance(layer, nets.EdgeConvolution) for layer in network.modules())
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_a_deployed_network_is_the_trained_one(networks: Path) -> None:
    tensors, _ = read_safetensors(networks / "quality-x2.safetensors")
    trained = nets.AttentionUpscaler(2, 8, 2)
    trained.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    luma = torch.rand(1, 1, 20, 18)
    assert torch.allclose(trained(luma), store.open_network(str(networks / "quality-x2.safetensors"))(luma), atol=1e-5)


def test_a_run_folder_is_its_model(networks: Path, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("recipe: restore/fast\n")
    with pytest.raises(RunError, match="no model yet"):
        store.open_network(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes((networks / "fast-x3.safetensors").read_bytes())
    assert store.open_network(str(tmp_path)).scale == 3


def test_shipped_networks_are_found_by_name_and_scale(networks: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", networks)
    assert store.scales("fast") == (2, 3, 4)
    assert store.scales("quality") == (2,)
    assert store.open_network("fast", 4).scale == 4
    assert isinstance(store.open_network("denoise"), nets.Denoiser)
    with pytest.raises(ConfigError, match="no network for scale 3: choose from 2, or"):
        store.open_network("quality", 3)


def test_missing_ones_are_an_installation_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "SHIPPED", tmp_path)
    for name in ("fast", "denoise"):
        with pytest.raises(WeightsError, match="reinstall Alebrije"):
            store.open_network(name)


def test_a_changed_byte_is_noticed(networks: Path, tmp_path: Path) -> None:
    data = bytearray((networks / "fast-x2.safetensors").read_bytes())
    data[-1] ^= 1
    (tmp_path / "model.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="sha256"):
        store.open_network(str(tmp_path))


def test_networks_of_others_are_named(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {"a.weight": torch.zeros(3)}, {"recipe": json.dumps({"recipe": "style/fast"})})
    with pytest.raises(RunError, match="is a run of style/fast"):
        store.open_network(str(path))
    write_safetensors(path, {"a.weight": torch.zeros(3)}, {})
    with pytest.raises(RunError, match="does not say what made it"):
        store.open_network(str(path))
    with pytest.raises(RunError, match="there is no trained network"):
        store.open_network(str(tmp_path / "other"))


def test_half_a_network_and_a_broken_one_are_refused(networks: Path, tmp_path: Path) -> None:
    tensors, header = read_safetensors(networks / "fast-x2.safetensors")
    path = tmp_path / "model.safetensors"
    write_safetensors(path, {name: tensor for name, tensor in tensors.items() if "body.1." not in name}, header)
    with pytest.raises(WeightsError, match="do not fit together"):
        store.open_network(str(path))
    write_safetensors(path, tensors | {"body.1.plain.bias": tensors["body.1.plain.bias"] * torch.nan}, header)
    with pytest.raises(WeightsError, match="NaN"):
        store.open_network(str(path))


def test_each_verb_takes_its_own_networks(networks: Path) -> None:
    with pytest.raises(ConfigError, match="has learnt to denoise"):
        store.open_for("upscale", str(networks / "denoise.safetensors"))
    with pytest.raises(ConfigError, match="has learnt to upscale"):
        store.open_for("denoise", str(networks / "fast-x2.safetensors"))
