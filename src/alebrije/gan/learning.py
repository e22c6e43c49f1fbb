"""One step of the game: the discriminator sees a batch of real and one of generated pictures, and both networks move.

With `shared` generated pictures are judged once: the gradient that the generator needs is taken from the same judgement that the
discriminator learns from, before it moves, which saves a third of the step. Without, the discriminator moves first.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from alebrije.core import checkpoint
from alebrije.core.fit import State
from alebrije.gan import balance, growing, record
from alebrije.gan.config import GanConfig, ProganConfig
from alebrije.gan.game import Game, spoil
from alebrije.gan.losses import LOSSES, one_centred, zero_centred
from alebrije.gan.nets.progan import Growing

ADAPT_EVERY = 4  # steps between changes of the probability: Karras et al. 2020, section 3
GRADIENTS_EVERY = 10  # steps between rows of gradients.csv


def make_step(game: Game, look: Callable[[State], None]) -> Callable[[State, Tensor], Mapping[str, float]]:
    """The `step(state, batch)` that `core.fit` repeats; `look` is called every `sample_every` steps."""

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        if game.fresh:  # what a run that was cut off has written beyond its checkpoint
            record.forget_after(game.folder / record.GRADIENTS, state.step)
            game.fresh = False
        place = _grow(game, state)
        _set_rates(game, state)
        for network in game.networks.values():
            network.train()
        values = play(game, state, batch.to(game.device))
        values |= _recorded(game, state)
        if place:
            values |= {"stage": float(place.stage), "alpha": place.alpha}
            if place.ends:
                _keep_stage(game, state)
        if (state.step + 1) % game.config.sample_every == 0:
            look(state)
        return values

    return step


def play(game: Game, state: State, batch: Tensor) -> dict[str, float]:
    """Move both networks once (the generator `generator_steps` times). Returns the numbers of the step."""
    config, extra, loss = game.config, state.extra, game.loss
    real, tags, count = game.real(batch), game.tags(batch), len(batch)
    share = balance.relabel_share(extra["accuracy"], config.max_share)
    swapped = balance.relabelled(count, share).to(game.device) if config.max_share else torch.zeros_like(batch, dtype=torch.bool)
    with game.autocast():  # one around all: weights are converted once
        fake = game.draw(game.latents(count), tags)
        leaf = fake.detach().requires_grad_()
        with torch.autocast(game.device.type, enabled=False):
            real_seen, fake_seen = (spoil(game, images, extra["augment"]) for images in (real, leaf))
        real_seen = real_seen.detach().requires_grad_(penalised(config, "r1", state.step))
        out_real, out_fake = game.judge(real_seen, tags), game.judge(fake_seen, tags)
    values = {"discriminator_loss": 0.0, "generator_loss": 0.0}
    towards = None
    if config.shared:
        generator_loss = loss.generator(out_real.detach(), out_fake)
        (towards,) = torch.autograd.grad(generator_loss, leaf, retain_graph=True)
        values["generator_loss"] = float(generator_loss.detach())
    objective = loss.discriminator(out_real, out_fake, swapped)
    values["discriminator_loss"] = float(objective.detach())
    state.update("discriminator", objective + _penalties(game, state.step, (real_seen, fake_seen), (out_real, out_fake), tags))
    _constrain(game.discriminator)
    if towards is not None:
        state.update("generator", (fake * towards).sum())
        _constrain(game.generator)
    for _ in range(config.generator_steps - (towards is not None)):
        values["generator_loss"] = _move_generator(game, state, out_real.detach(), real, tags)
    _count(state, config, out_real.detach(), out_fake.detach(), record.border(out_real, out_fake, loss.absolute))
    counts = extra["batch_confusion"]
    values |= {"real_right": counts[0][0] / max(1, sum(counts[0])), "fake_right": counts[1][1] / max(1, sum(counts[1]))}
    values |= {"relabelled": share} if config.max_share else {}
    return values | ({"augment": extra["augment"]} if config.augment != "none" else {})


def _move_generator(game: Game, state: State, out_real: Tensor, real: Tensor, tags: Tensor | None) -> float:
    """One more batch for the generator alone; returns its loss."""
    game.discriminator.requires_grad_(False)
    seen = spoil(game, game.draw(game.latents(len(out_real)), tags), state.extra["augment"])
    if not game.loss.absolute:  # the discriminator has moved: its judgement of real pictures is another one now
        with torch.no_grad():
            out_real = game.judge(spoil(game, real, state.extra["augment"]), tags)
    objective = game.loss.generator(out_real, game.judge(seen, tags))
    state.update("generator", objective)
    game.discriminator.requires_grad_(True)
    _constrain(game.generator)
    return float(objective.detach())


def weight(config: GanConfig, name: str) -> float:
    """How much a penalty weighs: the setting's, else the loss's own."""
    value: float | None = getattr(config, f"{name}_weight")
    return LOSSES[config.loss].weights.get(name, 0.0) if value is None else value


def penalised(config: GanConfig, name: str, step: int) -> bool:
    """Whether a penalty is due at this step."""
    return weight(config, name) > 0 and step % config.penalty_every == 0


def _penalties(
    game: Game, step: int, seen: tuple[Tensor, Tensor], out: tuple[Tensor, Tensor], tags: Tensor | None
) -> Tensor:
    """All penalties that are due. Lazy ones: Karras et al. 2020 (StyleGAN2), section 3.1. Departure: there they have an update of
    their own, with Adam's rates corrected for it; here they join the loss of their step."""
    config, total = game.config, out[0].new_zeros(())
    for name, images, logits in (("r1", seen[0], out[0]), ("r2", seen[1], out[1])):
        if penalised(config, name, step):
            total = total + weight(config, name) * config.penalty_every * zero_centred(logits, images)
    if penalised(config, "gp", step):
        total = total + weight(config, "gp") * config.penalty_every * one_centred(lambda x: game.judge(x, tags), *seen)
    return total


