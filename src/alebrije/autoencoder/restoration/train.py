"""How the restoration networks learn: patches in, better patches out, absolute error first and square error last.

The absolute error leads to sharper minima (Lim et al., "Enhanced deep residual networks for single image super-resolution", CVPR
workshops 2017), the square error at the end is what PSNR measures.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije.autoencoder.restoration import examples, nets
from alebrije.autoencoder.restoration.config import DenoiserConfig, RestoreConfig, UpscalerConfig
from alebrije.core import plots
from alebrije.core.fit import Shuffled, State, finished, fit, optimizer, stopped
from alebrije.core.metrics import psnr
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.core.tensorfiles import read_safetensors
from alebrije.data.degrade import imresize
from alebrije.errors import ConfigError, DataError
from alebrije.events import Events, Saved, Warned
from alebrije.runs import Run

LAST_RATE = 0.01  # of the peak learning rate
SHOWN_SIDE = 96  # pixels of each sample
LEVELS_SHOWN = (15.0, 25.0, 50.0)
GRAY_FILES = 0.8  # of the grey patches have one noise in all channels, as a grey file has; the others are grey things in colour


@dataclass(frozen=True, slots=True)
class Lesson:
    """A network with its examples: `draw(indices)` gives inputs and targets, `forward(inputs)` what the network makes of them,
    `validate()` the metrics and a sample picture [1, 3, H, W]; `count` pictures to draw from."""

    network: nn.Module
    count: int
    draw: Callable[[Tensor], tuple[tuple[Tensor, ...], Tensor]]
    validate: Callable[[], tuple[dict[str, float], Tensor]]
    facts: Mapping[str, Any]


def train_upscaler(config: UpscalerConfig, run: Run, kind: str) -> Events:
    """Train `fast` or `quality` on pictures and their bicubic reductions."""
    learned_from, kept, notices = _split(config, config.patch * config.scale)
    yield from map(Warned, notices)
    torch.manual_seed(config.seed)
    network = nets.UPSCALERS[kind](config.scale, config.width, config.blocks)
    examined = examples.pairs(kept, config.scale)
    source = examples.pairs(learned_from, config.scale)

    def draw(indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        small, sharp = source.sample(indices, config.patch)
        return (small,), sharp

    facts = {"kind": kind, "scale": config.scale}
    yield from learn(Lesson(network, len(learned_from), draw, lambda: judge_upscaler(network, examined), facts), config, run)


def train_denoiser(config: DenoiserConfig, run: Run) -> Events:
    """Train the denoiser on pictures spoiled with Gaussian and Poisson noise and with JPEG."""
    learned_from, kept, notices = _split(config, config.patch)
    yield from map(Warned, notices)
    torch.manual_seed(config.seed)
    network = nets.Denoiser(config.width, config.outer, config.inner, config.deepest)

    def draw(indices: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        clean, gray = examples.gray_some(examples.patches(learned_from, indices, config.patch), config.gray)
        given = examples.noisy(clean, config.strongest, config.others, gray & (torch.rand(len(gray)) < GRAY_FILES))
        level = (given - clean).square().mean((1, 2, 3), keepdim=True).sqrt()
        return (given, level * (torch.rand(len(level), 1, 1, 1) < config.known)), clean

    facts = {"kind": "denoise"}
    yield from learn(Lesson(network, len(learned_from), draw, lambda: judge_denoiser(network, kept), facts), config, run)


def _split(config: RestoreConfig, at_least: int) -> tuple[list[Tensor], list[Tensor], list[str]]:
    """Pictures to learn from and those kept for validation, every n-th of the folder in the order of names."""
    if config.data is None:
        raise DataError("name a folder of good pictures to learn from: --data FOLDER")
    whole, notices = examples.read(config.data, at_least)
    if len(whole) < 2:
        raise DataError(f"{config.data} has 1 usable picture: give two or more, as some are kept to validate")
    holdout = min(config.holdout, len(whole) // 2)
    kept = {len(whole) * (2 * number + 1) // (2 * holdout) for number in range(holdout)}
    learned_from = [picture for number, picture in enumerate(whole) if number not in kept]
    if config.smaller < 1:
        learned_from += examples.reduced(learned_from, config.smaller, at_least)
    return learned_from, [whole[number] for number in sorted(kept)], notices


def learn(lesson: Lesson, config: RestoreConfig, run: Run) -> Events:
    """Train; leaves the curves, samples, `model.safetensors` with the moving average's weights, and `report.html`."""
    device = choose_device(config.device)
    network = lesson.network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if config.start:
        begin_from(network, config.start)
    state = State(
        {"restorer": network},
        {"restorer": optimizer(config, network)},
        Shuffled(lesson.count, min(config.batch_size, lesson.count), config.seed),
        config.ema_decay,
    )
    state.extra = lesson.validate()[0]

    def sample(state: State) -> Tensor:
        with averaged(state):
            metrics, picture = lesson.validate()
        state.extra = metrics
        return picture

    if not (yield from fit(state, make_step(lesson, config, device), config, run, sample)):
        yield stopped(state, run)
        return
    for name in ("loss", next(iter(state.extra))):
        yield Saved(plots.curves(run.metrics(), run.folder / "plots" / f"{name}.png", x="step", names=[name]))
    network.load_state_dict(state.final_weights("restorer"))
    header = {"metrics": state.extra, "pictures": lesson.count, **lesson.facts}
    yield Saved(run.write_model(network.state_dict(), header))
    yield Saved(write_report(run))
    yield finished(state, run, state.extra)


