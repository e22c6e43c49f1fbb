"""A file that computes something else is not written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alebrije.errors import ConfigError, MissingExtraError, NumericsError, OutputError
from alebrije.events import Done, Events, Saved, Step
from alebrije.export import run
from alebrije.export.exporters import graph
from alebrije.export.model import open_model
from alebrije.export.parity import BOUND

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


def last(events: Events) -> Any:
    done = list(events)[-1]
    assert isinstance(done, Done)
    return done.result


@pytest.mark.slow
def test_a_file_says_all_about_itself(tmp_path: Path, trained: Any) -> None:
    model = trained("autoencoder/dense", data=json.dumps("drawn"), metrics=json.dumps({"test_mse": 0.5}))
    path = tmp_path / "dense.onnx"
    events = list(run.export(str(model), path))
    assert sum(isinstance(event, Step) for event in events) == 3
    assert Saved(path) in events
    report = events[-1].result.report
    assert report["parity"]["largest_relative"] <= BOUND
    assert report["files"] == [str(path)]
    assert report["bytes"] == path.stat().st_size

    found = onnx.load(path)
    told = {prop.key: prop.value for prop in found.metadata_props}
    assert json.loads(told["recipe"])["recipe"] == "autoencoder/dense"
    assert (told["licence"], told["data"], told["metrics"]) == ("of the test", "drawn", '{"test_mse": 0.5}')
    assert json.loads(told["inputs"])[0]["shape"] == ["batch", 1, 28, 28]
    assert json.loads(told["parity"])["bound"] == BOUND
    assert found.graph.input[0].doc_string.startswith("0 to 1")
    assert found.producer_name == "alebrije"
    home = str(Path(__file__).parents[2]).encode()
    assert home not in path.read_bytes()
    assert b"stack_trace" not in path.read_bytes()

    with pytest.raises(OutputError, match="exists already"):
        last(run.export(str(model), path))
    last(run.export(str(model), path, "decoder", force=True))
    assert [one.name for one in onnx.load(path).graph.input] == ["latents"]


def test_a_file_that_differs_is_not_written_whatever_is_said(
    tmp_path: Path, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = str(trained("autoencoder/dense"))
    made = graph(open_model(model), "decoder")
    for parameter in made.network.parameters():
        parameter.mul_(1.01)
    other = run.trace(made)
    monkeypatch.setattr(run, "trace", lambda wanted: other)
    path = tmp_path / "dense.onnx"
    path.write_text("mine")
    with pytest.raises(NumericsError, match=r"differs from the network by .* nothing was written"):
        last(run.export(model, path, "decoder", force=True))
    assert path.read_text() == "mine"


def test_mistakes_are_told_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"must end in \.onnx"):
        last(run.export("planner", tmp_path / "planner.pb"))
    with pytest.raises(OutputError, match="no folder"):
        last(run.export("planner", tmp_path / "none" / "planner.onnx"))
    monkeypatch.setattr(run.importlib.util, "find_spec", lambda name: None if name.startswith("onnx") else object())
    with pytest.raises(MissingExtraError, match=r"onnx, onnxscript, onnxruntime missing.*pip install alebrije\[onnx\]"):
        last(run.export("planner", tmp_path / "planner.onnx"))