def _grow(game: Game, state: State) -> growing.Place | None:
    """Set both networks to the stage of this step; a new stage begins with fresh moments of Adam."""
    if not isinstance(game.config, ProganConfig):
        return None
    place = growing.place(game.config, state.step)
    _at(game.generator, place.stage, place.alpha)
    _at(game.discriminator, place.stage, place.discriminator_alpha)
    if place.begins:
        for optimizer in state.optimizers.values():
            optimizer.state.clear()
    state.extra |= {"stage": place.stage, "alpha": place.alpha}
    return place


def stand(game: Game, state: State) -> None:
    """Put growing networks where the last step left them, also if it was made by another process."""
    if isinstance(game.config, ProganConfig):
        _at(game.generator, state.extra["stage"], state.extra["alpha"])
        _at(game.discriminator, state.extra["stage"], state.extra["alpha"] if game.config.fade_discriminator else 1.0)


def stage_folder(run: Path, height: int) -> Path:
    """Where a run keeps its networks as they were at the end of the stage of this height."""
    return run / "stages" / f"{height:04d}"


def _keep_stage(game: Game, state: State) -> None:
    """Write down both networks at the end of a stage, so that the next one can be run again from there."""
    networks = {name: dict(network.state_dict()) for name, network in game.networks.items()}
    tree = {"networks": networks, "alpha": state.extra["alpha"]}
    checkpoint.save(stage_folder(game.folder, game.size()[0]), state.step + 1, tree, keep=1)


def _at(network: nn.Module, stage: int, alpha: float) -> None:
    assert isinstance(network, Growing)
    network.at(stage, alpha)


def _constrain(network: nn.Module) -> None:
    if isinstance(network, Growing):
        network.constrain()


def _set_rates(game: Game, state: State) -> None:
    for optimizer in state.optimizers.values():
        for group in optimizer.param_groups:
            group["lr"] = game.config.learning_rate * game.calm * group.get("share", 1.0)


def _count(state: State, config: GanConfig, real: Tensor, fake: Tensor, border: float) -> None:
    """Who was right: in this batch, in this epoch so far, in the last whole one; and what ada makes of it."""
    extra, counts = state.extra, record.confusion(real, fake, border)
    if state.batches.epochs != extra["epoch"]:
        extra |= {"epoch": state.batches.epochs, "last_confusion": extra["confusion"], "confusion": [[0, 0], [0, 0]]}
    extra |= {"batch_confusion": counts, "accuracy": record.accuracy(counts)}
    extra["confusion"] = record.added(extra["confusion"], counts)
    if config.augment == "ada":
        extra["certain"] += balance.certainty(real - border) / ADAPT_EVERY
        if (state.step + 1) % ADAPT_EVERY == 0:
            seen = ADAPT_EVERY * len(real)
            extra["augment"] = balance.adapted(
                extra["augment"], extra["certain"], config.ada_target, seen, config.ada_pictures, extra["augment_most"]
            )
            extra["certain"] = 0.0


def _recorded(game: Game, state: State) -> dict[str, float]:
    """The lengths of both gradients; now and then those of every layer go into gradients.csv."""
    values = {}
    for name, network in game.networks.items():
        norms = record.layer_norms(network)
        whole = math.sqrt(sum(norm**2 for norm in norms.values()))
        before = state.extra["norms"][name]
        for sign, seen in record.signs(norms, before, record.sizes(network)):
            key = f"{sign} in the {name}"
            if key not in state.extra["said"]:
                state.extra["said"][key] = state.step + 1
                said = f"{key}: {seen}; {record.ADVICE[sign]}"
                state.extra["remarks"].append([state.step + 1, said])
                game.remarks.append(f"step {state.step + 1}, {said}")
        if math.isfinite(whole):  # nothing could be compared with the others
            state.extra["norms"][name] = [*before, whole][-record.REMEMBERED :]
        if (state.step + 1) % GRADIENTS_EVERY == 0:
            record.append(game.folder / record.GRADIENTS, state.step + 1, name, norms)
        values[f"{name}_gradient"] = whole
    return values