def make_step(lesson: Lesson, config: RestoreConfig, device: torch.device) -> Callable[[State, Tensor], Mapping[str, float]]:
    """The `step(state, batch)` that `core.fit` repeats; each row of metrics.csv also tells the last validation."""
    dtype = choose_dtype(config.precision, device)

    def step(state: State, batch: Tensor) -> Mapping[str, float]:
        inputs, target = lesson.draw(batch)
        rate = config.learning_rate * schedule(state.step, config.steps, config.warm_up)
        for group in state.optimizers["restorer"].param_groups:
            group["lr"] = rate
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            found = lesson.network(*(each.to(device) for each in inputs))
        target = target.to(device)
        error = F.l1_loss(found.float(), target)
        square = F.mse_loss(found.float(), target)
        late = state.step >= config.square_from * config.steps
        state.update("restorer", square * (error / square).detach() if late else error, config.max_norm)
        return {"loss": float(error.detach()), "psnr": -10 * math.log10(float(square.detach()) + 1e-12), **state.extra}

    return step


@contextlib.contextmanager
def averaged(state: State) -> Iterator[None]:
    """Inside, the network has the moving average's weights, which are the ones that will be kept."""
    network = state.networks["restorer"]
    own = {name: weights.clone() for name, weights in network.state_dict().items()}
    network.load_state_dict(state.final_weights("restorer"))
    try:
        yield
    finally:
        network.load_state_dict(own)


def begin_from(network: nn.Module, start: str) -> None:
    """Take over all weights of a trained network that fit; a last layer for another scale begins anew.

    Raises `RunError` and `WeightsError` if the file cannot be read, `ConfigError` if nothing fits.
    """
    path = Path(start)
    tensors, _ = read_safetensors(path / "model.safetensors" if path.is_dir() else path)
    own = network.state_dict()
    fitting = {name: tensor.float() for name, tensor in tensors.items() if name in own and own[name].shape == tensor.shape}
    if len(fitting) < len(own) / 2:
        raise ConfigError(f"{start} is another kind of network: begin from one of the same recipe, width and blocks")
    network.load_state_dict(own | fitting)


@torch.no_grad()
def judge_upscaler(network: nn.Module, examined: examples.Pairs) -> tuple[dict[str, float], Tensor]:
    """Mean PSNR on Y over whole pictures, without a border of `scale` pixels, beside bicubic's; and a sample."""
    found, plain, rows = [], [], []
    scale, device = examined.scale, next(network.parameters()).device
    for small, sharp in zip(examined.small, examined.sharp, strict=True):
        given, target = small[None].float().to(device) / 255, sharp[None].float().to(device) / 255
        ours, bicubic = (each.mul(255).round().div(255).clamp(0, 1) for each in (network(given), imresize(given, scale)))
        found.append(float(psnr(ours, target, scale)))
        plain.append(float(psnr(bicubic, target, scale)))
        rows.append(torch.cat([_middle(each) for each in (bicubic, ours, target)], dim=3))
    metrics = {"validation_psnr": _mean(found), "bicubic_psnr": _mean(plain)}
    return metrics, torch.cat(rows[:4], dim=2).expand(1, 3, -1, -1).cpu()


@torch.no_grad()
def judge_denoiser(network: nn.Module, pictures: Sequence[Tensor]) -> tuple[dict[str, float], Tensor]:
    """Mean PSNR on RGB for Gaussian noise of the levels shown, which is not known to the network; and a sample."""
    metrics, rows = {}, []
    device = next(network.parameters()).device
    for sigma in LEVELS_SHOWN:
        found = []
        for number, picture in enumerate(pictures):
            clean = _whole_cells(picture).to(device)
            noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(number)).to(device)
            given = clean + sigma / 255 * noise
            ours = network(given).clamp(0, 1)
            found.append(float(psnr(ours, clean)))
            if sigma == LEVELS_SHOWN[1] and number < 4:
                rows.append(torch.cat([_middle(each).clamp(0, 1) for each in (given, ours, clean)], dim=3))
        metrics[f"validation_psnr_{sigma:g}"] = _mean(found)
    metrics["validation_psnr_gray"] = _mean([_judge_gray(network, picture, number) for number, picture in enumerate(pictures)])
    return metrics, torch.cat(rows, dim=2).cpu()


def _judge_gray(network: nn.Module, picture: Tensor, number: int) -> float:
    """PSNR at the middle level with the picture as a grey file, whose noise is the same in all channels."""
    clean = examples.gray_some(_whole_cells(picture), 1.0)[0]
    noise = torch.randn(clean[:, :1].shape, generator=torch.Generator().manual_seed(number))
    device = next(network.parameters()).device
    return float(psnr(network((clean + LEVELS_SHOWN[1] / 255 * noise).to(device)).clamp(0, 1), clean.to(device)))


def _whole_cells(picture: Tensor) -> Tensor:
    """A picture uint8 [3, H, W] cut to sides that every denoiser can halve, as [1, 3, H, W] in [0, 1]."""
    height, width = (side // 8 * 8 for side in picture.shape[-2:])
    return picture[None, :, :height, :width].float() / 255


def schedule(step: int, steps: int, warm_up: int) -> float:
    """The learning rate at a step, as a share of its peak: a rise along a line, then a fall to `LAST_RATE` along a cosine."""
    rise = min(1.0, (step + 1) / (warm_up + 1))
    return rise * (LAST_RATE + (1 - LAST_RATE) * (1 + math.cos(math.pi * step / steps)) / 2)


def _middle(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    y, x = max(0, height - SHOWN_SIDE) // 2, max(0, width - SHOWN_SIDE) // 2
    return images[..., y : y + SHOWN_SIDE, x : x + SHOWN_SIDE]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
