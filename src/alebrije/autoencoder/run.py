"""Train an autoencoder: recipe -> run folder with curves, reconstructions on the way, and a walk through the latent space."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from alebrije.autoencoder.config import AutoencoderConfig, DenoiseConfig, DenseConfig, LowresConfig, VariationalConfig
from alebrije.autoencoder.experiments import train_denoise, train_dense, train_lowres, train_variational
from alebrije.autoencoder.nets.convolutional import Autoencoder
from alebrije.autoencoder.nets.lowres import EXPERIMENTS
from alebrije.autoencoder.sampling import kept
from alebrije.autoencoder.sampling.samplers import FEWEST_CODES
from alebrije.core import image, plots
from alebrije.core.fit import Shuffled, State, finished, fit, optimizer, stopped
from alebrije.core.precision import choose_device, choose_dtype
from alebrije.core.report import write_report
from alebrije.errors import DataError, PictureError
from alebrije.events import Event, Events, Saved, Started, Step, Warned
from alebrije.runs import Run

SHOWN = 8
FEWEST = 8
AT_ONCE = 128
WALK_FRAMES_BETWEEN = 10


def train(config: AutoencoderConfig, run: Run) -> Events:
    """Train, then write the curve, the GIFs and `model.safetensors`. The loss is the mean square error of pixels."""
    device = choose_device(config.device)
    dtype = choose_dtype(config.precision, device)
    pictures = yield from _pictures(config)
    cut = max(1, round(len(pictures) * config.holdout))
    test, known = pictures[:cut], pictures[cut:].to(device)

    torch.manual_seed(config.seed)
    network = Autoencoder(config.size, config.latent_dim, config.width).to(device)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    state = State(
        {"autoencoder": network},
        {"autoencoder": optimizer(config, network)},
        Shuffled(len(known), config.batch_size, config.seed),
        config.ema_decay,
    )

    def step(state: State, batch: Tensor) -> dict[str, float]:
        clean = known[batch].float() / 255
        noisy = clean + config.noise * torch.randn_like(clean)
        with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
            restored = network.train()(noisy)
        loss = F.mse_loss(restored.float(), clean)
        state.update("autoencoder", loss)
        return {"mse": float(loss.detach())}

    shown = test[:SHOWN].to(device).float() / 255
    noise = torch.randn(shown.shape, generator=torch.Generator().manual_seed(config.seed)).to(device)
    spoiled = (shown + config.noise * noise).clamp(0, 1)

    def sample(state: State) -> Tensor:
        return torch.cat([_row(spoiled), _row(_reconstruct(network, spoiled)), _row(shown)], dim=2)

    if not (yield from fit(state, step, config, run, sample)):
        yield stopped(state, run)
        return
    network.load_state_dict(state.final_weights("autoencoder"))
    held_out = test.to(device).float() / 255
    metrics = {"mse": run.metrics()["mse"][-1], "held_out_mse": float(F.mse_loss(_reconstruct(network, held_out), held_out))}
    for path in _keepsakes(network, shown, run):
        yield Saved(path)
    tensors, notes = yield from _samplers(network, known, config.seed)
    header = {"metrics": metrics, "data": config.data or "drawn creatures", "licence": "Apache-2.0", "samplers": notes}
    yield Saved(run.write_model({**network.state_dict(), **tensors}, header))
    yield Saved(write_report(run))
    yield finished(state, run, metrics)


def _pictures(config: AutoencoderConfig) -> Generator[Event, None, Tensor]:
    """Read or draw all pictures; returns them as uint8 [N, 3, S, S], shuffled once."""
    from alebrije.data.draw import creature

    if config.data:
        found = yield from _read(Path(config.data), config.size)
    else:
        yield Started("drawing creatures", config.pictures)
        found = []
        for index in range(config.pictures):
            found.append(_bytes(creature(config.seed + index, config.size, background="white").image))
            yield Step(index + 1, config.pictures)
    if len(found) < FEWEST:
        raise DataError(f"{config.data} holds {len(found)} pictures: at least {FEWEST} are needed to learn and to test")
    order = torch.randperm(len(found), generator=torch.Generator().manual_seed(config.seed))
    return torch.cat(found)[order]


def _read(folder: Path, size: int) -> Generator[Event, None, list[Tensor]]:
    """The pictures of a folder as squares, uint8 [1, 3, S, S]; one that cannot be read is named and left out."""
    files = image.list_pictures(folder)
    yield Started("reading pictures", len(files))
    found = []
    for count, file in enumerate(files, 1):
        try:
            found.append(_bytes(image.fit(image.load(file).pixels, (size, size))))
        except PictureError as error:
            yield Warned(f"left out: {error}")
        yield Step(count, len(files))
    return found


def _bytes(pixels: Tensor) -> Tensor:
    return (pixels * 255).round().to(torch.uint8)


def _samplers(network: Autoencoder, known: Tensor, seed: int) -> Generator[Event, None, tuple[dict[str, Tensor], dict[str, Any]]]:
    """Samplers fitted to the codes of the pictures learned from, uint8 [N, 3, S, S]; an eighth of them is for choosing."""
    with torch.no_grad():
        codes = torch.cat([network.eval().encode(some.float() / 255) for some in torch.split(known, AT_ONCE)]).float().cpu()
    cut = len(codes) // 8
    if len(codes) - cut < FEWEST_CODES:
        return {}, {}
    yield Started("fitting samplers to the codes")
    return (yield from kept.fit_all(codes[cut:], codes[:cut], seed))


@torch.no_grad()
def _reconstruct(network: Autoencoder, images: Tensor) -> Tensor:
    restored: Tensor = network.eval()(images)
    return restored.float()


@torch.no_grad()
def _keepsakes(network: Autoencoder, shown: Tensor, run: Run) -> list[Path]:
    """The loss curve, the training as a GIF, and a walk through the latent space from picture to picture."""
    samples = sorted((run.folder / "samples").glob("*.png"))
    latents = network.eval().encode(shown)
    path = torch.cat([latents, latents[:1]])
    steps = torch.linspace(0, 1, WALK_FRAMES_BETWEEN + 1, device=latents.device)[:-1]
    walk = torch.cat([torch.lerp(a, b, t).unsqueeze(0) for a, b in itertools.pairwise(path) for t in steps])
    frames = F.interpolate(network.decode(walk).float(), scale_factor=4, mode="nearest")
    return [
        plots.curves(run.metrics(), run.folder / "plots" / "loss.png"),
        image.save_gif(
            [image.load(sample).pixels for sample in samples], run.folder / "plots" / "training.gif", fps=4, force=True
        ),
        image.save_gif(list(frames[:, None]), run.folder / "plots" / "walk.gif", fps=12, force=True),
    ]


def _row(images: Tensor) -> Tensor:
    """Pictures [B, 3, S, S] side by side: [1, 3, S, B * S]."""
    return torch.cat(list(images.cpu()[:, None]), dim=3)


RECIPES: dict[str, tuple[Callable[..., Events], type[Any]]] = {
    "creatures": (train, AutoencoderConfig),
    "dense": (train_dense, DenseConfig),
    "denoise": (train_denoise, DenoiseConfig),
    "vae": (train_variational, VariationalConfig),
    **{f"lowres-{number}": (partial(train_lowres, number=number), LowresConfig) for number in EXPERIMENTS},
}
