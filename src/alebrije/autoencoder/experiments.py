"""The sources' experiments as training verbs: dense, denoise, and the nine on low-resolution pictures; and the variational one.

Departures from the source of the first two (a notebook in Keras): 5,000 of the 60,000 pictures are kept for validation, where
the source validates with the test pictures; the noise is drawn anew each time a picture is seen, where the source adds it once.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor

from alebrije.autoencoder.collection import Collection, collect
from alebrije.autoencoder.config import DenoiseConfig, DenseConfig, LowresConfig, VariationalConfig
from alebrije.autoencoder.learning import Task, check_latent, learn, plan, untouched
from alebrije.autoencoder.nets.denoising import DenoisingAutoencoder
from alebrije.autoencoder.nets.dense import DenseAutoencoder
from alebrije.autoencoder.nets.lowres import EXPERIMENTS, LowresAutoencoder
from alebrije.autoencoder.nets.variational import VariationalAutoencoder, draw_code
from alebrije.autoencoder.variational import objective
from alebrije.config import build, choose
from alebrije.data import known
from alebrije.data.degrade import REDUCTIONS, gaussian_noise, lowres
from alebrije.errors import ConfigError, DataError
from alebrije.events import Event, Events, Started
from alebrije.runs import Run


def train_dense(config: DenseConfig, run: Run) -> Events:
    """Dense autoencoder: a picture goes in and should come out again."""
    pictures, facts = yield from data_set(config.data, config.validation, config.seed)
    channels, height, width = pictures["train"].shape[1:]
    check_latent(config.latent_dim, channels * height * width)
    torch.manual_seed(config.seed)
    network = DenseAutoencoder((channels, height, width), config.latent_dim)

    def encode(given: Tensor, generator: torch.Generator) -> Tensor:
        return network.encode(given)

    yield from learn(Task(network, pictures, untouched, show_input=False, encode=encode, facts=facts), config, run)


def train_denoise(config: DenoiseConfig, run: Run) -> Events:
    """Convolutional denoising autoencoder: a noisy picture goes in, the clean one should come out."""
    pictures, facts = yield from data_set(config.data, config.validation, config.seed)
    channels, height, width = pictures["train"].shape[1:]
    if height % 4 or width % 4:
        raise ConfigError(f"{config.data} has pictures of {width}x{height} pixels: this network needs sides that 4 divides")
    torch.manual_seed(config.seed)

    def spoil(images: Tensor, generator: torch.Generator | None) -> Tensor:
        return gaussian_noise(images, config.noise, generator)

    yield from learn(Task(DenoisingAutoencoder(channels), pictures, spoil, facts=facts), config, run)


def train_lowres(config: LowresConfig, run: Run, number: int) -> Events:
    """Experiment `number`: a low-resolution picture goes in, the one that it was made from should come out."""
    network = build_lowres(config, number)
    collection = yield from collect(config)
    yield from learn(lowres_task(network, collection, config, number), config, run)


def build_lowres(config: LowresConfig, number: int) -> LowresAutoencoder:
    """The network of experiment `number`, as it begins. Raises `ConfigError` for settings that do not fit each other."""
    choose("reduction", config.reduction, REDUCTIONS)
    if config.size % config.factor:
        raise ConfigError(f"size {config.size} cannot be reduced {config.factor} times: choose a size that factor divides")
    experiment = EXPERIMENTS[number]
    check_latent(experiment.latent_dim, 3 * config.size * config.size)
    torch.manual_seed(config.seed)
    return LowresAutoencoder(experiment, config.size, config.width, config.unpool, config.output)


def lowres_task(network: LowresAutoencoder, collection: Collection, config: LowresConfig, number: int) -> Task:
    """What experiment `number` learns."""
    facts = {"network": f"lowres-{number}", "data": config.data or "drawn creatures", "licence": "of whoever trained it"}

    def spoil(images: Tensor, generator: torch.Generator | None) -> Tensor:
        return lowres(images, config.factor, config.reduction)

    def encode(given: Tensor, generator: torch.Generator) -> Tensor:
        return network.encode(given)

    return Task(network, collection.splits(), spoil, encode=encode, facts=facts)


def train_variational(config: VariationalConfig, run: Run) -> Events:
    """Variational autoencoder, or with `beta: 0` its plain twin; see `autoencoder.variational`."""
    if config.data and known.is_known(config.data):
        pictures, facts = yield from data_set(config.data, config.validation, config.seed)
    else:
        chosen = {name: getattr(config, name) for name in ("data", "pictures", "size", "seed")}
        collection = yield from collect(build(LowresConfig, chosen))
        pictures, facts = collection.splits(), {"data": config.data or "drawn creatures", "licence": "of whoever trained it"}
    channels, height, width = pictures["train"].shape[1:]
    check_latent(config.latent_dim, channels * height * width)
    torch.manual_seed(config.seed)
    network = VariationalAutoencoder((channels, height, width), config.latent_dim, config.width, config.hidden)
    planned, _ = plan(config, len(pictures["train"]))

    def encode(given: Tensor, generator: torch.Generator) -> Tensor:
        mean, log_variance = (part.cpu() for part in network.posterior(given))
        return draw_code(mean, log_variance, generator) if config.beta else mean

    task = Task(
        network, pictures, untouched, show_input=False, facts=facts, encode=encode, prior=config.beta > 0,
        objective=objective(config, epoch=len(pictures["train"]) // planned.batch_size),
    )  # fmt: skip
    yield from learn(task, config, run)


def data_set(data: str, validation: int, seed: int) -> Generator[Event, None, tuple[dict[str, Tensor], dict[str, str]]]:
    """The pictures of a data set by split, and what the model's header says of it."""
    yield Started(f"reading {data}")
    found = known.load(data)
    if len(found.images) <= validation + 1:
        raise DataError(f"{data} has {len(found.images)} pictures to learn from: keep fewer for validation than {validation}")
    order = torch.randperm(len(found.images), generator=torch.Generator().manual_seed(seed))
    kept, learned = found.images[order[:validation]], found.images[order[validation:]]
    facts = {"data": data, "data_licence": found.licence, "licence": "of whoever trained it"}
    return {"train": learned, "validation": kept, "test": found.test_images}, facts
