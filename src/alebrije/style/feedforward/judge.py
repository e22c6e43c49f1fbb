"""How good a network that paints in one pass is: on pictures it has not seen, beside what the optimiser reaches there."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from statistics import fmean

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.image import load, resize
from alebrije.core.precision import choose_device
from alebrije.events import Done, Event, Started, Step
from alebrije.style.config import StylizeConfig
from alebrije.style.feedforward.adain import adain, encode, load_encoder
from alebrije.style.feedforward.config import AdainConfig, FastConfig, FeedforwardConfig
from alebrije.style.feedforward.nets import Decoder, Stylizer
from alebrije.style.objective import layers, measure

SIDE = 320

Judged = Generator[Event, None, dict[str, float]]


def fast(config: FastConfig, network: Stylizer, kept: Mapping[Path, Tensor], painting: Tensor) -> Judged:
    """The numbers of `compare` for a network of one painting."""
    return compare(config, lambda content, style: network(content), [(picture, painting) for picture in kept.values()])


def adain_pairs(config: AdainConfig, network: Decoder, kept: Mapping[Path, Tensor], paintings: Mapping[Path, Tensor]) -> Judged:
    """The numbers of `compare` for a network of any style; contents and styles go side by side, the fewer begin again."""
    device = choose_device(config.device)
    look = load_encoder(config.features, config.pooling, config.code, device, torch.float32)
    styles = [painting.float() / 255 for painting in paintings.values()]

    def paint(content: Tensor, style: Tensor) -> Tensor:
        return network(adain(encode(look, content), encode(look, style)))  # type: ignore[no-any-return]

    return compare(config, paint, [(picture, styles[k % len(styles)]) for k, picture in enumerate(kept.values())])


def compare(config: FeedforwardConfig, paint: Callable[[Tensor, Tensor], Tensor], pairs: list[tuple[Tensor, Tensor]]) -> Judged:
    """Means over the pairs, at 320 pixels at most: distances and loss of the network's pictures, the same of `alebrije stylize
    --quality quick` with the same weights (`optimizer_...`), of the untouched content (`content_style_distance`), and the mean of
    the losses' ratio, network / optimiser."""
    from alebrije.style.run import stylize

    pairs = pairs[: config.compare]
    if not pairs:
        return {}
    settings = StylizeConfig(
        features=config.features, loss=config.loss, pooling=config.pooling, layer_weights=config.layer_weights,
        content_weight=config.content_weight, style_weight=config.style_weight, tv_weight=config.tv_weight,
        size=str(SIDE), quality="quick", device=config.device, precision=config.precision,
    )  # fmt: skip
    device = choose_device(config.device)
    look = features.load(config.features, layers(settings), pooling=config.pooling, device=device)
    rows = []
    yield Started("comparing with the optimiser", len(pairs))
    for number, (picture, style) in enumerate(pairs, 1):
        content, manner = shrunk(picture.float() / 255).to(device), shrunk(style).to(device)
        with torch.no_grad():
            painted = paint(content, manner).clamp(0, 1)
        last = [event for event in stylize(load(content), [load(manner)], settings) if isinstance(event, Done)][-1]
        judged = measure(look, content, [manner], settings)
        with torch.no_grad():
            ours, theirs, none = (judged(each.to(device)) for each in (painted, last.result.image.pixels, content))
        rows.append({
            "loss": float(ours.weighted(settings)), "style_distance": float(ours.style), "content_distance": float(ours.content),
            "optimizer_loss": float(theirs.weighted(settings)), "optimizer_style_distance": float(theirs.style),
            "optimizer_content_distance": float(theirs.content), "content_style_distance": float(none.style),
            "loss_ratio": float(ours.weighted(settings)) / float(theirs.weighted(settings)),
        })  # fmt: skip
        yield Step(number, len(pairs))
    return {name: fmean(row[name] for row in rows) for name in rows[0]}


def shrunk(picture: Tensor) -> Tensor:
    """The picture at `SIDE` pixels at most, its sides multiples of 8."""
    height, width = picture.shape[-2:]
    scale = min(1.0, SIDE / max(height, width))
    return resize(picture, (max(32, round(height * scale / 8) * 8), max(32, round(width * scale / 8) * 8)))
