"""Settings of the networks that learn from labelled pairs."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from alebrije.core.fit import TrainConfig


class PairTrainConfig(TrainConfig):
    """Settings of `alebrije train hybrid/resnet18`, `hybrid/siamese` and `hybrid/simple`; the recipe fixes the network."""

    data: str = Field("", description="A folder of labelled pairs, see `alebrije pairs`.")
    epochs: int = Field(30, gt=0, description="How often all pairs are seen, after the frozen stage.")
    frozen_epochs: int = Field(3, ge=0, description="Epochs before that, with a pretrained body held fast.")
    steps: int = Field(0, ge=0, description="Optimisation steps of both stages; 0: what the epochs come to.")
    batch_size: int = Field(16, gt=1, description="Pairs per step; batch normalisation needs two.")
    schedule: str = Field("one-cycle", description="How the learning rate runs over each stage: one-cycle or constant.")
    start: str = Field("auto", description="auto, imagenet, scratch, or the run folder or model.safetensors to go on from.")
    head_init: str = Field("glorot", description="Weights of the last layers at first: glorot, he or default.")
    augment: bool = Field(True, description="Whether pairs are cropped, mirrored and turned at random.")
    smallest_crop: float = Field(0.35, gt=0, le=1, description="Area of the smallest random crop, as a share of the picture.")
    whole_share: float = Field(0.2, ge=0, le=1, description="Share of the steps, the last ones, that see pictures uncropped.")
    degrees: float = Field(45.0, ge=0, le=180, description="Pictures are turned at random by up to so much.")
    sigma_weight: float = Field(1.0, ge=0, description="Weight of the sigmas' mean square error, in square pixels.")
    role_weight: float = Field(1.0, ge=0, description="Weight of the role's binary cross-entropy.")
    test_share: float = Field(0.2, gt=0, le=0.5, description="Share of the pairs kept for the test.")
    log_every: int = Field(0, ge=0, description="Steps between rows of metrics.csv; 0: one each epoch.")
    checkpoint_every: int = Field(0, ge=0, description="Steps between checkpoints; 0: every five epochs.")
    sample_every: int = Field(0, ge=0, description="Steps between sample hybrids; 0: every five epochs.")
    keep_checkpoints: int = Field(1, gt=0, description="How many checkpoints are kept.")
    precision: Literal["auto", "fp32", "bf16"] = Field("auto", description="number format of the network's body")
