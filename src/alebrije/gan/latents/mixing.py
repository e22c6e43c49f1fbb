"""Style mixing: the coarse styles of one picture with the fine styles of another.

Karras, Laine, Aila, "A Style-Based Generator Architecture for GANs", CVPR 2019, section 3.1 and figure 3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from alebrije.core.generating import GenerateConfig
from alebrije.core.latents import GAP, sheet
from alebrije.errors import ConfigError, Interrupted
from alebrije.events import Done, Events, Started, Step
from alebrije.gan.latents import space as spaces
from alebrije.gan.latents.saved import Made, Point
from alebrije.gan.latents.space import Space

MARGIN = 3 * GAP  # white pixels between the sources and what was mixed, before they are enlarged


def mixed(rows: Tensor, columns: Tensor, layer: int) -> Tensor:
    """Points [R, L, D] and [K, L, D] -> [R, K, L, D]: styles of the rows before `layer`, of the columns from it on. At 0 all are
    the columns', at L all are the rows'."""
    coarse = torch.arange(rows.shape[1], device=rows.device)[:, None] < layer
    return torch.where(coarse, rows[:, None], columns[None])


def usual_layers(layers: int) -> tuple[int, ...]:
    """Where to change over if nothing is said: after a quarter, a half and three quarters of the layers."""
    return tuple(sorted({max(1, min(layers - 1, round(layers * share))) for share in (0.25, 0.5, 0.75)}))


def mix(space: Space, config: GenerateConfig, start: Point | None = None) -> Events:
    """The sheet of `config.mix` (rows x columns): sources on the margins, and one block of mixed pictures for each of
    `config.mix_layer`. With `start` the first row is that point. Ends with `Done(Made)`; raises `ConfigError`."""
    if not space.styled:
        raise ConfigError(f"{space.opened.recipe} has no styles to mix: style mixing works with runs of gan/style")
    assert config.mix
    height, across = map(int, config.mix.split("x"))
    places = config.mix_layer or usual_layers(space.layers)
    for place in places:
        if place > space.layers:
            raise ConfigError(f"mix_layer must be 0 to {space.layers}, the layers of this network, got {place}")
    generator = torch.Generator().manual_seed(config.seed)
    rows, _ = spaces.draw(space, height, generator, config.tags, config.truncation)
    columns, _ = spaces.draw(space, across, generator, config.tags, config.truncation)
    if start is not None:
        rows = torch.cat([start.latent[None], rows[1:]])
    yield Started("mixing styles", len(places) + 1)
    sources = spaces.pictures(space, torch.cat([rows, columns]), None)
    yield Step(1, len(places) + 1)
    blocks: list[Tensor] = []
    interrupted = False
    try:
        for place in places:
            blocks.append(spaces.pictures(space, mixed(rows, columns, place).flatten(0, 1), None))
            yield Step(len(blocks) + 1, len(places) + 1)
    except Interrupted:
        if not blocks:
            raise
        interrupted = True
    report = {"rows": height, "columns": across, "layers": space.layers, "mix_layer": list(places[: len(blocks)]),
              "seed": config.seed, "truncation": config.truncation, "recipe": space.opened.recipe}  # fmt: skip
    yield Done(Made(laid_out(sources[:height], sources[height:], blocks), torch.cat(blocks), report), interrupted=interrupted)


def laid_out(rows: Tensor, columns: Tensor, blocks: list[Tensor]) -> Tensor:
    """Sources on the left [R, C, H, W] and above [K, C, H, W], mixed pictures [R * K, C, H, W] in blocks below each other:
    [1, 3, H', W']."""
    count = len(columns)
    left, top = sheet(rows, 1), sheet(columns, count)
    cell = left.shape[-1]
    margin = MARGIN * cell // rows.shape[-1]
    parts = [torch.cat([top.new_ones(1, 3, top.shape[-2], cell + margin), top], -1)]
    for block in blocks:
        both = torch.cat([F.pad(left, (0, margin), value=1.0), sheet(block, count)], -1)
        parts.append(F.pad(both, (0, 0, margin, 0), value=1.0))
    return torch.cat(parts, -2)
