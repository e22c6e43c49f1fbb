"""An ONNX file held against the network that it was made from: the largest difference on the same pictures counts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

from alebrije.errors import NumericsError
from alebrije.export.graphs import Graph, Sizes

BOUND = 1e-4
"""What an output may differ by, in units of its largest number where that is more than 1: a picture's values by a fortieth of one
of 255 levels."""


class Trial(NamedTuple):
    """What came out at one size: the largest absolute difference, and the same over the output's largest number or 1."""

    sizes: Sizes
    difference: float
    relative: float


def compare(data: bytes, graph: Graph) -> Iterator[Trial]:
    """Run the file with onnxruntime on the CPU, and the network with PyTorch, on each of the graph's trials.

    Raises `NumericsError` where they differ by more than `BOUND`, or where a shape is another.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    for sizes in graph.trials:
        inputs = graph.feed(sizes)
        named = {port.name: value.contiguous().numpy() for port, value in zip(graph.inputs, inputs, strict=True)}
        found = [torch.from_numpy(value) for value in session.run([port.name for port in graph.outputs], named)]
        trial = _judged(sizes, graph.expected(inputs), found)
        if not trial.relative <= BOUND:
            raise NumericsError(
                f"the file differs from the network by {trial.difference:.2g} at {_words(sizes)}, "
                f"{trial.relative / BOUND:.2g} times what is allowed: nothing was written; report this"
            )
        yield trial


def _judged(sizes: Sizes, expected: Any, found: Any) -> Trial:
    difference = relative = 0.0
    for one, other in zip(expected, found, strict=True):
        if one.shape != other.shape:
            shapes = f"{list(other.shape)} in place of {list(one.shape)}"
            raise NumericsError(f"the file gives {shapes} at {_words(sizes)}: nothing was written; report this")
        apart = float((one.double() - other.double()).abs().max())
        apart = math.inf if math.isnan(apart) else apart
        difference = max(difference, apart)
        relative = max(relative, apart / max(1.0, float(one.abs().max())))
    return Trial(sizes, difference, relative)


def _words(sizes: Sizes) -> str:
    return ", ".join(f"{name} {length}" for name, length in sizes.items())
