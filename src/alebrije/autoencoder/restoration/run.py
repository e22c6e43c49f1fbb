"""The recipes of the family `restore`: what `alebrije train restore/...` runs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from alebrije.autoencoder.restoration.config import DenoiserConfig, RestoreConfig, UpscalerConfig
from alebrije.autoencoder.restoration.mine import train_mine
from alebrije.autoencoder.restoration.mine_config import MineConfig
from alebrije.autoencoder.restoration.train import train_denoiser, train_upscaler
from alebrije.events import Events

RECIPES: dict[str, tuple[Callable[..., Events], type[RestoreConfig]]] = {
    "fast": (partial(train_upscaler, kind="fast"), UpscalerConfig),
    "quality": (partial(train_upscaler, kind="quality"), UpscalerConfig),
    "denoise": (train_denoiser, DenoiserConfig),
    "mine": (train_mine, MineConfig),
}
