"""Settings of the autoencoders."""

from __future__ import annotations

from pydantic import Field

from alebrije.core.fit import TrainConfig

DATA_SETS = "fashion-mnist, mnist, cifar10, or a folder with the files of one."


class AutoencoderConfig(TrainConfig):
    """A convolutional autoencoder that may have to clean its input as well (a denoising one)."""

    data: str | None = Field(None, description="A folder of pictures; drawn creatures if not given.")
    batch_size: int = Field(32, gt=1, description="Pictures per step; batch normalisation needs two.")
    pictures: int = Field(1024, ge=8, description="How many creatures to draw where no data are given.")
    size: int = Field(64, ge=16, multiple_of=16, description="Side of the square pictures, in pixels.")
    latent_dim: int = Field(128, gt=0, description="Numbers that a picture is squeezed into.")
    width: int = Field(32, gt=0, description="Channels of the first layer; each of the next three has twice as many.")
    noise: float = Field(0.1, ge=0, le=1, description="Standard deviation of the Gaussian noise added to the input.")
    holdout: float = Field(0.125, gt=0, le=0.5, description="Share of the pictures kept for the test.")


class EpochConfig(TrainConfig):
    """Settings of the sources' experiments, which count in epochs."""

    epochs: int = Field(10, gt=0, description="How often all pictures are seen.")
    steps: int = Field(0, ge=0, description="Optimisation steps; 0: what the epochs come to.")
    batch_size: int = Field(32, gt=1, description="Pictures per step; batch normalisation needs two.")
    log_every: int = Field(0, ge=0, description="Steps between rows of metrics.csv, each with a test; 0: one each epoch.")
    sample_every: int = Field(0, ge=0, description="Steps between sample pictures; 0: ten in all.")
    checkpoint_every: int = Field(0, ge=0, description="Steps between checkpoints; 0: five in all.")
    keep_checkpoints: int = Field(1, gt=0, description="How many checkpoints are kept.")


class DenseConfig(EpochConfig):
    """Settings of `alebrije train autoencoder/dense`."""

    data: str = Field("fashion-mnist", description=DATA_SETS)
    latent_dim: int = Field(64, gt=0, description="Numbers that a picture is squeezed into.")
    validation: int = Field(5000, gt=0, description="Pictures of those to learn from that are kept for validation.")


class DenoiseConfig(EpochConfig):
    """Settings of `alebrije train autoencoder/denoise`."""

    data: str = Field("fashion-mnist", description=DATA_SETS)
    noise: float = Field(0.2, ge=0, le=1, description="Standard deviation of the Gaussian noise added to the input.")
    validation: int = Field(5000, gt=0, description="Pictures of those to learn from that are kept for validation.")


class VariationalConfig(EpochConfig):
    """Settings of `alebrije train autoencoder/vae`; with `beta: 0` it is a plain autoencoder."""

    data: str | None = Field("fashion-mnist", description=f"{DATA_SETS[:-1]}, or of pictures; drawn creatures if none.")
    batch_size: int = Field(256, gt=1, description="Pictures per step.")
    latent_dim: int = Field(16, gt=0, description="Numbers that a picture is squeezed into.")
    beta: float = Field(1.0, ge=0, description="Weight of the KL divergence; 0: a plain autoencoder, without noise.")
    warmup: int = Field(0, ge=0, description="Epochs over which beta grows from 0.")
    free_bits: float = Field(0.0, ge=0, description="Nats that each number of the code may tell without being charged.")
    likelihood: str = Field("bernoulli", description="What a pixel is: bernoulli, or gaussian with the variance that fits.")
    width: int = Field(16, gt=0, description="Channels of the first layer; each further one has twice as many.")
    hidden: int = Field(256, gt=0, description="Numbers in the linear layer before and after the code.")
    ema_decay: float = Field(0.998, ge=0, lt=1, description="Decay of the moving average of the weights; 0: none.")
    validation: int = Field(5000, gt=0, description="Pictures of a data set with a name that are kept for validation.")
    pictures: int = Field(5000, ge=20, description="How many pictures of a folder are taken, at random, or drawn.")
    size: int = Field(64, ge=16, multiple_of=4, description="Side of the pictures of a folder, or drawn, in pixels.")


class LowresConfig(EpochConfig):
    """Settings of `alebrije train autoencoder/lowres-1` to `lowres-9`; the recipe fixes the network."""

    data: str | None = Field(None, description="A folder of pictures, with folders in it or not; drawn creatures if not given.")
    epochs: int = Field(40, gt=0, description="How often all pictures are seen.")
    pictures: int = Field(955, ge=20, description="How many pictures are taken, at random, or drawn.")
    train_share: float = Field(0.85, ge=0.5, le=0.95, description="Share of them to learn from; half of the others validate.")
    size: int = Field(128, ge=16, description="Side of the square pictures, in pixels.")
    factor: int = Field(4, ge=2, description="How many times fewer pixels a side the low-resolution input has.")
    reduction: str = Field("area", description="How it is made: area (means of blocks) or bicubic.")
    width: int = Field(32, gt=0, description="Channels of the first layer; each further one has twice as many.")
    unpool: str = Field("corner", description="What the decoder undoes pools with: corner or nearest.")
    output: str = Field("relu", description="Activation of the last layer: relu, sigmoid or none.")
