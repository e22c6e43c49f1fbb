"""What is there before the first step: data, networks and optimisers on their device, and what another run hands on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrizations

from alebrije.config import choose
from alebrije.core import checkpoint
from alebrije.core.fit import OPTIMIZERS, State
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.errors import RunError
from alebrije.gan import growing, nets, starting
from alebrije.gan.balance import Batches
from alebrije.gan.config import GanConfig, ProganConfig, R3Config
from alebrije.gan.data import Pictures
from alebrije.gan.game import Game, begin_extra
from alebrije.gan.learning import stage_folder
from alebrije.gan.watching import calm
from alebrije.runs import Run


def prepare(config: GanConfig, run: Run, network: str, pictures: Pictures) -> Game:
    """Data and networks where they are computed with. A run that has begun takes nothing from others: its checkpoint has all.

    Raises `RunError` where another run was to hand something on that it does not have, and what `starting` raises.
    """
    device = choose_device(config.device)
    torch.manual_seed(config.seed)
    generator, discriminator = nets.build(network, config, pictures.shape, len(config.tags))
    starting.begin_with_tagger(config, run.folder, discriminator)
    if config.spectral_norm:
        for module in list(discriminator.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear):
                parametrizations.spectral_norm(module)
    both = {"generator": generator, "discriminator": discriminator}
    begun = checkpoint.numbered(run.folder / "checkpoints")
    if isinstance(config, ProganConfig) and growing.first_stage(config) and not begun:
        _take_over(config, both)
    for each in both.values():
        each.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    here = {name: getattr(pictures, name).to(device) for name in ("images", "tags", "held_out", "held_out_tags")}
    own = Pictures(**here, tag_names=pictures.tag_names, name=pictures.name, fingerprint=pictures.fingerprint)
    return Game(config, own, both, device, choose_dtype(config.precision, device), run.folder, calm=calm(run.folder))


def begin(game: Game) -> State:
    """The state before the first step; `core.fit` puts that of the newest checkpoint in its place."""
    config = game.config
    state = State(
        game.networks,
        {name: optimizer(config, network) for name, network in game.networks.items()},
        Batches(len(game.pictures.images), config.batch_size, config.seed, config.batches, bool(config.changed_data)),
        config.ema_decay,
        begin_extra(config),
    )
    state.averages.pop("discriminator", None)
    starting.note(config, game.folder, state.extra)
    game.fresh = True
    return state


def optimizer(config: GanConfig, network: nn.Module) -> torch.optim.Optimizer:
    """The recipe's optimiser; those of Adam's kind with the recipe's decays, all weights in one pass where torch can."""
    name = choose("optimizer", config.optimizer, OPTIMIZERS)
    options: dict[str, Any] = {} if config.weight_decay is None else {"weight_decay": config.weight_decay}
    if name in ("adam", "adamw", "adamax"):
        options["betas"] = (config.beta1, config.beta2)
    if name in ("adam", "adamw") and next(network.parameters()).device.type in ("cpu", "cuda"):
        options["fused"] = True
    even = isinstance(config, R3Config) and config.even_rates
    made = OPTIMIZERS[name](evened(network) if even else network.parameters(), lr=config.learning_rate, **options)
    made.register_load_state_dict_post_hook(_laid_out)
    return made


def evened(network: nn.Module) -> list[dict[str, Any]]:
    """The parameters in groups whose `share` of the learning rate is 1 / sqrt(fan in), about the size of their weights; 1 for
    what has no fan in. With Adam it does what scaling weights at run time does (Karras et al. 2018, section 4.1): a step changes
    all layers by the same part of themselves, thin ones, whose weights are large, no less than wide ones."""
    groups: dict[float, list[nn.Parameter]] = {}
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            layer = isinstance(module, nn.Conv2d | nn.Linear) and name == "weight"
            share = 1 / math.sqrt(parameter[0].numel()) if layer else 1.0
            groups.setdefault(share, []).append(parameter)
    return [{"params": parameters, "share": share} for share, parameters in groups.items()]


def _laid_out(optimizer: torch.optim.Optimizer) -> None:
    """Lay restored moments out in memory as the weights are. A checkpoint has them in plain layout, and torch's fused Adam walks
    through both as they lie: with another layout it would mix up the moments of a convolution without a word."""
    for weight, moments in optimizer.state.items():
        for name, moment in moments.items():
            if moment.shape == weight.shape:
                moments[name] = torch.empty_like(weight).copy_(moment)


def _take_over(config: ProganConfig, both: dict[str, nn.Module]) -> None:
    """Put in the networks as another run left the stage before the first one of this. Raises `RunError`."""
    before = growing.heights(config)[growing.first_stage(config) - 1]
    place = stage_folder(Path(str(config.start)), before)
    if not checkpoint.numbered(place):
        recipe, _ = Run.open(Path(str(config.start))).recipe()
        if not recipe.startswith("gan/progan"):
            raise RunError(f"{config.start} is a run of {recipe}, which does not grow: name one of gan/progan...")
        raise RunError(f"{config.start} has not finished its stage of {before} pixels: choose another first_stage or run")
    _, tree, _ = checkpoint.load_latest(place)
    for name, network in both.items():
        try:
            network.load_state_dict(tree["networks"][name])
        except RuntimeError as error:
            raise RunError(f"the networks of {config.start} are of another size: take its stages, width and size") from error
