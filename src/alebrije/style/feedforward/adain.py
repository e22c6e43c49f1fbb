"""Any style in one pass: features are given the style's means and deviations, and a trained decoder makes a picture of them.

Xun Huang & Serge Belongie, "Arbitrary Style Transfer in Real-Time with Adaptive Instance Normalization", ICCV 2017. The encoder
is a frozen network up to one layer, and encoder and decoder together are an autoencoder: what lies between is restyled.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import features
from alebrije.features import Extractor
from alebrije.style.feedforward.nets import Decoder, Layer
from alebrije.style.feedforward.perceptual import MARGIN, mirrored

CODES = {"relu2_1": 2, "relu3_1": 4, "relu4_1": 8}
"""Where encoder and decoder may meet, with the pixels a side of one position there."""
STRIDE = 8  # the sides of what `encode` takes are multiples of it
EPSILON = 1e-5
MOST_ROWS = 24_000
RIDGE = 1e-3


def adain(content: Tensor, style: Tensor) -> Tensor:
    """Features [B, C, H, W] with each channel's mean and deviation of `style` [B, C, h, w], in the dtype of `content`.

    Eq. 8 of the paper: sigma(y) (x - mu(x)) / sigma(x) + mu(y), over the positions of each picture.
    """
    variance, mean = torch.var_mean(content.float(), (2, 3), keepdim=True, correction=0)
    wanted, middle = torch.var_mean(style.float(), (2, 3), keepdim=True, correction=0)
    return ((content.float() - mean) * ((wanted + EPSILON) / (variance + EPSILON)).sqrt() + middle).to(content.dtype)


def mixed(content: Tensor, styles: Sequence[Tensor], shares: Sequence[float], strength: float = 1.0) -> Tensor:
    """The code [1, C, H, W] to decode: the mean of the content's code in each style, by `shares`, of which only the proportions
    count (eq. 15), and of the content's own where `strength` is less than 1 (eq. 14)."""
    code = sum(share / sum(shares) * adain(content, style) for share, style in zip(shares, styles, strict=True))
    return torch.lerp(content, torch.as_tensor(code), strength)


def channels(extractor: Extractor) -> tuple[int, ...]:
    """The channels of the blocks of an encoder of VGG's shape, deepest first."""
    widths = {name[4]: module.out_channels for name, module in extractor.stages.items() if isinstance(module, nn.Conv2d)}
    return tuple(reversed(widths.values()))


def load_encoder(
    name: str, pooling: str, code: str, device: torch.device, dtype: torch.dtype, layers: Sequence[str] = ()
) -> Extractor:
    """The frozen encoder up to the layer `code`, or to the deepest of `layers` where that is deeper. Raises `ConfigError`,
    `WeightsError`."""
    return features.load(name, tuple(dict.fromkeys((*layers, code))), pooling=pooling, device=device, dtype=dtype)


def encode(encoder: Extractor, pictures: Tensor) -> Tensor:
    """The code [B, C, H / s, W / s] of pictures whose sides are multiples of 8, in the deepest layer of `encoder`. They are
    mirrored at their edges before: where the encoder sees the edge of the world, the decoder would paint a frame."""
    code = encoder.layers[-1]
    edge = MARGIN // CODES[code]
    return F.pad(encoder(mirrored(pictures))[code], (-edge,) * 4)


@torch.no_grad()
def build_decoder(encoder: Extractor, pictures: Tensor) -> Decoder:
    """A decoder that begins as the encoder's approximate inverse on `pictures` [B, 3, H, W] of sides that are multiples of 8.

    Each layer of its ladder is the least-squares fit of the next shallower block's features from those that it is given, and the
    last one of the pixels: closed forms, seconds in all, in the place of the first thousands of steps.
    """
    decoder = Decoder(channels(encoder)).to(pictures.device)
    x, *goals = _first_of_blocks(encoder, pictures)
    for layer, goal in zip(decoder.ladder, goals, strict=True):
        fit_layer(layer, x, goal)
        x = layer(x)
    fit_layer(decoder.last, x, pictures - 0.5)
    return decoder


def _first_of_blocks(encoder: Extractor, pictures: Tensor) -> list[Tensor]:
    """The features at the beginning of each block, deepest first; the deepest is the code."""
    x, found = encoder.normalize(pictures), []
    for name, stage in encoder.stages.items():
        x = stage(x)
        if name.startswith("relu") and name.endswith("_1"):
            found.append(x)
    return found[::-1]


def fit_layer(layer: Layer, x: Tensor, goal: Tensor) -> None:
    """Give a layer the weights and bias with which it comes nearest to `goal` [B, K, h, w] for x [B, C, H, W], before its ReLU:
    ridge regression on at most `MOST_ROWS` positions, drawn from torch's global generator."""
    seen = F.interpolate(x, scale_factor=2, mode="nearest") if layer.enlarge else x
    seen = F.pad(seen, (layer.margin,) * 4, mode="reflect")
    patches = seen.unfold(2, 3, 1).unfold(3, 3, 1)  # B C h w 3 3
    batch, _, height, width = goal.shape
    chosen = torch.randperm(batch * height * width)[:MOST_ROWS].to(x.device)
    b, row, column = chosen // (height * width), chosen // width % height, chosen % width
    inputs, wanted = patches[b, :, row, column].flatten(1), goal[b, :, row, column]
    middle, mean = inputs.mean(0), wanted.mean(0)
    inputs, wanted = inputs - middle, wanted - mean
    matrix = inputs.T @ inputs
    matrix.diagonal().add_(RIDGE * matrix.diagonal().mean())
    weight = torch.linalg.solve(matrix, inputs.T @ wanted)
    layer.convolution.weight.copy_(weight.T.unflatten(1, (-1, 3, 3)))
    assert layer.convolution.bias is not None
    layer.convolution.bias.copy_(mean - middle @ weight)
