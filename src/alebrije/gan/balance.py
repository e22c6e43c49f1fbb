"""Keeping the two networks in balance: in what order pictures come, which answers are turned round, how much is augmented."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from alebrije.config import choose
from alebrije.core.fit import Shuffled


def in_order(count: int, generator: torch.Generator) -> Tensor:
    """The pictures as they come."""
    return torch.arange(count)


def shuffled(count: int, generator: torch.Generator) -> Tensor:
    """Every picture once, in a new order."""
    return torch.randperm(count, generator=generator)


def with_replacement(count: int, generator: torch.Generator) -> Tensor:
    """As many as there are, each drawn from all: some come twice, some not at all."""
    return torch.randint(count, (count,), generator=generator)


# The thesis' four schemes. `single` is read literally: batches of one picture, each picture once, at random.
SCHEMES: dict[str, Callable[[int, torch.Generator], Tensor]] = {
    "order": in_order,
    "single": shuffled,
    "shuffled": shuffled,
    "stochastic": with_replacement,
}


class Batches(Shuffled):
    """Endless batches of indices by one of `SCHEMES`; its place is part of the checkpoint.

    With `changed` a place that was taken from another number of pictures is no error: a new epoch begins.
    """

    def __init__(self, count: int, batch_size: int, seed: int, scheme: str = "shuffled", changed: bool = False) -> None:
        self.scheme = choose("batch scheme", scheme, SCHEMES)
        super().__init__(count, 1 if scheme == "single" else batch_size, seed)
        self.changed = changed
        self._generator.manual_seed(seed)
        self._order = SCHEMES[scheme](count, self._generator)

    def __next__(self) -> Tensor:
        """The next batch: int64 [batch_size]; the remainder of an epoch that does not fill a batch is left out."""
        if self._position + self.batch_size > self.count:
            self._order = SCHEMES[self.scheme](self.count, self._generator)
            self._position = 0
            self.epochs += 1
        batch = self._order[self._position : self._position + self.batch_size]
        self._position += self.batch_size
        return batch

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on exactly where `state_dict` was taken; see the class for other data. Raises `RunError`."""
        if self.changed and len(state["order"]) != self.count:
            self._generator.set_state(state["generator"])
            self._order, self._position = SCHEMES[self.scheme](self.count, self._generator), 0
            self.epochs = state["epochs"] + 1
            return
        super().load_state_dict(state)


def relabel_share(accuracy: float, max_share: float) -> float:
    """The share of generated pictures that are called real: (accuracy - 0.5) / 0.5 * max_share, none below 0.5.

    `accuracy` is the share of all pictures, real and generated, that the discriminator was right about.
    """
    return max(0.0, (accuracy - 0.5) / 0.5) * max_share


def relabelled(count: int, share: float) -> Tensor:
    """Which of `count` pictures are called real: bool [count], the rounded share of them, at random places."""
    return torch.randperm(count) < round(share * count)


def certainty(real: Tensor) -> float:
    """r_t of Karras et al. 2020 ("Training GANs with limited data", equation 1): the mean sign of the logits of real pictures;
    1 where the discriminator is sure of all of them, 0 where it cannot tell. Logits whose 0 means nothing are given less
    `record.border`, a departure: the paper has none of that kind."""
    return float(real.sign().mean())


def adapted(probability: float, certain: float, target: float, seen: int, pictures: float, most: float) -> float:
    """The new probability of augmentation after `seen` pictures: up where the discriminator is surer of real pictures than the
    target, else down; `pictures` would take it from 0 to 1; never more than `most`, where augmentations begin to leak."""
    moved = probability + (1 if certain > target else -1) * seen / pictures
    return min(max(moved, 0.0), most)
