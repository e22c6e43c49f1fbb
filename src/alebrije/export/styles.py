"""The graphs of the networks that paint in one pass."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alebrije import features
from alebrije.config import choose
from alebrije.export.graphs import Clamped, Filled, Graph, Port, Sizes, Tensors, mirrored, picture, sizes
from alebrije.export.model import Model, filled
from alebrije.export.pictures import batch
from alebrije.style.feedforward import adain, nets
from alebrije.style.feedforward.perceptual import MARGIN

CPU = torch.device("cpu")


def fast(model: Model, part: str) -> Graph:
    """A network for one painting: picture in, painted picture out."""
    choose(f"part of {model.recipe}", part, ("whole",))
    network = filled(model, lambda: nets.Stylizer(model.settings["width"], model.settings["blocks"]))
    trials = sizes((2, 72, 100), (1, 97, 131), (1, 256, 192))
    return Graph(
        Clamped(Filled(network, nets.STRIDE)), (picture("picture"),), (picture("painted"),), trials, _pictures,
        "none: pictures of any size from 32x32", "none", {"height": 32, "width": 32},
    )  # fmt: skip


class AnyStyle(nn.Module):
    """Encoder, restyling and decoder as one: content [B, 3, H, W] and style [B, 3, h, w] -> painted [B, 3, H, W]."""

    def __init__(self, encoder: features.Extractor, decoder: nets.Decoder) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def forward(self, content: Tensor, style: Tensor) -> Tensor:
        height, width = content.shape[-2:]
        code, theirs = (self.code(mirrored(each, adain.STRIDE)) for each in (content, style))
        painted: Tensor = self.decoder(adain.adain(code, theirs))
        return painted[..., :height, :width].clamp(0, 1)

    def code(self, pictures: Tensor) -> Tensor:
        """As `adain.encode`, with the stages one by one: the encoder's check of the size is for eyes, not for graphs."""
        layer = self.encoder.layers[-1]
        x = self.encoder.normalize(F.pad(pictures, (MARGIN,) * 4, mode="reflect"))
        for stage in self.encoder.stages.values():
            x = stage(x)
        edge = MARGIN // adain.CODES[layer]
        return x[..., edge:-edge, edge:-edge]


def any_style(model: Model, part: str) -> Graph:
    """A network for any painting, with the encoder that it was trained with, which must be at hand."""
    choose(f"part of {model.recipe}", part, ("whole",))
    settings = model.settings
    encoder = adain.load_encoder(settings["features"], settings["pooling"], settings["code"], CPU, torch.float32)
    decoder = filled(model, lambda: nets.Decoder(adain.channels(encoder)))
    trials = (
        {"batch": 2, "height": 64, "width": 88, "style_height": 72, "style_width": 56},
        {"batch": 1, "height": 97, "width": 131, "style_height": 90, "style_width": 61},
        {"batch": 1, "height": 160, "width": 128, "style_height": 128, "style_width": 200},
    )

    def feed(lengths: Sizes) -> Tensors:
        count = lengths["batch"]
        painting = batch(count, 3, lengths["style_height"], lengths["style_width"], first=1)
        return batch(count, 3, lengths["height"], lengths["width"]), painting

    def program(content: Tensor, style: Tensor) -> Tensor:
        codes = [adain.encode(encoder, mirrored(each, adain.STRIDE)) for each in (content, style)]
        height, width = content.shape[-2:]
        painted: Tensor = decoder(adain.adain(*codes))
        return painted[..., :height, :width].clamp(0, 1)

    style = Port("style", ("batch", 3, "style_height", "style_width"), "the painting, as the content")
    return Graph(
        AnyStyle(encoder, decoder), (picture("content"), style), (picture("painted"),), trials, feed,
        "scale the painting so that its longest side is that of the content: its size is that of the strokes", "none",
        dict.fromkeys(("height", "width", "style_height", "style_width"), 32), program,
    )  # fmt: skip


def _pictures(lengths: Sizes) -> Tensors:
    return (batch(lengths["batch"], 3, lengths["height"], lengths["width"]),)
