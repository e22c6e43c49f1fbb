"""How far apart two networks find the same pictures: do they rank pairs of pictures alike, in style and in content?

Style distance: Gatys, Ecker, Bethge 2016, equations 3-5: squared differences of Gram matrices, summed over layers with
weights that make every layer count alike, namely one over the layer's mean over the pairs. Content distance:
equation 1, the squared difference of features. Agreement is Spearman's rank correlation over the pairs.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from alebrije.core.statistics import spearman
from alebrije.features.extractor import Extractor

STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
CONTENT_LAYER = "relu4_2"


def gram(features: Tensor) -> Tensor:
    """Gram matrices [B, C, C] of features [B, C, H, W], divided by the number of positions; float32."""
    positions = features.permute(0, 2, 3, 1).flatten(1, 2).float()
    return positions.mT @ positions / positions.shape[1]


def squared_distances(points: Tensor) -> Tensor:
    """Squared Euclidean distances [B, B] between the flattened points [B, ...], in float32 from centred points."""
    flat = points.float().flatten(1)
    flat = flat - flat.mean(0)
    products = flat @ flat.mT
    norms = products.diagonal()
    return (norms[:, None] + norms[None, :] - 2 * products).clamp_min(0)


def pair_distances(look: Extractor, pictures: Tensor, pairs: Tensor) -> dict[str, Tensor]:
    """Distances of `pairs` [P, 2] (indices into `pictures` [N, 3, H, W] in [0, 1]) as the network `look` sees them.

    Returns {"style": [P], "content": [P], "style relu1_1": [P], ...}.
    """
    grams: dict[str, list[Tensor]] = {layer: [] for layer in STYLE_LAYERS}
    contents = []
    with torch.no_grad():
        for picture in pictures:
            taps = look(picture[None])
            contents.append(taps[CONTENT_LAYER][0].float())
            for layer in STYLE_LAYERS:
                grams[layer].append(gram(taps[layer])[0])
    by_layer = {f"style {layer}": _between(points, pairs) for layer, points in grams.items()}
    style = torch.stack([distances / distances.mean() for distances in by_layer.values()]).sum(0)
    return {"style": style, "content": _between(contents, pairs), **by_layer}


def _between(points: Sequence[Tensor], pairs: Tensor) -> Tensor:
    return torch.stack([(points[i] - points[j]).square().sum() for i, j in pairs.tolist()])


def draw_pairs(pictures: int, count: int, seed: int) -> Tensor:
    """`count` different pairs [count, 2] out of all pairs of that many pictures, each as likely as any other."""
    every = torch.combinations(torch.arange(pictures))
    return every[torch.randperm(len(every), generator=torch.Generator().manual_seed(seed))[:count]]


def agreement(look: Extractor, reference: Extractor, pictures: Tensor, seed: int, pairs: int = 200) -> dict[str, float]:
    """Spearman's correlation of two networks' distances over random pairs of `pictures`, as in `pair_distances`."""
    chosen = draw_pairs(len(pictures), pairs, seed)
    ours, theirs = (pair_distances(network, pictures, chosen) for network in (look, reference))
    return {name: spearman(ours[name], theirs[name]) for name in ours}
