"""One descent after Gatys et al., as the sources did it: at one size, from the first step to the last."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from alebrije import features
from alebrije.core.files import atomic
from alebrije.core.image import fit, load, parse_size, resize, save, scaled_size
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.events import Events, Step
from alebrije.reproductions.gatys.plan import Descent, with_settings
from alebrije.style.config import CONTENT_LAYER, STYLE_LAYERS, StylizeConfig
from alebrije.style.losses import content_distance, total_variation
from alebrije.style.objective import layers, measure, with_gradient
from alebrije.style.optimize import LBFGS, Evaluate, descend
from alebrije.style.statistics import gram
from alebrije.style.winograd import accelerate

# Standard deviation of the noise to start from. What the network cannot see of it stays in the picture, so that it is faint.
NOISE = 0.05


class Sitting(NamedTuple):
    """What all descents share: content and style [1, 3, H, W] on the device, both of the result's size, and the settings."""

    content: Tensor
    style: Tensor
    base: StylizeConfig


def sit(content: Path, style: Path, base: StylizeConfig) -> Sitting:
    """Read both pictures and bring them to size: the content is cropped to `base.size` where that is WxH, and the style is
    as long as the content."""
    device = choose_device(base.device)
    scene, painting = (load(path).pixels for path in (content, style))
    scene = fit(scene, scaled_size((scene.shape[-2], scene.shape[-1]), parse_size(base.size)))
    painting = resize(painting, scaled_size((painting.shape[-2], painting.shape[-1]), max(scene.shape[-2:])))
    return Sitting(scene.to(device), painting.to(device), base)


def objective(sitting: Sitting, descent: Descent) -> Evaluate:
    """What a descent lowers: eq. 7 of Gatys et al. 2016 in relative distances, or, for the content of one layer, their eq. 1."""
    config, device = with_settings(sitting.base, descent), sitting.content.device
    wanted = [descent.only] if descent.only else layers(config)
    dtype = choose_dtype(config.precision, device)
    extractor = features.load(config.features, wanted, pooling=config.pooling, device=device, dtype=dtype)
    accelerate(extractor.stages, device)
    if descent.only:
        return reconstruction(extractor, sitting.content, descent.only, descent.tv_weight)
    return with_gradient(measure(extractor, sitting.content, [sitting.style], config), config)


def reconstruction(extractor: features.Extractor, content: Tensor, layer: str, tv_weight: float) -> Evaluate:
    """The relative squared error of the features [1, C, h, w] of one layer from the content's, plus total variation, and the
    gradient. Both pictures see the network's zero padding at the same places, so that it does no harm here."""
    with torch.no_grad():
        target = extractor(content)[layer]

    def evaluate(image: Tensor) -> tuple[float, Tensor, dict[str, float]]:
        image = image.detach().requires_grad_()
        distance = content_distance(extractor(image)[layer], target)
        loss = distance + tv_weight * total_variation(image)
        (gradient,) = torch.autograd.grad(loss, image)
        return loss.item(), gradient.contiguous(), {"loss": loss.item(), "content_distance": distance.item()}

    return evaluate


def balance(sitting: Sitting, pooling: str) -> dict[str, float]:
    """alpha/beta at which the two losses weigh the same in the paper's own units, eqs. 1, 4 and 5 of Gatys et al. 2016: sums over
    positions and channels, of a picture of zero features. `raw`: with the network as it is; `normalised`: with each layer's mean
    activation brought to 1, as theirs was. Ours is `EVEN` always."""
    config = sitting.base
    device = sitting.content.device
    extractor = features.load(config.features, [CONTENT_LAYER, *STYLE_LAYERS], pooling=pooling, device=device)
    with torch.no_grad():
        seen, painted = extractor(sitting.content)[CONTENT_LAYER], extractor(sitting.style)
        found = {}
        for kind in ("raw", "normalised"):
            taps = {layer: tap if kind == "raw" else tap / tap.mean() for layer, tap in painted.items()}
            content = (seen if kind == "raw" else seen / seen.mean()).square().sum() / 2
            grams = [gram(taps[layer]).square().sum() / (4 * taps[layer].shape[1] ** 2) for layer in STYLE_LAYERS]
            found[kind] = float(sum(grams) / len(grams) / content)
    return found


def begin(sitting: Sitting, descent: Descent) -> Tensor:
    """The picture to start from: the content, or grey with faint noise, the same for all descents of one seed."""
    if descent.init == "content":
        return sitting.content
    noise = torch.randn(sitting.content.shape, generator=torch.Generator().manual_seed(sitting.base.seed))
    return (0.5 + NOISE * noise).clamp(0, 1).to(sitting.content)


def paint(sitting: Sitting, descent: Descent, kept: Sequence[int], folder: Path, begun: int, total: int) -> Events:
    """Descend for the last of `kept` steps, and write the picture after each of them, then the record with the curve of losses.

    Yields a `Step` for each, counted from `begun` on. Raises what `features.load` and `descend` do.
    """
    clock = time.perf_counter()
    curves: dict[str, list[float]] = {}
    evaluate = objective(sitting, descent)
    for number, position in enumerate(descend(evaluate, begin(sitting, descent), LBFGS(), kept[-1]), 1):
        for name, value in position.values.items():
            curves.setdefault(name, []).append(value)
        if number in kept:
            save(position.image.cpu(), picture(folder, descent, number), force=True)
        yield Step(begun + number, total, position.values)
    record = {"descent": descent._asdict(), "steps": kept[-1], "seconds": time.perf_counter() - clock, "curves": curves}
    with atomic(folder / f"{descent.name}.json", force=True) as temporary:
        temporary.write_text(json.dumps(record), encoding="utf-8")


def picture(folder: Path, descent: Descent, steps: int) -> Path:
    """Where the picture after so many steps is."""
    return folder / f"{descent.name}-{steps}.png"


def record(folder: Path, descent: Descent) -> dict[str, Any]:
    """What `paint` wrote of a descent: its settings, steps, seconds, and the curve of every number."""
    found: dict[str, Any] = json.loads((folder / f"{descent.name}.json").read_text(encoding="utf-8"))
    return found


def is_there(folder: Path, descent: Descent, kept: Sequence[int]) -> bool:
    """Whether all that `paint` would write is there."""
    return all(path.exists() for path in (folder / f"{descent.name}.json", *(picture(folder, descent, n) for n in kept)))
