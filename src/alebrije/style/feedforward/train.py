"""`alebrije train style/fast` and `style/adain`: networks that paint in one pass, taught by the loss of `alebrije stylize`."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from alebrije import features
from alebrije.config import choose
from alebrije.core import checkpoint, plots
from alebrije.core.files import sha256
from alebrije.core.fit import Shuffled, State, finished, fit, optimizer, stopped
from alebrije.core.image import load, resize, scaled_size
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.errors import ConfigError
from alebrije.events import Event, Events, Saved
from alebrije.features.crops import fingerprint
from alebrije.runs import Run
from alebrije.style.config import CONTENT_LAYER
from alebrije.style.feedforward import judge
from alebrije.style.feedforward.adain import CODES, adain, build_decoder, channels, encode, load_encoder
from alebrije.style.feedforward.config import AdainConfig, FastConfig, FeedforwardConfig
from alebrije.style.feedforward.learning import crops_of, photographs, read_pictures, samples_of, split
from alebrije.style.feedforward.nets import Decoder, Stylizer
from alebrije.style.feedforward.perceptual import chosen, goals_of, mirrored, one_by_one, style_distances, total, wanted_layers
from alebrije.style.losses import content_distance
from alebrije.style.winograd import accelerate

WARM_UP = 50
SHOWN = 4
START_CROPS = 64
WIDEST_STYLE = 5.0  # crops of paintings are of all sizes, so that large and small strokes are learnt
LARGEST_GRADIENT = 10.0

Pictures = dict[Path, Tensor]
StepFunction = Callable[[State, Tensor], Mapping[str, float]]


def train_fast(config: FastConfig, run: Run) -> Events:
    """Teach a network one painting; leaves `model.safetensors` and `report.html`.

    Raises `ConfigError`, `DataError`, `PictureError` and `WeightsError` before the first step.
    """
    if not config.style or Path(config.style).is_dir():
        raise ConfigError("style/fast learns one painting: --style painting.jpg; for a folder of them, style/adain")
    painting = load(config.style)
    _check(config, config.content_layer)
    known, kept = yield from photographs(config.data, config.hold_out)
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    torch.manual_seed(config.seed)
    network = Stylizer(config.width, config.blocks).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    look = features.load(
        config.features, _layers(config, config.content_layer), pooling=config.pooling, device=device, dtype=dtype
    )
    scene = features.load(config.features, [config.content_layer], pooling=config.pooling, device=device, dtype=dtype)
    seen = painting.on_white
    seen = resize(seen, scaled_size((seen.shape[-2], seen.shape[-1]), config.style_size)).to(device)
    network.begin_with(seen)
    loss, weights = chosen(config), wanted_layers(config)
    with torch.no_grad():
        goals = [goals_of(loss, look(mirrored(seen)), weights)]
    for each in (look, scene):
        accelerate(each.stages, device)
    pictures = list(known.values())

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        contents = crops_of(pictures, config.size, batch).to(device)
        with torch.no_grad():
            wanted = scene(contents)[config.content_layer]
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            painted = network(contents)
        taps = look(painted)
        apart = style_distances(loss, taps, goals, weights)
        objective, numbers = total(config, painted, content_distance(taps[config.content_layer], wanted), apart)
        _descend(state, objective, config)
        return numbers

    shown = samples_of(list(kept.values()), SHOWN).to(device)

    def sample(state: State) -> Tensor:
        return _grid(shown, _painted(network, shown))

    yield from _finish(config, run, network, known, (step, sample), lambda: judge.fast(config, network, kept, painting.on_white))


def train_adain(config: AdainConfig, run: Run) -> Events:
    """Teach a decoder to make pictures of restyled features; leaves `model.safetensors` and `report.html`.

    Raises `ConfigError`, `DataError` and `WeightsError` before the first step.
    """
    if not Path(config.style).is_dir() or not config.style:
        raise ConfigError("style/adain learns from many paintings: --style FOLDER; for one painting, style/fast")
    _check(config, config.code)
    known, kept = yield from photographs(config.data, config.hold_out)
    paintings, unseen = yield from _paintings(config)
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    torch.manual_seed(config.seed)
    look = load_encoder(config.features, config.pooling, config.code, device, dtype, tuple(wanted_layers(config)))
    encoder = load_encoder(config.features, config.pooling, config.code, device, torch.float32)
    pictures, styles = list(known.values()), list(paintings.values())
    if checkpoint.numbered(run.folder / "checkpoints"):  # a run that goes on has its weights there
        network = Decoder(channels(encoder)).to(device)
    else:
        first = crops_of([*pictures, *styles], config.size, torch.randperm(len(pictures) + len(styles))[:START_CROPS])
        network = build_decoder(encoder, first.to(device))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    accelerate(look.stages, device)
    loss, weights = chosen(config), wanted_layers(config)

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        contents = crops_of(pictures, config.size, batch).to(device)
        manners = crops_of(styles, config.size, torch.randint(len(styles), (len(batch),)), WIDEST_STYLE).to(device)
        with torch.no_grad():
            theirs = look(torch.cat([contents, manners]))
            code, own = theirs[config.code].chunk(2)
            code = adain(code, own)
            goals = [goals_of(loss, each, weights) for each in one_by_one(theirs, weights)[len(batch) :]]
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            painted = network(code)
        taps = look(painted)
        apart = style_distances(loss, taps, goals, weights)
        objective, numbers = total(config, painted, content_distance(taps[config.code], code), apart)
        _descend(state, objective, config)
        return numbers

    shown = samples_of(list(kept.values()), SHOWN).to(device)
    manners = samples_of(list(unseen.values()) + styles, SHOWN).to(device)

    @torch.no_grad()
    def sample(state: State) -> Tensor:
        codes = adain(encode(encoder, shown), encode(encoder, manners[: len(shown)]))
        return torch.cat([_grid(shown, manners[: len(shown)]), _grid(_painted(network, codes))], 2)

    yield from _finish(
        config, run, network, known, (step, sample), lambda: judge.adain_pairs(config, network, kept, unseen or paintings)
    )


def _finish(
    config: FeedforwardConfig,
    run: Run,
    network: Stylizer | Decoder,
    known: Pictures,
    doing: tuple[StepFunction, Callable[[State], Tensor]],
    judged: Callable[[], Generator[Event, None, dict[str, float]]],
) -> Events:
    """Train with a step and a sample, judge, and write what is left behind."""
    state = State(
        {"network": network},
        {"network": optimizer(config, network)},
        Shuffled(len(known), config.batch_size, config.seed),
        config.ema_decay,
    )
    step, sample = doing
    if not (yield from fit(state, step, config, run, sample)):
        yield stopped(state, run)
        return
    weights = {name: tensor.detach().half() for name, tensor in state.final_weights("network").items()}
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    metrics = yield from judged()
    yield Saved(run.write_model(weights, {"metrics": metrics, **_facts(config, known)}))
    yield Saved(
        plots.curves(run.metrics(), run.folder / "plots" / "loss.png", names=("style_distance", "content_distance"), log=True)
    )
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def _facts(config: FeedforwardConfig, known: Pictures) -> dict[str, Any]:
    style = Path(config.style)
    return {
        "style": style.name,
        "style_sha256": sha256(style) if style.is_file() else None,
        "data": config.data,
        "data_fingerprint": fingerprint({"pictures": list(known)}),
        "licence": "of whoever trained it",
    }


def _paintings(config: AdainConfig) -> Generator[Event, None, tuple[Pictures, Pictures]]:
    """The paintings to learn and those kept for the test; of fewer than five none is kept."""
    from alebrije.data.folder import find_pictures

    paths = find_pictures(Path(config.style))
    known, kept = split(paths, config.hold_out) if len(paths) >= 5 else (paths, [])
    return (yield from read_pictures(known)), ((yield from read_pictures(kept)) if kept else {})


def _check(config: FeedforwardConfig, content_layer: str) -> None:
    chosen(config)
    name = choose(
        "network",
        config.features,
        [name for name, net in features.NETWORKS.items() if {CONTENT_LAYER, *CODES} <= set(net.layers)],
    )
    for layer in _layers(config, content_layer):
        choose(f"layer of {name}", layer, features.NETWORKS[name].layers)


def _layers(config: FeedforwardConfig, content_layer: str) -> list[str]:
    return list(dict.fromkeys([content_layer, *wanted_layers(config)]))


def _descend(state: State, objective: Tensor, config: FeedforwardConfig) -> None:
    """One step at the rate of its place: up over `WARM_UP` steps, level, and down to nothing from the middle on."""
    rate = config.learning_rate * min(1.0, (state.step + 1) / WARM_UP, 2 * (1 - state.step / config.steps))
    for group in state.optimizers["network"].param_groups:
        group["lr"] = rate
    state.update("network", objective, max_norm=LARGEST_GRADIENT)


@torch.no_grad()
def _painted(network: nn.Module, what: Tensor) -> Tensor:
    """What the network makes of pictures or codes, one after the other, in [0, 1]."""
    return torch.cat([network(one).clamp(0, 1) for one in what.split(1)])  # type: ignore[no-untyped-call]


def _grid(*rows: Tensor) -> Tensor:
    """Rows of pictures [B, 3, H, W] above each other: [1, 3, rows H, B W]."""
    return torch.cat([torch.cat(list(row.cpu()), 2) for row in rows], 1)[None]


RECIPES: dict[str, tuple[Callable[..., Events], type[Any]]] = {
    "fast": (train_fast, FastConfig),
    "adain": (train_adain, AdainConfig),
}
