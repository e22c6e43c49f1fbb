"""The planner that ships: a small network that answers as the observer does, without searching.

It is asked about one order of the two pictures at a time: were this one the low picture and that one the high, which
cut-offs would you take, and how good would it be? The order with the better answer wins. Both orders go through the same
function, so swapping the pictures mirrors the answer to the last bit. Cut-offs are predicted as logarithms of cycles
per image width, which holds for pictures of any size.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from alebrije.core.tensorfiles import read_safetensors
from alebrije.data.pairs import REFERENCE
from alebrije.errors import WeightsError
from alebrije.hybrid import observer
from alebrije.hybrid.blend import to_sigma
from alebrije.hybrid.observer import CYCLES, Plan, Viewing
from alebrije.hybrid.planning.answers import Answers
from alebrije.hybrid.planning.bands import SIZE, describe

SHARPNESS = 20.0  # turns a difference of scores into a logit: one of 0.05 is a probability of 0.73
LEAST = 1e-3  # is added to all deviations of descriptions: what was the same in all lessons has this one
FARTHEST = 10.0  # deviations: what a description may differ by from those learnt from
OCTAVES = (math.log2(CYCLES[0]), math.log2(CYCLES[1]))


class Guess(NamedTuple):
    """For pairs in one order, each [B]: log2 of both cut-offs in cycles per image width, and the observer's score."""

    low: Tensor
    high: Tensor
    score: Tensor


class Planner(nn.Module):
    """Three hidden layers on what `bands.describe` tells of a pair: [B, SIZE] -> `Guess`.

    `mean` and `deviation` of the descriptions learnt from are buffers, so that they are part of the weights.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, width: int = 128) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(SIZE))
        self.register_buffer("deviation", torch.ones(SIZE))
        self.layers = nn.Sequential(
            nn.Linear(SIZE, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
            nn.Linear(width, 3),
        )  # fmt: skip

    def forward(self, described: Tensor) -> Guess:
        """What to take, and how good it would be, were the pairs crossed in this order."""
        low, high, score = self.layers(self._normalised(described)).unbind(-1)
        centre, reach = sum(OCTAVES) / 2, (OCTAVES[1] - OCTAVES[0]) / 2
        return Guess(centre + reach * low, centre + reach * high, score)

    def _normalised(self, described: Tensor) -> Tensor:
        """Descriptions as the layers want them: [B, SIZE].

        Numbers that never changed in the lessons count for nothing: the weights behind them have learnt nothing. There are such
        bands, which no frequency of a square picture falls into, but one of another picture may.
        """
        normalised = ((described - self.mean) / self.deviation).clamp(-FARTHEST, FARTHEST)
        return torch.where(self.deviation > 1.1 * LEAST, normalised, 0.0)

    @torch.no_grad()
    def plan(
        self,
        first: Tensor,
        second: Tensor,
        viewing: Viewing,
        *,
        low: str = "auto",
        cycles_low: float | None = None,
        cycles_high: float | None = None,
    ) -> Plan:
        """As `observer.plan`, whose arguments and answer it shares. Score and switch distance are the observer's own.

        A cut-off that is given is kept; the network does not know of it when it chooses the other.
        """
        roles = observer.both_orders(first, second)
        guesses = {role: self(describe(spectra, viewing)[None]) for role, spectra in roles.items() if low in ("auto", role)}
        role = max(guesses, key=lambda name: float(guesses[name].score))
        octaves = [float(octave.clamp(*OCTAVES)) for octave in (guesses[role].low, guesses[role].high)]
        if cycles_low is None and cycles_high is None:
            octaves[1] = max(octaves)  # as the observer: never a gap between the bands the other way round
        return observer.appraise(roles[role], viewing, role, cycles_low or 2 ** octaves[0], cycles_high or 2 ** octaves[1])


    @torch.no_grad()
    def answer(self, described: Tensor) -> Answers:
        """The answers to many pairs, both orders of each described: [B, 2, SIZE], see `describe_orders`."""
        forth, back = (Guess(*self(order)) for order in described.unbind(1))
        return Answers(role_logit(forth, back).double(), sigmas(forth, back, REFERENCE).double())


def role_logit(forth: Guess, back: Guess) -> Tensor:
    """Logit of the second picture being the low one, [B], from the guesses for both orders; its sign turns with them."""
    return SHARPNESS * (back.score - forth.score)


def sigmas(forth: Guess, back: Guess, reference: int) -> Tensor:
    """The blurs of the first and the second picture at width `reference`, in pixels: [B, 2]. As in `Planner.plan`, the high
    cut-off is not below the low one."""
    forth_high, back_high = torch.maximum(forth.low, forth.high), torch.maximum(back.low, back.high)
    forth_pair, back_pair = torch.stack([forth.low, forth_high], -1), torch.stack([back_high, back.low], -1)
    octaves = torch.where((role_logit(forth, back) > 0)[:, None], back_pair, forth_pair)
    return to_sigma(1.0, reference) * torch.exp2(-octaves.clamp(*OCTAVES))


def describe_orders(first: Tensor, second: Tensor, viewing: Viewing) -> Tensor:
    """Both orders of a pair [1, 3, H, W], described: [2, D]."""
    return torch.stack([describe(spectra, viewing) for spectra in observer.both_orders(first, second).values()])


def shipped() -> Planner:
    """The planner that comes with Alebrije; its file's header says what it was trained on, and how well it does."""
    return read_planner(Path(str(resources.files("alebrije.hybrid.planning") / "planner.safetensors")))


def read_planner(path: Path) -> Planner:
    """A planner from its safetensors file, in evaluation mode. Raises `WeightsError`, naming the file."""
    try:
        return from_tensors(read_safetensors(path)[0])
    except WeightsError as error:
        raise WeightsError(f"cannot use {path}: {error}") from error


def from_tensors(tensors: Mapping[str, Tensor]) -> Planner:
    """A planner with these weights, in evaluation mode. Raises `WeightsError` if they are another network's, or damaged."""
    try:
        planner = Planner(tensors["layers.0.weight"].shape[0])
        planner.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        if not all(tensor.isfinite().all() for tensor in planner.state_dict().values()):
            raise WeightsError("it is damaged: it holds NaN or infinity")
    except (KeyError, IndexError, RuntimeError) as error:
        raise WeightsError("it is no planner: those come from alebrije train hybrid/planner") from error
    return planner.eval()
