"""Trainings of taggers: they find tags in pictures they never saw, and leave what a run folder promises."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from alebrije import events, steps
from alebrije.config import build
from alebrije.core import checkpoint
from alebrije.data.draw import creature
from alebrije.errors import ConfigError, DataError, Interrupted, RunError, WeightsError
from alebrije.export.exporters import graph
from alebrije.export.model import open_model
from alebrije.export.run import trace
from alebrije.gan import nets, tag_plots, use
from alebrije.gan.config import GanConfig, TaggerConfig
from alebrije.gan.data import shown
from alebrije.gan.nets.dcgan import ConvDiscriminator
from alebrije.gan.tagger import open_tagger
from alebrije.runs import Run

TINY: dict[str, Any] = {"steps": 6, "pictures": 40, "batch_size": 8, "sample_every": 2, "checkpoint_every": 2, "device": "cpu",
                        "precision": "fp32", "size": "16", "width": 0.05, "hold_out": 0.25, "count": 3}  # fmt: skip
CREATURE = functools.cache(creature)


@pytest.fixture(autouse=True)
def _cached(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each creature is drawn once."""
    monkeypatch.setattr("alebrije.gan.data.creature", CREATURE)


@pytest.fixture
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plots and no report: they take most of the time of a tiny training."""
    monkeypatch.setattr(tag_plots, "draw", lambda *given: [])
    monkeypatch.setattr(tag_plots, "sheet", lambda folder, *given: folder / "recipe.yaml")
    monkeypatch.setattr("alebrije.gan.tagger.write_report", lambda run: run.folder / "recipe.yaml")


def train(folder: Path, **settings: Any) -> list[events.Event]:
    """All events of a tiny training."""
    return list(steps.train("gan/tagger", run=folder, **TINY | settings))


@pytest.mark.usefixtures("_plain")
def test_tags_of_unseen_creatures_are_found(tmp_path: Path) -> None:
    tags, trained = ("facing_left", "no_legs"), {"steps": 150, "batch_size": 32, "width": 0.25, "learning_rate": 1e-3}
    done = train(tmp_path / "run", pictures=100, hold_out=0.4, tags=tags, **trained)[-1]
    assert isinstance(done, events.Done)
    metrics = done.result.report["metrics"]
    for tag in tags:
        assert metrics[f"{tag}: accuracy"] > metrics[f"{tag}: baseline"] + 0.05
        assert metrics[f"{tag}: average_precision"] > 0.8


def test_a_training_leaves_what_a_run_folder_promises(tmp_path: Path) -> None:
    heard = train(tmp_path / "run")
    saved = {event.path.relative_to(tmp_path / "run").as_posix() for event in heard if isinstance(event, events.Saved)}
    about = json.loads((tmp_path / "run" / "tags.json").read_text())
    assert len(about["tags"]) == 3
    confusions = {f"plots/confusion-{number}-{tag}.png" for number, tag in enumerate(about["tags"], 1)}
    assert saved == {"plots/loss.png", "plots/tags.png", "plots/surest-data.png", "tags.json", "model.safetensors", "report.html",
                     *confusions}  # fmt: skip
    assert all(sum(map(sum, counts)) == about["held_out"] == 10 for counts in about["confusion"].values())
    columns = Run(tmp_path / "run").metrics()
    assert columns["step"] == [1, 2, 3, 4, 5, 6]
    assert columns["held_out_loss"][1] == columns["held_out_loss"][2] != columns["held_out_loss"][3]
    header = open_tagger(tmp_path / "run").header
    assert header["recipe"]["recipe"] == "gan/tagger"
    assert header["metrics"]["accuracy"] == about["accuracy"]
    assert header["shape"] == [3, 16, 16]


@pytest.mark.usefixtures("_plain")
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path) -> None:
    settings = {"flips": True, "ema_decay": 0.9, "batch_norm": False}
    train(tmp_path / "whole", **settings)
    begun = steps.train("gan/tagger", run=tmp_path / "parts", **TINY | settings)
    for event in begun:
        if isinstance(event, events.Step) and event.total == 6 and event.index == 3:
            break
    rest = [begun.throw(Interrupted()), *begun]
    assert isinstance(rest[-1], events.Done)
    assert rest[-1].interrupted
    torch.manual_seed(987)
    list(steps.train("", run=tmp_path / "parts", resume=True))
    flat: list[dict[str, Any]] = [{}, {}]
    for place, tensors in zip(("whole", "parts"), flat, strict=True):
        checkpoint.pack(checkpoint.load_latest(tmp_path / place / "checkpoints")[1] | {"seconds": 0}, tensors)
    assert all(torch.equal(tensor, flat[1][name]) for name, tensor in flat[0].items())
    rows = [{name: values for name, values in Run(tmp_path / place).metrics().items() if name != "seconds"} for place in
            ("whole", "parts")]  # fmt: skip
    assert rows[0] == rows[1]


def test_body_and_head_are_the_network() -> None:
    network = nets.tagger(build(TaggerConfig, {"width": 0.1}), (3, 32, 32), 4).eval()
    images = torch.randn(2, 3, 32, 32)
    head = network.layers[-1]
    assert head.out_features == 4
    torch.testing.assert_close(network(images), network.body(images) @ head.weight.mT + head.bias)
    _, discriminator = nets.build("dcgan", build(GanConfig, {"width": 0.1}), (3, 32, 32))
    assert isinstance(discriminator, ConvDiscriminator)
    theirs = discriminator.body.state_dict()
    assert {name: value.shape for name, value in network.body.state_dict().items()} == {
        name: value.shape for name, value in theirs.items()
    }


def test_surest_answers_come_first() -> None:
    logits, wanted = torch.tensor([3.0, -2.0, 5.0, -1.0, -9.0]), torch.tensor([True, True, False, False, False])
    said, right, wrong = tag_plots.surest(logits, wanted, 2)
    assert (right, wrong) == ([4, 0], [2, 1])
    torch.testing.assert_close(said, torch.sigmoid(logits.double()))


@pytest.mark.usefixtures("_plain")
@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"tags": ("moustache",)}, DataError, "no creature has the tag moustache"),
        ({"tags": ("white",)}, DataError, "all of the pictures have the tag white: there is nothing to learn"),
        ({"steps": 0}, ConfigError, "say how long to train"),
        ({"size": "15"}, ConfigError, "both sides must be multiples of 2"),
        ({"hold_out": 0.01}, DataError, "40 pictures leave none to test by"),
        ({"latent_dim": 8}, ConfigError, "unknown setting latent_dim"),
    ],
)
def test_settings_that_cannot_work(settings: dict[str, Any], error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        train(tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("_plain")
def test_tags_of_a_folder(tmp_path: Path, cache: Path) -> None:
    for number in range(24):
        drawn = CREATURE(number, (16, 16), background="white")
        folder = tmp_path / "pictures" / ("left" if "facing_left" in drawn.tags else "right")
        folder.mkdir(parents=True, exist_ok=True)
        pixels = (drawn.image[0].movedim(0, -1) * 255).byte().numpy()
        Image.fromarray(pixels).save(folder / f"{number}.png")
    heard = train(tmp_path / "run", data=str(tmp_path / "pictures"))
    said = [event.message for event in heard if isinstance(event, events.Warned)]
    assert any(message.startswith("only 1 of the tags tell something new") for message in said)  # right is not left
    assert len(open_tagger(tmp_path / "run").tags) == 1
    for path in (tmp_path / "pictures" / "left").iterdir():
        path.unlink()
    with pytest.raises(DataError, match="has no tag that only some of its pictures have"):
        train(tmp_path / "other", data=str(tmp_path / "pictures"))


@pytest.mark.usefixtures("_plain")
def test_what_else_can_be_done_with_such_a_run(tmp_path: Path) -> None:
    train(tmp_path / "run")
    with pytest.raises(RunError, match=r"is no generator of gan/\.\.\."):
        use.open_generator(tmp_path / "run")
    with pytest.raises(ConfigError, match="is a run of gan/tagger"):
        list(steps.evaluate(tmp_path / "run"))
    path = tmp_path / "run" / "model.safetensors"
    made = graph(open_model(str(path)))
    images = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(made.network(images), torch.sigmoid(open_tagger(path).network(images * 2 - 1)))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(WeightsError, match="cannot read"):
        open_tagger(path)
    with pytest.raises(RunError, match="train a tagger to its end first"):
        open_tagger(tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("_plain")
def test_an_onnx_file_finds_the_same_tags(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime")
    train(tmp_path / "run", gray=True)
    made = graph(open_model(str(tmp_path / "run")))
    (images,) = made.feed({"batch": 5})
    session = runtime.InferenceSession(trace(made), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"picture": images.numpy()})
    tagger = open_tagger(tmp_path / "run")
    expected = torch.sigmoid(tagger.network(shown((images * 255).round().byte())))
    torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=0.02)  # the pictures were rounded to 8 bits
    torch.testing.assert_close(torch.from_numpy(found), made.expected((images,))[0], rtol=0, atol=1e-5)
