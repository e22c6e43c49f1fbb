"""How far a large picture is from a content and from styles, found piece by piece."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.errors import ConfigError
from alebrije.features import Extractor
from alebrije.style.config import CONTENT_LAYER, StylizeConfig
from alebrije.style.families.parts import Reference, precise
from alebrije.style.losses import Target, chosen_loss
from alebrije.style.regions import GUIDES, Regions, selected
from alebrije.style.tiled.additive import ADDITIVE, Additive, Piece, Size, Sums, pairwise
from alebrije.style.tiled.geometry import reaches
from alebrije.style.tiled.summing import Pieces, Tiling

_TINY = 1e-8  # as in `relative_squared_error`


def additive_of(config: StylizeConfig) -> Additive:
    """How the loss of `config` is added up. Raises `ConfigError` if it cannot be."""
    if config.loss not in ADDITIVE or (config.loss == "cooccurrence" and config.form != "pairwise"):
        named = f"{config.loss} of the form {config.form}" if config.loss == "cooccurrence" else config.loss
        able = ", ".join(f"{name} (pairwise)" if name == "cooccurrence" else name for name in ADDITIVE)
        raise ConfigError(
            f"--loss {named} cannot work in tiles, which so large a picture needs: take a smaller --size, or one of {able}"
        )
    return (
        pairwise(config.radii, config.scaled, config.gate, config.width)
        if config.loss == "cooccurrence"
        else ADDITIVE[config.loss]
    )


class _Viewer(NamedTuple):
    """One way in which the picture's features are counted: what is measured with, layer by layer, and which positions count how
    much, if not all equally."""

    references: Mapping[str, Reference]
    weights: Mapping[str, Tensor]


def measure_in_tiles(
    extractor: Extractor,
    content: Tensor,
    styles: Sequence[Tensor],
    config: StylizeConfig,
    regions: Regions | None,
    *,
    side: int,
    margin: int,
) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """A function from a picture [1, 3, H, W] to its content and style distance: those of `objective.measure`, found with
    pieces of `side` pixels. Each piece is looked at twice if there is a gradient to find. Raises `ConfigError` for a loss that
    cannot be added up."""
    additive, loss = additive_of(config), chosen_loss(config)
    wanted = {layer: weight for layer, weight in config.layer_weights.items() if weight}
    seen = reaches(extractor.name, [CONTENT_LAYER, *wanted])
    tiling = Tiling(extractor, seen, side, 0 if config.wrap else margin, additive.reach)
    with torch.no_grad():
        targets = [_target(tiling._replace(margin=margin), additive, style, list(wanted)) for style in styles]
        kept, energy = _content(tiling, content)
    shares = config.style_weights or (1.0,) * len(styles)
    if regions:
        shares = tuple(share * size for share, size in zip(shares, regions.shares, strict=True))
    viewers = _viewers(tiling, targets, regions, config.loss, (content.shape[2], content.shape[3]))
    counts = {layer: tiling.size_of(layer, (content.shape[2], content.shape[3])) for layer in wanted}

    def adding(pieces: Pieces, number: int) -> dict[str, Sums]:
        found: dict[str, Sums] = {"content": ((precise(pieces[CONTENT_LAYER].own) - precise(kept[number])).square().sum(),)}
        for k, viewer in enumerate(viewers):
            for layer in wanted:
                piece = _weighted(pieces[layer], viewer.weights.get(layer))
                found[f"{k} {layer}"] = additive.part(piece, viewer.references[layer])
        return found

    def distances(image: Tensor) -> tuple[Tensor, Tensor]:
        sums = tiling.sums(image, adding)
        apart = sums["content"][0].new_zeros(())
        for layer, layer_weight in wanted.items():
            size = counts[layer]
            for k, (share, target) in enumerate(zip(shares, targets, strict=True)):
                if share:
                    view = min(k, len(viewers) - 1)
                    weight = viewers[view].weights.get(layer)
                    count = float(size[0] * size[1] if weight is None else weight.sum(dtype=torch.float64))
                    statistic = additive.whole(sums[f"{view} {layer}"], count, size, target[layer].reference)
                    apart = apart + layer_weight * share * loss.distance(statistic, target[layer].statistic)
        apart = apart / (sum(wanted.values()) * sum(shares))
        return (sums["content"][0] / energy).to(image), apart.to(image)

    return distances


def _target(tiling: Tiling, additive: Additive, style: Tensor, layers: Sequence[str]) -> dict[str, Target]:
    """The target that a style [1, 3, h, w] sets in each layer, found in as many rounds as the loss needs."""
    size = (style.shape[2], style.shape[3])
    sizes = {layer: tiling.size_of(layer, size) for layer in layers}
    asking = {layer: additive.refer(sizes[layer]) for layer in layers}
    references: dict[str, Reference] = {}
    answers: dict[str, Sums | None] = dict.fromkeys(layers)
    while answers:
        asked = {}
        for layer, answer in answers.items():
            try:
                asked[layer] = next(asking[layer]) if answer is None else asking[layer].send(answer)
            except StopIteration as end:
                references[layer] = end.value
        answers = {**tiling.sums(style, lambda pieces, _, asked=asked: {  # type: ignore[misc]
            layer: ask(pieces[layer]) for layer, ask in asked.items()})} if asked else {}  # fmt: skip
    sums = tiling.sums(style, lambda pieces, _: {layer: additive.part(pieces[layer], references[layer]) for layer in layers})
    return {
        layer: Target(
            references[layer], additive.whole(sums[layer], sizes[layer][0] * sizes[layer][1], sizes[layer], references[layer])
        )
        for layer in layers
    }


def _content(tiling: Tiling, content: Tensor) -> tuple[list[Tensor], Tensor]:
    """The content's features, piece by piece, and the sum of their squares."""
    kept: list[Tensor] = []

    def adding(pieces: Pieces, number: int) -> dict[str, Sums]:
        kept.append(pieces[CONTENT_LAYER].own.clone())
        return {"content": (precise(kept[-1]).square().sum(),)}

    energy = tiling.sums(content, adding)["content"][0]
    return kept, energy.clamp_min(_TINY * sum(one.numel() for one in kept))


def _viewers(
    tiling: Tiling, targets: Sequence[Mapping[str, Target]], regions: Regions | None, loss: str, size: Size
) -> list[_Viewer]:
    """One for all styles where the loss takes nothing from them and there are no regions, otherwise one for each."""
    references = [{layer: one.reference for layer, one in target.items()} for target in targets]
    if regions is None:
        needed = references if any(any(one.values()) for one in references) else references[:1]
        return [_Viewer(one, {}) for one in needed]
    weight = functools.partial(_weight, hard=GUIDES[loss] is selected)
    return [
        _Viewer(one, {layer: weight(mask, tiling.size_of(layer, size)) for layer in one})
        for one, mask in zip(references, regions.masks, strict=True)
    ]


def _weight(mask: Tensor, size: Size, *, hard: bool) -> Tensor:
    """How much each position of a layer counts in a region, as `GUIDES` has it."""
    weight = F.interpolate(mask, size, mode="area")
    return (weight >= weight.max().clamp_max(0.5)).to(weight) if hard else weight


def _weighted(piece: Piece, weight: Tensor | None) -> Piece:
    if weight is None:
        return piece
    (top, left), (height, width) = piece.place, piece.own.shape[2:]
    return piece._replace(weight=weight[:, :, top : top + height, left : left + width])
