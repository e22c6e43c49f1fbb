"""Where the memory does not suffice: the batch size that would."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from alebrije.core.fit import State
from alebrije.errors import ConfigError
from alebrije.gan.game import Game

Step = Callable[[State, Tensor], Mapping[str, float]]
SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "cannot allocate memory")


def is_shortage(error: BaseException) -> bool:
    """Whether an error says that there is too little memory."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(sign in str(error).lower() for sign in SIGNS)


def guarded(step: Step, game: Game) -> Step:
    """The same step; where memory runs out it raises `ConfigError` with the largest batch, by halves, that fits."""

    def careful(state: State, batch: Tensor) -> Mapping[str, float]:
        try:
            return step(state, batch)
        except (RuntimeError, MemoryError) as error:
            if not is_shortage(error):
                raise
        # Only here: while the error is handled, its traceback holds on to all that the step had made.
        raise ConfigError(shortage(game, len(batch)))

    return careful


def shortage(game: Game, batch: int) -> str:
    """Say which batch size fits, by trying halves."""
    if game.device.type == "cuda":
        torch.cuda.empty_cache()
    size = batch // 2
    while size >= 1:
        if _fits(game, size):
            return f"there is too little memory for {batch} pictures at once; {size} fit: begin anew with --set batch_size={size}"
        size //= 2
    return "the memory does not suffice for a single picture: choose a smaller size, or a smaller width"


def _fits(game: Game, size: int) -> bool:
    """Whether a batch of that size goes through both networks there and back."""
    try:
        game.generator.zero_grad(set_to_none=True)
        game.discriminator.zero_grad(set_to_none=True)
        batch = torch.arange(size, device=game.device) % len(game.pictures.images)
        tags = game.tags(batch)
        logits = [game.judge(images, tags) for images in (game.real(batch), game.draw(game.latents(size), tags))]
        (logits[0].sum() + logits[1].sum()).backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, MemoryError) as error:
        if not is_shortage(error):
            raise
        return False
    return True
