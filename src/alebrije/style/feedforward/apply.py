"""`alebrije stylize --network RUN`: paint in one pass with a network that `alebrije train style/...` has left."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.image import Picture, load, resize, scaled_size
from alebrije.core.memory import bytes_free
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.tensorfiles import Tensors, read_safetensors
from alebrije.errors import ConfigError, Interrupted, RunError, WeightsError
from alebrije.events import Done, Events, Started, Step, Warned
from alebrije.style import colors
from alebrije.style.config import StylizeConfig
from alebrije.style.feedforward import adain, nets
from alebrije.style.feedforward.adain import load_encoder, mixed
from alebrije.style.regions import check_masks, read_masks
from alebrije.style.run import StylizeResult
from alebrije.style.sizes import Size, finished, padded, placed, result_size, size_of

# What of `alebrije stylize` means something here; all else steers the optimiser.
HONOURED = {"network", "style_strength", "style_weights", "style_scale", "size", "keep_colors", "color", "mask", "seed",
            "device", "precision", "preview_every", "frames"}  # fmt: skip

Paint = Callable[[Tensor, Sequence[Tensor]], Tensor]


class Network(NamedTuple):
    """A trained network at work: `paint(content [1, 3, H, W], styles [1, 3, h, w] each)` -> [1, 3, H, W] in about [0, 1], sides
    at least 32; `learnt` is the name of the one style it has learnt, None if it takes any; `bytes_per_pixel` is what it holds at
    most."""

    kind: str
    paint: Paint
    learnt: str | None
    bytes_per_pixel: int


def stylize(content: Picture, styles: Sequence[Picture], config: StylizeConfig) -> Events:
    """Paint `content` with `config.network`; the last event is `Done(StylizeResult)`, whose report has `network_seconds`, the
    time of the painting alone. With masks each style is painted on the whole picture and laid where its mask is white.

    Raises `ConfigError` for settings and styles that do not suit the network or where memory will not do, `RunError` and
    `WeightsError` for a network that cannot be used, `PictureError` for a mask that cannot be read.
    """
    began = time.perf_counter()
    check_settings(config)
    device = choose_device(config.device)
    network = open_network(config.network or "", config, device)
    check_styles(network, len(styles), config)
    size, notices = result_size(content, config)
    _check_memory(network, size, device)
    place = functools.partial(placed, size=size, config=config)
    masks = [load(path) for path in config.mask]
    check_masks(len(masks), max(1, len(styles)), "gram")
    places = [padded(mask).to(device) for mask in read_masks(masks, max(1, len(styles)), content, place)]
    whole = padded(place(content.pixels)).to(device)
    scene, paintings = colors.prepared(whole, [style.on_white.to(device) for style in styles], config.colors)
    longest = max(1, round(max(size) * config.style_scale))
    paintings = [padded(resize(each, scaled_size(size_of(each), longest))) for each in paintings]
    yield from map(Warned, notices)
    yield Started(f"painting with {network.kind}", 1)
    clock = time.perf_counter()
    found, interrupted = scene, False
    try:
        with torch.inference_mode():
            found = _painted(network, scene, paintings, places, config)
        seconds = time.perf_counter() - clock
        yield Step(1, 1)
    except Interrupted:
        interrupted, seconds = True, time.perf_counter() - clock
    found = colors.restored(found, whole, config.colors)
    report: dict[str, Any] = {
        "steps": 0,
        "seconds": time.perf_counter() - began,
        "network_seconds": seconds,
        "network": network.kind,
        "size": list(reversed(size)),
    }
    if masks:
        report["masks"] = [mask.sha256 for mask in masks]
    yield Done(StylizeResult(finished(content, found.clamp(0, 1).cpu(), size, place), report), interrupted=interrupted)


def _painted(
    network: Network, scene: Tensor, paintings: Sequence[Tensor], places: Sequence[Tensor], config: StylizeConfig
) -> Tensor:
    """The picture, each style in its place, and by its strength where there are no places."""
    if not places:
        return network.paint(scene, paintings).clamp(0, 1)
    found = scene
    cover = torch.stack(list(places)).sum(0).clamp_min(1)
    for number, region in enumerate(places):
        own = network.paint(scene, paintings[number : number + 1]).clamp(0, 1)
        found = found + region / cover * (own - scene)
    return found


def check_settings(config: StylizeConfig) -> None:
    """Raise `ConfigError` for the first setting that means nothing to a network."""
    for name in StylizeConfig.model_fields:
        default = StylizeConfig.model_fields[name].default
        if name not in HONOURED and getattr(config, name) != default:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{flag} is for the optimiser, and --network paints without it: leave one of the two out")


def check_styles(network: Network, styles: int, config: StylizeConfig) -> None:
    """Raise `ConfigError` if this many style pictures, or what is to be done with them, do not go with the network."""
    if network.learnt is None:
        if not styles:
            raise ConfigError(f"{config.network} paints in any style: name one or more STYLE pictures after the content")
        if config.style_weights and len(config.style_weights) != styles:
            raise ConfigError(f"style_weights has {len(config.style_weights)} numbers for {styles} style pictures")
        return
    if styles:
        raise ConfigError(f"{config.network} paints in the one style that it has learnt, {network.learnt}: leave STYLE out")
    for name in ("style_strength", "style_weights", "style_scale"):
        if getattr(config, name) != StylizeConfig.model_fields[name].default:
            flag = f"--{name.replace('_', '-')}"
            raise ConfigError(f"{flag} is settled when a network learns one style: a run of style/adain takes it")
    if config.colors not in (None, "luminance"):
        raise ConfigError(f"--color {config.colors} recolours the style, which is learnt already: --keep-colors works")


def open_network(run: str, config: StylizeConfig, device: torch.device) -> Network:
    """The network of a run folder, or of its model.safetensors. Raises `RunError`, `WeightsError`."""
    path = Path(run)
    if path.is_dir():
        if (path / "recipe.yaml").is_file() and not (path / "model.safetensors").is_file():
            raise RunError(f"{run} has no model yet: `alebrije train --resume --run {run}` goes on to its end")
        path = path / "model.safetensors"
    if not path.is_file():
        raise RunError(f"there is no trained network {run}: name a run of style/fast or style/adain, see `alebrije runs list`")
    try:
        tensors, header = read_safetensors(path)
        settings = json.loads(header["recipe"])
        kind = settings["recipe"]
    except WeightsError as error:
        raise WeightsError(f"cannot read {path}: {error}") from error
    except (KeyError, ValueError, TypeError) as error:
        raise RunError(f"{path} does not say which recipe made it: name a run folder of style/fast or style/adain") from error
    if kind not in KINDS:
        raise RunError(f"{run} is a run of {kind}: stylize takes those of {' and '.join(KINDS)}")
    dtype = choose_dtype(config.precision, device)
    try:
        return KINDS[kind](tensors, settings | {"style": json.loads(header.get("style", '""'))}, config, device, dtype)
    except (KeyError, RuntimeError, TypeError) as error:
        raise WeightsError(f"the tensors of {path} are not those of its recipe: train it again") from error


def _fast(
    tensors: Tensors, settings: Mapping[str, Any], config: StylizeConfig, device: torch.device, dtype: torch.dtype
) -> Network:
    network = nets.Stylizer(settings["width"], settings["blocks"])
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    nets.narrow(network.to(device).eval(), dtype)

    def paint(content: Tensor, styles: Sequence[Tensor]) -> Tensor:
        return cut_to(network(filled(content, nets.STRIDE)), content)

    return Network("style/fast", paint, str(settings["style"]), 10 * settings["width"] * (2 if dtype is torch.bfloat16 else 4))


def _adain(
    tensors: Tensors, settings: Mapping[str, Any], config: StylizeConfig, device: torch.device, dtype: torch.dtype
) -> Network:
    encoder = load_encoder(settings["features"], settings["pooling"], settings["code"], device, dtype)
    widths = adain.channels(encoder)
    network = nets.Decoder(widths)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
    nets.narrow(network.to(device).eval(), dtype)

    def paint(content: Tensor, styles: Sequence[Tensor]) -> Tensor:
        code, *theirs = (adain.encode(encoder, filled(each, adain.STRIDE)) for each in (content, *styles))
        shares = config.style_weights if len(config.style_weights) == len(theirs) else (1.0,) * len(theirs)
        return cut_to(network(mixed(code, theirs, shares, config.style_strength)), content)

    return Network("style/adain", paint, None, 8 * widths[-1] * (2 if dtype is torch.bfloat16 else 4))


KINDS: dict[str, Callable[[Tensors, Mapping[str, Any], StylizeConfig, torch.device, torch.dtype], Network]] = {
    "style/fast": _fast,
    "style/adain": _adain,
}


def filled(picture: Tensor, stride: int) -> Tensor:
    """The picture with its mirror image to the right and below, until its sides are multiples of `stride`."""
    height, width = size_of(picture)
    return F.pad(picture, (0, -width % stride, 0, -height % stride), mode="reflect")


def cut_to(picture: Tensor, like: Tensor) -> Tensor:
    """The upper left part of the picture, as large as the other."""
    return picture[:, :, : like.shape[-2], : like.shape[-1]]


def _check_memory(network: Network, size: Size, device: torch.device) -> None:
    needed, free = network.bytes_per_pixel * size[0] * size[1], bytes_free(device)
    if free is not None and needed > free:
        raise ConfigError(
            f"{size[1]}x{size[0]} pixels need about {needed / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free: "
            "take a smaller --size"
        )
