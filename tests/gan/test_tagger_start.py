"""A discriminator that begins with a tagger's body: bit for bit, only at the start, and only where it fits."""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from alebrije import events, steps
from alebrije.config import build
from alebrije.core import checkpoint
from alebrije.core.tensorfiles import read_safetensors
from alebrije.data.draw import creature
from alebrije.errors import ConfigError, Interrupted, RunError
from alebrije.gan import record, show, tag_plots
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures
from alebrije.gan.game import Game
from alebrije.gan.preparing import prepare
from alebrije.gan.tagger import open_tagger
from alebrije.runs import Run

SIZE: dict[str, Any] = {"size": "16", "width": 0.05, "device": "cpu", "precision": "fp32", "pictures": 24, "batch_size": 4}
TINY: dict[str, Any] = SIZE | {"steps": 4, "sample_every": 4, "checkpoint_every": 1, "latent_dim": 4}
CREATURE = functools.cache(creature)


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plots and no report, and each creature drawn once."""
    monkeypatch.setattr("alebrije.gan.data.creature", CREATURE)
    monkeypatch.setattr(record, "draw", lambda *given: [])
    monkeypatch.setattr(show, "keepsakes", lambda *given: [])
    monkeypatch.setattr(tag_plots, "draw", lambda *given: [])
    monkeypatch.setattr(tag_plots, "sheet", lambda folder, *given: folder / "recipe.yaml")
    for module in ("run", "tagger"):
        monkeypatch.setattr(f"alebrije.gan.{module}.write_report", lambda run: run.folder / "recipe.yaml")


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    """The run of a tagger that has learned a little."""
    list(steps.train("gan/tagger", run=tmp_path / "tagger", **SIZE | {"steps": 3, "count": 2}))
    return tmp_path / "tagger"


def game(folder: Path, start: Path | None, **settings: Any) -> Game:
    """Networks as they are before the first step."""
    config = build(GanConfig, TINY | {"start_discriminator": start} | settings)
    images, none = torch.zeros(8, 3, 16, 16, dtype=torch.uint8), torch.zeros(8, 0)
    pictures = Pictures(images, none, images[:0], none[:0], (), "black ones", "")
    return prepare(config, Run.create(folder), "dcgan", pictures)


def assert_same_body(network: nn.Module, tensors: dict[str, Tensor]) -> None:
    """The body of a discriminator, and nothing else of it, is that in a tagger's file."""
    own = network.state_dict()
    head = list(own)[-2:]
    for name, value in own.items():
        assert name in head or torch.equal(value, tensors[name])
    assert own[head[0]].shape[0] == 1


def test_the_body_is_the_taggers_bit_for_bit_and_all_else_as_without(tagger: Path, tmp_path: Path) -> None:
    with_start, without = game(tmp_path / "a", tagger), game(tmp_path / "b", None)
    tensors, _ = read_safetensors(tagger / "model.safetensors")
    assert_same_body(with_start.discriminator, tensors)
    assert not torch.equal(without.discriminator.state_dict()["layers.0.weight"], tensors["layers.0.weight"])
    for name, value in without.generator.state_dict().items():
        assert torch.equal(value, with_start.generator.state_dict()[name])
    head = list(without.discriminator.state_dict())[-2]
    assert torch.equal(with_start.discriminator.state_dict()[head], without.discriminator.state_dict()[head])
    assert_same_body(game(tmp_path / "c", tagger / "model.safetensors").discriminator, tensors)


def test_spectral_norms_divide_the_taggers_weights(tagger: Path, tmp_path: Path) -> None:
    made = game(tmp_path / "run", tagger, spectral_norm=True)
    own = made.discriminator.state_dict()
    weight = read_safetensors(tagger / "model.safetensors")[0]["layers.0.weight"]
    assert torch.equal(own["layers.0.parametrizations.weight.original"], weight)
    list(steps.train("gan/dcgan64", run=tmp_path / "whole", **TINY, start_discriminator=tagger, spectral_norm=True))


def test_a_run_says_what_it_began_with_and_goes_on_without_it(tagger: Path, tmp_path: Path) -> None:
    settings = TINY | {"start_discriminator": tagger}
    heard = list(steps.train("gan/dcgan64", run=tmp_path / "whole", **settings))
    assert any(isinstance(event, events.Started) and "begins with the body of" in event.stage for event in heard)
    begun = steps.train("gan/dcgan64", run=tmp_path / "parts", **settings)
    for event in begun:
        if isinstance(event, events.Step) and event.total == 4 and event.index == 2:
            break
    begun.throw(Interrupted())
    list(begun)
    tags = list(open_tagger(tagger).tags)
    shutil.rmtree(tagger)
    list(steps.train("", run=tmp_path / "parts", resume=True))
    flat: list[dict[str, Tensor]] = [{}, {}]
    for name, tensors in zip(("whole", "parts"), flat, strict=True):
        checkpoint.pack(checkpoint.load_latest(tmp_path / name / "checkpoints")[1] | {"seconds": 0}, tensors)
        _, texts = read_safetensors(tmp_path / name / "model.safetensors")
        assert json.loads(texts["discriminator_start"])["tags"] == tags
        (step, remark), *_ = json.loads((tmp_path / name / "referee.json").read_text())["remarks"]
        assert step == 0
        assert ", ".join(tags) in remark
    assert all(torch.equal(tensor, flat[1][name]) for name, tensor in flat[0].items())


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("dcgan64", {"size": "28"}, "begin with --set size=16, as it has"),
        ("dcgan64", {"size": "16x32", "width": 0.1}, "begin with --set size=16 --set width=0.05, as it has"),
        ("dcgan28", {}, "begin with --set gray=false, as it has"),
        ("dcgan64", {"batch_norm": False}, "begin with --set batch_norm=true, as it has"),
    ],
)
def test_another_body_is_refused_with_what_to_set(
    kind: str, settings: dict[str, Any], message: str, tagger: Path, tmp_path: Path
) -> None:
    with pytest.raises(RunError, match=message):
        list(steps.train(f"gan/{kind}", run=tmp_path / "run", **TINY | settings, start_discriminator=str(tagger)))
    assert not (tmp_path / "run").exists()


def test_other_runs_and_other_networks_are_refused(tagger: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="start_discriminator is for gan/dcgan28, dcgan48 and dcgan64, not for gan/dense"):
        list(steps.train("gan/dense", run=tmp_path / "run", **TINY, start_discriminator=str(tagger)))
    list(steps.train("gan/dcgan64", run=tmp_path / "gan", **TINY))
    with pytest.raises(RunError, match="is a run of gan/dcgan64 and no tagger"):
        list(steps.train("gan/dcgan64", run=tmp_path / "run", **TINY, start_discriminator=str(tmp_path / "gan")))
    with pytest.raises(RunError, match="train a tagger to its end first"):
        list(steps.train("gan/dcgan64", run=tmp_path / "run", **TINY, start_discriminator="nowhere"))
