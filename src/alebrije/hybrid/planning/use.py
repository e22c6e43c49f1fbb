"""Trained planners at work: the one that ships, and those that users have trained.

A planner is named `planner`, or by a run folder, or by the model.safetensors that a run ends in.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import torch
import yaml
from torch import Tensor, nn

from alebrije.core.image import fit
from alebrije.core.tensorfiles import Tensors, read_safetensors
from alebrije.data.pairs import REFERENCE
from alebrije.errors import RunError, WeightsError
from alebrije.hybrid import observer
from alebrije.hybrid.blend import to_cycles
from alebrije.hybrid.observer import CYCLES, Plan, Viewing
from alebrije.hybrid.pairs.labelling import USUAL
from alebrije.hybrid.planning.answers import Answers
from alebrije.hybrid.planning.networks import NETWORKS, load_weights
from alebrije.hybrid.planning.planner import Planner, describe_orders, from_tensors, shipped

SHIPPED = "planner"
MODEL = "model.safetensors"


class Plans(Protocol):
    """What `observer.plan` is too."""

    def __call__(
        self,
        first: Tensor,
        second: Tensor,
        viewing: Viewing,
        *,
        low: str = "auto",
        cycles_low: float | None = None,
        cycles_high: float | None = None,
    ) -> Plan: ...


def load_planner(name: str) -> Plans:
    """A trained planner, with the arguments and the answer of `observer.plan`.

    Raises `RunError` if `name` is no run of a hybrid recipe that came to its end, and `WeightsError` if it is damaged.
    """
    network = load_network(name)
    return network.plan if isinstance(network, Planner) else _by_pixels(network)


def load_answerer(name: str) -> Callable[[Tensor, Tensor], Answers]:
    """A trained planner that answers for many pairs, first and second [B, 3, H, W] in [0, 1]. Raises as `load_planner`."""
    network = load_network(name)
    return _by_bands(network) if isinstance(network, Planner) else lambda first, second: _look(network, first, second)


def load_network(name: str) -> nn.Module:
    """The network itself, in evaluation mode, on the CPU."""
    if name == SHIPPED:
        return shipped()
    path = Path(name)
    path = path / MODEL if path.is_dir() else path
    if not path.is_file():
        raise RunError(f"there is no trained planner {name}: name a finished run of hybrid/..., its {MODEL}, observer or planner")
    try:
        tensors, header = read_safetensors(path)
        return _built(tensors, header)
    except WeightsError as error:
        raise WeightsError(f"cannot use {path}: {error}") from error


def _built(tensors: Tensors, header: dict[str, str]) -> nn.Module:
    if header.get("network") in ("hybrid-planner", '"hybrid-planner"'):
        return from_tensors(tensors)
    family, _, kind = _recipe(header).partition("/")
    if family != "hybrid" or kind not in NETWORKS:
        raise WeightsError("it is no planner: those come from alebrije train hybrid/...")
    network = NETWORKS[kind]()
    load_weights(network, tensors)
    return network.eval()


def _recipe(header: dict[str, str]) -> str:
    """The name of the recipe in a model's header, where it is JSON or YAML; empty if there is none."""
    try:
        settings = yaml.safe_load(header.get("recipe", ""))
    except yaml.YAMLError:
        return ""
    return str(settings.get("recipe", "")) if isinstance(settings, dict) else ""


@torch.no_grad()
def _look(network: nn.Module, first: Tensor, second: Tensor) -> Answers:
    """What a network that sees pixels answers; the pictures are brought to the size that it was trained with."""
    square = (REFERENCE, REFERENCE)
    blurs, logit = network(fit(first, square, "stretch"), fit(second, square, "stretch"))
    return Answers(logit.double(), blurs.double())


def _by_bands(planner: Planner) -> Callable[[Tensor, Tensor], Answers]:
    def answer(first: Tensor, second: Tensor) -> Answers:
        described = [describe_orders(one[None], other[None], USUAL) for one, other in zip(first, second, strict=True)]
        return planner.answer(torch.stack(described))

    return answer


def _by_pixels(network: nn.Module) -> Plans:
    """A network that sees pixels, as a planner. It knows nothing of the viewing distances; the score does."""

    def plan(
        first: Tensor,
        second: Tensor,
        viewing: Viewing,
        *,
        low: str = "auto",
        cycles_low: float | None = None,
        cycles_high: float | None = None,
    ) -> Plan:
        answer = _look(network, first.cpu(), second.cpu())
        chosen = ("second" if answer.second_low[0] > 0 else "first") if low == "auto" else low
        blurs = answer.sigmas[0].clamp_min(1e-3).tolist()
        of_low, of_high = blurs if chosen == "first" else reversed(blurs)
        cycles = [min(max(to_cycles(blur, REFERENCE), CYCLES[0]), CYCLES[1]) for blur in (of_low, of_high)]
        spectra = observer.both_orders(first, second)[chosen]
        return observer.appraise(spectra, viewing, chosen, cycles_low or cycles[0], cycles_high or cycles[1])

    return plan
