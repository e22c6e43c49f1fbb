"""`alebrije export`: a trained network as an ONNX file, written only once it has been held against the network."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import alebrije
from alebrije.core.files import atomic, check_writable
from alebrije.errors import ConfigError, MissingExtraError
from alebrije.events import Done, Events, Saved, Started, Step
from alebrije.export.exporters import graph as graph_of
from alebrije.export.graphs import Graph, Port
from alebrije.export.model import Model, open_model
from alebrije.export.parity import BOUND, Trial, compare

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
OPSET = 18  # of 2022: what the browsers' and phones' runtimes understand


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export ends with: the file, and what `--json` prints (recipe, part, inputs, outputs, parity, files)."""

    path: Path
    report: dict[str, Any]


def export(run: str, path: Path, part: str = "whole", *, force: bool = False) -> Events:
    """Write the network that `run` names, or a part of it, to `path`. Ends with `Done(Exported)`.

    Raises `MissingExtraError`, `OutputError`, `ConfigError`, `RunError` and `WeightsError` before the work begins, and
    `NumericsError` if the file would not compute what the network does; then nothing is written, whatever `force` says.
    """
    check_extra()
    if path.suffix != ".onnx":
        raise ConfigError(f"the name of the file must end in .onnx, got {path}")
    check_writable(path, force=force)
    model = open_model(run)
    graph = graph_of(model, part)
    yield Started(f"tracing {model.recipe}")
    data = trace(graph)
    yield Started("comparing with the network", len(graph.trials))
    trials = []
    for number, trial in enumerate(compare(data, graph), 1):
        trials.append(trial)
        yield Step(number, len(graph.trials), {"difference": trial.difference})
    report = facts(model, graph, part, trials)
    data = described(data, model, graph, report)
    with atomic(path, force=force) as temporary:
        temporary.write_bytes(data)
    yield Saved(path)
    yield Done(Exported(path, {**report, "bytes": len(data), "files": [str(path)]}))


def check_extra() -> None:
    """Raise `MissingExtraError` if a package of the extra is missing."""
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError("alebrije[onnx]", "onnx", f"an ONNX export ({', '.join(missing)} missing)")


def trace(graph: Graph) -> bytes:
    """The graph as an ONNX model, without anything of the machine that it was made on."""
    inputs = graph.feed(graph.trials[0])
    dims = {name: torch.export.Dim(name, min=graph.least.get(name, 1)) for name in graph.trials[0]}
    shapes = tuple({axis: dims[length] for axis, length in enumerate(port.shape) if length in dims} for port in graph.inputs)
    with _quietly():
        program = torch.onnx.export(
            graph.network.eval(), inputs, dynamo=True, opset_version=OPSET, verbose=False,
            input_names=[port.name for port in graph.inputs], output_names=[port.name for port in graph.outputs],
            dynamic_shapes=shapes,
        )  # fmt: skip
    assert program is not None
    found = program.model_proto
    for function in (found.graph, *found.functions):
        for node in function.node:  # source lines and folders of whoever exports
            del node.metadata_props[:]
            node.doc_string = ""
        for value in (*function.value_info, *found.graph.input, *found.graph.output):
            del value.metadata_props[:]
    del found.graph.metadata_props[:]
    data: bytes = found.SerializeToString()
    return data


def facts(model: Model, graph: Graph, part: str, trials: list[Trial]) -> dict[str, Any]:
    """What is known of the file: where it comes from, its inputs and outputs, how near it comes to the network."""
    return {
        "run": model.name,
        "recipe": model.recipe,
        "part": part,
        "opset": OPSET,
        "inputs": [_port(port) for port in graph.inputs],
        "outputs": [_port(port) for port in graph.outputs],
        "before": graph.before,
        "after": graph.after,
        "parity": {
            "largest_difference": max(trial.difference for trial in trials),
            "largest_relative": max(trial.relative for trial in trials),
            "bound": BOUND,
            "trials": [{**trial.sizes, "difference": trial.difference} for trial in trials],
        },
    }


def described(data: bytes, model: Model, graph: Graph, report: dict[str, Any]) -> bytes:
    """The same file with all that is known of it in its metadata, which any program for ONNX files shows."""
    import onnx

    found = onnx.load_from_string(data)
    found.producer_name, found.producer_version = "alebrije", alebrije.__version__
    found.doc_string = f"{model.recipe}, exported by Alebrije {alebrije.__version__}"
    inside = {name: value for name, value in report.items() if name not in ("run", "recipe", "opset")}
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in inside.items()}
    header = {"weights_sha256" if name == "sha256" else name: text for name, text in model.header.items()}
    onnx.helper.set_model_props(found, {**header, **texts, "alebrije": alebrije.__version__})
    for ports, values in ((graph.inputs, found.graph.input), (graph.outputs, found.graph.output)):
        for port, value in zip(ports, values, strict=True):
            value.doc_string = port.meaning
            for length, axis in zip(port.shape, value.type.tensor_type.shape.dim, strict=True):
                if isinstance(length, str):
                    axis.dim_param = length
    onnx.checker.check_model(found)
    finished: bytes = found.SerializeToString()
    return finished


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "shape": list(port.shape), "meaning": port.meaning}


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Without what the exporter says of itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
