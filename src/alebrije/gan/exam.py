"""What the pictures of a generator are compared with: real ones, other real ones, and what a useless generator would draw."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from alebrije.core.evaluating import FEWEST, PICTURES
from alebrije.core.image import fit, to_gray
from alebrije.data import known
from alebrije.errors import DataError
from alebrije.events import Event, Warned
from alebrije.gan.config import GanConfig
from alebrije.gan.data import Pictures, read

AT_ONCE = 250


@dataclass(frozen=True, slots=True)
class Exam:
    """Pictures uint8 [N, C, H, W]. `real` are those that others are compared with; `others` are as many real pictures again.

    `learned` are all that the run learned from (`others` are some of them), those it saw mirrored a second time, and `held_out`
    those it kept apart; both are empty if it learned from other data. `told` says what `real` are.
    """

    real: Tensor
    others: Tensor
    learned: Tensor
    held_out: Tensor
    told: str
    pictures: Pictures


def arrange(
    config: GanConfig, fingerprint: str, data: Path | None, count: int | None, seed: int
) -> Generator[Event, None, Exam]:
    """Read the real pictures and part them, by chance, into sets of `count` (`PICTURES`, or as many as there are, if None).

    They are those that the run learned from (`config`; `fingerprint` of them, empty if unknown), or those of `data`; of a known
    data set its test pictures are the ones to compare with. Raises `DataError` for too few, and what `gan.data.read` raises.
    """
    own = data is None or _same(data, config.data)
    if not own:
        if config.filter:
            yield Warned(f"the filter of the run ({config.filter}) is for its own data: all pictures of {data} are taken")
        config = config.model_copy(update={"data": str(data), "filter": "", "tags": ()})
    pictures = yield from _read(config, data)
    if own and fingerprint and pictures.fingerprint != fingerprint:
        yield Warned(f"{pictures.name} has changed since the run learned from it: the figures are of the pictures of now")
        own = False
    learned = pictures.images if own else torch.cat([pictures.images, pictures.held_out])
    pool = learned[torch.randperm(len(learned), generator=torch.Generator().manual_seed(seed))]
    test = unlearned(config, seed)
    most = min(len(test), len(pool)) if len(test) else len(pool) // 2
    if most < FEWEST:
        least = f"{2 * FEWEST} or more are needed, {FEWEST} to compare with and {FEWEST} to show what real pictures reach"
        raise DataError(f"{pictures.name} has {len(pool)} pictures to compare with: {least}")
    if count is not None and count > most:
        yield Warned(f"there are too few real pictures for {count}: each set has {most}")
    size = min(count or PICTURES, most)
    real, others = (test[:size], pool[:size]) if len(test) else (pool[:size], pool[size : 2 * size])
    none = pool[:0]
    mirrored = [learned, learned.flip(-1)] if config.flips else [learned]
    if len(test):
        told = f"test pictures of {pictures.name}"
    else:
        told = f"pictures of {pictures.name}" + (", which it learned from" if own else "")
    known_ones = (torch.cat(mirrored), pictures.held_out) if own else (none, none)
    return Exam(real, others, *known_ones, told, pictures)


def noise(real: Tensor, seed: int) -> Tensor:
    """What a useless generator draws: as many pictures as there are real ones, uint8 [N, C, H, W], each pixel by itself from a
    normal distribution of its own mean and variance. It knows where things are bright and where they vary, and nothing else."""
    total, squares = (torch.zeros(real.shape[1:], dtype=torch.float64) for _ in range(2))
    for some in torch.split(real, AT_ONCE):
        values = some.double()
        total += values.sum(0)
        squares += values.square().sum(0)
    mean = total / len(real)
    spread = (squares / len(real) - mean.square()).clamp_min(0).sqrt()
    generator = torch.Generator().manual_seed(seed)
    made = torch.empty_like(real)
    for some in torch.split(made, AT_ONCE):
        chance = torch.randn(some.shape, generator=generator)
        some.copy_((mean.float() + spread.float() * chance).clamp(0, 255).round())
    return made


def _read(config: GanConfig, data: Path | None) -> Generator[Event, None, Pictures]:
    """The pictures; where those of a run are no longer at hand, the message says how to name others."""
    try:
        return (yield from read(config.model_copy(update={"batch_size": 2})))  # a batch's size means nothing here
    except DataError as error:
        if data is not None:
            raise
        raise DataError(f"{error}; to compare with other real pictures name them with --data") from error


def _same(data: Path, other: str | None) -> bool:
    return other is not None and (str(data) == other or data.resolve() == Path(other).resolve())


def unlearned(config: GanConfig, seed: int) -> Tensor:
    """The test pictures of a known data set as the run would see them, uint8 [N, C, H, W], in an order of chance; none of other
    data, or if a filter chooses among the pictures to learn from."""
    if not config.data or config.filter or not known.is_known(config.data):
        return torch.zeros(0, 1, 1, 1, dtype=torch.uint8)
    images = known.load(config.data).test_images
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))
    wanted = 1 if config.gray else 3
    found = []
    for some in torch.split(images[order], AT_ONCE):
        pixels = some.float() / 255
        pixels = fit(to_gray(pixels) if pixels.shape[1] > wanted else pixels, config.height_width, config.fit)
        found.append((pixels * 255).round().clamp(0, 255).to(torch.uint8).expand(-1, wanted, -1, -1))
    return torch.cat(found)
